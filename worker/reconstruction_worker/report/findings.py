"""Everything the stages wrote down about a job, gathered from the workspace."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import STAGES, StageName

from ..records import StageRecord, read_record
from ..stage import folder_of

Document = dict[str, Any]


@dataclass(frozen=True)
class Findings:
    """The stages' own files; an empty document where a stage left none."""

    job_name: str
    spec: ReconstructionJobSpec
    workspace: Path
    dataset: Document
    transforms: Document
    registration: Document
    engine: Document
    split: Document
    history: list[Document]
    quality: Document
    mesh: Document
    texture: Document
    exports: Document
    records: list[StageRecord] = field(default_factory=list)

    def folder(self, stage: StageName) -> Path:
        """Where a stage's files are."""
        return folder_of(self.workspace, stage)

    def photos(self) -> list[Document]:
        """The photos that were used, as in `dataset.json`."""
        return self.dataset.get("images", [])

    def dropped(self) -> list[Document]:
        """Photos that were left out: name, code and message."""
        return self.dataset.get("dropped", [])

    def registered(self) -> list[str]:
        """Names of the undistorted pictures of photos whose camera is known, in the order of `transforms.json`."""
        return [Path(frame["file_path"]).name for frame in self.transforms.get("frames", [])]

    def unregistered(self) -> list[str]:
        """Photos whose camera is not known, by their names in the source. An undistorted picture has its photo's name
        with another suffix."""
        placed = {Path(name).stem for name in self.registered()}
        return sorted(source_name(photo) for photo in self.photos() if Path(photo["name"]).stem not in placed)


def source_name(photo: Document) -> str:
    """What the source calls a photo of `dataset.json`."""
    return photo.get("original", {}).get("name") or photo["name"]


def gather(workspace: Path, spec: ReconstructionJobSpec, job_name: str) -> Findings:
    """Read what is there."""

    def read(stage: StageName, name: str) -> Document:
        path = folder_of(workspace, stage) / name
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    records = (read_record(workspace, stage.name) for stage in STAGES)
    return Findings(
        job_name=job_name,
        spec=spec,
        workspace=workspace,
        dataset=read(StageName.INGEST, "dataset.json"),
        transforms=read(StageName.POSES, "transforms.json"),
        registration=read(StageName.POSES, "registration.json"),
        engine=read(StageName.TRAIN, "engine.json"),
        split=read(StageName.TRAIN, "split.json"),
        history=_lines(folder_of(workspace, StageName.TRAIN) / "history.jsonl"),
        quality=read(StageName.EVALUATE, "quality.json"),
        mesh=read(StageName.MESH, "mesh.json"),
        texture=read(StageName.TEXTURE, "texture.json"),
        exports=read(StageName.EXPORT, "exports.json"),
        records=[record for record in records if record is not None],
    )


def _lines(path: Path) -> list[Document]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
