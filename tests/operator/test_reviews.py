"""How often, and how many at a time, the API server is asked about tokens."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from reconstruction_operator.kube import ApiError
from reconstruction_operator.reviews import AT_ONCE, Busy, TokenReviewer
from reconstruction_operator.tokens import PodIdentity, claimed_identity

from .builders import KEY, RECONSTRUCT, pod_of, run_of, worker_token

POD = pod_of(run_of(RECONSTRUCT))


class ApiServer:
    """Holds its answers back until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked: list[str] = []
        self.at_once = self.most_at_once = 0
        self.broken = False

    async def create(self, _: str, manifest: dict[str, Any]) -> dict[str, Any]:
        token = manifest["spec"]["token"]
        self.asked.append(token)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.go.wait()
        self.at_once -= 1
        if self.broken:
            raise ApiError(500, "InternalError", "etcd is away")
        claimed = claimed_identity(token, 0)
        assert claimed is not None
        user = {
            "username": f"system:serviceaccount:{claimed.namespace}:default",
            "extra": {
                "authentication.kubernetes.io/pod-name": [claimed.name],
                "authentication.kubernetes.io/pod-uid": [claimed.uid],
            },
        }
        valid = token.endswith("c2lnbmVk")  # "signed"
        return {"status": {"authenticated": valid, "audiences": ["reconstruction-operator"], "user": user}}


class Case:
    def __init__(self) -> None:
        self.server = ApiServer()
        self.now = 0.0
        self.reviewer = TokenReviewer(self.server, lambda: self.now, lambda _: True)  # type: ignore[arg-type]

    def start(self, token: str, address: str = "10.0.0.1") -> asyncio.Task[PodIdentity | None]:
        return asyncio.create_task(self.reviewer.review(token, address))


async def spin() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def pod(number: int) -> Any:
    return replace(POD, name=f"worker-{number}", uid=f"uid-{number}")


async def test_equal_tokens_share_one_review() -> None:
    case = Case()
    asking = [case.start(worker_token(POD)) for _ in range(20)]
    await spin()
    case.server.go.set()
    assert set(await asyncio.gather(*asking)) == {PodIdentity(KEY.namespace, POD.name, POD.uid)}
    assert len(case.server.asked) == 1


async def test_one_who_does_not_wait_for_the_answer_takes_it_from_nobody() -> None:
    case = Case()
    first, second = case.start(worker_token(POD)), case.start(worker_token(POD))
    await spin()
    first.cancel()
    case.server.go.set()
    assert await second is not None


async def test_few_reviews_run_at_a_time_and_few_wait() -> None:
    case = Case()
    asking = [case.start(worker_token(pod(number))) for number in range(100)]
    await spin()
    assert len(case.server.asked) == AT_ONCE
    case.server.go.set()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert case.server.most_at_once == AT_ONCE
    assert sum(isinstance(answer, Busy) for answer in answers) == 100 - AT_ONCE - 32
    assert sum(isinstance(answer, PodIdentity) for answer in answers) == AT_ONCE + 32


async def test_a_namespace_that_floods_does_not_keep_another_one_waiting() -> None:
    case = Case()
    flood = [case.start(worker_token(pod(number))) for number in range(100)]
    await spin()
    other = case.start(worker_token(POD, namespace="other"))
    await spin()
    case.server.go.set()
    assert await other is not None
    assert case.server.asked.index(worker_token(POD, namespace="other")) <= 2 * AT_ONCE
    await asyncio.gather(*flood, return_exceptions=True)


async def test_forged_tokens_from_one_address_do_not_keep_out_a_pod_with_a_valid_one_at_another() -> None:
    case = Case()
    case.server.go.set()
    answers = [case.start(worker_token(POD, signature=f"forged {number}"), "10.0.0.66") for number in range(200)]
    refused = await asyncio.gather(*answers, return_exceptions=True)
    assert len(case.server.asked) == 10
    assert sum(isinstance(answer, Busy) for answer in refused) == 190
    assert await case.start(worker_token(POD), "10.0.0.1") is not None
    case.now = 61.0
    assert await case.start(worker_token(POD), "10.0.0.66") is not None, "known to be valid: from anywhere"


async def test_random_tokens_do_not_drive_out_what_is_known_of_valid_ones() -> None:
    case = Case()
    case.server.go.set()
    await case.start(worker_token(POD))
    for number in range(3000):
        forged = worker_token(pod(number), signature="forged")
        assert await case.start(forged) is None
    assert await case.start(worker_token(POD)) is not None
    assert case.server.asked.count(worker_token(POD)) == 1
    assert len(case.reviewer._refused) == 2000


async def test_an_api_server_that_fails_says_nothing_about_the_token() -> None:
    case = Case()
    case.server.go.set()
    case.server.broken = True
    with pytest.raises(ApiError):
        await case.start(worker_token(POD))
    case.server.broken = False
    assert await case.start(worker_token(POD)) is not None
