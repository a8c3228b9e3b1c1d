"""At the start, unfinished jobs come first.

Ten thousand that have ended, with what they have left behind, take many seconds to list. The unfinished are few, and
the API server can select them; everything of theirs is asked for by itself, and decisions about them begin while the
rest is still being listed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import aiohttp

from reconstruction_api.names import FIELD_COMPLETION_TIME, JOB_PLURAL, LABEL_JOB

from .informer import Kind
from .kube import ApiError, Kube
from .paths import API, listing

_log = logging.getLogger(__name__)

Document = dict[str, Any]

_MOST_JOBS = 1000
"""With more of them, listing everything takes little longer."""
_JOBS_A_LISTING = 100
"""Their names are part of the request's address."""
_SECONDS = 15.0
"""Then the ordinary start has to do."""


async def jobs_that_go_on(kube: Kube, namespaces: Iterable[str], kinds: list[tuple[Kind, str]]) -> list[Document]:
    """The jobs that have not ended, in all these namespaces; what is theirs is remembered when this returns. `kinds` of
    child objects come with the addresses of their APIs.

    None at all where the API server can't select them (before Kubernetes 1.31), where they are too many, or where
    anything fails: who holds the slots that are limited is known only when all of them are.
    """
    try:
        async with asyncio.timeout(_SECONDS):
            found: list[Document] = []
            for namespace in namespaces:
                jobs = await _unfinished(kube, namespace, _MOST_JOBS - len(found))
                if jobs is None:
                    return []
                await _remember_children(kube, namespace, jobs, kinds)
                found += jobs
            return found
    except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
        _log.info("unfinished jobs don't come first: %s", error)
        return []


async def _unfinished(kube: Kube, namespace: str, most: int) -> list[Document] | None:
    """None where there are more."""
    found: list[Document] = []
    async for page in kube.pages(listing(API, JOB_PLURAL, namespace), fields=f"{FIELD_COMPLETION_TIME}="):
        found += page.get("items", [])
        if len(found) > most:
            return None
    return found


async def _remember_children(kube: Kube, namespace: str, jobs: list[Document], kinds: list[tuple[Kind, str]]) -> None:
    """Those of other jobs of the same names, in other namespaces, come along."""
    names = sorted({job["metadata"]["name"] for job in jobs})
    for first in range(0, len(names), _JOBS_A_LISTING):
        selector = f"{LABEL_JOB} in ({','.join(names[first : first + _JOBS_A_LISTING])})"
        places = [(kind, listing(api, kind.plural, namespace)) for kind, api in kinds]
        await asyncio.gather(*(_remember(kube, kind, path, selector) for kind, path in places))


async def _remember(kube: Kube, kind: Kind, path: str, selector: str) -> None:
    async for page in kube.pages(path, selector):
        for item in page.get("items", []):
            kind.upsert(kind.parse(item))
