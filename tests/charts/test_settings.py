"""What the chart's schema lets through, the operator takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reconstruction_operator.settings import ENVIRONMENT_PREFIX, Settings

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
NUMBERS: dict[str, dict[str, Any]] = {
    name: value
    for name, value in json.loads((CHART / "values.schema.json").read_text())["properties"]["settings"][
        "properties"
    ].items()
    if "integer" in value["type"]
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("bound", ["minimum", "maximum"])
def test_a_number_at_the_bounds_of_the_schema_starts_the_operator(name: str, bound: str) -> None:
    setting = re.sub(r"([A-Z])", r"_\1", name).lower()
    number = NUMBERS[name][bound]
    assert getattr(Settings.load([], {ENVIRONMENT_PREFIX + setting.upper(): str(number)}), setting) == number


def test_the_numbers_of_the_chart_are_known() -> None:
    assert len(NUMBERS) == 8
