"""The metrics' text."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from reconstruction_operator.metrics import Metrics
from reconstruction_operator.policies.reporting.measures import Measures

from .builders import KEY

EVERYTHING = Measures(
    state="train",
    finished=("Succeeded", "Completed"),
    retries=(("prepare", "DiskFull"),),
    interruptions=("reconstruct",),
    stage_seconds=(("train", 300.0),),
    admission_seconds=(4.0,),
    first_pod_seconds=(7.0,),
    status_lag_seconds=(0.2,),
    psnr=27.3,
    waiting="GPUUnavailable",
    stalled="WorkerSilent",
    gpu_seconds=20.0,
    artifact_bytes=1000,
)


def exposed() -> str:
    metrics = Metrics()
    metrics.record(KEY, "nerfacto", EVERYTHING)
    return metrics.expose()[0].decode()


def test_every_metric_has_a_help_text_and_a_name_of_its_kind() -> None:
    for family in text_string_to_metric_families(exposed()):
        assert family.documentation.endswith("."), family.name
        assert re.match(r"reconstruction(job|_operator)_[a-z_]+$", family.name)
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_decibels")), family.name


def test_a_decision_is_counted_by_all_its_parts() -> None:
    text = exposed()
    where = 'engine="nerfacto",namespace="museum"'
    for line in (
        f'reconstructionjob_finished_total{{{where},outcome="Succeeded",reason="Completed"}} 1',
        'reconstructionjob_retries_total{reason="DiskFull",resource_class="prepare"} 1',
        'reconstructionjob_interruptions_total{resource_class="reconstruct"} 1',
        'reconstructionjob_stage_duration_seconds_sum{stage="train"} 300',
        "reconstructionjob_first_pod_seconds_sum 7",
        'reconstructionjob_psnr_decibels_sum{engine="nerfacto"} 27.3',
        'reconstructionjob_current{state="train"} 1',
        'reconstructionjob_waiting{reason="GPUUnavailable"} 1',
        'reconstructionjob_stalled{reason="WorkerSilent"} 1',
        'reconstructionjob_gpu_seconds_total{namespace="museum"} 20',
        'reconstructionjob_artifact_bytes_total{namespace="museum"} 1000',
    ):
        assert line in text


def test_a_reason_that_the_catalogue_does_not_know_gives_no_series_of_its_own() -> None:
    metrics = Metrics()
    for number in range(3):
        metrics.record(KEY, "nerfacto", Measures(state="Failed", finished=("Failed", f"Made-up-{number}")))
    metrics.record(KEY, "nerfacto", Measures(state="Failed", finished=("Failed", "EmptyMesh")))
    counted = {
        sample.labels["reason"]: sample.value
        for family in text_string_to_metric_families(metrics.expose()[0].decode())
        for sample in family.samples
        if sample.name == "reconstructionjob_finished_total"
    }
    assert counted == {"InternalError": 3, "EmptyMesh": 1}


def test_each_preempted_pod_is_counted_once_and_not_what_was_there_before() -> None:
    metrics = Metrics()
    for pods in ({"old"}, {"old", "new"}, {"old", "new"}, {"new", "newer"}):
        metrics.record(KEY, "nerfacto", Measures(state="train", disrupted=frozenset(pods)))
    assert 'reconstructionjob_preemptions_total{namespace="museum"} 2' in metrics.expose()[0].decode()


def test_a_job_that_is_gone_is_no_longer_current() -> None:
    metrics = Metrics()
    metrics.record(KEY, "nerfacto", EVERYTHING)
    metrics.forget(KEY)
    text = metrics.expose()[0].decode()
    assert not any(f"reconstructionjob_{name}{{" in text for name in ("current", "waiting", "stalled"))


def test_promtool_finds_nothing_to_complain_about(prometheus_tools: Path) -> None:
    command = [str(prometheus_tools / "promtool"), "check", "metrics"]
    checked = subprocess.run(command, input=exposed(), capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
