"""Leader election with a Lease of coordination.k8s.io, as client-go does it.

The client library's own election counts time by the wall clock, lets a hanging call outlast the Lease, and keeps the
Lease when its holder leaves. Here every call has a deadline, time is monotonic, and a holder that leaves gives it up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp

from reconstruction_api.names import GROUP

from . import paths
from .kube import ApiError, Document, Kube

_log = logging.getLogger(__name__)

_ADDRESS = f"{GROUP}/leader-address"
_RELEASE_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """`renew_deadline_seconds` must be shorter than `duration_seconds`: an old leader stops before a new one starts."""

    namespace: str
    name: str
    identity: str
    address: str
    """Base address of this replica's HTTP side, for the others; may be empty."""
    duration_seconds: float
    renew_deadline_seconds: float
    retry_seconds: float


class Lease:
    """One candidate's view of the Lease."""

    def __init__(self, kube: Kube, settings: LeaseSettings, clock: Callable[[], float] = time.monotonic):
        self._kube = kube
        self._settings = settings
        self._clock = clock
        self._seen: tuple[object, object] | None = None
        self._seen_at = 0.0
        self.held = False
        self.leader_address = ""
        """Where the replica that leads can be reached; empty while none is known to."""

    async def acquire(self) -> None:
        """Returns when the Lease is held."""
        while not self.held:
            self.held = await self._try()
            await asyncio.sleep(0 if self.held else self._settings.retry_seconds)
        _log.info("this replica leads", extra={"identity": self._settings.identity})

    async def keep(self) -> None:
        """Renews the Lease; returns only when it is lost, never later than its renew deadline."""
        renewed = self._clock()
        while (left := renewed + self._settings.renew_deadline_seconds - self._clock()) > 0:
            started = self._clock()
            try:
                async with asyncio.timeout(left):
                    if await self._try():
                        renewed = started
                    await asyncio.sleep(self._settings.retry_seconds)
            except TimeoutError:
                break
        self.held = False
        _log.error("the lease is lost", extra={"identity": self._settings.identity})

    async def release(self) -> None:
        """Lets another replica lead at once. Does nothing without the Lease, which nothing may renew any more."""
        if not self.held:
            return
        self.held = False
        for left in reversed(range(_RELEASE_ATTEMPTS)):
            try:
                return await self._give_up()
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                # A renewal that was broken off may still reach the server, between our two calls.
                if not left or not (isinstance(error, ApiError) and error.conflict):
                    return _log.warning("the lease could not be released: %s", error)

    async def _give_up(self) -> None:
        lease = await self._kube.get(self._path)
        if lease["spec"].get("holderIdentity") == self._settings.identity:
            lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()}
            await self._kube.request("PUT", self._path, body=lease, seconds=self._settings.retry_seconds)

    @property
    def _path(self) -> str:
        return f"{paths.leases(self._settings.namespace)}/{self._settings.name}"

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(self._settings.renew_deadline_seconds / 2):
                return await self._take_or_renew()
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            _log.warning("the lease could not be taken or renewed: %s", error)
            return False

    async def _take_or_renew(self) -> bool:
        try:
            lease = await self._kube.get(self._path)
        except ApiError as error:
            if not error.not_found:
                raise
            await self._kube.create(paths.leases(self._settings.namespace), self._document())
            return True
        spec, marks = lease.setdefault("spec", {}), lease["metadata"].setdefault("annotations", {})
        holder = spec.get("holderIdentity") or ""
        self.leader_address = marks.get(_ADDRESS, "") if holder else ""
        if holder != self._settings.identity and holder and not self._has_expired(spec):
            return False
        if holder != self._settings.identity:
            spec["leaseTransitions"] = int(spec.get("leaseTransitions") or 0) + 1
            spec["acquireTime"] = _now()
        marks[_ADDRESS] = self._settings.address
        spec["holderIdentity"] = self._settings.identity
        spec["leaseDurationSeconds"] = max(1, round(self._settings.duration_seconds))
        spec["renewTime"] = _now()
        await self._kube.request("PUT", self._path, body=lease)  # a conflict means that another one was faster
        return True

    def _has_expired(self, spec: Document) -> bool:
        """By our own clock: the other's renewals must have been absent for as long as it asked for."""
        version = (spec.get("holderIdentity"), spec.get("renewTime"))
        if version != self._seen:
            self._seen, self._seen_at = version, self._clock()
        duration = float(spec.get("leaseDurationSeconds") or self._settings.duration_seconds)
        return self._clock() >= self._seen_at + duration

    def _document(self) -> Document:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self._settings.name,
                "namespace": self._settings.namespace,
                "annotations": {_ADDRESS: self._settings.address},
            },
            "spec": {
                "holderIdentity": self._settings.identity,
                "leaseDurationSeconds": max(1, round(self._settings.duration_seconds)),
                "acquireTime": _now(),
                "renewTime": _now(),
                "leaseTransitions": 0,
            },
        }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
