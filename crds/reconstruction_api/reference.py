"""docs/api.md, docs/errors.md and docs/stages.md, generated from the models and the table of stages:
`python -m reconstruction_api.reference [--check]`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from . import crd, generated, names
from .base import TEXT_FORMS
from .errors import CATALOGUE, Category, ErrorKind, ExitCode
from .metric_names import Metric
from .schema import Schema
from .stage_table import STAGES, Stage

_COMMAND: Final = "python -m reconstruction_api.reference"
_HEADER: Final = f"<!-- Generated from reconstruction_api by `{_COMMAND}`; do not edit. -->\n"

_API_INTRODUCTION: Final = f"""# API reference

Group `{names.GROUP}`, version `{names.VERSION}`. The same text is in the cluster:
`kubectl explain {names.JOB_KIND.lower()} --recursive`. `recon validate job.yaml` checks a file without a cluster.

Decimal numbers are text, in quotes: Kubernetes objects carry no floats. A field that is left empty takes its default.
What is wrong with an object is named by field; the codes are in [errors.md](errors.md).
"""

_ERRORS_INTRODUCTION: Final = """# Errors

The same codes are in `status.failure.code`, Events, metrics, the report and the output of `recon`. A retried failure
is tried again up to `spec.retryPolicy.maxAttempts` times; being preempted does not count as an attempt.
"""

_STAGES_INTRODUCTION: Final = """# Stages

In running order. Consecutive stages of one class share a pod. A stage runs again when one of its fields has changed, or
the result of a stage that it reads; [workspace.md](workspace.md) has its files, [extending.md](extending.md) how one is
added.
"""

_STAGES_ABILITIES: Final = """## What may be asked of them

