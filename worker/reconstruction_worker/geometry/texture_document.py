"""`texture/texture.json`: where the texture's colours are from."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.mesh import TextureSource
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.TEXTURE].document


class ShownView(Document):
    """One photo beside what the mesh shows of it."""

    name: str
    coverage: float
    psnr: float
    ssim: float
    trained: bool = False
    """The training, and the shape, have seen the photo; only the texture has not."""


class HeldOut(Document):
    """How well the textured mesh shows the photos that were held out of training, with a texture made without them.
    Means over the photos."""

    photos: int
    coverage: float
    """Share of the photo, or of the object in it, where the mesh has a surface; only there the others are measured."""
    psnr: float
    ssim: float
    views: list[ShownView] = Field(default_factory=list)
    """What the means are over."""


class TextureDocument(Document):
    size: int
    """Side of the picture in pixels."""
    source: TextureSource | None = None
    """Which photos the detail is from: `Original` where any original was used; None in documents of earlier releases,
    and of renderings."""
    originals: int = 0
    """Photos whose originals were used."""
    note: str | None = None
    """What was wanted and could not be had."""
    blending: str = ""
    """How photos were blended."""
    tried: dict[str, float] = Field(default_factory=dict)
    """PSNR at the held-out photos for each way of blending; the best one is used."""
    charts: int = 0
    surface_share: float = 0
    """Of the picture, that shows a part of the surface."""
    photo_share: float | None = None
    """Of the surface, that some photo shows."""
    views: dict[str, float] = Field(default_factory=dict)
    """Share of the surface that each photo shows best."""
    held_out: HeldOut | None = None
    """None where no photo was held out, or the mesh shows none of them."""
