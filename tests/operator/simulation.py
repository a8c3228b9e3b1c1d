"""A Kubernetes in a few hundred lines: jobs, pods and a claim that change as the real controllers change them, one step
at a time, so that decisions can be driven through histories that a real cluster shows once a year."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.names import ENV_JOB
from reconstruction_api.profile_revision import snapshot_in
from reconstruction_api.stages import ResourceClass, StageName, graph_of, pause_stage, stage_digests, stages_of
from reconstruction_api.status import ReconstructionJobStatus
from reconstruction_api.worker import Failure, PodReport, Progress, ProgressUpdate, StageResult, WorkerJob
from reconstruction_operator.act import Actor, Outdated, Refused
from reconstruction_operator.actions import Emit, Notify, Plan
from reconstruction_operator.clock import Clock
from reconstruction_operator.decide import decide
from reconstruction_operator.model import (
    ChildJob,
    Claim,
    Container,
    DeliveryResult,
    JobView,
    Observed,
    Pod,
    Policy,
    ProfileView,
    ScaleUp,
    StatusRefusal,
    Turn,
    UpstreamJob,
)
from reconstruction_operator.policies.control.rest import Remains, rest
from reconstruction_operator.times import format_time, parse_time

from .acting import at_once
from .builders import KEY, NOW, PROFILE_SPEC, SPEC, UID, artifact
from .requests import KilledError, Memory, Requests

POLICY = Policy(
    notifications=True,
    progress_url="http://operator",
    heartbeat_seconds=600,
    image_pull_grace_seconds=60,
    lost_report_grace_seconds=15,
)


class BrokenPromiseError(AssertionError):
    """A promise of the operator was broken."""


@dataclass
class Cluster:
    """The world, and the checks of what must never happen in it."""

    now: datetime = NOW
    spec: dict[str, Any] = field(default_factory=lambda: dict(SPEC))
    generation: int = 1
    version: int = 1
    raw_status: dict[str, Any] = field(default_factory=dict)
    profile: ProfileView | None = field(default_factory=lambda: ProfileView("", "default", 1, PROFILE_SPEC))
    child_jobs: dict[str, ChildJob] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    claim: Claim | None = None
    upstream: UpstreamJob | None = None
    """The job that the spec's source names, if it names one."""
    live: ProgressUpdate | None = None
    refusing: str = ""
    """What the API server says to whoever wants to create something; it takes everything when empty."""
    refused: int = 0
    """The generation of the job whose whole status the API server does not take."""
    explanations: dict[str, str] = field(default_factory=dict)
    has_room: bool = True
    """Whether another job may start beside those that run; where not, others wait for this one's place."""
    overdue: bool = False
    """The job holds a place that is of no use to it, as its last decision had it."""
    scale_ups: dict[str, ScaleUp] = field(default_factory=dict)
    source_users: tuple[str, ...] = ()
    """Pods that use the workspace of the other job."""
    promised: bool = False
    """The job has been given a slot that its status does not show yet."""
    created: list[str] = field(default_factory=list)
    removed_by_people: set[str] = field(default_factory=set)
    completed: set[tuple[str, str]] = field(default_factory=set)
    decisions: int = 0
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    """ControllerRevisions by name."""
    orders: dict[str, WorkerJob] = field(default_factory=dict)
    """What the pods of each child Job were told."""
    sending: dict[tuple[str, str], int] = field(default_factory=dict)
    sent: dict[tuple[str, str], DeliveryResult] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    """Messages that receivers have taken."""
    lost: set[str] = field(default_factory=set)
    """Pods on nodes that do not answer."""
    deleted: bool = False
    """spec.retention.jobSeconds was over."""
    _serial: int = 0

    def __post_init__(self) -> None:
        self.memory = Memory(self)

    # ---- the operator ------------------------------------------------------------------------------------------------

    def observe(self) -> Observed:
        status = ReconstructionJobStatus.model_validate(self.raw_status)
        pinned = status.profile_revision
        if pinned is not None:
            status.profile = snapshot_in(self.revisions[pinned.revision], pinned.digest)
        job = JobView(
            KEY,
            UID,
            self.generation,
            str(self.version),
            False,
            ReconstructionJobSpec.model_validate(self.spec),
            "",
            status,
        )
        return Observed(
            job,
            self.profile,
            ("default",) if self.profile else (),
            self.upstream,
            (),
            tuple(self.child_jobs.values()),
            tuple(self.pods.values()),
            self.claim,
            self._turn(),
            self.explanations,
            self.memory.refusal(KEY),
            self.live,
            policy=POLICY,
            sent=tuple(self.sent.values()),
            sending=frozenset(self.sending),
            status_refusal=StatusRefusal(self.generation, "too large", 1) if self.refused == self.generation else None,
            source_users=self.source_users,
            scale_ups=self.scale_ups,
        )

    def _turn(self) -> Turn:
        if "admissionTime" in self.raw_status:
            return Turn(wanted=self.overdue and not self.has_room)
        return Turn() if self.has_room or self.promised else Turn(False, "profile", 2, 1)

    def decide(self) -> tuple[Observed, Plan]:
        self.decisions += 1
        seen = self.observe()
        plan = decide(seen, self.now)
        self._check_turn(seen, plan)
        holds, self.overdue = plan.slot in ("held", "nodeless", "overdue"), plan.slot == "overdue"
        self.promised = holds and (self.promised or self.has_room)
        if self._is_at_rest() and (plan.status is not None or plan.actions):
            raise BrokenPromiseError("a job was taken for one of which nothing is left to do")
        return seen, plan

    def _is_at_rest(self) -> bool:
        remains = Remains(UID, self.generation, tuple(self.child_jobs.values()), tuple(self.pods.values()), self.claim)
        return rest(self.raw_status, remains, self.now) is not None

    def _check_turn(self, seen: Observed, plan: Plan) -> None:
        """A turn is given back for others, and only where no node was found."""
        before, after = seen.job.status.yield_time, plan.status.yield_time if plan.status is not None else None
        if after is None or after == before:
            return
        if not seen.turn.wanted:
            raise BrokenPromiseError("a turn was given back that nobody wanted")
        if any(pod.scheduled is not None and not pod.finished for pod in seen.pods):
            raise BrokenPromiseError("a job gave its turn back although its pod has a node")
        patience = timedelta(seconds=POLICY.admission_timeout_seconds)
        waiting = {pod.uid for pod in seen.pods if not pod.finished}
        if any(self.now < each.at + patience for uid, each in self.scale_ups.items() if uid in waiting):
            raise BrokenPromiseError("a job gave its turn back although a node is being made for its pod")

    def act(self, seen: Observed, plan: Plan, dies_after: int | None = None) -> None:
        """Carry a plan out; `dies_after` that many calls the operator is killed."""
        recorder: Any = self
        notifier: Any = self
        clock = Clock(now=lambda: self.now)
        actor = Actor(Requests(self, dies_after), self.memory, recorder, notifier, clock=clock)
        with suppress(Outdated, Refused, KilledError):
            at_once(actor.act(seen.job, plan))

    def record(self, job: JobView, emit: Emit) -> None:
        """Nobody reads Events here."""

    def reconcile(self) -> Plan:
        """Decide and act until nothing more is to be done, as an undisturbed operator does."""
        for _ in range(6):
            seen, plan = self.decide()
            if self.deleted or (plan.status is None and not plan.actions):
                return plan
            self.act(seen, plan)
        raise BrokenPromiseError(f"decisions do not come to rest: {plan}")

    def write(self, wanted: dict[str, Any]) -> None:
        """The job's status, as it is wanted."""
        self._check_cancellation(wanted)
        if self.raw_status != wanted:
            self.raw_status = wanted
            self.version += 1
        for run in wanted.get("runs", []):
            if run.get("completed"):
                self.completed.add((run["resourceClass"], run["digest"]))

    def _is_about_to_end(self, job: ChildJob) -> bool:
        """The worker has ended with status 0: the Job controller makes no other pod."""
        pods = [pod for pod in self.pods.values() if pod.job_name == job.name]
        return any(pod.container.exit_code == 0 for pod in pods) and all(pod.finished for pod in pods)

    def create_job(self, manifest: dict[str, Any]) -> None:
        """A child Job."""
        metadata = manifest["metadata"]
        name, marks = metadata["name"], metadata["labels"]
        if self.cancelled:
            raise BrokenPromiseError(f"{name} was created although the job is cancelled")
        if name in self.child_jobs:
            return
        if name in self.created and name not in self.removed_by_people:
            raise BrokenPromiseError(f"{name} was created twice")
        busy = [job.name for job in self.child_jobs.values() if not job.finished and not self._is_about_to_end(job)]
        if busy:
            raise BrokenPromiseError(f"{name} was created beside {busy}")
        if any(not pod.finished for pod in self.pods.values()):
            raise BrokenPromiseError(f"{name} was created while a pod still works in the workspace")
        resource_class = ResourceClass(marks["reconstruction.dev/resource-class"])
        self._check_not_done(resource_class)
        queued = manifest["spec"].get("suspend", False)
        if self.claim.deleting if self.claim is not None else not queued:
            raise BrokenPromiseError(f"{name} was created without a workspace")
        if self.held:
            raise BrokenPromiseError(f"{name} was created although the job is held")
        if "jobRef" in self.spec["source"] and resource_class is ResourceClass.PREPARE and not self._other_is_ready():
            raise BrokenPromiseError(f"{name} was created although the other job has not what it needs")
        if "jobRef" in self.spec["source"] and resource_class is ResourceClass.PREPARE and self._source_is_in_use():
            raise BrokenPromiseError(f"{name} was created although the other job's workspace is in use")
        if "admissionTime" not in self.raw_status:
            raise BrokenPromiseError(f"{name} was created although it is not the job's turn")
        self.created.append(name)
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        order = next(each["value"] for each in container["env"] if each["name"] == ENV_JOB)
        self.orders[name] = WorkerJob.model_validate_json(order.replace("$$(", "$("))
        self.child_jobs[name] = ChildJob(
            name,
            f"uid-{len(self.created)}",
            UID,
            resource_class,
            marks["reconstruction.dev/digest"],
            int(marks["reconstruction.dev/attempt"]),
            created=self.now,
            suspended=queued,
            queue=marks.get("kueue.x-k8s.io/queue-name", ""),
        )
        if not queued:
            self.add_pod(name)

    def _other_is_ready(self) -> bool:
        upstream = self.upstream
        return (
            upstream is not None
            and not upstream.deleting
            and upstream.current
            and "poses" in upstream.done
            and bool(upstream.claim)
        )

    def _source_is_in_use(self) -> bool:
        """And it has been found that it can't be shared."""
        runs = ReconstructionJobStatus.model_validate(self.raw_status).runs
        return bool(self.source_users) and any(run.source_waits and not run.completed for run in runs)

    def _check_not_done(self, resource_class: ResourceClass) -> None:
        runs = ReconstructionJobStatus.model_validate(self.raw_status).runs
        run = next(run for run in runs if run.resource_class is resource_class)
        if run.completed:
            raise BrokenPromiseError(f"{resource_class} was started although it is done")

    def remove_job(self, name: str, uid: str) -> None:
        job = self.child_jobs.get(name)
        if job is not None and job.uid == uid:
            if job.suspended and not any(pod.job_name == name for pod in self.pods.values()):
                self.removed_by_people.add(name)  # as if it had never been, whoever removed it
            self.child_jobs[name] = replace(job, deleting=True)

    def remove_pod(self, name: str, uid: str, grace_seconds: int) -> None:
        pod = self.pods.get(name)
        if pod is None or pod.uid != uid:
            return
        if pod.phase == "Pending" or grace_seconds == 0:
            if grace_seconds == 0 and not (pod.stop_by and self.now >= pod.stop_by + timedelta(seconds=300)):
                raise BrokenPromiseError(f"{pod.name} was removed by force although its node may be well")
            del self.pods[pod.name]
        elif pod.name in self.lost:
            self.pods[pod.name] = replace(pod, deleting=True, stop_by=pod.stop_by or self.now)
        elif not pod.finished:
            self.end(pod, exit_code=137, deleting=True)

    def remove_claim(self, uid: str) -> None:
        if "completionTime" not in self.raw_status:
            raise BrokenPromiseError("the workspace was deleted although its job continues")
        if not self.cancelled and not self._is_over("workspaceSeconds"):
            raise BrokenPromiseError("the workspace was deleted before its time")
        if self.claim is not None and self.claim.uid == uid:
            self.claim = replace(self.claim, deleting=True)

    def send(self, job: JobView, action: Notify) -> None:
        """A notification."""
        stored = self.raw_status.get("notifications", [])
        wanted = (action.id, action.receiver, "Pending")
        if not any((each["id"], each["receiver"], each["state"]) == wanted for each in stored):
            raise BrokenPromiseError("a message was sent that is not in status")
        self.sending.setdefault((action.id, action.receiver), action.attempt)

    def deliver(self, problem: str) -> None:
        """A receiver answers."""
        if self.sending:
            (identifier, receiver), attempt = self.sending.popitem()
            self.sent[identifier, receiver] = DeliveryResult(identifier, receiver, attempt, self.now, problem)
            if not problem:
                self.told.add((identifier, receiver))

    def restart(self) -> None:
        """What the operator's process remembers is lost."""
        self.sending.clear()
        self.sent.clear()
        self.live = None

    def remove_itself(self, version: str) -> None:
        if version != str(self.version):
            return
        if any(each["state"] == "Pending" for each in self.raw_status.get("notifications", [])):
            raise BrokenPromiseError("the job was deleted before it had told everything")
        if not self._is_over("jobSeconds"):
            raise BrokenPromiseError("the job was deleted before its time")
        self.deleted = True

    def _is_over(self, member: str) -> bool:
        """Whether this part of spec.retention is over; once the workspace was given up it stays so."""
        if member == "workspaceSeconds" and "workspaceRemovedTime" in self.raw_status.get("retention", {}):
            return True
        end, limit = parse_time(self.raw_status.get("completionTime")), (self.spec.get("retention") or {}).get(member)
        return end is not None and limit is not None and self.now >= end + timedelta(seconds=limit)

    def delete_claim(self) -> None:
        """`kubectl delete pvc`; Kubernetes keeps it as long as pods name it, also such as have ended."""
        if self.claim is not None:
            self.claim = replace(self.claim, deleting=True)

    def _check_cancellation(self, wanted: dict[str, Any]) -> None:
        """Confirmed for good, and only from a request that is still open."""
        before, after = self.raw_status.get("cancellation", {}), wanted.get("cancellation", {})
        if before.get("state") == "Confirmed" and after != before:
            raise BrokenPromiseError("a cancelled job came back")
        if after.get("state") != "Confirmed" or before.get("state") == "Confirmed":
            return
        if before.get("state") != "Requested" or self.spec.get("cancellation") != "Confirmed":
            raise BrokenPromiseError("a job was cancelled that nobody had asked to be")
        if format_time(self.now) >= before["confirmBefore"]:
            raise BrokenPromiseError("a job was cancelled after the hour")

    # ---- Kubernetes --------------------------------------------------------------------------------------------------

    def add_pod(self, job_name: str) -> None:
        self._serial += 1
        name = f"{job_name}-{self._serial}"
        self.pods[name] = Pod(name, f"uid-{name}", UID, job_name, "Pending", created=self.now)

    def controllers(self) -> None:
        """The Job controller and the garbage collector notice what has happened."""
        for job in list(self.child_jobs.values()):
            mine = [pod for pod in self.pods.values() if pod.job_name == job.name]
            if job.deleting:
                self._collect(job, mine)
            elif not job.finished:
                self._finish(job, mine)
        in_use = any(pod.scheduled is not None for pod in self.pods.values())
        if self.claim is not None and self.claim.deleting and not in_use:
            self.claim = None

    def _collect(self, job: ChildJob, pods: list[Pod]) -> None:
        """Foreground deletion: pods are asked to stop, then removed, then the Job."""
        for pod in pods:
            if pod.finished or pod.phase == "Pending":
                del self.pods[pod.name]
            elif pod.name in self.lost:
                self.pods[pod.name] = replace(pod, deleting=True, stop_by=pod.stop_by or self.now)
            else:
                self.end(pod, exit_code=5, deleting=True)
        if not pods:
            del self.child_jobs[job.name]

    def _finish(self, job: ChildJob, pods: list[Pod]) -> None:
        last = max(pods, key=lambda pod: pod.name, default=None)
        if job.suspended:
            return
        if last is None:
            self.child_jobs[job.name] = replace(job, failed=True, reason="BackoffLimitExceeded", ended=self.now)
        elif last.phase == "Succeeded":
            self.child_jobs[job.name] = replace(job, succeeded=True, ended=self.now)
        elif last.phase == "Failed" and last.disrupted:
            self.add_pod(job.name)
        elif last.phase == "Failed":
            self.child_jobs[job.name] = replace(job, failed=True, reason="BackoffLimitExceeded", ended=self.now)

    def active_pod(self) -> Pod | None:
        there = (pod for pod in self.pods.values() if pod.name not in self.lost)
        return next((pod for pod in there if not pod.finished), None)

    def admit(self) -> None:
        """Kueue has quota for the Job."""
        for job in list(self.child_jobs.values()):
            if job.suspended and not job.deleting:
                self.child_jobs[job.name] = replace(job, suspended=False)
                self.add_pod(job.name)

    def take_back(self) -> None:
        """Kueue gives the quota to a more urgent Job."""
        for job in list(self.child_jobs.values()):
            if job.queue and not job.finished and not job.deleting and not job.suspended:
                self.child_jobs[job.name] = replace(job, suspended=True)
                for pod in [each for each in self.pods.values() if each.job_name == job.name and not each.finished]:
                    del self.pods[pod.name]

    def lose_node(self) -> None:
        """The node of the running pod is cut off; Kubernetes asks the pod to stop, and nobody answers."""
        if (pod := self.active_pod()) and pod.phase == "Running":
            self.lost.add(pod.name)
            self.pods[pod.name] = replace(pod, deleting=True, disrupted=True, stop_by=self.now, node="gone")

    def schedule(self, pod: Pod) -> None:
        if pod.phase == "Pending" and self.claim is not None:
            self.pods[pod.name] = replace(pod, scheduled=pod.scheduled or self.now, unscheduled_message="")

    def start(self, pod: Pod) -> None:
        if pod.phase == "Pending" and self.child_jobs.get(pod.job_name) and (self.claim or pod.scheduled):
            self.pods[pod.name] = replace(
                pod,
                unscheduled_message="",
                phase="Running",
                scheduled=pod.scheduled or self.now,
                container=Container(started=self.now),
            )

    def end(self, pod: Pod, exit_code: int, report: PodReport | None = None, **fields: Any) -> None:
        started = pod.container.started or self.now
        container = Container(
            started=started,
            ended=self.now,
            exit_code=exit_code,
            reason=fields.pop("container_reason", ""),
            message=report.to_termination_message() if report else "",
        )
        phase = "Succeeded" if exit_code == 0 else "Failed"
        self.pods[pod.name] = replace(pod, phase=phase, container=container, **fields)

    def succeed(self, pod: Pod) -> None:
        """Only a pod of a Job that is not being deleted gets to its end."""
        job = self.child_jobs.get(pod.job_name)
        if pod.phase != "Running" or job is None or job.resource_class is None:
            return
        digests = stage_digests(ReconstructionJobSpec.model_validate(self.spec))
        graph = graph_of(ReconstructionJobSpec.model_validate(self.spec))
        stages = [StageResult(name=s.name, digest=digests[s.name]) for s in stages_of(job.resource_class, graph)]
        last = pause_stage(self.orders[job.name].spec)
        names = [stage.name for stage in stages[:-1]]
        if last is not None and last in names:  # the worker ends where it was told to
            return self.end(pod, 0, PodReport(stages=stages[: names.index(last) + 1], paused_after=last))
        artifacts = [artifact("model.glb")] if job.resource_class is ResourceClass.DELIVER else []
        return self.end(pod, 0, PodReport(stages=stages, metrics={"psnr": "27.3"}, artifacts=artifacts))

    def fail(self, pod: Pod, failure: Failure | None, **fields: Any) -> None:
        if pod.phase == "Running":
            report = PodReport(failure=failure) if failure is not None else None
            self.end(pod, fields.pop("exit_code", 4), report, **fields)

    def progress(self, pod: Pod, percent: float) -> None:
        job = self.child_jobs.get(pod.job_name)
        graph = graph_of(ReconstructionJobSpec.model_validate(self.spec))
        stages = stages_of(job.resource_class, graph) if job is not None and job.resource_class is not None else ()
        if pod.phase == "Running" and job is not None and job.resource_class is not None and stages:
            self._serial += 1
            digests = stage_digests(ReconstructionJobSpec.model_validate(self.spec))
            done = [StageResult(name=each.name, digest=digests[each.name]) for each in stages[: int(percent) % 3]]
            stage: StageName = stages[min(len(done), len(stages) - 1)].name
            self.live = ProgressUpdate(
                namespace=KEY.namespace,
                name=KEY.name,
                uid=UID,
                attempt=job.attempt,
                resource_class=job.resource_class,
                sequence=self._serial,
                progress=Progress(stage=stage, percent=percent),
                stages=done,
            )

    # ---- people ------------------------------------------------------------------------------------------------------

    def edit(self, **fields: Any) -> None:
        changed = self.spec | fields
        if changed != self.spec:
            self.spec = changed
            self.generation += 1
            self.version += 1

    def delete_child(self, name: str) -> None:
        """`kubectl delete job`: in the background, so that the pods outlive the Job for a while."""
        self.removed_by_people.add(name)
        if self.child_jobs.pop(name, None) is not None:
            for pod in list(self.pods.values()):
                if pod.job_name == name:
                    self.pods[pod.name] = replace(pod, deleting=True)

    def orphans_stop(self) -> None:
        """Pods whose Job is gone are garbage."""
        for pod in list(self.pods.values()):
            if pod.job_name in self.child_jobs:
                continue
            if pod.name in self.lost and not pod.finished:
                self.pods[pod.name] = replace(pod, deleting=True, stop_by=pod.stop_by or self.now)
            else:
                del self.pods[pod.name]

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # ---- checks ------------------------------------------------------------------------------------------------------

    def check_resting(self, plan: Plan) -> None:
        """After the operator is done with what it sees, something must be able to wake it."""
        status = ReconstructionJobStatus.model_validate(self.raw_status)
        if self.succeeded or status.failure is not None or self.held or self.profile is None:
            return
        stirring = any(not job.finished or job.deleting for job in self.child_jobs.values())
        stirring = stirring or any(not pod.finished for pod in self.pods.values()) or bool(self.sending)
        stirring = stirring or (self.claim is not None and self.claim.deleting)
        waiting = any(each.reason == "ConcurrencyLimit" for each in status.conditions)
        if waiting and (self.has_room or plan.slot != "waiting"):
            raise BrokenPromiseError("the job waits for a turn that nobody will give it")
        if plan.next_check is None and not stirring:
            raise BrokenPromiseError("nothing will ever wake this job again")
        if plan.next_check is not None and plan.next_check <= self.now and not self.deleted:
            raise BrokenPromiseError("the next check is in the past: the operator would spin")

    @property
    def succeeded(self) -> bool:
        conditions = self.raw_status.get("conditions", [])
        return any(each["type"] == "Succeeded" and each["status"] == "True" for each in conditions)

    @property
    def held(self) -> bool:
        """Suspended, paused, or out of time: nothing wakes it but a change."""
        conditions = self.raw_status.get("conditions", [])
        return any(each["type"] == "Suspended" and each["status"] == "True" for each in conditions)

    @property
    def cancelled(self) -> bool:
        return self.raw_status.get("cancellation", {}).get("state") == "Confirmed"

    def check_cleared(self) -> None:
        """A cancelled job leaves nothing behind, at the latest once the pods of a lost node are given up."""
        for _ in range(8):
            plan = self.reconcile()
            if self.deleted:
                return
            self.orphans_stop()
            self.controllers()
            self.now = max(self.now, plan.next_check or self.now)
        left = [pod.name for pod in self.pods.values() if not pod.finished]
        left += [job.name for job in self.child_jobs.values() if not job.finished]
        if left or self.claim is not None:
            raise BrokenPromiseError(f"a cancelled job left {left or self.claim}")

    @property
    def failed(self) -> bool:
        return self.raw_status.get("failure") is not None

    def settle(self, rounds: int = 200) -> None:
        """Nothing disturbs any more: every pod that is started completes."""
        for _ in range(rounds):
            plan = self.reconcile()
            self.check_resting(plan)
            if self.succeeded or self.failed:
                return
            self.orphans_stop()
            self.controllers()
            self.admit()
            if pod := self.active_pod():
                self.start(pod)
                self.succeed(self.pods[pod.name])
            still_waits = pod is not None and self.pods[pod.name].phase == "Pending"  # for a claim that is made later
            if plan.next_check is not None and (pod is None or still_waits):
                self.now = max(self.now, plan.next_check)
        raise BrokenPromiseError("the job does not come to an end although nothing disturbs it")
