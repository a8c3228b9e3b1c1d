"""Everything the stages wrote down about a job, gathered from the workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconstruction_api.documents import quality, registration
from reconstruction_api.documents.quality import QualityDocument
from reconstruction_api.documents.registration import PoseOrigin, RegistrationDocument
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import STAGES, StageName

from ..engines import engine_document
from ..engines.engine_document import EngineDocument
from ..engines.training import split
from ..engines.training.history import HistoryLine, read_history
from ..engines.training.split import Split
from ..exporters import exports_document
from ..exporters.exports_document import ExportEntry, ExportsDocument
from ..geometry import mesh_document, texture_document
from ..geometry.mesh_document import MeshDocument
from ..geometry.texture_document import TextureDocument
from ..geometry.world_scale import in_known_scale
from ..ingest import dataset
from ..libraries import read_libraries
from ..records import StageRecord, read_record
from ..stage import folder_of
from ..stage_files import TRANSFORMS
from ..turntable import turntable_document
from ..turntable.turntable_document import TurntableDocument

Document = dict[str, Any]


@dataclass(frozen=True)
class Findings:
    """The stages' own files; None, or an empty document, where a stage left none."""

    job_name: str
    spec: ReconstructionJobSpec
    workspace: Path
    dataset: Document
    transforms: Document
    registration: RegistrationDocument
    engine: EngineDocument | None
    split: Split | None
    history: list[HistoryLine]
    quality: QualityDocument
    mesh: MeshDocument | None
    texture: TextureDocument | None
    exports: ExportsDocument | None
    turntable: TurntableDocument | None
    records: list[StageRecord] = field(default_factory=list)

    def folder(self, stage: StageName) -> Path:
        """Where a stage's files are."""
        return folder_of(self.workspace, stage)

    def libraries(self, record: StageRecord) -> dict[str, str]:
        """Versions of what a stage was run with, where they are recorded."""
        return read_libraries(self.workspace, record.stage, record.key)

    def photos(self) -> list[Document]:
        """The photos that were used, as in `dataset.json`."""
        return self.dataset.get("images", [])

    def dropped(self) -> list[Document]:
        """Photos that were left out: name, code and message."""
        return self.dataset.get("dropped", [])

    def held_out(self) -> list[str]:
        """Names of the photos that the result is judged by."""
        return list(self.split.held_out) if self.split is not None else []

    def delivered(self) -> list[ExportEntry]:
        """What was exported."""
        return self.exports.exports if self.exports is not None else []

    def registered(self) -> list[str]:
        """Names of the undistorted pictures of photos whose camera is known, in the order of `transforms.json`."""
        return [Path(frame["file_path"]).name for frame in self.transforms.get("frames", [])]

    def unregistered(self) -> list[str]:
        """Photos whose camera is not known, by their names in the source. An undistorted picture has its photo's name
        with another suffix. None where no poses were wanted."""
        if self.registration.method is PoseOrigin.NONE:
            return []
        placed = {Path(name).stem for name in self.registered()}
        return sorted(source_name(photo) for photo in self.photos() if Path(photo["name"]).stem not in placed)


def source_name(photo: Document) -> str:
    """What the source calls a photo of `dataset.json`."""
    return photo.get("original", {}).get("name") or photo["name"]


def gather(workspace: Path, spec: ReconstructionJobSpec, job_name: str) -> Findings:
    """Read what is there."""

    def file(stage: StageName, name: str) -> Path:
        return folder_of(workspace, stage) / name

    def read(stage: StageName, name: str) -> Document:
        path = file(stage, name)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    made_from_report = (StageName.BUNDLE, StageName.PUBLISH)  # an earlier one's records say nothing of this one
    records = (read_record(workspace, stage.name) for stage in STAGES if stage.name not in made_from_report)
    return Findings(
        job_name=job_name,
        spec=spec,
        workspace=workspace,
        dataset=read(StageName.INGEST, dataset.FILE),
        transforms=in_known_scale(read(StageName.POSES, TRANSFORMS), spec),
        registration=RegistrationDocument.read_if_there(file(StageName.POSES, registration.FILE))
        or RegistrationDocument(),
        engine=EngineDocument.read_if_there(file(StageName.TRAIN, engine_document.FILE)),
        split=Split.read_if_there(file(StageName.TRAIN, split.FILE)),
        history=read_history(folder_of(workspace, StageName.TRAIN)),
        quality=QualityDocument.read_if_there(file(StageName.EVALUATE, quality.FILE)) or QualityDocument(),
        mesh=MeshDocument.read_if_there(file(StageName.MESH, mesh_document.FILE)),
        texture=TextureDocument.read_if_there(file(StageName.TEXTURE, texture_document.FILE)),
        exports=ExportsDocument.read_if_there(file(StageName.EXPORT, exports_document.FILE)),
        turntable=_turntable(workspace, spec),
        records=[record for record in records if record is not None],
    )


def _turntable(workspace: Path, spec: ReconstructionJobSpec) -> TurntableDocument | None:
    """What is left of an earlier one does not count where none is wanted any more."""
    if spec.turntable is None:
        return None
    return TurntableDocument.read_if_there(folder_of(workspace, StageName.RENDER) / turntable_document.FILE)
