"""spec.notifications: each event becomes a message in status, and stays there until it was taken or given up."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from reconstruction_api.worker import PodReport
from reconstruction_operator.model import DeliveryResult, Observed, Policy
from reconstruction_operator.plan import DeleteSelf, Emit, Notify, Plan
from reconstruction_operator.policies.hold import PAUSED
from reconstruction_operator.policies.notify import MAX_ATTEMPTS

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
    """A job whose last pod has just ended well."""
    spec = spec_of(notifications=[HOOK], **fields)
    seen = started(DELIVER, spec, policy=policy)
    return with_pod(seen, ended(current(seen), 0, report_of(DELIVER, spec)), succeeded=True, ended=NOW)


def states(seen: Observed) -> list[tuple[str, str, int]]:
    return [(each.event, each.state.value, each.attempts) for each in seen.job.status.notifications]


def answered(seen: Observed, now: datetime, problem: str = "", **fields: Any) -> tuple[Observed, Plan]:
    """The decision after the receiver's answer."""
    (message,) = seen.job.status.notifications
    result = DeliveryResult(message.id, message.url, message.attempts + 1, now, problem, **fields)
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
    _, plan = settled(replace(seen, sending=frozenset({(notify.id, notify.url)})), NOW + seconds(5))
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
    waiting = replace(seen, sending=frozenset({(notify.id, notify.url)}))
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
