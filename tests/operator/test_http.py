"""The HTTP side, with a fake API server for token reviews."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from reconstruction_api.worker import ProgressUpdate
from reconstruction_operator import http
from reconstruction_operator.kube import ApiError
from reconstruction_operator.metrics import Metrics
from reconstruction_operator.model import JobKey, Pod
from reconstruction_operator.tokens import TokenReviewer

from .builders import KEY, RECONSTRUCT, UID, pod_of, run_of, update

POD = pod_of(run_of(RECONSTRUCT))


def review(pod: str = POD.name, uid: str = POD.uid, namespace: str = KEY.namespace, **status: Any) -> dict[str, Any]:
    """The API server's answer for a token of this pod."""
    user = {
        "username": f"system:serviceaccount:{namespace}:default",
        "extra": {
            "authentication.kubernetes.io/pod-name": [pod],
            "authentication.kubernetes.io/pod-uid": [uid],
        },
    }
    return {"status": {"authenticated": True, "audiences": ["reconstruction-operator"], "user": user} | status}


@dataclass
class Reviews:
    """Stands in for the connection to the API server."""

    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: {"good": review()})
    asked: list[str] = field(default_factory=list)
    broken: bool = False

    async def create(self, path: str, manifest: dict[str, Any]) -> dict[str, Any]:
        assert path == "/apis/authentication.k8s.io/v1/tokenreviews"
        assert manifest["spec"]["audiences"] == ["reconstruction-operator"]
        if self.broken:
            raise ApiError(500, "InternalError", "etcd is away")
        self.asked.append(manifest["spec"]["token"])
        return self.answers.get(manifest["spec"]["token"], {"status": {"authenticated": False}})


@dataclass
class Side:
    """What a test can see and change."""

    client: TestClient
    reviews: Reviews
    received: list[ProgressUpdate] = field(default_factory=list)
    pods: tuple[Pod, ...] = (POD,)
    leading: bool = True
    leader: str = ""
    problem: str = ""
    note: str = ""
    clock: float = 0.0

    async def post(self, token: str | None = "good", **changes: Any) -> int:
        body = update(run_of(RECONSTRUCT), "train", 50).model_copy(update=changes)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.client.post("/v1/progress", data=body.model_dump_json(by_alias=True), headers=headers)
        return answer.status


@asynccontextmanager
async def leader_of(reviews: Reviews) -> AsyncIterator[tuple[str, list[ProgressUpdate]]]:
    """Another replica, that leads: its address and what it receives."""
    received: list[ProgressUpdate] = []

    def receive(_: JobKey, update: ProgressUpdate) -> bool:
        received.append(update)
        return True

    sink = http.ProgressSink(lambda: True, lambda: "", lambda key, uid: (POD,), receive)
    reviewer = TokenReviewer(reviews, lambda: 0.0)  # type: ignore[arg-type]
    app = http.application(http.Health(lambda: "", lambda: ""), Metrics(), reviewer, sink)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/"), received


@pytest.fixture
async def side() -> AsyncIterator[Side]:
    reviews = Reviews()
    made: list[Side] = []

    def receive(key: JobKey, update: ProgressUpdate) -> bool:
        made[0].received.append(update)
        return key == KEY

    def pods(key: JobKey, uid: str) -> tuple[Pod, ...]:
        return tuple(pod for pod in made[0].pods if key == KEY and pod.parent_uid == uid)

    sink = http.ProgressSink(lambda: made[0].leading, lambda: made[0].leader, pods, receive)
    reviewer = TokenReviewer(reviews, lambda: made[0].clock)  # type: ignore[arg-type]
    health = http.Health(lambda: "", lambda: made[0].problem, lambda: made[0].note)
    app = http.application(health, Metrics(), reviewer, sink)
    async with TestClient(TestServer(app)) as client:
        made.append(Side(client, reviews))
        yield made[0]


async def test_an_update_of_the_jobs_own_pod_is_taken(side: Side) -> None:
    assert await side.post() == 200
    assert side.received[0].progress is not None and side.received[0].progress.percent == 50


