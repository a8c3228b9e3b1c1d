"""How far a job is: which resource class is next, what became of its attempt, and what follows from that."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.lifecycle import CancellationStatus
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun
from reconstruction_api.worker import Failure, PodReport

from ...actions import ExpectAbsent
from ...manifests.child_names import child_job_name, claim_name
from ...model import JobView, Observed
from ...times import parse_time
from .accept import Acceptance, was_accepted
from .attempt import Absent, Completed, Failed, Interrupted, Outcome, Paused, Running, Waiting, outcome_of, pods_of
from .cancel import cancellation, cancelled, is_cancelled
from .claims import is_lost
from .credible import credible_outcome
from .dependency import dependency
from .failure import deadline_exceeded, ending_of
from .hold import Hold, hold_of
from .interruptions import counted, eviction_code, eviction_failure
from .limits import deadline_seconds
from .needs import Need, needs_of, needs_of_plan
from .relocation import abandoned_claim
from .renewal import is_renewed
from .retry import after_failure, after_interruption, next_attempt
from .running import marked, noted, replaced_pods, running_seconds

_ORDER = list(ResourceClass)
CLASS_COMPLETED, WORKSPACE_LOST, WORKSPACE_MOVED = "ClassCompleted", "WorkspaceLost", "WorkspaceMoved"
"""Reasons of notices."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened and is worth telling once."""

    warning: bool
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class AttemptReport:
    """A report that an attempt left, and the run it belongs to."""

    run: ClassRun
    report: PodReport


@dataclass(frozen=True, slots=True)
class Situation:
    """What the observations amount to."""

    acceptance: Acceptance
    needs: tuple[Need, ...] = ()
    runs: tuple[ClassRun, ...] = ()
    current: ClassRun | None = None
    """The run that must end well next; None when all have, or when nothing can be run."""
    outcome: Outcome | None = None
    """Where the current run's attempt is."""
    renewed: bool = False
    """The spec has changed since the last decision."""
    failure: Failure | None = None
    """Why the job has failed for good, until its spec changes."""
    abandoned: str | None = None
    """uid of the volume claim that was given up because its volume is where no GPU is."""
    expects: tuple[ExpectAbsent, ...] = ()
    """Conclusions from absence that are to be checked."""
    anew: bool = False
    """The workspace is gone with all that was finished: everything runs again, from the photos."""
    awaits: str = ""
    """What has to happen to another job first."""
    hold: Hold | None = None
    """Why nothing is to run now, although the job is not over."""
    yields_turn: bool = False
    """The job gives its turn back now, because there is no node for it."""
    cancellation: CancellationStatus | None = None
    attempt_reports: tuple[AttemptReport, ...] = ()
    notices: tuple[Notice, ...] = ()
    deadline: datetime | None = None
    """When spec.activeDeadlineSeconds or spec.softDeadlineSeconds is over if the current pod runs on."""
    remaining_seconds: int | None = None

    @property
    def done(self) -> bool:
        return bool(self.needs) and self.current is None and self.failure is None

    @property
    def need(self) -> Need | None:
        """What the current run is for."""
        if self.current is None:
            return None
        return next((need for need in self.needs if need.digest == self.current.digest), None)

    @property
    def cancelled(self) -> bool:
        """Stopped for good, whatever the spec says from now on."""
        return is_cancelled(self.cancellation)


def advance(observed: Observed, acceptance: Acceptance, now: datetime) -> Situation:
    """Follow the classes in order to the first that has not ended well, and judge its attempt."""
    job, spec = observed.job, observed.job.spec
    asked = cancellation(job, now)
    if spec is None:
        return Situation(acceptance, failure=acceptance.failure, cancellation=asked)
    whole = acceptance.planned
    needs = needs_of_plan(whole.plan) if whole is not None else needs_of(spec)
    if asked is not None and is_cancelled(asked):
        return _cancelled(Situation(acceptance, needs, cancellation=asked, failure=cancelled(asked)), job)
    renewed = is_renewed(job)
    fresh_chance = (renewed and not spec.suspend) or not was_accepted(job.status)
    failure = None if fresh_chance else job.status.failure
    situation = Situation(
        acceptance,
        needs,
        _carried_over(job, needs, fresh_chance),
        failure=failure if acceptance.accepted else acceptance.failure,
        renewed=renewed,
        cancellation=asked,
    )
    situation = _follow(situation, spec, observed, now)
    situation = _without_workspace(_abandon(situation, observed, now), observed)
    situation = _refuse(situation, observed, now)
    situation = _depend(situation, observed)
    spent = _spent_seconds(situation, observed, now)
    situation = _enforce_deadline(situation, spec, spent, now)
    return _hold(situation, spec, spent, observed, now)


