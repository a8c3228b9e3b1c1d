"""Values that are missing, empty, or of another release."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster.errors import DevclusterError

from . import helm

pytestmark = pytest.mark.usefixtures("kubernetes_tools")

ON: dict[str, Any] = {
    "replicas": 2,
    "serviceMonitor": {"enabled": True},
    "prometheusRule": {"enabled": True},
    "dashboard": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "notifications": {"enabled": True},
    "namespaces": ["museum"],
    "worker": {"networkPolicy": {"enabled": True}},
}
"""Everything that the chart can create."""
VALUES = yaml.safe_load((helm.CHART / "values.yaml").read_text())
FREE_FORM = json.loads((helm.CHART / "files" / "defaults.json").read_text())["freeForm"]


def paths(values: dict[str, Any], before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every value and group of values of the chart."""
    found: list[tuple[str, ...]] = []
    for name, value in values.items():
        found.append((*before, name))
        if isinstance(value, dict) and ".".join((*before, name)) not in FREE_FORM:
            found += paths(value, (*before, name))
    return found


def at(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Everything on, with a value at this path."""
    values: dict[str, Any] = yaml.safe_load(yaml.safe_dump(ON))
    place = values
    for name in path[:-1]:
        if not isinstance(place.get(name), dict):
            place[name] = {}
        place = place[name]
    place[path[-1]] = value
    return values


@pytest.mark.parametrize("values", [{}, ON])
def test_an_upgrade_with_the_values_of_the_release_before_makes_the_same_objects(
    tmp_path: Path, values: dict[str, Any]
) -> None:
    """`helm upgrade --reuse-values` knows no value that is newer than the release, and the default profile has the same
    defaults as before."""
    as_before = {"defaultProfile": {**values.get("defaultProfile", {}), "spec": {"defaults": None}}}
    assert helm.render(values, chart=helm.with_previous_values(tmp_path)) == helm.render({**values, **as_before})


@pytest.mark.parametrize("path", paths(VALUES), ids=".".join)
def test_a_value_that_is_taken_away_gives_sound_objects_or_a_message_that_names_it(path: tuple[str, ...]) -> None:
    try:
        rendered = helm.render(at(path, None))
    except DevclusterError as error:
        assert path[-1] in str(error) and "nil pointer" not in str(error), str(error)
        return
    for document in rendered:
        assert isinstance(document, dict) and document["kind"] and document["metadata"]["name"], document
        labels = document["metadata"].get("labels", {})
        assert all(isinstance(label, str) for label in labels.values()), labels


def test_a_null_that_is_left_in_a_free_mapping_takes_its_entry_away(tmp_path: Path) -> None:
    """A second `--reuse-values` finds it in the defaults, where Helm does not heed it."""
    chart = helm.with_previous_values(tmp_path)
    text = (chart / "values.yaml").read_text().replace("nvidia.com/gpu: 1", "nvidia.com/gpu: null")
    (chart / "values.yaml").write_text(text.replace("limits: {memory: 512Mi}", "limits: {memory: null}"))
    rendered = helm.render(chart=chart)
    assert "null" not in helm.only(rendered, "ConfigMap")["data"]["profile.yaml"]
    (container,) = helm.only(rendered, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert not container["resources"]["limits"]


def test_an_empty_section_of_a_file_leaves_the_defaults() -> None:
    sections = [name for name in VALUES if isinstance(VALUES[name], dict) and name not in FREE_FORM]
    assert len(sections) > 10
    assert helm.render(dict.fromkeys(sections)) == helm.render()


@pytest.mark.parametrize(
    "value",
    [
        {"namespaces": ["a", "a"]}, {"namespaces": [5]}, {"namespaces": "a"}, {"podLabels": {"team": 5}},
        {"tolerations": ["gpu"]}, {"nodeSelector": {"gpu": True}}, {"serviceMonitor": {"labels": {"a": 1}}},
    ],
    ids=str,
)  # fmt: skip
def test_entries_of_the_wrong_type_are_refused_by_name(value: dict[str, Any]) -> None:
    with pytest.raises(DevclusterError, match=next(iter(value))):
        helm.render(value)


@pytest.mark.parametrize("path", paths(VALUES), ids=".".join)
def test_a_value_of_the_wrong_type_is_refused_by_name(path: tuple[str, ...]) -> None:
    value: Any = VALUES
    for name in path:
        value = value[name]
    wrong = 5 if isinstance(value, str | bool | dict | list) or value is None else "five"
    if path in (("settings", "maxConcurrentJobs"), ("settings", "maxConcurrentJobsPerNamespace")):
        wrong = "five"
    with pytest.raises(DevclusterError) as caught:
        helm.render(at(path, wrong))
    assert path[-1] in str(caught.value)
