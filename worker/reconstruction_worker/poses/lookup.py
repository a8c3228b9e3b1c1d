"""Finds the photo that somebody's file means: paths differ by folders, and some tools leave the suffix out."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from reconstruction_api.errors import ReconstructionError

from ..ingest.dataset import Dataset, DatasetImage


class PhotoLookup:
    """Photos by their path in the source, from the most exact match to the least."""

    def __init__(self, dataset: Dataset):
        self._images: dict[str, list[DatasetImage]] = defaultdict(list)
        for image in dataset.images:
            for key in _keys(image.original.name):
                self._images[key].append(image)
        self._dropped = {key for item in dataset.dropped for key in _keys(item.name)}

    def find(self, path: str, label: str) -> DatasetImage | None:
        """The photo at `path`; None when ingest left it out. Raises InvalidPoses when there is none, or more than one
        that it could be."""
        for key in _keys(path):
            images = self._images.get(key, [])
            if len(images) == 1:
                return images[0]
            if len(images) > 1:
                names = ", ".join(image.original.name for image in images[:3])
                raise ReconstructionError("InvalidPoses", f"transforms.json: {label} may mean any of {names}.")
        if any(key in self._dropped for key in _keys(path)):
            return None
        raise ReconstructionError("InvalidPoses", f"transforms.json: {label} names a photo that is not in the source.")


def _keys(path: str) -> list[str]:
    """The path, its last part, and that without a suffix; without `./` in front."""
    pure = PurePosixPath(path.replace("\\", "/"))
    return list(dict.fromkeys([str(pure), pure.name, f"{pure.stem}."]))