def _cancelled(situation: Situation, job: JobView) -> Situation:
    """Nothing runs any more, and nothing will."""
    runs = tuple(run if run.completed else run.model_copy(update={"ended": True}) for run in job.status.runs)
    return replace(situation, runs=runs)


def _carried_over(job: JobView, needs: tuple[Need, ...], fresh_chance: bool) -> tuple[ClassRun, ...]:
    """The known runs. A changed spec gives those that failed a new chance; those of other settings stay on record until
    their class starts again, so that no attempt's number is ever used twice."""
    wanted = {need.digest for need in needs}
    runs = job.status.runs
    return tuple(_renewed(job, run) if fresh_chance and run.digest in wanted else run for run in runs)


def _renewed(job: JobView, run: ClassRun) -> ClassRun:
    if run.completed:
        return run
    cleared = run.model_copy(
        update={"failures": 0, "retry_after": None, "trouble": "", "ended": False, "interruptions_in_vain": 0}
    )
    return next_attempt(job, cleared, None) if run.ended else cleared


def _abandon(situation: Situation, observed: Observed, now: datetime) -> Situation:
    """Give up a workspace that can't be reached from where the GPUs are."""
    profile = situation.acceptance.profile if situation.failure is None else None
    uid = abandoned_claim(observed, profile, situation.need, situation.current, situation.outcome, now)
    if uid is None or uid == observed.job.status.abandoned_workspace:
        return replace(situation, abandoned=uid)
    text = "The workspace's volume is where no GPU is free: the photos are prepared again on a volume near one."
    return replace(situation, abandoned=uid, notices=(*situation.notices, Notice(False, WORKSPACE_MOVED, text)))


def _without_workspace(situation: Situation, observed: Observed) -> Situation:
    """Results that a class builds on are in the workspace: where it is gone, they are made again first."""
    job, claim = observed.job, observed.claim
    if situation.current is None or situation.failure is not None:
        return situation
    lost = is_lost(claim, job.uid, situation.outcome)
    gone = (
        claim is None or lost or (claim.parent_uid == job.uid and (claim.deleting or claim.uid == situation.abandoned))
    )
    waits_in_vain = lost and not isinstance(situation.outcome, Absent)
    if not gone or not (waits_in_vain or any(run.completed for run in situation.runs)):
        return situation
    runs = tuple(_restarted(job, run) for run in situation.runs)
    first = next(run for run in runs if run.digest == situation.needs[0].digest)
    situation = replace(situation, anew=True, runs=runs, current=first, outcome=Absent(), attempt_reports=())
    if claim is None:
        expected = ExpectAbsent("claim", claim_name(job.key.name))
        return replace(situation, expects=(*situation.expects, expected))
    if lost:
        notice = Notice(True, WORKSPACE_LOST, f"The volume of claim {claim.name} is lost: everything is made again.")
        return replace(situation, notices=(*situation.notices, notice))
    return situation


def _depend(situation: Situation, observed: Observed) -> Situation:
    """Before a pod that takes over another job's results: like a missing profile, a missing job is no end, but the job
    can't be run until it appears."""
    current = situation.current
    if current is None or situation.failure is not None or not isinstance(situation.outcome, Absent):
        return situation
    found = dependency(observed, current.resource_class)
    if found.failure is None:
        return replace(situation, awaits=found.waits)
    acceptance = replace(
        situation.acceptance,
        accepted=False,
        reason=found.failure.code,
        message=found.failure.message,
        failure=found.failure,
    )
    return replace(situation, acceptance=acceptance, failure=found.failure)


def _follow(situation: Situation, spec: ReconstructionJobSpec, observed: Observed, now: datetime) -> Situation:
    for need in situation.needs:
        situation, run = _started(situation, observed.job, need)
        if run.completed:
            continue
        outcome = credible_outcome(outcome_of(run, spec, observed, now), need, job=observed.job)
        if not run.ended:
            run, outcome, notices = _counting_replaced(noted(run, observed, now), outcome, need, observed, now)
            situation = replace(situation, notices=(*situation.notices, *notices))
        situation = replace(situation, runs=_with(situation.runs, run), current=run, outcome=outcome)
        if situation.failure is not None or isinstance(outcome, Absent):
            return situation
        situation = _conclude(situation, run, outcome, spec, observed, now)
        if situation.current is not None:
            return situation
    return replace(situation, current=None, outcome=None)


