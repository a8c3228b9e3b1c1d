"""What a job says when its real pods can't be started or stopped, and what becomes of it. The worker is a stub.

Most of the time is waiting, so the troubles happen side by side; only the one that takes the whole node away is alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster.cluster import Cluster
from devcluster.processes import recall
from harness.operator_process import eventually
from harness.workbench import API, JobUnderTest, Workbench, conditions

from .stub_bench import WAITS, create_stub_profile, stub_workbench
from .test_operator_waiting import tells

pytestmark = [pytest.mark.node, pytest.mark.usefixtures("kubernetes_tools")]

GRACE_SECONDS, LOST_SECONDS = 60, 300
"""Long enough for a kubelet on a busy machine to say what a pod lacks before the job gives up."""

LATE = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "$(HOME)", "password": "hunter2", "LD_PRELOAD": "evil.so"}


@pytest.fixture
async def work(node_kubeconfig: Path, python_image: str, tmp_path: Path) -> AsyncIterator[Workbench]:
    async with stub_workbench(
        node_kubeconfig,
        python_image,
        tmp_path / "operator.log",
        image_pull_grace_seconds=str(GRACE_SECONDS),
        lost_pod_seconds=str(LOST_SECONDS),
    ) as made:
        yield made


async def no_image(work: Workbench) -> None:
    """Named while it is waited for; then the attempt has failed."""
    profile = f"{work.profile}-image"
    await create_stub_profile(work, profile, "worker.invalid/none:1")
    case = JobUnderTest(work, "no-image")
    await case.create(profileName=profile, retryPolicy={"maxAttempts": 1})
    await waits(case, "ImagePullFailed", "worker.invalid/none:1")
    job = await case.until("Succeeded", "False", "ImagePullFailed")
    assert "worker.invalid/none:1" in job["status"]["failure"]["message"]
    await eventually(case.has_no_active_child, "no pod is left that pulls")


async def no_secret(work: Workbench) -> None:
    """The field is named; once the secret is there, `recon retry` is all it takes. Of the secret, the pod sees what are
    credentials and nothing else, whatever the address asks for."""
    case = JobUnderTest(work, "no-secret")
    address = "s3://captures/$$(SOURCE_SECRET_password)/$(HOME)/$$"
    await case.create(source={"uri": address, "secretName": "late"})
    await waits(case, "SourceAccessDenied", "spec.source.secretName", '"late" not found')
    job = await case.until("Succeeded", "False", "SourceAccessDenied")
    assert "spec.source.secretName" in job["status"]["failure"]["message"]
    path = f"/api/v1/namespaces/{work.namespace}/secrets"
    await work.kube.create(path, {"metadata": {"name": "late"}, "stringData": LATE})
    await case.change(suspend=True)
    await case.change(suspend=False)
    job = await case.until("Succeeded")
    metrics = job["status"]["metrics"]
    assert metrics["credentials"] == "AWS_ACCESS_KEY_ID=id AWS_SECRET_ACCESS_KEY=$(HOME)"
    assert (metrics["credentialsWritable"], metrics["sourceAddress"]) == ("no", address)


async def secret_of_the_profile(work: Workbench) -> None:
    """The variable, entry and Secret are named; the pod starts once the namespace has it."""
    profile = f"{work.profile}-variable"
    entry = {"secretName": "models", "key": "token"}
    image = (await work.kube.get(f"{API}/clusterreconstructionprofiles/{work.profile}"))["spec"]["engines"][0]["image"]
    await create_stub_profile(work, profile, image, environmentFromSecrets={"HF_TOKEN": entry})
    case = JobUnderTest(work, "no-variable")
    await case.create(profileName=profile)
    await waits(case, "PodNotStarting", "HF_TOKEN", "'models'", "'token'")
    secrets = f"/api/v1/namespaces/{work.namespace}/secrets"
    await work.kube.create(secrets, {"metadata": {"name": "models"}, "stringData": {"token": "hf"}})
    await case.until("Succeeded")


async def secret_of_another_tenant(work: Workbench) -> None:
    """There is a secret, and a claim, of these names, in another namespace: kubelet and scheduler look in the job's."""
    other = f"{work.namespace}-bob"
    await work.kube.create("/api/v1/namespaces", {"metadata": {"name": other}})
    secret = {"metadata": {"name": "bobs"}, "stringData": {"KEY": "value"}}
    await work.kube.create(f"/api/v1/namespaces/{other}/secrets", secret)
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = f"/api/v1/namespaces/{other}/persistentvolumeclaims"
    await work.kube.create(claims, {"metadata": {"name": "bobs-photos"}, "spec": claim})
    thief, reader = JobUnderTest(work, "thief"), JobUnderTest(work, "reader")
    await thief.create(source={"uri": "s3://bob/", "secretName": "bobs"}, retryPolicy={"maxAttempts": 1})
    await reader.create(source={"persistentVolumeClaim": {"claimName": "bobs-photos"}}, retryPolicy={"maxAttempts": 1})
    await thief.until("Succeeded", "False", "SourceAccessDenied")
    await reader.until("Succeeded", "False", "SourceNotFound")
    for case in (thief, reader):
        for pod in await case.children("/api/v1/.../pods"):
            assert not any("running" in each["state"] for each in pod["status"].get("containerStatuses", []))
    await work.kube.request("DELETE", f"/api/v1/namespaces/{other}")


