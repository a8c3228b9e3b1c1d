"""Several engines side by side: the files of each among the artifacts, and their comparison on the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from reconstruction_api.documents.engines import FILE, FOLDER, EngineFailure, EnginesDocument, EngineStanding
from reconstruction_api.documents.manifest import DeliveredFile
from reconstruction_api.documents.quality import FILE as QUALITY_FILE
from reconstruction_api.formats import PREVIEW
from reconstruction_api.readable import duration
from reconstruction_api.stages import StageName

from ..exporters.exports_document import FILE as EXPORTS_FILE
from ..exporters.exports_document import ExportsDocument
from ..exporters.textured_model import Model, load_model
from ..geometry.scene import Scene
from ..geometry.surface_agreement import surface_agreement
from ..records import read_record
from ..side_by_side.failed import read_failed
from ..side_by_side.workspaces import link, workspace_of
from ..stage import StageContext, folder_of
from .decimals import number
from .findings import Document
from .inline_pictures import jpeg_url
from .numbers import described
from .preview import preview

_PICTURE_SIDE: Final = 480


@dataclass(frozen=True)
class Comparison:
    """What the report says of several engines."""

    document: EnginesDocument
    agreement: dict[str, float]
    """How much each engine's surface is the best one's, by name."""
    pictures: dict[str, Image.Image]
    """The model of each from one place, by name."""
    files: list[DeliveredFile]
    """Those in the folder of engines, with their paths."""


def deliver_engines(context: StageContext, scene: Scene, *, public: bool) -> Comparison | None:
    """Put the files of each engine into `engines/NAME` of the artifacts: exports, quality.json and preview.png. None
    of a job with one engine."""
    found = EnginesDocument.read_if_there(context.of(StageName.EVALUATE) / FILE) if context.spec.engines else None
    if found is None:
        return None
    models = {
        name: load_model(folder_of(own, StageName.TEXTURE), metres_per_unit=None)
        for name in context.spec.all_engines
        if read_record(own := workspace_of(context.workspace, name), StageName.TEXTURE) is not None
    }
    pictures: dict[str, Image.Image] = {}
    files: list[DeliveredFile] = []
    standings = [_with_export(context, standing, public=public) for standing in found.engines]
    for standing in standings:
        name, own = standing.name, workspace_of(context.workspace, standing.name)
        target = context.folder / FOLDER / name
        target.mkdir(parents=True)
        kinds: dict[str, str | None] = {}
        if standing.failure is None:
            kinds = _exports(own, target)
        if (quality := folder_of(own, StageName.EVALUATE) / QUALITY_FILE).exists() and not public:  # it names photos
            link(quality, target / QUALITY_FILE)
            kinds[QUALITY_FILE] = None
        if name in models:
            shown = preview(models[name], scene)
            shown.sheet.save(target / PREVIEW)
            pictures[name], kinds[PREVIEW] = shown.model, None
        files += [described(target / file, kind, f"{FOLDER}/{name}/{file}") for file, kind in sorted(kinds.items())]
    best = models.get(found.best)
    agreement = {name: 1.0 if model is best else _agreement(best, model) for name, model in models.items() if best}
    return Comparison(found.model_copy(update={"engines": standings}), agreement, pictures, files)


def rows(comparison: Comparison) -> list[Document]:
    """A row of the page's table for each engine."""
    return [_row(comparison, standing) for standing in comparison.document.engines]


def _row(comparison: Comparison, standing: EngineStanding) -> Document:
    picture, same = comparison.pictures.get(standing.name), comparison.agreement.get(standing.name)
    end = standing.failure
    return {
        "name": standing.name,
        "best": standing.name == comparison.document.best,
        "picture": None if picture is None else jpeg_url(_small(picture), quality=82),
        "verdict": standing.verdict.value if standing.verdict is not None else "",
        "numbers": [
            ("PSNR", _unit(number(standing.psnr, 2), "dB")),
            ("SSIM", number(standing.ssim, 3)),
            ("PSNR of the mesh", _unit(number(standing.mesh_psnr, 2), "dB")),
            ("Same surface (F at 1 %)", None if same is None else f"{same:.3f}"),
            ("Triangles", f"{standing.faces:,}" if standing.faces is not None else None),
            ("Time", duration(standing.seconds, tenths=True)),
        ],
        "failure": None if end is None else f"{end.code} in stage {end.stage}. {end.message}".rstrip(),
        "folder": f"{FOLDER}/{standing.name}",
    }


def _with_export(context: StageContext, standing: EngineStanding, *, public: bool) -> EngineStanding:
    """A later failure is told as well. Messages may name photos."""
    end = read_failed(workspace_of(context.workspace, standing.name))
    failure = standing.failure
    if failure is None and end is not None:
        failure = EngineFailure(code=end.failure.code, stage=end.stage, message=end.failure.message)
    if failure is not None and public:
        failure = EngineFailure(code=failure.code, stage=failure.stage)
    return standing if failure is None else standing.model_copy(update={"failure": failure})


def _exports(own: Path, target: Path) -> dict[str, str | None]:
    """The exported files of an engine, with the format that each belongs to."""
    folder = folder_of(own, StageName.EXPORT)
    document = ExportsDocument.read_if_there(folder / EXPORTS_FILE)
    kinds: dict[str, str | None] = {}
    for export in document.exports if document is not None else ():
        for file in export.files:
            link(folder / file.name, target / file.name)
            kinds[file.name] = export.format
    return kinds


def _agreement(best: Model, model: Model) -> float:
    return round(surface_agreement(best.mesh(), model.mesh()), 3)


def _small(picture: Image.Image) -> Image.Image:
    small = picture.copy()
    small.thumbnail((_PICTURE_SIDE, _PICTURE_SIDE), Image.Resampling.LANCZOS)
    return small


def _unit(value: str | None, unit: str) -> str | None:
    return None if value is None else f"{value} {unit}"
