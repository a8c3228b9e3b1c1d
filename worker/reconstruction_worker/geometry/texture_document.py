"""`texture/texture.json`: where the texture's colours are from."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from reconstruction_api.documents.base import Document
from reconstruction_api.mesh import TextureSource
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.TEXTURE].document


COARSE: Final = 1.5
"""Width of a texel in pixels of the photos from which it is said."""


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
    """Side of a page in pixels."""
    pages: int = 1
    pixels_per_texel: float | None = None
    """Width of a texel in pixels of the photos that show the surface best, on average: what is more than 1 is detail
    that the texture has no room for. None in documents of earlier releases, and where no photo shows the surface."""
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
    """Of the pages, that shows a part of the surface."""
    photo_share: float | None = None
    """Of the surface, that some photo shows."""
    views: dict[str, float] = Field(default_factory=dict)
    """Share of the surface that each photo shows best."""
    held_out: HeldOut | None = None
    """None where no photo was held out, or the mesh shows none of them."""

    def coarseness(self) -> str | None:
        """That the photos show more than the texture has room for, and what to do about it; None where they do not."""
        if self.pixels_per_texel is None or self.pixels_per_texel < COARSE:
            return None
        return (
            f"a texel is {self.pixels_per_texel:.1f} pixels of the photos wide (a larger spec.mesh.textureSize or "
            "spec.mesh.maxTexturePages would show more of their detail)"
        )
