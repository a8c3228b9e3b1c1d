"""Follows the custom resources as kopf does: after every interruption it lists again, and does not tell of objects that
went away meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import aiohttp
import orjson

from reconstruction_operator.custom_resources import Handlers
from reconstruction_operator.kube import ApiError, Kube
from reconstruction_operator.paths import API

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 90.0


class Following:
    """In the whole cluster."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube

    async def follow(self, handlers: Mapping[str, Handlers], ready: asyncio.Event, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as tasks:
            following = [tasks.create_task(self._follow(f"{API}/{kind}", each)) for kind, each in handlers.items()]
            ready.set()
            await stop.wait()
            for task in following:
                task.cancel()

    async def watch(self, namespace: str, wanted: bool) -> None:
        raise AssertionError("not asked for where the whole cluster is followed")

    async def _follow(self, path: str, handlers: Handlers) -> None:
        while True:
            try:
                version = ""
                async for page in self._kube.pages(path):
                    version = page["metadata"]["resourceVersion"]
                    for item in page["items"]:
                        handlers.see(item)
                query = {"resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
                async for line in self._kube.watch(path, query, _QUIET_SECONDS):
                    _heed(orjson.loads(line), handlers)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.debug("interrupted: %s", error)
            await asyncio.sleep(_PAUSE_SECONDS)


def _heed(event: dict, handlers: Handlers) -> None:  # type: ignore[type-arg]
    kind, document = event["type"], event["object"]
    if kind == "ERROR":
        raise ApiError(document["code"], document["reason"], document["message"])
    if kind == "DELETED":
        handlers.forget(document)
    elif kind != "BOOKMARK":
        handlers.see(document)
