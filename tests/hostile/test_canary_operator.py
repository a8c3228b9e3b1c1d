"""What may be a secret in a job or a profile shows up nowhere in what the operator writes and says."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from tests.hostile.canaries import canary, traces
from tests.operator.builders import (
    DELIVER,
    KEY,
    NOW,
    PREPARE,
    actions,
    cluster_profile,
    current,
    ended,
    failure,
    job_view,
    observed,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)
from tests.operator.test_notifier import Receiver, Secrets

from reconstruction_api.worker import PodReport
from reconstruction_operator import logs
from reconstruction_operator.act import status_document
from reconstruction_operator.actions import CreateJob, Emit, Notify, Plan
from reconstruction_operator.event_recorder import event
from reconstruction_operator.model import DeliveryResult, Observed, Policy
from reconstruction_operator.notifier import Notifier
from reconstruction_operator.receivers import Receivers

URI = f"https://storage.example/statue.zip?X-Amz-Signature={canary('query')}"
HOOKS = [
    {"url": f"https://hooks.example/services/{canary('path')}", "secretName": "key"},
    {"url": f"https://hooks.example/hook?token={canary('parameter')}", "secretName": "key"},
]
PROFILE = cluster_profile(
    environment={"API_TOKEN": canary("environment"), "SETTING": canary("setting")},
    environmentFromSecrets={"HF_TOKEN": {"secretName": "models", "key": "token"}},
)
SPEC = spec_of(source={"uri": URI, "secretName": "captures-read"}, notifications=HOOKS)


def told(seen: Observed, plan: Plan) -> list[str]:
    """Canaries in what people see of a plan: status, Events, and the messages to receivers."""
    found: list[str] = []
    if plan.status is not None:
        found += traces("status", json.dumps(status_document(seen.job, plan.status)))
    for emit in actions(plan, Emit):
        found += traces("Event", json.dumps(event(seen.job, emit, "operator-1", NOW)))
    for notify in actions(plan, Notify):
        found += traces("message", json.dumps(notify.event)) + traces("repr", repr(notify))
    return found


def accepted() -> tuple[Observed, Plan]:
    return settled(observed(SPEC, profile=PROFILE, policy=Policy(notifications=True)))


def succeeded() -> tuple[Observed, Plan]:
    seen = started(DELIVER, SPEC, profile=PROFILE, policy=Policy(notifications=True))
    return settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER, SPEC)), succeeded=True, ended=NOW))


def failed() -> tuple[Observed, Plan]:
    seen = started(PREPARE, SPEC, profile=PROFILE, policy=Policy(notifications=True))
    report = PodReport(failure=failure("SourceAccessDenied", retryable=False, stage="ingest"))
    return settled(with_pod(seen, ended(current(seen), 2, report), failed=True, ended=NOW))


def not_delivered() -> tuple[Observed, Plan]:
    seen, _ = succeeded()
    results = tuple(
        DeliveryResult(each.id, each.receiver, 1, NOW, "The receiver can't be reached: OSError.", hopeless=True)
        for each in seen.job.status.notifications
    )
    return settled(replace(seen, sent=results), NOW + seconds(5))


def invalid() -> tuple[Observed, Plan]:
    profile = cluster_profile(environment={"API_TOKEN": canary("environment"), "1X": canary("name")})
    return settled(observed(SPEC, profile=profile))


def profile_gone() -> tuple[Observed, Plan]:
    seen = started(PREPARE, SPEC, profile=PROFILE)
    seen = with_pod(seen, ended(current(seen), 0, report_of(PREPARE, SPEC)), succeeded=True, ended=NOW)
    return settled(replace(seen, profile=None))


SCENES: list[Callable[[], tuple[Observed, Plan]]] = [
    accepted,
    succeeded,
    failed,
    not_delivered,
    invalid,
    profile_gone,
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_status_events_and_messages_hold_no_secret(scene: Callable[[], tuple[Observed, Plan]]) -> None:
    seen, plan = scene()
    assert plan.status is not None
    assert told(seen, plan) == []


def test_the_pod_gets_what_it_needs_and_no_more() -> None:
    """Its environment holds the address of the photos and the profile's variables, and no address of a receiver."""
    _, plan = accepted()
    (job,) = actions(plan, CreateJob)
    text = json.dumps(job.manifest)
    assert canary("query") in text and canary("environment") in text
    assert canary("path") not in text and canary("parameter") not in text


@contextmanager
def everything_logged(style: Any) -> Iterator[io.StringIO]:
    """At the lowest level, written as the operator writes its log."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level = list(root.handlers), root.level
    logs.configure("DEBUG", style)
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


@pytest.mark.parametrize("style", ["json", "text"])
@pytest.mark.parametrize("fate", ["delivered", "refused", "broken", "forbidden", "no key", "short key"])
def test_a_delivery_leaves_no_secret_in_logs_and_results(fate: str, style: str) -> None:
    keys = {"no key": {"other": canary("key").encode()}, "short key": {"webhook-key": b"C4N4RY"}}
    allowed = Receivers.of(() if fate == "forbidden" else ("127.0.0.0/8",))
    receiver = Receiver(status=503 if fate == "refused" else 200, key=canary("key").encode())

    async def deliver() -> DeliveryResult:
        async with receiver:
            done = asyncio.Event()
            secrets: Any = Secrets(keys.get(fate, {"webhook-key": canary("key").encode()}))
            notifier = Notifier(secrets, allowed, lambda *_: done.set())
            address = "http://127.0.0.1:9/hook" if fate == "broken" else receiver.url
            url = f"{address}?token={canary('parameter')}"
            notifier.send(job_view(), Notify("event-1", url, "hook-key", 1, {"id": "event-1"}))
            await asyncio.wait_for(done.wait(), 20)
            (result,), _ = notifier.observed(KEY)
            return result

    with everything_logged(style) as log:
        result = asyncio.run(deliver())
    assert bool(result.problem) == (fate != "delivered")
    assert traces("result", repr(result)) + traces("log", log.getvalue()) == []


@pytest.mark.parametrize("style", ["json", "text"])
def test_the_log_hides_what_an_exception_quotes(style: str) -> None:
    with everything_logged(style) as log:
        try:
            raise ValueError(f"can't connect to {URI}, password={canary('password')}")
        except ValueError:
            logging.getLogger("any").exception("at %s", HOOKS[1]["url"], extra={"url": URI})
    assert "statue.zip" in log.getvalue() and "can't connect" in log.getvalue()
    assert traces("log", log.getvalue()) == []


@pytest.mark.parametrize("sink", ["status", "Event", "message"])
def test_a_planted_leak_is_found(sink: str) -> None:
    """Otherwise the tests above could not fail."""
    seen, plan = succeeded()
    assert plan.status is not None
    leak = canary("environment")
    if sink == "status":
        plan.status.stages[0].message = leak
    elif sink == "Event":
        plan = replace(plan, actions=(*plan.actions, Emit(True, "Failed", leak)))
    else:
        (notify, *_) = actions(plan, Notify)
        notify.event["data"]["message"] = leak
    (found, *_) = told(seen, plan)
    assert found.startswith(f"{sink}: ")
