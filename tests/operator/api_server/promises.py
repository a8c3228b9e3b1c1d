"""What must never happen, checked at each change of the world."""

from __future__ import annotations

from reconstruction_api.names import JOB_PLURAL, LABEL_JOB, LABEL_JOB_UID
from reconstruction_operator.times import parse_time

from .objects import Change, Document, Place, labels
from .server import ApiServer, place_of
from .workloads import ENDED, Nodes, is_finished, phase

CLAIMS = "persistentvolumeclaims"


class BrokenPromiseError(AssertionError):
    """A promise of the operator was broken."""


class Promises:
    """`slots` is how many jobs may run at the same time."""

    def __init__(self, server: ApiServer, nodes: Nodes, slots: int | None) -> None:
        self._server = server
        self._objects = server.objects
        self._nodes = nodes
        self._slots = slots
        self._created: set[str] = set()
        """uid of the job and name of each child Job that there ever was."""
        self.removed_by_people: set[str] = set()
        """Names of child Jobs that may be made again."""
        self.broken: list[str] = []
        self._workspaces: dict[str, str] = {}
        """uid of the claim that each job had when its status was last written."""
        server.objects.changed.append(self._check)
        nodes.started.append(self._check_workspace)

    def check(self) -> None:
        """Raises BrokenPromiseError. Inside a request of the operator it would only be an error like others."""
        if self.broken:
            raise BrokenPromiseError("; ".join(self.broken))

    def _check(self, change: Change) -> None:
        if change.place.kind == "jobs" and change.before is None and change.after is not None:
            self._check_child_job(change.after)
        elif change.place.kind == JOB_PLURAL and change.before is not None and change.after is not None:
            self._check_status(change.before, change.after)

    def requested(self, method: str, path: str, body: Document | None) -> None:
        """The operator asks for something."""
        if method != "DELETE":
            return
        place, found = place_of(path)[0], self._objects.get(place_of(path)[0])
        if found is None or (body or {}).get("preconditions", {}).get("uid") != found["metadata"]["uid"]:
            return
        if place.kind == CLAIMS:
            self._check_claim_deletion(found)
        elif place.kind == JOB_PLURAL and not _is_over(found, "jobSeconds", self._server):
            self._break(f"{place.name} was deleted before its time")
        elif place.kind == "pods" and (body or {}).get("gracePeriodSeconds") == 0 and not _has_ended(found):
            stop_by = parse_time(found["metadata"].get("deletionTimestamp"))
            if stop_by is None or (self._server.time.now() - stop_by).total_seconds() < 300:
                self._break(f"pod {place.name} was removed by force although its node may be well")

    def _check_child_job(self, child: Document) -> None:
        metadata = child["metadata"]
        name, parent, uid = metadata["name"], self._parent(child), labels(child)[LABEL_JOB_UID]
        again = f"{uid}/{name}" in self._created and name not in self.removed_by_people
        self._created.add(f"{uid}/{name}")
        if again:
            self._break(f"{name} was created twice")
        if parent is None or parent["metadata"]["uid"] != uid:
            return  # its job has just gone; the garbage collector is on its way
        others = [
            each["metadata"]["name"]
            for each in self._objects.all("jobs", metadata["namespace"])
            if labels(each).get(LABEL_JOB_UID) == uid and each is not child and not self._has_ended(each)
        ]
        if [each for each in others if each != name]:
            self._break(f"{name} was created beside {others}")
        status = parent.get("status") or {}
        if name not in {run["jobName"] for run in status.get("runs", [])}:
            self._break(f"{name} was created although the job's status does not name it")
        if (status.get("cancellation") or {}).get("state") == "Confirmed":
            self._break(f"{name} was created although the job is cancelled")
        if "admissionTime" not in status:
            self._break(f"{name} was created although it is not the job's turn")
        if any(run["jobName"] == name and run.get("completed") for run in status.get("runs", [])):
            self._break(f"{name} was created although its class is complete")
        conditions = {each["type"]: each["status"] for each in status.get("conditions", [])}
        if conditions.get("Suspended") == "True":
            self._break(f"{name} was created although the job is held")

    def _has_ended(self, child: Document) -> bool:
        """Or is about to: the Job controller makes no other pod, because one has completed or the Job is going."""
        pods = self._server.pods_of(child)
        if is_finished(child) or "Succeeded" in (child.get("status") or {}).get("ends", []):
            return True
        done = any(phase(pod) == "Succeeded" for pod in pods) or "deletionTimestamp" in child["metadata"]
        return done and all(phase(pod) in ENDED for pod in pods)

    def _check_status(self, before: Document, after: Document) -> None:
        name, uid = after["metadata"]["name"], after["metadata"]["uid"]
        old, new = before.get("status") or {}, after.get("status") or {}
        if old == new:
            return
        if (old.get("cancellation") or {}).get("state") == "Confirmed" and old["cancellation"] != new.get(
            "cancellation"
        ):
            self._break(f"{name}: a cancelled job came back")
        claim = self._claim_of(after)
        known = self._workspaces.get(uid)
        self._workspaces[uid] = claim
        runs = {run["resourceClass"]: run for run in new.get("runs", [])}
        for run in old.get("runs", []):
            later = runs.get(run["resourceClass"])
            if later is None or later["attempt"] < run["attempt"]:
                self._break(f"{name}: the number of an attempt of {run['resourceClass']} went back")
            if run["attempt"] == (later or run)["attempt"] and run["jobName"] != (later or run)["jobName"]:
                self._break(f"{name}: two child Jobs for one attempt of {run['resourceClass']}")
        if old.get("observedGeneration") == new.get("observedGeneration") and claim and claim == known:
            self._check_kept(name, old, new)
        running = [each for each in self._objects.all(JOB_PLURAL) if "admissionTime" in (each.get("status") or {})]
        if self._slots is not None and len(running) > self._slots:
            self._break(f"{len(running)} jobs run where {self._slots} may")

    def _check_kept(self, name: str, old: Document, new: Document) -> None:
        """What is finished stays so while spec and workspace stay."""
        runs = {(run["resourceClass"], run["digest"]): run for run in new.get("runs", [])}
        for run in old.get("runs", []):
            if run.get("completed") and not runs.get((run["resourceClass"], run["digest"]), {}).get("completed"):
                self._break(f"{name}: {run['resourceClass']} is no longer complete")
        done = {each["name"] for each in new.get("stages", []) if each["state"] == "Succeeded"}
        lost = {each["name"] for each in old.get("stages", []) if each["state"] == "Succeeded"} - done
        if lost:
            self._break(f"{name}: {sorted(lost)} are no longer finished")

    def _check_workspace(self, pod: Document, claim: str) -> None:
        mine, namespace = pod["metadata"]["uid"], pod["metadata"]["namespace"]
        for uid, place in self._nodes.working.items():
            if uid != mine and place == (namespace, claim) and uid not in self._nodes.lost:
                self._break(f"pod {pod['metadata']['name']} works in {claim} beside another one")

    def _check_claim_deletion(self, claim: Document) -> None:
        parent = self._parent(claim)
        status = (parent or {}).get("status") or {}
        if parent is None or (claim.get("status") or {}).get("phase") == "Lost":
            return
        if "completionTime" not in status:
            self._break("a workspace was deleted although its job continues")
        elif (status.get("cancellation") or {}).get("state") != "Confirmed" and not _is_over(
            parent, "workspaceSeconds", self._server
        ):
            self._break("a workspace was deleted before its time")

    def _parent(self, document: Document) -> Document | None:
        namespace = document["metadata"]["namespace"]
        return self._objects.get(Place(JOB_PLURAL, namespace, labels(document)[LABEL_JOB]))

    def _claim_of(self, job: Document) -> str:
        """uid of a claim that is the job's and stays; empty when there is none."""
        metadata = job["metadata"]
        found = self._objects.get(Place(CLAIMS, metadata["namespace"], f"{metadata['name']}-workspace"))
        if found is None or "deletionTimestamp" in found["metadata"]:
            return ""
        return found["metadata"]["uid"]

    def _break(self, text: str) -> None:
        self.broken.append(text)


def _is_over(job: Document, member: str, server: ApiServer) -> bool:
    """Whether this part of spec.retention is over; once the workspace was given up it stays so."""
    status = job.get("status") or {}
    if member == "workspaceSeconds" and "workspaceRemovedTime" in (status.get("retention") or {}):
        return True
    end, limit = parse_time(status.get("completionTime")), (job["spec"].get("retention") or {}).get(member)
    return end is not None and limit is not None and (server.time.now() - end).total_seconds() >= limit


def _has_ended(pod: Document) -> bool:
    """Its node has confirmed that nothing of it works any more."""
    return phase(pod) in ("Succeeded", "Failed")
