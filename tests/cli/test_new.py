"""A job for a folder of photos."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from tests.cli.conftest import Recon
from tests.worker.ingest.photos import encoded, picture, write_photos
from tests.worker.ingest.test_camera_formats import HEIC, write_dng
from tests.worker.ingest.videos import write_video

from reconstruction_api.images import DepthPolicy
from reconstruction_api.mesh import TextureSource
from reconstruction_api.poses import PoseMethod
from reconstruction_api.validation import parse_job


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "My Statue (2024)"
    write_photos(folder, 5)
    return folder


def test_the_job_is_valid_and_names_the_photos_from_where_it_lies(recon: Recon, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "jobs" / "statue.yaml"
    out.parent.mkdir()
    answer = recon("new", photos, "--out", out)
    assert answer.status == 0
    assert "5 photos (5 JPEG), longer side 320 pixels" in answer.out
    job = parse_job(out.read_text())
    assert job.metadata.name == "my-statue-2024"
    assert job.spec.source.uri == "../My Statue (2024)"
    assert job.spec.images.max_side_pixels == 320
    assert job.spec.engine == "splats"
    assert job.spec.mesh.texture_source is None  # none of the photos is made smaller


@pytest.mark.parametrize(
    ("gpu", "count", "steps", "seconds"), [(True, 12, 5000, None), (True, 5, None, None), (False, 12, None, 300)]
)
def test_without_a_gpu_the_training_gets_a_time_instead_of_steps(
    gpu: bool,
    count: int,
    steps: int | None,
    seconds: int | None,
    recon: Recon,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_photos(photos, count)
    device = tmp_path / "nvidia0"
    if gpu:
        device.touch()
    monkeypatch.setattr("reconstruction_cli.new_job._GPU", device)
    recon("new", photos, "--out", tmp_path / "job.yaml")
    training = parse_job((tmp_path / "job.yaml").read_text()).spec.training
    assert (training.steps, training.time_budget_seconds) == (steps, seconds)


def test_the_texture_of_large_photos_is_from_the_originals(recon: Recon, photos: Path, tmp_path: Path) -> None:
    (photos / "large.jpg").write_bytes(encoded(picture(9, 2000, 1500), "JPEG"))
    recon("new", photos, "--out", tmp_path / "job.yaml")
    assert parse_job((tmp_path / "job.yaml").read_text()).spec.mesh.texture_source is TextureSource.ORIGINAL


def test_focal_lengths_are_not_missed_where_poses_bring_them(recon: Recon, photos: Path, tmp_path: Path) -> None:
    assert "focal length known for 0 of 5" in recon("new", photos, "--out", tmp_path / "one.yaml").out
    (photos / "transforms.json").write_text("{}")
    assert "focal length" not in recon("new", photos, "--out", tmp_path / "two.yaml").out


def test_what_is_wrong_with_photos_is_said_before_anything_runs(recon: Recon, photos: Path, tmp_path: Path) -> None:
    (photos / "text.jpg").write_text("text")
    (photos / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (photos / "transforms.json").write_text("{}")
    answer = recon("new", photos, "--out", tmp_path / "job.yaml")
    assert "will be left out: text.jpg is not an image" in answer.out
    assert "will be left out: cut.png is damaged" in answer.out
    assert parse_job((tmp_path / "job.yaml").read_text()).spec.poses.method is PoseMethod.PROVIDED


def test_depth_maps_are_counted_by_the_photos_they_belong_to(recon: Recon, photos: Path, tmp_path: Path) -> None:
    (photos / "depth").mkdir()
    for name in ("p0", "p1", "another"):
        (photos / "depth" / f"{name}.png").touch()
    answer = recon("new", photos, "--out", tmp_path / "job.yaml")
    assert "2 with a depth map" in answer.out
    assert "depth: Auto" in (tmp_path / "job.yaml").read_text()
    assert parse_job((tmp_path / "job.yaml").read_text()).spec.images.depth is DepthPolicy.AUTO


def test_an_archive_is_looked_into(recon: Recon, photos: Path, tmp_path: Path) -> None:
    archive = tmp_path / "statue.v2.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in photos.iterdir():
            file.write(path, path.name)
    assert recon("new", archive, "--out", tmp_path / "job.yaml").status == 0
    assert parse_job((tmp_path / "job.yaml").read_text()).metadata.name == "statue"


def test_a_video_is_as_good_as_photos(recon: Recon, tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    folder.mkdir()
    write_video(folder / "walk.mp4", 30)
    (folder / "cut.mp4").write_bytes((folder / "walk.mp4").read_bytes()[:200])
    answer = recon("new", folder, "--out", tmp_path / "job.yaml")
    assert answer.status == 0
    assert "1 video, longer side 192 pixels" in answer.out
    assert "will be left out: cut.mp4 can't be decoded" in answer.out
    assert parse_job((tmp_path / "job.yaml").read_text()).spec.images.video_frames == 120
    assert "videoFrames: 120" in (tmp_path / "job.yaml").read_text()


def test_photos_of_phones_and_cameras_are_counted(recon: Recon, photos: Path, tmp_path: Path) -> None:
    shutil.copy(HEIC, photos / "phone.heic")
    write_dng(photos / "camera.dng")
    answer = recon("new", photos, "--out", tmp_path / "job.yaml")
    assert "7 photos (5 JPEG, 1 raw camera, 1 HEIF)" in answer.out
    assert "left out" not in answer.out


def test_a_file_that_exists_is_not_overwritten_by_accident(recon: Recon, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "job.yaml"
    out.write_text("mine")
    assert recon("new", photos, "--out", out).status == 2
    assert out.read_text() == "mine"
    assert recon("new", photos, "--out", out, "--force").status == 0


def test_a_folder_without_photos_is_refused(recon: Recon, tmp_path: Path) -> None:
    answer = recon("new", tmp_path, "--out", tmp_path / "job.yaml")
    assert answer.status == 2
    assert "ImageCountOutOfRange" in answer.err
