"""The pages of a texture one after the other: what one of them shows is all that is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .atlas import Atlas, Texels, texels


class Pages:
    """The texels of an atlas laid out in pictures of `size` x `size`, those of the last page asked for kept."""

    def __init__(self, atlas: Atlas, size: int):
        self.atlas, self.size = atlas, size
        self._last: tuple[int, Texels] | None = None

    def __iter__(self) -> Iterator[Texels]:
        return (self[page] for page in range(self.atlas.pages))

    def __getitem__(self, page: int) -> Texels:
        if self._last is None or self._last[0] != page:
            self._last = None
            self._last = page, texels(self.atlas, self.size, page)
        return self._last[1]

    def forget(self) -> None:
        """Let go of the page that was kept: 36 bytes a texel."""
        self._last = None

    @cached_property
    def texels(self) -> int:
        """How many show the surface, on all pages."""
        return sum(len(page.index) for page in self)

    @property
    def surface_share(self) -> float:
        """Share of the pictures that shows the surface."""
        return self.texels / (self.atlas.pages * self.size**2)

    def empty(self, scratch: Path | None = None) -> NDArray[np.uint8]:
        """Black pictures below each other. [P S, S, 3] Of several pages they are in a file of the folder `scratch`,
        where there is one: the system keeps as much of it in memory as there is room for."""
        shape = self.atlas.pages * self.size, self.size, 3
        if self.atlas.pages == 1 or scratch is None:
            return np.zeros(shape, np.uint8)
        number = len(list(scratch.iterdir()))
        return np.asarray(np.memmap(scratch / f"pages-{number}", np.uint8, "w+", shape=shape))


def page_of(pictures: NDArray[np.uint8], page: int) -> NDArray[np.uint8]:
    """One of pictures below each other, which it shares its memory with. [S, S, 3]"""
    size = pictures.shape[1]
    return pictures[page * size : (page + 1) * size]
