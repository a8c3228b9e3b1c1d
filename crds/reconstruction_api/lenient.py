"""Reads data that another release or somebody else wrote: what can't be understood is left out piece by piece, and the
rest is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

_GONE: Final = object()
_MOST_ROUNDS: Final = 16
"""Each round removes one level of what is wrong; models are not nested deeper."""


class LeftOut(NamedTuple):
    """A piece of the data that could not be understood."""

    path: Path
    """Where it was: field names as in JSON, and positions in lists as they were when it was removed."""
    problem: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path))}: {self.problem}"


def read(model: type[M], data: Any) -> tuple[M, tuple[LeftOut, ...]]:
    """The model, and what had to be left out: an entry of a list or of a map, an optional field. Unknown fields are
    ignored. Raises ValidationError where what is essential is missing or wrong."""
    left_out: list[LeftOut] = []
    for _ in range(_MOST_ROUNDS):
        try:
            return model.model_validate(data, extra="ignore"), tuple(left_out)
        except ValidationError as error:
            removed = _removals(data, error)
            if any(not each.path for each in removed):
                raise
            left_out += removed
            data = _without(data, [each.path for each in removed])
    return model.model_validate(data, extra="ignore"), tuple(left_out)


def _removals(data: Any, error: ValidationError) -> list[LeftOut]:
    """What to remove for each mistake: the value itself, or the object that lacks a member."""
    found: dict[Path, str] = {}
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        found.setdefault(_reached(data, each["loc"]), each["msg"])
    return [LeftOut(path, problem) for path, problem in found.items()]


def _reached(data: Any, location: tuple[str | int, ...]) -> Path:
    """The location as far as the data goes: pydantic also names members of unions, and fields that are missing."""
    path: list[str | int] = []
    for part in location:
        if not _has(data, part):
            break
        data = data[part]
        path.append(part)
    return tuple(path)


def _has(data: Any, part: str | int) -> bool:
    if isinstance(data, dict):
        return part in data
    return isinstance(data, list) and isinstance(part, int) and part < len(cast(list[Any], data))


def _without(data: Any, paths: Iterable[Path]) -> Any:
    """A copy of the data without these pieces."""
    here: dict[str | int, list[Path]] = {}
    for path in paths:
        here.setdefault(path[0], []).append(path[1:])

    def member(key: str | int, value: Any) -> Any:
        if key not in here:
            return value
        return _GONE if () in here[key] else _without(value, here[key])

    if isinstance(data, dict):
        members = {key: member(key, value) for key, value in cast(dict[str, Any], data).items()}
        return {key: value for key, value in members.items() if value is not _GONE}
    entries = [member(index, value) for index, value in enumerate(cast(list[Any], data))]
    return [entry for entry in entries if entry is not _GONE]
