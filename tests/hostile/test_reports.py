"""Hostile reports, from the message to the status: the status can be written, says what happened and nothing more, and
the job still listens to its people."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.operator.builders import (
    DELIVER,
    KEY,
    NOW,
    PREPARE,
    RECONSTRUCT,
    UID,
    actions,
    changed,
    condition,
    current,
    need_of,
    pod_of,
    seconds,
    settled,
    started,
    states,
    with_pod,
)

from reconstruction_api.errors import CATALOGUE
from reconstruction_api.metric_limits import MOST
from reconstruction_api.names import LABEL_JOB, LABEL_JOB_UID
from reconstruction_api.stages import ResourceClass, StageName
from reconstruction_api.worker import PodReport, ProgressUpdate
from reconstruction_operator import parse
from reconstruction_operator.act import status_document
from reconstruction_operator.actions import CreateJob, DeleteJob, DeletePod, Emit
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Container, Observed

from .reports import REPORTS, STEERING, SUM, HostileReport, artifact, failed, packed, said
from .schema import problems


def after(seen: Observed, text: str, exit_code: int) -> Observed:
    """Once the current pod has ended with this message."""
    container = Container(started=NOW, ended=NOW + seconds(9), exit_code=exit_code, reason="Error", message=text)
    pod = pod_of(current(seen), "Failed" if exit_code else "Succeeded", container=container)
    return with_pod(seen, pod, succeeded=not exit_code, failed=bool(exit_code), ended=NOW + seconds(9))


def written(seen: Observed) -> dict[str, Any]:
    """The status as it goes to the API server, which has to take it."""
    document = status_document(seen.job, seen.job.status)["status"]
    assert problems(document) == []
    return document


def texts(value: Any) -> list[str]:
    """All texts and names of a document."""
    if isinstance(value, dict):
        return [each for name, member in value.items() for each in (name, *texts(member))]
    if isinstance(value, list):
        return [each for entry in value for each in texts(entry)]
    return [value] if isinstance(value, str) else []


def steers(text: str) -> bool:
    return any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in "\u202e\u2066" for letter in text)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
@pytest.mark.parametrize("resource_class", ResourceClass)
def test_a_hostile_report_ends_its_attempt_and_nothing_else(
    report: HostileReport, resource_class: ResourceClass
) -> None:
    seen = started(resource_class)
    before = current(seen)
    plan = decide(after(seen, report.text, report.exit_code), NOW + seconds(10))
    ended, _ = settled(after(seen, report.text, report.exit_code), NOW + seconds(10))
    document = written(ended)
    assert not [text for text in texts(document) if steers(text)]
    assert not [emit for emit in actions(plan, Emit) if steers(emit.message) and steers(emit.reason)]
    run = next(run for run in ended.job.status.runs if run.resource_class == resource_class)
    if report.reason:
        kind = CATALOGUE[report.reason]
        assert run.failures == 1
        if not kind.retryable:
            assert condition(ended.job.status, "Succeeded") == ("False", report.reason)
            assert ended.job.status.failure is not None
            assert (ended.job.status.failure.category, ended.job.status.failure.retryable) == (kind.category, False)
        else:
            assert run.attempt == before.attempt + 1 and run.trouble.startswith(f"{report.reason}: ")
    else:
        assert run.completed
    allowed = need_of(resource_class).stages if run.completed else {}
    was = {name for name, state in states(seen).items() if state == "Succeeded"}
    assert {name for name, state in states(ended).items() if state == "Succeeded"} == was | set(allowed)
    assert all(each.uri.startswith("pvc://statue-workspace/") for each in ended.job.status.artifacts)
    assert len(ended.job.status.metrics) <= MOST


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_after_a_hostile_report_the_job_can_be_suspended_and_cancelled(report: HostileReport) -> None:
    seen, _ = settled(after(started(RECONSTRUCT), report.text, report.exit_code), NOW + seconds(10))
    if condition(seen.job.status, "Succeeded")[0] == "False":
        return
    held, _ = settled(changed(seen, suspend=True), NOW + seconds(11))
    held = replace(held, child_jobs=tuple(child for child in held.child_jobs if child.finished))
    held, _ = settled(held, NOW + seconds(11))
    assert condition(held.job.status, "Suspended") == ("True", "Suspended") and not held.job.status.admission_time
    asked, _ = settled(changed(held, cancellation="Requested"), NOW + seconds(12))
    stopped, _ = settled(changed(asked, cancellation="Confirmed"), NOW + seconds(13))
    assert condition(stopped.job.status, "Succeeded") == ("False", "Cancelled")
    written(stopped)


def test_what_is_right_in_a_report_survives_what_is_wrong_in_it() -> None:
    digest = need_of(PREPARE).stages[StageName.INGEST]
    text = said(
        stages=[
            {"name": "ingest", "digest": digest, "message": "40 photos"},
            {"name": "polish", "digest": digest},
            {"name": "poses", "digest": 3},
        ],
        metrics={"images": 40, "psnr": "27.3", "depth": None, "bad name": 1, "points": 2**64},
        artifacts=[artifact(), artifact(name="a", sha256=None)],
        newField={"a": 1},
    )
    report = PodReport.from_termination_message(text)
    assert report is not None
    assert [(each.name, each.message) for each in report.stages] == [("ingest", "40 photos")]
    assert report.metrics == {"images": 40, "psnr": "27.3"}
    assert [each.name for each in report.artifacts] == ["model.glb"]


def test_a_message_is_unpacked_no_further_than_it_may_be() -> None:
    huge = packed(" " * 50_000_000)
    assert PodReport.from_termination_message("z:" + huge) is None
    assert PodReport.from_termination_message(huge) is None


def update(**fields: Any) -> dict[str, Any]:
    known = {
        "namespace": KEY.namespace,
        "name": KEY.name,
        "uid": UID,
        "attempt": 1,
        "resourceClass": "reconstruct",
        "sequence": 1,
    }
    return known | fields


def live(seen: Observed, **fields: Any) -> Observed:
    return replace(seen, live=ProgressUpdate.parse(json.dumps(update(**fields)).encode()))


def running() -> Observed:
    seen = started(RECONSTRUCT)
    return settled(with_pod(seen, pod_of(current(seen))))[0]


def test_live_metrics_do_not_pile_up() -> None:
    seen = running()
    for number in range(30):
        names = {f"m{number}-{each}": each for each in range(100)} | {"psnr": f"{number}.5"}
        seen, _ = settled(live(seen, metrics=names, sequence=number + 1), NOW + seconds(number))
        assert len(seen.job.status.metrics) <= MOST
    assert seen.job.status.metrics["psnr"] == "29.5", "known numbers come first"
    written(seen)


@pytest.mark.parametrize(
    "progress",
    [
        {"stage": "publish", "percent": 5},
        {"stage": "train", "trend": "Worsening", "percent": 50},
        {"stage": "train", "step": 2**70, "percent": "many", "loss": {}},
        {"stage": "train", "message": STEERING * 100, "etaSeconds": 1e300},
        {"stage": "report", "percent": 50},
        [],
    ],
)
def test_metrics_are_never_lost_with_what_is_wrong_in_an_update(progress: Any) -> None:
    seen, _ = settled(live(running(), metrics={"psnr": "27.3"}, progress=progress))
    assert seen.job.status.metrics["psnr"] == "27.3"
    assert not [text for text in texts(written(seen)) if steers(text)]
    assert states(seen)["report"] == "Pending"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"\xff\xfe", b"[" * 60_000, b"{" * 60_000, b'{"namespace": "a"}',
        json.dumps(update(resourceClass="publish")).encode(), json.dumps(update(sequence=2**80)).encode(),
        json.dumps(update(uid=None)).encode(), b'{"sequence": 1' + b"0" * 20_000 + b"}",
    ],
)  # fmt: skip
def test_what_is_no_update_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ProgressUpdate.parse(body)


# ---- any report at all ---------------------------------------------------------------------------------------------

numbers = st.integers(-(2**70), 2**70) | st.integers(0, 100) | st.floats()
words = st.text(max_size=30) | st.sampled_from([STEERING, SUM, "x" * 5000, "ingest", "train", "pass", "EmptyMesh"])
scalars = st.none() | st.booleans() | numbers | words
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4))


def maybe(right: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Mostly of the right type."""
    return st.one_of(right, right, right, anything)


