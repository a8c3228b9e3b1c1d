"""Races that random histories have found, each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from reconstruction_api.names import JOB_PLURAL
from reconstruction_operator.model import JobKey

from .api_server import virtual_time
from .api_server.objects import Document, Place
from .api_server.workloads import phase
from .api_server.world import PHOTOS, World

STATUE = JobKey("museum", "statue")


def played(story: Callable[[World], Awaitable[None]]) -> None:
    """One replica, one job, and a network without faults."""

    async def told() -> None:
        world = World(1, replicas=1)
        await world.begin()
        try:
            world.people.create(STATUE)
            await world.time.advance(1)
            await story(world)
            await world.hold_still()
        finally:
            await world.end()

    virtual_time.run(told())


def run(world: World, resource_class: str = "prepare") -> Document:
    job = world.job(STATUE)
    assert job is not None
    return next(each for each in job["status"]["runs"] if each["resourceClass"] == resource_class)


def only(world: World, kind: str) -> Document:
    (found,) = world.server.objects.all(kind)
    return found


async def with_a_pod(world: World) -> Document:
    """The child Job's pod, at work."""
    for move in world.controller.moves():
        move()
    pod = only(world, "pods")
    world.nodes.schedule(pod)
    world.nodes.start(pod)
    await world.time.advance(1)
    return only(world, "pods")


def delete_child_job(world: World) -> None:
    """Its pod is for the garbage collector, who may be late."""
    world.people.delete_child_job(STATUE, 1)


def test_a_pod_that_no_watch_has_shown_keeps_the_workspace_to_itself() -> None:
    async def story(world: World) -> None:
        for stream in world.network.streams:
            if stream.place.kind == "pods":
                stream.falls_silent()
        pod = await with_a_pod(world)
        delete_child_job(world)
        await world.time.advance(20)
        assert world.server.objects.all("jobs") == [], "the next one waits until the pod has stopped"
        assert phase(only(world, "pods")) == "Running" and only(world, "pods") == pod

    played(story)


def test_a_child_job_of_an_earlier_job_of_the_same_name_keeps_its_workspace_although_it_has_no_pod_yet() -> None:
    async def story(world: World) -> None:
        world.people.orphan(STATUE, 0)
        world.people.create(STATUE)
        await world.time.advance(5)
        assert len(world.server.objects.all("jobs")) == 1, "the earlier one may start at any time"
        world.people.clean_up()

    played(story)


@pytest.mark.parametrize("seen_at_once", [True, False])
def test_the_report_of_a_pod_whose_child_job_was_deleted_counts(seen_at_once: bool) -> None:
    async def story(world: World) -> None:
        pod = await with_a_pod(world)
        delete_child_job(world)
        if seen_at_once:
            await world.time.advance(1)
        world.nodes.succeed(pod)
        await world.time.advance(1)
        assert run(world)["completed"] and run(world)["attempt"] == 1

    played(story)


def test_a_claim_that_is_to_go_and_that_an_evicted_pod_holds_does_not_hold_up_the_next_pod() -> None:
    async def story(world: World) -> None:
        pod = await with_a_pod(world)
        world.nodes.disrupt(pod, evicted=True)
        for move in world.controller.moves():
            move()
        world.server.deletion.delete(Place("persistentvolumeclaims", "museum", "statue-workspace"))
        await world.time.advance(1)

    played(story)


def test_a_pod_of_an_earlier_job_of_the_same_name_keeps_its_workspace_to_itself() -> None:
    """`kubectl delete --cascade=orphan`, and the job applied again: the next one takes the claim over."""

    async def story(world: World) -> None:
        await with_a_pod(world)
        objects = world.server.objects
        for kind in ("persistentvolumeclaims", "jobs", "pods"):
            for place in objects.places(kind):
                objects.mark(place, ownerReferences=None)
        objects.remove(Place("jobs", *STATUE)._replace(name=objects.places("jobs")[0].name))
        objects.remove(Place(JOB_PLURAL, *STATUE))
        world.people.create(STATUE)
        await world.time.advance(5)
        assert objects.all("jobs") == [], "the earlier pod still works"
        world.nodes.end(only(world, "pods"), 5)
        await world.time.advance(5)
        assert len(objects.all("jobs")) == 1
        world.server.deletion.delete(objects.places("pods")[0])

    played(story)


