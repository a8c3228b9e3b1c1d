"""The Job controller, the scheduler and the kubelets: what makes pods, runs them and counts their ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconstruction_api.names import ENV_JOB, LABEL_QUEUE
from reconstruction_api.stages import ResourceClass, graph_of, pause_stage, stage_digests, stages_of
from reconstruction_api.worker import Failure, PodReport, StageResult, WorkerJob
from reconstruction_operator.parse import LABEL_CHILD_JOB
from reconstruction_operator.times import format_time

from ..samples import artifact
from .deletion import TRACKED, USED
from .objects import Document, Place, controller, labels
from .server import ApiServer

Move = Callable[[], Any]


class JobController:
    """For Jobs as the operator makes them: no retries, a pod that was disrupted is replaced after its end."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._objects = server.objects
        self._serial = 0

    def moves(self) -> list[Move]:
        found: list[Move] = []
        for place in self._objects.places("jobs"):
            job = self._objects.get(place)
            assert job is not None
            pods = self._server.pods_of(job)
            going = "deletionTimestamp" in job["metadata"]
            found += [self._count(pod) for pod in pods if _is_tracked(pod) and (going or phase(pod) in ENDED)]
            if not going and not is_finished(job):
                found += self._begin_or_end(place, job, pods)
        uids = self._objects.uids()
        orphans = [pod for pod in self._objects.all("pods") if controller(pod) not in uids and _is_tracked(pod)]
        return [*found, *(self._count(pod) for pod in orphans)]

    def _begin_or_end(self, place: Place, job: Document, pods: list[Document]) -> list[Move]:
        working = [pod for pod in pods if phase(pod) not in ENDED]
        if is_suspended(job):
            staying = [pod for pod in working if "deletionTimestamp" not in pod["metadata"]]
            return [lambda pod=pod: self._server.deletion.delete(place_of_pod(pod)) for pod in staying]
        waits = working or any(_is_tracked(pod) for pod in pods)
        return [] if waits else [lambda: self._bring_forward(place)]

    def _count(self, pod: Document) -> Move:
        """A pod that has ended is counted before its object may go. One that was deleted has failed, unless its Job was
        suspended."""

        def count() -> None:
            found = self._objects.get(place_of_pod(pod))
            job = self._job_of(pod)
            if found is None or not _is_tracked(found):
                return
            if job is not None and "deletionTimestamp" not in job["metadata"]:
                status = dict(job.get("status") or {})
                end = "Ignored" if is_suspended(job) and phase(found) == "Failed" else _end(found)
                place = Place("jobs", job["metadata"]["namespace"], job["metadata"]["name"])
                self._objects.change(place, status=status | {"ends": [*status.get("ends", []), end]})
            self._server.deletion.release(place_of_pod(pod), TRACKED)

        return count

    def _job_of(self, pod: Document) -> Document | None:
        jobs = self._objects.all("jobs", pod["metadata"]["namespace"])
        return next((each for each in jobs if each["metadata"]["uid"] == controller(pod)), None)

    def _bring_forward(self, place: Place) -> None:
        """All pods that it has made have ended and are counted, or there is none."""
        job = self._objects.get(place)
        if job is None or "deletionTimestamp" in job["metadata"] or is_finished(job) or is_suspended(job):
            return
        if any(phase(pod) not in ENDED or _is_tracked(pod) for pod in self._server.pods_of(job)):
            return
        status = dict(job.get("status") or {})
        ends = status.get("ends", [])
        if "Succeeded" in ends:
            self._objects.change(place, status=status | self._condition("Complete", "CompletionsReached"))
        elif "Failed" in ends:
            self._objects.change(place, status=status | self._condition("Failed", "BackoffLimitExceeded"))
        else:
            self._make_pod(job)

    def _condition(self, kind: str, reason: str) -> Document:
        now = format_time(self._server.time.now())
        return {"conditions": [{"type": kind, "status": "True", "reason": reason, "lastTransitionTime": now}]}

    def _make_pod(self, job: Document) -> None:
        self._serial += 1
        template, metadata = job["spec"]["template"], job["metadata"]
        name = f"{metadata['name']}-{self._serial}"
        owner = {"kind": "Job", "name": metadata["name"], "uid": metadata["uid"], "controller": True}
        marks = template["metadata"]["labels"] | {LABEL_CHILD_JOB: metadata["name"]}
        self._objects.create(
            Place("pods", metadata["namespace"], name),
            {
                "metadata": {"labels": marks, "ownerReferences": [owner], "finalizers": [TRACKED]},
                "spec": template["spec"],
                "status": {"phase": "Pending"},
            },
        )


ENDED = ("Succeeded", "Failed")


def phase(pod: Document) -> str:
    return pod["status"]["phase"]


def is_finished(job: Document) -> bool:
    return bool((job.get("status") or {}).get("conditions"))


def is_suspended(job: Document) -> bool:
    return bool(job["spec"].get("suspend"))


