"""Command line: python -m demo cluster | local."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

from devcluster.errors import DevclusterError

from . import cluster, local, targets
from .journal import Journal


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(prog="demo", description="Photos to a textured model.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    on_cluster = commands.add_parser("cluster", help="on Kubernetes (DEMO_CLUSTER=embedded, kind or current)")
    on_cluster.add_argument(
        "--kill-operator", type=int, default=0, metavar="N", help="kill the operator N times while the job runs"
    )
    commands.add_parser("local", help="without a cluster")
    return parser.parse_args(arguments)


def interrupted(number: int, frame: FrameType | None) -> NoReturn:
    """SIGTERM and SIGHUP tidy up like Ctrl-C."""
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; the exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    journal = Journal()
    keep = bool(os.environ.get("DEMO_KEEP"))
    try:
        if options.command == "local":
            return local.main(journal)
        cluster.main(targets.from_environment(keep), journal, options.kill_operator)
    except DevclusterError as error:
        journal.say(f"The demo failed: {error}")
        return 1
    except KeyboardInterrupt:
        journal.say("Interrupted.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
