"""Whether the photos fit into memory, told before it is taken."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from reconstruction_api.errors import ReconstructionError

from .out_of_memory import free_bytes
from .scene import PosedPhoto

BYTES_PER_PIXEL = 16
"""While they are prepared: the picture, its copy among all pixels, and the list of those that show the object."""


def check_room(photos: Sequence[PosedPhoto]) -> None:
    """Raises HostOutOfMemory with the numbers."""
    pixels = sum(photo.camera.width * photo.camera.height for photo in photos)
    needed, free = pixels * BYTES_PER_PIXEL, free_bytes(torch.device("cpu"))
    if needed > free:
        raise ReconstructionError(
            "HostOutOfMemory",
            f"{len(photos)} photos with {pixels / 1e6:.0f} megapixels in all take about {needed / 2**30:.1f} GiB of "
            f"memory in training; {free / 2**30:.1f} GiB are free.",
            details={"neededBytes": needed, "freeBytes": free, "photos": len(photos)},
        )
