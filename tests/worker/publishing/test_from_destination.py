"""A job whose workspace is gone is changed: what the published files are enough for is made from them."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.finished_workspace import context, followed, record, results
from reconstruction_api.baseline import explicit
from reconstruction_api.defaults import completed
from reconstruction_api.destination import Destination
from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument, ManifestSubject
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import Export
from reconstruction_api.formats import REPORT_PAGE
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import EARLIER_DESTINATION_PATH
from reconstruction_api.stages import ResourceClass, StageName, graph_of, stages_of
from reconstruction_api.worker import NetworkAccess, WorkerJob
from reconstruction_worker.executor import Outcome, Run, execute
from reconstruction_worker.exporters import splat_ply
from reconstruction_worker.exporters.gaussian_values import Rounding, compare_gaussians
from reconstruction_worker.exporters.registry import exporter_of
from reconstruction_worker.exporters.textured_model import Model
from reconstruction_worker.files import write_document
from reconstruction_worker.from_destination import export, report
from reconstruction_worker.from_destination.published_gaussians import read_gaussians
from reconstruction_worker.from_destination.published_model import best_source, read_model
from reconstruction_worker.pod import delivery_of
from reconstruction_worker.process import StopRequest
from reconstruction_worker.report.numbers import SETTINGS
from reconstruction_worker.stage import Delivery, folder_of
from reconstruction_worker.stages import publish
from tests.worker.exporters.models import figure
from tests.worker.exporters.test_gaussian_formats import scene
from tests.worker.stage_packages import Recorder

from .bucket import Bucket

CLAIM = {"persistentVolumeClaim": {"claimName": "results"}}
GLB, OBJ, SPLAT_PLY = {"format": "GLB"}, {"format": "OBJ"}, {"format": "SplatPLY"}
SPLATS = 1200
"""Of an engine that makes Gaussians, so many."""

Later = Callable[..., None]


def exported(model: Model, folder: Path, entries: list[dict[str, Any]]) -> dict[str, tuple[str, bytes]]:
    """Format and content of each file, by its name."""
    files: dict[str, tuple[str, bytes]] = {}
    for entry in entries:
        wanted, scratch = Export.model_validate(entry), folder / json.dumps(entry).translate({47: None})
        scratch.mkdir(parents=True)
        content = scene(SPLATS) if wanted.format.gaussians else model
        written, _ = exporter_of(wanted.format).written(content, scratch, wanted)
        files |= {path.name: (wanted.format.value, path.read_bytes()) for path in written}
    return files


def spec_of(**fields: Any) -> ReconstructionJobSpec:
    known = {"source": {"uri": "s3://photos/"}, "engine": "nerfacto", "destination": CLAIM}
    return ReconstructionJobSpec.model_validate(known | fields)


def publish_results(
    tmp_path: Path,
    entries: list[dict[str, Any]],
    metres: float | None = None,
    subject: ManifestSubject | None = None,
    beside: Mapping[str, bytes] | None = None,
    **spec: Any,
) -> dict[str, bytes]:
    """What a job has published whose workspace is gone: the figure in these formats, and a report."""
    files = exported(figure(), tmp_path / "scratch", entries)
    contents = {name: content for name, (_, content) in files.items()} | {REPORT_PAGE: b"<p>the page</p>"}
    contents |= beside or {}
    workspace = results(tmp_path / "gone", contents)
    path = folder_of(workspace, StageName.REPORT) / MANIFEST_FILE
    document = ManifestDocument.read(path)
    listed = [
        DeliveredFile(**{**dict(file), "format": files[file.name][0] if file.name in files else file.format})
        for file in document.artifacts
    ]
    written = explicit(completed(spec_of(exports=entries, **spec)))
    settings = {name: written[name] for name in SETTINGS if name in written}
    update = {"artifacts": listed, "settings": settings, "metres_per_unit": metres, "subject": subject}
    write_document(path, document.model_copy(update=update))
    record(workspace, StageName.REPORT, "2026-11-29T20:00:00Z")
    publish.run(context(workspace, CLAIM, delivery={"folder": str(tmp_path / "claim")}))
    return contents


def published(tmp_path: Path) -> Mapping[str, bytes]:
    root = tmp_path / "claim"
    return followed({path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*.*")})


def executed(tmp_path: Path, **fields: Any) -> Outcome:
    """The stages that deliver in a new workspace, for a changed spec, as a pod runs them."""
    spec = spec_of(**fields)
    delivery = Delivery(namespace="museum", name="statue", uid="uid-1", folder=str(tmp_path / "claim"))
    stages = stages_of(ResourceClass.DELIVER, graph_of(spec))
    run = Run(spec=spec, workspace=tmp_path / "new", stages=stages, delivery=delivery)
    return execute(run, Recorder(), StopRequest())


@pytest.fixture
def later(tmp_path: Path) -> Later:
    """The same in this process: exports, report and publication of a changed spec, each time in a new workspace."""
    workspaces = (tmp_path / f"new-{number}" for number in range(9))

    def run(**fields: Any) -> None:
        workspace = next(workspaces)
        for number, stage in enumerate((export, report, publish)):
            made = context(workspace, CLAIM, delivery={"folder": str(tmp_path / "claim")})
            named = replace(made, name=list(ORDER)[number], spec=spec_of(**fields))
            named.folder.mkdir(parents=True, exist_ok=True)
            stage.run(named)
            record(workspace, named.name, f"2026-11-30T20:00:0{number}Z")

    return run


ORDER = (StageName.EXPORT, StageName.REPORT, StageName.PUBLISH)


def refusal(later: Later, **fields: Any) -> str:
    with pytest.raises(ReconstructionError) as raised:
        later(**fields)
    assert raised.value.code == "InputsRemoved"
    return raised.value.message


def test_a_new_format_is_made_from_the_published_model_and_the_rest_stays_as_it_was(tmp_path: Path, later: Later):
    before = publish_results(tmp_path, [GLB, OBJ])
    wanted = [GLB, {"format": "STL"}, {"format": "FBX"}, {"format": "GLB", "name": "web"}]
    outcome = executed(tmp_path, exports=wanted, bundle=True)
    assert outcome.failure is None
    assert [(each.name, each.skipped) for each in outcome.stages] == [
        (StageName.EXPORT, False),
        (StageName.REPORT, False),
        (StageName.BUNDLE, False),
        (StageName.PUBLISH, False),
    ]
    after = published(tmp_path)
    assert after.keys() == {"model.glb", "model.stl", "model.fbx", "web.glb", REPORT_PAGE, "bundle.zip"}
    assert (after["model.glb"], after[REPORT_PAGE]) == (before["model.glb"], before[REPORT_PAGE])
    again = executed(tmp_path, exports=wanted, bundle=True)
    assert all(each.skipped for each in again.stages)


def test_what_is_changed_once_can_be_changed_again(tmp_path: Path, later: Later):
    publish_results(tmp_path, [GLB])
    later(exports=[GLB, {"format": "PLY"}])
    later(exports=[GLB, {"format": "PLY"}, {"format": "USDZ"}])
    assert published(tmp_path).keys() == {"model.glb", "model.ply", "model.usdz", REPORT_PAGE}


@pytest.mark.parametrize(
    ("published_as", "wanted", "words"),
    [
        (GLB, {"format": "SPZ"}, "entry SPZ, needs the Gaussians"),
        (GLB, {"format": "Orthophoto"}, "entry Orthophoto, needs the place on Earth"),
        ({"format": "PLY"}, {"format": "GLB"}, "entry GLB, needs the whole model with its texture"),
    ],
    ids=["Gaussians", "place", "no model"],
)
def test_a_format_that_needs_more_is_refused_and_says_what(
    tmp_path: Path, later: Later, published_as: dict[str, Any], wanted: dict[str, Any], words: str
):
    publish_results(tmp_path, [published_as], metres=2.0, engine="splats")
    before = published(tmp_path)
    assert words in refusal(later, exports=[published_as, wanted], engine="splats")
    assert published(tmp_path) == before


def test_to_another_destination_go_the_files_of_the_one_before(tmp_path: Path):
    before = publish_results(tmp_path, [GLB, OBJ])
    spec = spec_of(destination={"persistentVolumeClaim": {"claimName": "elsewhere"}}, exports=[GLB, {"format": "STL"}])
    delivery = Delivery(
        namespace="museum",
        name="statue",
        uid="uid-1",
        folder=str(tmp_path / "elsewhere"),
        earlier=spec_of().destination,
        earlier_folder=str(tmp_path / "claim"),
    )
    stages = stages_of(ResourceClass.DELIVER, graph_of(spec))
    run = Run(spec=spec, workspace=tmp_path / "new", stages=stages, delivery=delivery)
    assert execute(run, Recorder(), StopRequest()).failure is None
    place = tmp_path / "elsewhere"
    after = followed({path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*.*")})
    assert after.keys() == {"model.glb", "model.stl", REPORT_PAGE}
    assert after["model.glb"] == before["model.glb"]


def test_the_secret_of_the_earlier_destination_opens_it_and_no_other_does(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    publish_results(tmp_path, [GLB])
    earlier = {"uri": "s3://assets/{namespace}/{name}/", "secretName": "assets-write"}
    publish.run(context(tmp_path / "gone", earlier))
    secret = tmp_path / "secret"
    secret.mkdir()
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        (secret / name).write_text(bucket.address.replace("0.0.0.0", "127.0.0.1") if "URL" in name else "museum")
        monkeypatch.delenv(name)
    spec = spec_of(exports=[GLB])
    order = WorkerJob(
        namespace="museum",
        name="statue",
        uid="uid-1",
        attempt=1,
        resource_class=ResourceClass.DELIVER,
        spec=spec,
        earlier_destination=Destination.model_validate(earlier),
    )
    delivery = delivery_of(order, tmp_path / "elsewhere")
    assert delivery is not None and delivery.earlier_folder is None
    run = Run(
        spec=spec,
        workspace=tmp_path / "new",
        stages=stages_of(ResourceClass.DELIVER, graph_of(spec)),
        delivery=delivery,
        network=NetworkAccess(allow=["127.0.0.1/32"]),
        earlier_credentials=secret,
    )
    assert execute(run, Recorder(), StopRequest()).failure is None
    assert (tmp_path / "elsewhere" / "latest.json").exists()


def test_a_claim_that_was_the_destination_is_mounted_beside_the_new_one():
    order = WorkerJob(
        namespace="museum",
        name="statue",
        uid="uid-1",
        attempt=1,
        resource_class=ResourceClass.DELIVER,
        spec=spec_of(),
        earlier_destination=Destination.model_validate(CLAIM),
    )
    delivery = delivery_of(order, Path("/destination"))
    assert delivery is not None
    assert (delivery.folder, delivery.earlier_folder) == ("/destination", EARLIER_DESTINATION_PATH)


def test_formats_of_gaussians_are_made_from_those_that_were_published_in_full(tmp_path: Path, later: Later):
    before = publish_results(tmp_path, [SPLAT_PLY], engine="splats")
    wanted = [SPLAT_PLY, {"format": "SPZ"}, {"format": "SplatGLB", "maxSplats": SPLATS}]
    later(exports=wanted, engine="splats")
    after = published(tmp_path)
    assert after.keys() == {"splats.ply", "splats.spz", "splats.glb", REPORT_PAGE}
    assert after["splats.ply"] == before["splats.ply"]
    with pytest.raises(ReconstructionError, match="entry SOG, needs the camera poses, to choose 1,000 of the 1,200"):
        later(exports=[*wanted, {"format": "SOG", "maxSplats": 1000}], engine="splats")
    assert published(tmp_path) == after


def test_gaussians_of_another_region_are_not_those_that_were_published(tmp_path: Path, later: Later):
    publish_results(tmp_path, [SPLAT_PLY | {"splats": "AtMesh"}], engine="splats")
    said = refusal(later, exports=[{"format": "SPZ"}], engine="splats")
    assert "entry SPZ, needs the Gaussians that the engine has trained, which SplatPLY" in said
    later(exports=[{"format": "SPZ", "splats": "AtMesh"}], engine="splats")
    assert published(tmp_path).keys() == {"splats.spz", REPORT_PAGE}


@pytest.mark.parametrize("antialiased", [True, False])
@pytest.mark.parametrize("coefficients", [1, 4, 16])
def test_gaussians_are_read_back_as_they_were_written(tmp_path: Path, coefficients: int, antialiased: bool):
    meant = replace(scene(50, coefficients), antialiased=antialiased)
    (path,) = splat_ply.write(meant, tmp_path)
    exact = Rounding(position=0, log_scale=1e-6, turn=0, opacity=1e-6, colour=0, harmonics=0)
    compare_gaussians(path.name, read_gaussians(path), meant, exact)


def test_without_a_map_its_formats_need_only_the_model(tmp_path: Path, later: Later):
    publish_results(tmp_path, [GLB])
    later(exports=[GLB, {"format": "DSM"}, {"format": "SPLAT", "maxSplats": 1000}])
    assert published(tmp_path).keys() == {"model.glb", "dsm.tif", "splats.ply", REPORT_PAGE}


def test_what_is_not_an_export_is_refused_by_the_name_of_its_field(tmp_path: Path, later: Later):
    publish_results(tmp_path, [GLB])
    said = refusal(later, exports=[GLB], mesh={"targetFaces": 500}, report={"audience": "Public"})
    assert "spec.mesh.targetFaces, spec.report asks for" in said


TURNED = {"frames": 6, "width": 96, "height": 64, "outputs": ["Frames", "Poster"]}


def frames_of(files: Mapping[str, bytes]) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(files["turntable-frames.zip"])) as archive:
        return [archive.read(name) for name in sorted(archive.namelist())]


def height_of_the_model(files: Mapping[str, bytes]) -> int:
    """In the first frame, in pixels."""
    with Image.open(io.BytesIO(frames_of(files)[0])) as frame:
        box = frame.getchannel("A").getbbox()
    return box[3] - box[1] if box else 0


def test_a_turntable_of_a_published_model_shows_it_large_whatever_its_unit(tmp_path: Path):
    publish_results(tmp_path, [GLB], metres=4.0)
    two_frames = TURNED | {"frames": 2, "outputs": ["Frames"]}
    assert executed(tmp_path, exports=[GLB], turntable=two_frames).failure is None
    assert height_of_the_model(published(tmp_path)) > 20


def test_a_turntable_is_rendered_from_the_published_model_and_replaced_by_another(tmp_path: Path):
    before = publish_results(tmp_path, [GLB])
    assert executed(tmp_path, exports=[GLB], turntable=TURNED).failure is None
    first = published(tmp_path)
    assert first.keys() == {"model.glb", "turntable-frames.zip", "turntable-poster.png", REPORT_PAGE}
    assert first[REPORT_PAGE] == before[REPORT_PAGE]
    shown = frames_of(first)
    assert len(shown) == 6 == len(set(shown))
    assert height_of_the_model(first) > 20
    shutil.rmtree(tmp_path / "new")
    again = executed(tmp_path, exports=[GLB], turntable=TURNED)
    assert {each.name: each.message for each in again.stages}[StageName.RENDER] == "as it was published"
    assert published(tmp_path) == first
    shutil.rmtree(tmp_path / "new")
    assert executed(tmp_path, exports=[GLB], turntable=TURNED | {"outputs": ["Poster"]}).failure is None
    assert published(tmp_path).keys() == {"model.glb", "turntable-poster.png", REPORT_PAGE}
    shutil.rmtree(tmp_path / "new")
    assert executed(tmp_path, exports=[GLB]).failure is None
    assert published(tmp_path).keys() == {"model.glb", REPORT_PAGE}


def test_what_the_camera_looked_at_is_known_from_the_manifest(tmp_path: Path):
    publish_results(tmp_path, [GLB])
    executed(tmp_path, exports=[GLB], turntable=TURNED)
    whole = frames_of(published(tmp_path))
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    seen = ManifestSubject(centre=(0.0, 0.0, 0.0), radius=0.2, field_of_view_degrees=30)
    publish_results(tmp_path, [GLB], subject=seen)
    executed(tmp_path, exports=[GLB], turntable=TURNED)
    near = frames_of(published(tmp_path))
    covered = [
        np.asarray(Image.open(io.BytesIO(frame)).getchannel("A")).astype(bool).mean() for frame in (whole[0], near[0])
    ]
    assert covered[1] > covered[0]


@pytest.mark.parametrize(
    ("turntable", "engine", "words"),
    [
        ({}, "splats", "spec.turntable.renderer Auto shows what the engine has trained"),
        ({"renderer": "Field"}, "nerfacto", "spec.turntable.renderer Field shows what the engine has trained"),
        ({"path": "Photos"}, "nerfacto", "spec.turntable.path Photos needs the camera poses of the photos"),
        (
            {"path": "File", "pathFile": {"configMapName": "a", "key": "b", "coordinates": "Provided"}},
            "nerfacto",
            "spec.turntable.pathFile.coordinates Provided needs the camera poses",
        ),
    ],
    ids=["Gaussians", "field", "photos", "provided poses"],
)
def test_a_turntable_that_needs_more_than_the_model_is_refused(
    tmp_path: Path, turntable: dict[str, Any], engine: str, words: str
):
    publish_results(tmp_path, [GLB], engine=engine)
    failure = executed(tmp_path, exports=[GLB], turntable=TURNED | turntable, engine=engine).failure
    assert failure is not None and failure.code == "InputsRemoved"
    assert words in failure.message
    if engine == "splats":
        mesh = TURNED | {"renderer": "Mesh"}
        assert executed(tmp_path, exports=[GLB], turntable=mesh, engine=engine).failure is None


def test_nothing_there_and_another_jobs_results_are_told_apart(tmp_path: Path, later: Later):
    (tmp_path / "claim").mkdir()
    assert "no results of the job at 'pvc://results/'" in refusal(later, exports=[GLB])
    publish_results(tmp_path, [GLB])
    latest = tmp_path / "claim" / "latest.json"
    latest.write_text(latest.read_text().replace("uid-1", "uid-2"))
    assert "results of another job" in refusal(later, exports=[GLB])


def test_a_file_that_was_changed_at_the_destination_is_not_built_on(tmp_path: Path, later: Later):
    publish_results(tmp_path, [GLB])
    (model,) = (tmp_path / "claim").rglob("model.glb")
    model.write_bytes(model.read_bytes()[:-4] + b"\1\1\1\1")
    with pytest.raises(ReconstructionError, match=r"model\.glb at 'pvc://results/' is not what") as raised:
        later(exports=[GLB, {"format": "STL"}])
    assert raised.value.code == "ArtifactStoreError"


@pytest.mark.parametrize(
    ("entry", "within"),
    [
        ({"format": "GLB"}, 0),
        ({"format": "GLTF", "textureFormat": "PNG"}, 0),
        ({"format": "OBJ"}, 1e-5),
        ({"format": "GLB", "compression": "Quantized"}, 1e-3),
        ({"format": "GLB", "compression": "Meshopt"}, 1e-3),
        ({"format": "GLB", "compression": "Draco"}, 1e-3),
    ],
    ids=str,
)
def test_the_model_is_read_back_as_it_was_written(tmp_path: Path, entry: dict[str, Any], within: float):
    model, written = figure(), Export.model_validate(entry)
    exporter_of(written.format).written(model, tmp_path, written)
    read = read_model(tmp_path, written, metric=False)
    corners = [
        np.concatenate([each.vertices[each.faces], each.normals[each.faces], each.uv[each.faces]], axis=2)
        for each in (model, read)
    ]
    # Some encoders have an order of their own.
    expected, found = (each.reshape(len(each), -1)[np.lexsort(each[:, :, :3].sum(1).round(2).T)] for each in corners)
    assert len(expected) == len(found)
    triangles = [np.sort(each[:, :, :3].mean(axis=1).round(2), axis=0) for each in corners]
    assert np.allclose(*triangles, atol=max(within, 1e-6))
    if written.chosen_compression.value in ("None", "Quantized"):
        assert np.allclose(expected, found, atol=max(within * 10, 1e-6))
    assert np.abs(read.texture.astype(int) - model.texture).mean() < 3


def test_the_file_that_has_lost_least_is_read():
    entries = [
        {"format": "STL"},
        {"format": "GLB", "name": "small", "targetFaces": 500},
        {"format": "GLB", "name": "draco", "compression": "Draco"},
        {"format": "GLB"},
        {"format": "OBJ"},
    ]
    exports = [Export.model_validate(each) for each in entries]
    assert [getattr(best_source(exports[:count]), "label", None) for count in range(1, 6)] == [
        None,
        None,
        "draco",
        "GLB",
        "OBJ",
    ]


def test_of_several_engines_all_files_stay_and_what_is_new_is_made_from_the_best_ones_model(tmp_path: Path) -> None:
    several: dict[str, Any] = {"engine": None, "engines": ["nerfacto", "splats"]}
    of_each = {f"engines/{name}/model.glb": name.encode() * 9 for name in several["engines"]}
    publish_results(tmp_path, [GLB], beside=of_each, **several)
    outcome = executed(tmp_path, exports=[GLB, OBJ], **several)
    assert outcome.failure is None, outcome.failure
    files = published(tmp_path)
    assert {"model.glb", "model.obj", REPORT_PAGE, *of_each} <= files.keys()
    assert {name: files[name] for name in of_each} == of_each
