"""What is remembered of an engine that has failed, and how often one more attempt is worth it.

The job's other engines must not lose their results to it: a failure that may pass is tried again in a later pod only as
long as the job has attempts left, and a pod that dies with an engine, again and again, is that engine's failure.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeVar

from pydantic import ValidationError

from reconstruction_api.base import ApiModel
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Failure

from ..files import write_atomically

_FAILED: Final = "failed.json"
_BEGUN: Final = "begun.json"
_RETRIED: Final = "retried.json"


class Failed(ApiModel):
    """An engine's end, and what it was the end of."""

    key: str
    """Of the stage, with all that it depends on: with another one it is tried again."""
    stage: StageName
    failure: Failure


class _Count(ApiModel):
    key: str
    count: int


Kept = TypeVar("Kept", bound=ApiModel)


def read_failed(own: Path) -> Failed | None:
    """Of the engine whose workspace this is."""
    return _read(own / _FAILED, Failed)


def remember(own: Path, key: str, stage: StageName, error: ReconstructionError) -> Failed:
    failed = Failed(key=key, stage=stage, failure=Failure.from_error(error, stage))
    write_atomically(own / _FAILED, failed.model_dump_json(by_alias=True, indent=1) + "\n")
    return failed


def forget(own: Path) -> None:
    (own / _FAILED).unlink(missing_ok=True)


def begins(own: Path, key: str) -> int:
    """To be said before a stage runs; how often it began before and its pod died without a word."""
    before = _read(own / _BEGUN, _Count)
    count = before.count if before is not None and before.key == key else 0
    _write(own / _BEGUN, key, count + 1)
    return count


def ended(own: Path) -> None:
    """However it ended: somebody is left to say so."""
    (own / _BEGUN).unlink(missing_ok=True)


def may_retry(folder: Path, key: str, attempts: int) -> bool:
    """Whether a pod may end for a failure that may pass, and another one follow; counts it. `attempts` are all that the
    job has, of which the last must not be lost."""
    before = _read(folder / _RETRIED, _Count)
    count = before.count if before is not None and before.key == key else 0
    if count >= attempts - 1:
        return False
    _write(folder / _RETRIED, key, count + 1)
    return True


def _write(path: Path, key: str, count: int) -> None:
    write_atomically(path, _Count(key=key, count=count).model_dump_json() + "\n")


def _read(path: Path, model: type[Kept]) -> Kept | None:
    try:
        return model.model_validate_json(path.read_bytes(), extra="ignore")
    except (FileNotFoundError, ValidationError):
        return None
