"""Kubernetes Events, written behind the decisions: telling about a step never holds up the next one."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from datetime import UTC, datetime

import aiohttp

from reconstruction_api.names import API_VERSION, JOB_KIND
from reconstruction_api.text import one_line

from . import paths
from .actions import Emit
from .kube import ApiError, Document, Kube
from .manifests.metadata import MANAGER
from .model import JobView

_log = logging.getLogger(__name__)

_WRITERS = 2
_CAPACITY = 20_000
_NOTE_BYTES = 1024


class Recorder:
    """Events are a courtesy: one that can't be written is logged and dropped, and so is the oldest of far too many."""

    def __init__(self, kube: Kube, instance: str):
        self._kube = kube
        self._instance = instance
        self._waiting: deque[Document] = deque(maxlen=_CAPACITY)
        self._under_way = 0
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def record(self, job: JobView, emit: Emit) -> None:
        """Returns at once."""
        self._waiting.append(event(job, emit, self._instance, datetime.now(UTC)))
        self._idle.clear()
        self._wake.set()

    async def flush(self, seconds: float) -> None:
        """Before the process ends: returns when `run`, which must continue meanwhile, has written everything; at the
        latest after so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            _log.warning("events not written", extra={"count": len(self._waiting) + self._under_way})

    async def run(self) -> None:
        """Write until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_WRITERS):
                tasks.create_task(self._write())

    async def _write(self) -> None:
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            document = self._waiting.popleft()
            self._under_way += 1
            try:
                await self._kube.create(paths.events(document["metadata"]["namespace"]), document, brief=True)
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("event not written: %s", error)
            finally:
                self._under_way -= 1
                if not self._waiting and not self._under_way:
                    self._idle.set()


def event(job: JobView, emit: Emit, instance: str, now: datetime) -> Document:
    """An events.k8s.io/v1 Event about the job."""
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{job.key.name}.{secrets.token_hex(8)}", "namespace": job.key.namespace},
        "eventTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": f"reconstruction.dev/{MANAGER}",
        "reportingInstance": instance[:128],
        "action": "Reconcile",
        "reason": one_line(emit.reason, 128),
        "note": _note(emit.message),
        "type": "Warning" if emit.warning else "Normal",
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": JOB_KIND,
            "namespace": job.key.namespace,
            "name": job.key.name,
            "uid": job.uid,
        },
    }


def _note(message: str) -> str:
    """The API server counts bytes."""
    text = one_line(message, _NOTE_BYTES)
    while len(text.encode()) > _NOTE_BYTES:
        text = one_line(text, len(text) * 9 // 10)
    return text
