"""Finds out why child objects make no progress: the cluster says so in Events, Kueue in its Workloads.

These are not watched: they are many, and almost none matters. When a decision asks, the latest Event about the
object is read; all that is asked within a namespace is answered by one listing a kind, and the next one waits a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import aiohttp

from . import paths
from .actions import Inquiry
from .causes import Cause
from .clock import SYSTEM, Clock
from .kube import ApiError, Kube
from .model import JobKey
from .store import Store

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 10.0
_MOST_EVENTS = 2000
_UNTELLING = (
    *("WaitForFirstConsumer", "WaitForPodScheduled", "SuccessfulCreate", "Scheduled"),
    *("Pulling", "Pulled", "Created", "Started"),
)

_TOPOLOGY_LABELS = (("/zone", "zone"), ("/region", "region"), ("/hostname", "node"), ("/node", "node"))
"""Ends of the labels by which volumes are restricted: Kubernetes' own, and those of storage drivers."""
_VAGUE = "Unable to attach or mount volumes"
"""The kubelet's summary every two minutes; what is wrong with a volume is in an Event of its own."""

_KUEUE_VERSIONS = ("v1beta2", "v1beta1")
"""Kueue 0.15 brought the first; the fields that matter are the same in both."""

Document = dict[str, Any]


class Inquiries:
    """Questions by namespace; answers go to the store, and a job whose answer is new is looked at again."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        enqueue: Callable[[JobKey, Cause], None],
        pause: float = _PAUSE_SECONDS,
        clock: Clock = SYSTEM,
    ):
        self._clock = clock
        self._kube = kube
        self._store = store
        self._enqueue = enqueue
        self._pause = pause
        self._asked: dict[str, dict[Inquiry, JobKey]] = {}
        self._answered: dict[str, float] = {}
        self._wake = asyncio.Event()

    def ask(self, key: JobKey, inquiries: Iterable[Inquiry]) -> None:
        """Returns at once."""
        for inquiry in inquiries:
            self._asked.setdefault(key.namespace, {})[inquiry] = key
            self._wake.set()

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            now = self._clock.monotonic()
            for namespace in [each for each in self._asked if self._due(each) <= now]:
                self._answered[namespace] = now
                await self._answer(namespace, self._asked.pop(namespace))
            if self._asked:
                await asyncio.sleep(max(0.05, min(map(self._due, self._asked)) - self._clock.monotonic()))
                self._wake.set()

    def _due(self, namespace: str) -> float:
        return self._answered.get(namespace, float("-inf")) + self._pause

    async def _answer(self, namespace: str, asked: dict[Inquiry, JobKey]) -> None:
        for kind in sorted({inquiry.kind for inquiry in asked}):
            try:
                said = await self._said(namespace, kind, [each.uid for each in asked if each.kind == kind])
            except (ApiError, aiohttp.ClientError, TimeoutError) as error:
                _log.warning("could not read why objects make no progress: %s", error, extra={"namespace": namespace})
                continue
            for inquiry, key in asked.items():
                answer = said.get(inquiry.uid) or said.get("", "")
                if inquiry.kind == kind and self._store.explain(key, inquiry.uid, answer):
                    self._enqueue(key, Cause.OBSERVED)

    async def _said(self, namespace: str, kind: str, uids: list[str]) -> dict[str, str]:
        if kind == "Workload":
            return await self._workloads(namespace)
        if kind == "PersistentVolume":
            return {name: location_of(await self._kube.get(paths.volume(name))) for name in uids}
        return await self._latest(namespace, kind)

    async def _latest(self, namespace: str, kind: str) -> dict[str, str]:
        """The last telling message about each object of a kind, by its uid."""
        latest: dict[str, tuple[bool, str, str]] = {}
        count = 0
        async for event in self._kube.list(paths.core_events(namespace), fields=f"involvedObject.kind={kind}"):
            count += 1
            uid, message = event["involvedObject"].get("uid", ""), event.get("message") or ""
            telling = not message.startswith(_VAGUE)
            if event.get("reason") not in _UNTELLING and (telling, _time(event)) >= latest.get(uid, (False, ""))[:2]:
                latest[uid] = (telling, _time(event), message)
            if count >= _MOST_EVENTS:
                break
        return {uid: message for uid, (_, _, message) in latest.items()}

    async def _workloads(self, namespace: str) -> dict[str, str]:
        """What keeps the Workloads of Jobs from being admitted, by the uid of the Job; "" stands for all of them."""
        for version in _KUEUE_VERSIONS:
            try:
                items = [item async for item in self._kube.list(paths.workloads(version, namespace))]
            except ApiError as error:
                if error.not_found:
                    continue
                raise
            return {uid: words for item in items if (words := _held_back_by(item)) for uid in _owners(item)}
        return {"": "there is no Kueue in this cluster"}


def location_of(volume: Document) -> str:
    """Where a PersistentVolume can be used, for people: `zone a`, `node worker-1`; empty where it is not restricted."""
    required = ((volume.get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}
    locations: list[str] = []
    for term in required.get("nodeSelectorTerms") or []:
        for expression in term.get("matchExpressions") or []:
            name, values = expression.get("key", ""), expression.get("values") or []
            noun = next((noun for end, noun in _TOPOLOGY_LABELS if name.endswith(end)), None)
            if noun is not None and expression.get("operator") == "In" and values:
                locations.append(f"{noun} {' or '.join(values)}")
    return ", ".join(dict.fromkeys(locations))


def _owners(item: Document) -> list[str]:
    return [owner["uid"] for owner in item["metadata"].get("ownerReferences") or []]


def _held_back_by(workload: Document) -> str:
    """The message of the first condition that says why the Workload has no quota."""
    conditions = {each["type"]: each for each in (workload.get("status") or {}).get("conditions") or []}
    for kind, status in (("QuotaReserved", "False"), ("Evicted", "True"), ("Admitted", "False")):
        found = conditions.get(kind)
        if found is not None and found.get("status") == status and found.get("message"):
            return found["message"]
    return ""


def _time(event: Document) -> str:
    """RFC 3339 in UTC; of one form within a kind of event, so that text compares."""
    return event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp") or ""
