"""The steps of a history: each one thing that happens to the cluster, to the network or to the operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from reconstruction_api.stages import graph_of, stages_of
from reconstruction_api.worker import Progress, ProgressUpdate
from reconstruction_operator.model import JobKey

from ..samples import failure
from .people import People
from .workloads import order_of
from .world import World

Happens = Callable[[World, JobKey, int], Awaitable[None] | None]


def move(world: World, _: JobKey, number: int) -> None:
    """A controller or a node does the next thing; one thing, though others wait."""
    if moves := world.moves():
        moves[number % len(moves)]()


def move_all(world: World, _: JobKey, number: int) -> None:
    for each in world.moves():
        each()


async def wait_a_moment(world: World, _: JobKey, number: int) -> None:
    await world.time.advance([0.05, 0.3, 1.0, 2.0][number % 4])


async def wait(world: World, _: JobKey, number: int) -> None:
    await world.time.advance([5, 10, 20, 40, 70, 100][number % 6])


async def wait_long(world: World, _: JobKey, number: int) -> None:
    await world.time.advance([300, 700, 3601][number % 3])


def pod(world: World, number: int, *phases: str) -> Any:
    pods = world.nodes.pods(*phases)
    return pods[number % len(pods)] if pods else None


def start_pod(world: World, _: JobKey, number: int) -> None:
    if found := pod(world, number, "Pending"):
        world.nodes.schedule(found)
        world.nodes.start(found)


def succeed(world: World, _: JobKey, number: int) -> None:
    if found := pod(world, number, "Running"):
        world.nodes.succeed(found)


def report_progress(world: World, _: JobKey, number: int) -> None:
    """A worker's live update reaches whoever leads."""
    if found := pod(world, number, "Running"):
        order = order_of(found)
        stages = stages_of(order.resource_class, graph_of(order.spec))
        progress = Progress(stage=stages[number % len(stages)].name, percent=number % 100)
        update = ProgressUpdate(
            namespace=order.namespace, name=order.name, uid=order.uid, attempt=order.attempt,
            resource_class=order.resource_class, sequence=world.server.objects.version, progress=progress,
        )  # fmt: skip
        for replica in world.replicas:
            replica.tell(JobKey(order.namespace, order.name), update)


def fail(world: World, _: JobKey, number: int) -> None:
    """For now, for good, without a word, or for want of memory."""
    ends = [
        (failure("HostOutOfMemory"), 4, "Error"), (failure("EmptyMesh", retryable=False), 3, "Error"),
        (None, 139, "Error"), (None, 137, "OOMKilled"), (None, 5, "Error"),
    ]  # fmt: skip
    if found := pod(world, number, "Running"):
        world.nodes.fail(found, *ends[number % len(ends)])


def preempt(world: World, _: JobKey, number: int) -> None:
    if found := pod(world, number, "Pending", "Running"):
        world.nodes.disrupt(found, evicted=False)


def evict(world: World, _: JobKey, number: int) -> None:
    if found := pod(world, number, "Pending", "Running"):
        world.nodes.disrupt(found, evicted=True)


def lose_node(world: World, _: JobKey, number: int) -> None:
    if found := pod(world, number, "Running"):
        world.nodes.lose(found)


def node_comes_back(world: World, _: JobKey, number: int) -> None:
    world.nodes.come_back()


def take_back(world: World, _: JobKey, number: int) -> None:
    """Kueue gives the quota to a more urgent Job."""
    if places := world.server.objects.places("jobs"):
        world.kueue.suspend(places[number % len(places)], True)


def break_watch(world: World, _: JobKey, number: int) -> None:
    if streams := world.network.streams:
        streams[number % len(streams)].breaks()


def silence_watch(world: World, _: JobKey, number: int) -> None:
    if streams := world.network.streams:
        streams[number % len(streams)].falls_silent()


def compact(world: World, _: JobKey, number: int) -> None:
    """Watches that have broken off can't be taken up where they were: they find 410."""
    world.server.objects.compact()
    break_watch(world, _, number)


def trouble(world: World, _: JobKey, number: int) -> None:
    """The network becomes better or worse."""
    world.network.trouble = [0.0, 0.02, 0.1, 0.3, 0.5][number % 5]


def cut_off(world: World, _: JobKey, number: int) -> None:
    """A replica does not reach the API server."""
    world.network.cut.add(f"replica-{number % 2}")


def reconnect(world: World, _: JobKey, number: int) -> None:
    world.network.cut.clear()


async def kill(world: World, _: JobKey, number: int) -> None:
    """SIGKILL, and the next process of the replica."""
    replica = world.replicas[number % len(world.replicas)]
    if replica.running:
        await replica.kill()
    replica.run()


def stop(world: World, _: JobKey, number: int) -> None:
    """SIGTERM."""
    world.replicas[number % len(world.replicas)].stop()


def restart_those_that_ended(world: World, _: JobKey, number: int) -> None:
    for replica in world.replicas:
        if not replica.running:
            replica.run()


def by_people(act: Callable[[People, JobKey, int], None]) -> Happens:
    def step(world: World, key: JobKey, number: int) -> None:
        act(world.people, key, number // len(world.people.sources))

    step.__name__ = act.__name__
    return step


_PEOPLE = [
    People.create, People.suspend, People.ask_to_cancel, People.confirm_cancel, People.withdraw_cancel,
    People.change_exports, People.change_mesh, People.change_images, People.pause, People.set_soft_deadline,
    People.redo, People.delete_child_job, People.delete_pod, People.refuse,
]  # fmt: skip
_PEOPLE_RARELY = [
    People.delete,
    People.orphan,
    People.retain,
    People.delete_claim,
    People.change_profile,
    People.refuse_status,
]

_USUAL = [move, move, move_all, wait_a_moment, wait, start_pod, succeed, restart_those_that_ended]
_SOMETIMES = [
    report_progress,
    fail,
    preempt,
    evict,
    take_back,
    node_comes_back,
    break_watch,
    silence_watch,
    compact,
    trouble,
    reconnect,
    kill,
]
_RARE = [lose_node, cut_off, stop, wait_long]

BY_NAME: dict[str, Happens] = {
    each.__name__: each
    for each in (*_USUAL, *_SOMETIMES, *_RARE, *map(by_people, _PEOPLE), *map(by_people, _PEOPLE_RARELY))
}
USUAL = [*(each.__name__ for each in _USUAL), "create"]
STEPS = [each.__name__ for each in (*_SOMETIMES, *_PEOPLE)]
RARE = [each.__name__ for each in (*_RARE, *_PEOPLE_RARELY)]
