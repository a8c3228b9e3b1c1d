"""`recon list`: the jobs of a namespace."""

from __future__ import annotations

import json

import pytest
import yaml
from tests.cli.cluster.conftest import JOB, Museum, condition
from tests.cli.conftest import Recon

pytestmark = pytest.mark.cluster


def test_columns_are_those_of_kubectl(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.write_status(
        engine="nerfacto",
        stage="train",
        progress={"percent": 41},
        metrics={"psnr": "27.3"},
        conditions=[condition("Succeeded", "Unknown", "Running")],
    )
    header, row = recon("list").out.splitlines()
    assert header.split() == ["NAME", "SUCCEEDED", "REASON", "STAGE", "PROGRESS", "PSNR", "ENGINE", "QUALITY", "AGE"]
    assert row.split()[:7] == ["statue", "Unknown", "Running", "train", "41", "27.3", "nerfacto"]


def test_wide_shows_more(recon: Recon, museum: Museum) -> None:
    museum.create()
    assert "PROFILE" in recon("list", "-o", "wide").out.splitlines()[0]


def test_all_namespaces(recon: Recon, museum: Museum) -> None:
    museum.create()
    header, *rows = recon("list", "-A").out.splitlines()
    assert header.startswith("NAMESPACE")
    assert any(row.split()[:2] == [museum.name, "statue"] for row in rows)


def test_an_empty_namespace_is_told_apart_from_a_table(recon: Recon, museum: Museum) -> None:
    answer = recon("list")
    assert (answer.status, answer.out) == (0, "")
    assert answer.err == f"No jobs in namespace '{museum.name}'.\n"


def test_json_and_yaml_hold_whole_jobs(recon: Recon, museum: Museum) -> None:
    museum.create()
    for load, output in ((json.loads, "json"), (yaml.safe_load, "yaml")):
        (job,) = load(recon("list", "-o", output).out)["items"]
        assert job["metadata"]["name"] == "statue"
        assert "managedFields" not in job["metadata"]
        assert job["spec"]["mesh"]["targetFaces"] == 100_000


def test_names_and_labels(recon: Recon, museum: Museum) -> None:
    museum.create()
    museum.create(JOB.replace("name: statue", "name: vase\n  labels: {team: glass}"))
    assert recon("list", "-o", "name").out.split() == ["reconstructionjob/statue", "reconstructionjob/vase"]
    assert recon("list", "-l", "team=glass", "-o", "name").out.split() == ["reconstructionjob/vase"]
