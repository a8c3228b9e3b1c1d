"""The requests of the real `act`, answered at once by a cluster of `simulation.py`: by its API server, and by nothing
that knows of plans and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconstruction_api.names import JOB_PLURAL
from reconstruction_operator.kube import ApiError, Document, Kube
from reconstruction_operator.model import Claim, JobKey
from reconstruction_operator.store import Store

from .api_server.server import place_of

if TYPE_CHECKING:
    from .simulation import Cluster


class KilledError(Exception):
    """The operator's process was killed."""


class Requests(Kube):
    """`calls` are so many requests until the operator is killed."""

    def __init__(self, cluster: Cluster, calls: int | None) -> None:
        self._cluster = cluster
        self._calls = calls

    async def request(
        self, method: str, path: str, *, query: dict[str, str] | None = None, body: Document | None = None, **_: Any
    ) -> Document:
        if self._calls is not None:
            if not self._calls:
                raise KilledError
            self._calls -= 1
        place, wanted = place_of(path)[0], body or {}
        conditions = wanted.get("preconditions", {})
        uid, version = conditions.get("uid", ""), conditions.get("resourceVersion", "")
        match method, place.kind:
            case "PUT", kind if kind == JOB_PLURAL:
                return self._put_status(wanted)
            case "POST", _:
                return self._create(place.kind, wanted)
            case "DELETE", "jobs":
                self._cluster.remove_job(place.name, uid)
            case "DELETE", "pods":
                self._cluster.remove_pod(place.name, uid, wanted["gracePeriodSeconds"])
            case "DELETE", "persistentvolumeclaims":
                self._cluster.remove_claim(uid)
            case "DELETE", kind if kind == JOB_PLURAL:
                self._cluster.remove_itself(version)
            case "GET", _:
                return self._get(place.name)
            case _:
                raise AssertionError(f"a request that this cluster does not know: {method} {path}")
        return {}

    def _put_status(self, body: Document) -> Document:
        if body["metadata"]["resourceVersion"] != str(self._cluster.version):
            raise ApiError(409, "Conflict", "the object has been modified")
        self._cluster.write(body["status"])
        return {"metadata": body["metadata"] | {"resourceVersion": str(self._cluster.version)}}

    def _create(self, kind: str, manifest: Document) -> Document:
        if kind != "controllerrevisions" and self._cluster.refusing:
            raise ApiError(403, "Forbidden", self._cluster.refusing)
        if kind == "controllerrevisions":
            self._cluster.revisions.setdefault(manifest["metadata"]["name"], manifest)
        elif kind == "persistentvolumeclaims":
            parent = manifest["metadata"]["ownerReferences"][0]["uid"]
            self._cluster.claim = self._cluster.claim or Claim(manifest["metadata"]["name"], "uid-of-claim", parent)
        elif kind == "jobs":
            self._cluster.create_job(manifest)
        return manifest | {"metadata": manifest["metadata"] | {"uid": f"uid-of-{kind}", "resourceVersion": "1"}}

    def _get(self, name: str) -> Document:
        """What was taken for absent is: the cluster shows all that there is."""
        if name:
            raise ApiError(404, "NotFound", f'"{name}" not found')
        return {"metadata": {"resourceVersion": "1"}, "items": []}


class Memory(Store):
    """What the operator remembers of the cluster's answers; the claim is the cluster's at any time."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster

    def claim(self, key: JobKey) -> Claim | None:
        return self._cluster.claim
