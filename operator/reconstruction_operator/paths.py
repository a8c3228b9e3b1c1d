"""Addresses of the objects that the operator reads and writes."""

from __future__ import annotations

from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, GROUP, JOB_PLURAL, VERSION

from .model import JobKey

API = f"/apis/{GROUP}/{VERSION}"
TOKEN_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
SIGNING_KEYS = "/openid/v1/jwks"
"""Of service account tokens."""


def namespace(name: str) -> str:
    return f"/api/v1/namespaces/{name}"


def job(key: JobKey) -> str:
    return f"{API}/namespaces/{key.namespace}/{JOB_PLURAL}/{key.name}"


def job_status(key: JobKey) -> str:
    return f"{job(key)}/status"


def cluster_profile(name: str) -> str:
    return f"{API}/{CLUSTER_PROFILE_PLURAL}/{name}"


def child_jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def revisions(namespace: str) -> str:
    """ControllerRevisions, which hold the profiles of jobs."""
    return f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"


def claims(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"


def pods(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods"


def events(namespace: str) -> str:
    return f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"


def core_events(namespace: str) -> str:
    """The same Events as of the core API, which can be asked for by the object they are about."""
    return f"/api/v1/namespaces/{namespace}/events"


def workloads(version: str, namespace: str) -> str:
    """Kueue's view of Jobs in its queues."""
    return f"/apis/kueue.x-k8s.io/{version}/namespaces/{namespace}/workloads"


def secret(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/{name}"


def volume(name: str) -> str:
    return f"/api/v1/persistentvolumes/{name}"


def leases(namespace: str) -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"


def listing(api: str, plural: str, namespace: str) -> str:
    """Where the objects of a kind are listed; those of the whole cluster without a namespace."""
    return f"{api}/namespaces/{namespace}/{plural}" if namespace else f"{api}/{plural}"
