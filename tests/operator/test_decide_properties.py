"""Random histories: whatever happens in whatever order, the promises of the operator hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconstruction_api.lifecycle import PauseStage
from reconstruction_api.stages import StageName
from reconstruction_operator.model import ScaleUp

from .builders import PROFILE_SPEC, failure, upstream_job
from .simulation import Cluster, ProfileView

Step = tuple[str, int]


def reconcile(cluster: Cluster, _: int) -> None:
    cluster.check_resting(cluster.reconcile())


def reconcile_and_die(cluster: Cluster, number: int) -> None:
    """SIGKILL after some of the plan's calls."""
    seen, plan = cluster.decide()
    cluster.act(seen, plan, dies_after=number % 4)
    cluster.promised = False


def act_late(cluster: Cluster, number: int) -> None:
    """A leader that slept after deciding, while another one worked: it must do no harm."""
    seen, plan = cluster.decide()
    cluster.act(*cluster.decide())
    meanwhile = sorted(STEPS.keys() - {"delete_child_job"})
    STEPS[meanwhile[number % len(meanwhile)]](cluster, number)
    cluster.act(seen, plan)


def controllers(cluster: Cluster, _: int) -> None:
    cluster.controllers()


def start(cluster: Cluster, _: int) -> None:
    if pod := cluster.active_pod():
        cluster.start(pod)


def report_progress(cluster: Cluster, number: int) -> None:
    if pod := cluster.active_pod():
        cluster.progress(pod, number)


def succeed(cluster: Cluster, _: int) -> None:
    if pod := cluster.active_pod():
        cluster.succeed(pod)


def fail_for_now(cluster: Cluster, number: int) -> None:
    if pod := cluster.active_pod():
        cluster.fail(pod, [failure("HostOutOfMemory"), None][number % 2], exit_code=[4, 139][number % 2])


def fail_for_good(cluster: Cluster, _: int) -> None:
    if pod := cluster.active_pod():
        cluster.fail(pod, failure("EmptyMesh", retryable=False))


def run_out_of_memory(cluster: Cluster, _: int) -> None:
    if pod := cluster.active_pod():
        cluster.fail(pod, None, exit_code=137, container_reason="OOMKilled")


def stop_resumably(cluster: Cluster, _: int) -> None:
    if pod := cluster.active_pod():
        cluster.fail(pod, None, exit_code=5)


def preempt(cluster: Cluster, _: int) -> None:
    if pod := cluster.active_pod():
        cluster.end(pod, 5, disrupted=True)


def preempt_beside_others(cluster: Cluster, _: int) -> None:
    """The worker had ended; another container of its pod ran on until the pod was preempted."""
    pod = cluster.active_pod()
    if pod is not None and pod.phase == "Running":
        cluster.succeed(pod)
        cluster.pods[pod.name] = replace(cluster.pods[pod.name], phase="Failed", disrupted=True)


def lose_pod(cluster: Cluster, number: int) -> None:
    """The pod's object vanishes, and with it whatever it had to say."""
    if cluster.pods:
        del cluster.pods[sorted(cluster.pods)[number % len(cluster.pods)]]


def lose_node(cluster: Cluster, _: int) -> None:
    cluster.lose_node()


def delete_child_job(cluster: Cluster, number: int) -> None:
    if cluster.child_jobs:
        cluster.delete_child(sorted(cluster.child_jobs)[number % len(cluster.child_jobs)])


def orphans_stop(cluster: Cluster, _: int) -> None:
    cluster.orphans_stop()


def suspend(cluster: Cluster, number: int) -> None:
    cluster.edit(suspend=number % 2 == 0)


def ask_to_cancel(cluster: Cluster, _: int) -> None:
    cluster.edit(cancellation="Requested")


def confirm_cancel(cluster: Cluster, number: int) -> None:
    if number % 3 == 0:  # rarer: it ends the history
        cluster.edit(cancellation="Confirmed")


def withdraw_cancel(cluster: Cluster, _: int) -> None:
    cluster.edit(cancellation=None)


