"""YAML files checked without a cluster: the same answers as the API server's, with line numbers."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, TypeVar

from pydantic import ValidationError

from .errors import ReconstructionError
from .explain import problems_of
from .manifests import ClusterProfileManifest, JobManifest, Manifest, ProfileManifest
from .names import CLUSTER_PROFILE_KIND
from .schema import Schema, structural_schema, without_nulls
from .yaml_text import Document, Problem, UnreadableYAML, read

_M = TypeVar("_M", bound=Manifest)


def parse_job(text: str) -> JobManifest:
    """A ReconstructionJob from YAML.

    Raises ReconstructionError("InvalidSpec") that names every mistake; its details hold `problems`, a list of
    `{field, message, line}`.
    """
    return _parse(_read(text), JobManifest)


def parse_profile(text: str) -> ProfileManifest | ClusterProfileManifest:
    """A profile of either kind from YAML; errors as with `parse_job`."""
    document = _read(text)
    if document.data.get("kind") == CLUSTER_PROFILE_KIND:
        return _parse(document, ClusterProfileManifest)
    return _parse(document, ProfileManifest)


def _read(text: str) -> Document:
    """The document, which is a mapping."""
    try:
        document = read(text)
    except UnreadableYAML as error:
        raise _invalid([error.problem]) from None
    if not isinstance(document.data, dict):
        raise _invalid([Problem("", "expected apiVersion, kind, metadata and spec", document.line_of(()))])
    return document


def _parse(document: Document, model: type[_M]) -> _M:
    problems = list(document.problems)
    schema = _schema(model)
    try:
        # Strict, and from JSON: like the API server, take no text for a number and no number for text.
        manifest = model.model_validate_json(json.dumps(without_nulls(document.data, schema)), strict=True)
    except ValidationError as error:
        raise _invalid(problems + problems_of(error, document, schema)) from None
    if problems:
        raise _invalid(problems)
    return manifest


@cache
def _schema(model: type[Manifest]) -> Schema:
    return structural_schema(model)


def _invalid(problems: list[Problem]) -> ReconstructionError:
    problems = sorted(problems, key=lambda problem: (problem.line or 0, problem.field))
    listed = "".join(f"\n  {problem}" for problem in problems)
    message = str(problems[0]) if len(problems) == 1 else f"{len(problems)} mistakes:{listed}"
    details: dict[str, Any] = {
        "problems": [{"field": problem.field, "message": problem.message, "line": problem.line} for problem in problems]
    }
    return ReconstructionError("InvalidSpec", message, details=details)
