"""`python -m reconstruction_worker.unpublish`: takes back what a job has published, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from harness.finished_workspace import FILES, context, followed, results
from reconstruction_api.documents.published import PublishedJob
from reconstruction_api.errors import ExitCode
from reconstruction_api.names import ENV_JOB
from reconstruction_api.worker import PodReport
from reconstruction_worker import unpublish
from reconstruction_worker.publishing.opening import Place, opened
from reconstruction_worker.stages import publish

from .bucket import Bucket

SHARED: dict[str, Any] = {"uri": "s3://assets/shared/"}
JOB = PublishedJob(namespace="museum", name="statue", uid="uid-1")


def removed(bucket: Bucket, folder: Path) -> PodReport:
    """What the pod says that removes."""
    order = {
        "namespace": "museum",
        "name": "statue",
        "uid": "uid-1",
        "attempt": 1,
        "resourceClass": "deliver",
        "spec": {"source": {"uri": "s3://photos/"}, "destination": SHARED},
        "network": {"allow": ["127.0.0.0/8", "0.0.0.0/32"]},
    }
    environment = os.environ | {
        ENV_JOB: json.dumps(order),
        "AWS_ENDPOINT_URL": bucket.address.replace("0.0.0.0", "127.0.0.1"),
    }
    said = folder / "termination-log"
    command = [sys.executable, "-m", "reconstruction_worker.unpublish", "--termination-log", str(said)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    report = PodReport.from_termination_message(said.read_text()) or PodReport()
    assert (ended.returncode == ExitCode.DONE) is (report.failure is None), ended.stdout + ended.stderr
    return report


def test_all_sets_of_the_job_go_and_latest_json_with_them(bucket: Bucket, tmp_path: Path):
    publish.run(context(results(tmp_path / "first"), SHARED))
    publish.run(context(results(tmp_path / "second", {"a.glb": b"2"}, "2026-11-29T21:00:00Z"), SHARED))
    bucket.client.put_object(Bucket="assets", Key="shared/notes.txt", Body=b"somebody's")
    assert removed(bucket, tmp_path).failure is None
    assert bucket.objects("shared/") == {"notes.txt": b"somebody's"}


def test_another_jobs_set_stays_and_so_does_latest_json_that_leads_there(bucket: Bucket, tmp_path: Path):
    publish.run(context(results(tmp_path / "own", {"a.glb": b"1"}), SHARED))
    later = results(tmp_path / "other", FILES, "2026-11-29T21:00:00Z")
    publish.run(context(later, SHARED, delivery={"uid": "uid-2"}))
    removed(bucket, tmp_path)
    assert followed(bucket.objects("shared/")) == FILES
    assert len({path.partition("/")[0] for path in bucket.objects("shared/")}) == 2


def test_nothing_there_is_nothing_to_do(bucket: Bucket, tmp_path: Path):
    assert removed(bucket, tmp_path).failure is None


def test_a_storage_that_refuses_says_why(bucket: Bucket, tmp_path: Path):
    bucket.client.delete_bucket(Bucket="assets")
    failure = removed(bucket, tmp_path).failure
    assert failure is not None
    assert failure.code == "DestinationNotFound"


def test_a_folder_loses_the_sets_and_its_empty_folders(tmp_path: Path):
    claim = {"persistentVolumeClaim": {"claimName": "results"}}
    job = context(results(tmp_path / "workspace"), claim, delivery={"folder": str(tmp_path / "claim")})
    publish.run(job)
    assert job.spec.destination is not None
    with opened(Place(job.spec.destination, "pvc://results/", folder=tmp_path / "claim")) as store:
        assert unpublish.remove(store, JOB) == len(FILES) + 2
    assert list((tmp_path / "claim").iterdir()) == []
