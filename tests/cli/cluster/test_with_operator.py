"""The commands and the operator together; only the kubelet is a fake."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cluster.conftest import JOB, Museum
from tests.cli.conftest import Recon
from tests.cluster.waiting import eventually

from harness.fake_kubelet import RUNS_ON, FakeKubelet, badly, well
from harness.operator_process import OperatorProcess
from harness.rest import GROUP
from reconstruction_operator.kube import Kube, load_configuration

pytestmark = pytest.mark.cluster


class Kubelet:
    """A fake kubelet in a thread of its own."""

    def __init__(self, kubeconfig: Path, node: str):
        self._kubeconfig = str(kubeconfig)
        self._node = node
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self._thread.start()
        assert self._ready.wait(120)

    async def _run(self) -> None:
        configuration = await load_configuration(self._kubeconfig)
        kube = Kube(configuration)
        self.fake = FakeKubelet(kube, configuration, node=self._node)
        self._task = asyncio.ensure_future(self.fake.run())
        self._ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await kube.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(120)
        self._loop.close()


@pytest.fixture
def kubelet(museum: Museum, tmp_path: Path) -> Iterator[FakeKubelet]:
    """The museum's own node, with an operator that serves only the museum, and a profile that chooses the node."""
    kubelet = Kubelet(museum.kubeconfig, museum.name)
    operator = OperatorProcess(museum.kubeconfig, tmp_path / "operator.log", namespaces=museum.name)
    try:
        node = f"/api/v1/nodes/{museum.name}"
        assert eventually(lambda: museum.rest.send("GET", node).status == 200)
        museum.send("PATCH", node, {"metadata": {"labels": {"museum": museum.name}}}, "application/merge-patch+json")
        museum.send("POST", f"{GROUP}/namespaces/{museum.name}/reconstructionprofiles", _profile(museum.name))
        operator.start()
        yield kubelet.fake
    finally:
        operator.kill()
        kubelet.stop()
        museum.send("DELETE", f"/api/v1/nodes/{museum.name}")


def _profile(museum: str) -> dict[str, Any]:
    here = {"nodeSelector": {"museum": museum}}
    spec = {"engines": [{"name": "nerfacto", "image": "worker:1"}], "cpu": here, "gpu": here}
    kind = {"apiVersion": "reconstruction.dev/v1alpha1", "kind": "ReconstructionProfile"}
    return kind | {"metadata": {"name": "default"}, "spec": spec}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(JOB)
    return path


def test_a_failed_job_is_retried_and_succeeds(recon: Recon, museum: Museum, kubelet: FakeKubelet, file: Path) -> None:
    kubelet.scripts["statue"] = lambda job: (
        badly("LowRegistration", "5 of 40 photos") if job.resource_class == "reconstruct" else well(job)
    )
    failed = recon("submit", file, "--watch")
    assert failed.status == 3
    assert failed.err.startswith("LowRegistration")
    assert "recon retry statue" in recon("submit", file).out

    kubelet.scripts["statue"] = well
    answer = recon("retry", "statue", "--watch")
    assert answer.status == 0, answer.err
    assert f"{museum.name}/statue has succeeded" in answer.out
    assert [job.resource_class for job in kubelet.seen] == ["prepare", "reconstruct", "reconstruct", "deliver"]
    assert "model.glb" in recon("artifacts", "statue").out


def test_a_job_is_suspended_and_resumed(recon: Recon, museum: Museum, kubelet: FakeKubelet, file: Path) -> None:
    kubelet.scripts["statue"] = lambda job: RUNS_ON if job.resource_class == "reconstruct" else well(job)
    recon("submit", file)
    assert eventually(lambda: len(kubelet.seen) == 2)
    recon("suspend", "statue")
    assert eventually(lambda: "Suspended" in recon("list").out)
    kubelet.scripts["statue"] = well
    recon("resume", "statue")
    assert recon("watch", "statue").status == 0


def test_a_job_is_cancelled_in_two_steps(recon: Recon, museum: Museum, kubelet: FakeKubelet, file: Path) -> None:
    kubelet.scripts["statue"] = lambda _: RUNS_ON
    recon("submit", file)
    assert eventually(lambda: len(kubelet.seen) == 1)
    asked = recon("cancel", "statue")
    assert asked.status == 0 and "the job continues" in asked.out
    assert "CancellationRequested True" in recon("describe", "statue").out
    confirmed = recon("cancel", "statue", "--confirm")
    assert confirmed.status == 0, confirmed.err
    assert f"{museum.name}/statue is cancelled" in confirmed.out
    claims = f"/api/v1/namespaces/{museum.name}/persistentvolumeclaims"
    pods = f"/api/v1/namespaces/{museum.name}/pods"
    assert eventually(lambda: museum.send("GET", claims)["items"] == [] == museum.send("GET", pods)["items"])
    assert recon("watch", "statue").status == 6
