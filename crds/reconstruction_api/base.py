"""Shared pieces of the API models."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Self, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from .network import ENTRY_PATTERN
from .rules import Rule, check_rules

MAX_SECONDS: Final = 31_536_000
"""A year."""

_DECIMAL: Final = r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$"
_LABEL: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_SUBDOMAIN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_QUANTITY: Final = r"^[0-9]+(\.[0-9]+)?(m|k|[KMGTPE]i?)?$"
_SIZE: Final = r"^[0-9]+(\.[0-9]+)?(k|[MGTP]|[KMGTP]i)?$"
_SECRET_KEY: Final = r"^[-._a-zA-Z0-9]+$"
_ABSOLUTE: Final = r"^/.+"
_RELATIVE: Final = r"^$|^[^/].*$"


@dataclass(frozen=True, slots=True)
class TextForm:
    """What text of a pattern is, for people."""

    noun: str
    """In a list of fields."""
    demand: str
    """In a message about text that is of another form."""


TEXT_FORMS: Final = {
    _DECIMAL: TextForm("decimal number in quotes", 'must be a decimal number in quotes, such as "27.5"'),
    _LABEL: TextForm("name", "must be lower-case letters, digits and '-', and begin and end with a letter or digit"),
    _SUBDOMAIN: TextForm(
        "name", "must be lower-case letters, digits, '-' and '.', and begin and end with a letter or digit"
    ),
    _QUANTITY: TextForm("amount", "must be an amount such as 4, 500m or 16Gi"),
    _SIZE: TextForm("size", "must be a size such as 500Mi or 100Gi"),
    _SECRET_KEY: TextForm("name", "must be letters, digits, '-', '_' and '.'"),
    _ABSOLUTE: TextForm("absolute path", "must be an absolute path"),
    ENTRY_PATTERN: TextForm(
        "network, name or domain",
        "must be a network such as 10.1.0.0/16, a name of a host, or a domain such as .museum.org",
    ),
    _RELATIVE: TextForm("relative path", "must be a relative path, without a '/' at its beginning"),
}
"""The forms that text may have to take, by regular expression."""

DecimalString = Annotated[str, Field(pattern=_DECIMAL, max_length=20)]
"""A decimal number as text: Kubernetes objects carry no floats."""
Coordinates = Annotated[list[DecimalString], Field(min_length=3, max_length=3)]
"""x, y and z."""

DNSLabel = Annotated[str, Field(pattern=_LABEL, min_length=1, max_length=63)]
DNSSubdomain = Annotated[str, Field(pattern=_SUBDOMAIN, max_length=253)]

SecretKey = Annotated[str, Field(pattern=_SECRET_KEY, min_length=1, max_length=253)]
"""Name of an entry of a Secret."""

LabelValue = Annotated[str, Field(max_length=63)]

Quantity = Annotated[str, Field(pattern=_QUANTITY, max_length=32)] | int
"""An amount as in a pod's resources: `500m`, `4`, `16Gi`."""

Size = Annotated[str, Field(pattern=_SIZE, max_length=32)]
"""Bytes with a unit: `100Gi`."""

AbsolutePath = Annotated[str, Field(pattern=_ABSOLUTE, max_length=1024)]
RelativePath = Annotated[str, Field(pattern=_RELATIVE, max_length=1024)]

Count = Annotated[int, Field(ge=0, le=2**53)]
"""A number of things that every JSON library reads exactly."""


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Timestamp = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]
"""A moment as RFC 3339 text in UTC: `2026-01-31T12:00:00Z`."""


class ApiModel(BaseModel):
    """camelCase in YAML, snake_case in Python; unknown fields are mistakes."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", use_attribute_docstrings=True
    )

    rules: ClassVar[tuple[Rule, ...]] = ()
    """Conditions between this model's fields."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Checks the rules of models that have some; the many others cost nothing."""
        schema = handler(source)
        return core_schema.no_info_after_validator_function(cls._meeting_its_rules, schema) if cls.rules else schema

    @classmethod
    def _meeting_its_rules(cls, model: Self) -> Self:
        check_rules(cls.rules, model)
        return model

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Adds the rules, and the defaults that pydantic leaves out because a factory makes them."""
        reference = handler(schema)
        document = handler.resolve_ref_schema(reference)
        if validations := [rule.as_validation() for rule in cls.rules if rule.cel is not None]:
            document["x-kubernetes-validations"] = validations
        for name, field in cls.model_fields.items():
            if field.default_factory is not None:
                default = _plain(field.get_default(call_default_factory=True, validated_data={}))
                document["properties"][field.alias or name]["default"] = default
        return reference


def _plain(value: Any) -> Any:
    """A default as JSON data, without what says no more than its absence: nulls, empty maps and lists.

    Written out in full, because the API server evaluates rules on a default before it fills in the members' defaults.
    """
    document = TypeAdapter[Any](Any).dump_python(value, mode="json", by_alias=True, exclude_none=True)
    return _without_empty(document)


def _without_empty(document: Any) -> Any:
    if not isinstance(document, dict):
        return document
    members: dict[str, Any] = {key: _without_empty(member) for key, member in cast(dict[str, Any], document).items()}
    return {key: member for key, member in members.items() if member not in ({}, [])}
