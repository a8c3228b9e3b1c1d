"""`make demo`: the whole way on Kubernetes."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import Any, Final

from devcluster import processes
from devcluster.errors import DevclusterError
from reconstruction_api.formats import REPORT_PAGE
from reconstruction_api.metric_names import Metric
from reconstruction_api.stage_table import StageName

from . import claims, diagnosis, layout, preparation, results, watch
from .journal import Journal, duration
from .storage import Storage, publishes, s3_server
from .targets import Target

JOB_TIMEOUT: Final = 45 * 60.0


def prepare(target: Target, journal: Journal) -> None:
    """Everything that takes long and needs nothing else, side by side."""

    def python() -> None:
        preparation.python_environment()
        preparation.photos()

    journal.in_parallel({"Python dependencies, then the demo's photos": python, **target.tasks(journal.say)})


def install(target: Target, storage: Storage | None = None) -> None:
    """CRDs, roles, operator and default profile, with Helm; returns when the operator is ready. `storage` is what the
    profile lets jobs publish to."""
    chart = target.values()
    if storage is not None:
        chart["defaultProfile"]["spec"] |= storage.profile()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as values:
        json.dump(chart, values)
        values.flush()
        namespace = [f"--namespace={layout.OPERATOR_NAMESPACE}", "--create-namespace"]
        flags = [f"--values={values.name}", "--wait", "--timeout=180s"]
        environment = target.kubectl(layout.OPERATOR_NAMESPACE).environment
        processes.run(
            "helm", "upgrade", "--install", layout.RELEASE, layout.CHART, *namespace, *flags, environment=environment
        )


def submit(target: Target, job_file: Path) -> None:
    """Fill the claim with photos and apply the job; an earlier demo's job makes room first."""
    kubectl = target.kubectl(layout.JOB_NAMESPACE)
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": layout.JOB_NAMESPACE}})
    kubectl("delete", f"recon/{layout.JOB}", "--ignore-not-found", "--cascade=foreground", "--timeout=120s")
    claims.create(kubectl, layout.PHOTOS_CLAIM, "1Gi")
    claims.fill(kubectl, layout.PHOTOS_CLAIM, target.helper_image, layout.PHOTOS)
    kubectl("apply", f"--filename={job_file}")


class Chaos:
    """Kills the operator a number of times, spread over the job's progress."""

    def __init__(self, target: Target, journal: Journal, times: int):
        self.target, self.journal = target, journal
        self.pending = [100 * (index + 1) // (times + 1) for index in range(times)]

    def __call__(self, status: watch.Status) -> None:
        percent = (status.get("progress") or {}).get("percent", 0)
        if self.pending and percent >= self.pending[0]:
            self.pending.pop(0)
            self.journal.say(f"  ! killing the operator at {percent} %")
            self.target.kill_operator()


def run(
    target: Target, journal: Journal, kills: int, job_file: Path, out: Path, storage: Storage | None = None
) -> dict[str, Any]:
    """The job on a cluster that is up; its final status. Raises DevclusterError with what went wrong."""
    operator, jobs = target.kubectl(layout.OPERATOR_NAMESPACE), target.kubectl(layout.JOB_NAMESPACE)
    try:
        with journal.step("installing the operator with Helm"):
            install(target, storage)
        with journal.step("copying the photos to a volume claim, applying the job"):
            if storage is not None:
                storage.give_access(jobs)
            submit(target, job_file)
        with journal.step("the job"):
            chaos = Chaos(target, journal, kills)
            status = watch.follow(jobs, layout.JOB, journal, JOB_TIMEOUT, chaos)
            if watch.condition(status, "Succeeded").get("status") != "True":
                raise DevclusterError("the job failed")
            if chaos.pending:
                raise DevclusterError(f"the job ended before {len(chaos.pending)} of the kills")
        with journal.step("copying the artifacts and comparing their checksums with the job's status"):
            results.copy(jobs, layout.JOB, target.helper_image, status, out)
        if storage is not None:
            with journal.step("following latest.json and the manifest in the bucket as a reader does"):
                files, size = storage.verify(f"{layout.JOB_NAMESPACE}/{layout.JOB}/")
                journal.say(f"  {files} files, {size / 1e6:.1f} MB")
    except DevclusterError:
        diagnosis.print_diagnosis(operator, jobs, layout.JOB, journal.say)
        raise
    journal.say("")
    for line in jobs("get", "recon", "--output=wide").splitlines():
        journal.say(line)
    return status


def print_results(journal: Journal, status: dict[str, Any], out: Path) -> None:
    """Where to look."""
    metrics = status.get("metrics", {})
    journal.say("")
    journal.say(
        f"PSNR {metrics.get(Metric.PSNR)} dB, SSIM {metrics.get(Metric.SSIM)} on views that were never trained on"
    )
    journal.say(f"{duration(watch.seconds_after(status, StageName.TEXTURE))} from the texture to the end")
    for path in sorted(out.iterdir()):
        journal.say(f"  {os.path.relpath(path)}  {path.stat().st_size / 1e6:.1f} MB")
    journal.say(f"Open {os.path.relpath(out / REPORT_PAGE)} in a browser. Total {duration(journal.elapsed)}.")


def main(target: Target, journal: Journal, kills: int) -> None:
    """Prepare, start, run, show, tidy up."""
    prepare(target, journal)
    job_file = layout.job_file()
    try:
        with journal.step("starting the cluster"):
            target.up(journal.say)
        if publishes(job_file):
            with s3_server(target.node_address) as storage:
                status = run(target, journal, kills, job_file, layout.OUT, storage)
        else:
            status = run(target, journal, kills, job_file, layout.OUT)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not leave half a cluster behind
        with journal.step("tidying up"):
            target.down()
    print_results(journal, status, layout.OUT)
