"""From pydantic's findings to sentences that a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .base import TEXT_FORMS
from .rules import BROKEN_RULES, DUPLICATE_KEY
from .schema import Schema, child_schema
from .yaml_text import Document, FieldPath, Problem, path_text


def problems_of(error: ValidationError, document: Document, schema: Schema) -> list[Problem]:
    """Every mistake once, in the order of the file. `schema` is the structural schema of the whole document."""
    found: dict[str, Problem] = {}
    for detail in error.errors(include_url=False):
        for path, message in _findings(detail, schema):
            text = path_text(path)
            found.setdefault(text, Problem(text, message, document.line_of(path)))
    return sorted(found.values(), key=lambda problem: (problem.line or 0, problem.field))


def _findings(detail: ErrorDetails, schema: Schema) -> Iterator[tuple[FieldPath, str]]:
    """The places and messages that one error of pydantic's stands for."""
    context: dict[str, Any] = detail.get("ctx", {})
    path, node = _place(detail["loc"], schema)
    if detail["type"] == BROKEN_RULES:
        for field, message in cast(list[tuple[str | None, str]], context["rules"]):
            yield (*path, field) if field else path, message
    elif detail["type"] == DUPLICATE_KEY:
        yield (*path, context["index"]), f"{context['key']} may appear once in {path[-1]}"
    elif detail["type"] == "extra_forbidden":
        yield path, _unknown_field(path, schema)
    elif node.get("x-kubernetes-int-or-string"):
        yield path, TEXT_FORMS[node["pattern"]].demand
    else:
        say = _MESSAGES.get(detail["type"])
        yield path, say(detail["input"], context) if say else detail["msg"]


def _place(location: FieldPath, schema: Schema) -> tuple[FieldPath, Schema]:
    """The path in the document and its schema. pydantic's location continues into the alternatives of a union; the
    document does not."""
    node = schema
    for depth, part in enumerate(location):
        if node.get("x-kubernetes-int-or-string"):
            return location[:depth], node
        node = child_schema(node, part)
    return location, node


def _unknown_field(path: FieldPath, schema: Schema) -> str:
    *parent, name = path
    _, node = _place(tuple(parent), schema)
    siblings: list[str] = list(node.get("properties", {}))
    if close := difflib.get_close_matches(str(name), siblings, n=1):
        return f"unknown field; did you mean {close[0]}?"
    elsewhere = [path for path in _fields(schema, ()) if path[-1] == name]
    if len(elsewhere) == 1:
        return f"unknown field; did you mean {path_text(elsewhere[0])}?"
    return "unknown field"


def _fields(schema: Schema, path: FieldPath) -> Iterator[FieldPath]:
    """Every field below a schema that stands in no list, the status left out."""
    for name, child in schema.get("properties", {}).items():
        if (*path, name) != ("status",):
            yield (*path, name)
            yield from _fields(child, (*path, name))


def _choice(value: Any, context: dict[str, Any]) -> str:
    """`expected` is pydantic's text: `'GLB', 'OBJ' or 'PLY'`."""
    expected = str(context["expected"]).replace("'", "")
    choices = expected.replace(" or ", ", ").split(", ")
    by_lower = {choice.lower(): choice for choice in choices}
    close = difflib.get_close_matches(str(value).lower(), by_lower, n=1)
    hint = f"; did you mean {by_lower[close[0]]}?" if close and len(choices) > 1 else ""
    return f"must be {'one of ' if len(choices) > 1 else ''}{', '.join(choices)}{hint}"


def _text(value: Any, _: dict[str, Any]) -> str:
    if isinstance(value, bool):
        return f'must be text; put it in quotes: "{str(value).lower()}"'
    return f'must be text; put it in quotes: "{value}"' if isinstance(value, int | float) else "must be text"


def _whole_number(value: Any, _: dict[str, Any]) -> str:
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return "must be a whole number, without quotes"
    return "must be a whole number"


def _count(singular: str, plural: str) -> Callable[[int], str]:
    return lambda number: f"{number} {singular if number == 1 else plural}"


_characters, _entries = _count("character", "characters"), _count("entry", "entries")

_MESSAGES: Final[dict[str, Callable[[Any, dict[str, Any]], str]]] = {
    "missing": lambda _, __: "required",
    "greater_than_equal": lambda _, limit: f"must be at least {limit['ge']}",
    "less_than_equal": lambda _, limit: f"must be at most {limit['le']}",
    "string_too_short": lambda _, limit: f"must have at least {_characters(limit['min_length'])}",
    "string_too_long": lambda _, limit: f"must have at most {_characters(limit['max_length'])}",
    "too_short": lambda _, limit: f"must have at least {_entries(limit['min_length'])}",
    "too_long": lambda _, limit: f"must have at most {_entries(limit['max_length'])}",
    "string_pattern_mismatch": lambda _, rule: TEXT_FORMS[rule["pattern"]].demand,
    "string_type": _text,
    "int_type": _whole_number,
    "int_from_float": _whole_number,
    "int_parsing": _whole_number,
    "bool_type": lambda _, __: "must be true or false, without quotes",
    "list_type": lambda _, __: "must be a list: one entry a line, each after '- '",
    "dict_type": lambda _, __: "must have fields below it",
    "model_type": lambda _, __: "must have fields below it",
    "enum": _choice,
    "literal_error": _choice,
}
