"""Writes the statuses and workspaces of a release to files, for replay by later ones. Run by the code of that release:

    git worktree add /tmp/first 2fa5375
    cd /tmp/first
    PYTHONPATH=crds:operator:worker:. python /path/to/this/tests/replay/generate.py OUT

Jobs are as an API server of that release has stored them, with its defaults written out. Stages are tiny stand-ins.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import ResourceClass, StageName, graph_of, stage_digests
from reconstruction_api.worker import StageResult, WorkerJob
from reconstruction_operator.model import Observed
from reconstruction_operator.policies.control.renewal import spec_digest
from reconstruction_worker.executor import Run, execute
from reconstruction_worker.observers import Observers
from reconstruction_worker.process import StopRequest
from tests.operator.builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    changed,
    current,
    ended,
    failure,
    need_of,
    observed,
    pod_of,
    report_of,
    seconds,
    settled,
    spec_of,
    update,
    upstream_job,
    with_pod,
)

PHOTOS_TIME = 1_700_000_000
ODD: dict[str, Any] = {
    "images": {"maxSidePixels": 800, "masks": "Alpha"},
    "poses": {"minRegisteredPercent": 80},
    "training": {"preset": "Development", "steps": 500, "holdOut": "None", "seed": 7, "checkpointEverySteps": 50},
    "mesh": {"targetFaces": 5000, "textureSize": 512},
    "exports": [{"format": "GLB", "compression": "Draco"}, {"format": "PLY"}],
    "quality": {"minPSNR": "22", "onFailure": "Warn"},
    "redo": {"mesh": 2},
}
"""A job that leaves few things as they are by default."""


def stored(**fields: Any) -> ReconstructionJobSpec:
    """A spec as the API server stores it."""
    spec = spec_of(**fields)
    return ReconstructionJobSpec.model_validate(spec.model_dump(mode="json", by_alias=True, exclude_none=True))


def started(resource_class: ResourceClass, spec: ReconstructionJobSpec, **fields: Any) -> Observed:
    """The class has just been started, all earlier ones are done."""
    seen, _ = settled(observed(spec, **fields))
    while (run := current(seen)).resource_class is not resource_class:
        report = report_of(run.resource_class, spec)
        seen, _ = settled(with_pod(seen, ended(run, 0, report), succeeded=True, ended=NOW))
    return seen


def running(resource_class: ResourceClass, spec: ReconstructionJobSpec, **fields: Any) -> Observed:
    """The pod of a class works, and has reported its first stage as done."""
    seen = started(resource_class, spec, **fields)
    run = current(seen)
    seen = with_pod(seen, pod_of(run))
    names = list(need_of(resource_class, spec).stages.items())
    results = [StageResult(name=StageName(name), digest=digest, seconds=1) for name, digest in names[:1]]
    live = update(run, names[-1][0], 40, stages=results)
    seen, _ = settled(replace(seen, live=live, heard=NOW))
    return replace(seen, live=None, heard=None)


def finished(spec: ReconstructionJobSpec, **fields: Any) -> Observed:
    last = list(dict.fromkeys(stage.resource_class for stage in graph_of(spec)))[-1]
    seen = started(last, spec, **fields)
    seen = with_pod(seen, ended(current(seen), 0, report_of(last, spec)), succeeded=True, ended=NOW)
    return settled(seen)[0]


def removed() -> tuple[Observed, datetime]:
    """A finished job whose workspace went when its time was over."""
    later = NOW + seconds(120)
    seen, _ = settled(finished(stored(retention={"workspaceSeconds": 60})), later)
    return replace(seen, claim=None, child_jobs=(), pods=()), later


def failed() -> Observed:
    seen = started(RECONSTRUCT, stored())
    reason = failure("TrainingDiverged", retryable=False, stage="train")
    report = report_of(PREPARE).model_copy(update={"stages": [], "failure": reason})
    seen = with_pod(seen, ended(current(seen), 3, report), failed=True, ended=NOW)
    return settled(seen)[0]


def suspended() -> Observed:
    seen, _ = settled(changed(running(RECONSTRUCT, stored()), **_plain(stored(suspend=True))))
    return _rested(seen)


def paused() -> Observed:
    spec = stored(pauseAfter="Poses")
    seen = started(PREPARE, spec)
    seen = with_pod(seen, ended(current(seen), 0, report_of(PREPARE, spec)), succeeded=True, ended=NOW)
    return settled(seen)[0]


def cancelled() -> Observed:
    seen = running(RECONSTRUCT, stored())
    seen, _ = settled(changed(seen, **_plain(stored(cancellation="Requested"))))
    seen, _ = settled(changed(seen, **_plain(stored(cancellation="Confirmed"))))
    return replace(_rested(seen), claim=None)


def retrying() -> Observed:
    seen = started(RECONSTRUCT, stored())
    report = report_of(PREPARE).model_copy(update={"stages": [], "failure": failure(stage="train")})
    seen = with_pod(seen, ended(current(seen), 4, report), failed=True, ended=NOW)
    return settled(seen)[0]


def built_on(reuse: str, resource_class: ResourceClass | None) -> Observed:
    spec = stored(source={"jobRef": {"name": "base", "reuse": reuse}})
    upstream = upstream_job(done=frozenset({"ingest", "poses", "train"}))
    return (
        finished(spec, upstream=upstream)
        if resource_class is None
        else running(resource_class, spec, upstream=upstream)
    )


def _plain(spec: ReconstructionJobSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


def _rested(seen: Observed) -> Observed:
    """The pods have ended, their Jobs are deleted."""
    done = tuple(child for child in seen.child_jobs if child.finished)
    names = {child.name for child in done}
    return settled(replace(seen, child_jobs=done, pods=tuple(pod for pod in seen.pods if pod.job_name in names)))[0]


JOBS: dict[str, Callable[[], Observed | tuple[Observed, datetime]]] = {
    "finished": lambda: finished(stored()),
    "finished-odd": lambda: finished(stored(**ODD)),
    "finished-without-workspace": removed,
    "finished-poses": lambda: finished(stored(endAfter="Poses")),
    "running-prepare": lambda: running(PREPARE, stored()),
    "running-reconstruct": lambda: running(RECONSTRUCT, stored()),
    "running-reconstruct-odd": lambda: running(RECONSTRUCT, stored(**ODD)),
    "running-deliver": lambda: running(DELIVER, stored()),
    "running-poses": lambda: running(PREPARE, stored(endAfter="Poses")),
    "failed": failed,
    "retrying": retrying,
    "suspended": suspended,
    "paused": paused,
    "cancelled": cancelled,
    "built-on-photos-finished": lambda: built_on("Photos", None),
    "built-on-poses-running-prepare": lambda: built_on("Poses", PREPARE),
    "built-on-poses-running-reconstruct": lambda: built_on("Poses", RECONSTRUCT),
    "built-on-training-finished": lambda: built_on("Training", None),
}


def write_jobs(out: Path) -> None:
    for name, build in JOBS.items():
        made = build()
        seen, now = made if isinstance(made, tuple) else (made, NOW)
        for _ in range(3):
            seen, plan = settled(seen, now)
        assert plan.status is None and not plan.actions, (name, plan)
        job, profile = seen.job, seen.profile
        assert job.spec is not None and profile is not None
        document = {
            "now": now.isoformat(),
            "generation": job.generation,
            "spec": _plain(job.spec),
            "status": job.status.model_dump(mode="json", by_alias=True, exclude_none=True),
            "profile": {"generation": profile.generation, "spec": profile.spec},
            "other": dataclasses.asdict(seen.upstream) if seen.upstream else None,
            "childJobs": [dataclasses.asdict(each) for each in seen.child_jobs],
            "pods": [dataclasses.asdict(each) for each in seen.pods],
            "claim": dataclasses.asdict(seen.claim) if seen.claim else None,
        }
        text = json.dumps(document, default=_text, indent=1, sort_keys=True)
        (out / f"{name}.json").write_text(text + "\n")


def _text(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else value.isoformat()


VARIANTS: list[dict[str, Any]] = [
    {},
    ODD,
    *({name: value} for name, value in ODD.items()),
    {"source": {"uri": "s3://captures/statue/", "secretName": "keys"}},
    {"source": {"persistentVolumeClaim": {"claimName": "photos", "path": "statue"}}},
    {"source": {"jobRef": {"name": "base"}}},
    {"source": {"jobRef": {"name": "base", "reuse": "Photos"}}, "poses": {"minRegisteredPercent": 1}},
    {"source": {"jobRef": {"name": "base", "reuse": "Training"}}, "training": {"device": "CPU"}},
    {"poses": {"method": "CanonicalViews", "fieldOfViewDegrees": 30, "cameraDistanceMillimetres": 500}},
    {"engine": "vanilla-nerf"},
    {"training": {"timeBudgetSeconds": 60, "earlyStopping": True, "raysPerStep": 256, "gradientAccumulation": 2}},
    {"training": {"keepCheckpoints": 5, "resultPrecision": "Half"}},
    {"exports": [{"format": "GLB"}, {"format": "OBJ"}]},
    {"endAfter": "Poses", "pauseAfter": "Ingest"},
    {"redo": {}},
    {"retention": {}},
    {"retention": {"workspaceSeconds": 60}, "notifications": [{"url": "https://example.org", "secretName": "key"}]},
    {"suspend": True, "profileName": "large", "queueName": "team", "retryPolicy": {"maxAttempts": 1}},
    {"softDeadlineSeconds": 60, "activeDeadlineSeconds": 90, "cancellation": "Requested"},
]


def write_digests(out: Path) -> None:
    """Of specs that are stored, and of what a status has kept of them."""
    specs = [stored(**fields) for fields in VARIANTS]
    documents = [
        {"spec": _plain(spec), "stages": stage_digests(spec), "specDigest": spec_digest(spec)} for spec in specs
    ]
    (out / "digests.json").write_text(json.dumps(documents, indent=1, sort_keys=True) + "\n")


def fields_of(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """Paths of all that a worker of the release understands in its order."""
    for name, field in model.model_fields.items():
        place = f"{path}.{field.alias or name}" if path else field.alias or name
        yield place
        for each in models_in(field.annotation):
            yield from fields_of(each, place)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


STAGE = """
import json
from reconstruction_api.stages import BY_NAME
from reconstruction_worker.stage import StageOutput, Stopped

