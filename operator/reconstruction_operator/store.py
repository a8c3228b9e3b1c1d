"""The objects that the operator has seen, newest version of each, by the job they belong to.

Rebuilt from the API server at every start; nothing in it matters beyond the life of the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import orjson

from reconstruction_api.names import LABEL_JOB
from reconstruction_api.text import one_line

from . import parse
from .manifests.child_names import claim_name
from .model import ChildJob, Claim, JobKey, JobView, Pod, ProfileView, Refusal, ScaleUp, StatusRefusal
from .ownership import Ownership
from .policies.control.rest import Remains, Rest, rest
from .published_prefixes import PublishedPrefixes
from .resource_versions import Versions
from .slots import Lane, Limits, Slots
from .stored_job import (
    StoredJob,
    builds_on,
    destination_of,
    is_packed,
    packed,
    pinned_profile,
    profile_reference,
    unpacked,
)

Document = dict[str, Any]
K = TypeVar("K")
V = TypeVar("V")

_LONGEST_MESSAGE = 1000


class ParsedChild(NamedTuple, Generic[V]):
    """A child object as it will be remembered."""

    key: JobKey
    """The job that it belongs to."""
    name: str
    uid: str
    version: int
    view: V


def parse_child_job(document: Document) -> ParsedChild[ChildJob] | None:
    return _parsed(document, parse.child_job)


def parse_pod(document: Document) -> ParsedChild[Pod] | None:
    return _parsed(document, parse.pod)


def parse_claim(document: Document) -> ParsedChild[Claim] | None:
    """A copy that somebody made of a workspace's claim has our label as well, but another name."""
    key = parse.parent_key(document)
    if key is None or document["metadata"]["name"] != claim_name(key.name):
        return None
    return _parsed(document, parse.claim)


