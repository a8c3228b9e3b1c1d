"""Hostile clients at the workers' port of a real operator with a real API server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import aiohttp
import pytest
from bench.measuring import metric

from .clients import CLIENTS, Target, status
from .cluster import Bench, bench, connections_allowed, flood

pytestmark = pytest.mark.cluster

CALLS = "reconstruction_operator_api_calls_total"
CHOSEN = ("slow_headers", "endless_body", "compressed_bomb", "many_connections", "garbage")
REQUESTS, CONNECTIONS = 10_000, 2_500


@pytest.fixture
async def case(kubeconfig: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    flags = {"lease_duration_seconds": "15", "lease_renew_deadline_seconds": "10", "lease_retry_seconds": "2"}
    async with bench(kubeconfig, tmp_path / "log", leader_election="true", lease_name="hostile", **flags) as made:
        yield made
        assert made.work.operator.process is not None and made.work.operator.process.poll() is None
        assert "the lease is lost" not in made.log.read_text()


async def test_hostile_clients_keep_no_worker_out(case: Bench) -> None:
    """Several at once; each by itself meets the same port in test_clients.py."""
    pod = await case.pod()
    token = await case.token(pod)
    await case.is_heard(token, pod)
    elsewhere = await case.token(pod, "https://somewhere.else")
    target = Target(case.port, lambda: forged(token), elsewhere, patience=4)
    attacks = [asyncio.create_task(CLIENTS[name](target)) for name in CHOSEN]
    await asyncio.sleep(0.5)
    assert await case.post(token, pod) in (200, 202)
    answers = [answer for attack in attacks for answer in await attack]
    assert not {status(answer) for answer in answers} & {200, 202, 500}
    assert "Traceback" not in case.log.read_text()


async def test_forged_tokens_of_a_known_pod_cost_no_review_and_its_first_true_one_is_taken(case: Bench) -> None:
    pod = await case.pod()
    token = await case.token(pod)
    before = await metric(case.work.operator, CALLS)
    answers = await CLIENTS["forged_tokens"](Target(case.port, lambda: forged(token), ""))
    assert {status(answer) for answer in answers} <= {401, 0}
    assert await case.post(token, pod) in (200, 202)
    assert await metric(case.work.operator, CALLS) - before < 20, "the keys, one review, and what the operator does"


async def test_a_pod_speaks_for_no_other_job_whatever_its_token_says(case: Bench) -> None:
    pod = await case.pod()
    await case.is_heard(await case.token(pod), pod)
    assert await case.post(await case.token(pod, "https://kubernetes.default.svc"), pod) == 401
    theirs = json.loads(json.dumps(pod).replace('\\"name\\":\\"statue\\"', '\\"name\\":\\"vase\\"'))
    assert theirs != pod
    assert await case.post(await case.token(pod), theirs) == 403


@pytest.mark.parametrize("addresses", [1, 50])
async def test_the_leader_keeps_its_lease_and_starts_jobs_under_ten_thousand_worthless_requests(
    case: Bench, tmp_path: Path, addresses: int
) -> None:
    pod = await case.pod()
    token, tokens = await case.token(pod), tmp_path / "tokens"
    tokens.write_text("\n".join([*(f"{n:080x}" for n in range(500)), *(forged(token) for _ in range(500))]))
    await case.is_heard(token, pod)
    transitions = await lease(case)
    before = await metric(case.work.operator, CALLS)
    attack = await flood(case.port, REQUESTS, connections_allowed(CONNECTIONS), addresses, tokens)
    try:
        started = []
        for number in range(20):
            started.append(await case.first_child_of_a_new_job(f"during-{number}"))
            if attack.returncode is not None or number == 4:
                break
        async with aiohttp.ClientSession() as session, session.get(f"{case.work.operator.url}/healthz") as answer:
            assert answer.status == 200
        assert attack.returncode is None or number, "the jobs were to start during the flood"
        assert await case.post(token, pod) in (200, 202, 429), "the worker meanwhile"
        said, _ = await attack.communicate()
    finally:
        if attack.returncode is None:
            attack.kill()
    counted = json.loads(said)
    calls = await metric(case.work.operator, CALLS) - before
    print(f"\nflood: {counted}; first child Jobs after {[round(each, 2) for each in started]} s; {calls:.0f} API calls")
    assert not set(counted) & {"200", "202", "500"}, counted
    assert counted["401"] >= 50, counted
    assert sum(counted.values()) >= REQUESTS or "out of time" in counted, counted
    assert sorted(started)[len(started) // 2] < 1 and max(started) < 2
    assert await lease(case) == transitions
    assert calls < 60 + 12 * len(started), "none for worthless tokens"


_numbers = count()


def forged(token: str) -> str:
    """The same claims with another signature, a new one each time."""
    head, body, signature = token.split(".")
    return f"{head}.{body}.{next(_numbers):08d}{signature[8:]}"


async def lease(case: Bench) -> tuple[str, int]:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{case.work.namespace}/leases/hostile"
    found = await case.work.kube.get(path)
    return found["spec"]["holderIdentity"], found["spec"].get("leaseTransitions", 0)
