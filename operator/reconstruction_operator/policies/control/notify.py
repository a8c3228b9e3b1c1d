"""spec.notifications: which events there are to tell, to whom, and what became of each message.

A message is in status before it is sent, and stays there until it was delivered or given up: a restart forgets none,
and repeats only what was under way.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconstruction_api.deliveries import Delivery, DeliveryState
from reconstruction_api.names import API_VERSION, JOB_KIND, JOB_PLURAL
from reconstruction_api.secrecy import receiver_id, shown_receiver
from reconstruction_api.status import Condition, ConditionType, ReconstructionJobStatus

from ...actions import Notify
from ...model import DeliveryResult, JobView, Observed
from ...times import format_time, parse_time
from .hold import PAUSED
from .retry import backoff

MAX_ATTEMPTS = 10
_FIRST_SECONDS, _LONGEST_SECONDS = 5.0, 1800.0
_SWITCHED_OFF = "Notifications are switched off in this operator (Helm value notifications.enabled)."


def deliveries(observed: Observed, after: ReconstructionJobStatus, now: datetime) -> list[Delivery]:
    """The messages to keep in status; `after` is what this decision makes of the rest of it."""
    spec, before = observed.job.spec, observed.job.status
    if spec is None:
        return [masked(each) for each in before.notifications]
    if not spec.notifications:
        return []
    wanted = {receiver_id(target.url) for target in spec.notifications}
    kept = (masked(each) for each in before.notifications)
    known = [_followed_up(each, observed) for each in kept if each.receiver in wanted]
    report = _event_to_report(after)
    if report is None or report[0] == event_of(before):
        return known
    event, condition = report
    off = {} if observed.policy.notifications else {"state": DeliveryState.FAILED, "message": _SWITCHED_OFF}
    fresh = Delivery(
        event=event,
        id=f"{observed.job.uid}-{event.lower()}-{int(now.timestamp())}",
        url="",
        receiver="",
        state=DeliveryState.PENDING,
        event_time=format_time(now),
        reason=condition.reason,
        explanation=condition.message,
        failure=after.failure,
    ).model_copy(update=off)
    pending = [each for each in known if each.state is DeliveryState.PENDING]
    return [*pending, *(_addressed(fresh, target.url) for target in spec.notifications)]


def masked(delivery: Delivery) -> Delivery:
    """The delivery as status may show it; earlier releases wrote the whole address."""
    return delivery if delivery.receiver else _addressed(delivery, delivery.url)


def _addressed(delivery: Delivery, url: str) -> Delivery:
    return delivery.model_copy(update={"url": shown_receiver(url), "receiver": receiver_id(url)})


def event_of(status: ReconstructionJobStatus) -> str | None:
    """What there is to tell about a job in this state."""
    report = _event_to_report(status)
    return report[0] if report is not None else None


def _event_to_report(status: ReconstructionJobStatus) -> tuple[str, Condition] | None:
    """The event, and the condition that says why."""
    for condition in status.conditions:
        if condition.type == ConditionType.SUCCEEDED and condition.status == "True":
            return "Succeeded", condition
        # A job that is not accepted, say because the one that it builds on is not there yet, has not ended.
        if condition.type == ConditionType.SUCCEEDED and condition.status == "False" and status.completion_time:
            return "Cancelled" if condition.reason == "Cancelled" else "Failed", condition
        if condition.type == ConditionType.SUSPENDED and condition.status == "True" and condition.reason == PAUSED:
            return "Paused", condition
    return None


def due(observed: Observed, after: ReconstructionJobStatus, now: datetime) -> tuple[Notify, ...]:
    """Messages to send now."""
    spec = observed.job.spec
    if spec is None or not after.notifications:
        return ()
    targets = {receiver_id(target.url): target for target in spec.notifications or ()}
    return tuple(
        Notify(each.id, target.url, target.secret_name, each.attempts + 1, cloud_event(observed.job, each, after))
        for each in after.notifications
        if _waits(each, observed) and _is_time(each, now) and (target := targets.get(each.receiver)) is not None
    )


def next_attempts(observed: Observed, after: ReconstructionJobStatus) -> list[datetime | None]:
    """When messages are to be sent again; those under way report by themselves."""
    return [parse_time(each.next_attempt_time) for each in after.notifications if _waits(each, observed)]


def _waits(delivery: Delivery, observed: Observed) -> bool:
    return delivery.state is DeliveryState.PENDING and (delivery.id, delivery.receiver) not in observed.sending


def all_delivered(after: ReconstructionJobStatus) -> bool:
    """Whether nobody waits for a message any more."""
    return all(each.state is not DeliveryState.PENDING for each in after.notifications)


def cloud_event(job: JobView, delivery: Delivery, status: ReconstructionJobStatus) -> dict[str, Any]:
    """CloudEvents 1.0 (https://github.com/cloudevents/spec), structured mode. A message that is sent late still says
    what happened; how far the job is, and what it has made, is of the time at which it is sent."""
    return {
        "specversion": "1.0",
        "id": delivery.id,
        "source": f"/apis/{API_VERSION}/namespaces/{job.key.namespace}/{JOB_PLURAL}/{job.key.name}",
        "type": f"dev.reconstruction.job.{delivery.event.lower()}",
        "subject": f"{job.key.namespace}/{job.key.name}",
        "time": delivery.event_time,
        "datacontenttype": "application/json",
        "data": {
            "kind": JOB_KIND,
            "namespace": job.key.namespace,
            "name": job.key.name,
            "uid": job.uid,
            "event": delivery.event,
            "reason": delivery.reason,
            "message": delivery.explanation,
            "stage": status.stage,
            "metrics": status.metrics,
            "artifacts": [each.model_dump(mode="json", by_alias=True) for each in status.artifacts],
            "failure": delivery.failure.model_dump(mode="json", by_alias=True) if delivery.failure else None,
        },
    }


def _followed_up(delivery: Delivery, observed: Observed) -> Delivery:
    """The delivery after the attempt that has just ended, if one has."""
    if delivery.state is not DeliveryState.PENDING:
        return delivery
    for result in observed.sent:
        if (result.id, result.receiver, result.attempt) == (delivery.id, delivery.receiver, delivery.attempts + 1):
            return _concluded(delivery, result)
    return delivery


def _concluded(delivery: Delivery, result: DeliveryResult) -> Delivery:
    changes: dict[str, Any] = {"attempts": result.attempt, "message": result.problem, "next_attempt_time": None}
    if not result.problem:
        changes["state"] = DeliveryState.DELIVERED
    elif result.hopeless or result.attempt >= MAX_ATTEMPTS:
        changes["state"] = DeliveryState.FAILED
    else:
        wait = backoff(_FIRST_SECONDS, result.attempt, _LONGEST_SECONDS, f"{delivery.id}{delivery.receiver}")
        changes["next_attempt_time"] = format_time(result.at + wait)
    return delivery.model_copy(update=changes)


def _is_time(delivery: Delivery, now: datetime) -> bool:
    moment = parse_time(delivery.next_attempt_time)
    return moment is None or moment <= now