@pytest.mark.parametrize(
    ("token", "answer", "status"),
    [
        (None, None, 401),
        ("unknown", None, 401),
        ("other audience", review(audiences=["https://kubernetes.default.svc"]), 401),
        ("no pod", review(user={"username": "system:serviceaccount:museum:default"}), 401),
        ("a person", review(user={"username": "eve"}), 401),
        ("other namespace", review(namespace="elsewhere"), 403),
        ("other pod", review(pod="intruder", uid="other"), 403),
        ("reused name", review(uid="other"), 403),
    ],
)
async def test_everybody_else_is_refused(side: Side, token: str | None, answer: dict | None, status: int) -> None:
    if token and answer:
        side.reviews.answers[token] = answer
    assert await side.post(token) == status
    assert side.received == []


async def test_a_pod_can_not_speak_for_another_job_of_its_namespace(side: Side) -> None:
    assert await side.post(name="neighbour") == 403
    assert await side.post(uid="0" * 36) == 403


async def test_a_token_is_reviewed_once_a_minute_and_not_for_every_update(side: Side) -> None:
    for _ in range(5):
        assert await side.post() == 200
    assert len(side.reviews.asked) == 1
    side.clock = 61
    assert await side.post() == 200
    assert len(side.reviews.asked) == 2


async def test_a_bad_token_is_not_asked_about_again_and_again(side: Side) -> None:
    for _ in range(5):
        await side.post("unknown")
    assert len(side.reviews.asked) == 1


async def test_a_body_that_is_no_update_is_refused(side: Side) -> None:
    answer = await side.client.post("/v1/progress", data=b"{", headers={"Authorization": "Bearer good"})
    assert answer.status == 400


async def test_an_oversized_body_is_refused(side: Side) -> None:
    headers = {"Authorization": "Bearer good"}
    answer = await side.client.post("/v1/progress", data=b"x" * 100_000, headers=headers)
    assert answer.status == 413


async def test_workers_are_told_to_come_back_when_nobody_leads_or_nobody_can_review(side: Side) -> None:
    side.leading = False
    assert await side.post() == 503
    side.leading, side.reviews.broken = True, True
    assert await side.post() == 503


async def test_a_replica_that_does_not_lead_hands_updates_to_the_one_that_does(side: Side) -> None:
    async with leader_of(side.reviews) as (url, received):
        side.leading, side.leader = False, url
        assert await side.post() == 200
        assert await side.post("unknown") == 401
    assert len(received) == 1 and side.received == []
    assert await side.post() == 503  # the leader is gone


async def test_updates_are_handed_on_once(side: Side) -> None:
    """Two replicas that each believe the other leads must not play ball."""
    side.leading, side.leader = False, str(side.client.make_url("")).rstrip("/")
    assert await side.post() == 503


async def test_probes_answer_what_is_wrong(side: Side) -> None:
    assert (await side.client.get("/healthz")).status == 200
    assert (await side.client.get("/readyz")).status == 200
    side.problem = "the watches are starting"
    answer = await side.client.get("/readyz")
    assert (answer.status, await answer.text()) == (503, "the watches are starting")


async def test_what_does_not_keep_a_replica_from_work_is_said_beside_its_readiness(side: Side) -> None:
    side.note = "the default profile stays as it is"
    answer = await side.client.get("/readyz")
    assert (answer.status, await answer.text()) == (200, "ok\nthe default profile stays as it is")


async def test_metrics_count_updates_by_what_became_of_them(side: Side) -> None:
    await side.post()
    await side.post("unknown")
    text = await (await side.client.get("/metrics")).text()
    assert 'reconstruction_operator_progress_updates_total{result="accepted"} 1.0' in text
    assert 'reconstruction_operator_progress_updates_total{result="unauthenticated"} 1.0' in text


def test_the_uid_of_the_builders_is_the_jobs() -> None:
    assert POD.parent_uid == UID
