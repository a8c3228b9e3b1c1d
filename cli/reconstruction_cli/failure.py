"""How a failure looks on a terminal: code, what happened, what to do."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.worker import Failure


def print_failure(failure: ReconstructionError | Failure, log: str | None = None) -> None:
    """To standard error. `log` is named when it says more than the message."""
    if isinstance(failure, ReconstructionError):
        failure = Failure.from_error(failure)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(failure_lines(failure))
    if log is not None:
        console.print(Text.assemble(("  Log: ", "bold"), log))


def failure_lines(failure: Failure) -> Text:
    """Code and stage; what happened; what to do."""
    stage = f" in stage {failure.stage}" if failure.stage else ""
    message = failure.message.replace("\n", "\n  ")
    return Text.assemble(
        (failure.code, "bold red"), f"{stage}\n  {message}\n", ("  What to do: ", "bold"), failure.suggestion
    )
