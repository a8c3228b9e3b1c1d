from pathlib import Path

import pytest

import chartdocs
from reconstruction_api import generated

ROOT = Path(__file__).parents[2]


def test_the_charts_crds_schema_and_table_are_up_to_date() -> None:
    assert generated.stale(chartdocs.files(ROOT), ROOT) == [], f"run `{chartdocs.COMMAND}`"


def test_a_comment_over_several_lines_documents_the_value_below_it() -> None:
    notes = chartdocs.comments(
        'outer:\n  # -- First\n  # second.\n  # @schema {"minimum": 1}\n  inner: 3\n  other: 4\n'
    )
    assert notes[("outer", "inner")].description == "First second."
    assert notes[("outer", "inner")].keywords == {"minimum": 1}
    assert ("outer", "other") not in notes


def test_a_value_without_a_comment_is_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"outer\.inner has no comment"):
        chartdocs.schema({"outer": {"inner": 3}}, {})


def test_the_schema_refuses_values_that_do_not_exist() -> None:
    notes = chartdocs.comments("outer:\n  # -- Documented.\n  inner: 3\n")
    schema = chartdocs.schema({"outer": {"inner": 3}}, notes)
    assert schema["properties"]["outer"]["additionalProperties"] is False
    assert schema["properties"]["outer"]["properties"]["inner"]["type"] == "integer"
