"""Alerts and dashboard ask for metrics that the operator has."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.operator.test_metrics import exposed

from reconstruction_api.errors import CATALOGUE

FILES = Path(__file__).parents[2] / "charts/reconstruction-operator/files"
SAMPLES = Path(__file__).with_name("alerts.test.yaml")
METRIC = re.compile(r"\breconstruction(?:job|_operator)_\w+")


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return json.loads((FILES / "grafana-dashboard.json").read_text())["panels"]


def queries() -> list[str]:
    return [rule["expr"] for rule in alerts()] + [t["expr"] for panel in panels() for t in panel["targets"]]


@pytest.mark.parametrize("query", queries())
def test_every_query_is_about_metrics_that_there_are(query: str) -> None:
    named = set(METRIC.findall(query))
    there = {re.split(r"[{ ]", line.removeprefix("# TYPE "))[0] for line in exposed().splitlines()}
    assert named and named <= there


def test_every_alert_says_what_to_do_and_how_urgent_it_is() -> None:
    names = [rule["alert"] for rule in alerts()]
    assert len(set(names)) == len(names)
    for rule in alerts():
        assert rule["labels"]["severity"] in ("warning", "critical"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "description"}, rule["alert"]


def test_reasons_in_queries_are_codes_of_the_catalogue() -> None:
    for query in queries():
        for listed in re.findall(r'reason=~?"([^"]+)"', query):
            assert set(listed.split("|")) <= CATALOGUE.keys()


def test_panels_are_told_apart_and_do_not_overlap() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {(place["x"] + dx, place["y"] + dy) for dx in range(place["w"]) for dy in range(place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("words", [("check", "rules", FILES / "alerts.yaml"), ("test", "rules", SAMPLES)])
def test_prometheus_reads_the_alerts_and_they_fire_over_samples(
    prometheus_tools: Path, words: tuple[str, str, Path]
) -> None:
    command = [str(prometheus_tools / "promtool"), *map(str, words)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_there_are_samples_of_the_most_urgent_alerts() -> None:
    tested = {
        case["alertname"]
        for test in yaml.safe_load(SAMPLES.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert tested <= {rule["alert"] for rule in alerts()}
    assert {"ReconstructionOperatorSilent", "ReconstructionJobsBlocked", "ReconstructionFailuresRising"} <= tested