def place_of_pod(pod: Document) -> Place:
    return Place("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])


def _is_tracked(pod: Document) -> bool:
    return TRACKED in pod["metadata"].get("finalizers", [])


def _end(pod: Document) -> str:
    """Of a pod that was disrupted it is as if it had never been."""
    disrupted = any(each["type"] == "DisruptionTarget" for each in pod["status"].get("conditions", []))
    return "Ignored" if phase(pod) == "Failed" and disrupted else phase(pod)


class Kueue:
    """Lets Jobs of its queue start, one day."""

    def __init__(self, server: ApiServer) -> None:
        self._objects = server.objects

    def moves(self) -> list[Move]:
        waiting = [each for each in self._objects.places("jobs") if self._is_suspended(each, True)]
        return [lambda place=place: self.suspend(place, False) for place in waiting]

    def suspend(self, place: Place, suspended: bool) -> None:
        """Admit a Job, or take its quota back for a more urgent one."""
        job = self._objects.get(place)
        if job is not None and self._is_suspended(place, not suspended):
            self._objects.change(place, spec=job["spec"] | {"suspend": suspended})

    def _is_suspended(self, place: Place, suspended: bool) -> bool:
        """Of a Job that is in a queue and goes on."""
        job = self._objects.get(place)
        if job is None or LABEL_QUEUE not in labels(job) or is_finished(job) or "deletionTimestamp" in job["metadata"]:
            return False
        return is_suspended(job) is suspended


class Nodes:
    """The scheduler and the kubelets, and the volumes that pods work in."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._objects = server.objects
        self.lost: set[str] = set()
        """uids of pods on nodes that do not answer."""
        self.working: dict[str, tuple[str, str]] = {}
        """Namespace and name of the claim that each container writes, by the uid of its pod; of lost nodes as well."""
        self.started: list[Callable[[Document, str], None]] = []
        """Told of each container that starts, with the claim of its workspace."""

    def pods(self, *phases: str) -> list[Document]:
        """Of nodes that answer."""
        there = (pod for pod in self._objects.all("pods") if pod["metadata"]["uid"] not in self.lost)
        return [pod for pod in there if not phases or phase(pod) in phases]

    def moves(self) -> list[Move]:
        """What happens by itself sooner or later, and well."""
        found: list[Move] = []
        for pod in self.pods():
            deleted = "deletionTimestamp" in pod["metadata"]
            if deleted:
                found.append(lambda pod=pod: self.stop(pod))
            elif phase(pod) == "Pending":
                found.append(lambda pod=pod: self.start(pod) if pod["spec"].get("nodeName") else self.schedule(pod))
            elif phase(pod) == "Running":
                found.append(lambda pod=pod: self.succeed(pod))
        uids = self._objects.uids()
        forgotten = [uid for uid in self.working if uid not in uids and uid not in self.lost]
        found += [lambda uid=uid: self.working.pop(uid, None) for uid in forgotten]
        for place in self._objects.places("persistentvolumeclaims"):
            claim = self._objects.get(place)
            assert claim is not None
            if "deletionTimestamp" in claim["metadata"] and not self._is_used(place):
                found.append(lambda place=place: self._server.deletion.release(place, USED))
        return found

    def schedule(self, known: Document) -> None:
        """With the first pod a claim gets its volume."""
        pod = self._present(known)
        claim = self._claim(pod) if pod else None
        if not pod or pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
            return
        now = format_time(self._server.time.now())
        if claim is None or "deletionTimestamp" in claim["metadata"]:
            said = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "lastTransitionTime": now}
            message = f'persistentvolumeclaim "{workspace_of(pod)}" not found'
            self._report(pod, conditions=[said | {"message": message}])
            return
        place = Place("persistentvolumeclaims", claim["metadata"]["namespace"], claim["metadata"]["name"])
        if (claim.get("status") or {}).get("phase") != "Bound":
            bound = claim["spec"] | {"volumeName": f"volume-of-{claim['metadata']['uid']}"}
            self._objects.change(place, spec=bound, status={"phase": "Bound"})
        self._objects.change(place_of_pod(pod), spec=pod["spec"] | {"nodeName": "worker-1"})
        self._report(pod, conditions=[{"type": "PodScheduled", "status": "True", "lastTransitionTime": now}])

    def start(self, known: Document) -> None:
        pod = self._present(known)
        if not pod or phase(pod) != "Pending" or not pod["spec"].get("nodeName"):
            return
        if "deletionTimestamp" in pod["metadata"]:
            return
        now = format_time(self._server.time.now())
        metadata = pod["metadata"]
        self.working[metadata["uid"]] = (metadata["namespace"], workspace_of(pod))
        for each in self.started:
            each(pod, workspace_of(pod))
        self._report(pod, phase="Running", containerStatuses=[_container({"running": {"startedAt": now}})])

    def succeed(self, known: Document) -> None:
        """With all that the pod was told to do, or up to where it was told to pause."""
        pod = self._present(known)
        if not pod or phase(pod) != "Running":
            return
        order = order_of(pod)
        graph, digests = graph_of(order.spec), stage_digests(order.spec)
        stages = [StageResult(name=s.name, digest=digests[s.name]) for s in stages_of(order.resource_class, graph)]
        names, last = [each.name for each in stages[:-1]], pause_stage(order.spec)
        if last is not None and last in names:
            return self.end(pod, 0, PodReport(stages=stages[: names.index(last) + 1], paused_after=last))
        artifacts = [artifact("model.glb")] if order.resource_class is ResourceClass.DELIVER else []
        self.end(pod, 0, PodReport(stages=stages, metrics={"psnr": "27.3"}, artifacts=artifacts))

    def fail(self, pod: Document, failure: Failure | None, exit_code: int, reason: str = "Error") -> None:
        if phase(pod) == "Running":
            self.end(pod, exit_code, PodReport(failure=failure) if failure is not None else None, reason)

    def end(self, pod: Document, exit_code: int, report: PodReport | None = None, reason: str = "") -> None:
        found = self._present(pod)
        if not found or phase(found) != "Running":
            return
        self.working.pop(found["metadata"]["uid"], None)
        started = found["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
        ended = {
            "exitCode": exit_code, "startedAt": started, "finishedAt": format_time(self._server.time.now()),
            "reason": reason or ("Completed" if exit_code == 0 else "Error"),
            "message": report.to_termination_message() if report is not None else "",
        }  # fmt: skip
        status = {"containerStatuses": [_container({"terminated": ended})]}
        self._report(found, phase="Succeeded" if exit_code == 0 else "Failed", **status)

    def stop(self, pod: Document) -> None:
        """A pod that is to go: its worker saves what it has, and the kubelet confirms that it has stopped."""
        found = self._present(pod)
        if not found or "deletionTimestamp" not in found["metadata"]:
            return
        if phase(found) == "Running":
            self.end(found, 5)
        elif phase(found) == "Pending":
            self._report(found, phase="Failed")
        self._server.deletion.confirm(place_of_pod(found))

    def disrupt(self, pod: Document, *, evicted: bool) -> None:
        """A more urgent pod takes its place, or its node is short of something: then its object stays."""
        found = self._present(pod)
        if not found or phase(found) not in ("Pending", "Running"):
            return
        reason = "TerminationByKubelet" if evicted else "PreemptionByScheduler"
        self._report(found, conditions=[{"type": "DisruptionTarget", "status": "True", "reason": reason}])
        if not evicted:
            return self._delete(found)
        if phase(found) == "Running":
            self.end(found, 5)
        else:
            self._report(found, phase="Failed")

    def lose(self, pod: Document) -> None:
        """Its node is cut off; the pod is asked to stop, and nobody answers."""
        found = self._present(pod)
        if not found or phase(found) != "Running":
            return
        self.lost.add(found["metadata"]["uid"])
        self._report(found, conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaint"}])
        self._delete(found)

    def come_back(self) -> None:
        """The lost nodes answer again."""
        self.lost.clear()

    def _delete(self, pod: Document) -> None:
        self._server.deletion.delete(place_of_pod(pod))

    def _present(self, pod: Document) -> Document | None:
        """The pod as it is now."""
        found = self._objects.get(place_of_pod(pod))
        return found if found is not None and found["metadata"]["uid"] == pod["metadata"]["uid"] else None

    def _report(self, pod: Document, **status: Any) -> None:
        found = self._present(pod)
        if found is not None:
            conditions = {each["type"]: each for each in found["status"].get("conditions", [])}
            for each in status.pop("conditions", []):
                before = conditions.get(each["type"], {})
                if any(before.get(name) != each.get(name) for name in ("status", "reason", "message")):
                    conditions[each["type"]] = each
            wanted = found["status"] | status | {"conditions": list(conditions.values())}
            self._objects.change(place_of_pod(found), status=wanted)

    def _claim(self, pod: Document) -> Document | None:
        return self._objects.get(Place("persistentvolumeclaims", pod["metadata"]["namespace"], workspace_of(pod)))

    def _is_used(self, claim: Place) -> bool:
        """By a pod that is there, whether or not it has ended."""
        pods = self._objects.all("pods", claim.namespace)
        return any(workspace_of(pod) == claim.name and pod["spec"].get("nodeName") for pod in pods)


def workspace_of(pod: Document) -> str:
    """Name of the volume claim that the pod works in."""
    volumes = {each["name"]: each for each in pod["spec"]["volumes"]}
    return volumes["workspace"]["persistentVolumeClaim"]["claimName"]


def order_of(pod: Document) -> WorkerJob:
    """What the worker is told to do."""
    variables = pod["spec"]["containers"][0]["env"]
    text = next(each["value"] for each in variables if each["name"] == ENV_JOB)
    return WorkerJob.model_validate_json(text.replace("$$(", "$("))


def _container(state: Document) -> Document:
    return {"name": "worker", "state": state}
