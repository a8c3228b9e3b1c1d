"""The API server's answers to the requests that the operator makes, each at one moment."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, FIELD_COMPLETION_TIME, JOB_PLURAL, PROFILE_PLURAL
from reconstruction_operator import paths
from reconstruction_operator.kube import ApiError

from .deletion import TRACKED, USED, Deletion, GarbageCollector
from .objects import Document, Objects, Place, Time, controller, matches

_CUSTOM = (JOB_PLURAL, PROFILE_PLURAL, CLUSTER_PROFILE_PLURAL)


class ApiServer:
    def __init__(self, time: Time) -> None:
        self.time = time
        self.objects = Objects(time.now)
        self.deletion = Deletion(self.objects, time)
        self.garbage = GarbageCollector(self.objects, self.deletion)
        self.quota = ""
        """Why nothing more may be created; empty while there is room."""
        self.rejected: set[tuple[str, int]] = set()
        """uid and generation of jobs whose status is too large."""

    def handle(self, method: str, path: str, query: dict[str, str], body: Document | None) -> Document:
        """The answer. Raises ApiError."""
        if path == paths.API:
            return {"resources": [{"name": each} for each in _CUSTOM]}
        place, subresource = place_of(path)
        if method == "GET":
            return self._get(place) if place.name else self._list(place, query)
        if method == "POST" and body is not None:
            return self._create(place, body)
        if method == "PUT" and body is not None:
            return self._put(place, subresource, body)
        if method == "PATCH" and body is not None:
            return self._patch(place, body)
        if method == "DELETE":
            return self._delete(place, body or {})
        raise AssertionError(f"a request that this server does not know: {method} {path}")

    def _get(self, place: Place) -> Document:
        if place.kind == "namespaces":
            return {"metadata": {"name": place.name}}
        found = self.objects.get(place)
        if found is None:
            raise ApiError(404, "NotFound", f'{place.kind} "{place.name}" not found')
        return found

    def _list(self, place: Place, query: dict[str, str]) -> Document:
        """In one page. Of the fields that are asked for those of Events don't matter: there are none."""
        selector, going_on = query.get("labelSelector", ""), query.get("fieldSelector") == f"{FIELD_COMPLETION_TIME}="
        items = [each for each in self.objects.all(place.kind, place.namespace) if matches(each, selector)]
        if going_on:
            items = [each for each in items if "completionTime" not in (each.get("status") or {})]
        return {"metadata": {"resourceVersion": str(self.objects.version)}, "items": items}

    def _create(self, place: Place, manifest: Document) -> Document:
        if place.kind == "events":
            return manifest
        if self.quota and place.kind in ("jobs", "persistentvolumeclaims"):
            raise ApiError(403, "Forbidden", self.quota)
        place = place._replace(name=manifest["metadata"]["name"])
        return self.objects.create(place, defaulted(place.kind, manifest))

    def _put(self, place: Place, subresource: str, body: Document) -> Document:
        found = self._get(place)
        wanted = body["metadata"]
        if wanted.get("uid", found["metadata"]["uid"]) != found["metadata"]["uid"]:
            raise ApiError(409, "Conflict", "Precondition failed: UID in precondition is another one")
        if wanted.get("resourceVersion") not in (None, found["metadata"]["resourceVersion"]):
            raise ApiError(409, "Conflict", "the object has been modified")
        if subresource == "status":
            refused = (found["metadata"]["uid"], found["metadata"]["generation"]) in self.rejected
            if refused and "admissionTime" in body["status"]:
                raise ApiError(422, "Invalid", "status: Invalid value")
            return self.objects.change(place, status=body["status"])
        return self.objects.change(place, spec=body["spec"])

    def _patch(self, place: Place, body: Document) -> Document:
        """Metadata of a volume claim; an owner that is there already is replaced, and there is one controller."""
        found, wanted = self._get(place), body["metadata"]
        if wanted["uid"] != found["metadata"]["uid"]:
            raise ApiError(409, "Conflict", "Precondition failed: UID in precondition is another one")
        owners = {each["uid"]: each for each in found["metadata"].get("ownerReferences") or []}
        owners |= {each["uid"]: each for each in wanted["ownerReferences"]}
        if sum(bool(each.get("controller")) for each in owners.values()) > 1:
            raise ApiError(422, "Invalid", "Only one reference can have Controller set to true")
        marks = (found["metadata"].get("labels") or {}) | wanted["labels"]
        return self.objects.mark(place, labels=marks, ownerReferences=list(owners.values()))

    def _delete(self, place: Place, body: Document) -> Document:
        conditions = body.get("preconditions", {})
        return self.deletion.delete(
            place, uid=conditions.get("uid", ""), version=conditions.get("resourceVersion", ""),
            propagation=body.get("propagationPolicy", "Background"), grace_seconds=body.get("gracePeriodSeconds"),
        )  # fmt: skip

    def pods_of(self, job: Document) -> list[Document]:
        """Those that a child Job controls, oldest first."""
        pods = self.objects.all("pods", job["metadata"]["namespace"])
        return [each for each in pods if controller(each) == job["metadata"]["uid"]]


def place_of(path: str) -> tuple[Place, str]:
    """What an address names, and its subresource. A listing's place has no name."""
    parts = urlsplit(path).path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 2:
        namespace, parts = parts[1], parts[2:]
    name, subresource = [*parts[1:], "", ""][:2]
    return Place(parts[0], namespace, name), subresource


def defaulted(kind: str, manifest: Document) -> Document:
    """With what the API server adds."""
    finalizers = {"persistentvolumeclaims": [USED], "pods": [TRACKED]}.get(kind)
    extra: dict[str, Any] = {"finalizers": finalizers} if finalizers else {}
    document = {name: value for name, value in manifest.items() if name != "status"}
    return document | {"metadata": manifest["metadata"] | extra}