def _counting_replaced(
    run: ClassRun, outcome: Outcome, need: Need, observed: Observed, now: datetime
) -> tuple[ClassRun, Outcome, tuple[Notice, ...]]:
    """Pods that Kubernetes has replaced within the attempt are interruptions like any other. The second eviction for a
    pod's own doing fails the attempt, whatever its replacement does."""
    notices: list[Notice] = []
    for pod in replaced_pods(run, observed):
        code, why = eviction_code(pod), ending_of(pod).interruption or pod.message
        run = counted(marked(run, pod, now), observed, need, why, bool(code))
        run = run.model_copy(update={"interruptions": run.interruptions + 1})
        notices.append(Notice(False, "Interrupted", f"{run.resource_class.capitalize()} was interrupted: {why}"))
        failed = eviction_failure(run, code, why) if code else None
        if failed is not None and isinstance(outcome, Running | Waiting):
            outcome = Failed(failed)
    return run, outcome, tuple(notices)


def _conclude(
    situation: Situation,
    run: ClassRun,
    outcome: Outcome,
    spec: ReconstructionJobSpec,
    observed: Observed,
    now: datetime,
) -> Situation:
    """What the end of an attempt changes; `current` is None afterwards when its class has ended well."""
    if not isinstance(outcome, Completed | Paused | Failed | Interrupted):
        return situation
    job = observed.job
    seconds = run.seconds + round(running_seconds(run, observed, now))
    ended = run.model_copy(update={"seconds": seconds, "pods": []})
    if isinstance(outcome, Failed) and _was_given_more_time(situation, run, outcome, spec, observed):
        outcome = Interrupted("spec.activeDeadlineSeconds was raised while the pod ran.", outcome.report)
    if isinstance(outcome, Interrupted):
        need = next(each for each in situation.needs if each.digest == run.digest)
        ended = counted(ended, observed, need, outcome.why, bool(outcome.eviction))
        if outcome.eviction and (failed := eviction_failure(ended, outcome.eviction, outcome.why)) is not None:
            outcome = Failed(failed, outcome.report)
    if isinstance(outcome, Interrupted) and outcome.unreported:
        situation = replace(situation, expects=(*situation.expects, ExpectAbsent("report", run.job_name)))
    if outcome.report is not None:
        situation = replace(situation, attempt_reports=(*situation.attempt_reports, AttemptReport(run, outcome.report)))
    if isinstance(outcome, Completed):
        ended = ended.model_copy(update={"completed": True, "retry_after": None, "trouble": ""})
        notice = Notice(
            False, CLASS_COMPLETED, f"{run.resource_class.capitalize()} has completed: {_describe_stages(outcome)}"
        )
        return _moved(situation, ended, None, None, notice)
    if isinstance(outcome, Paused):
        following = after_interruption(job, ended, "", now)
        return _moved(situation, following, following, Absent(), None)
    if isinstance(outcome, Interrupted):
        following = after_interruption(job, ended, outcome.why, now)
        notice = Notice(False, "Interrupted", f"{run.resource_class.capitalize()} was interrupted: {outcome.why}")
        return _moved(situation, following, following, Absent(), notice)
    following, again = after_failure(job, ended, outcome.failure, spec.retry_policy, now)
    if not again:
        situation = replace(situation, failure=outcome.failure)
        return _moved(situation, following, following, outcome, None)
    text = (
        f"Attempt {following.failures} of {spec.retry_policy.max_attempts} of {run.resource_class} failed "
        f"({outcome.failure.code}): {outcome.failure.message}"
    )
    return _moved(situation, following, following, Absent(), Notice(True, outcome.failure.code, text))


def _was_given_more_time(
    situation: Situation, run: ClassRun, outcome: Failed, spec: ReconstructionJobSpec, observed: Observed
) -> bool:
    """Whether a pod was ended by a deadline that is no longer the job's: a pod's own can't be raised."""
    if outcome.failure.code != "DeadlineExceeded":
        return False
    limit = deadline_seconds(spec, situation.acceptance.profile)
    given = max((pod.deadline_seconds or 0 for pod in pods_of(run, observed)), default=0)
    return limit is None or limit - _recorded_seconds(situation) > given + 1


def _recorded_seconds(situation: Situation) -> int:
    wanted = {need.digest for need in situation.needs}
    return sum(run.seconds for run in situation.runs if run.digest in wanted)


def _spent_seconds(situation: Situation, observed: Observed, now: datetime) -> float:
    """Only running time counts: neither waiting for hardware nor suspension brings a deadline nearer."""
    spent = _recorded_seconds(situation)
    return spent + (running_seconds(situation.current, observed, now) if situation.current is not None else 0.0)