def run(context):
    if (context.workspace / "stop-in").read_text() == context.name:
        (context.folder / "half").write_text("done")
        raise Stopped
    with (context.workspace / "runs").open("a") as runs:
        runs.write(context.name + "\\n")
    files = [context.of(need) / "out.json" for need in BY_NAME[context.name].needs]
    inputs = [file.read_text() for file in files if file.is_file()]
    (context.folder / "out.json").write_text(json.dumps([context.name, inputs]))
    if context.name == "ingest":
        from reconstruction_worker.ingest.dataset import Dataset, DatasetImage, Original

        original = Original(name="a.jpg", width=8, height=8, sha256="0" * 64)
        images = [DatasetImage(name=f"{n}.png", file=f"ingest/images/{n}.png", width=8, height=8, original=original)
                  for n in range(12)]
        (context.folder / "dataset.json").write_text(Dataset(images=images).model_dump_json(by_alias=True))
    if context.name == "train":
        (context.folder / "engine.json").write_text('{"engine": "nerfacto"}')
    return StageOutput(f"{context.name} did it")
"""


def write_workspaces(out: Path) -> None:
    """Of the whole graph; of one that was stopped in its training; of one that took over another's poses."""
    folder = Path(tempfile.mkdtemp())
    package = folder / "python" / "tiny_stages"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in StageName:
        (package / f"{name}.py").write_text(STAGE)
    sys.path.append(str(folder / "python"))
    photos = folder / "photos"
    photos.mkdir()
    (photos / "a.jpg").write_bytes(b"photo")
    os.utime(photos / "a.jpg", (PHOTOS_TIME, PHOTOS_TIME))

    def run(name: str, spec: ReconstructionJobSpec, source: Path, stop_in: str = "") -> None:
        workspace = folder / name
        workspace.mkdir()
        (workspace / "stop-in").write_text(stop_in)
        run = Run(spec=spec, workspace=workspace, source=source, package="tiny_stages", stages=graph_of(spec))
        outcome = execute(run, Observers([]), StopRequest())
        assert outcome.failure is None, outcome.failure
        files = sorted(path for path in workspace.rglob("*") if path.is_file() and path.suffix != ".log")
        kept = [path for path in files if path.name not in ("runs", "stop-in", ".reconstruction-lock")]
        texts = {path.relative_to(workspace).as_posix(): path.read_text() for path in kept}
        document = {"spec": _plain(spec), "files": texts}
        (out / f"{name}.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")

    run("finished", stored(), photos)
    run("finished-odd", stored(**ODD), photos)
    run("stopped", stored(), photos, stop_in="train")
    run("built-on-training", stored(source={"jobRef": {"name": "base", "reuse": "Training"}}), folder / "finished")
    run("finished-poses", stored(endAfter="Poses"), photos)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "jobs").mkdir(parents=True)
    (target / "workspaces").mkdir()
    write_jobs(target / "jobs")
    write_digests(target)
    (target / "order-fields.json").write_text(json.dumps(sorted(fields_of(WorkerJob)), indent=1) + "\n")
    write_workspaces(target / "workspaces")
