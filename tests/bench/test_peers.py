"""The operator's comparison with others: what is written of it, and what the others are made of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from bench import operator_scale
from bench.peers import dask, report
from bench.peers.calls import Calls
from bench.peers.jobset import webhooks
from bench.setting import bench

from devcluster.cluster import Cluster
from harness.operator_process import eventually
from reconstruction_operator.kube import ApiError, Kube, load_configuration

LATER = ("p50_start_seconds", "p99_start_seconds", "api_calls_per_job", "cpu_milliseconds_per_job")


def operator(**figures: Any) -> dict[str, Any]:
    return {
        "version": "1.2",
        "language": "Go",
        "makes": "a Job",
        "started": 1000,
        "jobs_per_second": 40.0,
        "applied_per_second": 100.0,
        "p50_start_seconds": 12.3,
        "p99_start_seconds": 23.4,
        "api_calls_per_job": 6.5,
        "cpu_milliseconds_per_job": {"operator": 11.2, "all": 60.0},
        "peak_rss_mib": 99.4,
    } | figures


def comparison_of(**operators: dict[str, Any]) -> dict[str, Any]:
    return {"machine": {"cores": 2}, "rounds": [{"jobs": 1000, "operators": operators}]}


def rows(figures: dict[str, Any]) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in report.table(figures).splitlines()]
    return {row[0]: row[1:] for row in cells if len(row) > 3}


def test_the_table_has_rates_as_ratios_to_this_operator() -> None:
    found = rows(comparison_of(ours=operator(version=""), other=operator(jobs_per_second=10.0)))
    assert found["ours"][:3] == ["40.0", "1.00", "12.3 s / 23.4 s"]
    assert found["other 1.2"][:2] == ["10.0", "0.25"]


def test_an_operator_that_did_not_start_all_jobs_has_only_the_rate_that_it_reached() -> None:
    slow = {name: value for name, value in operator(started=90, jobs_per_second=0.5).items() if name not in LATER}
    found = rows(comparison_of(ours=operator(version=""), slow=slow))
    assert found["slow 1.2"] == ["0.5 (90 started)", "0.01", "–", "–", "–", "–", "99 MiB"]


def test_the_comparison_and_the_other_figures_do_not_replace_each_other(tmp_path: Path) -> None:
    file = tmp_path / "operator.json"
    operator_scale.save({"jobs_per_second": 1}, file)
    operator_scale.save({"peers": {"rounds": []}}, file)
    operator_scale.save({"jobs": 2}, file)
    assert json.loads(file.read_text()) == {"peers": {"rounds": []}, "jobs": 2}


def test_what_dask_kubernetes_needs_is_pinned_and_has_checksums() -> None:
    pins = re.split(r"^(?=\S)", dask.LOCK.read_text(), flags=re.MULTILINE)[1:]
    assert len(pins) > 20
    assert all(re.match(r"[a-z0-9-]+==\S+ \\\n( +--hash=sha256:)", each) for each in pins)
    assert "://" not in dask.LOCK.read_text()
    assert dask.Dask().version == dask.locked_version()


def test_webhooks_call_the_program_on_this_machine_and_only_for_its_own_pods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBE_CACHE", str(tmp_path / "cache"))
    cluster = Cluster("some")
    (cluster.root / "pki").mkdir(parents=True)
    (cluster.root / "pki/ca.crt").write_text("authority")
    patches = tmp_path / "webhook" / "patches"
    patches.mkdir(parents=True)
    (patches.parent / "manifests.yaml").write_text(MANIFESTS)
    (patches / "mutating-patch.yaml").write_text(PATCH)
    [document] = webhooks(tmp_path, cluster, 4711)
    sets, pods = document["webhooks"]
    assert sets["clientConfig"]["url"] == "https://127.0.0.1:4711/mutate-sets"
    assert pods["clientConfig"]["url"] == "https://127.0.0.1:4711/mutate-pods"
    assert "objectSelector" in pods and "service" not in pods["clientConfig"]


async def counted(kube: Kube, calls: Calls, before: int) -> bool:
    """Whether a call of the operator's counts."""
    try:
        await kube.get("/api/v1/namespaces")
    except ApiError:
        return False
    return await calls.made() > before


@pytest.mark.cluster
@pytest.mark.usefixtures("kubernetes_tools")
async def test_only_the_calls_of_the_operator_under_test_are_counted() -> None:
    async with bench("calls", with_operator=False) as at:
        calls = await Calls.of_an_operator(at)
        kube = Kube(await load_configuration(str(calls.access)))
        try:
            before = await calls.made()
            # The new user's rights, and the rule that tells its calls from others', are known a moment later.
            await eventually(lambda: counted(kube, calls, before), "a call is counted", 120)
            before = await calls.made()
            for number in range(3):
                await kube.create("/api/v1/namespaces", {"metadata": {"name": f"counted-{number}"}})
                await at.work.kube.get("/api/v1/namespaces")
            assert await calls.made() == before + 3
        finally:
            await kube.close()


MANIFESTS = """
---
kind: MutatingWebhookConfiguration
metadata: {name: mutating}
webhooks:
- {name: sets, clientConfig: {service: {name: s, path: /mutate-sets}}}
- {name: pods, clientConfig: {service: {name: s, path: /mutate-pods}}}
"""
PATCH = """
- op: replace
  path: /webhooks/1
  value: {name: pods, clientConfig: {service: {name: s, path: /mutate-pods}}, objectSelector: {matchLabels: {a: b}}}
"""
