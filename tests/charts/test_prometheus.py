"""Dashboard and alerts over metrics that a real Prometheus has scraped as the chart's ServiceMonitor says."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from tests.operator.test_metrics import EVERYTHING

from harness.operator_process import free_port
from reconstruction_operator.metrics import Metrics
from reconstruction_operator.model import JobKey

from . import helm
from .test_monitoring import METRIC, alerts, panels

T = TypeVar("T")

SECONDS = 60
SELECTOR = re.compile(METRIC.pattern + r"(?:\{[^}]*\})?")
JOBS = {
    JobKey("museum", "statue"): EVERYTHING,
    JobKey("museum", "vase"): replace(
        EVERYTHING, state="Waiting", waiting="QuotaExceeded", finished=("Failed", "DiskFull")
    ),
    JobKey("studio", "chair"): replace(EVERYTHING, waiting="", stalled=""),
}


@dataclass(frozen=True)
class Prometheus:
    """One that runs."""

    address: str

    def ask(self, path: str, **query: str) -> Any:
        """`data` of the answer of its HTTP API."""
        with urlopen(f"{self.address}/api/v1/{path}?{urlencode(query)}", timeout=10) as answer:
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[dict[str, Any]]:
        """The samples of an expression that are numbers."""
        found = self.ask("query", query=expression)["result"]
        return [sample for sample in found if not math.isnan(float(sample["value"][1]))]


def eventually(answer: Callable[[], T], what: str) -> T:
    """The first answer that is neither empty nor an error."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            if found := answer():
                return found
        except (URLError, ConnectionError):
            pass
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.2)


class Operator(BaseHTTPRequestHandler):
    """The operator's own metrics; at each scrape more has happened."""

    metrics = Metrics()

    def do_GET(self) -> None:
        for key, measures in JOBS.items():
            self.metrics.record(key, "nerfacto", replace(measures, disrupted=frozenset({os.urandom(4).hex()})))
        self.metrics.leader.set(1)
        self.metrics.waiting.set(2)
        self.metrics.api_calls.inc()
        self.metrics.reconcile_seconds.observe(0.01)
        text, kind = self.metrics.expose()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: Any) -> None:
        """Not into the output of the tests."""


@contextmanager
def served() -> Iterator[int]:
    """The port of the metrics."""
    server = HTTPServer(("127.0.0.1", 0), Operator)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def scrape_configurations(monitor: dict[str, Any], port: int) -> list[dict[str, Any]]:
    """What the Prometheus operator makes of a ServiceMonitor, with the labels that it gives to a target."""
    names = {
        "honorLabels": "honor_labels",
        "path": "metrics_path",
        "interval": "scrape_interval",
        "scrapeTimeout": "scrape_timeout",
        "scheme": "scheme",
    }
    namespace, name = monitor["metadata"]["namespace"], monitor["metadata"]["name"]
    made: list[dict[str, Any]] = []
    for index, endpoint in enumerate(monitor["spec"]["endpoints"]):
        assert endpoint.keys() <= {*names, "port"}, "translate the new field as well"
        target = {
            "namespace": namespace,
            "service": name,
            "pod": f"{name}-0",
            "container": "operator",
            "endpoint": endpoint["port"],
            "job": name,
        }
        made.append(
            {
                "job_name": f"serviceMonitor/{namespace}/{name}/{index}",
                **{names[field]: value for field, value in endpoint.items() if field != "port"},
                "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": target}],
            }
        )
    return made


@pytest.fixture(scope="module")
def prometheus(
    prometheus_tools: Path, kubernetes_tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the operator's metrics at least three times and evaluated the alerts."""
    del kubernetes_tools
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    rendered = helm.render({"serviceMonitor": {"enabled": True, "interval": "1s"}, "prometheusRule": {"enabled": True}})
    (folder / "alerts.yaml").write_text(yaml.safe_dump(helm.only(rendered, "PrometheusRule")["spec"]))
    address = f"127.0.0.1:{port}"
    command = [
        prometheus_tools / "prometheus", f"--config.file={folder}/prometheus.yaml", f"--web.listen-address={address}",
        f"--storage.tsdb.path={folder}/data", "--log.level=warn",
    ]  # fmt: skip
    with served() as metrics_port, (folder / "log").open("wb") as log:
        configuration = {
            "global": {"evaluation_interval": "1s"},
            "rule_files": [f"{folder}/alerts.yaml"],
            "scrape_configs": scrape_configurations(helm.only(rendered, "ServiceMonitor"), metrics_port),
        }
        (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration))
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            running = Prometheus(f"http://{address}")
            enough = "min(count_over_time(reconstructionjob_finished_total[5m])) >= 3"
            eventually(lambda: running.values(enough), f"three scrapes; {(folder / 'log').read_text()}")
            eventually(lambda: all(each["health"] == "ok" for each in rules(running)), "alerts are evaluated")
            yield running
        finally:
            process.terminate()
            process.wait(timeout=30)


def rules(prometheus: Prometheus) -> list[dict[str, Any]]:
    return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]


def panel_queries(namespace: str) -> list[tuple[str, str]]:
    """Each panel's queries with the dashboard's variables filled in as Grafana does."""
    return [
        (panel["title"], target["expr"].replace("$namespace", namespace).replace("$__rate_interval", "1m"))
        for panel in panels()
        for target in panel["targets"]
    ]


def test_metrics_of_jobs_keep_the_namespace_of_the_job(prometheus: Prometheus) -> None:
    found = prometheus.values("reconstructionjob_finished_total")
    assert {sample["metric"]["namespace"] for sample in found} == {"museum", "studio"}
    assert {sample["metric"]["namespace"] for sample in prometheus.values("up")} == {helm.NAMESPACE}


def test_the_dashboard_offers_the_namespaces_that_have_jobs(prometheus: Prometheus) -> None:
    assert prometheus.ask("label/namespace/values", **{"match[]": "reconstructionjob_finished_total"}) == [
        "museum",
        "studio",
    ]


@pytest.mark.parametrize("namespace", ["museum", ".*"])
def test_every_query_of_the_dashboard_has_an_answer(prometheus: Prometheus, namespace: str) -> None:
    empty = [f"{title}: {query}" for title, query in panel_queries(namespace) if not prometheus.values(query)]
    assert empty == []


def test_panels_by_namespace_show_the_chosen_one_alone(prometheus: Prometheus) -> None:
    chosen = [query for _, query in panel_queries("studio") if query.startswith("sum by (namespace)")]
    assert chosen
    for query in chosen:
        assert [sample["metric"] for sample in prometheus.values(query)] == [{"namespace": "studio"}]


def test_every_metric_that_an_alert_asks_for_has_samples(prometheus: Prometheus) -> None:
    selectors = {selector for rule in alerts() for selector in SELECTOR.findall(rule["expr"])}
    assert len(selectors) > 8
    assert [selector for selector in sorted(selectors) if not prometheus.values(selector)] == []


def test_alerts_become_pending_over_what_was_scraped(prometheus: Prometheus) -> None:
    wanted = {
        "ReconstructionGPUsSaturated",
        "ReconstructionJobsBlocked",
        "ReconstructionJobNotProgressing",
    }

    def pending() -> bool:
        return wanted <= {rule["name"] for rule in rules(prometheus) if rule["state"] != "inactive"}

    assert eventually(pending, "alerts are pending")
    assert {rule["name"] for rule in rules(prometheus) if rule["state"] == "inactive"} >= {
        "ReconstructionOperatorSilent",
        "ReconstructionOperatorStuck",
    }
