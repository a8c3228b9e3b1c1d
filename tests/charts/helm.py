"""The chart rendered without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from devcluster import processes, tools

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
RELEASE = "reconstruction-operator"
NAMESPACE = "platform"


def render(
    values: dict[str, Any] | None = None, *, release: str = RELEASE, chart: Path = CHART, apis: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """The objects of a release with these values beside the defaults, on a cluster that also has the API groups `apis`.

    Raises DevclusterError with what Helm said. Needs the fixture `kubernetes_tools`.
    """
    flags = [f"--api-versions={api}" for api in apis]
    command = (tools.folder() / "helm", "template", release, chart, f"--namespace={NAMESPACE}", "--values=-", *flags)
    text = processes.run(*command, text=json.dumps(values or {}))
    return [document for document in yaml.safe_load_all(text) if document]


def only(documents: list[dict[str, Any]], kind: str, name: str | None = None) -> dict[str, Any]:
    """The one object of this kind, and of this name if given."""
    (found,) = [each for each in documents if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    return found
