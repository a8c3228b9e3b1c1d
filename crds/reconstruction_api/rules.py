"""What a schema can't say: conditions between fields, and lists that are maps by one of their members.

Each is declared once, at the model it belongs to, with one message. The API server checks it as CEL
(`x-kubernetes-validations`) or as a list map, pydantic checks it in Python.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .baseline import BASELINE, explicit
from .secrecy import shown_receiver

ATOMIC: Final[dict[str, Any]] = {"x-kubernetes-map-type": "atomic"}
"""JSON schema of an object with one writer: server-side apply replaces it as a whole, as it does a plain list."""

BROKEN_RULES = "broken_rules"
"""Type of the pydantic error that carries every broken rule of a model, as `ctx["rules"]`: (field, message) pairs."""

DUPLICATE_KEY = "duplicate_key"
"""Type of the pydantic error about two entries with one key; `ctx` has `key` and `index` of the second."""


INVISIBLE: Final = r"\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""For a set in a regular expression: control characters, line breaks, and marks that change the direction of text."""
BLANK: Final = r" \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
"""The same for spaces of any width."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition that a model's fields must meet together.

    At least one of `cel` and `holds` is given. A rule without `holds` compares with the stored object, or is true of
    objects in a cluster only; a rule without `cel` can't be expressed there.
    """

    message: str
    """What a person must do, in a sentence that names the fields."""
    cel: str | None = None
    """Expression over `self` (and `oldSelf`) for the API server."""
    holds: Callable[[Any], bool] | None = None
    """The same condition over the model's instance."""
    field: str | None = None
    """Field that the message is about, in YAML spelling; the model itself when None."""

    def below(self, path: str) -> Rule:
        """The same rule for a model that has the part at `path` (in YAML spelling), which may be unset; it is about the
        field of the model that leads there."""
        parts = path.split(".")
        absent = " || ".join(f"!has(self.{'.'.join(parts[: index + 1])})" for index in range(len(parts)))
        return Rule(
            f"{path}: {self.message}",
            cel=f"{absent} || ({self.cel.replace('self.', f'self.{path}.')})" if self.cel else None,
            holds=_below(self.holds, parts) if self.holds else None,
            field=parts[0],
        )

    def as_validation(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        entry = {"rule": self.cel or "true", "message": self.message}
        return entry | ({"fieldPath": f".{self.field}"} if self.field else {})


def named_once(field: str, message: str) -> Rule:
    """A list of plain values, which may be unset, names each only once; `field` as the API spells it."""

    def holds(model: BaseModel) -> bool:
        values = getattr(model, to_snake(field))
        return values is None or len(set(values)) == len(values)

    cel = f"!has(self.{field}) || self.{field}.all(one, self.{field}.exists_one(other, other == one))"
    return Rule(message, cel=cel, holds=holds, field=field)


def _below(holds: Callable[[Any], bool], parts: list[str]) -> Callable[[Any], bool]:
    def holds_of_part(model: Any) -> bool:
        for part in parts:
            model = getattr(model, to_snake(part), None)
        return model is None or holds(model)

    return holds_of_part


def broken_rules(rules: tuple[Rule, ...], model: Any) -> Iterator[Rule]:
    """Those of the rules that the model breaks."""
    return (rule for rule in rules if rule.holds is not None and not rule.holds(model))


def check_rules(rules: tuple[Rule, ...], model: Any) -> None:
    """Raise one pydantic error that names all rules the model breaks."""
    broken = [(rule.field, rule.message) for rule in broken_rules(rules, model)]
    if broken:
        sentences = "; ".join(message for _, message in broken)
        raise PydanticCustomError(BROKEN_RULES, "{sentences}", {"sentences": sentences, "rules": broken})


def cel_pattern(pattern: str) -> str:
    """A regular expression of Python's as a CEL literal. RE2, which evaluates it there, writes code points otherwise;
    `\\s`, `\\d` and `\\w` mean ASCII only."""
    return "'" + re.sub(r"\\u([0-9a-f]{4})", r"\\x{\1}", pattern).replace("\\", "\\\\").replace("'", "\\'") + "'"


def untouched(path: str, model: type[BaseModel], but: str = "") -> str:
    """CEL over an object's member at `path`: every field of the model, except the one named `but`, is unset or has the
    value that stored objects have where their author left it out."""
    members: list[str] = []
    for name, field in model.model_fields.items():
        if name != but:
            alias = field.alias or name
            accessor, usual = f"self.{path}.{alias}", BASELINE.get(f"{path}.{alias}", field.default)
            unset = [f"!has({accessor})"] if field.default is None else []
            known = [f"{accessor} == {_literal(value)}" for value in (usual, field.default) if value is not None]
            terms = [*unset, *dict.fromkeys(known)]
            members.append(terms[0] if len(terms) == 1 else f"({' || '.join(terms)})")
    return " && ".join(members)


def is_untouched(path: str, part: BaseModel, but: str = "") -> bool:
    """The same of a part of a spec."""
    defaults = type(part)().model_dump(mode="json", by_alias=True)
    return all(value == defaults[name] for name, value in explicit(part, path).items() if name != but)


def _literal(value: Any) -> str:
    """A CEL literal. JSON's numbers, booleans and strings are such."""
    return json.dumps(value).replace('"', "'")


@dataclass(frozen=True, slots=True)
class KeyedBy:
    """Marks a list of models as a map: no two entries share the value of `member`, and server-side apply merges them
    entry by entry. Used as `Annotated[list[Export], KeyedBy("format")]`."""

    member: str
    """Name of the member in Python."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        document = handler(schema)
        document["x-kubernetes-list-type"] = "map"
        document["x-kubernetes-list-map-keys"] = [to_camel(self.member)]
        return document

    def _check(self, entries: list[Any]) -> list[Any]:
        seen: set[Any] = set()
        for index, entry in enumerate(entries):
            key = getattr(entry, self.member)
            if key in seen:
                # Lists of receivers have addresses as keys.
                context = {"key": shown_receiver(key) if "://" in str(key) else str(key), "index": index}
                raise PydanticCustomError(DUPLICATE_KEY, "{key} may appear once", context)
            seen.add(key)
        return entries
