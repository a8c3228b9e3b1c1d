"""`spec.mesh`: the surface made from the trained field."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from .base import ApiModel, Coordinates, DecimalString
from .rules import Rule


class TextureSource(StrEnum):
    ORIGINAL = "Original"
    TRAINING = "Training"


class MeshCrop(StrEnum):
    AUTO = "Auto"
    OBJECT = "Object"
    SCENE = "Scene"
    BOX = "Box"


MOST_TEXELS: Final = 4 * 8192**2
"""Of all pages: what the stages that read a texture hold in memory takes three bytes each."""


def _corner_below(axis: int) -> str:
    return f"double(self.low[{axis}]) < double(self.high[{axis}])"


class MeshBox(ApiModel):
    """A box, by two of its corners."""

    rules: ClassVar = (
        Rule(
            "each number of low must be less than that of high",
            cel=" && ".join(_corner_below(axis) for axis in range(3)),
            holds=lambda box: all(float(low) < float(high) for low, high in zip(box.low, box.high, strict=True)),
            field="low",
        ),
    )

    low: Coordinates
    """x, y and z of the corner where they are least."""
    high: Coordinates
    """x, y and z of the opposite corner."""


class Mesh(ApiModel):
    """The surface made from the trained field."""

    rules: ClassVar = (
        Rule(
            "crop Box needs box",
            cel="!has(self.crop) || self.crop != 'Box' || has(self.box)",
            holds=lambda mesh: mesh.crop is not MeshCrop.BOX or mesh.box is not None,
            field="box",
        ),
        Rule(
            "box is for crop Box; leave it out for others",
            cel="!has(self.box) || (has(self.crop) && self.crop == 'Box')",
            holds=lambda mesh: mesh.box is None or mesh.crop is MeshCrop.BOX,
            field="box",
        ),
        Rule(
            "minPieceShare must lie between 0 and 1",
            cel="!has(self.minPieceShare) || (double(self.minPieceShare) >= 0.0 && double(self.minPieceShare) <= 1.0)",
            holds=lambda mesh: mesh.min_piece_share is None or 0 <= float(mesh.min_piece_share) <= 1,
            field="minPieceShare",
        ),
        Rule(
            f"textureSize * textureSize * maxTexturePages must be at most {MOST_TEXELS:,}: 4 pages of 8192, 16 of 4096",
            cel="!has(self.maxTexturePages) || "
            f"self.textureSize * self.textureSize * self.maxTexturePages <= {MOST_TEXELS}",
            holds=lambda mesh: mesh.texture_size**2 * (mesh.max_texture_pages or 1) <= MOST_TEXELS,
            field="maxTexturePages",
        ),
    )

    target_faces: int = Field(default=100_000, ge=100, le=5_000_000)
    """The mesh is simplified to at most this many triangles."""
    texture_size: int = Field(default=2048, ge=64, le=8192)
    """Side of the square texture in pixels; of each of its pages where `maxTexturePages` allows several."""
    max_texture_pages: int | None = Field(default=None, ge=1, le=16)
    """Pages that the texture may take: pictures of `textureSize`, each a material of its own in the files, as large
    scenes need that one picture can't show in the photos' detail. As many are made as it takes for a texel to be no
    wider than a pixel of the photos that show the surface best, and no more than this; `pixelsPerTexel` in
    texture.json, the stage's message and the report say what was reached. A page of 4096 takes some 250 MB on the disk,
    and viewers 64 MB of graphics memory at least. When unset, 1."""
    texture_source: TextureSource | None = None
    """Which photos the texture's detail is from. `Training`: those that are trained on, of at most
    `images.maxSidePixels`. `Original`: the photos in the size that they came in, of which the stage `ingest` keeps
    copies in the workspace, for as long as that is kept. Photos whose originals are not there, as where it was set
    after they were read, give what `Training` would, and the stage's message and the report say so. When unset, what
    the profile's `defaults` say, else `Training`."""
    min_piece_share: DecimalString | None = None
    """Separate pieces of the surface with less than this share of the largest one's area are left out: `0` keeps all,
    `1` the largest alone. Unset, the photos decide: pieces stay that most photos which look at them see, however small,
    and specks and what photos see past goes."""
    crop: MeshCrop | None = None
    """What of the scene the mesh shows. `Scene`: all of it. `Object`: what the cameras look at from around, without the
    table or floor that it stands on and what is behind it. `Auto`: the object where there is no doubt about it (cameras
    all around that look inwards, at something small that stands on a plane), else the scene. `Box`: what is inside
    `box`. When unset, what the profile's `defaults` say, else `Scene`. Of photos with masks the mesh shows the object
    anyway. Gaussians that are delivered stay whole."""
    box: MeshBox | None = None
    """What `crop: Box` keeps, in the coordinates of the exported PLY: z up, in metres where the scale is known, else in
    the scene's own unit."""

    @property
    def chosen_texture_source(self) -> TextureSource:
        """Which photos the texture is from, where neither the job nor a profile says so too."""
        return self.texture_source or TextureSource.TRAINING

    @property
    def chosen_texture_pages(self) -> int:
        """Pages that the texture may take, where the job doesn't say so too."""
        return self.max_texture_pages or 1

    @property
    def chosen_crop(self) -> MeshCrop:
        """What is shown, where neither the job nor a profile says so too."""
        return self.crop or MeshCrop.SCENE