def change_exports(cluster: Cluster, number: int) -> None:
    cluster.edit(exports=[{"format": ["GLB", "OBJ", "PLY"][number % 3]}])


def change_mesh(cluster: Cluster, number: int) -> None:
    cluster.edit(mesh={"targetFaces": 1000 + number % 3})


def change_images(cluster: Cluster, number: int) -> None:
    if "jobRef" not in cluster.spec["source"]:
        cluster.edit(images={"maxSidePixels": 800 + number % 3})


def set_deadline(cluster: Cluster, number: int) -> None:
    cluster.edit(activeDeadlineSeconds=[None, 3000, 100_000][number % 3])


def set_soft_deadline(cluster: Cluster, number: int) -> None:
    cluster.edit(softDeadlineSeconds=[None, 20, 1000][number % 3])


def pause(cluster: Cluster, number: int) -> None:
    ending = [PauseStage("Ingest"), PauseStage("Poses")]
    choices = list(PauseStage) if cluster.spec.get("endAfter") is None else ending
    cluster.edit(pauseAfter=[*choices, None, None][number % (len(choices) + 2)])


def end_early(cluster: Cluster, number: int) -> None:
    cluster.edit(endAfter=[None, "Poses"][number % 2], pauseAfter=None)


def other_comes_further(cluster: Cluster, number: int) -> None:
    """The job that this one builds on appears, is done with another stage, ends, or starts over."""
    done = frozenset(["ingest", "poses", "train"][: number % 4])
    cluster.upstream = upstream_job(
        done=done, current=number % 3 > 0, failed="EmptyMesh: nothing" if number % 5 == 0 else ""
    )


def other_goes(cluster: Cluster, number: int) -> None:
    cluster.upstream = None if number % 2 or cluster.upstream is None else replace(cluster.upstream, deleting=True)


def redo(cluster: Cluster, number: int) -> None:
    stage = list(StageName)[number % 8]
    again = cluster.spec.get("redo", {})
    cluster.edit(redo=again | {stage.value: again.get(stage.value, 0) + 1})


