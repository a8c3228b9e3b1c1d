"""Several engines on the report: files of each under paths that depend on no result, and a comparison."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconstruction_api.documents.engines import FILE, EnginesDocument, EngineStanding
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.quality import Verdict
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Failure
from reconstruction_worker.files import write_document
from reconstruction_worker.records import StageRecord, outputs_of, write_record
from reconstruction_worker.side_by_side.failed import Failed
from reconstruction_worker.side_by_side.workspaces import workspace_of
from reconstruction_worker.stages import report

from .workspaces import context_of, finished

NAMES = ("splats", "nerfacto", "vanilla-nerf")
BROKEN = Failure(
    code="EmptyMesh",
    category="Model",
    message="IMG_0003.png shows nothing.",
    suggestion="",
    retryable=False,
    stage="mesh",
)


def several(workspace: Path, **fields: object) -> ReconstructionJobSpec:
    """A finished job of which the second of three engines is the best, and the third has failed."""
    one = finished(workspace, "GLB", "OBJ")
    spec = one.model_copy(update={"engine": None, "engines": list(NAMES), **fields})
    for name in NAMES[:2]:
        own = workspace_of(workspace, name)
        for stage in ("texture", "mesh", "evaluate", "export"):
            shutil.copytree(workspace / stage, own / stage)
        for stage in (StageName.TEXTURE, StageName.EXPORT):
            outputs = outputs_of(own, stage)
            write_record(own, StageRecord(stage=stage, key="k", digest="d", code_version=1, outputs=outputs))
    failed = workspace_of(workspace, NAMES[2])
    failed.mkdir(parents=True)
    text = Failed(key="k", stage=StageName.MESH, failure=BROKEN).model_dump_json(by_alias=True)
    (failed / "failed.json").write_text(text)
    standings = [
        EngineStanding(name="splats", verdict=Verdict.WARN, psnr=24.25, seconds=30.0, faces=2000),
        EngineStanding(name="nerfacto", verdict=Verdict.PASS, psnr=27.0, seconds=90.0, faces=2000),
        EngineStanding(name="vanilla-nerf"),
    ]
    document = EnginesDocument(best="nerfacto", why="it alone has the verdict pass", engines=standings)
    write_document(workspace / "evaluate" / FILE, document)
    return spec


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("workspace")
    context = context_of(StageName.REPORT, workspace, several(workspace))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconstruction_worker.report.preview.PANEL", 60)
        report.run(context)
    return context.folder


def test_each_engine_has_its_files_in_a_folder_and_the_best_ones_are_without_one(artifacts: Path) -> None:
    manifest = ManifestDocument.read(artifacts / "manifest.json")
    names = {file.name for file in manifest.artifacts}
    for name in ("splats", "nerfacto"):
        assert {f"engines/{name}/{file}" for file in ("model.glb", "model.obj", "model.mtl", "quality.json")} <= names
    assert {"model.glb", "model.obj", "report.html"} <= names
    assert not any(name.startswith("engines/vanilla-nerf") for name in names)
    for file in manifest.artifacts:
        assert (artifacts / file.name).stat().st_size == file.size_bytes
    glb = next(file for file in manifest.artifacts if file.name == "engines/splats/model.glb")
    assert (glb.format, glb.media_type) == ("GLB", "model/gltf-binary")
    present = {path.relative_to(artifacts).as_posix() for path in artifacts.rglob("*") if path.is_file()}
    assert present == names | {"manifest.json"}


def test_the_manifest_says_what_each_has_come_to(artifacts: Path) -> None:
    manifest = json.loads((artifacts / "manifest.json").read_text())
    assert manifest["engines"]["best"] == "nerfacto"
    assert [each.get("psnr") for each in manifest["engines"]["engines"]] == [24.25, 27.0, None]
    assert manifest["engines"]["engines"][2]["failure"]["code"] == "EmptyMesh"
    assert manifest["settings"]["engines"] == list(NAMES) and "engine" not in manifest["settings"]


def test_the_page_compares_them(artifacts: Path) -> None:
    page = (artifacts / "report.html").read_text()
    section = page[page.index("Engines side by side") :]
    section = section[: section.index("</section>")]
    assert "nerfacto: it alone has the verdict pass" in section
    assert section.count('<span class="pill pass">best</span>') == 1
    for text in (
        "24.25 dB",
        "27.00 dB",
        "1.000",
        "2,000",
        "1 min 30 s",
        "engines/splats/",
        "IMG_0003.png shows nothing",
    ):
        assert text in section, text
    assert section.count("data:image/jpeg;base64,") == 2


def test_a_public_report_quotes_no_failure_and_no_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconstruction_worker.report.preview.PANEL", 60)
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "report": {"audience": "Public"}})
    context = context_of(StageName.REPORT, tmp_path, several(tmp_path, report=spec.report))
    report.run(context)
    assert not (context.folder / "engines" / "splats" / "quality.json").exists()
    for name in ("report.html", "manifest.json"):
        assert "IMG_0003" not in (context.folder / name).read_text()
