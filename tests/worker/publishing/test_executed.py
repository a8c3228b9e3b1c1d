"""Stages `bundle` and `publish` as the executor runs them, in processes of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from harness.finished_workspace import FILES, followed, results
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName, graph_of
from reconstruction_api.worker import NetworkAccess
from reconstruction_worker.artifacts import delivered
from reconstruction_worker.executor import Outcome, Run, execute
from reconstruction_worker.process import StopRequest
from reconstruction_worker.stage import Delivery
from tests.worker.stage_packages import Recorder

from .bucket import Bucket

ASKED_FOR = (StageName.BUNDLE, StageName.PUBLISH)
SECRET = "a-secret-of-the-museum"


def run(workspace: Path, destination: dict[str, Any], folder: Path | None = None, **options: Any) -> Outcome:
    spec = ReconstructionJobSpec.model_validate(
        {"source": {"uri": "s3://photos/"}, "destination": destination, "bundle": options.pop("bundle", False)}
    )
    delivery = Delivery(namespace="museum", name="statue", uid="uid-1", folder=str(folder) if folder else None)
    stages = [stage for stage in graph_of(spec) if stage.name in ASKED_FOR]
    return execute(
        Run(spec=spec, workspace=workspace, stages=stages, delivery=delivery, **options), Recorder(), StopRequest()
    )


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ran(outcome: Outcome) -> list[str]:
    assert outcome.failure is None, outcome.failure
    return [result.name.value for result in outcome.stages if not result.skipped]


def test_a_bundle_that_is_asked_for_later_is_packed_and_published_and_nothing_else_runs(tmp_path: Path):
    results(tmp_path / "workspace")
    place, claim = tmp_path / "claim", {"persistentVolumeClaim": {"claimName": "results"}}
    assert ran(run(tmp_path / "workspace", claim, place)) == ["publish"]
    assert followed(files_in(place)) == FILES
    assert ran(run(tmp_path / "workspace", claim, place)) == []
    assert ran(run(tmp_path / "workspace", claim, place, bundle=True)) == ["bundle", "publish"]
    found = followed(files_in(place))
    assert found.keys() == {*FILES, "bundle.zip"}
    artifacts = {each.name: each for each in delivered(tmp_path / "workspace", "c", bundled=True, published=True)}
    assert artifacts.keys() == {*found, "manifest.json"}
    assert all(each.uri.startswith("pvc://results/") for each in artifacts.values())


def test_in_a_pod_the_secret_is_used_through_the_guard_and_is_never_shown(bucket: Bucket, tmp_path: Path, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    workspace, secret = results(tmp_path / "workspace"), tmp_path / "secret"
    secret.mkdir()
    address = bucket.address.replace("0.0.0.0", "127.0.0.1")
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "museum",
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }.items():
        (secret / name).write_text(value + "\n")
    destination = {"uri": "s3://assets/{namespace}/{name}/", "secretName": "assets-write"}
    refused = run(workspace, destination, network=NetworkAccess(), destination_credentials=secret)
    assert refused.failure is not None
    assert refused.failure.code == "AddressNotAllowed"
    allowed = NetworkAccess(allow=["127.0.0.1/32"])
    assert ran(run(workspace, destination, network=allowed, destination_credentials=secret)) == ["publish"]
    assert followed(bucket.objects()) == FILES
    written = b"".join(path.read_bytes() for path in workspace.rglob("*") if path.is_file())
    assert SECRET.encode() not in written
    assert SECRET not in refused.failure.model_dump_json()
