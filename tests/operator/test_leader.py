"""Leader election against an API server of a few lines, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from reconstruction_operator.kube import ApiError
from reconstruction_operator.leader import Lease, LeaseSettings

from .api_server.virtual_time import event_loop_policy  # noqa: F401 - their time is the loop's


@dataclass
class Server:
    """Keeps one Lease, with resource versions as the real one."""

    lease: dict[str, Any] | None = None
    version: int = 0
    away: bool = False
    hangs: bool = False
    late: list[dict[str, Any]] = field(default_factory=list)
    """Writes that nobody waits for any more; they arrive just before the next one."""
    writes: list[str] = field(default_factory=list)

    async def get(self, _: str) -> dict[str, Any]:
        await self._answer()
        if self.lease is None:
            raise ApiError(404, "NotFound", "")
        return copy.deepcopy(self.lease)

    async def create(self, _: str, manifest: dict[str, Any]) -> dict[str, Any]:
        await self._answer()
        if self.lease is not None:
            raise ApiError(409, "AlreadyExists", "")
        return self._store(manifest)

    async def request(self, method: str, _: str, *, body: dict[str, Any], **__: Any) -> dict[str, Any]:
        await self._answer()
        assert method == "PUT" and self.lease is not None
        while self.late:
            self._store(self.late.pop())
        if body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise ApiError(409, "Conflict", "")
        return self._store(body)

    async def _answer(self) -> None:
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.away:
            raise aiohttp.ClientConnectionError("no route")

    def _store(self, document: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        self.lease = copy.deepcopy(document)
        self.lease["metadata"]["resourceVersion"] = str(self.version)
        self.writes.append(document["spec"]["holderIdentity"])
        return self.lease

    @property
    def holder(self) -> str:
        return self.lease["spec"]["holderIdentity"] if self.lease else ""


def candidate(server: Server, name: str, clock: list[float], **changes: float) -> Lease:
    times = {"duration_seconds": 15.0, "renew_deadline_seconds": 10.0, "retry_seconds": 0.01} | changes
    return Lease(server, LeaseSettings("system", "operator", name, f"http://{name}", **times), lambda: clock[0])  # type: ignore[arg-type]


async def takes(lease: Lease, seconds: float = 10) -> bool:
    """Whether the candidate gets the Lease."""
    try:
        async with asyncio.timeout(seconds):
            await lease.acquire()
    except TimeoutError:
        return False
    return True


async def test_the_first_candidate_leads_and_the_second_waits() -> None:
    server, clock = Server(), [0.0]
    assert await takes(candidate(server, "a", clock))
    assert not await takes(candidate(server, "b", clock), seconds=0.1)
    assert server.holder == "a"


async def test_a_lease_that_is_no_longer_renewed_is_taken_over_after_its_duration() -> None:
    server, clock = Server(), [0.0]
    await takes(candidate(server, "a", clock))
    other = candidate(server, "b", clock)
    assert not await takes(other, seconds=0.1)
    clock[0] = 14.9
    assert not await takes(other, seconds=0.1)
    clock[0] = 15.1
    assert await takes(other)
    assert server.lease is not None and server.lease["spec"]["leaseTransitions"] == 1


async def test_renewals_keep_the_lease_whatever_the_clocks_say() -> None:
    """The other's clock is not looked at: what counts is that its renewals are seen to continue."""
    server, clock = Server(), [0.0]
    other = candidate(server, "b", clock)
    for moment in range(0, 60, 10):
        clock[0] = float(moment)
        await takes(candidate(server, "a", clock))  # its own lease again
        assert not await takes(other, seconds=0.1)


async def test_the_others_know_where_the_leader_is() -> None:
    server, clock = Server(), [0.0]
    await takes(candidate(server, "a", clock))
    other = candidate(server, "b", clock)
    await takes(other, seconds=0.1)
    assert other.leader_address == "http://a"


async def test_a_released_lease_is_taken_at_once() -> None:
    server, clock = Server(), [0.0]
    leader = candidate(server, "a", clock)
    await takes(leader)
    await leader.release()
    assert await takes(candidate(server, "b", clock))


async def test_a_lease_is_released_although_a_renewal_that_was_broken_off_still_arrives() -> None:
    server, clock = Server(), [0.0]
    first, second = candidate(server, "a", clock), candidate(server, "b", clock)
    await first.acquire()
    assert server.lease is not None
    server.late.append(copy.deepcopy(server.lease))
    await first.release()
    assert server.holder == ""
    assert await takes(second)


async def test_releasing_a_lease_that_another_one_took_does_no_harm() -> None:
    server, clock = Server(), [0.0]
    leader = candidate(server, "a", clock)
    await takes(leader)
    assert server.lease is not None
    server.lease["spec"]["holderIdentity"] = "b"
    await leader.release()
    assert server.holder == "b"


async def test_a_leader_that_can_not_renew_stops_before_its_lease_ends() -> None:
    now = asyncio.get_running_loop().time
    for trouble in ("away", "hangs"):
        server = Server()
        lease = Lease(server, LeaseSettings("system", "operator", "a", "", 15.0, 0.2, 0.01), now)  # type: ignore[arg-type]
        await takes(lease)
        setattr(server, trouble, True)
        async with asyncio.timeout(2):
            await lease.keep()
        assert not lease.held


async def test_two_that_try_at_the_same_time_do_not_both_lead() -> None:
    for _ in range(5):
        server, clock = Server(), [0.0]
        both = [candidate(server, name, clock) for name in "ab"]
        assert sorted(await asyncio.gather(*(takes(each, seconds=0.5) for each in both))) == [False, True]
