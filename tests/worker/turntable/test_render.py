"""Stage `render`: frames that an interruption neither loses nor changes, and what is made of them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.ffmpeg_program import ENV_FFMPEG
from reconstruction_worker.quality.metrics import ssim
from reconstruction_worker.stage import StageContext, Stopped
from reconstruction_worker.stages import render, report, train
from tests.worker.report.workspaces import context_of, finished

FRAMES = 12
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished workspace without a turntable."""
    workspace = tmp_path_factory.mktemp("ball")
    finished(workspace, "GLB")
    return workspace


@pytest.fixture
def workspace(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "workspace"))


def spec_of(**turntable: Any) -> ReconstructionJobSpec:
    settings = {"frames": FRAMES, "width": 96, "height": 64, **turntable}
    return ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "turntable": settings})


def run(workspace: Path, **turntable: Any) -> str:
    return render.run(context_of(StageName.RENDER, workspace, spec_of(**turntable))).message


def frames(workspace: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((workspace / "render" / "frames").glob("*.png"))]


def test_every_output_is_delivered_with_the_report(workspace: Path) -> None:
    assert run(workspace) == "12 frames of 96 x 64 from mesh"
    spec = spec_of()
    report.run(context_of(StageName.REPORT, workspace, spec))
    delivered = workspace / "artifacts"
    with zipfile.ZipFile(delivered / "turntable-frames.zip") as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in sorted(archive.namelist())] == frames(workspace)
    with Image.open(delivered / "turntable.webp") as film:
        assert (getattr(film, "n_frames", 1), film.size) == (FRAMES, (96, 64))
    with Image.open(delivered / "turntable-poster.png") as poster:
        assert (poster.mode, poster.size) == ("RGBA", (96, 64))
    assert Image.open(delivered / "turntable-sheet.png").size[0] > 6 * 240
    listed = {each["name"]: each for each in json.loads((delivered / "manifest.json").read_text())["artifacts"]}
    assert listed["turntable.webp"]["mediaType"] == "image/webp"
    assert listed["turntable-frames.zip"]["format"] == "Turntable"
    assert "<h2>Turntable</h2>" in (delivered / "report.html").read_text()


def test_a_report_without_a_turntable_does_not_speak_of_it(workspace: Path) -> None:
    run(workspace)
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}})
    report.run(context_of(StageName.REPORT, workspace, spec))
    assert not list((workspace / "artifacts").glob("turntable*"))
    assert "<h2>Turntable</h2>" not in (workspace / "artifacts" / "report.html").read_text()


def test_the_subject_is_there_and_all_around_is_transparent(workspace: Path) -> None:
    run(workspace, outputs=["Poster"])
    pixels = np.asarray(Image.open(workspace / "render" / "frames" / "00003.png"))
    assert pixels[32, 48, 3] == 255
    assert (pixels[[0, -1], :, 3] == 0).all()


def test_a_background_is_opaque(workspace: Path) -> None:
    run(workspace, outputs=["Poster"], background="#ff8000")
    pixels = np.asarray(Image.open(workspace / "render" / "turntable-poster.png"))
    assert (pixels[..., 3] == 255).all()
    assert pixels[0, 0].tolist() == [255, 128, 0, 255]


