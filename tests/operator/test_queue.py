"""The queue of jobs to look at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from reconstruction_operator.causes import Cause
from reconstruction_operator.model import JobKey
from reconstruction_operator.queue import JobQueue, Work

from .api_server.virtual_time import event_loop_policy  # noqa: F401 - their time is the loop's

A, B = JobKey("n", "a"), JobKey("n", "b")


@asynccontextmanager
async def running(work: Work, concurrency: int = 4) -> AsyncIterator[JobQueue]:
    queue = JobQueue(work, concurrency)
    async with background(queue):
        yield queue


@asynccontextmanager
async def background(queue: JobQueue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - any condition
            await asyncio.sleep(0.001)


async def test_observations_while_a_job_waits_lead_to_one_look() -> None:
    looks: list[JobKey] = []

    async def work(key: JobKey) -> None:
        looks.append(key)

    queue = JobQueue(work, 1)
    for _ in range(10):
        queue.add(A)
    queue.add(B)
    task = asyncio.create_task(queue.run())
    await until(lambda: len(looks) == 2)
    task.cancel()
    assert looks == [A, B]


async def test_a_job_is_never_worked_on_twice_at_the_same_time_and_no_observation_is_lost() -> None:
    active, most, looks = 0, 0, 0
    gate = asyncio.Event()

    async def work(_: JobKey) -> None:
        nonlocal active, most, looks
        active, looks = active + 1, looks + 1
        most = max(most, active)
        await gate.wait()
        active -= 1

    async with running(work) as queue:
        queue.add(A)
        await until(lambda: looks == 1)
        for _ in range(3):
            queue.add(A)
        gate.set()
        await until(lambda: looks == 2)
    assert most == 1


async def test_different_jobs_are_worked_on_at_the_same_time() -> None:
    together = asyncio.Barrier(2)

    async def work(_: JobKey) -> None:
        await together.wait()

    async with running(work) as queue:
        queue.add(A)
        queue.add(B)
        await until(lambda: together.n_waiting == 0 and len(queue) == 0)


async def test_an_error_is_tried_again_later_and_then_forgotten() -> None:
    times: list[float] = []

    async def work(_: JobKey) -> None:
        times.append(asyncio.get_running_loop().time())
        if len(times) < 3:
            raise RuntimeError("the API server is away")

    async with running(work) as queue:
        queue.add(A)
        await until(lambda: len(times) == 3)
        assert queue.errors == 2
    assert times[1] - times[0] >= 0.25 and times[2] - times[1] >= 0.5


@pytest.mark.parametrize("moments", range(5))
async def test_a_queue_stops_at_cancellation_also_while_it_is_given_a_new_time(moments: int) -> None:
    looks: list[JobKey] = []

    async def work(key: JobKey) -> None:
        looks.append(key)

    queue = JobQueue(work, 1)
    queue.add_after(B, 60)
    task = asyncio.create_task(queue.run())
    await asyncio.sleep(0.01)
    queue.add_after(A, 30)
    for _ in range(moments):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task], timeout=5)
    assert task.cancelled()
    queue.add(A)
    await asyncio.sleep(0.01)
    assert looks == []


async def test_a_job_is_looked_at_again_when_its_work_asks_for_it() -> None:
    looks: list[float] = []

    async def work(_: JobKey) -> float | None:
        looks.append(asyncio.get_running_loop().time())
        return 0.05 if len(looks) == 1 else None

    async with running(work) as queue:
        queue.add(A)
        await until(lambda: len(looks) == 2)
    assert looks[1] - looks[0] >= 0.05


async def test_of_several_times_the_earliest_counts() -> None:
    looks: list[float] = []

    async def work(_: JobKey) -> None:
        looks.append(asyncio.get_running_loop().time())

    async with running(work) as queue:
        queue.add_after(A, 0.05)
        queue.add_after(A, 60)
        queue.add_after(A, 0.01)
        await until(lambda: len(looks) == 1)
        await asyncio.sleep(0.1)
    assert len(looks) == 1


async def test_a_forgotten_job_is_not_looked_at() -> None:
    looks: list[JobKey] = []

    async def work(key: JobKey) -> None:
        looks.append(key)

    async with running(work) as queue:
        queue.add_after(A, 0.02)
        queue.forget(A)
        queue.add_after(B, 0.03)
        await until(lambda: looks == [B])


async def test_a_look_replaces_the_time_that_was_planned_before_it() -> None:
    looks = 0

    async def work(_: JobKey) -> float | None:
        nonlocal looks
        looks += 1
        return 0.05 if looks == 1 else None

    async with running(work) as queue:
        queue.add(A)
        await until(lambda: looks == 1)
        queue.add(A)
        await until(lambda: looks == 2)
        await asyncio.sleep(0.1)
        assert looks == 2


def jobs_of(namespace: str, count: int) -> list[JobKey]:
    return [JobKey(namespace, f"{number}") for number in range(count)]


async def test_behind_ten_thousand_jobs_of_one_tenant_the_only_one_of_another_is_next() -> None:
    looks: list[JobKey] = []

    async def work(key: JobKey) -> None:
        looks.append(key)

    queue = JobQueue(work, 16)
    for key in jobs_of("crowd", 10_000):
        queue.add(key, Cause.STARTING)
    queue.add(A, Cause.STARTING)
    queue.add(B, Cause.CHANGED)
    async with background(queue):
        await until(lambda: A in looks)
    assert looks[0] == B and looks.index(A) <= 2


async def test_while_the_api_server_keeps_one_tenants_looks_another_tenants_begin() -> None:
    """Its admission webhook, say, answers after ten seconds."""
    begun: list[JobKey] = []

    async def work(key: JobKey) -> None:
        begun.append(key)
        if key.namespace == "crowd":
            await asyncio.Event().wait()

    async with running(work, concurrency=16) as queue:
        for cause in (Cause.STARTING, Cause.CHANGED):
            for key in jobs_of("crowd", 100):
                queue.add(key, cause)
        await until(lambda: len(begun) == 15)
        queue.add(A, Cause.STARTING)
        queue.add(B, Cause.CHANGED)
        await until(lambda: {A, B} <= set(begun))


async def test_looks_that_wait_for_the_api_server_leave_workers_to_a_job_that_has_changed() -> None:
    begun: list[JobKey] = []

    async def work(key: JobKey) -> None:
        begun.append(key)
        await asyncio.Event().wait()

    async with running(work, concurrency=8) as queue:
        for number in range(100):
            queue.add(JobKey(f"n{number}", "x"), Cause.OBSERVED)
        await until(lambda: len(begun) == 7)
        queue.add(A, Cause.CHANGED)
        await until(lambda: A in begun)


@pytest.mark.parametrize("concurrency", [1, 2, 7, 8, 16])
async def test_every_worker_of_a_small_operator_works_for_everybody(concurrency: int) -> None:
    active, most = 0, 0
    gate = asyncio.Event()

    async def work(_: JobKey) -> None:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await gate.wait()
        active -= 1

    async with running(work, concurrency) as queue:
        for key in jobs_of("crowd", 30):
            queue.add(key, Cause.ROUTINE)
        kept = concurrency // 8 + (concurrency >= 8)
        await until(lambda: active == concurrency - kept)
        gate.set()
        await until(lambda: len(queue) == 0 and active == 0)
    assert most == concurrency - kept


async def test_what_was_urgent_about_a_failed_look_stays_urgent() -> None:
    looks: list[JobKey] = []

    async def work(key: JobKey) -> None:
        looks.append(key)
        if looks == [A]:
            raise RuntimeError("the API server is away")

    queue = JobQueue(work, 1)
    queue.add(A, Cause.CHANGED)
    async with background(queue):
        await until(lambda: queue.failing == 1)
    async with background(queue):
        for key in jobs_of("crowd", 5):
            queue.add_after(key, 0.2, Cause.STARTING)
        await until(lambda: len(looks) == 7)
    assert looks.count(A) == 2 and queue.failing == 0


async def test_an_observation_while_a_job_is_looked_at_keeps_its_cause() -> None:
    looks: list[JobKey] = []
    gate = asyncio.Event()

    async def work(key: JobKey) -> None:
        looks.append(key)
        await gate.wait()

    async with running(work, concurrency=1) as queue:
        queue.add(A, Cause.ROUTINE)
        await until(lambda: looks == [A])
        queue.add(A, Cause.CHANGED)
        queue.add(A, Cause.ROUTINE)
        queue.add(B, Cause.STARTING)
        gate.set()
        await until(lambda: len(looks) == 3)
    assert looks == [A, A, B]