class Store:
    """Everything seen. Each `observe_*` returns the job that should be looked at, or None when nothing is new."""

    def __init__(self, slots: Slots | None = None, ownership: Ownership | None = None) -> None:
        self._ownership = ownership or Ownership()
        self.slots = Slots(Limits(), lambda _: None) if slots is None else slots
        self.jobs: dict[JobKey, StoredJob] = {}
        self.profiles: dict[tuple[str, str], ProfileView] = {}
        self._child_jobs: dict[JobKey, dict[str, ChildJob]] = {}
        self._pods: dict[JobKey, dict[str, Pod]] = {}
        self._pod_keys: dict[str, JobKey] = {}
        self._claims: dict[JobKey, Claim] = {}
        self._dependents: dict[JobKey, set[JobKey]] = {}
        self.published_prefixes = PublishedPrefixes()
        self._explanations: dict[JobKey, dict[str, str]] = {}
        self._scale_ups: dict[JobKey, dict[str, ScaleUp]] = {}
        self._refusals: dict[JobKey, Refusal] = {}
        self._status_refusals: dict[JobKey, StatusRefusal] = {}
        self._unpinnable: dict[JobKey, str] = {}
        self._versions = Versions()

    def observe_job(self, document: Document) -> JobKey | None:
        if not self._versions.is_newer(document["metadata"]["uid"], _version(document)):
            return None
        metadata, spec, status = document["metadata"], document.get("spec") or {}, document.get("status") or {}
        key = key_of(document)
        if key in self.jobs:
            self._unlink(self.jobs[key])
        self.jobs[key] = StoredJob(
            key=key,
            uid=metadata["uid"],
            generation=metadata.get("generation", 0),
            resource_version=metadata.get("resourceVersion", ""),
            deleting="deletionTimestamp" in metadata,
            created=metadata.get("creationTimestamp", ""),
            spec=orjson.dumps(spec).decode(),  # a copy: orjson's own buffer is kilobytes too large
            status=packed(status),
            profile_name=spec.get("profileName") or "default",
            pinned=pinned_profile(status, key.namespace),
            reference=profile_reference(status),
            builds_on=builds_on(spec),
            destination=destination_of(spec, key, metadata["uid"]),
            foreign=not self._ownership.owns(key.namespace, spec, status),
            holder=self._contender(key, spec, status),
        )
        self._link(self.jobs[key])
        self._record_slot(key, status)
        return key

    def observe_written_status(self, document: Document, status: Document) -> None:
        """The answer to our own write, of which only the metadata came back."""
        uid, key = document["metadata"]["uid"], key_of(document)
        known = self.jobs.get(key)
        if known is not None and known.uid == uid and self._versions.is_newer(uid, _version(document)):
            version = document["metadata"]["resourceVersion"]
            pinned, reference = pinned_profile(status, key.namespace), profile_reference(status)
            self.jobs[key] = replace(
                known, resource_version=version, status=packed(status), pinned=pinned, reference=reference
            )
            self._record_slot(key, status)

    def _contender(self, key: JobKey, spec: Document, status: Document) -> str:
        contested = self._ownership.serves(key.namespace, spec) and not status.get("completionTime")
        return self._ownership.holder(status) if contested else ""

    def _record_slot(self, key: JobKey, status: Document) -> None:
        """A job of another installation takes no slot of this one."""
        if self.jobs[key].foreign:
            self.slots.forget(key)
        else:
            self.slots.record(key, self.lane(key) if status.get("admissionTime") else None)

    def lane(self, key: JobKey) -> Lane:
        """The namespace and profile by which the job is counted."""
        job, (namespace, name) = self.jobs[key], (key.namespace, self.jobs[key].profile_name)
        if job.pinned is not None and job.pinned[1] == name:
            return Lane(namespace, job.pinned)
        return Lane(namespace, (namespace if (namespace, name) in self.profiles else "", name))

    def observe_profile(self, document: Document) -> list[JobKey]:
        """The jobs that name it."""
        view = parse.profile(document)
        if view.uid and not self._versions.is_newer(view.uid, _version(document)):
            return []
        self.profiles[view.namespace, view.name] = view
        self.slots.limit_profile((view.namespace, view.name), *parse.concurrency(document))
        return self._jobs_naming(view.namespace, view.name)

    def observe_child_job(self, document: Document) -> JobKey | None:
        return self.upsert_child_job(parse_child_job(document))

    def observe_pod(self, document: Document) -> JobKey | None:
        return self.upsert_pod(parse_pod(document))

    def observe_claim(self, document: Document, asked_by: JobKey | None = None) -> JobKey | None:
        """`asked_by` is the job that has asked for the claim of its own name: the answer counts whatever was seen
        before, and whatever labels the claim has."""
        if asked_by is None:
            return self.upsert_claim(parse_claim(document))
        seen = _parsed(document, parse.claim, asked_by)
        assert seen is not None
        self._versions.confirm(seen.uid, seen.version)
        return _keep(self._claims, seen.key, seen.view, seen.key)

    def upsert_child_job(self, seen: ParsedChild[ChildJob] | None) -> JobKey | None:
        """As `observe_child_job`, and so are the following."""
        if seen is None or not self._is_news(seen, self._child_jobs.get(seen.key, {}).get(seen.name)):
            return None
        return _keep(self._child_jobs.setdefault(seen.key, {}), seen.name, seen.view, seen.key)

    def upsert_pod(self, seen: ParsedChild[Pod] | None) -> JobKey | None:
        if seen is None or not self._is_news(seen, self._pods.get(seen.key, {}).get(seen.name)):
            return None
        known = self._pods.setdefault(seen.key, {})
        if seen.name in known:
            self._pod_keys.pop(known[seen.name].uid, None)
        self._pod_keys[seen.uid] = seen.key
        return _keep(known, seen.name, seen.view, seen.key)

    def upsert_claim(self, seen: ParsedChild[Claim] | None) -> JobKey | None:
        if seen is None or not self._is_news(seen, self._claims.get(seen.key)):
            return None
        return _keep(self._claims, seen.key, seen.view, seen.key)

    def _is_news(self, seen: ParsedChild[Any], known: ChildJob | Pod | Claim | None) -> bool:
        """Late news of an earlier object of the same name as the `known` one is none."""
        late = known is not None and known.uid != seen.uid and self._versions.seen(known.uid) > seen.version
        return not late and self._versions.is_newer(seen.uid, seen.version)

    def forget_job(self, document: Document) -> JobKey | None:
        key = key_of(document)
        self._versions.forget(document["metadata"]["uid"], _version(document))
        if key in self.jobs and self.jobs[key].uid == document["metadata"]["uid"]:
            self._unlink(self.jobs.pop(key))
            self._explanations.pop(key, None)
            self._scale_ups.pop(key, None)
            self._refusals.pop(key, None)
            self._unpinnable.pop(key, None)
            self._status_refusals.pop(key, None)
            self.slots.forget(key)
        return key

    def forget_profile(self, document: Document) -> list[JobKey]:
        metadata = document["metadata"]
        place, uid = (metadata.get("namespace", ""), metadata["name"]), metadata.get("uid", "")
        if uid:
            self._versions.forget(uid, _version(document))
        if place in self.profiles and self.profiles[place].uid != uid:
            return []
        self.profiles.pop(place, None)
        self.slots.forget_profile(place)
        return self._jobs_naming(*place)

    def forget_child_job(self, document: Document) -> JobKey | None:
        return self._forget(self._child_jobs, document)

    def forget_pod(self, document: Document) -> JobKey | None:
        self._pod_keys.pop(document["metadata"]["uid"], None)
        return self._forget(self._pods, document)

    def forget_claim(self, document: Document) -> JobKey | None:
        key, uid = parse.parent_key(document), document["metadata"]["uid"]
        self._versions.forget(uid, _version(document))
        if key is not None and key in self._claims and self._claims[key].uid == uid:
            del self._claims[key]
        return key

    def child_jobs(self, key: JobKey, uid: str) -> tuple[ChildJob, ...]:
        return tuple(job for job in self._child_jobs.get(key, {}).values() if job.parent_uid == uid)

    def pods(self, key: JobKey, uid: str) -> tuple[Pod, ...]:
        return tuple(pod for pod in self._pods.get(key, {}).values() if pod.parent_uid == uid)

    def left_by_others(self, key: JobKey, uid: str) -> tuple[str, ...]:
        """Names of child Jobs and pods of earlier jobs of the same name that have not ended."""
        there = [*self._child_jobs.get(key, {}).values(), *self._pods.get(key, {}).values()]
        return tuple(each.name for each in there if each.parent_uid != uid and not each.finished)

    def has_pod(self, namespace: str, name: str, uid: str) -> bool:
        """Whether there is such a pod of a job."""
        key = self._pod_keys.get(uid)
        pod = self._pods.get(key, {}).get(name) if key is not None and key.namespace == namespace else None
        return pod is not None and pod.uid == uid

    def claim(self, key: JobKey) -> Claim | None:
        return self._claims.get(key)

    def explain(self, key: JobKey, uid: str, message: str) -> bool:
        """Remember what was said of a child object; whether that is new. An empty message takes it back."""
        message = one_line(message, _LONGEST_MESSAGE)
        known = self._explanations.get(key, {})
        if known.get(uid, "") == message or key not in self.jobs:
            return False
        others = {each: text for each, text in known.items() if each != uid}
        self._explanations[key] = others | ({uid: message} if message else {})
        return True

    def explanations(self, key: JobKey) -> Mapping[str, str]:
        return self._explanations.get(key, {})

    def observe_scale_up(self, key: JobKey, pod_uid: str, scale_up: ScaleUp) -> bool:
        """A node is being made for the job's pod, the only one that waits for one; whether that is new."""
        if self.scale_ups(key).get(pod_uid) == scale_up or key not in self.jobs:
            return False
        self._scale_ups[key] = {pod_uid: scale_up}
        return True

    def scale_ups(self, key: JobKey) -> Mapping[str, ScaleUp]:
        return self._scale_ups.get(key, {})

    def refuse(self, key: JobKey, message: str, now: datetime) -> None:
        """A child object of the job could not be created."""
        before = self._refusals.get(key)
        self._refusals[key] = Refusal(
            one_line(message, _LONGEST_MESSAGE), before.count + 1 if before is not None else 1, now
        )

    def refusal(self, key: JobKey) -> Refusal | None:
        return self._refusals.get(key)

    def overcome_refusal(self, key: JobKey) -> None:
        self._refusals.pop(key, None)

    def refuse_pinning(self, key: JobKey, message: str) -> None:
        """The profile of the job can't be stored in an object of its own."""
        self._unpinnable[key] = one_line(message, _LONGEST_MESSAGE)

    def is_unpinnable(self, key: JobKey) -> bool:
        return key in self._unpinnable

    def refuse_status(self, job: JobView, message: str) -> StatusRefusal:
        """The status that was decided for the job as it was then can't be written."""
        before = self._status_refusals.get(job.key)
        again = before is not None and before.generation == job.generation
        refusal = StatusRefusal(
            job.generation, one_line(message, _LONGEST_MESSAGE), before.count + 1 if before and again else 1
        )
        self._status_refusals[job.key] = refusal
        return refusal

    def status_refusal(self, key: JobKey) -> StatusRefusal | None:
        """None once the job's spec has changed: another spec is worth another attempt."""
        refusal, job = self._status_refusals.get(key), self.jobs.get(key)
        return refusal if refusal is not None and job is not None and refusal.generation == job.generation else None

    def rest(self, key: JobKey, now: datetime) -> Rest | None:
        """None where the job needs a decision, or is not there, or is not this installation's to look at."""
        job = self.jobs.get(key)
        if job is None or job.foreign or job.deleting or not is_packed(job.status):
            return None
        remains = Remains(
            job.uid, job.generation, self.child_jobs(key, job.uid), self.pods(key, job.uid), self.claim(key)
        )
        return rest(orjson.loads(unpacked(job.status)), remains, now)

    def dependents(self, key: JobKey) -> tuple[JobKey, ...]:
        """The jobs that build on this one."""
        return tuple(sorted(self._dependents.get(key, ())))

    def _link(self, job: StoredJob) -> None:
        self.published_prefixes.add(job.key, job.created, job.destination)
        if job.builds_on:
            self._dependents.setdefault(JobKey(job.key.namespace, job.builds_on), set()).add(job.key)

    def _unlink(self, job: StoredJob) -> None:
        self.published_prefixes.remove(job.key)
        target = JobKey(job.key.namespace, job.builds_on)
        dependents = self._dependents.get(target, set())
        dependents.discard(job.key)
        if not dependents:
            self._dependents.pop(target, None)

    def present_jobs(self, namespace: str = "") -> dict[str, Document]:
        """All known jobs, or those of a namespace, by uid; as for the following, each is a document that its `forget_*`
        understands, with the version that was seen."""
        jobs = [job for job in self.jobs.values() if not namespace or job.key.namespace == namespace]
        return {job.uid: self._stub(job.key, job.key.name, job.uid) for job in jobs}

    def present_profiles(self) -> dict[str, Document]:
        return {
            profile.uid: self._stub(JobKey(profile.namespace, ""), profile.name, profile.uid)
            for profile in self.profiles.values()
        }

    def present_child_jobs(self) -> dict[str, Document]:
        return self._stubs(self._child_jobs)

    def present_pods(self) -> dict[str, Document]:
        return self._stubs(self._pods)

    def present_claims(self) -> dict[str, Document]:
        return {claim.uid: self._stub(key, claim.name, claim.uid) for key, claim in self._claims.items()}

    def _stubs(self, objects: Mapping[JobKey, Mapping[str, ChildJob | Pod]]) -> dict[str, Document]:
        return {
            each.uid: self._stub(key, each.name, each.uid) for key, named in objects.items() for each in named.values()
        }

    def _stub(self, key: JobKey, name: str, uid: str) -> Document:
        metadata = {"namespace": key.namespace, "name": name, "uid": uid, "labels": {LABEL_JOB: key.name}}
        return {"metadata": metadata | {"resourceVersion": str(self._versions.seen(uid))}}

    def _forget(self, objects: dict[JobKey, dict[str, Any]], document: Document) -> JobKey | None:
        key, metadata = parse.parent_key(document), document["metadata"]
        self._versions.forget(metadata["uid"], _version(document))
        if key is None:
            return None
        known = objects.get(key, {})
        if metadata["name"] in known and known[metadata["name"]].uid == metadata["uid"]:
            del known[metadata["name"]]
        if not known:
            objects.pop(key, None)
        return key

    def _jobs_naming(self, namespace: str, name: str) -> list[JobKey]:
        return [key for key, job in self.jobs.items() if job.profile_name == name and namespace in ("", key.namespace)]


def key_of(document: Document) -> JobKey:
    """Namespace and name of a ReconstructionJob."""
    return JobKey(document["metadata"]["namespace"], document["metadata"]["name"])


def _parsed(document: Document, view: Callable[[Document], V], asked_by: JobKey | None = None) -> ParsedChild[V] | None:
    """None when the object belongs to no job."""
    key, metadata = asked_by or parse.parent_key(document), document["metadata"]
    if key is None:
        return None
    return ParsedChild(key, metadata["name"], metadata["uid"], _version(document), view(document))


def _version(document: Document) -> int:
    """Kubernetes has promised since 1.35 that resource versions of one resource type compare as integers."""
    version = document["metadata"].get("resourceVersion", "")
    return int(version) if version.isdigit() else -1


def _keep(known: dict[K, V], name: K, view: V, key: JobKey) -> JobKey | None:
    """None when the change is in what no decision looks at."""
    if known.get(name) == view:
        return None
    known[name] = view
    return key
