"""spec.notifications: each event becomes a message in status, and stays there until it was taken or given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from reconstruction_api.deliveries import DeliveryState
from reconstruction_api.worker import PodReport
from reconstruction_operator.actions import DeleteSelf, Emit, Notify, Plan
from reconstruction_operator.model import DeliveryResult, Observed, Policy
from reconstruction_operator.policies.control.hold import PAUSED
from reconstruction_operator.policies.control.notify import MAX_ATTEMPTS

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    actions,
    condition,
    current,
    ended,
    failure,
    observed,
    report_of,
    seconds,
    settled,
    spec_of,
    started,
    with_pod,
)

HOOK = {"url": "https://example.org/hook", "secretName": "key"}
ON = Policy(notifications=True)


def ending(policy: Policy = ON, **fields: Any) -> Observed:
    """A job whose last pod has just completed."""
    spec = spec_of(notifications=[HOOK], **fields)
    seen = started(DELIVER, spec, policy=policy)
    return with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW)


def states(seen: Observed) -> list[tuple[str, str, int]]:
    return [(each.event, each.state.value, each.attempts) for each in seen.job.status.notifications]


def answered(seen: Observed, now: datetime, problem: str = "", **fields: Any) -> tuple[Observed, Plan]:
    """The decision after the receiver's answer."""
    (message,) = seen.job.status.notifications
    result = DeliveryResult(message.id, message.receiver, message.attempts + 1, now, problem, **fields)
    return settled(replace(seen, sent=(result,)), now)


def test_an_end_is_in_status_before_it_is_told() -> None:
    seen, plan = settled(ending())
    assert states(seen) == [("Succeeded", "Pending", 0)]
    (notify,) = actions(plan, Notify)
    assert (notify.url, notify.secret_name, notify.attempt) == (HOOK["url"], "key", 1)
    event = notify.event
    assert (event["specversion"], event["type"]) == ("1.0", "dev.reconstruction.job.succeeded")
    assert event["source"].endswith("/namespaces/museum/reconstructionjobs/statue")
    assert event["data"]["artifacts"][0]["name"] == "model.glb"
    assert event["id"] == seen.job.status.notifications[0].id and event["time"] == "2026-03-01T12:00:00Z"


def test_what_is_under_way_is_not_sent_again() -> None:
    seen, plan = settled(ending())
    (notify,) = actions(plan, Notify)
    _, plan = settled(replace(seen, sending=frozenset({(notify.id, notify.receiver)})), NOW + seconds(5))
    assert plan.actions == () and plan.next_check is None


def test_a_restart_sends_again_what_was_under_way_with_the_same_id() -> None:
    seen, first = settled(ending())
    _, again = settled(seen, NOW + seconds(60))
    assert actions(first, Notify) == actions(again, Notify)


def test_a_message_that_was_taken_is_never_sent_again() -> None:
    seen, _ = answered(settled(ending())[0], NOW + seconds(1))
    assert states(seen) == [("Succeeded", "Delivered", 1)]
    after, plan = settled(seen, NOW + seconds(10**6))
    assert plan.actions == () and states(after) == states(seen)


def test_a_refused_message_is_tried_again_with_growing_pauses_and_then_given_up() -> None:
    seen, _ = settled(ending())
    now, waits = NOW, []
    for _ in range(MAX_ATTEMPTS - 1):
        seen, plan = answered(seen, now, "status 503")
        assert plan.next_check is not None and actions(plan, Notify) == []
        waits.append((plan.next_check - now).total_seconds())
        now = plan.next_check
        seen, plan = settled(seen, now)
        assert len(actions(plan, Notify)) == 1
    assert waits == sorted(waits) and waits[0] < 10
    seen, plan = answered(seen, now, "status 503")
    assert states(seen) == [("Succeeded", "Failed", MAX_ATTEMPTS)]
    assert [emit.reason for emit in actions(plan, Emit)] == ["NotificationFailed"] and plan.next_check is None


def test_a_refused_address_is_given_up_at_once() -> None:
    seen, _ = answered(settled(ending())[0], NOW, "not a public address", hopeless=True)
    assert states(seen) == [("Succeeded", "Failed", 1)]
    assert seen.job.status.notifications[0].message == "not a public address"


def test_where_they_are_switched_off_the_job_says_so() -> None:
    seen, plan = settled(ending(Policy()))
    assert states(seen) == [("Succeeded", "Failed", 0)]
    assert "notifications.enabled" in seen.job.status.notifications[0].message
    assert actions(plan, Notify) == []


def test_failures_and_pauses_are_told_as_well() -> None:
    spec = spec_of(notifications=[HOOK], pauseAfter="Poses")
    seen = started(PREPARE, spec, policy=ON)
    paused, _ = settled(with_pod(seen, ended(current(seen), 0, report_of(PREPARE, spec)), succeeded=True, ended=NOW))
    assert states(paused) == [("Paused", "Pending", 0)]
    report = PodReport(failure=failure("LowRegistration", retryable=False))
    failed, plan = settled(with_pod(seen, ended(current(seen), 3, report), failed=True, ended=NOW))
    assert states(failed) == [("Failed", "Pending", 0)]
    assert actions(plan, Notify)[0].event["data"]["failure"]["code"] == "LowRegistration"