def test_a_claim_whose_name_is_taken_is_not_asked_for_without_a_pause_where_a_quota_refuses_it() -> None:
    async def story(world: World) -> None:
        objects = world.server.objects
        pod = await with_a_pod(world)
        world.server.quota = "persistentvolumeclaims is forbidden: exceeded quota: team"
        world.server.deletion.delete(Place(JOB_PLURAL, *STATUE))
        world.server.deletion.delete(Place("persistentvolumeclaims", "museum", "statue-workspace"))
        world.people.create(STATUE)
        await world.time.advance(1)
        before = objects.version
        await world.time.advance(60)
        assert objects.version < before + 100 and phase(only(world, "pods")) == "Running" and pod

    played(story)


def test_a_new_leader_gives_no_slot_away_that_a_cancelled_job_still_holds() -> None:
    """It has ended, so it does not come first at the start; its pod is still stopping."""

    async def story(world: World) -> None:
        await with_a_pod(world)
        bowl = JobKey("lab", "bowl")
        world.people.sources = world.people.sources | {bowl: PHOTOS}
        world.people.create(JobKey("lab", "statue"))
        world.people.edit(STATUE, cancellation="Requested")
        await world.time.advance(1)
        world.people.edit(STATUE, cancellation="Confirmed")
        await world.time.advance(1)
        job = world.job(STATUE)
        assert job is not None and {"completionTime", "admissionTime"} <= job["status"].keys()
        await world.replicas[0].kill()
        world.people.create(bowl)
        world.replicas[0].run()
        await world.time.advance(30)
        world.promises.check()

    played(story)


def test_a_job_that_is_gone_is_not_deleted_over_and_over_until_a_watch_says_so() -> None:
    async def story(world: World) -> None:
        deletions: list[str] = []
        world.network.requested.append(lambda method, path, _: deletions.append(path) if method == "DELETE" else None)
        world.people.edit(STATUE, retention={"jobSeconds": 0, "workspaceSeconds": 0})
        watch = next(each for each in world.network.streams if each.place.kind == JOB_PLURAL)
        world.server.objects.changed.append(lambda change: watch.falls_silent() if change.after is None else None)
        for _ in range(60):
            await world.time.advance(1)
            for move in world.moves():
                move()
        assert world.job(STATUE) is None
        assert sum(path.endswith("/reconstructionjobs/statue") for path in deletions) < 20

    played(story)


def test_a_child_job_whose_creation_was_not_answered_is_found_before_the_next_one_is_made() -> None:
    """The spec changes meanwhile, so the next one has another name."""

    async def story(world: World) -> None:
        bowl = JobKey("lab", "bowl")
        world.people.sources = world.people.sources | {bowl: PHOTOS}
        for stream in world.network.streams:
            if stream.place.kind == "jobs":
                stream.falls_silent()

        def loses(method: str, path: str) -> bool:
            if method != "POST" or not path.endswith("/lab/jobs"):
                return False
            world.network.loses = lambda _method, _path: False
            world.people.edit(bowl, images={"maxSidePixels": 900})
            return True

        world.network.loses = loses
        world.people.create(bowl)
        await world.time.advance(40)
        world.promises.check()

    played(story)


def test_time_passes_only_when_everybody_waits() -> None:
    async def story() -> list[Any]:
        time, happened = virtual_time.of_the_running_loop(), list[Any]()

        async def wait(seconds: float) -> None:
            await asyncio.sleep(seconds)
            happened.append(time.clock.monotonic())

        tasks = [asyncio.create_task(wait(each)) for each in (3600, 1)]
        await time.advance(7200)
        await asyncio.gather(*tasks)
        return [*happened, time.clock.monotonic()]

    assert virtual_time.run(story()) == [1, 3600, 7200]
