"""What may be asked of a job depends on where it stands: the API server alone refuses the rest, and says why."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.rest import GROUP, Answer, Rest

pytestmark = pytest.mark.cluster

CRDS = sorted((Path(__file__).parents[2] / "crds").glob("*.yaml"))
MERGE = "application/merge-patch+json"
SOURCE = {"uri": "s3://captures/statue/"}


class Namespace:
    """Jobs whose status the test writes, as no operator runs."""

    def __init__(self, rest: Rest):
        self.rest = rest
        self.name = f"lifecycle-{secrets.token_hex(4)}"
        self.jobs = f"{GROUP}/namespaces/{self.name}/reconstructionjobs"
        rest.send("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": self.name}}))

    def create(self, **spec: Any) -> Answer:
        document = {
            "apiVersion": "reconstruction.dev/v1alpha1",
            "kind": "ReconstructionJob",
            "metadata": {"name": f"job-{secrets.token_hex(4)}"},
            "spec": {"source": SOURCE} | spec,
        }
        return self.rest.send("POST", self.jobs, json.dumps(document))

    def job(self, status: dict[str, Any] | None = None, **spec: Any) -> str:
        """The path of a new job with this spec and status."""
        answer = self.create()
        assert answer.status == 201, answer.message
        path = f"{self.jobs}/{answer.body['metadata']['name']}"
        if spec:
            assert self.change(path, **spec).status == 200
        if status is not None:
            written = self.rest.send("PATCH", f"{path}/status", json.dumps({"status": status}), content=MERGE)
            assert written.status == 200, written.message
        return path

    def change(self, path: str, **spec: Any) -> Answer:
        return self.rest.send("PATCH", path, json.dumps({"spec": spec}), content=MERGE)


@pytest.fixture(scope="module")
def museum(kubeconfig: Path) -> Iterator[Namespace]:
    rest = Rest(kubeconfig)
    rest.install(CRDS)
    namespace = Namespace(rest)
    yield namespace
    rest.send("DELETE", f"/api/v1/namespaces/{namespace.name}")


def noted(state: str) -> dict[str, Any]:
    return {"cancellation": {"state": state}}


ENDED = {"completionTime": "2026-01-31T12:00:00Z"}


def test_a_job_is_cancelled_in_two_steps(museum: Namespace) -> None:
    path = museum.job(noted("Requested"), cancellation="Requested")
    assert museum.change(path, cancellation="Confirmed").status == 200


def test_a_request_is_withdrawn(museum: Namespace) -> None:
    path = museum.job(noted("Requested"), cancellation="Requested")
    assert museum.change(path, cancellation=None).status == 200


@pytest.mark.parametrize("status", [None, noted("Lapsed"), noted("NotRequested")], ids=["unseen", "lapsed", "unasked"])
def test_a_confirmation_needs_an_open_request(museum: Namespace, status: dict[str, Any] | None) -> None:
    path = museum.job(status, cancellation="Requested")
    answer = museum.change(path, cancellation="Confirmed")
    assert answer.status == 422
    assert "CancelNotRequested: spec.cancellation " in answer.message
    if status is not None:
        assert "can become Confirmed only while status.cancellation.state is Requested" in answer.message


def test_a_job_is_not_created_cancelled(museum: Namespace) -> None:
    answer = museum.create(cancellation="Confirmed")
    assert answer.status == 422
    assert "CancelNotRequested: spec.cancellation must be Requested before it is Confirmed" in answer.message


@pytest.mark.parametrize("wish", ["Requested", "Confirmed"])
def test_a_job_that_has_ended_can_not_be_cancelled(museum: Namespace, wish: str) -> None:
    answer = museum.change(museum.job(ENDED), cancellation=wish)
    assert answer.status == 422
    assert "AlreadyTerminal: spec.cancellation comes too late" in answer.message
    assert "CancelNotRequested" not in answer.message


@pytest.mark.parametrize("wish", ["Requested", None])
def test_a_cancelled_job_does_not_come_back(museum: Namespace, wish: str | None) -> None:
    path = museum.job(noted("Requested"), cancellation="Requested")
    museum.change(path, cancellation="Confirmed")
    status = json.dumps({"status": noted("Confirmed") | ENDED})
    assert museum.rest.send("PATCH", f"{path}/status", status, content=MERGE).status == 200
    answer = museum.change(path, cancellation=wish)
    assert answer.status == 422
    assert "AlreadyTerminal: spec.cancellation can't be taken back" in answer.message
