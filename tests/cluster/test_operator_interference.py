"""Pods that others interfere with: an admission policy adds a container, the kubelet evicts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.fake_kubelet import COMPANION, EVICTED, kubelet_for, well
from harness.operator_process import eventually
from harness.workbench import JobUnderTest, Workbench, workbench

pytestmark = pytest.mark.cluster

ADMISSION = "/apis/admissionregistration.k8s.io/v1"


@asynccontextmanager
async def injection(work: Workbench) -> AsyncIterator[None]:
    """Every new pod of the namespace gets another container, before its own."""
    value = f'Object.spec.containers{{name: "{COMPANION}", image: "proxy:test"}}'
    patch = f'[JSONPatch{{op: "add", path: "/spec/containers/0", value: {value}}}]'
    name, pods = f"inject-{work.namespace}", {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
    policy = {
        "matchConstraints": {"resourceRules": [pods | {"operations": ["CREATE"]}]},
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
        "reinvocationPolicy": "Never",
    }
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": work.namespace}}}
    objects = {
        "mutatingadmissionpolicies": policy,
        "mutatingadmissionpolicybindings": {"policyName": name, "matchResources": here},
    }
    for plural, spec in objects.items():
        await work.kube.create(f"{ADMISSION}/{plural}", {"metadata": {"name": name}, "spec": spec})
    try:
        await eventually(lambda: _is_injected(work), "the policy acts")
        yield
    finally:
        for plural in objects:
            await work.kube.request("DELETE", f"{ADMISSION}/{plural}/{name}")


async def _is_injected(work: Workbench) -> bool:
    pod = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    path = f"/api/v1/namespaces/{work.namespace}/pods"
    made = await work.kube.request("POST", path, query={"dryRun": "All"}, body=pod)
    return len(made["spec"]["containers"]) == 2


def names(pod: dict[str, Any]) -> list[str]:
    return [each["name"] for each in pod["spec"]["containers"]]


async def test_an_injected_container_neither_holds_an_ended_worker_nor_makes_its_end_a_failure(
    kubeconfig: Path, tmp_path: Path
) -> None:
    async with (
        workbench(kubeconfig, tmp_path / "log") as work,
        kubelet_for(kubeconfig) as kubelet,
        injection(work),
    ):
        await work.create_profile()
        endless, failing = JobUnderTest(work, "endless"), JobUnderTest(work, "failing")
        kubelet.scripts["endless"] = lambda job: well(job).beside("runs on")
        kubelet.scripts["failing"] = lambda job: well(job).beside("fails")
        for case in (endless, failing):
            await case.create(retryPolicy={"maxAttempts": 1})
        for case in (endless, failing):
            job = await case.until("Succeeded")
            assert {run["failures"] for run in job["status"]["runs"]} == {0}
            assert {(run["interruptions"], run["attempt"]) for run in job["status"]["runs"]} == {(0, 1)}
            await eventually(case.has_no_active_child, "nothing is held any more")
        left = await failing.children("/api/v1/.../pods")
        assert left and all(names(pod) == [COMPANION, "worker"] for pod in left)


async def test_a_second_eviction_for_its_own_memory_fails_the_attempt_in_the_kubelets_words(
    kubeconfig: Path, tmp_path: Path
) -> None:
    async with workbench(kubeconfig, tmp_path / "log") as work, kubelet_for(kubeconfig) as kubelet:
        await work.create_profile()
        case = JobUnderTest(work, "hungry")
        kubelet.scripts["hungry"] = lambda _: EVICTED
        await case.create(retryPolicy={"maxAttempts": 1})
        job = await case.until("Succeeded", "False", "HostOutOfMemory")
        assert "Container worker was using 9Gi" in job["status"]["failure"]["message"]
        (run,) = job["status"]["runs"]
        assert (run["evictions"], run["failures"]) == (2, 1) and run["interruptions"] >= 1
        told = [each["message"] for each in await work.listed("/api/v1/.../events") if each["reason"] == "Interrupted"]
        assert told and "low on resource: memory" in told[0]
