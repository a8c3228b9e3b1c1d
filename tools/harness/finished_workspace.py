"""Workspaces whose results are ready to be published, and what readers see of what was published."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument, ManifestPhotos
from reconstruction_api.formats import LATEST, PREVIEW, REPORT_PAGE, ExportFormat, format_of, media_type_of
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.files import sha256_of, write_document
from reconstruction_worker.records import StageRecord, outputs_of, write_record
from reconstruction_worker.stage import Delivery, StageContext, folder_of

MADE = "2026-11-29T20:00:00Z"
FILES = {ExportFormat.GLB.file: b"glTF" * 1000, REPORT_PAGE: b"<p>a report</p>", PREVIEW: b"\x89PNG"}


def results(workspace: Path, files: Mapping[str, bytes] = FILES, made: str = MADE) -> Path:
    """As the stage `report` leaves them."""
    folder = folder_of(workspace, StageName.REPORT)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    listed = [
        DeliveredFile(
            name=name,
            format=format_of(name),
            media_type=media_type_of(name),
            size_bytes=(folder / name).stat().st_size,
            sha256=sha256_of(folder / name),
        )
        for name in sorted(files)
    ]
    manifest = ManifestDocument(job="statue", photos=ManifestPhotos(used=3, dropped=0, registered=3), artifacts=listed)
    write_document(folder / MANIFEST_FILE, manifest)
    record(workspace, StageName.REPORT, made)
    return workspace


def record(workspace: Path, stage: StageName, made: str) -> None:
    """What proves that a stage has completed."""
    outputs = outputs_of(workspace, stage)
    write_record(
        workspace,
        StageRecord(stage=stage, key="k", digest="d", code_version=1, outputs=outputs, completed=made),
    )


def context(workspace: Path, destination: Mapping[str, Any], **changes: Any) -> StageContext:
    """Of the stage that publishes them."""
    spec = {"source": {"uri": "s3://photos/"}, "destination": dict(destination)} | changes.pop("spec", {})
    delivery = Delivery(**{"namespace": "museum", "name": "statue", "uid": "uid-1"} | changes.pop("delivery", {}))
    made = StageContext(
        name=StageName.PUBLISH,
        workspace=workspace,
        spec=ReconstructionJobSpec.model_validate(spec),
        report=lambda _: None,
        stop_requested=lambda: False,
        delivery=delivery,
        **changes,
    )
    made.folder.mkdir(parents=True, exist_ok=True)
    return made


def followed(objects: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that a reader finds who begins with latest.json, each as its manifest says; by path."""
    latest = json.loads(objects[LATEST])
    text = objects[latest["manifest"]]
    assert hashlib.sha256(text).hexdigest() == latest["manifestSha256"]
    found: dict[str, bytes] = {}
    for file in json.loads(text)["artifacts"]:
        content = objects[f"{latest['set']}/{file['name']}"]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["sizeBytes"], file["sha256"]), file["name"]
        found[file["name"]] = content
    return found
