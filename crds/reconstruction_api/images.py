"""`spec.images`: how photos are prepared."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from .base import ApiModel


class MaskPolicy(StrEnum):
    AUTO = "Auto"
    ALPHA = "Alpha"
    FOLDER = "Folder"
    BACKGROUND = "Background"
    NONE = "None"


class DepthPolicy(StrEnum):
    AUTO = "Auto"
    REQUIRED = "Required"
    NONE = "None"


class Images(ApiModel):
    """How photos are prepared."""

    max_side_pixels: int = Field(default=1600, ge=64, le=8192)
    """Photos with a longer side are scaled down to this many pixels for the training. Their cameras are estimated from
    up to 1600 pixels all the same."""
    video_frames: int = Field(default=120, ge=2, le=2000)
    """So many frames of a video become photos: evenly spread over it, and of neighbours the sharpest."""
    masks: MaskPolicy = MaskPolicy.AUTO
    """What separates the object from its background: `Alpha` uses the photos' alpha channel, `Folder` a folder `masks`
    beside the photos (white is the object), `Background` makes masks of photos whose background is of one colour, such
    as black cloth or white paper, `None` nothing. `Auto` uses whichever is there, else `Background` where the borders
    of most photos are of one colour."""
    depth: DepthPolicy = DepthPolicy.AUTO
    """Depth maps in a folder `depth` beside the photos, which the training is held to: `Auto` uses those that are there
    and fit, `Required` fails with DepthInvalid where a photo has none that does, `None` uses none. A map is a PNG or
    TIFF of 16 bits, or floating-point numbers (TIFF, `.npy`) in metres, along the camera's axis; 0 is unknown."""
    depth_unit_micrometres: int | None = Field(default=None, ge=1, le=1_000_000)
    """What 1 means in a depth map of whole numbers: 1000, a millimetre, unless set. Where it is set, and GPS gives no
    scale, the result is in metres."""
