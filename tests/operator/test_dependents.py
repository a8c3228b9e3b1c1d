"""Jobs that build on others: who is woken when, and what counts as missing."""

from __future__ import annotations

from typing import Any

from reconstruction_api.names import API_VERSION, JOB_KIND, LABEL_CLASS, LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator.dependents import Dependents
from reconstruction_operator.kube import ApiError
from reconstruction_operator.model import JobKey, Policy
from reconstruction_operator.observe import observe
from reconstruction_operator.parse import LABEL_CHILD_JOB
from reconstruction_operator.store import Store

BASE, CHILD = JobKey("museum", "base"), JobKey("museum", "child")


def job(name: str, version: int = 1, builds_on: str = "", **status: Any) -> dict[str, Any]:
    source = {"jobRef": {"name": builds_on}} if builds_on else {"uri": "s3://photos/"}
    metadata = {
        "namespace": "museum",
        "name": name,
        "uid": f"uid-of-{name}",
        "generation": 1,
        "resourceVersion": f"{version}",
    }
    return {"metadata": metadata, "spec": {"source": source}, "status": status}


class Server:
    """An API server with some jobs."""

    def __init__(self, *jobs: dict[str, Any]):
        self.jobs = {each["metadata"]["name"]: each for each in jobs}
        self.asked: list[str] = []

    async def get(self, path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        self.asked.append(name)
        if name not in self.jobs:
            raise ApiError(404, "NotFound", "no such job")
        return self.jobs[name]


def dependents_of(store: Store, *jobs: dict[str, Any]) -> tuple[Dependents, Server, list[JobKey]]:
    server, woken = Server(*jobs), list[JobKey]()
    return Dependents(server, store, lambda key, _: woken.append(key)), server, woken  # type: ignore[arg-type]


async def test_a_job_that_no_watch_has_told_of_is_asked_for_before_it_counts_as_missing() -> None:
    store = Store()
    store.observe_job(job("child", builds_on="base"))
    known, server, woken = dependents_of(store, job("base", builds_on="first"), job("first"))
    await known.fetch_upstream(CHILD)
    assert server.asked == ["base", "first"] and BASE in woken
    await known.fetch_upstream(CHILD)
    assert len(server.asked) == 2
    seen = observe(store, CHILD, None, Policy())
    assert seen is not None and seen.upstream is not None and seen.upstream.name == "base"


async def test_a_job_that_has_ended_asks_for_nothing() -> None:
    store = Store()
    store.observe_job(job("child", builds_on="base", completionTime="2026-03-01T12:00:00Z"))
    known, server, _ = dependents_of(store)
    await known.fetch_upstream(CHILD)
    assert server.asked == []


async def test_jobs_that_build_on_each_other_are_a_circle_and_those_that_build_on_them_are_not_in_it() -> None:
    store = Store()
    store.observe_job(job("a", builds_on="b"))
    store.observe_job(job("outside", builds_on="a"))
    known, _, _ = dependents_of(store, job("b", builds_on="a"))
    await known.fetch_upstream(JobKey("museum", "a"))
    cycles = {name: observe(store, JobKey("museum", name), None, Policy()).cycle for name in ("a", "b", "outside")}  # type: ignore[union-attr]
    assert cycles == {"a": ("a", "b", "a"), "b": ("b", "a", "b"), "outside": ()}


def test_a_job_is_woken_by_what_matters_to_it_and_by_nothing_else() -> None:
    store = Store()
    store.observe_job(job("child", builds_on="base"))
    known, _, woken = dependents_of(store)
    stage = {"name": "ingest", "state": "Succeeded"}
    statuses: list[dict[str, Any]] = [
        {},
        {"metrics": {"psnr": "20"}},
        {"stages": [stage]},
        {"stages": [stage], "metrics": {"psnr": "21"}},
    ]
    for version, status in enumerate(statuses, start=1):
        store.observe_job(job("base", version, **status))
        known.wake(BASE)
    assert woken == [CHILD, CHILD], "when it appeared, and when a stage had ended"
    store.forget_job(job("base"))
    known.wake(BASE)
    assert woken == [CHILD] * 3
    store.forget_job(job("child"))
    store.observe_job(job("base", 9))
    known.wake(BASE)
    assert woken == [CHILD] * 3


def test_pods_that_use_the_other_jobs_workspace_are_its_own_and_those_that_copy_from_it() -> None:
    store = Store()
    for document in (job("base"), job("child", builds_on="base"), job("sibling", builds_on="base"), job("stranger")):
        store.observe_job(document)
    for name, resource_class in (("base", "reconstruct"), ("child", "prepare"), ("sibling", "prepare")):
        store.observe_child_job(owned("Job", f"{name}-1", name, {LABEL_CLASS: resource_class}))
        store.observe_pod(placed_pod(f"{name}-1", name))
    store.observe_child_job(owned("Job", "sibling-2", "sibling", {LABEL_CLASS: "reconstruct"}))
    store.observe_pod(placed_pod("sibling-2", "sibling"))
    seen = observe(store, CHILD, None, Policy())
    assert seen is not None and seen.source_users == ("pod-of-base-1", "pod-of-sibling-1")
    store.observe_pod(placed_pod("base-1", "base", version=2, phase="Succeeded"))
    seen = observe(store, CHILD, None, Policy())
    assert seen is not None and seen.source_users == ("pod-of-sibling-1",)


def owned(kind: str, name: str, by: str, labels: dict[str, str], version: int = 1) -> dict[str, Any]:
    owner = {"apiVersion": API_VERSION, "kind": JOB_KIND, "name": by, "uid": f"uid-of-{by}", "controller": True}
    marks = {LABEL_JOB: by, LABEL_JOB_UID: f"uid-of-{by}"} | labels
    metadata = {
        "namespace": "museum",
        "name": name,
        "uid": f"uid-of-{name}",
        "labels": marks,
        "ownerReferences": [owner],
    }
    return {"kind": kind, "metadata": metadata | {"resourceVersion": f"{version}"}, "status": {}}


def placed_pod(child: str, by: str, version: int = 1, phase: str = "Running") -> dict[str, Any]:
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-03-01T12:00:00Z"}
    document = owned("Pod", f"pod-of-{child}", by, {LABEL_CHILD_JOB: child}, version)
    return document | {"spec": {"nodeName": "n"}, "status": {"phase": phase, "conditions": [scheduled]}}
