"""Which of the namespaces that the operator is to serve it can serve now.

One that is gone, or whose objects the operator may not list, is left out and asked about again and again; the others
are served without it. With the whole cluster to serve there is nothing to leave out.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Iterable

import aiohttp

from reconstruction_api.names import JOB_PLURAL, PROFILE_PLURAL

from . import paths
from .kube import ApiError, Kube

_log = logging.getLogger(__name__)

EVERYWHERE = ""
"""Stands for the whole cluster where no namespaces are named."""
_LOOK_AGAIN_SECONDS = 30.0
_BACKOFF_SECONDS = (1.0, 15.0)
_ENDING_SECONDS = 2.0
_OWN_KINDS = (JOB_PLURAL, PROFILE_PLURAL)
_REFUSALS = (403, 404)
_random = random.Random()


class Namespaces:
    """`listed` are addresses with `{namespace}` of the further listings that a namespace is served by."""

    def __init__(self, kube: Kube, names: Iterable[str], listed: tuple[str, ...] = ()):
        self.names: tuple[str, ...] = tuple(dict.fromkeys(names))
        self._kube = kube
        self._own = tuple(f"{paths.API}/namespaces/{{namespace}}/{kind}" for kind in _OWN_KINDS)
        self._listed = listed
        self._problems: dict[str, str | None] = dict.fromkeys(self.names)
        """Why a namespace is not served, empty for one that is; None until that is known."""
        self._gone: set[str] = set()
        self._ending: set[str] = set()
        self._suspected: dict[str, asyncio.Event] = {name: asyncio.Event() for name in self.names}
        self._changed = asyncio.Condition()

    def unserved(self) -> dict[str, str]:
        """The namespaces that are left out, each with the reason."""
        return {name: problem for name, problem in self._problems.items() if problem}

    def is_gone(self, name: str) -> bool:
        """Whether there is certainly no such namespace: then its objects are gone as well."""
        return name in self._gone

    def suspect(self, name: str, error: Exception) -> bool:
        """A call about objects of the namespace was refused: whether that may be a reason to leave it out, which is
        looked into at once."""
        if name not in self._suspected or not isinstance(error, ApiError) or error.status not in _REFUSALS:
            return False
        self._suspected[name].set()
        return True

    async def until(self, name: str, *, served: bool) -> None:
        """Returns when the namespace can be served, or when it can't."""
        if name == EVERYWHERE:
            return await _until(served)
        async with self._changed:
            await self._changed.wait_for(
                lambda: (problem := self._problems[name]) is not None and (problem == "") is served
            )

    async def run(self) -> None:
        """Look after all until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for name in self.names:
                tasks.create_task(self._look_after(name))

    async def _look_after(self, name: str) -> None:
        pause = _BACKOFF_SECONDS[0]
        thoroughly = True
        while True:
            self._suspected[name].clear()
            try:
                await self._record(name, *await self._look(name, thoroughly))
                known = True
            except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
                _log.warning("namespace %s could not be looked at: %s", name, error, extra={"namespace": name})
                known = False
            served = known and self._problems[name] == ""
            pause = _BACKOFF_SECONDS[0] if served else min(2 * pause, _BACKOFF_SECONDS[1])
            often = _ENDING_SECONDS if name in self._ending else _LOOK_AGAIN_SECONDS
            wait = (often if served else pause) * (0.75 + 0.5 * _random.random())
            thoroughly = await self._is_suspected(name, wait) or not served
            if thoroughly and served:
                # What was refused may have been refused for another reason: not to be asked about without a pause.
                await asyncio.sleep(_BACKOFF_SECONDS[0])

    async def _is_suspected(self, name: str, seconds: float) -> bool:
        """Whether a call is refused meanwhile. One that is left out is not looked at sooner for that."""
        if self._problems[name]:
            await asyncio.sleep(seconds)
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._suspected[name].wait()
            return True
        except TimeoutError:
            return False

    async def _look(self, name: str, thoroughly: bool) -> tuple[str, bool]:
        """What is wrong with the namespace, and whether it is gone. Raises what says nothing about the namespace."""
        self._ending.discard(name)
        try:
            if "deletionTimestamp" in (await self._kube.get(paths.namespace(name)))["metadata"]:
                self._ending.add(name)
        except ApiError as error:
            if error.not_found:
                return "there is no such namespace", True
            if error.status != 403:  # without the right to ask, the listings decide
                raise
        for path in (*self._own, *self._listed) if thoroughly else self._own:
            try:
                await self._kube.request("GET", path.format(namespace=name), query={"limit": "1"})
            except ApiError as error:
                if error.status == 403:
                    return error.message or str(error), False
                raise
        return "", False

    async def _record(self, name: str, problem: str, gone: bool) -> None:
        before = self._problems[name]
        async with self._changed:
            self._problems[name] = problem
            self._gone = self._gone | {name} if gone else self._gone - {name}
            self._changed.notify_all()
        if problem and not before:
            _log.warning("namespace %s can't be served: %s", name, problem, extra={"namespace": name})
        elif before and not problem:
            _log.info("namespace %s can be served again", name, extra={"namespace": name})


async def _until(now: bool) -> None:
    if not now:
        await asyncio.Event().wait()
