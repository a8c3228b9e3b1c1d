"""Statuses of other releases, and of people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconstruction_api.status import UNKNOWN_REASON, ReconstructionJobStatus
from reconstruction_api.stored import read_status

TIME = "2026-11-29T00:00:00Z"
RUN = {"resourceClass": "prepare", "digest": "d", "attempt": 1, "jobName": "j"}


def condition(**fields: Any) -> dict[str, Any]:
    return {"type": "Accepted", "status": "True", "reason": "Accepted", "lastTransitionTime": TIME} | fields


@pytest.mark.parametrize(
    ("status", "kept"),
    [
        ({"stages": [{"name": "ingest", "state": "Skipped"}, {"name": "poses", "state": "Pending"}]}, {"stages": 1}),
        ({"progress": {"percent": 1, "trend": "Worsening"}}, {"progress": 1}),
        ({"progress": {"percent": "much"}, "stage": "train"}, {"stage": 1, "progress": 1}),
        ({"conditions": [condition(reason="x y")]}, {"conditions": 1}),
        ({"conditions": [condition(), condition(type="B", status="Perhaps"), "x"]}, {"conditions": 1}),
        ({"notifications": [{"event": "Failed", "state": "Read"}]}, {}),
        ({"metrics": {"psnr": "27", "depth": 1.5}}, {"metrics": 1}),
        ({"artifacts": [{"name": "x"}], "checkpoints": {}, "startTime": "yesterday", "newField": {"a": 1}}, {}),
        ({"runs": [RUN | {"newField": 1}]}, {"runs": 1}),
    ],
)
def test_what_does_not_matter_is_skipped(status: dict[str, Any], kept: dict[str, int]) -> None:
    read = read_status(status)
    assert read.problem == ""
    written = read.status.model_dump(by_alias=True, exclude_defaults=True)
    assert written.keys() == kept.keys()
    for name in kept.keys() - {"progress", "stage"}:
        assert len(written[name]) == kept[name]


def test_a_trend_of_a_newer_release_leaves_the_other_numbers() -> None:
    progress = read_status({"progress": {"percent": 7, "trend": "Worsening"}}).status.progress
    assert progress is not None and (progress.percent, progress.trend) == (7, None)


def test_a_condition_whose_reason_is_no_word_still_counts() -> None:
    (found,) = read_status({"conditions": [condition(reason="x y")]}).status.conditions
    assert (found.type, found.status, found.reason) == ("Accepted", "True", UNKNOWN_REASON)


@pytest.mark.parametrize(
    ("status", "field"),
    [
        ({"runs": [RUN, RUN | {"resourceClass": "publish"}]}, "status.runs.1.resourceClass"),
        ({"runs": [RUN | {"retryAfter": "soon"}]}, "status.runs.0.retryAfter"),
        ({"runs": [{}]}, "status.runs.0"),
        ({"runs": "none"}, "status.runs"),
        ({"cancellation": {"state": "Expired"}}, "status.cancellation.state"),
        ({"profile": {"name": "x"}}, "status.profile"),
        ({"retention": {"workspaceRemovedTime": 7}}, "status.retention.workspaceRemovedTime"),
        ({"failure": {"code": "EmptyMesh"}}, "status.failure"),
        ({"completionTime": "soon"}, "status.completionTime"),
        ({"conditions": [condition(status="Perhaps")]}, "status.conditions"),
        ([], "status"),
    ],
)
def test_memory_is_never_guessed(status: Any, field: str) -> None:
    assert read_status(status).problem.startswith(f"{field}: ")


names = st.sampled_from([field.alias or name for name, field in ReconstructionJobStatus.model_fields.items()])
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([TIME, "True"])
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=4)
)


@given(st.dictionaries(names, anything) | anything)
@settings(max_examples=300)
def test_no_status_upsets_the_reader(status: Any) -> None:
    read = read_status(status)
    assert isinstance(read.status, ReconstructionJobStatus) and len(read.problem) <= 300
