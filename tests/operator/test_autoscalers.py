"""What autoscalers say of a pod, in the words of the cluster autoscaler and of Karpenter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reconstruction_operator.act import Actor, Outdated
from reconstruction_operator.actions import ExpectAbsent, Plan
from reconstruction_operator.autoscalers import scale_up_in
from reconstruction_operator.model import JobKey, ScaleUp
from reconstruction_operator.store import Store

from .builders import KEY, SPEC, UID, job_view


def event(reason: str, minute: int, message: str = "", **times: Any) -> dict[str, Any]:
    at = f"2026-03-01T12:{minute:02}:00Z"
    return {"reason": reason, "message": message, "metadata": {"creationTimestamp": at}, "lastTimestamp": at} | times


def at(minute: int) -> datetime:
    return datetime(2026, 3, 1, 12, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], None),
        ([event("FailedScheduling", 5)], None),
        ([event("TriggeredScaleUp", 1, "pod triggered scale-up")], ScaleUp(at(1), "pod triggered scale-up")),
        ([event("Nominated", 2, "nodeclaim/gpu"), event("FailedScheduling", 5)], ScaleUp(at(2), "nodeclaim/gpu")),
        ([event("NotTriggerScaleUp", 3), event("TriggeredScaleUp", 1)], None),
        ([event("NotTriggerScaleUp", 1), event("TriggeredScaleUp", 3, "now")], ScaleUp(at(3), "now")),
        (
            [
                event(
                    "TriggeredScaleUp", 1, "x", lastTimestamp=None, series={"lastObservedTime": "2026-03-01T12:09:00Z"}
                )
            ],
            ScaleUp(at(9), "x"),
        ),
    ],
)
def test_the_last_word_counts(events: list[dict[str, Any]], expected: ScaleUp | None) -> None:
    assert scale_up_in(events) == expected


class Server:
    """Has Events of pods; takes nothing else."""

    def __init__(self, *events: dict[str, Any]):
        self.events = events
        self.asked: list[tuple[str, str]] = []

    async def list(self, path: str, selector: str = "", fields: str = ""):
        self.asked.append((path, fields))
        for each in self.events:
            yield each


async def test_a_turn_is_not_given_back_while_a_node_is_being_made() -> None:
    server, store = Server(event("TriggeredScaleUp", 1, "pod triggered scale-up")), Store()
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": UID, "resourceVersion": "1"}
    store.observe_job({"metadata": metadata, "spec": SPEC, "status": {}})
    actor = Actor(server, store, None, None)  # type: ignore[arg-type]
    plan = Plan(expects=(ExpectAbsent("scale-up", "uid-of-pod"),))
    with pytest.raises(Outdated):
        await actor.act(job_view(), plan)
    assert server.asked == [("/api/v1/namespaces/museum/events", "involvedObject.uid=uid-of-pod")]
    assert store.scale_ups(JobKey("museum", "statue")) == {"uid-of-pod": ScaleUp(at(1), "pod triggered scale-up")}
    await actor.act(job_view(), plan)  # decided with that known: its time is over
