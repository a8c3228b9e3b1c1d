"""Where a part of the operator's benchmark takes place: a control plane of its own, and a kubelet that runs nothing."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from devcluster.cluster import Cluster
from harness.fake_kubelet import Ending, FakeKubelet, well
from harness.workbench import JobUnderTest, Workbench, workbench
from reconstruction_api.worker import WorkerJob
from reconstruction_operator.kube import load_configuration

from .measuring import Meter

_A_LONG_TIME = 10_000


@dataclass
class Bench:
    """A fresh control plane with one operator and a kubelet."""

    cluster: Cluster
    work: Workbench
    kubelet: FakeKubelet
    folder: Path

    def meter(self) -> Meter:
        process = self.work.operator.process
        return Meter(self.cluster, process.pid if process else None)


@asynccontextmanager
async def bench(
    purpose: str,
    *,
    with_operator: bool = True,
    with_others: bool = False,
    flags: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Bench]:
    """Everything of it is gone afterwards. Without the operator there are still its kinds and a profile; `with_others`
    the kubelet takes the pods of other operators too. `flags` are the operator's."""
    cluster = Cluster(f"bench-{purpose}-{os.getpid()}")
    try:
        kubeconfig = await asyncio.to_thread(cluster.up, with_node=False, owner=os.getpid())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            given = {"log_level": "WARNING", **flags}
            async with workbench(kubeconfig, folder / "log", running=with_operator, **given) as work:
                kubelet = FakeKubelet(
                    work.kube, await load_configuration(str(kubeconfig)), namespace=work.namespace, others=with_others
                )
                running = asyncio.create_task(kubelet.run())
                try:
                    if with_operator:
                        await work.operator.answers()
                    await work.create_profile()
                    yield Bench(cluster, work, kubelet, folder)
                finally:
                    running.cancel()
                    await asyncio.gather(running, return_exceptions=True)
    finally:
        await asyncio.to_thread(cluster.down)


def runs_on(job: WorkerJob) -> Ending:
    """A reconstruction takes hours, not milliseconds."""
    return well(job).lasting(_A_LONG_TIME)


async def create(work: Workbench, name: str) -> None:
    """A job with photos of its own."""
    await JobUnderTest(work, name).create(source={"uri": f"s3://captures/{name}/"})
