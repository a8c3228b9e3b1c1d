"""A node that runs nothing: it takes the pods that the real scheduler gives it and writes the status that a kubelet
would write, at the speed of the API server. What a pod's worker would have said is for the test to choose."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import aiohttp
from kubernetes.aio.client import Configuration

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import ExportFormat
from reconstruction_api.metric_names import Metric
from reconstruction_api.names import ENV_JOB, LABEL_JOB
from reconstruction_api.stages import graph_of, stage_digests, stages_of
from reconstruction_api.worker import Artifact, Failure, PodReport, StageResult, WorkerJob
from reconstruction_operator.kube import MERGE_PATCH, ApiError, Kube, load_configuration
from reconstruction_operator.manifests.pod import CONTAINER

Document = dict[str, Any]
_FIELD = "application/strategic-merge-patch+json"


@dataclass(frozen=True)
class Ending:
    """How a pod's container ends. `exit_code` None lets it run until it is deleted."""

    exit_code: int | None = 0
    report: PodReport | None = None
    reason: str = ""
    conditions: tuple[Document, ...] = ()
    seconds: float = 0
    """How long the container runs."""
    pod_reason: str = ""
    pod_message: str = ""
    """What the kubelet says of the pod as a whole."""
    companion: Literal["", "runs on", "fails"] = ""
    """An injected container of the pod: what it does when the worker has ended."""

    def lasting(self, seconds: float) -> Ending:
        return replace(self, seconds=seconds)

    def beside(self, companion: Literal["runs on", "fails"]) -> Ending:
        return replace(self, companion=companion)


Script = Callable[[WorkerJob], Ending]


def well(job: WorkerJob) -> Ending:
    """All stages of the pod's class have completed."""
    digests = stage_digests(job.spec)
    stages = [
        StageResult(name=s.name, digest=digests[s.name], message=f"{s.name} done")
        for s in stages_of(job.resource_class, graph_of(job.spec))
    ]
    artifacts = []
    if job.resource_class == "deliver":
        glb = ExportFormat.GLB
        uri = f"pvc://{job.name}-workspace/artifacts/{glb.file}"
        artifacts = [
            Artifact(name=glb.file, format=glb.value, uri=uri, size_bytes=4, sha256="0" * 64, media_type=glb.media_type)
        ]
    metrics: dict[str, str | int] = {Metric.PSNR: "27.31"} if job.resource_class == "reconstruct" else {}
    return Ending(0, PodReport(stages=stages, metrics=metrics, artifacts=artifacts))


def badly(code: str, message: str) -> Ending:
    """The worker reports a failure of the catalogue."""
    error = ReconstructionError(code, message)
    return Ending(int(error.exit_code), PodReport(failure=Failure.from_error(error)), "Error")


RUNS_ON = Ending(None)
DISRUPTED = Ending(
    5,
    None,
    "Error",
    (
        {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": "a more important pod needed the node",
        },
    ),
)


_EVICTION = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. Container worker was using 9Gi, "
    "request is 2Gi, has larger consumption of memory. "
)
EVICTED = Ending(
    137,
    None,
    "Error",
    ({"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": _EVICTION},),
    pod_reason="Evicted",
    pod_message=_EVICTION,
)
"""In the kubelet's words, for what the worker used itself."""
COMPANION = "injected"


