"""Fills a cluster with jobs that ended long ago: copies of one that really ran, with all that it left behind.

The copies are written into etcd, past the API server, as a restored backup would be: ten thousand jobs with their child
Jobs, pods and volumes are there in a minute instead of a quarter of an hour, and the operator sees no difference.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import aiohttp

from devcluster.cluster import Cluster
from harness.workbench import JobUnderTest, Workbench
from reconstruction_api.names import GROUP
from reconstruction_api.short_id import short_id
from reconstruction_operator.manifests.child_names import profile_revision_name

Document = dict[str, Any]
_WRITERS = 4
_VOLUMES, _KNOWN_SECONDS = b"/registry/persistentvolumes/", 5.0
"""Volumes come first: a claim whose volume is not known yet would count as lost, for good."""
_JOBS_A_TRANSACTION = 12
"""With their eight objects each they stay below etcd's 128 operations and 1.5 MB."""


@dataclass(frozen=True)
class Remains:
    """What a finished job consists of: itself, its child Jobs, the last one's pod, its claim with the volume, and its
    profile."""

    job: Document
    others: list[tuple[str, Document]]
    """Each with the API group and plural under which etcd keeps it."""

    @classmethod
    async def of(cls, job: JobUnderTest) -> Remains:
        document = await job.get()
        runs = document["status"]["runs"]
        children = [("jobs", each | _kind("batch/v1", "Job")) for each in await job.children()]
        pods = [
            ("pods", each | _kind("v1", "Pod"))
            for each in await job.children("/api/v1/.../pods")
            if each["metadata"]["ownerReferences"][0]["name"] == runs[-1]["jobName"]
        ]
        claims = [
            ("persistentvolumeclaims", each | _kind("v1", "PersistentVolumeClaim"))
            for each in await job.children("/api/v1/.../persistentvolumeclaims")
        ]
        volumes = [("persistentvolumes", await _volume(job.work, each["spec"]["volumeName"])) for _, each in claims]
        revisions = [
            ("controllerrevisions", each | _kind("apps/v1", "ControllerRevision"))
            for each in await job.children("/apis/apps/v1/.../controllerrevisions")
        ]
        assert len(revisions) == 1, "the template's profile is kept"
        assert len(children) == len(runs), "the template's child Jobs are all there"
        assert len(pods) == len(claims) == 1, "the template has its last pod and its claim"
        return cls(document, [*children, *pods, *claims, *volumes, *revisions])

    def template(self) -> Template:
        """The objects as etcd keeps them, and what differs in a copy."""
        objects = [(f"{GROUP}/reconstructionjobs", self.job), *self.others]
        pairs = [(_key(folder, each), json.dumps(_stored(each)).encode()) for folder, each in objects]
        uids = tuple(each["metadata"]["uid"] for _, each in objects)
        status = self.job.get("status", {})
        return Template(pairs, self.job["metadata"]["name"], uids, status.get("profileRevision"))


@dataclass(frozen=True)
class Template:
    """Keys and values of etcd. Names and uids are unmistakable, so that a copy is made by replacing text."""

    pairs: list[tuple[bytes, bytes]]
    name: str
    uids: tuple[str, ...]
    """The job's own first."""
    kept: Document | None
    """Where the job's profile is kept."""

    def copy_as(self, name: str) -> list[tuple[bytes, bytes]]:
        """The pairs of another job that ended in the same way, with what follows from its uid."""
        changes = [(uid, str(uuid.uuid5(uuid.UUID(uid), name))) for uid in self.uids]
        before, uid = changes[0]
        changes.append((short_id(before), short_id(uid)))
        if self.kept is not None:
            changes.append((self.kept["revision"], profile_revision_name(name, uid, self.kept["digest"])))
        changes.append((self.name, name))

        def changed(text: bytes) -> bytes:
            for old, new in changes:
                text = text.replace(old.encode(), new.encode())
            return text

        return [(changed(key), changed(value)) for key, value in self.pairs]


async def fill(cluster: Cluster, remains: Remains, count: int) -> float:
    """Write `count` copies; the seconds it took."""
    template, started = remains.template(), time.monotonic()
    async with aiohttp.ClientSession() as session:
        for volumes in (True, False):
            names = (f"old-{number:05}" for number in range(count))

            async def writer(volumes: bool = volumes, names: Iterator[str] = names) -> None:
                while some := list(islice(names, _JOBS_A_TRANSACTION)):
                    pairs = [pair for name in some for pair in template.copy_as(name)]
                    if wanted := [pair for pair in pairs if pair[0].startswith(_VOLUMES) == volumes]:
                        await _put(session, cluster, wanted)

            await asyncio.gather(*(writer() for _ in range(_WRITERS)))
            if volumes:
                await asyncio.sleep(_KNOWN_SECONDS)
    return time.monotonic() - started


async def _put(session: aiohttp.ClientSession, cluster: Cluster, pairs: list[tuple[bytes, bytes]]) -> None:
    """One transaction of etcd."""
    puts = [{"requestPut": {"key": _text(key), "value": _text(value)}} for key, value in pairs]
    async with session.post(f"{cluster.etcd_url}/v3/kv/txn", json={"success": puts}, raise_for_status=True) as answer:
        assert (await answer.json())["succeeded"], "etcd has taken the objects"


async def _volume(work: Workbench, name: str) -> Document:
    """It stays, whatever becomes of its claim: the copies' claims come later. It is released already, or the controller
    of volumes would say so of one after the other, 20 a second, and call the claims of all others lost meanwhile."""
    found = await work.kube.get(f"/api/v1/persistentvolumes/{name}")
    spec = found["spec"] | {"persistentVolumeReclaimPolicy": "Retain"}
    return found | {"spec": spec, "status": {"phase": "Released"}}


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _kind(version: str, kind: str) -> Document:
    """Objects of a list lack what a stored one has."""
    return {"apiVersion": version, "kind": kind}


def _key(folder: str, document: Document) -> bytes:
    namespace = document["metadata"].get("namespace")
    name = document["metadata"]["name"]
    return "/".join(["/registry", folder, *([namespace] if namespace else []), name]).encode()


def _stored(document: Document) -> Document:
    """As the API server would have written it: the version is etcd's to count."""
    metadata = {name: value for name, value in document["metadata"].items() if name != "resourceVersion"}
    return document | {"metadata": metadata}
