"""The logs of a job's pods, one pod after the other."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import JOB_KIND, LABEL_ATTEMPT, LABEL_CLASS, LABEL_JOB, LABEL_JOB_UID
from reconstruction_api.text import one_line

from .connection import Cluster, Disconnected, Document
from .follow import Feed
from .jobs import Job, get_job, jobs_path, parse
from .log_lines import SparseProgress, readable
from .show import notable

CONTAINER: Final = "worker"
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
"""When a line was written, as the node puts it before each."""
_WAIT_SECONDS: Final = 1.0
_ANSWER_SECONDS: Final = 30.0


class Printer:
    """Prints logs line by line; each pod under a heading, unless `raw`."""

    def __init__(self, cluster: Cluster, *, tail: int | None, raw: bool):
        self._cluster = cluster
        self._tail = tail
        self._raw = raw

    def show(self, pod: Document, *, follow: bool) -> None:
        """The log of a pod, to its end when `follow`."""
        if not self._raw:
            click.secho(f"── {_heading(pod)} ──", bold=True)
        sparse = SparseProgress()
        for moment, text in records(self._cluster, pod, self._tail, follow=follow):
            if not self._raw and sparse.leaves_out(text, moment):
                continue
            raw = one_line(text) if sys.stdout.isatty() else text  # a file gets what the worker wrote
            click.echo(raw if self._raw else readable(text, moment))


def show_logs(cluster: Cluster, name: str, *, stage_class: str | None, printer: Printer) -> None:
    """What the pods have logged so far. Raises ObjectNotFound."""
    job = get_job(cluster, name)
    pods = [pod for pod in _list(cluster, job, stage_class).values() if _has_started(pod)]
    for pod in sorted(pods, key=_age):
        printer.show(pod, follow=False)
    if not pods:
        click.echo("\n".join(filter(None, (f"{job.full_name} has no logs yet.", _obstacles(job)))), err=True)


def follow_logs(cluster: Cluster, name: str, *, stage_class: str | None, printer: Printer) -> None:
    """What the pods log, until the job, or the class of stages, has ended. Raises ObjectNotFound, also when the job is
    deleted on the way."""
    job = get_job(cluster, name)
    pods = _list(cluster, job, stage_class)
    feed = Feed(cluster)
    feed.add("Pod", *pods_of(cluster, job, stage_class), known=pods)
    only_it = {"fieldSelector": f"metadata.name={job.name}"}
    feed.add(JOB_KIND, jobs_path(cluster.namespace), only_it, known={job.uid: {}})
    shown: set[str] = set()
    said = ""
    while True:
        change = feed.next(_WAIT_SECONDS)
        if change is not None and change.topic == JOB_KIND:
            if change.deleted:
                raise ReconstructionError("ObjectNotFound", f"{job.full_name} was deleted.")
            job = parse(change.document)
        elif change is not None:
            pods[change.document["metadata"]["uid"]] = change.document
        elif unseen := [pod for uid, pod in pods.items() if uid not in shown and _has_started(pod)]:
            pod = min(unseen, key=_age)
            shown.add(pod["metadata"]["uid"])
            printer.show(pod, follow=True)
        elif _is_over(job, stage_class):
            return
        elif (why := _obstacles(job)) != said:
            said = why
            click.echo(why, err=True, nl=bool(why))


def _list(cluster: Cluster, job: Job, stage_class: str | None) -> dict[str, Document]:
    """A job's pods by uid."""
    path, query = pods_of(cluster, job, stage_class)
    return {pod["metadata"]["uid"]: pod for page in cluster.pages(path, query) for pod in page["items"]}


def pods_of(cluster: Cluster, job: Job, stage_class: str | None = None) -> tuple[str, dict[str, str]]:
    """Path and query of a job's pods."""
    labels = [f"{LABEL_JOB}={job.name}", f"{LABEL_JOB_UID}={job.uid}"]
    if stage_class is not None:
        labels.append(f"{LABEL_CLASS}={stage_class}")
    return f"/api/v1/namespaces/{cluster.namespace}/pods", {"labelSelector": ",".join(labels)}


def log_path(cluster: Cluster, pod: str) -> str:
    return f"/api/v1/namespaces/{cluster.namespace}/pods/{pod}/log"


def _has_started(pod: Document) -> bool:
    statuses: list[dict[str, Any]] = pod.get("status", {}).get("containerStatuses") or []
    return any(status["state"].keys() & {"running", "terminated"} for status in statuses)


def _age(pod: Document) -> tuple[str, str]:
    return pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]


def _heading(pod: Document) -> str:
    labels = pod["metadata"]["labels"]
    return f"{labels.get(LABEL_CLASS, '?')}, attempt {labels.get(LABEL_ATTEMPT, '?')}: {pod['metadata']['name']}"


def _is_over(job: Job, stage_class: str | None) -> bool:
    run = next((run for run in job.status.runs if run.resource_class == stage_class), None)
    return job.succeeded is not None or (job.is_current and run is not None and (run.completed or run.ended))


def _obstacles(job: Job) -> str:
    return "\n".join(f"{each.type} {each.status} ({each.reason}) {each.message}".rstrip() for each in notable(job))


def records(cluster: Cluster, pod: Document, tail: int | None, *, follow: bool) -> Iterator[tuple[str, str]]:
    """Lines of the worker's log in a pod, each with the moment it was written; across lost connections."""
    path = log_path(cluster, pod["metadata"]["name"])
    query = {"container": CONTAINER, "timestamps": "true"}
    query |= {"follow": "true"} if follow else {}
    query |= {"tailLines": str(tail)} if tail is not None else {}
    seen = ""
    while True:
        resumed_at = seen
        try:
            for line in cluster.lines(path, query, None if follow else _ANSWER_SECONDS):
                moment, _, text = line.decode(errors="replace").partition(" ")
                if not _MOMENT.fullmatch(moment):  # not the pod's: the node says why it can't continue
                    reason = one_line(f"{moment} {text}")
                    click.echo(f"The log of pod {pod['metadata']['name']} is interrupted: {reason}", err=True)
                    continue
                if resumed_at and _in_order(moment) <= _in_order(resumed_at):
                    continue
                seen = moment
                yield moment, text
            return
        except Disconnected:
            query.pop("tailLines", None)
            query |= {"sinceTime": seen} if seen else {}
        except ReconstructionError as error:
            click.echo(f"The log of pod {pod['metadata']['name']} can't be read: {one_line(error.message)}", err=True)
            return


def _in_order(moment: str) -> str:
    """A time of one node, which leaves out trailing zeros, so that it can be compared as text."""
    whole, _, fraction = moment.rstrip("Z").partition(".")
    return f"{whole}.{fraction.ljust(9, '0')}"
