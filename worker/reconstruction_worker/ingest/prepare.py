"""Makes one stored image of one photo: decoded, upright, masked, scaled, with a thumbnail and its depth map."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.images import DepthPolicy, Images, MaskPolicy

from ..files import sha256_of
from ..stage_files import ORIGINALS
from .arrange import Arrangement
from .checks import Appearance, appearance
from .dataset import DatasetImage, HeldCamera, LargerCopy, Original
from .decode import Decoded, decode, same_aspect, upright
from .depth import LEFT_OUT, fitted, read_depth
from .larger import FOLDER as LARGER
from .larger import larger_size
from .limits import Limits
from .listing import SourceFile
from .wide_pixels import ToneScales

THUMBNAIL_SIDE: Final = 256


@dataclass(frozen=True)
class Prepared:
    image: DatasetImage
    appearance: Appearance


def prepare(
    photo: SourceFile, stem: str, arrangement: Arrangement, settings: Images, limits: Limits, workspace: Path,
    tones: ToneScales | None = None, *, keep_original: bool = False,
) -> Prepared:  # fmt: skip
    """Store one photo as `ingest/images/<stem>.jpg` (photos that were JPEG) or `.png` (anything else, and all with
    alpha). Raises ImageCorrupt, FileTooLarge or UnsupportedFormat, and DepthInvalid where depth maps are required."""
    folder = workspace / "ingest"
    decoded = decode(photo.path, photo.name, limits, tones)
    mask = _mask_for(photo, decoded, arrangement, settings.masks, limits)
    original = Original(name=photo.name, width=decoded.width, height=decoded.height, sha256=sha256_of(photo.path))
    picture, mask = _combine(decoded, mask, settings.masks)
    factor = min(1.0, settings.max_side_pixels / max(picture.size))
    if keep_original and factor < 1:
        _keep_original(photo, decoded, picture, workspace / ORIGINALS / f"{stem}.jpg")
    larger = None
    if factor < 1:
        size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
        larger = _keep_larger(picture, size, folder / LARGER / stem, workspace)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
        decoded.notes.append(f"scaled by {factor:.3f}")
    if mask is not None and mask.size != picture.size:
        mask = mask.resize(picture.size, Image.Resampling.BOX)
    file = folder / "images" / f"{stem}.{'jpg' if decoded.lossy else 'png'}"
    if decoded.plain and factor == 1 and picture.mode == "RGB":
        shutil.copyfile(photo.path, file)
    elif file.suffix == ".jpg":
        picture.save(file, quality=95, subsampling=0)
    else:
        picture.save(file, compress_level=3)
    mask_file = folder / "masks" / f"{stem}.png"
    if mask is not None:
        mask.save(mask_file)
    depth_file = _store_depth(photo, decoded, picture.size, arrangement, settings, limits, folder / "depth" / stem)
    _save_thumbnail(picture, folder / "thumbnails" / f"{stem}.jpg")
    image = DatasetImage(
        name=file.name,
        file=file.relative_to(workspace).as_posix(),
        width=picture.width,
        height=picture.height,
        larger=larger,
        mask=mask_file.relative_to(workspace).as_posix() if mask is not None else None,
        depth=depth_file.relative_to(workspace).as_posix() if depth_file is not None else None,
        has_alpha=picture.mode == "RGBA",
        orientation=decoded.orientation,
        original=original,
        **_place(photo, decoded, arrangement),
        given_pose=photo.name in arrangement.posed if arrangement.posed is not None else None,
        focal_pixels=round(decoded.camera.focal_pixels * factor, 3) if decoded.camera.focal_pixels else None,
        exposure=decoded.camera.exposure,
        status="fixed" if decoded.notes else "kept",
        notes=decoded.notes,
    )
    return Prepared(image, appearance(picture))


def _place(photo: SourceFile, decoded: Decoded, arrangement: Arrangement) -> dict[str, Any]:
    """Where and how the photo was taken: a line in `geo.txt` counts before what is in the photo."""
    camera, geo = decoded.camera, arrangement.geo
    held = camera.gimbal
    known = photo.name in geo.places
    return {
        "gps": geo.places[photo.name] if known else camera.gps,
        "gps_deviation": geo.deviations.get(photo.name) if known else camera.gps_deviation,
        "gimbal": HeldCamera(yaw=held.yaw, pitch=held.pitch, roll=held.roll) if held is not None else None,
    }


def _keep_original(photo: SourceFile, decoded: Decoded, picture: Image.Image, path: Path) -> None:
    """The photo in its own size, for the texture. Its mask is that of the smaller one."""
    if decoded.plain and picture.mode == "RGB":
        shutil.copyfile(photo.path, path)
    else:
        picture.convert("RGB").save(path, quality=95, subsampling=0)


def _keep_larger(picture: Image.Image, stored: tuple[int, int], path: Path, workspace: Path) -> LargerCopy | None:
    """The photo as large as cameras are estimated from, where it is stored smaller. `path` is without suffix."""
    size = larger_size(stored, picture.size)
    if size is None:
        return None
    copy = picture.resize(size, Image.Resampling.LANCZOS)
    if copy.mode == "RGBA":
        file = path.with_name(f"{path.name}.png")
        copy.save(file, compress_level=3)
    else:
        file = path.with_name(f"{path.name}.jpg")
        copy.save(file, quality=95, subsampling=0)
    return LargerCopy(file=file.relative_to(workspace).as_posix(), width=copy.width, height=copy.height)


def _mask_for(
    photo: SourceFile, decoded: Decoded, arrangement: Arrangement, policy: MaskPolicy, limits: Limits
) -> Image.Image | None:
    """The mask from the folder `masks` as an upright greyscale image; one that does not fit is noted and left out."""
    if policy not in (MaskPolicy.AUTO, MaskPolicy.FOLDER):
        return None
    file = arrangement.mask_of(photo)
    if file is None:
        if policy is MaskPolicy.FOLDER:
            decoded.notes.append("no mask in the folder masks")
        return None
    try:
        mask = decode(file.path, file.name, limits)
    except ReconstructionError as error:
        decoded.notes.append(f"mask left out: {error.message}")
        return None
    grey = mask.image.getchannel("A") if mask.has_alpha else mask.image.convert("L")
    if file.name in arrangement.inverted_masks:
        grey = ImageOps.invert(grey)
    if not same_aspect(grey.size, decoded.image.size):
        # Drawn on the file's pixels by a program that does not know EXIF orientation.
        grey = upright(grey, decoded.orientation)
    if not same_aspect(grey.size, decoded.image.size):
        decoded.notes.append(f"mask left out: {file.name} has another shape than the photo")
        return None
    return grey


def _store_depth(
    photo: SourceFile,
    decoded: Decoded,
    size: tuple[int, int],
    arrangement: Arrangement,
    settings: Images,
    limits: Limits,
    stem: Path,
) -> Path | None:
    """The file with the photo's depth map; one that does not fit is noted and left out, or refused where each photo
    must have one."""
    file = arrangement.depth_of(photo) if settings.depth is not DepthPolicy.NONE else None
    if file is None:
        if settings.depth is DepthPolicy.REQUIRED:
            raise ReconstructionError(
                "DepthInvalid",
                f"{photo.name} has no depth map in the folder depth; spec.images.depth is Required.",
                details={"file": photo.name},
            )
        return None
    try:
        unit = (settings.depth_unit_micrometres or 1000) / 1e6
        depth = read_depth(file, unit, limits, (decoded.width, decoded.height))
        depth = fitted(depth, size, decoded.orientation, file)
    except ReconstructionError as error:
        if settings.depth is DepthPolicy.REQUIRED:
            raise
        decoded.notes.append(f"{LEFT_OUT}{error.message}")
        return None
    np.save(stem.with_name(f"{stem.name}.npy"), depth)
    return stem.with_name(f"{stem.name}.npy")


def _combine(decoded: Decoded, mask: Image.Image | None, policy: MaskPolicy) -> tuple[Image.Image, Image.Image | None]:
    """The picture to store and the mask to store beside it: a photo with alpha carries its mask itself."""
    picture = decoded.image
    if not decoded.has_alpha:
        return picture, mask
    if policy is MaskPolicy.NONE:
        background = Image.new("RGBA", picture.size, "white")
        decoded.notes.append("transparency filled with white")
        return Image.alpha_composite(background, picture).convert("RGB"), None
    if mask is not None:
        picture.putalpha(mask.resize(picture.size, Image.Resampling.BOX))
        decoded.notes.append("alpha replaced by the mask")
    return picture, None


def _save_thumbnail(picture: Image.Image, path: Path) -> None:
    small = picture.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, "white"), small)
    small.convert("RGB").save(path, quality=85)
