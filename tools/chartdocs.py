"""Writes what the Helm chart repeats from elsewhere: the CRDs from the API models; the values' table in README.md,
values.schema.json and files/defaults.json from values.yaml and its comments. Run it in the root of the repository.

In values.yaml a comment that begins with `# --` documents the value below it, `# @schema {...}` adds JSON Schema
keywords; among these `"profile": true` stands for the schema of a profile's spec. A documented mapping is otherwise
free-form; an undocumented one holds documented values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from reconstruction_api import crd, generated
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_api.schema import structural_schema

COMMAND: Final = "python -m chartdocs"
CHART: Final = Path("charts/reconstruction-operator")
TABLE_BEGIN: Final = "<!-- values: written by `make crds` -->"
TABLE_END: Final = "<!-- end of values -->"
_CHECKED: Final = ("description", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
                   "minProperties", "maxProperties", "required")  # fmt: skip
_KEY: Final = re.compile(r"^( *)([A-Za-z0-9]+):")
_JSON_TYPES: Final = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object",
                      type(None): "null"}  # fmt: skip


@dataclass
class Comment:
    """What stands above a value."""

    description: str = ""
    keywords: dict[str, Any] = field(default_factory=dict)


def comments(text: str) -> dict[tuple[str, ...], Comment]:
    """Documented values of a values file, by their path."""
    found: dict[tuple[str, ...], Comment] = {}
    parents: list[tuple[int, str]] = []
    current: Comment | None = None
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("# -- "):
            current = Comment(stripped.removeprefix("# -- "))
        elif stripped.startswith("# @schema ") and current:
            current.keywords = json.loads(stripped.removeprefix("# @schema "))
        elif stripped.startswith("# ") and current:
            current.description += " " + stripped.removeprefix("# ")
        elif match := _KEY.match(line):
            indent = len(match[1])
            parents = [(depth, key) for depth, key in parents if depth < indent] + [(indent, match[2])]
            if current:
                found[tuple(key for _, key in parents)] = current
            current = None
    return found


def schema(values: dict[str, Any], notes: dict[tuple[str, ...], Comment]) -> dict[str, Any]:
    """JSON Schema of the values; unknown ones are mistakes, except below a documented mapping."""

    def visit(value: Any, path: tuple[str, ...]) -> dict[str, Any]:
        note = notes.get(path)
        if note is not None:
            keywords = dict(note.keywords)
            if keywords.pop("profile", False):
                keywords = profile_schema()
            return {"type": _JSON_TYPES[type(value)], "description": note.description, **keywords}
        if not isinstance(value, dict):
            raise ValueError(f"{'.'.join(path)} has no comment that begins with `# --`")
        properties = {key: visit(child, (*path, key)) for key, child in value.items()}
        return {"type": "object", "additionalProperties": False, "properties": properties}

    document = visit(values, ())
    # `global` is what Helm passes to subcharts
    document["properties"]["global"] = {"type": "object", "description": "Values shared with other charts; not used."}
    return {"$schema": "https://json-schema.org/draft-07/schema#", **document}


def profile_schema() -> dict[str, Any]:
    """Of a cluster profile's spec, so that Helm refuses a mistake in it before it changes anything. The chart fills in
    engines."""
    document = _plain(structural_schema(ClusterProfileSpec))
    return {name: value for name, value in document.items() if name not in ("type", "description", "required")}


def _plain(node: dict[str, Any]) -> dict[str, Any]:
    """Of a structural schema what Helm checks. A field that is null is an absent one, for it as for the API server."""
    found = {name: node[name] for name in _CHECKED if name in node}
    kinds = ["integer", "string"] if node.get("x-kubernetes-int-or-string") else [node["type"]]
    found["type"] = [*kinds, "null"]
    if "enum" in node:
        found["enum"] = [*node["enum"], None]
    if "items" in node:
        found["items"] = _plain(node["items"])
    if "properties" in node:
        found["properties"] = {name: _plain(child) for name, child in node["properties"].items()}
        found["additionalProperties"] = False
    elif isinstance(values := node.get("additionalProperties"), dict):
        found["additionalProperties"] = _plain(values)
    return found


def defaults(values: dict[str, Any], notes: dict[tuple[str, ...], Comment]) -> dict[str, Any]:
    """What the templates fill in where a value is missing; see the template `reconstruction.values`."""

    def at(path: tuple[str, ...]) -> Any:
        value: Any = values
        for name in path:
            value = value[name]
        return value

    free = [".".join(path) for path in notes if isinstance(at(path), dict | list)]
    return {"values": values, "freeForm": free}


def table(values: dict[str, Any], notes: dict[tuple[str, ...], Comment]) -> str:
    """The values as a Markdown table."""

    def rows(value: Any, path: tuple[str, ...]) -> Iterator[str]:
        if path in notes:
            yield f"| `{'.'.join(path)}` | `{json.dumps(value)}` | {notes[path].description.replace('|', '/')} |"
        else:
            for key, child in value.items():
                yield from rows(child, (*path, key))

    return "\n".join(["| value | default | meaning |", "|---|---|---|", *rows(values, ())])


def files(root: Path) -> dict[Path, str]:
    """Content of every generated file of the chart, by its path in the repository."""
    text = (root / CHART / "values.yaml").read_text()
    values, notes = yaml.safe_load(text), comments(text)
    before, _, rest = (root / CHART / "README.md").read_text().partition(TABLE_BEGIN)
    _, _, after = rest.partition(TABLE_END)
    return {
        CHART / "README.md": f"{before}{TABLE_BEGIN}\n{table(values, notes)}\n{TABLE_END}{after}",
        CHART / "values.schema.json": json.dumps(schema(values, notes), indent=2) + "\n",
        CHART / "files" / "defaults.json": json.dumps(defaults(values, notes), indent=1) + "\n",
        **{CHART / "crd-manifests" / path.name: text for path, text in crd.files().items()},
    }


if __name__ == "__main__":
    generated.main(COMMAND, files(Path()))