def _enforce_deadline(situation: Situation, spec: ReconstructionJobSpec, spent: float, now: datetime) -> Situation:
    limit, current = deadline_seconds(spec, situation.acceptance.profile), situation.current
    if limit is None or current is None or situation.failure is not None:
        return situation
    if spent >= limit:
        following = current.model_copy(update={"trouble": "DeadlineExceeded", "ended": True})
        return replace(situation, failure=deadline_exceeded(), current=following, runs=_with(situation.runs, following))
    left = timedelta(seconds=limit - spent)
    return replace(situation, deadline=now + left, remaining_seconds=int(left.total_seconds()) + 1)


def _hold(
    situation: Situation, spec: ReconstructionJobSpec, spent: float, observed: Observed, now: datetime
) -> Situation:
    """A held attempt ends without being counted: its Job is deleted, its pod saves what it has."""
    current = situation.current
    if current is None or situation.failure is not None:
        return situation
    reports = [each.report for each in situation.attempt_reports]
    stages = [] if situation.anew else observed.job.status.stages
    written = observed.job.written or spec
    own = written.soft_deadline_seconds is not None
    hold = hold_of(spec, situation.needs, situation.runs, stages, reports, spent, deadline_is_own=own)
    if hold is None:
        return _expect_soft_deadline(situation, spec, spent, now)
    situation = replace(situation, hold=hold)
    return situation if isinstance(situation.outcome, Absent) else _interrupted(situation, current, observed, now)


def _refuse(situation: Situation, observed: Observed, now: datetime) -> Situation:
    """A job that is no longer accepted, after a change of its spec, holds no hardware. What a pod has reported that had
    ended by then stays to be read."""
    current = situation.current
    if situation.acceptance.accepted or current is None or not isinstance(situation.outcome, Running | Waiting):
        return situation
    return _interrupted(situation, current, observed, now)


def _interrupted(situation: Situation, current: ClassRun, observed: Observed, now: datetime) -> Situation:
    """Its Job is deleted, its pod saves what it has, and what follows one day is another attempt."""
    seconds = current.seconds + round(running_seconds(current, observed, now))
    interrupted = current.model_copy(
        update={"interruptions": current.interruptions + 1, "seconds": seconds, "pods": [], "trouble": ""}
    )
    following = next_attempt(observed.job, interrupted, None)
    return replace(situation, current=following, outcome=Absent(), runs=_with(situation.runs, following), deadline=None)


def _expect_soft_deadline(situation: Situation, spec: ReconstructionJobSpec, spent: float, now: datetime) -> Situation:
    if spec.soft_deadline_seconds is None:
        return situation
    soft = now + timedelta(seconds=spec.soft_deadline_seconds - spent)
    return replace(situation, deadline=min(soft, situation.deadline or soft))


def retry_time(run: ClassRun) -> datetime | None:
    """Before this time the run's attempt must not start."""
    return parse_time(run.retry_after)


def _started(situation: Situation, job: JobView, need: Need) -> tuple[Situation, ClassRun]:
    """The run for these settings: a new one where the class has none, or ran with other settings.

    A new run makes what later classes have done with the old result outdated, even where it is of the same settings.
    """
    known = next((run for run in situation.runs if run.resource_class == need.resource_class), None)
    if known is not None and known.digest == need.digest:
        return situation, known
    attempt = known.attempt + 1 if known is not None else 1
    name = child_job_name(job.key.name, job.uid, need.resource_class, need.digest, attempt)
    run = ClassRun(resource_class=need.resource_class, digest=need.digest, attempt=attempt, job_name=name)
    position = _ORDER.index(need.resource_class)
    runs = tuple(_restarted(job, r) if _ORDER.index(r.resource_class) > position else r for r in situation.runs)
    return replace(situation, runs=_with(runs, run)), run


def _restarted(job: JobView, run: ClassRun) -> ClassRun:
    fresh = ClassRun(resource_class=run.resource_class, digest=run.digest, attempt=run.attempt, job_name=run.job_name)
    return next_attempt(job, fresh, None)


def _moved(
    situation: Situation, run: ClassRun, current: ClassRun | None, outcome: Outcome | None, notice: Notice | None
) -> Situation:
    return replace(
        situation,
        runs=_with(situation.runs, run),
        current=current,
        outcome=outcome,
        notices=situation.notices if notice is None else (*situation.notices, notice),
    )


def _with(runs: tuple[ClassRun, ...], run: ClassRun) -> tuple[ClassRun, ...]:
    """The runs in the order of their classes, with this one in place of its class's."""
    others = [other for other in runs if other.resource_class != run.resource_class]
    return tuple(sorted([*others, run], key=lambda each: _ORDER.index(each.resource_class)))


def _describe_stages(outcome: Completed) -> str:
    return "; ".join(stage.message for stage in outcome.report.stages if stage.message) or "all stages are done."
