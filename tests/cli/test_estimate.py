"""`recon estimate` says what a job takes, and what each number rests on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_cli.estimating.estimate import estimate
from reconstruction_cli.estimating.rates import GUESSED_CPU, Sample, rate_of, samples_in
from reconstruction_cli.estimating.work import Work
from reconstruction_cli.main import recon

JOB = {
    "apiVersion": "reconstruction.dev/v1alpha1",
    "kind": "ReconstructionJob",
    "metadata": {"name": "statue"},
    "spec": {"source": {"uri": "photos"}, "engine": "splats", "training": {"steps": 1000}},
}
PROFILE = {
    "apiVersion": "reconstruction.dev/v1alpha1",
    "kind": "ClusterReconstructionProfile",
    "metadata": {"name": "production"},
    "spec": {
        "engines": [{"name": "splats", "image": "registry/worker:1"}],
        "gpu": {"limits": {"nvidia.com/gpu": "1", "memory": "1Gi"}},
        "workspace": {"size": "100Mi"},
        "prices": {"currency": "EUR", "cpuHour": "0.10", "gpuHour": "3.60"},
    },
}
WORK = Work(photos=10, megapixels=1.0, steps=1000, frames=0, exports=1)


def write(folder: Path, name: str, document: dict[str, Any]) -> Path:
    (folder / name).write_text(yaml.safe_dump(document))
    return folder / name


@pytest.fixture
def job(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(6):
        Image.effect_noise((200, 150), 60 + index).convert("RGB").save(photos / f"{index}.jpg")
    return write(tmp_path, "job.yaml", JOB)


def test_the_originals_that_a_texture_wants_are_counted() -> None:
    def disk(side: int, **spec: Any) -> int:
        found = estimate(ReconstructionJobSpec.model_validate({**JOB["spec"], **spec}), 100, side, [])
        return found.disk_bytes

    wanted = {"mesh": {"textureSource": "Original"}}
    assert disk(1600, **wanted) == disk(1600)
    assert disk(8000, **wanted) - disk(8000) == pytest.approx(100 * 0.6 * 48e6)
    small = {"images": {"maxSidePixels": 640}}
    assert disk(640, **small) < disk(1600, **small) == disk(8000, **small)


def asked(job: Path, *options: str) -> Result:
    found = CliRunner().invoke(
        recon,
        ["estimate", str(job), "--no-cluster", "--results", str(job.parent / "out"), *options],
        catch_exceptions=False,
    )
    return found


def finished(folder: Path, name: str, **changes: Any) -> None:
    """The manifest of a job that has trained 500 steps in 50 seconds."""
    beside = {"settingsDigest": "0" * 64, "message": "", "libraries": {}}
    stages = [
        {"name": "train", "seconds": 50.0, "peakMemoryBytes": 3 << 30, **beside},
        {"name": "texture", "seconds": 8.0, "peakMemoryBytes": 1 << 20, **beside},
    ]
    document = {
        "job": name,
        "source": {"digest": "", "sha256": []},
        "versions": {},
        "artifacts": [],
        "engine": {"name": "splats", "device": "cpu", "steps": 500},
        "photos": {"used": 20, "dropped": 0, "registered": 20},
        "settings": {"training": {"steps": 500}},
        "stages": stages,
    }
    (folder / name).mkdir(parents=True)
    (folder / name / "manifest.json").write_text(json.dumps(document | changes))


def test_photos_are_counted_and_guesses_called_so(job: Path) -> None:
    text = asked(job).output
    assert "6 photos (6 JPEG), longer side 200 pixels" in text
    assert "On this machine, without a GPU" in text
    rows = [line for line in text.splitlines() if "a guess" in line]
    assert any("Training" in line and "1 min 45 s" in line for line in rows), text
    assert "Turntable" not in text, "none is asked for"


def test_finished_jobs_tell_the_time_of_the_stages_they_ran(job: Path) -> None:
    finished(job.parent / "out", "earlier")
    text = asked(job).output
    training = next(line for line in text.splitlines() if "Training" in line)
    assert "1 min 40 s" in training and "measured on 1 finished job" in training
    cameras = next(line for line in text.splitlines() if "Cameras" in line)
    assert "a guess" in cameras
    assert "3.2 GB" in text, "as much memory as that one needed"


def test_other_engines_and_devices_say_nothing_of_it(tmp_path: Path) -> None:
    finished(tmp_path, "other-engine", engine={"name": "nerfacto", "device": "cpu", "steps": 500})
    finished(tmp_path, "other-device", engine={"name": "splats", "device": "cuda", "steps": 500})
    finished(tmp_path, "damaged", stages="none")
    assert samples_in(tmp_path, "splats", on_gpu=False) == []
    assert {sample.stage for sample in samples_in(tmp_path, "splats", on_gpu=True)} == {"train", "texture"}


def test_the_median_of_several_jobs_counts(tmp_path: Path) -> None:
    samples = [Sample(StageName.TRAIN, seconds, 1000) for seconds in (10, 20, 600)]
    assert rate_of(StageName.TRAIN, WORK, samples, on_gpu=False).seconds == pytest.approx(20)
    start, each = GUESSED_CPU[StageName.POSES]
    assert rate_of(StageName.POSES, WORK, samples, on_gpu=False).seconds == pytest.approx(start + 10 * each)


def test_a_profile_s_prices_give_the_cost_and_its_limits_a_warning(job: Path, tmp_path: Path) -> None:
    text = asked(job, "--profile", str(write(tmp_path, "profile.yaml", PROFILE))).output
    assert "Profile production, with a GPU" in text
    cost = next(line for line in text.splitlines() if "Cost" in line)
    assert cost.endswith(" EUR") and 0.03 < float(cost.split()[1]) < 0.2
    assert "! The workspace has 100Mi" in text
    assert "! A pod may use" in text


def test_without_prices_there_is_no_cost(job: Path, tmp_path: Path) -> None:
    spec = {name: value for name, value in PROFILE["spec"].items() if name != "prices"}
    text = asked(job, "--profile", str(write(tmp_path, "profile.yaml", {**PROFILE, "spec": spec}))).output
    assert "no prices in the profile" in text


def test_photos_elsewhere_have_to_be_counted_by_the_user(tmp_path: Path) -> None:
    job = write(tmp_path, "job.yaml", {**JOB, "spec": {"source": {"uri": "s3://captures/statue/"}}})
    refused = asked(job)
    assert refused.exit_code == 2 and "--photos" in refused.output
    assert "40 photos, as --photos says; of 4000 pixels (a guess)" in asked(job, "--photos", "40").output


def test_what_is_no_profile_is_named(job: Path, tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match=r"profile.yaml is no profile"):
        asked(job, "--profile", str(write(tmp_path, "profile.yaml", JOB)))
