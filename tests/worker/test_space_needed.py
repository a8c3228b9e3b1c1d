"""A stage that there is no room for does not begin."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.space_needed import bytes_needed, bytes_of_photos
from reconstruction_worker.workspace import check_space

PHOTOS, WIDTH, HEIGHT = 800, 1600, 1200


def job_spec(**spec: object) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, **spec})


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "ingest").mkdir()
    images = [{"name": f"{number}.jpg", "width": WIDTH, "height": HEIGHT} for number in range(PHOTOS)]
    (tmp_path / "ingest" / "dataset.json").write_text(json.dumps({"images": images}))
    return tmp_path


def test_poses_need_room_for_features_and_for_photos_without_distortion(workspace: Path) -> None:
    needed = bytes_needed(StageName.POSES, workspace, job_spec())
    assert PHOTOS * (WIDTH * HEIGHT + 8192 * 128) < needed < PHOTOS * (2 * WIDTH * HEIGHT + 2 * 8192 * 152)


def test_a_larger_texture_needs_more_room(workspace: Path) -> None:
    small, large = (
        bytes_needed(StageName.TEXTURE, workspace, job_spec(mesh={"textureSize": size})) for size in (2048, 8192)
    )
    assert large == 16 * small > 16 * 4 * 2048**2


def test_photos_need_room_for_what_they_are_trained_on_for_their_cameras_and_for_the_texture() -> None:
    sizes = [12 * 2**20] * 100
    plain = bytes_of_photos(job_spec(), sizes)
    small = bytes_of_photos(job_spec(images={"maxSidePixels": 640}), sizes)
    original = bytes_of_photos(job_spec(mesh={"textureSource": "Original"}), sizes)
    assert 100 * 0.5e6 < plain < 100 * 2e6
    assert 100 * 0.6e6 < small < plain
    assert original == plain + sum(sizes)


@pytest.mark.parametrize("content", ["", "[]", '{"images": [{"width": "?", "height": 1}]}'])
def test_a_set_that_cannot_be_read_is_told_by_its_own_check(workspace: Path, content: str) -> None:
    (workspace / "ingest" / "dataset.json").write_text(content)
    assert bytes_needed(StageName.POSES, workspace, job_spec()) == 0


def test_the_message_has_both_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=700 * 2**20))
    check_space(tmp_path, "stage poses", 700 * 2**20)
    with pytest.raises(ReconstructionError) as caught:
        check_space(tmp_path, "stage poses", 3 * 2**29)
    assert caught.value.code == "DiskFull"
    assert caught.value.message == "The workspace has 700 MiB left; stage poses needs about 1.5 GiB."
