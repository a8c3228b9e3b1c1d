"""The chart rendered without a cluster, and the chart of the release before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from devcluster import processes, tools

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
PREVIOUS = Path(__file__).with_name("previous")
"""What an upgrade from the release before depends on: its values, and its default profile, which was a hook."""
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


def with_previous_values(folder: Path) -> Path:
    """A copy of the chart with the defaults of the release before, which is what `helm upgrade --reuse-values` uses."""
    chart = folder / CHART.name
    shutil.copytree(CHART, chart)
    shutil.copy(PREVIOUS / "values.yaml", chart)
    return chart


def previous_chart(folder: Path) -> Path:
    """A chart that installs what the release before did."""
    chart = with_previous_values(folder)
    shutil.copy(PREVIOUS / "default-profile.yaml", chart / "templates")
    (chart / "values.schema.json").unlink()
    return chart
