"""How many jobs the operator starts a second, how fast it writes results, what it needs, how fast it comes back.

    python -m bench.operator_scale [--jobs 1000] [--steady 100] [--finished 10000] [--out bench/results/operator.json]

Runs the operator's process against real control planes, one for each part, on the machine that also carries etcd, the
API server, the controllers, this load generator and a fake kubelet. Pods of the burst and of the crowd run on, as real
ones would; those of the steady state end at once. `raw_creates_per_second`, the rate at which the same API server takes
plain Job creations, and `write_costs`, what each kind of write costs without an operator, are measured beside the rest.
The burst is a share of what the same API server takes of these writes (`floor_jobs_per_second`).
`--only peers` measures this operator and others of its kind (see bench/peers) in the same way and at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from harness.operator_process import OperatorProcess, eventually
from harness.workbench import JobUnderTest, Workbench
from reconstruction_api.names import LABEL_JOB
from reconstruction_api.reasons import Reason
from reconstruction_operator import paths

from .fairness import behind
from .life import lives
from .live import live_updates
from .machine import machine
from .measuring import ChildJobs, Document, Seen, in_parallel, metric, peak_rss_mib, quantile
from .peers import report as peers_report
from .peers.comparison import compare
from .picture import draw
from .population import Remains, fill
from .report import write
from .setting import Bench, bench, create, runs_on
from .writes import floor, write_costs

STEADY_SECONDS = 1.0
"""Between two jobs in steady state: what the controller manager's own limit of 20 calls a second leaves room for."""
LATECOMERS = 20
RESULTS = Path(__file__).parent / "results" / "operator.json"
API_CALLS, QUEUE_DEPTH = "reconstruction_operator_api_calls_total", "reconstruction_operator_queue_depth"
PARTS = ("writes", "burst", "live", "steady", "life", "fairness", "crowd")
LIVES = 12
_FLAGS: dict[str, dict[str, str]] = {"fairness": {"namespaces": ""}}
"""Of the operator: where there are tenants, it serves the whole cluster."""
PEERS = "peers"
"""Measured only when asked for: it compiles and installs other operators first."""


def succeeded(job: Document) -> bool:
    """A ReconstructionJob that has completed."""
    conditions = job.get("status", {}).get("conditions", [])
    return any(each["type"] == "Succeeded" and each["status"] == "True" for each in conditions)


async def raw_rate(work: Workbench, count: int) -> float:
    """Plain Job creations a second; the Jobs are suspended, so that nothing else happens."""
    pod = {"restartPolicy": "Never", "containers": [{"name": "none", "image": "none"}]}

    async def one(number: int) -> None:
        spec = {"suspend": True, "template": {"spec": pod}}
        await work.kube.create(paths.child_jobs(work.namespace), {"metadata": {"name": f"raw-{number}"}, "spec": spec})

    return count / await in_parallel(count, one)


async def burst(at: Bench, count: int) -> dict[str, Any]:
    """All jobs at once, to the moment when the last child Job is there; and until the last event is written."""
    work, at.kubelet.otherwise = at.work, runs_on
    meter, calls = at.meter(), await metric(work.operator, API_CALLS)
    asked: dict[str, float] = {}

    async def one(number: int) -> None:
        asked[f"burst-{number}"] = time.monotonic()
        await create(work, f"burst-{number}")

    def reports_a_start(event: Document) -> bool:
        return event["reason"] == Reason.STARTED

    children, events = ChildJobs("prepare"), Seen(reports_a_start)
    async with (
        children.watching(work.kube, paths.child_jobs(work.namespace), LABEL_JOB),
        events.watching(work.kube, paths.events(work.namespace)),
    ):
        started = time.monotonic()
        applied = await in_parallel(count, one)
        await children.until(count)
        await events.until(count)
        cpu = meter.milliseconds_for_each(count)
    seconds, all_reported = max(children.at.values()) - started, max(events.at.values()) - started
    waits = [moment - asked[name] for name, moment in children.starts.items()]
    return {
        "jobs_per_second": round(count / seconds, 1),
        "events_included_jobs_per_second": round(count / all_reported, 1),
        "applied_per_second": round(count / applied, 1),
        "p50_start_seconds": quantile(waits, 0.5),
        "p99_start_seconds": quantile(waits, 0.99),
        "api_calls_per_job": round((await metric(work.operator, API_CALLS) - calls) / count, 2),
        "operator_cpu_milliseconds_per_job": cpu["operator"],
        "burst_cpu_milliseconds_per_job": cpu,
        "duplicate_jobs": children.duplicates,
        "_starts": sorted(round(moment - started, 3) for moment in children.at.values()),
    }


