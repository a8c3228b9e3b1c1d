"""What to look at when the demo fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl
from reconstruction_api.names import LABEL_JOB

LINES: Final = 20


def print_diagnosis(operator: Kubectl, jobs: Kubectl, job: str, say: Callable[[str], None]) -> None:
    """Print the failure, conditions, events and the ends of the logs; whatever of it can be had."""
    for title, text in _sections(operator, jobs, job):
        if text.strip():
            say(f"—— {title}")
            for line in text.strip().splitlines()[-LINES:]:
                say(f"   {line}")


def _sections(operator: Kubectl, jobs: Kubectl, job: str) -> Iterator[tuple[str, str]]:
    failure = '{.status.failure.code}: {.status.failure.message}{"\\n"}{.status.failure.suggestion}'
    yield "failure", _try(jobs, "get", f"recon/{job}", f"--output=jsonpath={failure}")
    states = '{range .status.conditions[*]}{.type}={.status} {.reason}: {.message}{"\\n"}{end}'
    yield "conditions", _try(jobs, "get", f"recon/{job}", f"--output=jsonpath={states}")
    yield "objects", _try(jobs, "get", "jobs,pods,pvc", "--output=wide")
    yield "events", _events(jobs)
    yield "operator's pods", _try(operator, "get", "pods", "--output=wide")
    yield "operator's events", _events(operator)
    yield "operator's log", _logs(operator, "app.kubernetes.io/name=reconstruction-operator")
    yield "workers' logs", _logs(jobs, LABEL_JOB)


def _events(kubectl: Kubectl) -> str:
    """Warnings, without the one that the embedded cluster gives for every pod: it has no DNS."""
    selector = "--field-selector=type=Warning,reason!=MissingClusterDNS"
    return _try(kubectl, "get", "events", selector, "--sort-by=.metadata.creationTimestamp")


def _logs(kubectl: Kubectl, selector: str) -> str:
    return _try(kubectl, "logs", f"--selector={selector}", f"--tail={LINES}", "--prefix", "--max-log-requests=20")


def _try(kubectl: Kubectl, *words: str) -> str:
    try:
        return kubectl(*words)
    except DevclusterError as error:
        return str(error)