Whether `spec.pauseAfter` and `spec.endAfter` may name the stage, whether `spec.redo` runs it again, whether it
continues from what an interrupted run has left, and whether it saves something when it is asked to stop. The code
version counts changes of its code that change its files. The document says what it found.
"""

_EXIT_MEANINGS: Final = {
    ExitCode.DONE: "Done.",
    ExitCode.INVALID_INPUT: "The spec or the photos need to be changed; never retried unless the table says so.",
    ExitCode.MODEL_FAILURE: "The photos do not lead to a result that is good enough.",
    ExitCode.RESOURCE: "Hardware, storage or the platform was in the way.",
    ExitCode.RESUMABLE_STOP: "Stopped on request; run again, it continues from its checkpoint.",
    ExitCode.CANCELLED: "Cancelled.",
    ExitCode.INTERNAL: "A defect in the software.",
}

_CATEGORY_MEANINGS: Final = {
    Category.VALIDATION: "The author of the YAML or of the photos can fix it.",
    Category.STATE: "It does not fit what the job is doing.",
    Category.MODEL: "The photos do not lead to a result; other photos or settings may.",
    Category.RESOURCE: "The platform can fix it, or it passes.",
}


def files() -> dict[Path, str]:
    """Content of every generated file, by its path in the repository."""
    return {
        Path("docs/api.md"): _HEADER + api_page(),
        Path("docs/errors.md"): _HEADER + errors_page(),
        Path("docs/stages.md"): _HEADER + stages_page(),
    }


def api_page() -> str:
    """Every field of every kind."""
    page = _ApiPage()
    return "\n".join([_API_INTRODUCTION, *(part for resource in crd.RESOURCES for part in page.kind(resource))])


def errors_page() -> str:
    """Every code of the catalogue."""
    exits = _table(("exit status", "meaning"), ((str(int(code)), _EXIT_MEANINGS[code]) for code in ExitCode))
    sections = [_category(category) for category in Category]
    return "\n".join([_ERRORS_INTRODUCTION, "## Exit statuses of worker and `recon`\n", exits, *sections])


def _fields(stage: Stage) -> str:
    apart = f" without {_codes(stage.apart_from)}" if stage.apart_from else ""
    return _codes(stage.all_fields) + apart


def stages_page() -> str:
    """Every stage, and what the stages measure."""
    runs = (
        (f"`{stage.name}`", stage.title, f"`{stage.resource_class}`", _codes(stage.needs), _fields(stage))
        for stage in STAGES
    )
    can = (
        (
            f"`{stage.name}`",
            *map(_yes, (stage.can_pause_after, stage.can_end_job, bool(stage.redo), stage.resumes)),
            _yes(stage.saves_on_stop),
            stage.code_version,
            f"`{stage.document}`",
        )
        for stage in STAGES
    )
    measured = ((f"`{metric}`", _codes(_measuring(metric)) or "all", metric.about) for metric in Metric)
    return "\n".join(
        [
            _STAGES_INTRODUCTION,
            _table(("stage", "in reports", "class", "reads the results of", "fields of the spec"), runs),
            _STAGES_ABILITIES,
            _table(
                ("stage", "`pauseAfter`", "`endAfter`", "`redo`", "resumes", "saves", "code version", "document"),
                can,
            ),
            "## What they measure\n\nIn `status.metrics`; decimals are text.\n",
            _table(("metric", "stage", "meaning"), measured),
        ]
    )


def _measuring(metric: Metric) -> list[str]:
    return [stage.name for stage in STAGES if metric in stage.metrics]


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _yes(holds: bool) -> str:
    return "yes" if holds else ""


class _ApiPage:
    """Writes each object once; what has the same fields refers to it."""

    def __init__(self) -> None:
        self._headings: dict[str, str] = {}

    def kind(self, resource: crd.Resource) -> Iterator[str]:
        schema = crd.object_schema(resource)
        scope = "Namespaced" if resource.namespaced else "One for the whole cluster"
        yield f"## {resource.kind}\n"
        yield f"{schema['description']} {scope}; short name `{resource.short_names[0]}`.\n"
        yield from _rules(schema)
        for name in ("spec", "status"):
            if name in schema["properties"]:
                yield from self._object(schema["properties"][name], f"{resource.kind} {name}")
        if resource.status:
            yield f"### Columns of `kubectl get {resource.short_names[0]}`\n"
            rows = ((c.name, c.description, "with `-o wide`" if c.wide else "always") for c in resource.columns)
            yield _table(("column", "meaning", "shown"), rows)

    def _object(self, schema: Schema, heading: str) -> Iterator[str]:
        """A section for the object, then one for each object below it that has none yet."""
        self._headings[_identity(schema)] = heading
        below: list[tuple[Schema, str]] = []
        for name, node in schema["properties"].items():
            inner = node.get("items") or node.get("additionalProperties") or node
            if "properties" in inner and _identity(inner) not in self._headings:
                path = f"{heading}.{name}{'' if inner is node else '[]' if 'items' in node else '.NAME'}"
                self._headings[_identity(inner)] = path
                below.append((inner, path))
        required = schema.get("required", [])
        yield f"### {heading}\n"
        yield f"{schema['description']}\n"
        yield _table(
            ("field", "type", "default", "meaning"),
            (
                (f"`{name}`", self._type(node), _default(node, name in required), node["description"])
                for name, node in schema["properties"].items()
            ),
        )
        yield from _rules(schema)
        for inner, path in below:
            yield from self._object(inner, path)

    def _type(self, node: Schema) -> str:
        if "properties" in node:
            heading = self._headings[_identity(node)]
            return f"[object](#{heading.lower().translate(_NOT_IN_ANCHORS)})"
        if node.get("type") == "array":
            key = "".join(f", each `{key}` once" for key in node.get("x-kubernetes-list-map-keys", ()))
            return f"list of {self._type(node['items'])}{_range(node, 'minItems', 'maxItems', ' entries')}{key}"
        if "additionalProperties" in node:
            return f"map of {self._type(node['additionalProperties'])}"
        return _scalar(node)


_NOT_IN_ANCHORS: Final = str.maketrans({" ": "-", ".": None, "[": None, "]": None})


def _identity(schema: Schema) -> str:
    """The same for objects with the same fields, whatever they are used for."""
    return json.dumps({"fields": schema["properties"], "rules": schema.get("x-kubernetes-validations")})


def _rules(schema: Schema) -> Iterator[str]:
    if rules := schema.get("x-kubernetes-validations"):
        yield "Rules:\n" + "".join(f"- {rule['message']}\n" for rule in rules)


def _scalar(node: Schema) -> str:
    if node.get("x-kubernetes-int-or-string"):
        return TEXT_FORMS[node["pattern"]].noun if "pattern" in node else "text or whole number"
    if "enum" in node:
        *others, last = (f"`{value}`" for value in node["enum"])
        return f"{', '.join(others)} or {last}"
    match node["type"]:
        case "object":
            return "any fields"
        case "integer":
            return "whole number" + _range(node, "minimum", "maximum", "")
        case "boolean":
            return "`true` or `false`"
        case _ if node.get("format") == "date-time":
            return "time"
        case _ if node.get("pattern") in TEXT_FORMS:
            return TEXT_FORMS[node["pattern"]].noun
        case _:
            return "text"


def _range(node: Schema, low: str, high: str, unit: str) -> str:
    if low in node and high in node:
        return f", {node[low]} to {node[high]}{unit}"
    return f", at most {node[high]}{unit}" if high in node else ""


def _default(node: Schema, required: bool) -> str:
    if required:
        return "required"
    if "default" not in node or "properties" in node:
        return ""
    return f"`{json.dumps(node['default'])}`"


def _category(category: Category) -> str:
    kinds = [kind for kind in CATALOGUE.values() if kind.category is category]
    columns = ("code", "exit", "retried", "what happened", "what to do")
    return f"## {category}\n\n{_CATEGORY_MEANINGS[category]}\n\n" + _table(columns, map(_error, kinds))


def _error(kind: ErrorKind) -> tuple[str, ...]:
    retried = "yes" if kind.retryable else "no"
    return f"`{kind.code}`", str(int(kind.exit_code)), retried, kind.meaning, kind.suggestion


def _table(columns: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    generated.main(_COMMAND, files())
