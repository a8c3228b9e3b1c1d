"""What the writes for one job cost when nobody watches them: the floor under any operator.

The same requests that the operator makes for a new job, kind after kind, made by the benchmark while no operator runs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devcluster.cluster import Cluster
from harness.workbench import API, Workbench
from reconstruction_api.names import JOB_KIND
from reconstruction_operator import paths
from reconstruction_operator.act import status_document
from reconstruction_operator.actions import CreateJob, Emit, EnsureClaim, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.event_recorder import event
from reconstruction_operator.model import JobView, Policy
from reconstruction_operator.observe import observe
from reconstruction_operator.store import Store

from .measuring import Document, Meter, in_parallel


@dataclass
class Prepared:
    """What is to be written for one job."""

    job: JobView
    plan: Plan

    @property
    def status(self) -> Document:
        assert self.plan.status is not None
        return status_document(self.job, self.plan.status)

    def manifest(self, kind: type[EnsureClaim | CreateJob]) -> Document:
        return next(each.manifest for each in self.plan.actions if isinstance(each, kind))

    @property
    def events(self) -> list[Document]:
        now = datetime.now(UTC)
        return [event(self.job, each, "bench", now) for each in self.plan.actions if isinstance(each, Emit)]


async def write_costs(work: Workbench, cluster: Cluster, count: int) -> dict[str, Any]:
    """For each kind of write: how many a second, and the processor time of each program for one of them."""
    jobs, namespace = list[Document](), work.namespace

    async def new_job(number: int) -> None:
        spec = {"source": {"uri": f"s3://captures/{number}/"}, "profileName": work.profile}
        body = {
            "apiVersion": "reconstruction.dev/v1alpha1",
            "kind": JOB_KIND,
            "metadata": {"name": f"written-{number}"},
            "spec": spec,
        }
        jobs.append(await work.kube.create(f"{API}/namespaces/{namespace}/reconstructionjobs", body))

    result = {"ReconstructionJob, by its author": await _measured(cluster, count, new_job)}
    profile = await work.kube.get(f"{API}/namespaces/{namespace}/reconstructionprofiles/{work.profile}")
    prepared = [_prepared(job, profile) for job in jobs]

    async def status(number: int) -> None:
        each = prepared[number]
        await work.kube.request("PUT", paths.job_status(each.job.key), body=each.status, brief=True)

    async def revision(number: int) -> None:
        pins = prepared[number].plan.pins
        assert pins is not None
        await work.kube.create(paths.revisions(namespace), pins.manifest, brief=True)

    async def one_event(number: int) -> None:
        await work.kube.create(paths.events(namespace), prepared[number].events[-1], brief=True)

    async def claim(number: int) -> None:
        await work.kube.create(paths.claims(namespace), prepared[number].manifest(EnsureClaim), brief=True)

    async def child_job(number: int) -> None:
        await work.kube.create(paths.child_jobs(namespace), prepared[number].manifest(CreateJob), brief=True)

    kinds: dict[str, Callable[[int], Awaitable[None]]] = {
        "its profile": revision,
        "its status": status,
        "Event": one_event,
        "volume claim": claim,
        "child Job": child_job,
    }
    for name, write in kinds.items():
        result[name] = await _measured(cluster, count, write)
    result["Event"]["per_job"] = round(sum(len(each.events) for each in prepared) / count, 2)
    return result


def floor(costs: dict[str, Any]) -> float:
    """Jobs a second where each is one write of every kind, one kind after the other, and nobody decides anything."""
    return 1 / sum(1 / each["per_second"] for each in costs.values())


def _prepared(job: Document, profile: Document) -> Prepared:
    """What the operator would decide about a new job."""
    store = Store()
    store.observe_profile(profile)
    key = store.observe_job(job)
    observed = observe(store, key, None, Policy()) if key is not None else None
    assert observed is not None
    return Prepared(observed.job, decide(observed, datetime.now(UTC)))


async def _measured(cluster: Cluster, count: int, write: Callable[[int], Awaitable[None]]) -> dict[str, Any]:
    meter = Meter(cluster)
    seconds = await in_parallel(count, write)
    return {"per_second": round(count / seconds, 1), "cpu_milliseconds": meter.milliseconds_for_each(count)}
