"""How many jobs the operator starts a second, how fast it writes results, what it needs, how fast it comes back.

    python -m bench.operator_scale [--jobs 1000] [--steady 50] [--kubeconfig FILE] [--out bench/results/operator.json]

Runs the operator's process against a real control plane; a fake kubelet ends the pods. Everything shares one machine:
`raw_creates_per_second`, the rate at which the same API server takes plain Job creations, is measured beside the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.fake_kubelet import FakeKubelet
from tests.cluster.operator_process import OperatorProcess
from tests.cluster.workbench import JobUnderTest, Workbench, workbench

from devcluster.cluster import Cluster
from reconstruction_api.names import LABEL_JOB
from reconstruction_operator.informer import Informer, Kind
from reconstruction_operator.kube import Kube, load_configuration
from reconstruction_operator.model import JobKey

CLIENTS = 20
Document = dict[str, Any]


@dataclass
class Seen:
    """Objects of a kind by name, each with the moment it was first seen as wanted."""

    wanted: Callable[[Document], bool]
    at: dict[str, float] = field(default_factory=dict)

    def see(self, document: Document) -> JobKey | None:
        if self.wanted(document):
            self.at.setdefault(document["metadata"]["name"], time.monotonic())
        return None

    @asynccontextmanager
    async def watching(self, kube: Kube, path: str, selector: str = "") -> AsyncIterator[Seen]:
        kind = Kind(path.rpartition("/")[2], self.see, lambda _: None, dict)
        task = asyncio.create_task(Informer(kube, path, selector, kind, lambda _: None).run())
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, number: int, seconds: float = 900) -> None:
        async with asyncio.timeout(seconds):
            while len(self.at) < number:  # noqa: ASYNC110 - counted by a watch
                await asyncio.sleep(0.02)


def succeeded(job: Document) -> bool:
    """A ReconstructionJob that has ended well."""
    conditions = job.get("status", {}).get("conditions", [])
    return any(each["type"] == "Succeeded" and each["status"] == "True" for each in conditions)


async def in_parallel(count: int, make: Callable[[int], Awaitable[Any]]) -> float:
    """Seconds for `count` calls over a fixed number of connections."""
    numbers = iter(range(count))

    async def client() -> None:
        for number in numbers:
            await make(number)

    started = time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return time.monotonic() - started


async def raw_rate(work: Workbench, count: int) -> float:
    """Plain Job creations a second; the Jobs are suspended, so that nothing else happens."""
    path = f"/apis/batch/v1/namespaces/{work.namespace}/jobs"
    pod = {"restartPolicy": "Never", "containers": [{"name": "none", "image": "none"}]}

    async def create(number: int) -> None:
        spec = {"suspend": True, "template": {"spec": pod}}
        await work.kube.create(path, {"metadata": {"name": f"raw-{number}"}, "spec": spec})

    return count / await in_parallel(count, create)


async def burst(work: Workbench, count: int) -> dict[str, Any]:
    """All jobs at once, and the moment when the last child Job is there."""
    path = f"/apis/batch/v1/namespaces/{work.namespace}/jobs"
    cpu = cpu_seconds(work.operator)
    async with Seen(lambda _: True).watching(work.kube, path, LABEL_JOB) as children:
        started = time.monotonic()
        await in_parallel(count, lambda number: JobUnderTest(work, f"burst-{number}").create())
        applied = time.monotonic() - started
        await children.until(count)
        seconds = max(children.at.values()) - started
        parents = Counter(name.rpartition("-")[0] for name in children.at)
    return {
        "jobs_per_second": round(count / seconds, 1),
        "applied_per_second": round(count / applied, 1),
        "operator_cpu_milliseconds_per_job": round((cpu_seconds(work.operator) - cpu) / count * 1000, 2),
        "duplicate_jobs": sum(number - 1 for number in parents.values()),
    }


async def steady(work: Workbench, kubelet: FakeKubelet, count: int) -> dict[str, Any]:
    """Jobs come one by one and run to their end: from the last pod's end to the job's status."""
    jobs = JobUnderTest(work, "steady").path.rpartition("/")[0]
    async with Seen(succeeded).watching(work.kube, jobs) as done:
        for number in range(count):
            await JobUnderTest(work, f"steady-{number}").create()
            await asyncio.sleep(0.2)
        await done.until(count)
    lags = sorted(moment - kubelet.ended[name, "deliver"] for name, moment in done.at.items())
    return {
        "p50_status_lag_seconds": round(statistics.median(lags), 3),
        "p99_status_lag_seconds": round(lags[min(len(lags) - 1, int(len(lags) * 0.99))], 3),
    }


async def restart(work: Workbench) -> float:
    """Seconds from the start of a new process to its child Job for a job that came while none ran."""
    path = f"/apis/batch/v1/namespaces/{work.namespace}/jobs"
    work.operator.kill()
    async with Seen(lambda _: True).watching(work.kube, path, f"{LABEL_JOB}=latecomer") as children:
        await JobUnderTest(work, "latecomer").create()
        started = time.monotonic()
        work.operator.start()
        await children.until(1)
        return round(min(children.at.values()) - started, 2)


def cpu_seconds(operator: OperatorProcess) -> float:
    assert operator.process is not None
    fields = Path(f"/proc/{operator.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_rss_mib(operator: OperatorProcess) -> float:
    assert operator.process is not None
    lines = Path(f"/proc/{operator.process.pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)


def machine() -> dict[str, Any]:
    """Where the figures come from, and how busy it was."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.platform(),
        "load_average_before": round(os.getloadavg()[0], 2),
    }


@contextmanager
def control_plane(given: Path | None) -> Iterator[Path]:
    """The given cluster, or one of our own."""
    if given is not None:
        yield given
        return
    cluster = Cluster(f"bench-{os.getpid()}")
    try:
        yield cluster.up(with_node=False, owner=os.getpid())
    finally:
        cluster.down()


async def measure(kubeconfig: Path, jobs: int, steady_jobs: int) -> dict[str, Any]:
    """All figures."""
    result: dict[str, Any] = {"machine": machine(), "jobs": jobs, "steady_jobs": steady_jobs}
    configuration = await load_configuration(str(kubeconfig))
    with tempfile.TemporaryDirectory() as folder:
        async with workbench(kubeconfig, Path(folder) / "burst.log", log_level="WARNING") as work:
            await work.operator.answers()
            await work.create_profile()
            result["raw_creates_per_second"] = round(await raw_rate(work, jobs), 1)
            result |= await burst(work, jobs)
            result["peak_rss_mib"] = peak_rss_mib(work.operator)
            result["restart_catch_up_seconds"] = await restart(work)
        async with workbench(kubeconfig, Path(folder) / "steady.log", log_level="WARNING") as work:
            kubelet = FakeKubelet(work.kube, configuration, namespace=work.namespace)
            running = asyncio.create_task(kubelet.run())
            try:
                await work.operator.answers()
                await work.create_profile()
                result |= await steady(work, kubelet, steady_jobs)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--steady", type=int, default=50)
    parser.add_argument("--kubeconfig", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "operator.json")
    given = parser.parse_args()
    with control_plane(given.kubeconfig) as kubeconfig:
        result = asyncio.run(measure(kubeconfig, given.jobs, given.steady))
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
