"""What people do: create, change, suspend, cancel and delete jobs, and remove objects that belong to them."""

from __future__ import annotations

from typing import Any

from reconstruction_api.lifecycle import PauseStage
from reconstruction_api.names import CLUSTER_PROFILE_PLURAL, JOB_PLURAL, LABEL_JOB_UID
from reconstruction_api.stages import StageName
from reconstruction_operator.model import JobKey

from ..samples import PROFILE_SPEC, SPEC
from .objects import Place, controller, labels
from .promises import Promises
from .server import ApiServer

PROFILE = Place(CLUSTER_PROFILE_PLURAL, "", "default")


class People:
    """Each method does one thing to one job, or nothing where it is not possible; `number` chooses among its forms."""

    def __init__(self, server: ApiServer, promises: Promises, keys: dict[JobKey, dict[str, Any]]) -> None:
        self._server = server
        self._objects = server.objects
        self._promises = promises
        self.profile = PROFILE_SPEC
        """As it is when nobody has changed it."""
        self.orphaned: set[str] = set()
        """uids of jobs whose objects nobody will remove."""
        self.sources = keys
        """The source of each job that there may be."""

    def create(self, key: JobKey, number: int = 0) -> None:
        place = Place(JOB_PLURAL, *key)
        if self._objects.get(place) is None:
            self._objects.create(place, {"metadata": {}, "spec": SPEC | {"source": self.sources[key]}})

    def delete(self, key: JobKey, number: int) -> None:
        """`kubectl delete recon`, sometimes with --cascade=foreground."""
        place = Place(JOB_PLURAL, *key)
        if number % 2 == 0 and self._objects.get(place) is not None:
            self._server.deletion.delete(place, propagation="Foreground" if number % 3 == 0 else "Background")

    def orphan(self, key: JobKey, number: int) -> None:
        """`kubectl delete recon --cascade=orphan`: what the job has stays, and belongs to nobody."""
        place = Place(JOB_PLURAL, *key)
        found = self._objects.get(place)
        if number % 3 or found is None or found["metadata"].get("finalizers"):
            return
        uid = found["metadata"]["uid"]
        self.orphaned.add(uid)
        for kind in ("jobs", "persistentvolumeclaims", "controllerrevisions"):
            for each in self._objects.places(kind):
                if controller(self._objects.get(each) or {"metadata": {}}) == uid:
                    self._objects.mark(each, ownerReferences=None)
        self._server.deletion.delete(place)

    def clean_up(self) -> None:
        """What deleted jobs have left behind and what still runs is deleted: it would keep the workspace for ever."""
        for place in self._objects.places("jobs"):
            found = self._objects.get(place)
            if found is not None and labels(found)[LABEL_JOB_UID] in self.orphaned:
                self._server.deletion.delete(place)

    def edit(self, key: JobKey, **fields: Any) -> None:
        place = Place(JOB_PLURAL, *key)
        found = self._objects.get(place)
        if found is not None:
            spec = found["spec"] | fields
            self._objects.change(place, spec={name: value for name, value in spec.items() if value is not None})

    def suspend(self, key: JobKey, number: int) -> None:
        self.edit(key, suspend=number % 2 == 0)

    def ask_to_cancel(self, key: JobKey, number: int) -> None:
        self.edit(key, cancellation="Requested")

    def confirm_cancel(self, key: JobKey, number: int) -> None:
        if number % 2 == 0:
            self.edit(key, cancellation="Confirmed")

    def withdraw_cancel(self, key: JobKey, number: int) -> None:
        self.edit(key, cancellation=None)

    def change_exports(self, key: JobKey, number: int) -> None:
        self.edit(key, exports=[{"format": ["GLB", "OBJ", "PLY"][number % 3]}])

    def change_mesh(self, key: JobKey, number: int) -> None:
        self.edit(key, mesh={"targetFaces": 1000 + number % 3})

    def change_images(self, key: JobKey, number: int) -> None:
        if "jobRef" not in self.sources[key]:
            self.edit(key, images={"maxSidePixels": 800 + number % 3})

    def pause(self, key: JobKey, number: int) -> None:
        choices = [PauseStage["INGEST"], PauseStage["POSES"], PauseStage["TRAIN"]]
        self.edit(key, pauseAfter=[*choices, None, None][number % 5], endAfter=None)

    def set_soft_deadline(self, key: JobKey, number: int) -> None:
        self.edit(key, softDeadlineSeconds=[None, 20, 1000][number % 3])

    def redo(self, key: JobKey, number: int) -> None:
        found = self._objects.get(Place(JOB_PLURAL, *key))
        if found is not None:
            stage, again = list(StageName)[number % 8], found["spec"].get("redo", {})
            self.edit(key, redo=again | {stage.value: again.get(stage.value, 0) + 1})

    def retain(self, key: JobKey, number: int) -> None:
        times = [None, 0, 30, 5000]
        workspace, job = times[number % 4], times[number // 4 % 4]
        if job is None or (workspace or 0) <= job:
            kept = {"workspaceSeconds": workspace, "jobSeconds": job}
            self.edit(key, retention={name: value for name, value in kept.items() if value is not None})

    def delete_child_job(self, key: JobKey, number: int) -> None:
        """`kubectl delete job`, which leaves its pods for the garbage collector; or with --cascade=foreground."""
        places = [each for each in self._objects.places("jobs") if each.namespace == key.namespace]
        if places:
            place = places[number % len(places)]
            self._promises.removed_by_people.add(place.name)
            self._server.deletion.delete(place, propagation="Foreground" if number % 3 == 0 else "Background")

    def delete_pod(self, key: JobKey, number: int) -> None:
        places = [each for each in self._objects.places("pods") if each.namespace == key.namespace]
        if places:
            self._server.deletion.delete(places[number % len(places)])

    def delete_claim(self, key: JobKey, number: int) -> None:
        """Kubernetes keeps it as long as pods name it, also such as have ended."""
        place = Place("persistentvolumeclaims", key.namespace, f"{key.name}-workspace")
        if number % 3 == 0 and self._objects.get(place) is not None:
            self._server.deletion.delete(place)

    def change_profile(self, key: JobKey, number: int) -> None:
        """Of all jobs."""
        engines = self.profile if number % 3 else self.profile | {"engines": [{"name": "other", "image": "x"}]}
        self.set_profile(None if number % 5 == 0 else engines)

    def set_profile(self, spec: dict[str, Any] | None) -> None:
        found = self._objects.get(PROFILE)
        if spec is None and found is not None:
            self._objects.remove(PROFILE)
        elif spec is not None and found is None:
            self._objects.create(PROFILE, {"metadata": {}, "spec": spec})
        elif spec is not None:
            self._objects.change(PROFILE, spec=spec)

    def refuse(self, key: JobKey, number: int) -> None:
        """A quota is full, or not any more."""
        self._server.quota = ["", "", "jobs is forbidden: exceeded quota: team"][number % 3]

    def refuse_status(self, key: JobKey, number: int) -> None:
        """The status as it would be is too large, until the spec changes."""
        found = self._objects.get(Place(JOB_PLURAL, *key))
        if number % 4 == 0 and found is not None:
            self._server.rejected.add((found["metadata"]["uid"], found["metadata"]["generation"]))