async def no_gpu(work: Workbench, image: str) -> None:
    profile = f"{work.profile}-gpu"
    await create_stub_profile(work, profile, image, gpu={"limits": {"nvidia.com/gpu": 1, "memory": "64Mi"}})
    case = JobUnderTest(work, "no-gpu")
    await case.create(profileName=profile)
    await tells(case, "GPUUnavailable", "Insufficient nvidia.com/gpu", "spec.training.device")
    assert conditions(await case.get())["PosesEstimated"]["status"] == "True", "what needs no GPU is done"
    await case.change(training={"device": "CPU"})
    await case.until("Succeeded")


async def another_jobs_workspace(work: Workbench) -> None:
    """The copying pod sees the other job's files, and can't write them."""
    base, case = JobUnderTest(work, "base"), JobUnderTest(work, "variant")
    await case.create(source={"jobRef": {"name": "base"}}, endAfter="Poses")
    await case.until("Accepted", "False", "SourceNotFound")
    await base.create(endAfter="Poses")
    job = await case.until("Succeeded")
    assert "prepare" in job["status"]["metrics"]["sourceFound"].split()
    assert job["status"]["metrics"]["sourceWritable"] == "no"


async def test_pods_that_can_not_start_say_why_and_what_then(work: Workbench, python_image: str) -> None:
    troubles: list[Awaitable[None]] = [
        no_image(work), no_secret(work), secret_of_the_profile(work), secret_of_another_tenant(work),
        no_gpu(work, python_image), another_jobs_workspace(work),
    ]  # fmt: skip
    ends = await asyncio.gather(*troubles, return_exceptions=True)
    if wrong := [end for end in ends if isinstance(end, Exception)]:
        raise ExceptionGroup("troubles", wrong)


async def test_a_pod_that_does_not_stop_is_no_pod_that_runs(work: Workbench, node_cluster: Cluster) -> None:
    """kubelet is frozen, as on a node without a network; when it is back, the job continues."""
    case = JobUnderTest(work, "statue")
    await case.create(training={"seed": WAITS})
    await case.until("Trained", "False", "Running")
    pod = next(p for p in await case.children("/api/v1/.../pods") if p["status"]["phase"] == "Running")
    with frozen_kubelet(node_cluster):
        path = f"/api/v1/namespaces/{work.namespace}/pods/{pod['metadata']['name']}"
        await work.kube.request("DELETE", path, body={"gracePeriodSeconds": 1})
        job = await case.until("Admitted", "False", "NodeLost", seconds=120)
        assert pod["spec"]["nodeName"] in conditions(job)["Admitted"]["message"]
    await case.change(training={"seed": 3})
    job = await case.until("Succeeded")
    assert {run["failures"] for run in job["status"]["runs"]} == {0}


@contextmanager
def frozen_kubelet(cluster: Cluster) -> Iterator[None]:
    process = recall(cluster.root / "kubelet.pid")
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


async def waits(case: JobUnderTest, reason: str, *words: str) -> None:
    """The pod has a node; the job says what it lacks there, and has not failed."""

    async def says() -> bool:
        found = conditions(await case.get()).get("Admitted", {})
        return found.get("reason") == reason and all(each in found["message"] for each in words)

    await eventually(says, f"{case.name} tells {reason} {words}")
    assert conditions(await case.get())["Succeeded"]["status"] == "Unknown"
