"""`artifacts/manifest.json`: what a job delivered and how it came about."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from ..stage_table import BY_NAME, StageName
from .base import Document
from .engines import EnginesDocument

FILE: Final = BY_NAME[StageName.REPORT].document


class DeliveredFile(Document):
    """A file beside the manifest."""

    name: str
    """Path from the manifest's folder: of the files of one of several engines `engines/NAME/FILE`."""
    format: str
    """GLB, OBJ, PLY, HTML, JSON, ..."""
    media_type: str
    """IANA media type."""
    size_bytes: int
    sha256: str


class ManifestEngine(Document):
    name: str
    licence: str | None = None
    """SPDX identifier."""
    device: str | None = None
    steps: int | None = None


class ManifestPhotos(Document):
    used: int
    dropped: int
    registered: int


class ManifestSource(Document):
    """What the photos were, without their names and places."""

    digest: str
    """SHA-256 of the checksums below, in their order, each a line."""
    sha256: list[str] = Field(default_factory=list[str])
    """Of each photo that was used, as it was in the source; sorted."""


class ManifestStage(Document):
    name: str
    seconds: float
    settings_digest: str
    peak_memory_bytes: int
    message: str
    libraries: dict[str, str] = Field(default_factory=dict[str, str])
    """Versions of what the stage was run with, by the name that pip knows; `python` is the interpreter. Empty where its
    worker has recorded none."""


class ManifestSubject(Document):
    """What a turntable's camera looks at: a ball in the scene's own unit, z up."""

    centre: tuple[float, float, float]
    radius: float
    field_of_view_degrees: float


class ManifestDocument(Document):
    """No addresses and no secrets: it may be published with the model."""

    job: str
    engine: ManifestEngine | None = None
    """None of a job that ended with its camera poses; of several the one whose results are the job's."""
    engines: EnginesDocument | None = None
    """What each of several engines has come to; their files are in `engines/NAME`."""
    photos: ManifestPhotos
    source: ManifestSource | None = None
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Fields of the spec that the results depend on, as far as they differ from what an unset field stands for; neither
    addresses nor names of Secrets."""
    metres_per_unit: float | None = None
    stages: list[ManifestStage] = Field(default_factory=list[ManifestStage])
    versions: dict[str, str] = Field(default_factory=dict[str, str])
    """Of what the manifest itself was written with."""
    subject: ManifestSubject | None = None
    """None of a job that ended with its camera poses."""
    picture: str | None = None
    """The file that stands for the job: the turntable's poster, a preview from the side, or the sheet."""
    artifacts: list[DeliveredFile] = Field(default_factory=list[DeliveredFile])
    """Every file of the folder, and of the folders in it, but the manifest itself."""
