"""What the end of an attempt changes: the class has completed, is tried again, or has failed for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.status import ClassRun

from ...actions import ExpectAbsent
from ...model import Observed
from .attempt import Absent, Completed, Failed, Interrupted, Outcome, Paused, Running, Waiting, pods_of
from .class_runs import recorded_seconds, with_run
from .failure import ending_of
from .interruptions import counted, eviction_code, eviction_failure
from .limits import deadline_seconds
from .needs import Need
from .retry import after_failure, after_interruption
from .running import marked, replaced_pods, running_seconds
from .situation import CLASS_COMPLETED, AttemptReport, Notice, Situation


def conclude(
    situation: Situation,
    run: ClassRun,
    outcome: Outcome,
    spec: ReconstructionJobSpec,
    observed: Observed,
    now: datetime,
) -> Situation:
    """What the end of an attempt changes; `current` is None afterwards when its class has completed."""
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


def count_replaced_pods(
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


def _was_given_more_time(
    situation: Situation, run: ClassRun, outcome: Failed, spec: ReconstructionJobSpec, observed: Observed
) -> bool:
    """Whether a pod was ended by a deadline that is no longer the job's: a pod's own can't be raised."""
    if outcome.failure.code != "DeadlineExceeded":
        return False
    limit = deadline_seconds(spec, situation.acceptance.profile)
    given = max((pod.deadline_seconds or 0 for pod in pods_of(run, observed)), default=0)
    return limit is None or limit - recorded_seconds(situation) > given + 1


def _moved(
    situation: Situation, run: ClassRun, current: ClassRun | None, outcome: Outcome | None, notice: Notice | None
) -> Situation:
    return replace(
        situation,
        runs=with_run(situation.runs, run),
        current=current,
        outcome=outcome,
        notices=situation.notices if notice is None else (*situation.notices, notice),
    )


def _describe_stages(outcome: Completed) -> str:
    return "; ".join(stage.message for stage in outcome.report.stages if stage.message) or "all stages are done."
