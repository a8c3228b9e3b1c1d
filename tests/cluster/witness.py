"""Sees all that happens to child Jobs and pods of a namespace, and what of it must never be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconstruction_api.names import LABEL_JOB
from reconstruction_operator.informer import Informer, Kind
from reconstruction_operator.kube import Kube
from reconstruction_operator.model import JobKey

Document = dict[str, Any]


@dataclass
class Witness:
    """Sees every change of every child Job and pod, and remembers what must never be."""

    jobs: dict[str, Document] = field(default_factory=dict)
    pods: dict[str, Document] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)
    removed_by_chaos: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def observe_job(self, document: Document) -> JobKey | None:
        metadata = document["metadata"]
        if metadata["uid"] not in self.jobs:
            self.created[metadata["name"]] += 1
            if self.created[metadata["name"]] > 1 and metadata["name"] not in self.removed_by_chaos:
                self.broken.append(f"child Job {metadata['name']} was created twice")
        self.jobs[metadata["uid"]] = document
        return None

    def observe_pod(self, document: Document) -> JobKey | None:
        self.pods[document["metadata"]["uid"]] = document
        return None

    def check(self) -> None:
        """A Job may be about to notice that its pod has ended while the next one's begins; pods may not overlap."""
        active: dict[str, list[Document]] = {}
        for pod in self.pods.values():
            if _is_active(pod):
                active.setdefault(_parent(pod), []).append(pod)
        for parent, pods in active.items():
            if len(pods) > 1:
                self.broken.append(f"{parent} has {len(pods)} active pods: {'; '.join(map(_described, pods))}")


class Watch(Informer):
    """Reports one kind of child object of a namespace to the witness."""

    def __init__(self, kube: Kube, path: str, see: Callable[[Document], JobKey | None], known: dict[str, Document]):
        def forget(document: Document) -> JobKey | None:
            known.pop(document["metadata"]["uid"], None)
            return None

        kind = Kind(path, lambda document: document, see, forget, lambda: dict(known))
        super().__init__(kube, path, LABEL_JOB, kind, lambda *_: None)


class WatchOfPods(Watch):
    """A listing is looked at when it is complete, since it is one moment; every later change by itself."""

    def __init__(self, kube: Kube, namespace: str, witness: Witness):
        def see(document: Document) -> JobKey | None:
            witness.observe_pod(document)
            if not self.listing:
                witness.check()
            return None

        self.listing = False
        self.witness = witness
        super().__init__(kube, f"/api/v1/namespaces/{namespace}/pods", see, witness.pods)

    async def _list(self) -> None:
        self.listing = True
        await super()._list()
        self.listing = False
        self.witness.check()


def _parent(document: Document) -> str:
    return document["metadata"]["labels"][LABEL_JOB]


def _is_active(pod: Document) -> bool:
    return pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def _described(pod: Document) -> str:
    metadata, status = pod["metadata"], pod.get("status", {})
    states = {each["name"]: next(iter(each["state"]), "") for each in status.get("containerStatuses", [])}
    conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
    times = [metadata.get(each, "") for each in ("creationTimestamp", "deletionTimestamp")]
    node = pod["spec"].get("nodeName", "")
    return (
        f"{metadata['name']} {metadata['resourceVersion']} {times} {node} {status.get('phase')} {states} {conditions}"
    )
