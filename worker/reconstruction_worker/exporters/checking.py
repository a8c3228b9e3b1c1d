"""What a reader found in a written file, compared with what was meant to be in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError


@dataclass(frozen=True)
class Content:
    """The numbers by which a model is recognised."""

    vertices: int
    faces: int
    bounds: NDArray[np.floating]  # [2, 3]
    texture: tuple[int, int] | None
    """Width and height in pixels; None where colours are at the vertices."""


def compare(name: str, found: Content, expected: Content) -> None:
    """Raises ExportFailed with the first difference."""
    for what in ("vertices", "faces", "texture"):
        ours, theirs = getattr(expected, what), getattr(found, what)
        if ours != theirs:
            raise failed(name, f"it holds {theirs} {what} instead of {ours}")
    size = float(np.ptp(expected.bounds, axis=0).max())
    if not np.allclose(found.bounds, expected.bounds, rtol=0, atol=1e-5 * size):
        raise failed(name, f"its bounds are {found.bounds.tolist()} instead of {expected.bounds.tolist()}")


def decoded_size(name: str, data: bytes) -> tuple[int, int]:
    """Width and height of a picture that can be decoded to its end. Raises ExportFailed."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.load()
            return image.size
    except (OSError, SyntaxError, ValueError) as error:
        raise failed(name, "its texture can't be decoded") from error


MEAN_COLOUR_ERROR: Final = 6.0
"""Of 255, on average over a texture: what the strongest compression leaves, and far less than another picture."""


def compare_pictures(name: str, data: bytes, expected: NDArray[np.uint8]) -> None:
    """Raises ExportFailed unless a picture's file shows the texture [H, W, 3]."""
    with Image.open(BytesIO(data)) as image:
        found = np.array(image.convert("RGB"))
    require(name, found.shape == expected.shape, "its texture has another size")
    error = float(np.abs(found.astype(np.int16) - expected).mean())
    require(name, error <= MEAN_COLOUR_ERROR, f"its texture is another: colours differ by {error:.0f} of 255")


def require(name: str, holds: bool, rule: str) -> None:
    """Raises ExportFailed unless a rule of the format holds."""
    if not holds:
        raise failed(name, rule)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Whatever a reader trips over inside the block becomes ExportFailed."""
    try:
        yield
    except ReconstructionError:
        raise
    except Exception as error:
        raise failed(name, f"it can't be read ({type(error).__name__})") from error


def failed(name: str, reason: str) -> ReconstructionError:
    """The error for a file that did not pass its check."""
    return ReconstructionError("ExportFailed", f"{name} did not pass its check: {reason}.", details={"file": name})
