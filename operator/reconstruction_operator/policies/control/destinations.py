"""`spec.destination`: which ones a profile allows, and where a job's published results are."""

from __future__ import annotations

from urllib.parse import urlsplit

from reconstruction_api.destination import Destination, expanded, location
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.network import Allowed, Host, RefusedError, not_allowed
from reconstruction_api.profile import ProfileSpec
from reconstruction_api.worker import Artifact

from ...manifests.child_names import claim_name
from ...model import JobView

_FIELD = "spec.destination"


def address_of(job: JobView) -> str | None:
    """The prefix of the job's destination, without placeholders and with `/` at its end; None where it has none."""
    destination = job.spec.destination if job.spec is not None else None
    return _expanded(location(destination), job) if destination is not None else None


def published_at(job: JobView) -> tuple[str, ...]:
    """How the addresses of its published results begin."""
    destination = job.spec.destination if job.spec is not None else None
    address = address_of(job)
    if destination is None or address is None:
        return ()
    public = destination.public_base_url
    return (address,) if public is None else (address, f"{public.rstrip('/')}/")


def was_published(job: JobView) -> bool:
    """Whether the job's results are at the destination that its spec names now, or at the one that it named before: the
    last look has seen them listed, or the job has begun to build on them."""
    if job.status.from_destination and job.status.completion_time is None:
        return True
    places = published_at(job)
    if not places:
        return False
    return any(each.uri.startswith(places) for each in job.status.artifacts) or _was_published_elsewhere(job)


def _was_published_elsewhere(job: JobView) -> bool:
    """At a destination that the job had before: no file that is listed is in the workspace."""
    workspace = f"pvc://{claim_name(job.key.name)}/"
    listed = job.status.artifacts
    return job.status.published_to is not None and any(not each.uri.startswith(workspace) for each in listed)


def published_to(job: JobView, artifacts: list[Artifact], *, done: bool) -> Destination | None:
    """Where the job's results were published last. While others are made it stays: attempts build on it."""
    if done and not artifacts:
        return None
    places = published_at(job)
    if done and job.spec is not None and places and any(each.uri.startswith(places) for each in artifacts):
        return job.spec.destination
    return job.status.published_to


def forbidden_destination(
    destination: Destination, job: JobView, rival: str, profile: ProfileSpec, name: str, *, started: bool
) -> ReconstructionError | None:
    """Why the job may not publish there, as far as that can be said without connecting; the worker checks the rest.
    `rival` is an earlier job of the namespace whose destination overlaps with this one. A job that has `started` keeps
    what was allowed then, but never writes among another one's results."""
    address = _expanded(location(destination), job)
    if rival:
        return _error(
            "DestinationConflict",
            f"{address!r} is within, or around, the destination of job {rival!r}, which was first.",
        )
    if started:
        return None
    if address.startswith(f"pvc://{claim_name(job.key.name)}/"):
        return _error("DestinationNotAllowed", "the claim is the job's own workspace, which goes with the job.")
    prefixes = [_expanded(f"{prefix.rstrip('/')}/", job) for prefix in profile.destinations.prefixes]
    if prefixes and not address.startswith(tuple(prefixes)):
        listed = " or ".join(prefixes)
        return _error("DestinationNotAllowed", f"profile {name!r} wants it to begin with {listed}; it is {address!r}.")
    return _forbidden_host(address, profile, name)


def _forbidden_host(address: str, profile: ProfileSpec, name: str) -> ReconstructionError | None:
    if not address.lower().startswith("https://"):
        return None  # the host is among the credentials
    host = urlsplit(address).hostname or ""
    try:
        known = Host.of(host)
        Allowed.of(profile.network.allow).check_host(known)
    except RefusedError:
        return not_allowed(f"{_FIELD}.uri", host, name)
    hosts = profile.destinations.hosts
    if hosts and known.address is None and not Allowed.of(hosts).names_host(known):
        return _error(
            "DestinationNotAllowed", f"profile {name!r} lets results go to {', '.join(hosts)}, not to {host!r}."
        )
    return None


def _expanded(text: str, job: JobView) -> str:
    return expanded(text, namespace=job.key.namespace, name=job.key.name, uid=job.uid)


def _error(code: str, what: str) -> ReconstructionError:
    return ReconstructionError(code, f"{_FIELD}: {what}", details={"field": _FIELD})