async def steady(at: Bench, count: int) -> dict[str, Any]:
    """Jobs come one by one and run to their end: from the last pod's end to the job's status. Then the fail-over."""
    work, jobs = at.work, JobUnderTest(at.work, "steady").path.rpartition("/")[0]
    meter, calls = at.meter(), await metric(work.operator, API_CALLS)
    done, children = Seen(succeeded), ChildJobs()
    async with (
        done.watching(work.kube, jobs),
        children.watching(work.kube, paths.child_jobs(work.namespace), LABEL_JOB),
    ):
        for number in range(count):
            await create(work, f"steady-{number}")
            await asyncio.sleep(STEADY_SECONDS)
        await done.until(count)
    lags = [moment - at.kubelet.ended[name, "deliver"] for name, moment in done.at.items()]
    return {
        "p50_status_lag_seconds": quantile(lags, 0.5),
        "p99_status_lag_seconds": quantile(lags, 0.99),
        "whole_life_api_calls_per_job": round((await metric(work.operator, API_CALLS) - calls) / count, 1),
        "whole_life_cpu_milliseconds_per_job": meter.milliseconds_for_each(count)["operator"],
        "duplicate_jobs": children.duplicates,
        "fail_over_seconds": await fail_over(at),
        "_lags": sorted(round(lag, 3) for lag in lags),
    }


async def crowd(at: Bench, finished: int, active: int) -> dict[str, Any]:
    """Memory with many finished and active jobs; how soon a new process has caught up with them."""
    work, template = at.work, JobUnderTest(at.work, "ended-well")
    await template.create()  # its spec must not hold its name: the copies' results are for the same settings
    await template.until("Succeeded")
    await eventually(lambda: _are_complete(template), "the Job controller has seen the ends of the pods")
    remains = await Remains.of(template)
    work.operator.kill()
    filled = await fill(at.cluster, remains, finished)
    print(f"{finished} finished jobs are there after {filled:.0f} s", flush=True)
    work.operator.start()
    await work.operator.answers(seconds=300)
    at.kubelet.otherwise = runs_on
    children = ChildJobs("prepare")
    async with children.watching(work.kube, paths.child_jobs(work.namespace), LABEL_JOB):
        # before the active jobs: for minutes after they were created the control plane makes their volumes and pods
        first, seconds, cpu = await restart(at, children, 1 + finished)
        before = len(children.at)
        await in_parallel(active, lambda number: create(work, f"active-{number}"))
        await children.until(before + active)
        return {
            "peak_rss_mib": peak_rss_mib(work.operator.process),
            "first_action_after_restart_seconds": first,
            "restart_catch_up_seconds": seconds,
            "restart_cpu_seconds": cpu,
            "duplicate_jobs": children.duplicates,
        }


async def _are_complete(job: JobUnderTest) -> bool:
    """Whether all child Jobs say so: the operator needs no more than the pods' reports."""
    children = await job.children()
    return all(any(each["type"] == "Complete" for each in child["status"].get("conditions", [])) for child in children)


async def restart(at: Bench, children: ChildJobs, jobs: int) -> tuple[float, float, dict[str, float]]:
    """Seconds from the start of a new process until the first of the jobs that came while none ran has its child Job;
    until all have, every job has been looked at and none waits; and the processor time until then."""
    work = at.work
    work.operator.kill()
    known = set(children.at)
    await in_parallel(LATECOMERS, lambda number: create(work, f"latecomer-{number}"))
    started = time.monotonic()
    work.operator.start()
    meter = at.meter()
    await work.operator.answers(seconds=300)
    await children.until(len(known) + LATECOMERS)
    first = min(moment for name, moment in children.at.items() if name not in known) - started

    async def has_nothing_left() -> bool:
        looked_at = await metric(work.operator, "reconstructionjob_current")
        return looked_at == jobs + LATECOMERS and not await metric(work.operator, QUEUE_DEPTH)

    await eventually(has_nothing_left, "every job was looked at", 300)
    seconds = {name: round(each / 1000, 1) for name, each in meter.milliseconds_for_each(1).items()}
    return round(first, 2), round(time.monotonic() - started, 2), seconds


