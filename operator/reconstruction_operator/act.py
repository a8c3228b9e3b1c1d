"""Carries out a plan. Every call is idempotent, so a plan may be carried out twice or only in part."""

from __future__ import annotations

import logging
from typing import Any

from reconstruction_api.names import API_VERSION, JOB_KIND, LABEL_JOB
from reconstruction_api.profile_revision import snapshot_in
from reconstruction_api.status import ReconstructionJobStatus

from . import paths
from .actions import (
    AdoptClaim,
    CreateJob,
    DeleteClaim,
    DeleteJob,
    DeletePod,
    DeleteSelf,
    Emit,
    EnsureClaim,
    ExpectAbsent,
    Notify,
    PinProfile,
    Plan,
)
from .autoscalers import latest_scale_up
from .clock import SYSTEM, Clock
from .event_recorder import Recorder
from .kube import STRATEGIC_MERGE_PATCH, ApiError, Document, Kube
from .manifests.metadata import MANAGER
from .model import JobView, StatusRefusal
from .notifier import Notifier
from .ownership import Ownership
from .parse import LABEL_CHILD_JOB
from .policies.reporting.unreadable import CODE
from .store import Store

_log = logging.getLogger(__name__)

_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 5.0, 300.0


class Outdated(Exception):  # noqa: N818 - not an error
    """The job has changed since it was observed; the change is on its way and brings a new decision."""


class Refused(Exception):  # noqa: N818 - not an error
    """The API server does not take a child object; the store remembers why, and the next decision says it."""


class StatusRefused(Exception):  # noqa: N818 - not an error
    """The API server does not take the status; the store remembers why, and the next decision makes a smaller one."""

    def __init__(self, refusal: StatusRefusal):
        super().__init__(refusal.message)
        self.look_again_seconds = min(_LONGEST_PAUSE_SECONDS, _PAUSE_SECONDS * (2.0 ** (refusal.count - 1) - 1))
        """At once after the first refusal; later ones are of the smallest status that there is."""


