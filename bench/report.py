"""The operator's figures as a table in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import page

PAGE = Path(__file__).parents[1] / "docs" / "operations.md"


def table(figures: dict[str, Any]) -> str:
    """Markdown, with the machine it is about."""
    machine = figures["machine"]
    rows = {
        f"{figures['jobs']:,} jobs at once, to the last child Job": f"{figures['jobs_per_second']:g} jobs/s",
        "of what the same API server takes of these writes": (
            f"{figures['burst_percent_of_floor']} % of {figures['floor_jobs_per_second']:g} jobs/s"
        ),
        "the same API server, plain Job creations": f"{figures['raw_creates_per_second']:g}/s",
        "API calls of the operator until a job's pod is asked for": f"{figures['api_calls_per_job']:g}",
        "processor time of the operator for the same": f"{figures['operator_cpu_milliseconds_per_job']:g} ms",
        "a pod's end to the job's status, p50 / p99": (
            f"{figures['p50_status_lag_seconds']:g} s / {figures['p99_status_lag_seconds']:g} s"
        ),
        f"most memory, {figures['finished_jobs']:,} finished and {figures['jobs']:,} active jobs": (
            f"{figures['peak_rss_mib']:g} MiB"
        ),
        "writes, and status updates, of a healthy job's life": (
            f"{figures['one_life_writes']:g}, {figures['one_life_status_updates']:g}"
        ),
        "that life beside its pods' own time; warnings": (
            f"{figures['one_life_overhead_seconds']:g} s; {figures['warnings_about_healthy_jobs']}"
        ),
        f"live updates of {figures['jobs']:,} jobs, one a second each: cores of operator and API server": (
            f"{figures['live_update_cores_at_1000']:g}"
        ),
        f"behind another tenant's {figures['finished_jobs']:,} jobs: cancellation, first child Job": (
            f"{figures['cancellation_behind_10000_seconds']:g} s, {figures['first_child_job_behind_10000_seconds']:g} s"
        ),
        "a new process, until it acts": f"{figures['first_action_after_restart_seconds']:g} s",
        f"a new process, until it has caught up with {figures['finished_jobs']:,} finished jobs": (
            f"{figures['restart_catch_up_seconds']:g} s"
        ),
        "leader killed, until the other replica has acted": f"{figures['fail_over_seconds']:g} s",
        "duplicate Jobs": f"{figures['duplicate_jobs']}",
    }
    where = f"{machine['cores']} cores shared with etcd, the API server, its controllers and the load generator"
    lines = [f"| {where} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join([*lines, "", *_costs(figures)])


def _costs(figures: dict[str, Any]) -> list[str]:
    """Where the processor time goes: each kind of write by itself, then a job of the burst."""
    writes: dict[str, Any] = figures["write_costs"]
    head = "| ms of processor time | API server | etcd | controllers, scheduler | operator | benchmark | all |"
    rows = [
        _row(f"one {name}" if name[0].isupper() else name, each["cpu_milliseconds"]) for name, each in writes.items()
    ]
    burst = _row("**a job of the burst**", figures["burst_cpu_milliseconds_per_job"])
    return [head, "|---|---|---|---|---|---|---|", *rows, burst]


def _row(name: str, spent: dict[str, float]) -> str:
    controllers = spent["kube-controller-manager"] + spent["kube-scheduler"]
    numbers = (
        spent["kube-apiserver"],
        spent["etcd"],
        controllers,
        spent.get("operator", 0),
        spent["benchmark"],
        spent["all"],
    )
    return f"| {name} | {' | '.join(f'{number:.1f}' for number in numbers)} |"


def write(figures: dict[str, Any]) -> None:
    """Replace the table of the page."""
    page.write(PAGE, "bench-operator", table(figures))