@dataclass
class FakeKubelet:
    """Runs until cancelled. `scripts` says by the job's name how its pods end, `otherwise` where it says nothing; both
    may be changed at any time. `seen` lists the orders of all pods that were started."""

    kube: Kube
    configuration: Configuration
    scripts: dict[str, Script] = field(default_factory=dict)
    otherwise: Script = well
    node: str = "fake-node"
    namespace: str = ""
    """Run the pods of this namespace only; all pods when empty."""
    others: bool = False
    """Take the pods of other operators too; they run on until they are deleted."""
    seen: list[WorkerJob] = field(default_factory=list)
    ended: dict[tuple[str, str], float] = field(default_factory=dict)
    """When the last pod of a job and resource class ended, by a monotonic clock."""
    deaf: set[str] = field(default_factory=set)
    """Jobs whose pods are on a part of the node that hears of no deletion."""
    _ready: bool = True
    _handled: dict[str, str] = field(default_factory=dict)

    async def run(self) -> None:
        await self._register()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._heartbeat())
            tasks.create_task(self._watch(tasks))

    async def _register(self) -> None:
        with contextlib.suppress(ApiError):
            await self.kube.create("/api/v1/nodes", {"metadata": {"name": self.node}})
        capacity = {"cpu": "4000", "memory": "4000Gi", "pods": "100000", "ephemeral-storage": "4000Gi"}
        status = {"capacity": capacity, "allocatable": capacity}
        await self._patch(f"/api/v1/nodes/{self.node}/status", {"status": status})
        await self.set_ready(True)
        await self.set_taints([])

    async def set_ready(self, ready: bool) -> None:
        """What the node says of itself; the scheduler and the node controller believe it."""
        self._ready = ready
        condition = {
            "type": "Ready",
            "status": str(ready),
            "reason": "KubeletReady" if ready else "KubeletNotReady",
            "message": "",
            "lastHeartbeatTime": _now(),
            "lastTransitionTime": _now(),
        }
        await self._patch(f"/api/v1/nodes/{self.node}/status", {"status": {"conditions": [condition]}})

    async def set_taints(self, taints: list[Document]) -> None:
        """All taints of the node; one with effect NoExecute makes Kubernetes evict the pods."""
        await self._patch(f"/api/v1/nodes/{self.node}", {"spec": {"taints": taints or None}})

    async def _heartbeat(self) -> None:
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        with contextlib.suppress(ApiError):
            await self.kube.create(leases, {"metadata": {"name": self.node}, "spec": {"holderIdentity": self.node}})
        while True:
            renewed = {
                "spec": {"renewTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "leaseDurationSeconds": 40}
            }
            await self._patch(f"{leases}/{self.node}", renewed, MERGE_PATCH)
            await self._correct()
            await asyncio.sleep(5)

    async def _correct(self) -> None:
        """Where the node controller saw no heartbeat for too long, because it or the API server was away, it has
        written Ready=Unknown, and a taint with it, which only the node's own word takes away again."""
        with contextlib.suppress(ApiError, aiohttp.ClientError, TimeoutError):
            node = await self.kube.get(f"/api/v1/nodes/{self.node}")
            found = {each["type"]: each["status"] for each in node["status"].get("conditions", [])}
            if found.get("Ready") != str(self._ready):
                await self.set_ready(self._ready)

    async def _watch(self, tasks: asyncio.TaskGroup) -> None:
        """List, then follow; again from the start whenever the connection ends."""
        async with aiohttp.ClientSession(connector=_connector(self.configuration), read_bufsize=2**21) as session:
            while True:
                # ValueError: half an event before the connection ended
                with contextlib.suppress(aiohttp.ClientError, TimeoutError, ApiError, ValueError):
                    await self._follow(session, tasks)
                await asyncio.sleep(0.1)

    async def _follow(self, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        selected = {} if self.others else {"labelSelector": LABEL_JOB}
        page = await self.kube.request("GET", "/api/v1/pods", query=selected)
        for pod in page["items"]:
            self._take(pod, tasks)
        version = page["metadata"]["resourceVersion"]
        query = selected | {"watch": "true", "resourceVersion": version}
        timeout = aiohttp.ClientTimeout(total=None)
        url = f"{self.configuration.host}/api/v1/pods"
        async with session.get(url, params=query, timeout=timeout, raise_for_status=True) as answer:
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                if event["type"] != "DELETED":
                    self._take(event["object"], tasks)

    def _take(self, pod: Document, tasks: asyncio.TaskGroup) -> None:
        """Each pod is started once and stopped once."""
        uid, metadata = pod["metadata"]["uid"], pod["metadata"]
        elsewhere = self.namespace not in ("", metadata["namespace"])
        if pod["spec"].get("nodeName") != self.node or elsewhere:
            return
        if "deletionTimestamp" in metadata and _job_of(pod) in self.deaf:
            return
        if "deletionTimestamp" in metadata and self._handled.get(uid) != "stopped":
            self._handled[uid] = "stopped"
            tasks.create_task(self._stop(pod))
        elif uid not in self._handled and pod["status"].get("phase") == "Pending":
            self._handled[uid] = "started"
            tasks.create_task(self._run(pod))

    async def _run(self, pod: Document) -> None:
        if not _job_of(pod):
            await self._status(pod, "Running", {"running": {"startedAt": _now()}})
            return
        environment = {each["name"]: each.get("value", "") for each in _worker(pod)["env"]}
        order = WorkerJob.model_validate_json(environment[ENV_JOB])
        self.seen.append(order)
        started = _now()
        await self._status(pod, "Running", {"running": {"startedAt": started}})
        ending = self.scripts.get(order.name, self.otherwise)(order)
        if ending.exit_code is None:
            return
        await asyncio.sleep(ending.seconds)
        if self._handled.get(pod["metadata"]["uid"]) == "stopped":
            return
        state = _terminated(ending.exit_code, started, ending.reason, ending.report)
        phase = "Succeeded" if ending.exit_code == 0 else "Failed"
        if ending.companion:
            phase = "Running" if ending.companion == "runs on" else "Failed"
        self.ended[order.name, order.resource_class.value] = time.monotonic()
        await self._status(pod, phase, state, ending)

    async def _stop(self, pod: Document) -> None:
        """SIGTERM: a worker that runs saves and ends with status 5; then the kubelet removes the pod's object."""
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            ended = [each["state"] for each in pod["status"].get("containerStatuses", []) if each["name"] == _name(pod)]
            state = next((each for each in ended if "terminated" in each), _terminated(5, _now(), "Error", None))
            await self._status(pod, "Failed", state)
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"
        await self._insist("DELETE", path, {"gracePeriodSeconds": 0}, "application/json")

    async def _status(self, pod: Document, phase: str, state: Document, ending: Ending | None = None) -> None:
        containers = [_status_of(_name(pod), _worker(pod)["image"], state)]
        status: Document = {"phase": phase, "startTime": _now()}
        if ending is not None and ending.companion:
            running = ending.companion == "runs on"
            beside = {"running": {"startedAt": _now()}} if running else _terminated(1, _now(), "Error", None)
            containers.append(_status_of(COMPANION, "proxy:test", beside))
        if ending is not None:
            words = {"reason": ending.pod_reason, "message": ending.pod_message}
            status |= {name: text for name, text in words.items() if text}
        if ending is not None and ending.conditions:
            status["conditions"] = list(ending.conditions)
        status["containerStatuses"] = containers
        path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
        await self._patch(path, {"metadata": {"uid": pod["metadata"]["uid"]}, "status": status})

    async def _patch(self, path: str, body: Document, content_type: str = _FIELD) -> None:
        await self._insist("PATCH", path, body, content_type)

    async def _insist(self, method: str, path: str, body: Document, content_type: str) -> None:
        """Until the API server has heard it; what it then refuses, because the object is gone, is left."""
        while True:
            try:
                await self.kube.request(method, path, body=body, content_type=content_type)
                return
            except ApiError as error:
                passing = error.status == 429 or error.status >= 500 or "has been modified" in error.message
                if not passing:  # a conflict with another writer passes, one of uid does not
                    return
            except (aiohttp.ClientError, TimeoutError):
                pass
            await asyncio.sleep(0.2)


@asynccontextmanager
async def kubelet_for(kubeconfig: Path) -> AsyncIterator[FakeKubelet]:
    """A fake kubelet that runs as long as the block."""
    configuration = await load_configuration(str(kubeconfig))
    kube = Kube(configuration)
    kubelet = FakeKubelet(kube, configuration)
    running = asyncio.create_task(kubelet.run())
    try:
        yield kubelet
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await kube.close()


def _connector(configuration: Configuration) -> aiohttp.TCPConnector:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    return aiohttp.TCPConnector(ssl=context)


def _worker(pod: Document) -> Document:
    """Its container; another operator's pod has only its first. One that was injected may come before."""
    containers = pod["spec"]["containers"]
    return next((each for each in containers if each["name"] == CONTAINER), containers[0])


def _name(pod: Document) -> str:
    return _worker(pod)["name"]


def _status_of(name: str, image: str, state: Document) -> Document:
    ready = "running" in state
    return {"name": name, "image": image, "imageID": "", "ready": ready, "restartCount": 0, "state": state}


def _job_of(pod: Document) -> str:
    """The ReconstructionJob that the pod works for; empty for another operator's pod."""
    return pod["metadata"].get("labels", {}).get(LABEL_JOB, "")


def _terminated(exit_code: int, started: str, reason: str, report: PodReport | None) -> Document:
    message = report.to_termination_message() if report else ""
    return {
        "terminated": {
            "exitCode": exit_code,
            "startedAt": started,
            "finishedAt": _now(),
            "reason": reason or "Completed",
            "message": message,
        }
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