class Actor:
    """Writes to the API server, and remembers the answers so that the next decision sees them."""

    def __init__(
        self,
        kube: Kube,
        store: Store,
        recorder: Recorder,
        notifier: Notifier,
        ownership: Ownership | None = None,
        clock: Clock = SYSTEM,
    ):
        self._clock = clock
        self._ownership = ownership or Ownership()
        self._kube = kube
        self._store = store
        self._recorder = recorder
        self._notifier = notifier

    async def act(self, job: JobView, plan: Plan) -> None:
        """Status first: it is the record of what was decided, and its success proves that the view was current; so
        nothing is created or thrown away from an outdated view, not even by a leader that slept through the loss of its
        Lease.

        Raises Outdated when it was not, Refused when a child object may not be created, StatusRefused when the status
        can't be written (what is to stop has been stopped all the same), ApiError and connection errors otherwise.
        """
        for expected in plan.expects:
            await self._check_absence(job, expected)
        if plan.pins is not None:
            await self._pin(job, plan.pins)
        if (
            plan.status is not None
            or self._ownership.must_claim(job, plan)
            or any(isinstance(action, AdoptClaim | CreateJob | EnsureClaim | DeleteClaim) for action in plan.actions)
        ):
            try:
                await self._write_status(job, plan)
            except StatusRefused:
                await self._stop(job, plan)
                raise
        for action in plan.actions:
            if isinstance(action, DeleteJob):
                await self._delete_job(job, action)
            elif isinstance(action, DeletePod | DeleteClaim | DeleteSelf):
                await self._delete(job, action)
            elif isinstance(action, AdoptClaim):
                await self._adopt(job, action)
            elif isinstance(action, EnsureClaim):
                document = await self._ensure(job, paths.claims(job.key.namespace), action.manifest)
                self._store.observe_claim(document, asked_by=job.key)
                if not any(isinstance(each, CreateJob) for each in plan.actions):
                    self._store.overcome_refusal(job.key)
            elif isinstance(action, CreateJob):
                await self._create_job(job, action)
            elif isinstance(action, Notify):
                self._notifier.send(job, action)
            else:
                self._recorder.record(job, action)

    async def _stop(self, job: JobView, plan: Plan) -> None:
        """Hardware is not held by a job that can't say what it does. Each deletion is of one object that was looked
        at; files stay, because nothing proves that the view was current."""
        for action in plan.actions:
            if isinstance(action, DeleteJob):
                await self._delete_job(job, action)
            elif isinstance(action, DeletePod):
                await self._delete(job, action)

    async def _pin(self, job: JobView, pin: PinProfile) -> None:
        """Raises Refused where it can't be done: the next decision leaves the profile in the status."""
        path = paths.revisions(job.key.namespace)
        try:
            await self._kube.create(path, pin.manifest, brief=True)
            return
        except ApiError as error:
            if error.already_exists:
                there = await self._kube.get(f"{path}/{pin.manifest['metadata']['name']}")
                if snapshot_in(there, pin.digest) is not None and _is_owned(there, job):
                    return
            elif not (error.refused or error.content_refused):
                raise
            self._store.refuse_pinning(job.key, error.message)
            raise Refused(f"the profile stays in the status: {error.message}") from error

    async def _create_job(self, job: JobView, action: CreateJob) -> None:
        claim, suspended = self._store.claim(job.key), action.manifest["spec"].get("suspend", False)
        misplaced = claim.parent_uid != job.uid if claim is not None else not suspended
        if action.in_workspace and misplaced:
            raise Outdated("the workspace's claim belongs to another owner")
        answer = await self._ensure(job, paths.child_jobs(job.key.namespace), action.manifest)
        self._store.observe_child_job({"spec": {"suspend": suspended}} | answer)  # its own spec does not come back
        self._store.overcome_refusal(job.key)
        _log.info("created child job", extra=_about(job) | {"child": action.manifest["metadata"]["name"]})

    async def _check_absence(self, job: JobView, expected: ExpectAbsent) -> None:
        """Raises Outdated when the API server has what no watch has shown."""
        if expected.kind == "claim":
            try:
                found = await self._kube.get(f"{paths.claims(job.key.namespace)}/{expected.name}")
            except ApiError as error:
                if not error.not_found:
                    raise
                return
            self._store.observe_claim(found, asked_by=job.key)
            raise Outdated(f"the volume claim {expected.name} is there")
        if expected.kind == "scale-up":
            scale_up = await latest_scale_up(self._kube, job.key.namespace, expected.name)
            if scale_up is not None and self._store.observe_scale_up(job.key, expected.name, scale_up):
                raise Outdated("a node is being made for the pod")
            return
        label = LABEL_JOB if expected.kind == "pods" else LABEL_CHILD_JOB
        selector = f"{label}={expected.name}"
        news = [each async for each in self._kube.list(paths.pods(job.key.namespace), selector)]
        news = [each for each in news if self._store.observe_pod(each) is not None]
        if expected.kind == "pods":  # one whose creation was not answered may make its pod at any time
            jobs = [each async for each in self._kube.list(paths.child_jobs(job.key.namespace), selector)]
            news += [each for each in jobs if self._store.observe_child_job(each) is not None]
        if news:
            raise Outdated(f"pods or child Jobs of {expected.name} are there")

    async def _adopt(self, job: JobView, action: AdoptClaim) -> None:
        """Its watch shows the result. Another controller that was faster stays: the API server allows one only."""
        metadata = {"uid": action.uid, "labels": action.labels, "ownerReferences": [action.owner]}
        path = f"{paths.claims(job.key.namespace)}/{action.name}"
        try:
            await self._kube.request("PATCH", path, body={"metadata": metadata}, content_type=STRATEGIC_MERGE_PATCH)
        except ApiError as error:
            if not (error.not_found or error.conflict or error.status == 422):
                raise
            return _log.warning("not adopted: %s", error.message, extra=_about(job) | {"claim": action.name})
        _log.info("adopted volume claim", extra=_about(job) | {"claim": action.name})

    async def _write_status(self, job: JobView, plan: Plan) -> None:
        """Even a status without a difference is refused when the job is not what it was."""
        body = status_document(job, plan.status or job.status, self._ownership.installation)
        try:
            answer = await self._kube.request(
                "PUT", paths.job_status(job.key), body=body, query={"fieldManager": MANAGER}, brief=True
            )
        except ApiError as error:
            if error.conflict or error.not_found:
                raise Outdated(str(error)) from error
            if error.content_refused:
                raise StatusRefused(self._refused_status(job, str(error))) from error
            raise
        self._store.observe_written_status(answer, body["status"])

    def _refused_status(self, job: JobView, message: str) -> StatusRefusal:
        refusal = self._store.refuse_status(job, message)
        if refusal.count == 1:
            text = f"The cluster refuses the job's status, so the job is stopped: {refusal.message}"
            self._recorder.record(job, Emit(True, "InternalError", text))
        return refusal

    async def _ensure(self, job: JobView, path: str, manifest: Document) -> Document:
        try:
            return await self._kube.create(path, manifest, brief=True)
        except ApiError as error:
            if error.refused:
                self._store.refuse(job.key, error.message, self._clock.now())
                raise Refused(error.message) from error
            if not error.already_exists:
                raise
            return await self._kube.get(f"{path}/{manifest['metadata']['name']}")

    async def _delete_job(self, job: JobView, action: DeleteJob) -> None:
        """In the foreground: the Job object stays until its pods have stopped."""
        body = {"propagationPolicy": "Foreground", "preconditions": {"uid": action.uid}}
        path = f"{paths.child_jobs(job.key.namespace)}/{action.name}"
        try:
            answer = await self._kube.request("DELETE", path, body=body)
            if answer.get("kind") == "Job":
                self._store.observe_child_job(answer)
        except ApiError as error:
            if not (error.not_found or error.conflict):
                raise
        _log.info("deleted child job", extra=_about(job) | {"child": action.name, "why": action.reason})

    async def _delete(self, job: JobView, action: DeletePod | DeleteClaim | DeleteSelf) -> None:
        """Only the object that was looked at; one that is gone already is as wanted."""
        preconditions = {"uid": action.uid}
        body: Document = {"preconditions": preconditions}
        if isinstance(action, DeletePod):
            path = f"{paths.pods(job.key.namespace)}/{action.name}"
            body["gracePeriodSeconds"] = action.grace_seconds
        elif isinstance(action, DeleteClaim):
            path = f"{paths.claims(job.key.namespace)}/{action.name}"
        else:
            path = paths.job(job.key)
            preconditions["resourceVersion"] = action.resource_version
            body["propagationPolicy"] = "Background"
        try:
            await self._kube.request("DELETE", path, body=body)
        except ApiError as error:
            if not (error.not_found or error.conflict):
                raise
            if isinstance(action, DeleteSelf):  # otherwise it would be asked for again at once
                raise Outdated("the job is gone, or has changed") from error
        _log.info("deleted", extra=_about(job) | {"object": path})