def record(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return maybe(st.fixed_dictionaries({}, optional={name: maybe(value) for name, value in fields.items()}))


stage_names = st.sampled_from([*StageName, "publish"]).map(str)
digests = st.sampled_from([digest for each in ResourceClass for digest in need_of(each).stages.values()]) | words
stage_results = record(name=stage_names, digest=digests, seconds=numbers, skipped=st.booleans(), message=words)
artifacts = record(
    name=words,
    format=words,
    uri=st.sampled_from(["pvc://statue-workspace/artifacts/a", "s3://x/y"]) | words,
    sizeBytes=numbers,
    sha256=st.just(SUM) | words,
    mediaType=words,
)
checkpoints = record(name=words, step=numbers, sizeBytes=numbers, sha256=st.just(SUM) | words)
failures = record(
    code=st.sampled_from(sorted(CATALOGUE)) | words,
    category=words,
    message=words,
    suggestion=words,
    retryable=st.booleans(),
    stage=stage_names,
    details=st.dictionaries(words, anything, max_size=5),
)
common = {
    "stages": st.lists(stage_results, max_size=12),
    "metrics": st.dictionaries(words | st.from_regex(r"[a-z]{1,4}", fullmatch=True), scalars, max_size=80),
    "checkpoints": st.lists(checkpoints, max_size=12),
}
reports = record(**common, artifacts=st.lists(artifacts, max_size=12), failure=failures, pausedAfter=stage_names)
progress = record(
    stage=stage_names,
    percent=numbers,
    step=numbers,
    totalSteps=numbers,
    etaSeconds=numbers,
    loss=numbers,
    psnr=numbers,
    heldOutPsnr=numbers,
    heldOutSsim=numbers,
    trend=st.sampled_from(["Improving", "Worsening"]),
    stepsPerSecond=numbers,
    raysPerSecond=numbers,
    gpuMemoryBytes=numbers,
    gpuPercent=numbers,
    memoryBytes=numbers,
    message=words,
)
updates = st.fixed_dictionaries(
    {}, optional={name: maybe(value) for name, value in common.items()} | {"progress": progress}
)

CLASSES = {each: started(each) for each in (PREPARE, RECONSTRUCT, DELIVER)}


def as_json(value: Any) -> str:
    """As a program would write it that does not care: NaN, halves of surrogates and all."""
    return json.dumps(value)


@settings(max_examples=250)
@given(st.sampled_from(list(CLASSES)), reports, st.sampled_from([0, 3, 5, 70]), st.booleans())
def test_whatever_a_worker_reports_the_status_can_be_written(
    resource_class: ResourceClass, report: Any, exit_code: int, pack: bool
) -> None:
    text = as_json(report)
    seen = after(CLASSES[resource_class], packed(text) if pack else text, exit_code)
    ended, _ = settled(seen, NOW + seconds(10))
    assert not [each for each in texts(written(ended)) if steers(each)]
    assert all(each.uri.startswith("pvc://statue-workspace/") for each in ended.job.status.artifacts)


@settings(max_examples=150)
@given(st.lists(updates, min_size=1, max_size=3))
def test_whatever_a_worker_says_meanwhile_the_status_can_be_written(told: list[dict[str, Any]]) -> None:
    seen = running()
    for sequence, fields in enumerate(told, 1):
        seen, _ = settled(live(seen, sequence=sequence, **fields), NOW + seconds(sequence))
    assert not [each for each in texts(written(seen)) if steers(each)]


@settings(max_examples=150)
@given(st.binary(max_size=4096), st.booleans())
def test_any_bytes_may_be_a_termination_message(data: bytes, marked: bool) -> None:
    text = ("z:" if marked else "") + data.decode(errors="replace")
    ended, _ = settled(after(CLASSES[RECONSTRUCT], text, 3), NOW + seconds(10))
    written(ended)


def test_a_job_with_a_hostile_worker_deletes_and_creates_only_its_own() -> None:
    seen = after(started(RECONSTRUCT), said(failure=failed("EmptyMesh", stage="report")), 3)
    plan = decide(seen, NOW + seconds(10))
    assert not actions(plan, CreateJob) and not actions(plan, DeletePod) and not actions(plan, DeleteJob)


def kubelet_says(text: str) -> dict[str, Any]:
    """A pod's status with this wherever text may be: tenants may have the right to write it."""
    conditions = [
        {"type": kind, "status": status, "reason": text, "message": text}
        for kind, status in (("PodScheduled", "True"), ("DisruptionTarget", "False"), ("Ready", text))
    ]
    state = {"waiting": {"reason": text, "message": text}}
    return {
        "phase": "Pending",
        "reason": text,
        "message": text,
        "conditions": conditions,
        "containerStatuses": [{"name": "worker", "image": text, "state": state}],
    }


@pytest.mark.parametrize("text", [STEERING, "two words", "-", "9lives", "x" * 5000, "Ünderway", ""])
@pytest.mark.parametrize("phase", ["Pending", "Running", "Failed", "Unknown"])
def test_whatever_a_kubelet_says_the_status_can_be_written(text: str, phase: str) -> None:
    seen = started(RECONSTRUCT)
    run = current(seen)
    marks = {LABEL_JOB: KEY.name, LABEL_JOB_UID: UID, "batch.kubernetes.io/job-name": run.job_name}
    metadata = {
        "name": "p",
        "namespace": KEY.namespace,
        "uid": "p",
        "labels": marks,
        "creationTimestamp": "2026-03-01T12:00:00Z",
    }
    document = {"metadata": metadata, "spec": {"nodeName": "n"}, "status": kubelet_says(text) | {"phase": phase}}
    for over in (False, True):
        looked, _ = settled(with_pod(seen, parse.pod(document), failed=over, ended=NOW), NOW + seconds(700))
        assert not [each for each in texts(written(looked)) if steers(each)]


def test_a_failure_of_another_release_whose_code_is_no_word_can_be_written() -> None:
    seen, _ = settled(after(started(RECONSTRUCT), said(failure=failed("EmptyMesh")), 3), NOW + seconds(10))
    assert seen.job.status.failure is not None
    status = seen.job.status.model_copy(update={"failure": seen.job.status.failure.model_copy(update={"code": "x y"})})
    again, _ = settled(replace(seen, job=replace(seen.job, status=status)), NOW + seconds(20))
    written(again)
    assert condition(again.job.status, "Succeeded") == ("False", "Unknown")