@pytest.mark.parametrize("stopped_after", [0, 1, 7, 11])
def test_an_interrupted_run_renders_no_frame_twice(
    workspace: Path, stopped_after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(workspace, outputs=["Poster"])
    expected = frames(workspace)
    shutil.rmtree(workspace / "render")
    asked, rendered = [0], []

    def stop_requested() -> bool:
        asked[0] += 1
        return asked[0] > stopped_after + 2

    context = context_of(StageName.RENDER, workspace, spec_of(outputs=["Poster"]))
    stopping = StageContext(context.name, workspace, context.spec, context.report, stop_requested)
    with pytest.raises(Stopped):
        render.run(stopping)
    there = len(frames(workspace))
    assert there in (stopped_after, stopped_after + 1)
    from reconstruction_worker.stages.render import show_mesh

    def counting(model: Any) -> Any:
        show = show_mesh(model)
        return lambda camera: (rendered.append(camera), show(camera))[1]

    monkeypatch.setattr("reconstruction_worker.stages.render.show_mesh", counting)
    assert render.run(context).message.endswith(f"{there} were there" if there else "from mesh")
    assert len(rendered) == FRAMES - there
    assert frames(workspace) == expected


@pytest.mark.parametrize("damage", [lambda data: data[:-40], lambda data: data[:60] + b"\0" + data[61:], lambda _: b""])
def test_a_damaged_frame_is_rendered_again(workspace: Path, damage: Any) -> None:
    run(workspace, outputs=["Poster"])
    expected = frames(workspace)
    file = workspace / "render" / "frames" / "00004.png"
    file.write_bytes(damage(file.read_bytes()))
    assert run(workspace, outputs=["Poster"]).endswith(", 11 were there")
    assert frames(workspace) == expected


@needs_ffmpeg
@pytest.mark.parametrize(("output", "pixels"), [("WebM", "yuv"), ("MP4", "yuv420p")])
def test_films_have_all_frames(workspace: Path, output: str, pixels: str) -> None:
    run(workspace, outputs=[output], width=97, framesPerSecond=24)
    film = next((workspace / "render").glob("turntable.*[4m]"))
    probe = [
        "ffprobe",
        "-v",
        "error",
        "-count_frames",
        "-select_streams",
        "v",
        "-of",
        "json",
        "-show_streams",
        str(film),
    ]
    stream = json.loads(subprocess.run(probe, capture_output=True, check=True, text=True).stdout)["streams"][0]
    assert int(stream["nb_read_frames"]) == FRAMES
    assert stream["r_frame_rate"] == "24/1"
    assert stream["pix_fmt"].startswith(pixels)
    if output == "WebM":
        assert stream["tags"]["alpha_mode"] == "1"


@needs_ffmpeg
@pytest.mark.parametrize("output", ["WebM", "MP4"])
def test_a_film_shows_what_its_frames_show(workspace: Path, output: str) -> None:
    run(workspace, outputs=[output], width=256, height=256, background="#ffffff")
    film = next((workspace / "render").glob("turntable.*[4m]"))
    shown = workspace / "shown"
    shown.mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", str(film), str(shown / "%05d.png")], check=True)
    decoded = sorted(shown.glob("*.png"))
    written = sorted((workspace / "render" / "frames").glob("*.png"))
    assert len(decoded) == len(written) == FRAMES
    alike = [ssim(brightness(one), brightness(other)) for one, other in zip(decoded, written, strict=True)]
    assert min(alike) >= 0.98, alike


def brightness(file: Path) -> np.ndarray:
    """Films have half as many colours as pixels along each side, which the painted ball's, of all hues, suffer from."""
    with Image.open(file) as image:
        return np.asarray(image.convert("L").convert("RGB")) / 255


def test_a_film_without_ffmpeg_is_refused_with_a_way_out(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_FFMPEG, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReconstructionError, match="WebM needs ffmpeg") as caught:
        run(workspace, outputs=["Frames", "WebM"])
    assert caught.value.code == "InvalidSpec"
    assert not (workspace / "render" / "frames").exists()


def test_splats_of_an_engine_without_any_are_refused(workspace: Path) -> None:
    with pytest.raises(ReconstructionError, match="the engine nerfacto makes no Gaussians"):
        run(workspace, renderer="Splats")


@pytest.mark.parametrize("turntable", [{"outputs": ["MP4"]}, {"renderer": "Splats"}])
def test_what_can_not_be_rendered_is_refused_before_training(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, turntable: dict[str, Any]
) -> None:
    monkeypatch.delenv(ENV_FFMPEG, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReconstructionError, match=r"spec\.turntable"):
        train.run(context_of(StageName.TRAIN, workspace, spec_of(**turntable)))


PATH = {"path": "File", "pathFile": {"configMapName": "tour", "key": "tour.json"}, "outputs": ["Poster"]}
TOUR = [{"position": [x, -3, 1], "lookAt": [0, 0, 0], "fieldOfViewDegrees": 40} for x in (-1, 1)]


def with_path(workspace: Path, folder: Path, **file: str) -> StageContext:
    spec = spec_of(**PATH | {"pathFile": PATH["pathFile"] | file})
    return replace(context_of(StageName.RENDER, workspace, spec), camera_path=folder)


def test_the_camera_goes_where_a_file_says(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "tour.json").write_text(json.dumps(TOUR))
    assert render.run(with_path(workspace, tmp_path)).message == "12 frames of 96 x 64 from mesh"
    first, *_, last = frames(workspace)
    assert first != last
    assert all(Image.open(io.BytesIO(frame)).getchannel("A").getextrema()[1] == 255 for frame in (first, last))


def test_a_path_file_that_is_not_there_is_missed_by_name(workspace: Path, tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match=r"no entry 'tour\.json' of ConfigMap 'tour'") as caught:
        render.run(with_path(workspace, tmp_path))
    assert caught.value.code == "InvalidSpec"
    assert "kubectl create configmap tour --from-file=tour.json=FILE" in caught.value.suggestion


def test_coordinates_of_provided_poses_need_provided_poses(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "tour.json").write_text(json.dumps(TOUR))
    registration = workspace / "poses" / "registration.json"
    said = json.loads(registration.read_text())
    registration.write_text(json.dumps(said | {"method": "structureFromMotion"}))
    with pytest.raises(ReconstructionError, match="the photos came without camera poses"):
        render.run(with_path(workspace, tmp_path, coordinates="Provided"))
    registration.write_text(json.dumps(said | {"method": "provided"}))
    transforms = workspace / "poses" / "transforms.json"
    there = json.loads(transforms.read_text()) | {"worldFromModel": np.diag([0.5, 0.5, 0.5, 1]).tolist()}
    transforms.write_text(json.dumps(there))
    render.run(with_path(workspace, tmp_path, coordinates="Provided"))
    near = frames(workspace)
    half = [pose | {"position": [value / 2 for value in pose["position"]]} for pose in TOUR]
    (tmp_path / "tour.json").write_text(json.dumps(half))
    shutil.rmtree(workspace / "render")
    render.run(with_path(workspace, tmp_path))
    assert frames(workspace) == near
