"""The stage `evaluate` judges what the job delivers, as far as the job was planned for that."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.worker.quality.test_sharpness import blurred, shapes

from reconstruction_api.documents.quality import ViewQuality
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import BY_NAME, StageName
from reconstruction_worker.stage import StageContext, StageOutput
from reconstruction_worker.stages import evaluate

HELD_OUT = ("IMG_1.png", "IMG_5.png")
PLAIN = np.full((200, 300, 3), 128, np.uint8)
CAMERA = SimpleNamespace(width=300, height=200)
PLANNED = BY_NAME[StageName.EVALUATE].needs


def photos_of(picture: NDArray[np.uint8]) -> list[Any]:
    return [SimpleNamespace(name=name, usable=True, camera=CAMERA, pixels=lambda: picture) for name in HELD_OUT]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trained scene that shows its two held-out photos with 18 and 20 dB."""
    photos = photos_of(PLAIN)
    shown = {name: ViewQuality(name=name, psnr=psnr, ssim=0.8) for name, psnr in zip(HELD_OUT, (18, 20), strict=True)}
    stand_ins: dict[str, Any] = {
        "read_scene": lambda _: SimpleNamespace(photos=photos, photo=lambda name: name),
        "read_split": lambda *_: SimpleNamespace(held_out=HELD_OUT, train=()),
        "trained_field": lambda _: None,
        "_compare": lambda field, name, *_, **__: shown[name],
        "source_names": lambda _: {},
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(evaluate, name, stand_in)


def evaluated(folder: Path, needs: tuple[StageName, ...] = PLANNED, **spec: Any) -> tuple[StageOutput, dict[str, Any]]:
    """With a mesh that shows them with 26 and 28 dB."""
    views = [
        {"name": name, "coverage": 0.9, "psnr": psnr, "ssim": 0.9}
        for name, psnr in zip(HELD_OUT, (26, 28), strict=True)
    ]
    held_out = {"photos": 2, "coverage": 0.9, "psnr": 27.0, "ssim": 0.9, "views": views}
    (folder / "texture").mkdir()
    (folder / "texture" / "texture.json").write_text(json.dumps({"size": 256, "heldOut": held_out}))
    job = ReconstructionJobSpec.model_validate({"source": {"uri": "s3://photos/"}, "engine": "splats"} | spec)
    context = StageContext(StageName.EVALUATE, folder, job, lambda _: None, lambda: False, needs=needs)
    output = evaluate.run(context)
    return output, json.loads((context.folder / "quality.json").read_text())


@pytest.fixture
def soft(scene: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with photos that are all blurred."""
    photos = photos_of(blurred(shapes(), 5))
    monkeypatch.setattr(evaluate, "read_scene", lambda _: SimpleNamespace(photos=photos, photo=lambda name: name))


def test_what_is_made_of_blurred_photos_fails_however_well_it_shows_them(soft: None, tmp_path: Path) -> None:
    output, quality = evaluated(tmp_path)
    assert quality["mesh"]["verdict"] == "pass" and quality["verdict"] == "fail"
    assert quality["blurPixels"] == pytest.approx(5, rel=0.2)
    assert "the photos are blurred by" in quality["caution"] and "the photos are blurred by" in output.message
    assert "Take sharper photos" in quality["nextStep"]


def test_blurred_photos_end_a_job_that_is_to_fail_below_its_bar(soft: None, tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match="the photos are blurred by") as failure:
        evaluated(tmp_path, quality={"onFailure": "Fail"})
    assert failure.value.code == "QualityBelowThreshold"
    assert "images.maxSidePixels" in (failure.value.suggestion or "")


def test_photos_without_edges_are_not_called_blurred(scene: None, tmp_path: Path) -> None:
    _, quality = evaluated(tmp_path)
    assert quality.get("blurPixels") is None and quality["verdict"] == "pass"


def test_a_mesh_is_delivered_so_the_mesh_is_judged(scene: None, tmp_path: Path) -> None:
    output, quality = evaluated(tmp_path, quality={"onFailure": "Fail"})
    assert (quality["judged"], quality["verdict"]) == (["mesh"], "pass")
    assert (output.metrics["qualityVerdict"], output.metrics["meshPsnr"]) == ("pass", "27.00")
    assert output.metrics["psnr"] == "19.00", "what it has always been: of the trained scene"
    assert "the mesh shows 90% of 2 photos with PSNR 27.00 dB (± 12.7) and SSIM 0.900" in output.message


def test_gaussians_that_are_delivered_too_must_pass_too(scene: None, tmp_path: Path) -> None:
    with pytest.raises(ReconstructionError, match=r"the trained scene PSNR 19\.00 dB") as caught:
        evaluated(tmp_path, quality={"onFailure": "Fail"}, exports=[{"format": "GLB"}, {"format": "SplatPLY"}])
    assert caught.value.code == "QualityBelowThreshold"


def test_a_job_that_was_planned_by_an_earlier_release_is_judged_as_it_was(scene: None, tmp_path: Path) -> None:
    output, quality = evaluated(tmp_path, needs=(StageName.TRAIN,))
    assert (quality["judged"], quality["verdict"]) == (["views"], "fail")
    assert "meshPsnr" not in output.metrics
