"""Listings as a watch sends them: every object first, then a bookmark that says so (KEP-3157, streaming lists)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import orjson

Document = dict[str, Any]
Watch = Callable[[str, dict[str, str], float], AsyncIterator[bytes]]
"""As `Kube.watch`."""

_QUERY = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
_END = "k8s.io/initial-events-end"
_PART = 100


class BrokenOffError(TimeoutError):
    """The stream has ended before all objects were there."""


async def pages(watch: Watch, path: str, query: dict[str, str], quiet_seconds: float) -> AsyncIterator[Document]:
    """Parts of a listing, each with `items`; the last one also has the resourceVersion that all are of.

    Raises BrokenOffError, and whatever `watch` does.
    """
    items: list[Document] = []
    async with aclosing(watch(path, query | _QUERY, quiet_seconds)) as lines:  # type: ignore[type-var]
        async for line in lines:
            event = orjson.loads(line)
            document: Document = event["object"]
            if event["type"] == "ADDED":
                items.append(document)
            elif event["type"] == "BOOKMARK" and _END in (document["metadata"].get("annotations") or {}):
                yield {"items": items, "metadata": {"resourceVersion": document["metadata"]["resourceVersion"]}}
                return
            elif event["type"] == "ERROR":
                raise BrokenOffError(str(document.get("message", "")))
            if len(items) == _PART:
                yield {"items": items, "metadata": {"resourceVersion": ""}}
                items = []
    raise BrokenOffError("the listing broke off")
