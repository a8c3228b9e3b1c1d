"""Everything together: a cluster, people, and two replicas of the operator."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from reconstruction_api.names import JOB_PLURAL
from reconstruction_operator import informer, namespaces
from reconstruction_operator.model import JobKey

from ..samples import PROFILE_SPEC
from . import virtual_time
from .chronicle import Chronicle
from .network import Network
from .objects import Document, Place
from .people import People
from .promises import BrokenPromiseError, Promises
from .replica import Replica, keep_tasks
from .server import ApiServer
from .workloads import JobController, Kueue, Nodes

PHOTOS = {"persistentVolumeClaim": {"claimName": "photos"}}
JOBS: dict[JobKey, dict[str, Any]] = {
    JobKey("museum", "statue"): PHOTOS,
    JobKey("museum", "vase"): {"jobRef": {"name": "statue"}},
    JobKey("lab", "statue"): PHOTOS,
}
SLOTS = 2
_SETTINGS: dict[str, Any] = {
    "lease_namespace": "system",
    "lease_name": "operator",
    "max_concurrent_jobs": SLOTS,
    "concurrency": 4,
}
_MOST_MINUTES = 240
"""Once the world holds still every job ends within this time."""


class World:
    """To be made and used within one virtual loop. `queued`: Kueue admits the child Jobs."""

    def __init__(self, seed: int, replicas: int = 2, *, queued: bool = False) -> None:
        self.random = random.Random(seed)
        for module in (informer, namespaces):
            module._random.seed(seed)
        self.time = virtual_time.of_the_running_loop()
        keep_tasks(asyncio.get_running_loop())
        self.server = ApiServer(self.time)
        self.controller = JobController(self.server)
        self.nodes = Nodes(self.server)
        self.kueue = Kueue(self.server)
        self.promises = Promises(self.server, self.nodes, SLOTS)
        self.network = Network(self.server, random.Random(seed + 1))
        self.network.requested.append(self.promises.requested)
        self.chronicle = Chronicle(self.time)
        self.network.answered.append(self.chronicle.requested)
        self.server.objects.changed.append(self.chronicle.changed)
        self.people = People(self.server, self.promises, JOBS)
        if queued:
            self.people.profile = PROFILE_SPEC | {"queueNames": ["gpus"]}
        self.people.set_profile(self.people.profile)
        self.replicas = [
            Replica(f"replica-{number}", self.network, self.time, **_SETTINGS) for number in range(replicas)
        ]

    async def begin(self) -> None:
        for replica in self.replicas:
            replica.run()
        await self.time.advance(1.0)

    async def end(self) -> None:
        """The loop is to be left with nothing that runs."""
        for replica in self.replicas:
            await replica.kill()

    def jobs(self) -> list[Document]:
        return self.server.objects.all(JOB_PLURAL)

    def job(self, key: JobKey) -> Document | None:
        return self.server.objects.get(Place(JOB_PLURAL, *key))

    def moves(self) -> list[Any]:
        """What the controllers and nodes will do sooner or later."""
        collecting = [lambda move=move: self.server.garbage.do(move) for move in self.server.garbage.moves()]
        return [*self.controller.moves(), *self.nodes.moves(), *self.kueue.moves(), *collecting]

    async def hold_still(self) -> None:
        """Nothing disturbs any more: every job ends, and nothing is left of those that are gone or cancelled.

        Raises BrokenPromiseError.
        """
        self.network.trouble, self.server.quota = 0.0, ""
        self.network.cut.clear()
        self.server.rejected.clear()
        self.nodes.come_back()
        self.people.clean_up()
        self.people.set_profile(self.people.profile)
        for key in JOBS:
            self.people.edit(
                key, suspend=False, activeDeadlineSeconds=None, cancellation=None, pauseAfter=None, endAfter=None,
                softDeadlineSeconds=None, retention=None,
            )  # fmt: skip
        self.chronicle.note("nothing disturbs any more")
        await self._settle()
        for key in JOBS:  # those that had failed before; a changed spec gives them another chance
            job = self.job(key)
            if job is not None and not _is_cancelled(job) and _condition(job, "Succeeded") == "False":
                self.people.edit(key, training={"keepCheckpoints": 3})
        await self._settle()
        self._check_ends()
        await self._check_rest()

    async def _settle(self) -> None:
        deadline = self.time.clock.monotonic() + 60 * _MOST_MINUTES
        pause = 1.0
        while self.time.clock.monotonic() < deadline:
            for replica in self.replicas:
                if not replica.running:
                    replica.run()
            for key in JOBS:
                self.people.create(key)
            version = self._version()
            await self.time.advance(pause)
            for move in self.moves():
                move()
            await self.time.idle()
            self.promises.check()
            if all(self._has_ended(job) for job in self.jobs()) and not self.moves():
                return
            pause = 1.0 if self._version() > version else min(2 * pause, 60.0)
        left = [
            f"{each['metadata']['namespace']}/{each['metadata']['name']}"
            for each in self.jobs()
            if not self._has_ended(each)
        ]
        raise BrokenPromiseError(f"{left} do not end although nothing disturbs them")

    def _has_ended(self, job: Document) -> bool:
        """By its present spec; or it builds on a job that has failed, and can't begin."""
        status, metadata = job.get("status") or {}, job["metadata"]
        if status.get("observedGeneration") != metadata["generation"]:
            return False
        return "completionTime" in status or self._waits_in_vain(job)

    def _waits_in_vain(self, job: Document) -> bool:
        name = (job["spec"]["source"].get("jobRef") or {}).get("name", "")
        upstream = self.job(JobKey(job["metadata"]["namespace"], name))
        failed = upstream is not None and _condition(upstream, "Succeeded") == "False" and self._has_ended(upstream)
        return failed and _condition(job, "Accepted") == "False"

    def _version(self) -> int:
        """Of the last change; renewals of the Lease are none."""
        changes = self.server.objects.changes
        return next((each.version for each in reversed(changes) if each.place.kind != "leases"), 0)

    def _check_ends(self) -> None:
        objects = self.server.objects
        for job in self.jobs():
            metadata = job["metadata"]
            if not _is_cancelled(job):
                if not self._waits_in_vain(job) and _condition(job, "Succeeded") != "True":
                    raise BrokenPromiseError(f"{metadata['name']} did not succeed: {job['status'].get('failure')}")
                continue
            left = [
                place.name for kind in ("pods", "persistentvolumeclaims", "jobs") for place in objects.places(kind)
                if objects.get(place)["metadata"]["labels"]["reconstruction.dev/job-uid"] == metadata["uid"]  # type: ignore[index]
                and (kind != "jobs" or not objects.get(place).get("status", {}).get("conditions"))  # type: ignore[union-attr]
            ]  # fmt: skip
            left = [each for each in left if "-workspace" in each]
            if left:
                raise BrokenPromiseError(f"a cancelled job left {left}")
        uids = {each["metadata"]["uid"] for each in self.jobs()}
        for kind in ("jobs", "pods", "persistentvolumeclaims", "controllerrevisions"):
            for each in objects.all(kind):
                if each["metadata"]["labels"]["reconstruction.dev/job-uid"] not in uids | self.people.orphaned:
                    raise BrokenPromiseError(f"{each['metadata']['name']} was left of a job that is gone")

    async def _check_rest(self) -> None:
        """Whoever has nothing to do writes nothing."""
        if any(self._waits_in_vain(job) for job in self.jobs()):
            await self.time.advance(400.0)  # after five minutes it is told that this does not pass by itself
        before = [each.version for each in self.server.objects.changes if each.place.kind != "leases"]
        await self.time.advance(60.0)
        after = [each.version for each in self.server.objects.changes if each.place.kind != "leases"]
        if before != after:
            raise BrokenPromiseError("something is written although all jobs have ended")


def _condition(job: Document, kind: str) -> str:
    conditions = (job.get("status") or {}).get("conditions", [])
    return next((each["status"] for each in conditions if each["type"] == kind), "")


def _is_cancelled(job: Document) -> bool:
    return ((job.get("status") or {}).get("cancellation") or {}).get("state") == "Confirmed"
