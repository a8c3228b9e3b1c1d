"""Statuses and workspaces that an earlier release has left (`generate.py` writes them), and later releases to replay
them with: this one, and this one with a table of stages that has changed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api import plan, stages
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import ResourceClass, Stage, StageName
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_operator.model import (
    ChildJob,
    Claim,
    Container,
    JobKey,
    JobView,
    Observed,
    Pod,
    ProfileView,
    UpstreamJob,
)
from reconstruction_operator.policies.reporting import progress

FIRST = Path(__file__).parent / "first"
JOBS = sorted((FIRST / "jobs").glob("*.json"))
WORKSPACES = sorted((FIRST / "workspaces").glob("*.json"))
UID = "7c0f1d3e-0000-4000-8000-000000000001"
PHOTOS_TIME = 1_700_000_000


def job(name: str) -> tuple[Observed, datetime]:
    """What an operator sees of a recorded job, and when."""
    document = json.loads((FIRST / "jobs" / f"{name}.json").read_text())
    profile = document["profile"]
    upstream = document["other"]
    view = JobView(
        key=JobKey("museum", "statue"),
        uid=UID,
        generation=document["generation"],
        resource_version="1",
        deleting=False,
        spec=ReconstructionJobSpec.model_validate(document["spec"]),
        spec_error="",
        status=ReconstructionJobStatus.model_validate(document["status"]),
    )
    seen = Observed(
        job=view,
        profile=ProfileView("", "default", profile["generation"], profile["spec"]),
        profile_names=("default",),
        upstream=UpstreamJob(**{**upstream, "runs": frozenset(upstream["runs"]), "done": frozenset(upstream["done"])})
        if upstream
        else None,
        child_jobs=tuple(_child(each) for each in document["childJobs"]),
        pods=tuple(_pod(each) for each in document["pods"]),
        claim=_of(Claim, document["claim"]) if document["claim"] else None,
    )
    return seen, datetime.fromisoformat(document["now"])


def workspace(name: str, folder: Path) -> tuple[ReconstructionJobSpec, Path]:
    """A recorded workspace, below `folder`, and its job's spec."""
    document = json.loads((FIRST / "workspaces" / f"{name}.json").read_text())
    for path, text in document["files"].items():
        target = folder / name / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return ReconstructionJobSpec.model_validate(document["spec"]), folder / name


def photos(folder: Path) -> Path:
    """What the recorded workspaces were made from."""
    (folder / "photos").mkdir()
    photo = folder / "photos" / "a.jpg"
    photo.write_bytes(b"photo")
    os.utime(photo, (PHOTOS_TIME, PHOTOS_TIME))
    return photo.parent


def _of(kind: type[Any], document: dict[str, Any]) -> Any:
    """A remembered object, with its moments as such."""
    names = {each.name for each in fields(kind)}
    times = {"created", "ended", "scheduled", "started", "stop_by"}
    return kind(
        **{
            name: datetime.fromisoformat(value) if name in times and value else value
            for name, value in document.items()
            if name in names
        }
    )


def _child(document: dict[str, Any]) -> ChildJob:
    child: ChildJob = _of(ChildJob, document)
    return replace(child, resource_class=ResourceClass(child.resource_class or ""))


def _pod(document: dict[str, Any]) -> Pod:
    pod: Pod = _of(Pod, document)
    return replace(pod, container=_of(Container, document["container"]))


@dataclass(frozen=True)
class Later:
    """A later release."""

    name: str
    table: Callable[[tuple[Stage, ...]], tuple[Stage, ...]]

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        table = self.table(stages.STAGES)
        by_name = {stage.name: stage for stage in table}
        for module in (stages, progress):
            monkeypatch.setattr(module, "STAGES", table)
        for module in (stages, plan):
            monkeypatch.setattr(module, "BY_NAME", by_name)


class NewName(str):
    """Name of a stage that this release does not have."""

    @property
    def value(self) -> str:
        return str(self)


def _with_a_stage(table: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """`polish`, after the training, which the report shows."""
    polish: Any = NewName("polish")
    new = Stage(polish, ResourceClass.RECONSTRUCT, (StageName.TRAIN,), ("mesh.targetFaces",), 20)
    report = next(each for each in table if each.name == StageName.REPORT)
    shown = replace(report, needs=(*report.needs, polish))
    return (*table[:3], new, *(shown if each is report else each for each in table[3:]))


def _with_a_stage_in_between(table: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """`align`, between the poses and the training."""
    align: Any = NewName("align")
    new = Stage(align, ResourceClass.PREPARE, (StageName.POSES,), (), 20)
    train = replace(table[2], needs=(align,))
    return (*table[:2], new, train, *table[3:])


def _with_evaluation_first(table: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Of the trained scene, before there is a mesh."""
    evaluate = replace(table[5], needs=(StageName.TRAIN,))
    return (*table[:3], evaluate, *table[3:5], *table[6:])


RELEASES = [
    Later("this", lambda table: table),
    Later("one more stage", _with_a_stage),
    Later("one more stage in between", _with_a_stage_in_between),
    Later("newer code", lambda table: tuple(replace(each, code_version=each.code_version + 1) for each in table)),
    Later("other weights", lambda table: tuple(replace(each, weight=100 - each.weight) for each in table)),
    Later("other order", _with_evaluation_first),
    Later(
        "other fields",
        lambda table: tuple(
            replace(each, fields=(*each.fields, "retryPolicy", "training.keepCheckpoints")) for each in table
        ),
    ),
    Later(
        "other classes",
        lambda table: tuple(
            replace(each, resource_class=ResourceClass.DELIVER) if each.name is StageName.TEXTURE else each
            for each in table
        ),
    ),
]
