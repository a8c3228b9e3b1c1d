"""What the API server would say of a status, without one: the CustomResourceDefinition's schema, whole numbers of 64
bits, times, and the size that the storage takes."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import jsonschema

from reconstruction_api.crd import JOB, object_schema

STATUS_BYTES = 256 * 1024
_FORMATS = jsonschema.FormatChecker(formats=())


@_FORMATS.checks("int64")
def _is_int64(value: Any) -> bool:
    return not isinstance(value, int) or -(2**63) <= value < 2**63


@_FORMATS.checks("date-time", raises=ValueError)
def _is_time(value: Any) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(_closed(object_schema(JOB)["properties"]["status"]), format_checker=_FORMATS)


def _closed(schema: Any) -> Any:
    """Fields that the schema does not have are mistakes, and numbers of maps are of 64 bits too."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(member) for name, member in schema.items()}
    if closed.get("type") == "object" and isinstance(closed.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    if closed.get("x-kubernetes-int-or-string"):
        closed["format"] = "int64"
    return closed


def problems(status: dict[str, Any]) -> list[str]:
    """Why the API server would refuse a status; empty when it would not."""
    found = [f"{error.json_path}: {error.message[:200]}" for error in _validator().iter_errors(status)]
    text = json.dumps(status, ensure_ascii=False)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        return [*found, str(error)]
    return [*found, *([f"{size} bytes"] if size >= STATUS_BYTES else [])]
