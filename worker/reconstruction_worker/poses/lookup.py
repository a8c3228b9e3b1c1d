"""Finds the photo that somebody's file means: paths differ by folders, and some tools leave the suffix out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from reconstruction_api.errors import ReconstructionError

from ..ingest.companions import any_case
from ..ingest.dataset import Dataset, DatasetImage

MOST_PARTS: Final = 8
"""Of a path that are compared, counted from its end."""


class PhotoLookup:
    """Photos by their path in the source, from the most exact match to the least. `file` is whose paths are looked up,
    for messages; with `folders_matter`, a photo of that name in another folder is another photo."""

    def __init__(self, dataset: Dataset, file: str, *, folders_matter: bool = False):
        self._file = file
        self._least = 2 if folders_matter else 1
        self._images: dict[str, list[DatasetImage]] = defaultdict(list)
        for image in dataset.images:
            for key in _keys(image.original.name):
                self._images[key].append(image)
        self._dropped = {key for item in dataset.dropped for key in _keys(item.name)}
        self._in_any_case: dict[str, list[DatasetImage]] = defaultdict(list)
        for key, images in self._images.items():
            self._in_any_case[any_case(key)].extend(images)

    def knows(self, path: str) -> bool:
        """Whether `path` may mean a photo that is, or was, in the source."""
        keys = list(_keys(path, self._least))
        if any(key in self._images or key in self._dropped for key in keys):
            return True
        return any(len(self._in_any_case.get(any_case(key), [])) == 1 for key in keys)

    def find(self, path: str, label: str) -> DatasetImage | None:
        """The photo at `path`; None when ingest left it out. Raises InvalidPoses when there is none, or more than one
        that it could be; `label` names the entry."""
        for key in _keys(path, self._least):
            images = self._images.get(key, [])
            if len(images) == 1:
                return images[0]
            if len(images) > 1:
                names = ", ".join(image.original.name for image in images[:3])
                raise self._invalid(f"{label} matches several photos: {names}.")
            if key in self._dropped:
                return None
        for key in map(any_case, _keys(path, self._least)):
            if len(images := self._in_any_case.get(key, [])) == 1:
                return images[0]
        raise self._invalid(f"{label} names a photo that is not in the source.")

    def _invalid(self, problem: str) -> ReconstructionError:
        return ReconstructionError("InvalidPoses", f"{self._file}: {problem}", details={"file": self._file})


def photos_by_row(
    dataset: Dataset, rows: int, order: Callable[[str], Any] | None = None
) -> list[DatasetImage | None] | None:
    """For each row of a table without names its photo, by name in `order`; None for one that ingest left out. Only the
    number can tell whether who made the table counted those; without any that fits, None."""
    kept = {image.original.name: image for image in dataset.images}
    everything = sorted({*kept, *(item.name for item in dataset.dropped)}, key=order)
    for names in (everything, sorted(kept, key=order)):
        if len(names) == rows:
            return [kept.get(name) for name in names]
    return None


def _keys(path: str, least: int = 1) -> Iterator[str]:
    """The path and its ends of at least so many parts, the longest first, each also without a suffix (these end in a
    dot)."""
    parts = PurePosixPath(path.replace("\\", "/").replace("\0", "?")).parts
    for start in range(max(0, len(parts) - MOST_PARTS), max(1, len(parts) - least + 1)):
        tail = PurePosixPath(*parts[start:])
        yield str(tail)
        yield str(tail.parent / f"{tail.stem}.")
