"""spec.endAfter: a job that ends with its camera poses, and one that continues after all."""

from __future__ import annotations

from reconstruction_operator.actions import CreateJob
from reconstruction_operator.decide import decide
from reconstruction_operator.model import Observed

from ..builders import (
    DELIVER,
    NOW,
    PREPARE,
    RECONSTRUCT,
    actions,
    changed,
    condition,
    current,
    ended,
    report_of,
    settled,
    spec_of,
    started,
    states,
    with_pod,
)

POSES_ONLY = spec_of(endAfter="Poses")


def after(seen: Observed, resource_class) -> Observed:
    """The current pod has completed."""
    pod = ended(current(seen), 0, report_of(resource_class, POSES_ONLY))
    return settled(with_pod(seen, pod, succeeded=True, ended=NOW))[0]


def test_a_job_that_ends_after_its_poses_delivers_them_and_never_asks_for_a_gpu() -> None:
    seen = after(started(PREPARE, POSES_ONLY), PREPARE)
    assert current(seen).resource_class is DELIVER
    seen = after(seen, DELIVER)
    status = seen.job.status
    assert condition(status, "Succeeded") == ("True", "Completed")
    assert condition(status, "PosesEstimated")[0] == "True"
    assert condition(status, "Trained") == ("False", "NotWanted")
    assert condition(status, "Exported") == ("False", "NotWanted")
    assert list(states(seen)) == ["ingest", "poses", "report"]
    assert [run.resource_class for run in status.runs] == [PREPARE, DELIVER]
    assert status.progress is not None and status.progress.percent == 100
    assert status.artifacts


def test_clearing_the_field_goes_on_with_the_training() -> None:
    seen = after(after(started(PREPARE, POSES_ONLY), PREPARE), DELIVER)
    seen, plan = settled(changed(seen))
    assert next(run.resource_class for run in seen.job.status.runs if not run.completed) is RECONSTRUCT
    assert seen.job.status.runs[0].completed, "photos and poses are kept"
    (action,) = actions(plan, CreateJob)
    assert action.manifest["metadata"]["labels"]["reconstruction.dev/resource-class"] == "reconstruct"


def test_setting_the_field_stops_a_training_that_runs() -> None:
    seen = started(RECONSTRUCT)
    plan = decide(changed(seen, endAfter="Poses"), NOW)
    assert [type(action).__name__ for action in plan.actions if "Job" in type(action).__name__] == ["DeleteJob"]
