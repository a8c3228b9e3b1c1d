"""`recon view JOB` where pods run: pictures and curves from the worker's pod, then the report off the job's volume."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.cluster.conftest import CRDS, Museum, artifact, condition, museum_on
from tests.cli.cluster.test_download import claim, pods, profile
from tests.cluster.pods import restricted_pod
from tests.cluster.waiting import eventually

from harness.rest import Rest
from reconstruction_api.live_view import FOLDER, HISTORY, PICTURE, WANTED
from reconstruction_cli.cluster.commands.options import Target
from reconstruction_cli.cluster.connection import connect
from reconstruction_cli.cluster.viewing import viewed_job
from reconstruction_cli.viewing.viewed import REPORT

PAGE = b"<h1>statue</h1>" * 20_000
SEEN = b"\xff\xd8 what has been learnt"
TRAINING = f"""
import pathlib, time
workspace = pathlib.Path("/workspace")
for name in ("train", "artifacts"):
    (workspace / name).mkdir()
(workspace / "train" / "{HISTORY}").write_text('{{"step": 20, "loss": 0.5, "psnr": 17.0}}\\n')
(workspace / "artifacts" / "{REPORT}").write_bytes(b"<h1>statue</h1>" * 20_000)
live = workspace / "{FOLDER}"
while not (live / "{WANTED}").exists():
    time.sleep(0.1)
(live / "part").write_bytes({SEEN!r})
(live / "part").rename(live / "{PICTURE}")
time.sleep(600)
"""
"""A training that makes a picture when somebody looks."""


@pytest.fixture(scope="module")
def studio(node_kubeconfig: Path, python_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Museum]:
    """A job that trains, in a namespace that admits restricted pods only."""
    rest = Rest(node_kubeconfig)
    rest.install(CRDS)
    with museum_on(rest, node_kubeconfig, tmp_path_factory.mktemp("studio"), enforce="restricted") as museum:
        museum.create()
        claim(museum)
        pod = restricted_pod("trainer", python_image, ["python3", "-c", TRAINING], {"statue-workspace": "/workspace"})
        pod["metadata"]["labels"] = {"reconstruction.dev/job": "statue"}
        pod["spec"]["containers"][0]["name"] = "worker"
        museum.send("POST", f"/api/v1/namespaces/{museum.name}/pods", pod)
        trainer = f"/api/v1/namespaces/{museum.name}/pods/trainer"
        assert eventually(lambda: museum.send("GET", trainer)["status"]["phase"] == "Running", seconds=180)
        museum.write_status(
            conditions=[condition("Succeeded", "Unknown", "Running")],
            stage="train",
            profile=profile(python_image),
            workspaceClaim="statue-workspace",
        )
        yield museum


@pytest.mark.node
def test_a_training_is_seen_in_its_pod_and_the_report_on_its_volume(studio: Museum) -> None:
    cluster = connect(Target(kubeconfig=str(studio.kubeconfig)))
    with viewed_job(cluster, "statue") as viewed:
        assert eventually(lambda: viewed.moment().picture != "", seconds=60)
        moment = viewed.moment()
        assert (moment.stage, moment.history) == ("Training", [[20, 0.5, 17.0, None]])
        assert viewed.picture() == SEEN
        assert not pods(studio), "the worker's own pod is asked"
        studio.send("DELETE", f"/api/v1/namespaces/{studio.name}/pods/trainer?gracePeriodSeconds=0")
        assert viewed.moment().history == []
        report = artifact(REPORT, PAGE, sha256=hashlib.sha256(PAGE).hexdigest())
        studio.write_status(conditions=[condition("Succeeded", "True", "Completed")], artifacts=[report])
        assert viewed.moment().report
        assert b"".join(viewed.read(REPORT)) == PAGE
        assert len(pods(studio)) == 1
    assert eventually(lambda: not pods(studio), seconds=60), "the pod that reads goes with the command"
