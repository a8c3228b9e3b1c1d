"""What the operator counts, for Prometheus. Labels are bounded: catalogue codes, stages, namespaces, and the engines
that profiles offer; nothing that a user or a worker makes up becomes one."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from reconstruction_api.errors import CATALOGUE

from .model import JobKey
from .policies.reporting.measures import Measures

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SLOW = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200)
_DECIBELS = (10, 15, 18, 20, 22, 24, 25, 26, 27, 28, 29, 30, 32, 34, 36, 40)


class Metrics:
    """One registry a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._states: dict[JobKey, str] = {}
        self._waiting: dict[JobKey, str] = {}
        self._stalled: dict[JobKey, str] = {}
        self._disrupted: dict[JobKey, frozenset[str]] = {}
        self._operator_metrics()
        self._job_metrics()

    def count_call(self, method: str) -> None:
        """A call to the API server."""
        self.api_calls.inc()
        if method != "GET":
            self.api_writes.inc()

    def _operator_metrics(self) -> None:
        self.reconcile_seconds = self._histogram(
            "reconstruction_operator_reconcile_duration_seconds", "Duration of one reconciliation of a job.", _QUICK
        )
        self.reconcile_errors = self._counter(
            "reconstruction_operator_reconcile_errors_total", "Reconciliations that ended with an error."
        )
        self.status_refusals = self._counter(
            "reconstruction_operator_status_refusals_total",
            "Status writes that the API server refused as too large or malformed; the job ends with InternalError.",
        )
        self.failing = Gauge(
            "reconstruction_operator_failing_jobs",
            "Jobs whose last reconciliation ended with an error.",
            registry=self.registry,
        )
        self.outdated = self._counter(
            "reconstruction_operator_outdated_total", "Reconciliations abandoned because the job had changed meanwhile."
        )
        self.status_lag = self._histogram(
            "reconstruction_operator_status_lag_seconds", "From the end of a pod to its result in status.", _QUICK
        )
        self.resync_corrections = self._counter(
            "reconstruction_operator_resync_corrections_total", "Changes that no watch had reported."
        )
        self.progress_updates = self._counter(
            "reconstruction_operator_progress_updates_total", "Live updates of workers.", "result"
        )
        self.leader = Gauge("reconstruction_operator_leader", "1 while this replica acts.", registry=self.registry)
        self.queue_depth = Gauge(
            "reconstruction_operator_queue_depth", "Jobs that wait for reconciliation.", registry=self.registry
        )
        self.api_calls = self._counter(
            "reconstruction_operator_api_calls_total", "Calls to the API server, watches not counted."
        )
        self.api_writes = self._counter(
            "reconstruction_operator_api_writes_total", "Calls to the API server that change something."
        )
        self.unserved_namespaces = Gauge(
            "reconstruction_operator_unserved_namespaces",
            "Namespaces that should be served and can't be: they don't exist, or listing them is forbidden.",
            registry=self.registry,
        )
        self.open_connections = Gauge(
            "reconstruction_operator_open_connections",
            "Open connections of clients, by port.",
            ["port"],
            registry=self.registry,
        )
        self.connections_closed = self._counter(
            "reconstruction_operator_connections_closed_total",
            "Connections closed for a limit: crowded (too many), slow (no request in time), flooded (too much).",
            "port",
            "reason",
        )
        for port in ("http", "progress"):  # none is missing from a graph because nothing has happened yet
            for reason in ("crowded", "slow", "flooded"):
                self.connections_closed.labels(port=port, reason=reason)
            self.open_connections.labels(port=port)
        self.watch_age = Gauge(
            "reconstruction_operator_watch_age_seconds",
            "How long the quietest watch has been silent.",
            registry=self.registry,
        )

        self.jobs_of_others = Gauge(
            "reconstruction_operator_jobs_of_others",
            "Jobs that this installation would act on, and that another one has claimed.",
            registry=self.registry,
        )
        self.default_profile_refused = Gauge(
            "reconstruction_operator_default_profile_refused",
            "1 while the default profile of the installation could not be applied.",
            registry=self.registry,
        )

    def _job_metrics(self) -> None:
        self.finished = self._counter(
            "reconstructionjob_finished_total",
            "Jobs that ended, by their Succeeded condition.",
            "namespace",
            "engine",
            "outcome",
            "reason",
        )
        self.waiting = Gauge(
            "reconstructionjob_waiting_for_turn",
            "Jobs that wait because a concurrency limit is reached.",
            registry=self.registry,
        )
        self.without_node = Gauge(
            "reconstructionjob_without_node",
            "Jobs that count as running, and for whose pods there is no node.",
            registry=self.registry,
        )
        self.turns_yielded = self._counter(
            "reconstructionjob_turns_yielded_total",
            "Turns that jobs without a node gave to others that waited.",
            "namespace",
        )
        self.waiting_for = Gauge(
            "reconstructionjob_waiting",
            "Jobs whose next pod does not run yet, by the reason of Admitted.",
            ["reason"],
            registry=self.registry,
        )
        self.stalled = Gauge(
            "reconstructionjob_stalled",
            "Jobs that have not ended and make no progress, by reason.",
            ["reason"],
            registry=self.registry,
        )
        self.gpu_seconds = self._counter(
            "reconstructionjob_gpu_seconds_total", "GPU time of attempts that have ended.", "namespace"
        )
        self.artifact_bytes = self._counter(
            "reconstructionjob_artifact_bytes_total",
            "Size of the artifacts of jobs that succeeded, with their poses alone as well; a job that is changed and "
            "succeeds again counts again, one that failed has delivered none.",
            "namespace",
        )
        self.retries = self._counter(
            "reconstructionjob_retries_total",
            "Attempts that failed and were followed by another.",
            "resource_class",
            "reason",
        )
        self.interruptions = self._counter(
            "reconstructionjob_interruptions_total",
            "Attempts ended by preemption, eviction or suspension.",
            "resource_class",
        )
        self.stage_seconds = self._histogram(
            "reconstructionjob_stage_duration_seconds", "Running time of completed stages.", _SLOW, "stage"
        )
        self.admission_seconds = self._histogram(
            "reconstructionjob_admission_wait_seconds", "From the request for a pod to its scheduling on a node.", _SLOW
        )
        self.first_pod_seconds = self._histogram(
            "reconstructionjob_first_pod_seconds", "From a job's acceptance to its first running pod.", _SLOW
        )
        self.preemptions = self._counter(
            "reconstructionjob_preemptions_total",
            "Pods that were preempted, evicted or lost with their node.",
            "namespace",
        )
        self.psnr = self._histogram(
            "reconstructionjob_psnr_decibels",
            "Held-out quality of jobs that succeeded; of each of their engines where they have several.",
            _DECIBELS,
            "engine",
        )
        self.current = Gauge(
            "reconstructionjob_current",
            "Jobs by what they do now: a stage, or how they ended.",
            ["state"],
            registry=self.registry,
        )

    def record(self, key: JobKey, engine: str, measures: Measures, others: Iterable[tuple[str, float]] = ()) -> None:
        """What one decision changed. `engine` is empty where the job's profile does not offer it; `others` are the
        job's other engines, each with its PSNR."""
        if key in self._states:  # what was there when this replica began to lead is not news
            news = measures.disrupted - self._disrupted.get(key, frozenset())
            self.preemptions.labels(key.namespace).inc(len(news))
        if measures.disrupted or key in self._disrupted:
            self._disrupted[key] = measures.disrupted
        self._states[key] = measures.state
        _note(self._waiting, key, measures.waiting)
        _note(self._stalled, key, measures.stalled)
        if measures.yielded:
            self.turns_yielded.labels(key.namespace).inc()
        if measures.gpu_seconds:
            self.gpu_seconds.labels(key.namespace).inc(measures.gpu_seconds)
        if measures.artifact_bytes:
            self.artifact_bytes.labels(key.namespace).inc(measures.artifact_bytes)
        if measures.finished is not None:
            outcome, reason = measures.finished
            self.finished.labels(key.namespace, engine, outcome, _catalogued(reason)).inc()
        for resource_class, reason in measures.retries:
            self.retries.labels(resource_class, reason).inc()
        for resource_class in measures.interruptions:
            self.interruptions.labels(resource_class).inc()
        for stage, seconds in measures.stage_seconds:
            self.stage_seconds.labels(stage).observe(seconds)
        for seconds in measures.admission_seconds:
            self.admission_seconds.observe(seconds)
        for seconds in measures.first_pod_seconds:
            self.first_pod_seconds.observe(seconds)
        for seconds in measures.status_lag_seconds:
            self.status_lag.observe(seconds)
        if measures.psnr is not None:
            for name, decibels in ((engine, measures.psnr), *others):
                self.psnr.labels(name).observe(decibels)

    def forget(self, key: JobKey) -> None:
        """The job is gone."""
        for known in (self._states, self._waiting, self._stalled):
            known.pop(key, None)
        self._disrupted.pop(key, None)

    def expose(self) -> tuple[bytes, str]:
        """Text in Prometheus' format, and its content type."""
        counted = ((self.current, self._states), (self.waiting_for, self._waiting), (self.stalled, self._stalled))
        for gauge, known in counted:
            gauge.clear()
            for label, number in Tally(known.values()).items():
                gauge.labels(label).set(number)
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


def _catalogued(reason: str) -> str:
    """A worker of somebody's own can give any reason; what the catalogue doesn't know counts as InternalError."""
    return reason if reason == "Completed" or reason in CATALOGUE else "InternalError"


def _note(known: dict[JobKey, str], key: JobKey, reason: str) -> None:
    """Few jobs have a reason: the others take no room."""
    if reason:
        known[key] = reason
    else:
        known.pop(key, None)
