"""Masks for a set of photos of an object before a plain background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.images import MaskPolicy

from .dataset import DatasetImage
from .plain_background import MOST_PHOTOS, Backdrop, are_objects, object_mask

LOOK_SIDE = 320
"""Longer side of the pictures in which it is decided whether backgrounds are plain, in pixels."""
MASK_SIDE = 1600
"""Longer side of the pictures in which masks are drawn, in pixels."""
NO_MASK = "no mask: its background has more than one colour"


def mask_backgrounds(
    images: list[DatasetImage], policy: MaskPolicy, workspace: Path, advance: Callable[[str], None]
) -> None:
    """Give stored photos without a mask one where their background is plain: with `Background`, and with `Auto` where
    no photo has a mask and most backgrounds are plain. Raises InvalidSpec where `Background`
    is asked for and fewer than `MOST_PHOTOS` of them are. `advance` is called with what is being done; it may raise."""
    bare = [image for image in images if image.mask is None and not image.has_alpha]
    if policy not in (MaskPolicy.AUTO, MaskPolicy.BACKGROUND) or not bare:
        return
    if policy is MaskPolicy.AUTO and len(bare) < len(images):
        return
    looks: list[Backdrop] = []
    for number, image in enumerate(bare):
        looks.append(Backdrop.of(_picture(workspace, image, LOOK_SIDE)))
        advance(f"background {number + 1} of {len(bare)}")
    if not are_objects(looks):
        if policy is MaskPolicy.BACKGROUND:
            raise _not_plain(sum(look.plain for look in looks), len(bare))
        return
    masks = {}
    for number, image in enumerate(bare):
        mask = object_mask(_picture(workspace, image, MASK_SIDE))
        if mask is not None:
            size = (image.width, image.height)
            masks[image.name] = Image.fromarray(mask).resize(size, Image.Resampling.BILINEAR)
        advance(f"mask {number + 1} of {len(bare)}")
    if len(masks) < MOST_PHOTOS * len(bare):
        if policy is MaskPolicy.BACKGROUND:
            raise _not_plain(len(masks), len(bare))
        return
    for image in bare:
        if image.name not in masks:
            image.notes.append(NO_MASK)
            continue
        file = workspace / "ingest" / "masks" / f"{Path(image.name).stem}.png"
        masks[image.name].save(file)
        image.mask, image.plain_background = file.relative_to(workspace).as_posix(), True


def _picture(workspace: Path, image: DatasetImage, side: int) -> NDArray[np.uint8]:
    """A photo with at most `side` pixels along its longer side. [H, W, 3]"""
    with Image.open(workspace / image.file) as file:
        file.draft("RGB", (side, side))
        picture = file.convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.BOX)
    return np.asarray(picture)


def _not_plain(plain: int, count: int) -> ReconstructionError:
    return ReconstructionError(
        "InvalidSpec",
        f"spec.images.masks is Background, but only {plain} of {count} photos show an object before a background of "
        "one colour.",
        suggestion="Set spec.images.masks to Auto, or add a folder 'masks' beside the photos and set it to Folder.",
        details={"field": "spec.images.masks"},
    )
