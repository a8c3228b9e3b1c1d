"""Decodes a photo to its end: 8 bits a channel, upright, sRGB, RGB or RGBA."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rawpy
from PIL import Image, ImageCms

from reconstruction_api.errors import ReconstructionError

from .formats import Kind, kind_of, read_head
from .header import has_alpha, open_picture
from .limits import Limits
from .metadata import CameraData, camera_data, raw_camera_data

_ASPECT_TOLERANCE = 0.01
_FLOAT_MODES = frozenset({"F"})
_WIDE_MODES = frozenset({"I", "I;16", "I;16L", "I;16B", "I;16N"})
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass
class Decoded:
    """A photo in memory. `image` is RGB, or RGBA when the alpha channel says something."""

    image: Image.Image
    width: int
    height: int
    """Of the file, before it was turned."""
    orientation: int
    """EXIF orientation that was undone."""
    camera: CameraData
    lossy: bool
    """The file is a JPEG."""
    plain: bool
    """The file's own pixels are already what is wanted: upright 8-bit RGB."""
    notes: list[str] = field(default_factory=list)

    @property
    def has_alpha(self) -> bool:
        return self.image.mode == "RGBA"


def decode(path: Path, name: str, limits: Limits) -> Decoded:
    """Decode a file of one of the kinds in `formats.SUPPORTED`. Raises ImageCorrupt, FileTooLarge or UnsupportedFormat,
    naming the photo `name`."""
    kind, form = kind_of(read_head(path), name)
    try:
        if kind is Kind.RAW:
            return _decoded_raw(path, name, form, limits)
        with open_picture(path, kind) as image:
            _check_pixels(image.width, image.height, name, limits)
            image.load()
            return _normalised(image, name)
    except ReconstructionError:
        raise
    except Image.DecompressionBombError as error:
        raise ReconstructionError("FileTooLarge", f"{name} has too many pixels.") from error
    except MemoryError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, EOFError ...
        if "truncated" in str(error).lower() or isinstance(error, EOFError):
            raise ReconstructionError("ImageCorrupt", f"{name} is cut off: its end is missing.") from error
        raise ReconstructionError("ImageCorrupt", f"{name} is damaged and can't be decoded.") from error


def _check_pixels(width: int, height: int, name: str, limits: Limits) -> None:
    if width * height > limits.pixels:
        raise ReconstructionError(
            "FileTooLarge",
            f"{name} has {width} x {height} pixels; the limit is {limits.pixels // 10**6} megapixels.",
        )


def _decoded_raw(path: Path, name: str, form: str, limits: Limits) -> Decoded:
    """What a camera's sensor recorded, developed as the camera would have: its white balance, sRGB, upright."""
    with path.open("rb") as file, rawpy.imread(file) as raw:
        _check_pixels(raw.sizes.raw_width, raw.sizes.raw_height, name, limits)
        turned = raw.sizes.flip not in (0, None)
        pixels = raw.postprocess(use_camera_wb=True, output_bps=8)
    image = Image.fromarray(np.asarray(pixels))
    camera = raw_camera_data(path, image.size)
    notes = [f"developed from {form}" + (", turned upright" if turned else "")]
    width, height = image.size
    return Decoded(image, width, height, 1, camera, False, False, notes)


def _normalised(image: Image.Image, name: str) -> Decoded:
    notes: list[str] = []
    camera = camera_data(image)
    width, height = image.size
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # in MPO the others are previews
        notes.append(f"first of {frames} pictures in the file")
    orientation = _orientation(image)
    profile = image.info.get("icc_profile")
    plain = image.mode == "RGB" and orientation == 1 and image.format == "JPEG"
    colour = _eight_bit(image, name, notes)
    if orientation != 1:
        colour = upright(colour, orientation)
        notes.append("turned upright")
    if profile and (converted := _to_srgb(colour, profile)) is not None:
        colour, plain = converted, False
        notes.append("colours converted to sRGB")
    colour.info = {}  # nothing of the file's metadata is written again
    lossy = image.format in ("JPEG", "MPO")
    return Decoded(colour, width, height, orientation, camera, lossy, plain, notes)


def same_aspect(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether pictures of two sizes (width, height) have the same shape, but for rounding."""
    return abs(first[0] * second[1] / (first[1] * second[0]) - 1) <= _ASPECT_TOLERANCE


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """The image as it was seen, from its EXIF orientation (1 to 8)."""
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


def _eight_bit(image: Image.Image, name: str, notes: list[str]) -> Image.Image:
    if image.mode in _FLOAT_MODES:
        raise ReconstructionError("UnsupportedFormat", f"{name} holds floating-point values, not a photo.")
    if image.mode in _WIDE_MODES:
        values = np.asarray(image).astype(np.int64)
        if values.size and (values.max() > 65535 or values.min() < 0):
            raise ReconstructionError("UnsupportedFormat", f"{name} holds 32-bit values, not a photo.")
        notes.append("16 bits reduced to 8")
        # 65535 / 255 = 257: white stays white, black stays black.
        return Image.fromarray(((values + 128) // 257).astype(np.uint8)).convert("RGB")
    if has_alpha(image):
        rgba = image.convert("RGBA")
        if rgba.getchannel("A").getextrema() != (255, 255):
            return rgba
        return rgba.convert("RGB")
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF
        return 1
    return value if value in range(1, 9) else 1


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """None when the profile is sRGB already, or can't be used."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        alpha = image.getchannel("A") if image.mode == "RGBA" else None
        converted = ImageCms.profileToProfile(
            image.convert("RGB"), source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):  # of grey or CMYK photos, or damaged
        return None
    if converted is not None and alpha is not None:
        converted.putalpha(alpha)
    return converted
