"""The demo on real pods, with the operator killed on the way."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster import kinds

from demo import cluster, layout, watch
from demo.journal import Journal
from demo.targets import Embedded
from devcluster import packages
from devcluster.cluster import Cluster
from devcluster.kubectl import Kubectl

from .runs import Document

pytestmark = [pytest.mark.slow, pytest.mark.node, pytest.mark.timeout(2400)]

KILLS = 3


class Finished:
    """What the demo left in the cluster and here."""

    def __init__(self, target: Embedded, out: Path, status: dict[str, Any], said: str, restarts_before: int):
        self.jobs = target.kubectl(layout.JOB_NAMESPACE)
        self.operator: Kubectl = target.kubectl(layout.OPERATOR_NAMESPACE)
        self.out, self.status, self.said = out, status, said
        self.restarts_before = restarts_before


@pytest.fixture(scope="module")
def finished(
    node_cluster: Cluster,
    kubernetes_tools: Path,
    small_demo: Document,
    demo_photos: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Finished:
    """The demo's steps on the session's cluster, with a smaller job."""
    del kubernetes_tools, demo_photos
    packages.install(packages.IMAGES)
    folder = tmp_path_factory.mktemp("demo")
    (folder / "job.yaml").write_text(yaml.safe_dump(small_demo))
    target = Embedded(node_cluster, keep=True)
    target.build_images()
    target.up(print)
    kinds.make_way_for_helm(target.kubectl(layout.OPERATOR_NAMESPACE))
    before = restarts_of(target.kubectl(layout.OPERATOR_NAMESPACE))
    said = io.StringIO()
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(watch, "PLAIN_SECONDS", 0.0)  # a fast machine is done with a stage in less than the usual ten
    try:
        status = cluster.run(target, Journal(said), KILLS, folder / "job.yaml", folder / "out")
    except Exception as error:
        raise AssertionError(said.getvalue()) from error
    finally:
        monkeypatch.undo()
    return Finished(target, folder / "out", status, said.getvalue(), before)


def restarts_of(operator: Kubectl) -> int:
    """How often the operator's container was started again; other tests may have installed it before."""
    pods = operator.get("pods", f"--selector=app.kubernetes.io/instance={layout.RELEASE}") or {"items": []}
    return sum(status["restartCount"] for pod in pods["items"] for status in pod["status"].get("containerStatuses", []))


def test_the_job_succeeds_although_the_operator_was_killed_three_times(finished: Finished) -> None:
    assert finished.said.count("! killing the operator") == KILLS
    assert restarts_of(finished.operator) - finished.restarts_before >= KILLS
    conditions = {condition["type"]: condition["status"] for condition in finished.status["conditions"]}
    wanted = ("Accepted", "PosesEstimated", "Trained", "Exported", "Validated", "Succeeded")
    assert {name: conditions[name] for name in wanted} == dict.fromkeys(wanted, "True")


def test_no_stage_ran_twice_and_no_child_job_was_made_twice(finished: Finished) -> None:
    children = (finished.jobs.get("jobs") or {})["items"]
    assert len(children) == 3
    assert all(child["status"]["succeeded"] == 1 for child in children)
    pods = finished.jobs.get("pods", "--selector=reconstruction.dev/job") or {}
    assert len(pods["items"]) == 3
    assert [run["attempt"] for run in finished.status["runs"]] == [1, 1, 1]
    assert {stage["attempt"] for stage in finished.status["stages"]} == {1}


def test_the_results_are_here_and_are_what_the_status_says(finished: Finished) -> None:
    # `cluster.run` has compared the checksums
    names = {path.name for path in finished.out.iterdir()}
    assert {"report.html", "model.glb", "quality.json", "manifest.json", "job.yaml"} <= names
    job = yaml.safe_load((finished.out / "job.yaml").read_text())
    assert job["status"]["artifacts"] == finished.status["artifacts"]
    assert float(job["status"]["metrics"]["psnr"]) >= 17


def test_the_job_was_shown_as_it_advanced(finished: Finished) -> None:
    assert re.search(r"\d+ % · \w+", finished.said)
    assert "PSNR" in finished.said
    for stage in ("ingest", "poses", "train", "mesh", "texture", "evaluate", "export", "report"):
        assert f"✓ {stage}: " in finished.said


def test_worker_pods_were_restricted_and_stayed_within_four_gibibytes(finished: Finished) -> None:
    pods = (finished.jobs.get("pods", "--selector=reconstruction.dev/job") or {})["items"]
    for pod in pods:
        container = pod["spec"]["containers"][0]
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]["memory"] == "4Gi"
