"""Limits of concurrent jobs, with the operator's process and a real API server: they hold, also across a restart."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.fake_kubelet import RUNS_ON, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, conditions, workbench
from reconstruction_operator.kube import ApiError

pytestmark = pytest.mark.cluster


async def placed(work: Workbench) -> dict[str, bool]:
    """Each job, and whether it counts among those that run."""
    items = await work.listed("/apis/reconstruction.dev/v1alpha1/.../reconstructionjobs")
    return {item["metadata"]["name"]: "admissionTime" in item.get("status", {}) for item in items}


async def test_a_limit_holds_across_restarts_and_urgent_jobs_come_first(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        await work.kube.create(
            "/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": f"urgent-{work.namespace}"}, "value": 7}
        )
        urgent = f"urgent-{work.namespace}"
        await work.create_profile(limits={"maxConcurrentJobs": 2}, priorityClassNames=[urgent])
        cases = [JobUnderTest(work, f"job-{number}") for number in range(5)]
        for case in cases:
            kubelet.scripts[case.name] = lambda _: RUNS_ON
        for case in cases[:2]:
            await case.create()
            await case.until("Admitted", "True", "Running")
        for case in cases[2:4]:
            await case.create()
            job = await case.until("Admitted", "False", "ConcurrencyLimit")
            assert "2 jobs run at the same time" in conditions(job)["Admitted"]["message"]
        await cases[4].create(priorityClassName=urgent)
        await cases[4].until("Admitted", "False", "ConcurrencyLimit")

        work.operator.kill()
        work.operator.start()
        await work.operator.answers()
        seen = (await placed(work)).items()
        assert {name for name, counts in seen if counts} == {"job-0", "job-1"}

        await cases[0].change(suspend=True)
        await cases[4].until("Admitted", "True", "Running")
        pods = await cases[4].children("/api/v1/.../pods")
        assert pods[0]["spec"]["priority"] == 7
        assert sum((await placed(work)).values()) == 2

        for case in cases:
            kubelet.scripts[case.name] = well
        await cases[0].change(suspend=False)
        for case in cases[1:2] + cases[4:]:  # their pods run on until they are replaced
            for pod in await case.children("/api/v1/.../pods"):
                path = f"/api/v1/namespaces/{work.namespace}/pods/{pod['metadata']['name']}"
                await work.kube.request("DELETE", path)
        for case in cases:
            await case.until("Succeeded")
        await work.kube.request("DELETE", f"/apis/scheduling.k8s.io/v1/priorityclasses/{urgent}")


async def test_jobs_without_a_node_yield_their_turn_unless_an_autoscaler_makes_one(
    kubeconfig: Path, tmp_path: Path
) -> None:
    limited = workbench(kubeconfig, tmp_path / "log", max_concurrent_jobs="2", admission_timeout_seconds="20")
    async with limited as work, kubelet_for(kubeconfig):
        await work.create_profile()
        await work.create_profile("absent", cpu={"nodeSelector": {"hardware": "absent"}})
        stuck, hopeful, sound = (JobUnderTest(work, name) for name in ("stuck", "hopeful", "sound"))
        for case in (stuck, hopeful):
            await case.create(profileName="absent")
            await case.until("Admitted", "False", "Unschedulable")
        (pod,) = await hopeful.children("/api/v1/.../pods")
        await _report_scale_up(work, pod)
        await sound.create()
        await sound.until("Succeeded")
        told = [each for each in await work.listed("/api/v1/.../events") if each["reason"] == "TurnYielded"]
        assert {each["involvedObject"]["name"] for each in told} == {"stuck"}
        assert (await stuck.get())["status"]["yieldTime"]
        assert "yieldTime" not in (await hopeful.get())["status"]
        again = await stuck.until("Admitted", "False", "Unschedulable")  # its turn has come again
        assert "admissionTime" in again["status"]


async def _report_scale_up(work: Workbench, pod: dict[str, Any]) -> None:
    """As the cluster autoscaler does, and will for longer than the test takes."""
    now = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"kind": "Pod", "namespace": work.namespace} | {each: pod["metadata"][each] for each in ("name", "uid")}
    event = {
        "metadata": {"generateName": "scale-up-"},
        "involvedObject": about,
        "reason": "TriggeredScaleUp",
        "message": "pod triggered scale-up: [{gpu 0->1 (max: 4)}]",
        "type": "Normal",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    await work.kube.create(f"/api/v1/namespaces/{work.namespace}/events", event)


async def test_a_source_that_another_pod_uses_is_waited_for_without_a_turn(kubeconfig: Path, tmp_path: Path) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        workspace = {"size": "1Gi", "storageClassName": "one-pod", "accessModes": ["ReadWriteOncePod"]}
        await _volumes_for_one_pod(work, 3)
        await work.create_profile(workspace=workspace, limits={"maxConcurrentJobs": 2})
        base, copy, other = (JobUnderTest(work, name) for name in ("base", "copy", "other"))
        kubelet.scripts["base"] = lambda job: RUNS_ON if job.resource_class == "reconstruct" else well(job)
        await base.create()
        await base.until("PosesEstimated")
        await base.until("Admitted", "True", "Running")
        await copy.create(source={"jobRef": {"name": "base"}})
        job = await copy.until("Admitted", "False", "SourceInUse")
        assert "ReadWriteOncePod access mode" in conditions(job)["Admitted"]["message"]

        await other.create()
        await other.until("Succeeded")
        assert not (await placed(work))["copy"]

        kubelet.scripts["base"] = well
        for pod in await base.children("/api/v1/.../pods"):
            await work.kube.request("DELETE", f"/api/v1/namespaces/{work.namespace}/pods/{pod['metadata']['name']}")
        await base.until("Succeeded")
        job = await copy.until("Succeeded")
        assert {run["failures"] for run in job["status"]["runs"]} == {0}


async def _volumes_for_one_pod(work: Workbench, number: int) -> None:
    """Of the class `one-pod`: each may be used by a single pod, which the scheduler sees to. Only volumes of drivers
    have that access mode."""
    made = {"metadata": {"name": "one-pod"}, "provisioner": "kubernetes.io/no-provisioner"}
    with contextlib.suppress(ApiError):
        await work.kube.create("/apis/storage.k8s.io/v1/storageclasses", made)
    for index in range(number):
        name = f"{work.namespace}-{index}"
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOncePod"],
            "storageClassName": "one-pod",
            "persistentVolumeReclaimPolicy": "Delete",
            "csi": {"driver": "example.org", "volumeHandle": name},
        }
        await work.kube.create("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": spec})


async def test_the_operators_own_limit_counts_each_namespace(kubeconfig: Path, tmp_path: Path) -> None:
    async with (
        workbench(kubeconfig, tmp_path / "log", max_concurrent_jobs_per_namespace="1") as work,
        kubelet_for(kubeconfig) as kubelet,
    ):
        await work.create_profile()
        first, second = JobUnderTest(work, "first"), JobUnderTest(work, "second")
        kubelet.scripts["first"] = lambda _: RUNS_ON
        await first.create()
        await first.until("Admitted", "True", "Running")
        await second.create()
        job = await second.until("Admitted", "False", "ConcurrencyLimit")
        assert "The namespace may have 1 job running" in conditions(job)["Admitted"]["message"]
        await work.kube.request("DELETE", first.path)
        await second.until("Succeeded")

        async def idle() -> bool:
            return not any((await placed(work)).values())

        await eventually(idle, "nobody holds a slot")
