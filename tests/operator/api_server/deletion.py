"""How objects go: at once, after their pods' grace, when nothing needs them any more, or together with their owners."""

from __future__ import annotations

from datetime import timedelta

from reconstruction_operator.kube import ApiError
from reconstruction_operator.times import format_time

from .objects import Document, Objects, Place, Time

FOREGROUND, TRACKED, USED = "foregroundDeletion", "batch.kubernetes.io/job-tracking", "kubernetes.io/pvc-protection"
"""Finalizers: of an owner that goes after what it owns, of a Job's pod that is to be counted, of a volume claim."""
_GRACE_SECONDS = 30


class Deletion:
    """The deletion that the API server does itself, and the garbage collector's."""

    def __init__(self, objects: Objects, time: Time) -> None:
        self._objects = objects
        self._time = time

    def delete(
        self, place: Place, *, uid: str = "", version: str = "", propagation: str = "Background",
        grace_seconds: int | None = None,
    ) -> Document:  # fmt: skip
        """The object as it still is, or a Status when it is gone. Raises ApiError."""
        found = self._objects.get(place)
        if found is None:
            raise ApiError(404, "NotFound", f'{place.kind} "{place.name}" not found')
        metadata = found["metadata"]
        if uid and metadata["uid"] != uid:
            raise ApiError(409, "Conflict", "Precondition failed: UID in precondition is another one")
        if version and metadata["resourceVersion"] != version:
            raise ApiError(409, "Conflict", "Precondition failed: ResourceVersion in precondition is another one")
        if place.kind == "pods":
            self._stop(place, found, grace_seconds)
        elif propagation == "Foreground":
            self._objects.mark(place, finalizers=self._with(found, FOREGROUND), **self._deleted(found))
        elif metadata.get("finalizers"):
            self._objects.mark(place, **self._deleted(found))
        else:
            self._objects.remove(place)
        return self._objects.get(place) or {"kind": "Status", "status": "Success"}

    def release(self, place: Place, finalizer: str) -> None:
        """Take a finalizer away; the object goes when it was the last."""
        found = self._objects.get(place)
        if found is None or finalizer not in found["metadata"].get("finalizers", []):
            return
        left = [each for each in found["metadata"]["finalizers"] if each != finalizer]
        self._objects.mark(place, finalizers=left or None)
        self._go(place)

    def confirm(self, place: Place) -> None:
        """The kubelet says that a pod it was to stop has stopped: as a deletion without grace."""
        if self._objects.get(place) is not None:
            self.delete(place, grace_seconds=0)

    def _stop(self, place: Place, pod: Document, seconds: int | None) -> None:
        """A pod gets its grace; not one that has ended or never got a node. A shorter one replaces a longer one."""
        ended = pod.get("status", {}).get("phase") in ("Succeeded", "Failed")
        grace = _GRACE_SECONDS if seconds is None else seconds
        if ended or not pod["spec"].get("nodeName"):
            grace = 0
        known = pod["metadata"].get("deletionGracePeriodSeconds")
        if known is None or grace < known:
            moment = format_time(self._time.now() + timedelta(seconds=grace))
            self._objects.mark(place, deletionTimestamp=moment, deletionGracePeriodSeconds=grace)
        self._go(place)

    def _go(self, place: Place) -> None:
        metadata = self._objects.get(place)["metadata"]  # type: ignore[index]
        waits = metadata.get("deletionGracePeriodSeconds", 0) if place.kind == "pods" else 0
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and not waits:
            self._objects.remove(place)

    def _deleted(self, found: Document) -> Document:
        return {"deletionTimestamp": found["metadata"].get("deletionTimestamp") or format_time(self._time.now())}

    @staticmethod
    def _with(found: Document, finalizer: str) -> list[str]:
        known = found["metadata"].get("finalizers", [])
        return known if finalizer in known else [*known, finalizer]


class GarbageCollector:
    """Deletes what has lost its owner, and what stands in the way of an owner that goes last."""

    def __init__(self, objects: Objects, deletion: Deletion) -> None:
        self._objects = objects
        self._deletion = deletion

    def moves(self) -> list[tuple[Place, str]]:
        """What there is to do: places, each with how it is to be deleted; empty for an owner that may go now."""
        found: list[tuple[Place, str]] = []
        uids = self._objects.uids()
        last: dict[str, tuple[Place, bool]] = {}
        for kind in ("reconstructionjobs", "jobs"):
            for place in self._objects.places(kind):
                metadata = self._objects.get(place)["metadata"]  # type: ignore[index]
                if FOREGROUND in metadata.get("finalizers", []):
                    last[metadata["uid"]] = (place, True)
        for kind in ("jobs", "pods", "persistentvolumeclaims", "controllerrevisions"):
            for place in self._objects.places(kind):
                metadata = self._objects.get(place)["metadata"]  # type: ignore[index]
                owners = [each["uid"] for each in metadata.get("ownerReferences") or []]
                going = [each for each in owners if each in last]
                for each in going:
                    last[each] = (last[each][0], False)
                if (going or (owners and not uids & set(owners))) and "deletionTimestamp" not in metadata:
                    found.append((place, "Foreground" if kind == "jobs" and going else "Background"))
        return [*found, *((place, "") for place, alone in last.values() if alone)]

    def do(self, move: tuple[Place, str]) -> None:
        place, propagation = move
        if not propagation:
            self._deletion.release(place, FOREGROUND)
        elif self._objects.get(place) is not None:
            self._deletion.delete(place, propagation=propagation)
