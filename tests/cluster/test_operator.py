"""The operator's process against a real API server, scheduler and Job controller; only the kubelet is a fake."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconstruction_operator.kube import MERGE_PATCH, Kube, load_configuration

from .fake_kubelet import DISRUPTED, RUNS_ON, FakeKubelet, badly, well
from .operator_process import OperatorProcess, eventually
from .rest import Rest

pytestmark = pytest.mark.cluster

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
API = "/apis/reconstruction.dev/v1alpha1"
Document = dict[str, Any]


@dataclass
class Bench:
    """A namespace of its own, an operator that serves only it, and a kubelet."""

    kube: Kube
    kubelet: FakeKubelet
    operator: OperatorProcess
    namespace: str

    async def create_job(self, name: str = "statue", **spec: Any) -> None:
        spec = {"source": {"uri": "s3://captures/statue/"}, "profileName": "test"} | spec
        await self.kube.create(f"{API}/namespaces/{self.namespace}/reconstructionjobs", _object(name, spec))

    async def create_profile(self, name: str = "test", **spec: Any) -> None:
        spec = {"engines": [{"name": "nerfacto", "image": "worker:test"}], "workspace": {"size": "1Gi"}} | spec
        path = f"{API}/namespaces/{self.namespace}/reconstructionprofiles"
        document = _object(name, spec) | {"kind": "ReconstructionProfile"}
        await self.kube.create(path, document)

    async def change(self, name: str = "statue", **spec: Any) -> None:
        path = f"{API}/namespaces/{self.namespace}/reconstructionjobs/{name}"
        await self.kube.request("PATCH", path, body={"spec": spec}, content_type=MERGE_PATCH)

    async def job(self, name: str = "statue") -> Document:
        return await self.kube.get(f"{API}/namespaces/{self.namespace}/reconstructionjobs/{name}")

    async def children(self) -> list[Document]:
        page = await self.kube.get(f"/apis/batch/v1/namespaces/{self.namespace}/jobs")
        return page["items"]

    async def until(self, condition: str, status: str = "True", reason: str = "", name: str = "statue") -> Document:
        async def holds() -> Document | None:
            job = await self.job(name)
            found = _conditions(job).get(condition, {})
            fits = found.get("status") == status and reason in ("", found.get("reason"))
            current = job["status"].get("observedGeneration") == job["metadata"]["generation"] if fits else False
            return job if current else None

        try:
            return await eventually(holds, f"{condition}={status} {reason}")
        except AssertionError as error:
            raise AssertionError(f"{error}: {(await self.job(name)).get('status')}") from None


def _object(name: str, spec: Document) -> Document:
    return {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": name},
        "spec": spec,
    }


def _conditions(job: Document) -> dict[str, Document]:
    return {each["type"]: each for each in job.get("status", {}).get("conditions", [])}


@pytest.fixture
async def bench(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    Rest(kubeconfig).install(CRDS)
    configuration = await load_configuration(str(kubeconfig))
    kube = Kube(configuration)
    namespace = f"test-{secrets.token_hex(4)}"
    await kube.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    kubelet = FakeKubelet(kube, configuration)
    running = asyncio.create_task(kubelet.run())
    operator = OperatorProcess(kubeconfig, tmp_path / "operator.log", namespaces=namespace)
    operator.start()
    try:
        yield Bench(kube, kubelet, operator, namespace)
    finally:
        operator.kill()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await kube.request("DELETE", f"/api/v1/namespaces/{namespace}")
        await kube.close()


async def test_a_job_runs_its_three_classes_one_after_the_other_and_succeeds(bench: Bench) -> None:
    await bench.create_profile()
    await bench.create_job()
    job = await bench.until("Succeeded")
    status = job["status"]
    assert [order.resource_class for order in bench.kubelet.seen] == ["prepare", "reconstruct", "deliver"]
    assert [stage["state"] for stage in status["stages"]] == ["Succeeded"] * 8
    assert status["progress"]["percent"] == 100
    assert status["metrics"]["psnr"] == "27.31"
    assert [artifact["name"] for artifact in status["artifacts"]] == ["model.glb"]
    expected = {"Accepted": "True", "PosesEstimated": "True", "Trained": "True", "Exported": "True",
                "Validated": "True", "Reconciling": "False", "Stalled": "False"}  # fmt: skip
    assert {name: _conditions(job)[name]["status"] for name in expected} == expected


async def test_killing_the_operator_at_every_step_changes_nothing(bench: Bench) -> None:
    await bench.create_profile()
    await bench.create_job()
    for classes_seen in (1, 2, 3):
        await eventually(lambda n=classes_seen: _reached(bench, n), f"pod {classes_seen}")
        bench.operator.kill()
        bench.operator.start()
    await bench.until("Succeeded")
    assert [order.resource_class for order in bench.kubelet.seen] == ["prepare", "reconstruct", "deliver"]
    assert len(await bench.children()) == 3


async def test_a_job_waits_for_its_profile_and_says_which_ones_there_are(bench: Bench) -> None:
    await bench.create_profile("production")
    await bench.create_job()
    job = await bench.until("Accepted", "False", "ProfileNotFound")
    assert "production" in _conditions(job)["Accepted"]["message"]
    await bench.create_profile()
    await bench.until("Succeeded")


async def test_a_permanent_failure_ends_the_job_and_a_changed_spec_runs_it_again(bench: Bench) -> None:
    bench.kubelet.script = lambda job: badly("LowRegistration", "5 of 40 photos")
    await bench.create_profile()
    await bench.create_job()
    job = await bench.until("Succeeded", "False", "LowRegistration")
    assert job["status"]["failure"]["suggestion"]
    assert _conditions(job)["Stalled"]["status"] == "True"
    bench.kubelet.script = well
    await bench.change(poses={"minRegisteredPercent": 10})
    await bench.until("Succeeded")


async def test_a_passing_failure_is_tried_again_after_a_pause(bench: Bench) -> None:
    bench.kubelet.script = lambda job: well(job) if job.attempt > 1 else badly("ArtifactStoreError", "try later")
    await bench.create_profile()
    await bench.create_job(retryPolicy={"backoffSeconds": 1})
    job = await bench.until("Succeeded")
    assert {run["attempt"] for run in job["status"]["runs"]} == {2}
    assert {run["failures"] for run in job["status"]["runs"]} == {1}


async def test_a_preempted_pod_is_replaced_within_its_attempt(bench: Bench) -> None:
    def script(job):
        first = sum(order.resource_class == "reconstruct" for order in bench.kubelet.seen) == 1
        return DISRUPTED if job.resource_class == "reconstruct" and first else well(job)

    bench.kubelet.script = script
    await bench.create_profile()
    await bench.create_job()
    job = await bench.until("Succeeded")
    assert [order.resource_class for order in bench.kubelet.seen].count("reconstruct") == 2
    assert {run["attempt"] for run in job["status"]["runs"]} == {1}
    assert len(await bench.children()) == 3


async def test_suspending_frees_the_pod_and_resuming_starts_it_again(bench: Bench) -> None:
    bench.kubelet.script = lambda job: RUNS_ON if job.resource_class == "reconstruct" else well(job)
    await bench.create_profile()
    await bench.create_job()
    await bench.until("Admitted", reason="Running")
    await eventually(lambda: _reached(bench, 2), "training runs")
    await bench.change(suspend=True)
    await bench.until("Suspended")
    await eventually(lambda: _no_active_child(bench), "the child Job is gone")
    bench.kubelet.script = well
    await bench.change(suspend=False)
    job = await bench.until("Succeeded")
    assert job["status"]["runs"][1]["interruptions"] == 1
    assert job["status"]["runs"][1]["failures"] == 0


async def test_changed_exports_run_only_the_delivery_again(bench: Bench) -> None:
    await bench.create_profile()
    await bench.create_job()
    await bench.until("Succeeded")
    await bench.change(exports=[{"format": "GLB"}, {"format": "OBJ"}])
    job = await bench.until("Succeeded")
    assert [order.resource_class for order in bench.kubelet.seen] == ["prepare", "reconstruct", "deliver", "deliver"]
    assert job["status"]["metrics"]["psnr"] == "27.31"


async def test_a_job_that_runs_too_long_fails_with_its_deadline(bench: Bench) -> None:
    bench.kubelet.script = lambda job: RUNS_ON
    await bench.create_profile()
    await bench.create_job(activeDeadlineSeconds=2)
    await bench.until("Succeeded", "False", "DeadlineExceeded")
    await eventually(lambda: _no_active_child(bench), "the child Job is gone")


async def test_deleting_the_job_deletes_everything_that_belongs_to_it(bench: Bench) -> None:
    bench.kubelet.script = lambda job: RUNS_ON
    await bench.create_profile()
    await bench.create_job()
    await eventually(lambda: _reached(bench, 1), "the first pod runs")
    await bench.kube.request("DELETE", f"{API}/namespaces/{bench.namespace}/reconstructionjobs/statue")

    async def nothing_left() -> bool:
        claims = await bench.kube.get(f"/api/v1/namespaces/{bench.namespace}/persistentvolumeclaims")
        pods = await bench.kube.get(f"/api/v1/namespaces/{bench.namespace}/pods")
        return not (claims["items"] or pods["items"] or await bench.children())

    await eventually(nothing_left, "children, pods and claim are gone")


async def test_every_transition_is_told_in_an_event(bench: Bench) -> None:
    await bench.create_profile()
    await bench.create_job()
    await bench.until("Succeeded")

    async def told() -> bool:
        page = await bench.kube.get(f"/apis/events.k8s.io/v1/namespaces/{bench.namespace}/events")
        about = [each for each in page["items"] if each["regarding"]["kind"] == "ReconstructionJob"]
        return {"Accepted", "Started", "ClassCompleted", "Succeeded"} <= {each["reason"] for each in about}

    await eventually(told, "all events")


async def _reached(bench: Bench, pods: int) -> bool:
    return len(bench.kubelet.seen) >= pods


async def _no_active_child(bench: Bench) -> bool:
    ended = ("Complete", "Failed")
    return all(
        any(each["type"] in ended and each["status"] == "True" for each in child["status"].get("conditions", []))
        for child in await bench.children()
    )
