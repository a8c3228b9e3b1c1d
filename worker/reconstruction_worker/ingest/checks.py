"""What is odd about photos: copies of each other, blur, size. Pictures are compared as small grey images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError

from .dataset import DatasetImage

_HASH_SIDE: Final = 16
_SHARPNESS_SIDE: Final = 640
_SAME_HASH_BITS: Final = 16
"""Bits, of 256, in which hashes of one picture may differ: saving it again flips those of nearly equal neighbours."""
_SAME_PICTURE: Final = 6.0
"""Largest difference of 64 x 64 grey values (0 to 255) up to which two pictures are the same. The largest, not the
mean: views of a small object before an empty background differ in few places."""
_SCALED: Final = 0.9
"""Width of a picture relative to another one up to which it may be a smaller copy of it: these are saved in lower
quality and by other filters, and two different views hardly ever come in two sizes."""
_SCALED_HASH_BITS: Final = 40
_SCALED_PICTURE: Final = 20.0
"""On 16 x 16 grey values; neighbours on a path around a subject differ by 60 and more somewhere."""
_SET_BITS: Final = np.array([value.bit_count() for value in range(256)], np.uint8)
_BLURRED: Final = 0.15
"""Share of the set's median sharpness below which a photo is reported: the measure depends on the scene."""
_TINY_SIDE: Final = 200
_FAINT: Final = 2.0
"""Standard deviation of a picture's grey values (0 to 255) below which there is nothing to be seen on it."""

_BLACK, _LIT, _LIT_SHARE = 6.0, 25.0, 0.95
FISHEYE_NOTE: Final = (
    "a round picture of a fisheye lens: photos are placed as those of a lens that draws straight lines; give its poses "
    "with OPENCV_FISHEYE, or undistort it"
)


@dataclass(frozen=True)
class Appearance:
    """What a picture looks like. `difference_hash` has one bit for each pair of neighbours in a 17 x 16 grey image
    (N. Krawetz, "Kind of Like That", 2013), [32]; `grey` is [64, 64]; `sharpness` is the variance of the Laplacian
    (Pech-Pacheco et al., ICPR 2000)."""

    difference_hash: NDArray[np.uint8]
    grey: NDArray[np.float32]
    sharpness: float


def appearance(image: Image.Image) -> Appearance:
    """Measure an RGB or RGBA image; transparent pixels count as black."""
    if image.mode == "RGBA":
        image = Image.composite(image, Image.new("RGBA", image.size, "black"), image.getchannel("A"))
    grey = image.convert("L")
    small = np.asarray(grey.resize((_HASH_SIDE + 1, _HASH_SIDE), Image.Resampling.BOX), np.int16)
    bits = np.packbits(small[:, 1:] > small[:, :-1])
    scale = min(1.0, _SHARPNESS_SIDE / max(grey.size))
    size = max(3, round(grey.width * scale)), max(3, round(grey.height * scale))
    pixels = np.asarray(grey.resize(size, Image.Resampling.BOX), np.float32)
    centre = pixels[1:-1, 1:-1]
    laplacian = pixels[:-2, 1:-1] + pixels[2:, 1:-1] + pixels[1:-1, :-2] + pixels[1:-1, 2:] - 4 * centre
    thumbnail = np.asarray(grey.resize((64, 64), Image.Resampling.BOX), np.float32)
    return Appearance(bits, thumbnail, float(laplacian.var()))


def same_pictures(images: list[DatasetImage], looks: dict[str, Appearance]) -> dict[str, str]:
    """Names of photos that show the very same picture as another one (saved again, scaled), each with the name of the
    one to keep: one that the given poses name, else the largest original, of equal ones the first. `looks` is by
    name."""
    result: dict[str, str] = {}
    order = {image.name: index for index, image in enumerate(images)}
    by_size = sorted(images, key=lambda image: (image.given_pose is False, -_pixels(image), order[image.name]))
    kept: list[DatasetImage] = []
    hashes = np.empty((len(images), _HASH_SIDE * _HASH_SIDE // 8), np.uint8)
    for image in by_size:
        look = looks[image.name]
        different_bits = _SET_BITS[hashes[: len(kept)] ^ look.difference_hash].sum(axis=1)
        for index in np.flatnonzero(different_bits <= _SCALED_HASH_BITS):
            scaled = image.original.width < _SCALED * kept[index].original.width
            if different_bits[index] > _SAME_HASH_BITS and not scaled:
                continue
            difference = look.grey - looks[kept[index].name].grey
            if np.abs(difference).max() <= _SAME_PICTURE or (
                scaled and np.abs(_coarse(difference)).max() <= _SCALED_PICTURE
            ):
                result[image.name] = kept[index].name
                break
        else:
            hashes[len(kept)] = look.difference_hash
            kept.append(image)
    return result


def _coarse(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Means [16, 16] of [64, 64] values."""
    return grey.reshape(16, 4, 16, 4).mean(axis=(1, 3))


def check_contrast(looks: Sequence[Appearance], shown_as: str) -> None:
    """Raises UnsupportedFormat when no picture of a set shows anything: what comes of it looks right by every measure,
    for it is one colour too."""
    if looks and max(float(look.grey.std()) for look in looks) < _FAINT:
        raise ReconstructionError(
            "UnsupportedFormat",
            f"The photos of {shown_as} show hardly any contrast: each is one colour but for less than "
            f"{_FAINT:g} of 255 grey values.",
            suggestion="Check the exposure, and that the files' values use the range of their format.",
        )


def note_oddities(images: list[DatasetImage], looks: dict[str, Appearance]) -> None:
    """Add notes about photos that are kept but stand out: blurred, tiny, or of another size than most."""
    if not images:
        return
    usual = median(looks[image.name].sharpness for image in images)
    sizes = Counter(_shape(image) for image in images)
    common, count = sizes.most_common(1)[0]
    for image in images:
        share = looks[image.name].sharpness / usual if usual > 0 else 1.0
        if share < _BLURRED:
            image.notes.append(f"blurred: {share:.0%} of the usual sharpness")
        if min(image.original.width, image.original.height) < _TINY_SIDE:
            image.notes.append(f"tiny: {image.original.width} x {image.original.height} pixels")
        if _is_round(looks[image.name].grey, image.width / image.height):
            image.notes.append(FISHEYE_NOTE)
        if _shape(image) != common and count > len(images) / 2:
            image.notes.append(f"another size than most photos ({common[0]} x {common[1]})")


def _is_round(grey: NDArray[np.float32], aspect: float) -> bool:
    """Whether a picture, as [64, 64] of its width over height, is a lit disc as high or wide as itself on black."""
    steps = (np.arange(grey.shape[0]) + 0.5) / grey.shape[0] * 2 - 1
    across, down = np.meshgrid(steps * max(1.0, aspect), steps * max(1.0, 1 / aspect))
    radius = np.hypot(across, down)
    ring = grey[(radius > 0.85) & (radius < 0.95)]
    return bool(grey[radius > 1.1].mean() < _BLACK and (ring > _LIT).mean() > _LIT_SHARE)


def _pixels(image: DatasetImage) -> int:
    return image.original.width * image.original.height


def _shape(image: DatasetImage) -> tuple[int, int]:
    """Size of the original, whichever way the camera was held."""
    width, height = image.original.width, image.original.height
    return max(width, height), min(width, height)