async def fail_over(at: Bench) -> float:
    """Seconds from the death of the leader of two replicas to the child Job that only the other one can have made."""
    work = at.work
    work.operator.kill()
    flags = {"namespaces": work.namespace, "leader_election": "true", "lease_namespace": work.namespace}
    replicas = [
        OperatorProcess(at.cluster.kubeconfig, at.folder / name, identity=name, **flags) for name in ("one", "two")
    ]
    children = ChildJobs("prepare")
    selector = f"{LABEL_JOB}=orphan"
    async with children.watching(work.kube, paths.child_jobs(work.namespace), selector):
        try:
            for each in replicas:
                each.start()
                await eventually(lambda: _is_led(work), "a replica leads")
                await each.answers()
            await asyncio.sleep(5)  # the other one has seen the Lease renewed
            replicas[0].kill()
            started = time.monotonic()
            await create(work, "orphan")
            await children.until(1)
            return round(min(children.at.values()) - started, 2)
        finally:
            for each in replicas:
                each.kill()


async def _is_led(work: Workbench) -> bool:
    leases = await work.listed("/apis/coordination.k8s.io/v1/.../leases")
    return any(each["spec"].get("holderIdentity") for each in leases)


async def writes(at: Bench, count: int) -> dict[str, Any]:
    """Without an operator: what each of its writes costs, and how many plain Jobs the API server takes."""
    costs = await write_costs(at.work, at.cluster, count)
    raw = round(await raw_rate(at.work, count), 1)
    return {"write_costs": costs, "floor_jobs_per_second": round(floor(costs), 1), "raw_creates_per_second": raw}


async def live(at: Bench, count: int) -> dict[str, Any]:
    """Jobs that all run, and report."""
    at.kubelet.otherwise = runs_on
    await in_parallel(count, lambda number: create(at.work, f"live-{number}"))
    return await live_updates(at, count)


async def measure(parts: Sequence[str], jobs: int, steady_jobs: int, finished: int) -> dict[str, Any]:
    """All figures; `duplicate_jobs` is over all parts. Each part has a control plane of its own."""
    run: dict[str, Callable[[Bench], Awaitable[dict[str, Any]]]] = {
        "writes": lambda at: writes(at, jobs),
        "burst": lambda at: burst(at, jobs),
        "live": lambda at: live(at, jobs),
        "steady": lambda at: steady(at, steady_jobs),
        "life": lambda at: lives(at, LIVES),
        "fairness": lambda at: behind(at, finished),
        "crowd": lambda at: crowd(at, finished, jobs),
    }
    result: dict[str, Any] = {
        "machine": machine(),
        "jobs": jobs,
        "steady_jobs": steady_jobs,
        "finished_jobs": finished,
        "duplicate_jobs": 0,
    }
    for name in parts:
        async with bench(name, with_operator=name != "writes", flags=_FLAGS.get(name, {})) as at:
            print(f"{name} ...", flush=True)
            figures = _printed(await run[name](at))
        result |= figures | {"duplicate_jobs": result["duplicate_jobs"] + figures.get("duplicate_jobs", 0)}
    if {"jobs_per_second", "floor_jobs_per_second"} <= result.keys():
        result["burst_percent_of_floor"] = round(100 * result["jobs_per_second"] / result["floor_jobs_per_second"])
    return result


def _printed(part: dict[str, Any]) -> dict[str, Any]:
    """The part, whose figures are shown at once: the whole takes many minutes and may be interrupted."""
    print(json.dumps({name: value for name, value in part.items() if not name.startswith("_")}), flush=True)
    return part


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000, help="in the burst, and active beside the finished ones")
    parser.add_argument("--steady", type=int, default=100, help="jobs that come one by one")
    parser.add_argument("--finished", type=int, default=10_000, help="jobs that ended before")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", choices=(*PARTS, PEERS), help="measure one part; only those of peers are written")
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    if given.only == PEERS:
        record_peers(asyncio.run(compare(given.jobs)), given.out)
        return
    parts = [given.only] if given.only else list(PARTS)
    result = asyncio.run(measure(parts, given.jobs, given.steady, given.finished))
    if given.only:
        return
    draw(result.pop("_starts"), result.pop("_lags"), result, given.out.with_suffix(".svg"))
    save(result, given.out)
    print(json.dumps(result, indent=2))
    if given.out == RESULTS:
        write(result)


def record_peers(figures: dict[str, Any], file: Path) -> None:
    """Into the file beside the other figures, which stay as they are, and into the documentation."""
    save({PEERS: figures}, file)
    print(json.dumps(figures, indent=2))
    if file == RESULTS:
        peers_report.write(figures)


def save(figures: dict[str, Any], file: Path) -> None:
    """What the file holds of the comparison, or of everything else, stays there unless it is replaced."""
    before: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    kept = before if PEERS in figures else {PEERS: before[PEERS]} if PEERS in before else {}
    file.write_text(json.dumps(kept | figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
