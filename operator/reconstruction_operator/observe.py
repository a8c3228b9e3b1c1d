"""From what the operator remembers to what a decision about one job may look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import lru_cache

import orjson
from pydantic import ValidationError

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ProfileSnapshot, ReconstructionJobStatus
from reconstruction_api.stored import read_status
from reconstruction_api.worker import ProgressUpdate

from .manifests.child_names import is_removal
from .model import JobKey, JobView, Observed, Policy, ProfileView, Unreadable
from .policies.control.accept import describe
from .slots import Order
from .store import Store
from .stored_job import StoredJob, unpacked
from .upstream_job import cycle_of, upstream_chain, upstream_job_of

_RECENT = 256
"""A job is looked at several times in a row: the last models are kept. Decisions copy them and never change them."""


def observe(
    store: Store,
    key: JobKey,
    live: ProgressUpdate | None,
    policy: Policy,
    heard: datetime | None = None,
    kept: ProfileSnapshot | None = None,
) -> Observed | None:
    """None when there is no such job, or it is another installation's. `kept` is the profile that the job's status
    refers to."""
    stored = store.jobs.get(key)
    if stored is None or stored.foreign:
        return None
    namespace, name = key.namespace, stored.profile_name
    chain = upstream_chain(store, key)
    upstream = store.jobs.get(chain[0]) if chain else None
    children, pods = store.child_jobs(key, stored.uid), store.pods(key, stored.uid)
    return Observed(
        job=_with_profile(job_view(stored), kept),
        profile=store.profiles.get((namespace, name)) or store.profiles.get(("", name)),
        pinned_profile=store.profiles.get(stored.pinned) if stored.pinned is not None else None,
        profile_names=_profile_names(store.profiles, namespace),
        upstream=upstream_job_of(job_view(upstream)) if upstream is not None else None,
        cycle=cycle_of(key, chain),
        child_jobs=tuple(each for each in children if not is_removal(key.name, each.name)),
        pods=tuple(each for each in pods if not is_removal(key.name, each.job_name)),
        removal_jobs=tuple(each for each in children if is_removal(key.name, each.name)),
        removal_pods=tuple(each for each in pods if is_removal(key.name, each.job_name)),
        strangers=store.left_by_others(key, stored.uid),
        claim=store.claim(key),
        turn=store.slots.turn(key, store.lane(key)),
        explanations=store.explanations(key),
        source_users=_source_users(store, key, chain[0]) if chain else (),
        destination_rival=store.published_prefixes.rival(key),
        scale_ups=store.scale_ups(key),
        refusal=store.refusal(key),
        status_refusal=store.status_refusal(key),
        unpinnable=store.is_unpinnable(key),
        live=live,
        heard=heard,
        policy=policy,
    )


def _source_users(store: Store, key: JobKey, upstream: JobKey) -> tuple[str, ...]:
    """Names of pods that have a node and have not ended."""
    users: list[str] = []
    for job in (upstream, *store.dependents(upstream)):
        if job == key or job not in store.jobs:
            continue
        uid = store.jobs[job].uid
        prepares = {each.name for each in store.child_jobs(job, uid) if each.resource_class is ResourceClass.PREPARE}
        working = [pod for pod in store.pods(job, uid) if pod.scheduled is not None and not pod.finished]
        users += [pod.name for pod in working if job == upstream or pod.job_name in prepares]
    return tuple(sorted(users))


def job_view(stored: StoredJob) -> JobView:
    """Unknown fields, written by a newer version of the operator, are ignored, and so is all else of the status that
    can't be understood, as long as no decision depends on it."""
    spec, mistake = _spec(stored.spec)
    status, unreadable = _status(stored.status)
    return JobView(
        key=stored.key,
        uid=stored.uid,
        generation=stored.generation,
        resource_version=stored.resource_version,
        deleting=stored.deleting,
        spec=spec,
        spec_error=mistake,
        status=status,
        unreadable=unreadable,
    )


def _with_profile(view: JobView, kept: ProfileSnapshot | None) -> JobView:
    """Decisions find the profile in the status, wherever it is kept."""
    if kept is None or view.status.profile is not None or view.status.profile_revision is None:
        return view
    return replace(view, status=view.status.model_copy(update={"profile": kept}))


@lru_cache(maxsize=_RECENT)
def _spec(text: str) -> tuple[ReconstructionJobSpec | None, str]:
    """The spec, or None and what is wrong with it."""
    try:
        return ReconstructionJobSpec.model_validate_json(text, extra="ignore"), ""
    except ValidationError as error:
        return None, f"spec.{describe(error)}"


@lru_cache(maxsize=_RECENT)
def _status(packed: bytes) -> tuple[ReconstructionJobStatus, Unreadable | None]:
    text = unpacked(packed)
    try:
        return ReconstructionJobStatus.model_validate_json(text, extra="ignore"), None
    except ValidationError:
        document = orjson.loads(text)
        stored = read_status(document)
    return stored.status, Unreadable(stored.problem, document) if stored.problem else None


def order_of(observed: Observed, created: str) -> Order:
    """The job's position among those that wait for their turn: the most urgent first, then the oldest. One that had no
    use of its last turn is not urgent, and counts from when it yielded it."""
    spec, profile, yielded = observed.job.spec, observed.profile, observed.job.status.yield_time
    ranking: list[str] = profile.spec.get("priorityClassNames") or [] if profile is not None else []
    named = spec.priority_class_name if spec is not None else None
    urgency = ranking.index(named) if named in ranking and yielded is None else len(ranking)
    return Order(urgency, yielded or created, observed.job.key, yielded is not None)


def _profile_names(profiles: dict[tuple[str, str], ProfileView], namespace: str) -> tuple[str, ...]:
    return tuple(sorted({name for where, name in profiles if where in ("", namespace)}))
