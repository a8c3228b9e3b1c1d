"""A process of the operator: the real application, without its ports. It can be killed at any await."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

from reconstruction_api.worker import ProgressUpdate
from reconstruction_operator.application import Application
from reconstruction_operator.connections import Connections
from reconstruction_operator.model import JobKey
from reconstruction_operator.settings import Settings

from .following import Following
from .network import MemoryKube, Network
from .virtual_time import VirtualTime

_tasks_of_the_replica: contextvars.ContextVar[set[asyncio.Task[Any]] | None] = contextvars.ContextVar(
    "tasks_of_the_replica", default=None
)
_MOST_CANCELLATIONS = 20


def keep_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """From now on each task of a replica, and those that it starts, are known as the replica's."""

    def task(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **options: Any) -> asyncio.Task[Any]:
        made = asyncio.Task(work, loop=loop, **options)
        context = options.get("context")
        tasks = context.get(_tasks_of_the_replica) if context is not None else _tasks_of_the_replica.get()
        if tasks is not None:
            tasks.add(made)
            made.add_done_callback(tasks.discard)
        return made

    loop.set_task_factory(task)  # type: ignore[arg-type]


class Replica:
    """One at a time of its name; `run` begins the next one."""

    def __init__(self, name: str, network: Network, time: VirtualTime, **settings: Any) -> None:
        self._name = name
        self._network = network
        self._time = time
        self._settings = Settings(identity=name, **settings)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._kube: MemoryKube | None = None
        self.application: Application | None = None
        self.main: asyncio.Task[int] | None = None

    @property
    def running(self) -> bool:
        return self.main is not None and not self.main.done()

    def run(self) -> None:
        self._kube = MemoryKube(self._network, self._name)
        self.application = Application(
            self._settings, Connections.sharing(self._kube), Following(self._kube), self._time.clock
        )
        context = contextvars.copy_context()
        self._tasks = set()
        context.run(_tasks_of_the_replica.set, self._tasks)
        self.main = asyncio.get_running_loop().create_task(self.application.work(), context=context)

    async def kill(self) -> None:
        """SIGKILL: what is under way in the network continues, nothing else does."""
        assert self._kube is not None
        self._kube.dead = True
        for _ in range(_MOST_CANCELLATIONS):
            left = [each for each in self._tasks if not each.done()]
            if not left:
                break
            for each in left:
                each.cancel()
            await self._time.idle()
        assert not [each for each in self._tasks if not each.done()], "a task outlives its process"

    def tell(self, key: JobKey, update: ProgressUpdate) -> None:
        """As a worker does at the other port, which only the replica that leads heeds."""
        if self.running and self.application is not None and self.application._leading:
            self.application._receive(key, update)

    def stop(self) -> None:
        """SIGTERM."""
        if self.application is not None:
            self.application.stop()
