"""Whether the photos fit into memory, determined before it is allocated."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reconstruction_api.errors import ReconstructionError

from .out_of_memory import free_bytes
from .posed_photos import PosedPhoto

BYTES_PER_PIXEL = 2 * 3
"""While they are prepared: the picture and its copy among all pixels."""
BYTES_PER_MASKED_PIXEL = 2 * 4 + 8
"""The same with alpha, and the list of the pixels that show the object, which may be all."""


def check_room(photos: Sequence[PosedPhoto], *, masked: bool) -> None:
    """Raises HostOutOfMemory with the numbers. `masked` says whether the photos have alpha."""
    pixels = sum(photo.camera.width * photo.camera.height for photo in photos)
    needed = pixels * (BYTES_PER_MASKED_PIXEL if masked else BYTES_PER_PIXEL)
    free = free_bytes(torch.device("cpu"))
    if needed > free:
        raise ReconstructionError(
            "HostOutOfMemory",
            f"{len(photos)} photos with {pixels / 1e6:.0f} megapixels in all take about {needed / 2**30:.1f} GiB of "
            f"memory in training; {free / 2**30:.1f} GiB are free.",
            details={"neededBytes": needed, "freeBytes": free, "photos": len(photos)},
        )
