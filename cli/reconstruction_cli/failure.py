"""How a failure looks on a terminal: code, what happened, what to do."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.text import lines, one_line
from reconstruction_api.worker import Failure


def print_failure(failure: ReconstructionError | Failure, log: str | None = None) -> None:
    """To standard error. `log` is named when it says more than the message."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if isinstance(failure, ReconstructionError):  # its message may name several mistakes, each in a line
        console.print(_block(failure.code, "", failure.message, failure.suggestion))
    else:
        console.print(failure_lines(failure))
    if log is not None:
        console.print(Text.assemble(("  Log: ", "bold"), one_line(log)))


def failure_lines(failure: Failure) -> Text:
    """Code and stage; what happened; what to do."""
    stage = f" in stage {failure.stage}" if failure.stage else ""
    return _block(failure.code, stage, failure.message, failure.suggestion)


def _block(code: str, stage: str, message: str, suggestion: str) -> Text:
    message = lines(message).replace("\n", "\n  ")
    return Text.assemble((code, "bold red"), f"{stage}\n  {message}\n", ("  What to do: ", "bold"), lines(suggestion))