def retain(cluster: Cluster, number: int) -> None:
    times = [None, 0, 30, 5000]
    workspace, job = times[number % 4], times[number // 4 % 4]
    if job is None or (workspace or 0) <= job:
        cluster.edit(retention={"workspaceSeconds": workspace, "jobSeconds": job})


def delete_claim(cluster: Cluster, number: int) -> None:
    if number % 3 == 0:
        cluster.delete_claim()


def notify(cluster: Cluster, number: int) -> None:
    targets = [{"url": f"https://{name}.example/", "secretName": "key"} for name in ("a", "b")]
    cluster.edit(notifications=targets[: number % 3])


def answer(cluster: Cluster, number: int) -> None:
    cluster.deliver("" if number % 2 else "status 503")


def restart(cluster: Cluster, _: int) -> None:
    cluster.restart()


def change_profile(cluster: Cluster, number: int) -> None:
    """Another engine, or Kueue's queue for all pods."""
    spec = PROFILE_SPEC if number % 3 else PROFILE_SPEC | {"engines": [{"name": "other", "image": "x"}]}
    spec = spec | {"queueNames": ["gpus"]} if number % 4 == 0 else spec
    cluster.profile = None if number % 5 == 0 else ProfileView("", "default", number, spec)


def refuse(cluster: Cluster, number: int) -> None:
    """A quota is full, or an admission webhook says no; or not any more."""
    cluster.refusing = ["", "jobs is forbidden: exceeded quota: team", "denied by policy"][number % 3]


def refuse_status(cluster: Cluster, number: int) -> None:
    """The status as it would be is too large: the job ends, until its spec changes."""
    if number % 4 == 0:
        cluster.refused = cluster.generation


def crowd(cluster: Cluster, number: int) -> None:
    """Others take all slots, or leave one."""
    cluster.has_room = number % 2 == 0


def scale_up(cluster: Cluster, number: int) -> None:
    """An autoscaler says that it makes a node for the pod."""
    if pod := cluster.active_pod():
        cluster.scale_ups = {pod.uid: ScaleUp(cluster.now, "pod triggered scale-up")} if number % 2 else {}


def source_in_use(cluster: Cluster, number: int) -> None:
    """The claim that the pod is to copy from may be used by one pod only."""
    cluster.source_users = ("base-rec-1",) if number % 2 else ()
    pod = cluster.active_pod()
    if pod is not None and pod.scheduled is None:
        said = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
        cluster.pods[pod.name] = replace(pod, unscheduled_message=said)


def admit(cluster: Cluster, _: int) -> None:
    cluster.admit()


def take_back(cluster: Cluster, _: int) -> None:
    cluster.take_back()


def explain(cluster: Cluster, number: int) -> None:
    uids = [*(job.uid for job in cluster.child_jobs.values()), *(pod.uid for pod in cluster.pods.values())]
    cluster.explanations = dict.fromkeys(uids[: number % 3], f"words {number}")


def wait(cluster: Cluster, number: int) -> None:
    cluster.wait([0.3, 1, 7, 20, 90, 700, 3601][number % 7])


STEPS: dict[str, Callable[[Cluster, int], None]] = {
    each.__name__: each
    for each in (
        reconcile, reconcile_and_die, controllers, start, report_progress, succeed, fail_for_now, fail_for_good,
        run_out_of_memory, stop_resumably, preempt, preempt_beside_others, lose_pod,
        delete_child_job, orphans_stop, suspend, change_exports,
        change_mesh, change_images, set_deadline, change_profile, refuse, explain, crowd, scale_up, wait,
        admit, take_back, source_in_use,
        ask_to_cancel, confirm_cancel, withdraw_cancel, pause, set_soft_deadline, redo,
        retain, delete_claim, notify, answer, restart, end_early, other_comes_further, other_goes,
        lose_node, refuse_status,
    )
}  # fmt: skip
LATE = {"act_late": act_late}
COMMON = ["reconcile", "controllers", "start", "succeed", "wait", "orphans_stop"]

steps = st.tuples(st.sampled_from([*COMMON, *COMMON, *STEPS, *LATE]), st.integers(0, 100))
histories = st.lists(steps, min_size=80, max_size=120)


# Shrinking a history takes minutes and a failure is understood without.
UNSHRUNK: dict[str, Any] = {
    "phases": [Phase.explicit, Phase.reuse, Phase.generate],
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}


def play(history: list[Step], *, chained: bool = False) -> Cluster:
    """`chained`: the job takes the poses of another one."""
    cluster = Cluster()
    if chained:
        cluster.spec["source"] = {"jobRef": {"name": "base"}}
    for name, number in history:
        if cluster.deleted:
            break
        (STEPS | LATE)[name](cluster, number)
    return cluster


@settings(max_examples=130, **UNSHRUNK)
@given(histories, st.booleans())
def test_no_history_breaks_a_promise_and_every_job_ends_once_the_world_holds_still(
    history: list[Step], chained: bool
) -> None:
    cluster = play(history, chained=chained)
    if cluster.deleted:
        return
    cluster.profile = ProfileView("", "default", 1, PROFILE_SPEC)
    cluster.refusing, cluster.has_room, cluster.upstream = "", True, upstream_job()
    cluster.source_users = ()
    cluster.edit(
        suspend=False,
        activeDeadlineSeconds=None,
        cancellation=None,
        pauseAfter=None,
        softDeadlineSeconds=None,
        retention=None,
    )
    cluster.settle()
    if cluster.cancelled:
        cluster.check_cleared()
        return
    if cluster.failed:  # from before; a changed spec gives it another chance
        cluster.edit(training={"keepCheckpoints": 3})
        cluster.settle()
    assert cluster.succeeded


@settings(max_examples=30, **UNSHRUNK)
@given(histories, st.booleans())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(history: list[Step], chained: bool) -> None:
    cluster = play(history, chained=chained)
    cluster.reconcile()
    if cluster.deleted:
        return
    _, plan = cluster.decide()
    assert (plan.status, plan.actions) == (None, ())
