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
        "the same API server, plain Job creations": f"{figures['raw_creates_per_second']:g}/s",
        "API calls of the operator until a job's pod is asked for": f"{figures['api_calls_per_job']:g}",
        "processor time of the operator for the same": f"{figures['operator_cpu_milliseconds_per_job']:g} ms",
        "a pod's end to the job's status, p50 / p99": (
            f"{figures['p50_status_lag_seconds']:g} s / {figures['p99_status_lag_seconds']:g} s"
        ),
        f"most memory, {figures['finished_jobs']:,} finished and {figures['jobs']:,} active jobs": (
            f"{figures['peak_rss_mib']:g} MiB"
        ),
        "the same, a new process until it has caught up": f"{figures['restart_catch_up_seconds']:g} s",
        "leader killed, until the other replica has acted": f"{figures['fail_over_seconds']:g} s",
        "duplicate Jobs": f"{figures['duplicate_jobs']}",
    }
    where = f"{machine['cores']} cores shared with etcd, the API server, its controllers and the load generator"
    lines = [f"| {where} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(lines)


def write(figures: dict[str, Any]) -> None:
    """Replace the table of the page."""
    page.write(PAGE, "bench-operator", table(figures))
