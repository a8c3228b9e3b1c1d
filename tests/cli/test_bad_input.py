"""`recon run` with what users get wrong: each mistake has its own code, exit status 2, and no traceback."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.conftest import Recon
from tests.worker.ingest.photos import encoded, picture, write_photos

JOB = """apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata: {name: statue}
spec:
  source: {uri: %s}
"""


def no_images(folder: Path) -> str:
    (folder / "photos").mkdir()
    return "./photos"


def one_image(folder: Path) -> str:
    write_photos(folder / "photos", 1)
    return "./photos"


def text_named_jpg(folder: Path) -> str:
    (folder / "photos").mkdir()
    (folder / "photos" / "a.jpg").write_text("this is text")
    return "./photos"


def truncated_png(folder: Path) -> str:
    (folder / "photos").mkdir()
    (folder / "photos" / "a.png").write_bytes(encoded(picture(), "PNG")[:9000])
    return "./photos"


def missing_folder(_: Path) -> str:
    return "./photos"


def zip_that_leads_out(folder: Path) -> str:
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.writestr("../a.jpg", encoded(picture(), "JPEG"))
    return "./photos.zip"


def address_of_unknown_kind(_: Path) -> str:
    return "ftp://host/photos/"


@pytest.mark.parametrize(
    ("mistake", "code", "words"),
    [
        (no_images, "ImageCountOutOfRange", "'./photos' has no photos"),
        (one_image, "ImageCountOutOfRange", "one photo; nerfacto needs at least"),
        (text_named_jpg, "UnsupportedFormat", "a.jpg"),
        (truncated_png, "ImageCorrupt", "a.png"),
        (missing_folder, "SourceNotFound", "'./photos'"),
        (zip_that_leads_out, "UnsafeArchive", "'../a.jpg'"),
        (address_of_unknown_kind, "InvalidSpec", "spec.source.uri"),
    ],
)
def test_bad_photos(recon: Recon, tmp_path: Path, mistake: Callable[[Path], str], code: str, words: str) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(JOB % mistake(tmp_path))
    answer = recon("run", job, "--out", tmp_path / "out")
    assert answer.status == 2
    assert answer.err.startswith(code)
    assert words in answer.err
    assert "What to do: " in answer.err
    assert "Traceback" not in answer.out + answer.err
    assert str(tmp_path) not in answer.err


@pytest.mark.parametrize(
    ("extra", "code", "words"),
    [
        ("  engine: nerfakto\n", "EngineUnavailable", "Did you mean 'nerfacto'?"),
        ("  trainig: {steps: 5}\n", "InvalidSpec", "spec.trainig"),
    ],
)
def test_bad_yaml(recon: Recon, tmp_path: Path, extra: str, code: str, words: str) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(JOB % one_image(tmp_path) + extra)
    answer = recon("run", job, "--out", tmp_path / "out")
    assert answer.status == 2
    assert answer.err.startswith(code)
    assert words in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ("  engine: splatfacto\n", "The engine splatfacto needs a GPU"),
        ("  engine: splatfacto\n  training: {device: CPU}\n", "works on a GPU only"),
        ("  training: {device: CUDA}\n", "spec.training.device is CUDA"),
    ],
)
def test_a_job_that_needs_a_gpu_is_refused_at_once_without_one(
    recon: Recon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str, words: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    job = tmp_path / "job.yaml"
    job.write_text(JOB % one_image(tmp_path) + extra)
    answer = recon("run", job, "--out", tmp_path / "out")
    assert answer.status == 4
    assert answer.err.startswith("GPUUnavailable")
    assert words in answer.err
    assert not (tmp_path / "out").exists()


def test_a_claim_needs_a_folder_that_stands_for_it(recon: Recon, tmp_path: Path) -> None:
    write_photos(tmp_path / "disk" / "statue", 3)
    job = tmp_path / "job.yaml"
    job.write_text(JOB.replace("uri: %s", "persistentVolumeClaim: {claimName: photos, path: statue}"))
    answer = recon("run", job, "--out", tmp_path / "out")
    assert answer.status == 2
    assert "--volume photos=DIR" in answer.err

    volume = f"photos={tmp_path / 'disk'}"
    assert recon("run", job, "--out", tmp_path / "out", "--volume", volume, "--until", "ingest").status == 0


@pytest.mark.parametrize("option", [("--volume", "photos"), ("--until", "polish")])
def test_wrong_options_are_usage_errors(recon: Recon, tmp_path: Path, option: tuple[str, str]) -> None:
    job = tmp_path / "job.yaml"
    job.write_text(JOB % "./photos")
    answer = recon("run", job, *option)
    assert answer.status == 2
    assert " ".join(option) in answer.err
