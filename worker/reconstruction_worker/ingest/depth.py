"""Depth maps that lie beside the photos: how far what each pixel shows is, along the camera's axis."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError

from .decode import same_aspect, upright
from .limits import Limits
from .listing import SourceFile
from .lzfse_depth import is_lzfse, read_lzfse

Depth = NDArray[np.float32]
"""Metres [H, W]; 0 where nothing is known."""

LEFT_OUT: Final = "depth map left out: "
"""Begins the note on a photo whose map is not used."""
_NUMPY_MAGIC: Final = b"\x93NUMPY"
_PICTURES: Final = ("PNG", "TIFF")
_WHOLE_MODES: Final = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})


def read_depth(file: SourceFile, unit_metres: float, limits: Limits, photo: tuple[int, int] = (4, 3)) -> Depth:
    """A PNG or TIFF of 16 bits, whose whole numbers count `unit_metres`; a TIFF, a NumPy array or a file of Record3D
    with floating-point numbers, in metres. `photo` is the width and height of its photo's file. What is NaN, infinite
    or not above 0 becomes 0. Raises DepthInvalid."""
    if file.size > limits.file_bytes:
        raise _invalid(file, f"is {file.size / 1e6:.0f} MB; the limit is {limits.file_bytes / 1e6:.0f} MB")
    try:
        with file.path.open("rb") as stream:
            head = stream.read(len(_NUMPY_MAGIC))
        if head == _NUMPY_MAGIC:
            values = _array(file, limits)
        elif is_lzfse(head):
            values = read_lzfse(file.path, photo, limits.pixels)
        else:
            values = _picture(file, limits)
    except (ReconstructionError, MemoryError):
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
        raise _invalid(file, "can't be read: give a PNG or TIFF of 16 bits, or a NumPy array") from error
    with np.errstate(over="ignore"):
        depth = values.astype(np.float32)
    if np.issubdtype(values.dtype, np.integer):
        depth *= np.float32(unit_metres)
    depth[~(np.isfinite(depth) & (depth > 0))] = 0
    if not depth.any():
        raise _invalid(file, "has no distance above 0")
    return depth


def fitted(depth: Depth, size: tuple[int, int], orientation: int, file: SourceFile) -> Depth:
    """The map for a photo of `size` (width, height) that was turned upright; never larger than the photo. Raises
    DepthInvalid where it has another shape."""
    if not same_aspect(depth.shape[::-1], size):
        # Made from the file's pixels by a program that does not know EXIF orientation.
        depth = np.asarray(upright(Image.fromarray(depth), orientation))
    if not same_aspect(depth.shape[::-1], size):
        height, width = depth.shape
        raise _invalid(file, f"has {width} x {height} pixels, another shape than the photo's {size[0]} x {size[1]}")
    if depth.shape[1] <= size[0]:
        return depth
    return cv2.resize(depth, size, interpolation=cv2.INTER_NEAREST).astype(np.float32)  # a mean of two is on neither


def load_depth(path: Path) -> Depth:
    """What ingest stored."""
    return np.load(path, allow_pickle=False)


def _array(file: SourceFile, limits: Limits) -> NDArray[np.generic]:
    values = np.load(file.path, mmap_mode="r", allow_pickle=False)
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values.reshape([side for side in values.shape if side != 1])
    if values.ndim != 2 or values.dtype.kind not in "fu" or values.dtype.itemsize < 2:
        raise _invalid(
            file, f"is an array of {values.dtype} with shape {values.shape}; wanted are 2 dimensions of float or uint16"
        )
    if values.size > limits.pixels:
        raise _invalid(file, f"has {values.size} values; the limit is {limits.pixels}")
    return np.array(values)


def _picture(file: SourceFile, limits: Limits) -> NDArray[np.generic]:
    with Image.open(file.path, formats=_PICTURES) as image:
        if image.width * image.height > limits.pixels:
            raise _invalid(file, f"has {image.width} x {image.height} pixels; the limit is {limits.pixels} in all")
        if image.mode not in _WHOLE_MODES and image.mode != "F":
            raise _invalid(file, f"is a picture to look at ({image.mode}, 8 bits): too coarse to hold distances")
        return np.asarray(image)


def _invalid(file: SourceFile, problem: str) -> ReconstructionError:
    return ReconstructionError("DepthInvalid", f"{file.name} {problem}.", details={"file": file.name})
