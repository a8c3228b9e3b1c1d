"""Lists of jobs, with the columns that the API server prints for kubectl too."""

from __future__ import annotations

import json
import sys
from typing import Any, Final

import click
import yaml

from reconstruction_api.text import lines as printable_lines
from reconstruction_api.text import one_line

from .connection import Cluster, Document
from .jobs import jobs_path
from .table import aligned

_AS_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"


def list_jobs(cluster: Cluster, *, everywhere: bool, selector: str | None, output: str | None) -> None:
    """Print the jobs of the namespace, or of all namespaces."""
    path = jobs_path(None if everywhere else cluster.namespace)
    query = {"labelSelector": selector} if selector else {}
    if output in ("json", "yaml"):
        print_document(_as_list(cluster, path, query), output)
        return
    lines = _table(cluster, path, query, wide=output == "wide", everywhere=everywhere)
    if output == "name":
        lines = [f"reconstructionjob/{line.split()[int(everywhere)]}" for line in lines[1:]]
    elif len(lines) == 1:
        scope = "the cluster" if everywhere else f"namespace '{cluster.namespace}'"
        click.echo(f"No jobs in {scope}.", err=True)
        return
    click.echo("\n".join(lines))


def print_document(document: Document, output: str) -> None:
    """As JSON or YAML, without what only the API server needs."""
    for item in document.get("items", [document]):
        item.get("metadata", {}).pop("managedFields", None)
    if output == "json":
        click.echo(json.dumps(document, indent=2))
    else:
        text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        if printable_lines(text) != text:  # bidirectional controls: written as escapes, like everything odd in JSON
            text = yaml.safe_dump(document, sort_keys=False)
        sys.stdout.write(text)


def _as_list(cluster: Cluster, path: str, query: dict[str, str]) -> Document:
    whole: Document | None = None
    for page in cluster.pages(path, query):
        if whole is None:
            whole = page
        else:
            whole["items"] += page["items"]
            whole["metadata"] = page["metadata"]
    assert whole is not None
    return whole


def _table(cluster: Cluster, path: str, query: dict[str, str], *, wide: bool, everywhere: bool) -> list[str]:
    header: list[str] = []
    rows: list[list[str]] = []
    for page in cluster.pages(path, query, accept=_AS_TABLE):
        if not header:
            shown = [
                number for number, column in enumerate(page["columnDefinitions"]) if wide or column["priority"] == 0
            ]
            header = [page["columnDefinitions"][number]["name"].upper() for number in shown]
        for row in page.get("rows") or []:
            namespace = [row["object"]["metadata"]["namespace"]] if everywhere else []
            rows.append(namespace + [_cell(row["cells"][number]) for number in shown])
    return aligned((["NAMESPACE"] if everywhere else []) + header, rows)


def _cell(value: Any) -> str:
    return "<none>" if value is None or value == "" else one_line(str(value))
