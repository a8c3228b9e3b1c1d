"""`recon`: run, check and write reconstruction jobs on this machine, and follow them on a cluster."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Final, NoReturn

import click

from reconstruction_api.errors import ReconstructionError

_HERE: Final = ("run", "view", "estimate", "validate", "new", "verify", "weights", "explain")
_ON_CLUSTER: Final = (
    "submit",
    "list",
    "watch",
    "describe",
    "logs",
    "suspend",
    "resume",
    "retry",
    "cancel",
    "artifacts",
    "download",
    "doctor",
)
_MODULES: Final = {name: f".commands.{name}" for name in _HERE} | {
    name: f".cluster.commands.{name}" for name in _ON_CLUSTER
}


class _LazyGroup(click.Group):
    """Imports a command when it is used: `recon --help` must not wait for libraries it does not need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        return importlib.import_module(_MODULES[cmd_name], __package__).command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in (("On this machine", _HERE), ("On a cluster", _ON_CLUSTER)):
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl([(name, command.get_short_help_str(70)) for name, command in commands if command])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="reconstruction-operator", prog_name="recon")
def recon() -> None:
    """Photos in, 3D assets out: run the YAML of a ReconstructionJob on this machine or on a cluster."""


def main() -> NoReturn:
    """Entry point. Every failure ends as a short block with a code, and with the exit status that belongs to it."""
    try:
        status = recon.main(prog_name=_called_as(), standalone_mode=False)
    except ReconstructionError as error:
        _fail(error)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception:  # the edge: a defect, reported as one
        _fail(ReconstructionError("InternalError", "recon failed unexpectedly.", suggestion=_keep_traceback()))
    sys.exit(status if isinstance(status, int) else 0)


def _called_as() -> str:
    """kubectl runs `kubectl-recon` for `kubectl recon`."""
    return "kubectl recon" if Path(sys.argv[0]).stem.startswith("kubectl") else "recon"


def _fail(error: ReconstructionError) -> NoReturn:
    from .failure import print_failure

    print_failure(error)
    sys.exit(error.exit_code)


def _keep_traceback() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="recon-", suffix=".log", delete=False) as log:
        traceback.print_exc(file=log)
    return f"Report it with {log.name}."
