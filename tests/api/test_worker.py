"""What a worker pod says last."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconstruction_api.errors import CATALOGUE, ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_api.worker import TERMINATION_MESSAGE_LIMIT, Artifact, Failure, PodReport, StageResult

text = st.text(st.characters(codec="utf-8"), max_size=3000)
short = st.text(st.characters(codec="utf-8"), max_size=40)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
details: st.SearchStrategy[Any] = st.dictionaries(
    short, short | st.integers(-(2**53), 2**53) | st.booleans(), max_size=5
)
stages = st.sampled_from([name.value for name in StageName])
failures = st.fixed_dictionaries(
    {
        "code": st.sampled_from(sorted(CATALOGUE)),
        "category": st.sampled_from(["Validation", "State", "Model", "Resource"]),
        "message": text,
        "suggestion": text,
        "retryable": st.booleans(),
        "stage": st.none() | stages,
        "details": details,
    }
)
reports = st.fixed_dictionaries(
    {
        "stages": st.lists(
            st.fixed_dictionaries({"name": stages, "digest": digests, "skipped": st.booleans(), "message": short}),
            max_size=8,
        ),
        "metrics": st.dictionaries(short, short | st.integers(0, 2**53), max_size=10),
        "artifacts": st.lists(
            st.fixed_dictionaries(
                {
                    "name": short,
                    "format": st.sampled_from(["GLB", "PLY"]),
                    "uri": short,
                    "sizeBytes": st.integers(0, 2**50),
                    "sha256": digests,
                    "mediaType": short,
                }
            ),
            max_size=40,
        ),
        "failure": st.none() | failures,
    }
).map(PodReport.model_validate)


@given(reports)
@settings(max_examples=100)
def test_a_final_word_always_fits_and_can_always_be_read(report: PodReport):
    message = report.to_termination_message()
    assert len(message.encode()) <= TERMINATION_MESSAGE_LIMIT
    assert PodReport.from_termination_message(message) is not None


@given(reports)
@settings(max_examples=100)
def test_a_failure_keeps_its_code_and_the_beginning_of_its_message(report: PodReport):
    read = PodReport.from_termination_message(report.to_termination_message())
    assert read is not None
    assert (read.failure is None) == (report.failure is None)
    if read.failure and report.failure:
        assert read.failure.code == report.failure.code
        assert read.failure.message[:200] == report.failure.message[:200]


def usual_report(**changes: Any) -> PodReport:
    stages = [StageResult(name=name, digest="ab" * 32, message="38 of 40 photos registered") for name in StageName]
    artifacts = [
        Artifact(
            name=f"model-{index}.glb",
            format="GLB",
            uri=f"pvc://statue-workspace/artifacts/model-{index}.glb",
            size_bytes=10**6,
            sha256=f"{index:064x}",
            media_type="model/gltf-binary",
        )
        for index in range(12)
    ]
    return PodReport(stages=stages, artifacts=artifacts, metrics={"psnr": "27.3", "images": 40}).model_copy(
        update=changes
    )


def test_a_usual_report_comes_back_whole():
    report = usual_report()
    assert PodReport.from_termination_message(report.to_termination_message()) == report


def test_a_small_report_is_readable_as_it_is():
    message = PodReport(metrics={"images": 40}).to_termination_message()
    assert json.loads(message) == {"metrics": {"images": 40}}


def test_details_are_given_up_before_anything_else():
    noise = {str(number): Random(number).randbytes(16).hex() for number in range(300)}
    failure = Failure.from_error(ReconstructionError("DiskFull", "The workspace is full.", details=noise))
    read = PodReport.from_termination_message(usual_report(failure=failure).to_termination_message())
    assert read == usual_report(failure=failure.model_copy(update={"details": {}}))


@pytest.mark.parametrize(
    "text", ["", "z:", "z:!!", "z:abc", "Killed", "null", "[]", '{"stages": 3}', '{"failure": {}}', "{" * 3000]
)
def test_what_a_container_said_otherwise_is_no_report(text: str):
    assert PodReport.from_termination_message(text) is None


@given(st.text())
def test_no_message_upsets_the_reader(text: str):
    PodReport.from_termination_message(text)


def test_a_failure_holds_only_what_a_kubernetes_object_can():
    error = ReconstructionError(
        "ImageCorrupt",
        "bad\udcff.jpg can't be read",
        details={"file": Path("photos/bad.jpg"), "share": 0.5, "sizes": (1, 2.5), "nan": float("nan"), "ok": True},
    )
    failure = Failure.from_error(error, "ingest")
    assert failure.message == "bad?.jpg can't be read"
    assert failure.details == {
        "file": "photos/bad.jpg",
        "share": "0.5",
        "sizes": [1, "2.5"],
        "nan": "nan",
        "ok": True,
    }
    assert (failure.code, failure.category, failure.stage) == ("ImageCorrupt", "Validation", "ingest")
