"""What is observed after the real `act` has carried a plan out on an API server of its own."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconstruction_api.names import JOB_PLURAL, LABEL_JOB
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_operator import parse
from reconstruction_operator.act import Actor, Outdated, Refused
from reconstruction_operator.actions import Plan
from reconstruction_operator.clock import Clock
from reconstruction_operator.kube import Document, Kube
from reconstruction_operator.manifests.child_names import is_removal
from reconstruction_operator.model import Claim, JobView, Observed
from reconstruction_operator.store import Store

from .api_server.objects import Place, copied
from .api_server.server import ApiServer
from .samples import NOW

CLAIMS = "persistentvolumeclaims"


class _Noon:
    """A time that does not pass."""

    def now(self) -> datetime:
        return NOW


class _Direct(Kube):
    """Each request is answered at once."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server

    async def request(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Document | None = None, **_: Any
    ) -> Document:
        return copied(self._server.handle(method, path, query or {}, body))


class _Deaf:
    """Takes Events and notifications."""

    def record(self, *_: Any) -> None:
        pass

    def send(self, *_: Any) -> None:
        pass


def carried_out(before: Observed, plan: Plan) -> Observed:
    """The volume of a new claim is bound by then."""
    server, store = ApiServer(_Noon()), Store()
    job = server.objects.create(Place(JOB_PLURAL, *before.job.key), {"metadata": {}, "spec": {}}, before.job.uid)
    if before.claim is not None:
        place = Place(CLAIMS, before.job.key.namespace, before.claim.name)
        store.observe_claim(server.objects.create(place, _document(before.claim), before.claim.uid))
    deaf: Any = _Deaf()
    actor = Actor(_Direct(server), store, deaf, deaf, clock=Clock(now=lambda: NOW))
    with suppress(Outdated, Refused):
        at_once(actor.act(replace(before.job, resource_version=job["metadata"]["resourceVersion"]), plan))
    after = replace(before, job=_job(server, before.job, plan))
    created = [parse.child_job(each) for each in server.objects.all("jobs")]
    children = tuple(replace(each, uid=f"uid-of-{each.name}") for each in created)
    removing = tuple(each for each in children if is_removal(before.job.key.name, each.name))
    working = tuple(each for each in children if each not in removing)
    after = replace(after, child_jobs=(*after.child_jobs, *working), removal_jobs=(*after.removal_jobs, *removing))
    claims = [parse.claim(each) for each in server.objects.all(CLAIMS)]
    if before.claim is None and claims:
        after = replace(after, claim=replace(claims[0], uid="uid-of-claim", phase="Bound"))
    return after


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run what waits for nothing, with no event loop."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def _job(server: ApiServer, before: JobView, plan: Plan) -> JobView:
    """With the status that was written; the profile that it refers to may have been stored long before."""
    found = server.objects.get(Place(JOB_PLURAL, *before.key)) or {}
    if "status" not in found or plan.status is None:
        return before
    status = ReconstructionJobStatus.model_validate(found["status"])
    if status.profile_revision is not None:
        status.profile = plan.status.profile
    return replace(before, status=status)


def _document(claim: Claim) -> Document:
    owners = [{"uid": claim.parent_uid, "controller": True}] if claim.parent_uid else []
    going = {"deletionTimestamp": "2026-03-01T12:00:00Z"} if claim.deleting else {}
    metadata = {
        "labels": {LABEL_JOB: claim.job_name or claim.name.removesuffix("-workspace")},
        "ownerReferences": owners,
    }
    return {"metadata": metadata | going, "spec": {}, "status": {"phase": claim.phase}}