def status_document(job: JobView, status: ReconstructionJobStatus, installation: str = "") -> Document:
    """What is written to the job's status subresource: refused unless the job is still what was looked at. It makes the
    job `installation`'s."""
    metadata = {
        "name": job.key.name,
        "namespace": job.key.namespace,
        "uid": job.uid,
        "resourceVersion": job.resource_version,
    }
    document = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    if job.unreadable is not None:
        kept = _with_conditions(job.unreadable.document, document["conditions"])
        kept |= {"operator": installation} if installation else {}
        return {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": metadata, "status": kept}
    if installation:
        document["operator"] = installation
    if status.profile_revision is not None:
        document.pop("profile", None)  # it is kept there
    for name in ("stages", "runs"):
        document[name] = [_without_empty(each) for each in document[name]]
    return {"apiVersion": API_VERSION, "kind": JOB_KIND, "metadata": metadata, "status": _without_empty(document)}


def _is_owned(document: Document, job: JobView) -> bool:
    return any(each.get("uid") == job.uid for each in document["metadata"].get("ownerReferences") or [])


def _with_conditions(status: Document, conditions: list[Document]) -> Document:
    """A status that can't be understood, as it is but for the conditions that say so."""
    new = {each["type"]: each for each in conditions if each["reason"] == CODE}
    known: list[Any] = status["conditions"] if isinstance(status.get("conditions"), list) else []
    others = [each for each in known if not (isinstance(each, dict) and each.get("type") in new)]
    return status | {"conditions": [*others, *new.values()]}


def _without_empty(document: Document) -> Document:
    """Every field is work for the API server, at this write and whenever the object is read."""
    return {name: value for name, value in document.items() if value not in ("", [], {})}


def _about(job: JobView) -> dict[str, str]:
    return {"namespace": job.key.namespace, "job": job.key.name}
