"""The verdict on a job's quality, from the worker's evaluation to the condition that people and tools read."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reconstruction_api.crd import JOB, document
from reconstruction_api.documents.quality import ViewQuality
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Failure, PodReport
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import evaluate

from .builders import (
    NOW,
    RECONSTRUCT,
    condition,
    current,
    ended,
    message,
    report_of,
    settled,
    spec_of,
    started,
    with_pod,
)

BAR = {"minPSNR": "25", "minSSIM": "0.85", "warnPSNR": "20", "warnSSIM": "0.75"}


def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, psnr: float, action: str) -> PodReport:
    """What a pod reports after the worker's own evaluation of views that are reproduced so well."""
    view = ViewQuality(name="IMG_0001.png", psnr=psnr, ssim=0.95)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)  # as sharp as a photo can be
    photo = SimpleNamespace(name="IMG_0001.png", usable=True, camera=None, pixels=lambda: noise)
    stand_ins: dict[str, Any] = {
        "read_scene": lambda _: SimpleNamespace(photos=[photo], photo=lambda name: name),
        "read_split": lambda *_: SimpleNamespace(held_out=("IMG_0001.png",), train=()),
        "trained_field": lambda _: None,
        "_compare": lambda *_, **__: view,
        "source_names": lambda _: {},
    }
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(evaluate, name, stand_in)
    spec = spec_of(quality=BAR | {"onFailure": action})
    context = StageContext(StageName.EVALUATE, tmp_path, spec, lambda _: None, lambda: False)
    try:
        return report_of(RECONSTRUCT, spec, metrics=evaluate.run(context).metrics)
    except ReconstructionError as error:
        return PodReport(failure=Failure.from_error(error, "evaluate"))


@pytest.mark.parametrize(
    ("psnr", "action", "expected", "succeeded"),
    [
        (27.0, "Fail", ("True", "QualityPassed"), "Unknown"),
        (22.0, "Fail", ("True", "QualityWarning"), "Unknown"),
        (12.0, "Warn", ("False", "QualityFailed"), "Unknown"),
        (12.0, "Fail", ("False", "QualityFailed"), "False"),
    ],
)
def test_pass_warn_and_fail_each_show(
    psnr: float, action: str, expected: tuple[str, str], succeeded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = evaluated(tmp_path, monkeypatch, psnr, action)
    seen = started(RECONSTRUCT, spec_of(quality=BAR | {"onFailure": action}))
    failed = report.failure is not None
    pod = ended(current(seen), 3 if failed else 0, report)
    after, _ = settled(with_pod(seen, pod, succeeded=not failed, failed=failed, ended=NOW))
    assert condition(after.job.status, "Validated") == expected
    assert condition(after.job.status, "Succeeded")[0] == succeeded
    assert not failed or f"PSNR {psnr:.2f} dB" in message(after.job.status, "Validated")


def test_the_reason_is_a_column_and_the_sentence_one_of_the_wide_output() -> None:
    columns = {each["name"]: each for each in document(JOB)["spec"]["versions"][0]["additionalPrinterColumns"]}
    assert columns["Quality"]["jsonPath"] == '.status.conditions[?(@.type=="Validated")].reason'
    assert columns["Quality"]["priority"] == 0
    assert columns["Verdict"]["jsonPath"] == '.status.conditions[?(@.type=="Validated")].message'
    assert columns["Verdict"]["priority"] == 1
