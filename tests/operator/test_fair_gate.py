"""Few at a time, and namespaces in turn."""

from __future__ import annotations

import asyncio

import pytest

from reconstruction_operator.buckets import Buckets
from reconstruction_operator.fair_gate import FairGate, GateFull


async def spin() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Crowd:
    """Those that have come in, in their order, and how they go out again."""

    def __init__(self, gate: FairGate):
        self.gate = gate
        self.inside: list[str] = []
        self.go = asyncio.Semaphore(0)
        self.tasks: list[asyncio.Task[None]] = []

    async def send(self, *namespaces: str) -> None:
        self.tasks += [asyncio.create_task(self._pass(namespace)) for namespace in namespaces]
        await spin()

    async def let_out(self, count: int) -> None:
        for _ in range(count):
            self.go.release()
            await spin()

    async def _pass(self, namespace: str) -> None:
        async with self.gate.turn(namespace):
            self.inside.append(namespace)
            await self.go.acquire()


async def test_namespaces_take_turns_however_many_wait_in_one_of_them() -> None:
    crowd = Crowd(FairGate(1, 100, 100))
    await crowd.send(*["a"] * 10, "b", "c")
    await crowd.let_out(4)
    assert crowd.inside == ["a", "a", "b", "c", "a"]
    await crowd.let_out(8)
    assert sorted(crowd.inside) == ["a"] * 10 + ["b", "c"]


async def test_no_more_are_inside_than_there_are_places() -> None:
    crowd = Crowd(FairGate(2, 100, 100))
    await crowd.send(*"abcde")
    assert len(crowd.inside) == 2
    await crowd.let_out(1)
    assert len(crowd.inside) == 3


async def test_no_more_wait_than_may_and_those_of_one_namespace_leave_room_for_others() -> None:
    gate = FairGate(1, 4, 2)
    crowd = Crowd(gate)
    await crowd.send("a", "a", "a", "b")
    with pytest.raises(GateFull):
        async with gate.turn("a"):
            pass
    await crowd.send("c")
    with pytest.raises(GateFull):
        async with gate.turn("d"):
            pass


async def test_who_stops_waiting_costs_nobody_a_place() -> None:
    crowd = Crowd(FairGate(1, 10, 10))
    await crowd.send("a", "b", "c", "d")
    crowd.tasks[1].cancel()
    await spin()
    crowd.go.release()
    await spin()
    crowd.tasks[3].cancel()  # in the same moment in which the place may be given to it
    await crowd.let_out(3)
    await crowd.send("e")
    assert crowd.inside == ["a", "c", "e"]


def test_a_bucket_empties_for_each_key_and_fills_up_again() -> None:
    now = 0.0
    buckets = Buckets(lambda: now, 2, 10.0, capacity=2)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    assert buckets.take("b")
    now = 10.0
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
    now = 1000.0
    assert [buckets.take("a") for _ in range(3)] == [True, True, False], "no more than the burst"
    for key in "xyz":
        buckets.take(key)
    assert buckets.take("a"), "forgotten for the others"
