"""What the operator counts, for Prometheus. Labels are bounded: catalogue codes, stages, engines, namespaces."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.reconcile_seconds = Histogram(
            "reconstruction_operator_reconcile_duration_seconds", "Time to decide and act for one job.",
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self.reconcile_errors = Counter(
            "reconstruction_operator_reconcile_errors_total", "Looks at a job that ended with an error.",
            registry=self.registry,
        )  # fmt: skip
        self.queue_depth = Gauge(
            "reconstruction_operator_queue_depth", "Jobs that wait to be looked at.", registry=self.registry
        )
        self.leader = Gauge("reconstruction_operator_leader", "1 while this replica acts.", registry=self.registry)
        self.api_calls = Gauge(
            "reconstruction_operator_api_calls", "Calls to the API server, watches not counted.",
            registry=self.registry,
        )  # fmt: skip
        self.resync_corrections = Counter(
            "reconstruction_operator_resync_corrections_total", "Changes that no watch had reported.",
            registry=self.registry,
        )  # fmt: skip
        self.progress_updates = Counter(
            "reconstruction_operator_progress_updates_total", "Live updates of workers.", ["result"],
            registry=self.registry,
        )  # fmt: skip
        self.finished = Counter(
            "reconstructionjob_finished_total", "Jobs that ended, by their Succeeded condition.",
            ["namespace", "engine", "outcome", "reason"], registry=self.registry,
        )  # fmt: skip
        self.retries = Counter(
            "reconstructionjob_retries_total", "Attempts that failed and were followed by another.",
            ["resource_class", "reason"], registry=self.registry,
        )  # fmt: skip
        self.interruptions = Counter(
            "reconstructionjob_interruptions_total", "Attempts ended by preemption, eviction or suspension.",
            ["resource_class"], registry=self.registry,
        )  # fmt: skip

    def expose(self) -> tuple[bytes, str]:
        """Text in Prometheus' format, and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
