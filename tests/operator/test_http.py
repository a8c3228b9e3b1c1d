"""The workers' port, with a fake API server for token reviews."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from reconstruction_api.worker import ProgressUpdate
from reconstruction_operator import http
from reconstruction_operator.buckets import Buckets
from reconstruction_operator.forward import Forwarder
from reconstruction_operator.kube import ApiError
from reconstruction_operator.metrics import Metrics
from reconstruction_operator.model import JobKey, Pod
from reconstruction_operator.reviews import TokenReviewer
from reconstruction_operator.tokens import PodIdentity

from .builders import KEY, RECONSTRUCT, UID, pod_of, run_of, update, worker_token

POD = pod_of(run_of(RECONSTRUCT))
GOOD = worker_token(POD)
FORGED = worker_token(POD, signature="forged")


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

    answers: dict[str, dict[str, Any]] = field(default_factory=lambda: {GOOD: review()})
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
    clock: float = 0.0
    metrics: Metrics = field(default_factory=Metrics)

    async def post(self, token: str | None = GOOD, **changes: Any) -> int:
        body = update(run_of(RECONSTRUCT), "train", 50).model_copy(update=changes)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await self.client.post("/v1/progress", data=body.model_dump_json(by_alias=True), headers=headers)
        return answer.status


def plenty() -> Buckets:
    return Buckets(lambda: 0.0, 1000, 1.0)


def is_pod(identity: PodIdentity) -> bool:
    return identity == PodIdentity(KEY.namespace, POD.name, POD.uid)


@asynccontextmanager
async def leader_of(reviews: Reviews) -> AsyncIterator[tuple[str, list[ProgressUpdate]]]:
    """Another replica, that leads: its address and what it receives."""
    received: list[ProgressUpdate] = []

    def receive(_: JobKey, update: ProgressUpdate) -> bool:
        received.append(update)
        return True

    sink = http.ProgressSink(lambda: True, lambda: "", lambda key, uid: (POD,), receive, plenty())
    reviewer = TokenReviewer(reviews, lambda: 0.0, is_pod)  # type: ignore[arg-type]
    app = http.application(Metrics(), reviewer, sink, Forwarder())
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

    def clock() -> float:
        return made[0].clock if made else 0.0

    metrics = Metrics()
    sink = http.ProgressSink(lambda: made[0].leading, lambda: made[0].leader, pods, receive, Buckets(clock, 20, 0.1))
    reviewer = TokenReviewer(reviews, clock, is_pod)  # type: ignore[arg-type]
    app = http.application(metrics, reviewer, sink, Forwarder(clock=clock))
    async with TestClient(TestServer(app)) as client:
        made.append(Side(client, reviews, metrics=metrics))
        yield made[0]


async def test_an_update_of_the_jobs_own_pod_is_taken(side: Side) -> None:
    assert await side.post() == 200
    assert side.received[0].progress is not None and side.received[0].progress.percent == 50


OTHER = replace(POD, name="intruder", uid="other")


@pytest.mark.parametrize(
    "token",
    [
        None,
        "unknown",
        "not.a.token",
        worker_token(POD, aud=["https://kubernetes.default.svc"]),
        worker_token(POD, exp=1_600_000_000),
        worker_token(POD, exp="tomorrow"),
        worker_token(POD, signature="signed", namespace="", **{"kubernetes.io": {"namespace": KEY.namespace}}),
        worker_token(POD, namespace="elsewhere"),
        worker_token(OTHER),
        worker_token(replace(POD, uid="other")),
    ],
)
async def test_a_token_that_can_not_be_valid_costs_no_review(side: Side, token: str | None) -> None:
    assert await side.post(token) == 401
    assert (side.received, side.reviews.asked) == ([], [])


@pytest.mark.parametrize(
    "answer",
    [
        review(authenticated=False),
        review(audiences=["https://kubernetes.default.svc"]),
        review(user={"username": "system:serviceaccount:museum:default"}),
        review(user={"username": "eve"}),
    ],
)
async def test_what_a_token_claims_is_nothing_without_the_api_servers_word(side: Side, answer: dict) -> None:
    side.reviews.answers[FORGED] = answer
    assert await side.post(FORGED) == 401
    assert (side.received, side.reviews.asked) == ([], [FORGED])


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
        await side.post(FORGED)
    assert len(side.reviews.asked) == 1


async def test_a_body_that_is_no_update_is_refused(side: Side) -> None:
    answer = await side.client.post("/v1/progress", data=b"{", headers={"Authorization": f"Bearer {GOOD}"})
    assert answer.status == 400


async def test_an_oversized_body_is_refused(side: Side) -> None:
    headers = {"Authorization": f"Bearer {GOOD}"}
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
        assert await side.post(FORGED) == 401
    assert len(received) == 1 and side.received == []
    assert await side.post() == 503  # the leader is gone


async def test_updates_are_handed_on_once(side: Side) -> None:
    """Two replicas that each believe the other leads must not play ball."""
    side.leading, side.leader = False, str(side.client.make_url("")).rstrip("/")
    assert await side.post() == 503


async def test_metrics_count_updates_by_what_became_of_them(side: Side) -> None:
    await side.post()
    await side.post("unknown")
    text = side.metrics.expose()[0].decode()
    assert 'reconstruction_operator_progress_updates_total{result="accepted"} 1.0' in text
    assert 'reconstruction_operator_progress_updates_total{result="unauthenticated"} 1.0' in text


def test_the_uid_of_the_builders_is_the_jobs() -> None:
    assert POD.parent_uid == UID


async def test_a_pod_that_sends_without_a_pause_is_slowed_down(side: Side) -> None:
    answers = [await side.post(sequence=number) for number in range(25)]
    assert answers == [200] * 20 + [429] * 5
    side.clock = 1
    assert await side.post() == 200


async def test_forged_tokens_of_a_pod_cost_a_few_reviews_and_do_not_keep_the_pod_out(side: Side) -> None:
    assert await side.post() == 200
    for number in range(50):
        assert await side.post(worker_token(POD, signature=f"forged {number}")) in (401, 503)
    assert len(side.reviews.asked) <= 11
    side.clock = 61  # its token is to be reviewed again
    assert await side.post() == 200


async def test_forged_tokens_are_handed_on_a_few_times_and_do_not_keep_the_pod_out(side: Side) -> None:
    async with leader_of(side.reviews) as (url, received):
        side.leading, side.leader = False, url
        assert await side.post() == 200
        for number in range(50):
            assert await side.post(worker_token(POD, signature=f"forged {number}")) in (401, 503)
        assert len(side.reviews.asked) <= 11
        assert await side.post() == 200
    assert len(received) == 2
