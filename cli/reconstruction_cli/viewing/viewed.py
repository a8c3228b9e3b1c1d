"""What can be viewed: the files of a result, and how far its making is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from reconstruction_api.formats import REPORT_PAGE

REPORT: Final = REPORT_PAGE


@dataclass(frozen=True)
class Moment:
    """How far a job is."""

    title: str
    stage: str = ""
    """For people; empty while nothing runs."""
    message: str = ""
    percent: float | None = None
    history: list[list[float | None]] = field(default_factory=list)
    """Lines with the numbers of `live_view.CURVE`."""
    picture: str = ""
    """Changes with each new picture of what is being trained; empty while there is none."""
    report: bool = False
    """Whether there is a report."""
    ended: str = ""
    """Why nothing more will come, where there is no report either."""


class Viewed(Protocol):
    """A folder or a job."""

    def moment(self) -> Moment:
        """As it is now. Raises ReconstructionError."""
        ...

    def picture(self) -> bytes:
        """JPEG of what is being trained; empty where there is none."""
        ...

    def names(self) -> list[str]:
        """Files that can be read, the report among them."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """One of these, in parts. Raises ReconstructionError."""
        ...
