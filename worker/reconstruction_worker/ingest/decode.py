"""Decodes a photo to its end: 8 bits a channel, upright, sRGB, RGB or RGBA."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import rawpy
from PIL import Image, ImageCms

from reconstruction_api.errors import ReconstructionError

from .formats import Kind, kind_of, read_head
from .header import has_alpha, open_picture
from .jpeg_end import NOTE, open_without_end
from .limits import Limits
from .metadata import CameraData, camera_data, raw_camera_data
from .wide_pixels import Tones, ToneScales, Values, wide_values

TURNED: Final = "turned upright"
"""Note on a photo whose EXIF orientation was undone."""
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


def decode(path: Path, name: str, limits: Limits, tones: ToneScales | None = None) -> Decoded:
    """Decode a file of one of the kinds in `formats.SUPPORTED`. `tones` are those of its set, where that has photos of
    more than 8 bits. Raises ImageCorrupt, FileTooLarge or UnsupportedFormat, naming the photo `name`."""
    kind, form = kind_of(read_head(path), name)
    try:
        if kind is Kind.RAW:
            return _decoded_raw(path, name, form, limits)
        values = wide_values(path, name, limits)
        if values is not None and tones and values.dtype.kind in tones:
            return _decoded_wide(path, name, kind, values, tones[values.dtype.kind], limits)
        with open_picture(path, kind) as image:
            _check_pixels(image.width, image.height, name, limits)
            orientation, size = _orientation(image), _stored_size(image)
            notes: list[str] = []
            try:
                image.load()  # turns a TIFF upright
            except OSError:
                whole = open_without_end(path) if kind is Kind.JPEG else None
                if whole is None:
                    raise
                notes.append(NOTE)
                return _normalised(whole, name, orientation, size, notes)
            return _normalised(image, name, orientation, size, notes)
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


def _decoded_wide(path: Path, name: str, kind: Kind, values: Values, tones: Tones, limits: Limits) -> Decoded:
    """A photo of more than 8 bits a channel, whose file's pixels are `values`."""
    height, width = values.shape[:2]
    _check_pixels(width, height, name, limits)
    orientation, camera, profile = 1, CameraData(), None
    with contextlib.suppress(OSError), open_picture(path, kind) as image:  # Pillow knows fewer kinds of TIFF
        orientation, camera, profile = _orientation(image), camera_data(image), image.info.get("icc_profile")
    notes = [tones.note]
    colour = tones.picture(values)
    if orientation != 1:
        colour = upright(colour, orientation)
        notes.append(TURNED)
    colour, _ = _in_srgb(colour, profile, notes)
    return Decoded(colour, width, height, orientation, camera, False, False, notes)


def _normalised(image: Image.Image, name: str, orientation: int, size: tuple[int, int], notes: list[str]) -> Decoded:
    """`orientation` and `size` are those of the file, before it was loaded; `notes` says what was done already."""
    camera = camera_data(image, size)
    width, height = size
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":  # in MPO the others are previews
        notes.append(f"first of {frames} pictures in the file")
    profile = image.info.get("icc_profile")
    plain = image.mode == "RGB" and orientation == 1 and image.format == "JPEG" and not notes
    colour = _eight_bit(image, name, notes)
    colour = upright(colour, _orientation(image))
    if orientation != 1:
        notes.append(TURNED)
    colour, converted = _in_srgb(colour, profile, notes)
    colour.info = {}  # nothing of the file's metadata is written again
    lossy = image.format in ("JPEG", "MPO")
    return Decoded(colour, width, height, orientation, camera, lossy, plain and not converted, notes)


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


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """Width and height in the file; Pillow tells those of a TIFF as they are once it is turned upright."""
    tags = getattr(image, "tag_v2", None)
    if tags is None or 256 not in tags or 257 not in tags:
        return image.size
    return int(tags[256]), int(tags[257])


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(0x0112, 1)
    except Exception:  # damaged EXIF
        return 1
    return value if value in range(1, 9) else 1


def _in_srgb(image: Image.Image, profile: bytes | None, notes: list[str]) -> tuple[Image.Image, bool]:
    """The image in sRGB, and whether that changed it, which is noted."""
    converted = _to_srgb(image, profile) if profile else None
    if converted is None:
        return image, False
    notes.append("colours converted to sRGB")
    return converted, True


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