def test_a_message_that_is_sent_late_says_what_had_happened() -> None:
    seen = started(PREPARE, spec_of(notifications=[HOOK]), policy=ON)
    report = PodReport(failure=failure("LowRegistration", retryable=False))
    failed, _ = settled(with_pod(seen, ended(current(seen), 3, report), failed=True, ended=NOW))
    refused, _ = answered(failed, NOW, "status 503")
    other = spec_of(notifications=[HOOK], poses={"minRegisteredPercent": 40})
    goes_on = replace(refused.job, spec=other, generation=refused.job.generation + 1)
    seen, plan = settled(replace(refused, job=goes_on, sent=()), NOW + seconds(60))
    assert seen.job.status.failure is None
    (late,) = actions(plan, Notify)
    assert (late.event["data"]["event"], late.event["data"]["reason"]) == ("Failed", "LowRegistration")
    assert late.event["data"]["failure"]["code"] == "LowRegistration" and late.event["data"]["message"]


def test_a_pause_is_told_with_its_own_reason() -> None:
    spec = spec_of(notifications=[HOOK], pauseAfter="Poses")
    seen = started(PREPARE, spec, policy=ON)
    _, plan = settled(with_pod(seen, ended(current(seen), 0, report_of(PREPARE, spec)), succeeded=True, ended=NOW))
    data = actions(plan, Notify)[0].event["data"]
    assert data["reason"] == PAUSED and data["message"]


def test_a_receiver_that_was_removed_is_not_told() -> None:
    seen, _ = settled(ending())
    job = replace(seen.job, spec=spec_of(), generation=seen.job.generation + 1)
    after, plan = settled(replace(seen, job=job), NOW + seconds(60))
    assert states(after) == [] and actions(plan, Notify) == []


def test_a_job_is_deleted_only_when_everybody_was_told() -> None:
    seen, plan = settled(ending(retention={"jobSeconds": 0}))
    (notify,) = actions(plan, Notify)
    waiting = replace(seen, sending=frozenset({(notify.id, notify.receiver)}))
    _, plan = settled(waiting, NOW + seconds(60))
    assert actions(plan, DeleteSelf) == [] and plan.next_check is None
    told, _ = answered(replace(waiting, sending=frozenset()), NOW + seconds(61))
    _, plan = settled(told, NOW + seconds(61))
    assert len(actions(plan, DeleteSelf)) == 1


def test_a_job_without_receivers_has_nothing_in_status() -> None:
    seen = started(DELIVER, policy=ON)
    done, plan = settled(with_pod(seen, ended(current(seen), 0, report_of(DELIVER)), succeeded=True, ended=NOW))
    assert states(done) == [] and actions(plan, Notify) == []


def test_a_job_that_waits_to_be_accepted_has_not_failed() -> None:
    """It may have been created a moment before the job that it builds on, or before its profile."""
    spec = spec_of(notifications=[HOOK], source={"jobRef": {"name": "base"}})
    waiting, plan = settled(observed(spec, policy=ON))
    assert condition(waiting.job.status, "Accepted") == ("False", "SourceNotFound")
    assert waiting.job.status.notifications == [] and actions(plan, Notify) == []


SECRET_URL = "https://hooks.example:8443/services/T0K3N-IN-PATH?key=T0K3N-IN-QUERY"


def ending_with_secret() -> Observed:
    spec = spec_of(notifications=[{"url": SECRET_URL, "secretName": "key"}])
    seen = started(DELIVER, spec, policy=ON)
    return with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW)


def test_of_a_receivers_address_status_and_events_show_the_host_only() -> None:
    seen, plan = settled(ending_with_secret())
    (message,) = seen.job.status.notifications
    assert message.url == "https://hooks.example:8443/…" and len(message.receiver) == 16
    (notify,) = actions(plan, Notify)
    assert notify.url == SECRET_URL and "T0K3N" not in f"{notify!r}{notify.event}"
    after, plan = answered(seen, NOW, "no answer", hopeless=True)
    events = " ".join(each.message for each in actions(plan, Emit))
    assert "https://hooks.example:8443/…" in events
    assert "T0K3N" not in events + after.job.status.model_dump_json()


def test_two_receivers_of_one_host_are_told_apart() -> None:
    hooks = [{"url": f"https://hooks.example/{token}", "secretName": "key"} for token in ("one", "two")]
    spec = spec_of(notifications=hooks)
    seen = started(DELIVER, spec, policy=ON)
    seen = with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW)
    seen, plan = settled(seen)
    assert [each.url for each in actions(plan, Notify)] == [hook["url"] for hook in hooks]
    first, second = seen.job.status.notifications
    result = DeliveryResult(second.id, second.receiver, 1, NOW)
    after, _ = settled(replace(seen, sent=(result,)))
    assert [each.state.value for each in after.job.status.notifications] == ["Pending", "Delivered"]
    assert first.url == second.url


@pytest.mark.parametrize(("state", "sends"), [("Delivered", 0), ("Failed", 0), ("Pending", 1)])
def test_an_address_that_an_earlier_release_wrote_is_recognised_and_hidden(state: str, sends: int) -> None:
    """Nobody is told a second time because of an upgrade, and what was pending still is."""
    seen, _ = settled(ending_with_secret())
    (message,) = seen.job.status.notifications
    old = message.model_copy(update={"url": SECRET_URL, "receiver": "", "state": DeliveryState(state)})
    status = seen.job.status.model_copy(update={"notifications": [old]})
    after, plan = settled(replace(seen, job=replace(seen.job, status=status)))
    assert len(actions(plan, Notify)) == sends
    assert [(each.url, each.receiver, each.state.value) for each in after.job.status.notifications] == [
        ("https://hooks.example:8443/…", message.receiver, state)
    ]
    assert not actions(plan, Emit)
