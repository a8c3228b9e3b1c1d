"""`spec.exports`: what is to be delivered, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar, Final, Protocol

from pydantic import Field

from .base import ApiModel
from .formats import RESERVED_NAMES, ExportFormat, Option, described_formats, formats_with
from .rules import Rule, named_once
from .stage_table import listed


class Compression(StrEnum):
    NONE = "None"
    QUANTIZED = "Quantized"
    DRACO = "Draco"
    MESHOPT = "Meshopt"


class TextureFormat(StrEnum):
    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"


class Material(StrEnum):
    LIT = "Lit"
    UNLIT = "Unlit"


_SAME_FILE: Final = (ExportFormat.SPLAT_PLY, ExportFormat.SPLAT)
MAX_SPLATS: Final = 20_000_000
MAX_FACES: Final = 5_000_000
EXPORT_NAME: Final = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
MAX_EXPORTS: Final = 32


def _only_where(option: Option, meaning: str, unset: str, holds: Callable[[Export], bool]) -> Rule:
    """An option of an entry is there for formats that have it. `unset` is CEL, `holds` Python: it is not used."""
    formats = formats_with(option)
    return Rule(
        f"{meaning} is for {listed(formats, 'and')}; leave it out for other formats",
        cel=f"{unset} || self.format in {list(formats)}",
        holds=lambda export: holds(export) or option in export.format.options,
        field=option.split()[0],
    )


class SplatRegion(StrEnum):
    ALL = "All"
    AT_MESH = "AtMesh"


class Audience(StrEnum):
    TEAM = "Team"
    PUBLIC = "Public"


class PreviewStyle(StrEnum):
    """How the pictures from fixed sides look."""

    TEXTURED = "Textured"
    CLAY = "Clay"
    WIREFRAME = "Wireframe"


class Report(ApiModel):
    """What the report shows."""

    rules: ClassVar = (named_once("previews", "previews names each style once"),)

    audience: Audience | None = None
    """Who may see it; `Team` when unset. `Public` leaves out the photos, where they were taken, and names: of photos,
    and of the job on the page. Page, preview, quality.json and manifest have numbers in their place. Exports with a
    place on Earth (PointCloud, Orthophoto, DSM, Tiles) keep theirs."""
    previews: Annotated[list[PreviewStyle], Field(min_length=1, max_length=3)] | None = None
    """Also deliver pictures of the model from the front, right, back, left, top and three quarters, 1024 x 1024 with
    transparency, in these styles, and `previews.png` with all of them. None when unset."""


class Export(ApiModel):
    """One entry of what is to be delivered: a file, with what belongs to it."""

    rules: ClassVar = (
        _only_where(
            Option.COMPRESSION,
            "compression",
            "!has(self.compression) || self.compression == 'None'",
            lambda export: export.chosen_compression is Compression.NONE,
        ),
        _only_where(
            Option.TARGET_FACES,
            "targetFaces",
            "!has(self.targetFaces)",
            lambda export: export.target_faces is None,
        ),
        _only_where(
            Option.TEXTURE,
            "textureFormat",
            "!has(self.textureFormat)",
            lambda export: export.texture_format is None,
        ),
        _only_where(
            Option.WEBP,
            "textureFormat WebP",
            "!has(self.textureFormat) || self.textureFormat != 'WebP'",
            lambda export: export.texture_format is not TextureFormat.WEBP,
        ),
        _only_where(Option.MATERIAL, "material", "!has(self.material)", lambda export: export.material is None),
        _only_where(
            Option.GAUSSIANS,
            "maxSplats",
            "!has(self.maxSplats)",
            lambda export: export.max_splats is None,
        ),
        _only_where(Option.REGION, "splats", "!has(self.splats)", lambda export: export.splats is None),
        Rule(
            f"name may not be {listed(RESERVED_NAMES)}: other files are called so",
            cel=f"!has(self.name) || !(self.name in {list(RESERVED_NAMES)})",
            holds=lambda export: export.name not in RESERVED_NAMES,
            field="name",
        ),
    )

    name: Annotated[str, Field(pattern=EXPORT_NAME, max_length=40)] | None = None
    """What the entry is called, and what the names of its files begin with: lower-case letters, digits and hyphens.
    When unset, it is called like its format, and its files `model`, `splats` and so on; so a format that is wanted
    twice, for the web and for the archive, needs a name."""
    format: ExportFormat = Field(description=described_formats())
    compression: Compression | None = None
    """How glTF stores the triangles; unset is the same as `None`: in full. `Quantized`: in whole steps of 16 bits, six
    tenths of the size, shown by viewers as it is (KHR_mesh_quantization). `Draco`: an eighth of the size, for viewers
    that bring Draco's decoder (KHR_draco_mesh_compression). `Meshopt`: about a fifth, quick to decode
    (EXT_meshopt_compression). No corner moves by more than 1/65,000 of the longest side; the texture stays."""
    target_faces: int | None = Field(default=None, ge=100, le=MAX_FACES)
    """At most this many triangles in this file: the mesh is simplified further, and its texture laid out again. When
    unset, or no fewer than the mesh has, the mesh as it is."""
    texture_format: TextureFormat | None = None
    """How the texture is stored: `JPEG` is read by everything, `PNG` loses nothing, `WebP` is smaller than JPEG, for
    viewers that know it (EXT_texture_webp). When unset, JPEG; for OBJ, PNG."""
    material: Material | None = None
    """How viewers of glTF light the surface; `Lit` when unset. Photos hold the light that was there: `Unlit` shows them
    as they are (KHR_materials_unlit)."""
    max_splats: int | None = Field(default=None, ge=1000, le=MAX_SPLATS)
    """At most this many Gaussians, in formats that hold them: of those that an engine has made, the ones that the
    photos show least of are left out or merged with their neighbours. When unset, all of them. Of an engine that makes
    none, Gaussians are laid on the textured mesh: so many, 250,000 when unset."""
    splats: SplatRegion | None = None
    """Which Gaussians are delivered; unset is the same as `All`: all of the scene. `AtMesh`: those at the surface that
    the mesh shows. With `mesh.crop: Object` that is the object without table, floor and background, for photos that
    have no masks either."""

    @property
    def label(self) -> str:
        """What the entry is called."""
        return self.name or self.format.value

    @property
    def chosen_compression(self) -> Compression:
        """How triangles are stored."""
        return self.compression or Compression.NONE


class _WithExports(Protocol):
    exports: list[Export]


def _labels_differ(spec: _WithExports) -> bool:
    return len({export.label for export in spec.exports}) == len(spec.exports)


def _unnamed(spec: _WithExports) -> set[ExportFormat]:
    return {export.format for export in spec.exports if export.name is None}


EXPORT_RULES: Final = (
    Rule(
        "exports: each entry needs a name of its own; one without a name is called like its format, so a format that "
        "is wanted twice needs a name",
        cel="self.exports.all(one, self.exports.exists_one(other, (has(other.name) ? other.name : other.format) == "
        "(has(one.name) ? one.name : one.format)))",
        holds=_labels_differ,
        field="exports",
    ),
    Rule(
        "exports may name SplatPLY or SPLAT, which is its earlier name; name one of them",
        cel=" || ".join(
            f"!self.exports.exists(each, each.format == '{each}' && !has(each.name))" for each in _SAME_FILE
        ),
        holds=lambda spec: not _unnamed(spec).issuperset(_SAME_FILE),
        field="exports",
    ),
)
"""What the entries must meet together; of the spec."""
