"""The comparison as a table in the documentation."""

from __future__ import annotations

from typing import Any

from .. import page
from ..report import PAGE


def table(figures: dict[str, Any]) -> str:
    """Markdown: for each number of jobs a table with a row for each operator, then what they make. Ratios are to the
    first operator, which is this project's."""
    lines: list[str] = []
    for each in figures["rounds"]:
        operators: dict[str, dict[str, Any]] = each["operators"]
        own = next(iter(operators.values()))["jobs_per_second"]
        lines += [
            f"| {each['jobs']:,} jobs at once, {figures['machine']['cores']} cores | jobs/s | ratio | start, p50 / p99 "
            "| API calls a job | operator, ms a job | all programs, ms a job | most memory |",
            "|---|---|---|---|---|---|---|---|",
            *(_row(name, measured, own, each["jobs"]) for name, measured in operators.items()),
            "",
        ]
    makers: dict[str, dict[str, Any]] = figures["rounds"][0]["operators"]
    lines += [
        "| for one job | written in | it makes |",
        "|---|---|---|",
        *(f"| {_title(name, each)} | {each['language']} | {each['makes']} |" for name, each in makers.items()),
    ]
    return "\n".join(lines)


def _row(name: str, each: dict[str, Any], own: float, jobs: int) -> str:
    rate, memory = each["jobs_per_second"], f"{each['peak_rss_mib']:.0f} MiB"
    cells = [_title(name, each), f"{rate:.1f}", f"{rate / own:.2f}"]
    if each["started"] < jobs:
        # of jobs that never started nobody knows how long they would have taken
        cells[1] += f" ({each['started']:,} started)"
        return f"| {' | '.join([*cells, *4 * ['–'], memory])} |"
    spent = each["cpu_milliseconds_per_job"]
    cells += [
        f"{each['p50_start_seconds']:.1f} s / {each['p99_start_seconds']:.1f} s", f"{each['api_calls_per_job']:g}",
        f"{spent['operator']:.1f}", f"{spent['all']:.1f}", memory,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _title(name: str, each: dict[str, Any]) -> str:
    return f"{name} {each['version']}".strip()


def write(figures: dict[str, Any]) -> None:
    """Replace the table of the page."""
    page.write(PAGE, "bench-peers", table(figures))
