"""From pydantic models to structural schemas."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from pydantic import Field

from reconstruction_api.base import ApiModel, Quantity
from reconstruction_api.rules import KeyedBy
from reconstruction_api.schema import structural_schema


class Inner(ApiModel):
    """Inner."""

    name: str
    """Name."""
    weight: int = 1
    """Weight."""


class Outer(ApiModel):
    """Outer."""

    maybe: Inner | None = None
    """An object, or nothing."""
    inner: Inner = Field(default_factory=lambda: Inner(name="x"))
    """An object with
    a default."""
    many: Annotated[list[Inner], KeyedBy("name")] = Field(default_factory=list[Inner])
    """Objects by name."""
    amount: Quantity = "1"
    """Amount."""
    labels: dict[str, str] = Field(default_factory=dict)
    """Labels."""
    free: dict[str, Any] = Field(default_factory=dict)
    """Anything."""


@pytest.fixture(scope="module")
def properties() -> dict[str, Any]:
    return structural_schema(Outer)["properties"]


def test_a_field_that_may_be_none_is_optional_and_not_nullable(properties: dict[str, Any]):
    assert properties["maybe"]["type"] == "object"
    assert not {"nullable", "anyOf", "default"} & properties["maybe"].keys()


def test_a_field_says_more_than_its_type(properties: dict[str, Any]):
    assert properties["maybe"]["description"] == "An object, or nothing."
    assert properties["inner"]["description"] == "An object with a default."


def test_a_default_made_by_a_factory_is_written_out(properties: dict[str, Any]):
    assert properties["inner"]["default"] == {"name": "x", "weight": 1}


def test_an_empty_default_is_left_out(properties: dict[str, Any]):
    assert "default" not in properties["labels"]
    assert "default" not in properties["many"]


def test_an_amount_is_a_number_or_text(properties: dict[str, Any]):
    assert properties["amount"]["x-kubernetes-int-or-string"] is True
    assert properties["amount"]["description"] == "Amount."


def test_maps_keep_the_type_of_their_values_or_everything(properties: dict[str, Any]):
    assert properties["labels"]["additionalProperties"] == {"type": "string"}
    assert properties["free"]["x-kubernetes-preserve-unknown-fields"] is True


def test_every_list_says_how_it_merges(properties: dict[str, Any]):
    assert properties["many"]["x-kubernetes-list-map-keys"] == ["name"]


def test_what_a_structural_schema_can_not_say_is_refused():
    class Ambiguous(ApiModel):
        value: int | bool = 0

    with pytest.raises(TypeError, match=r"Ambiguous\.value"):
        structural_schema(Ambiguous)
