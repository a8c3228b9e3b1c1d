"""docs/api.md and docs/errors.md."""

from __future__ import annotations

import re
from pathlib import Path

from reconstruction_api import generated, reference
from reconstruction_api.errors import CATALOGUE

ROOT = Path(__file__).parents[2]


def test_the_pages_in_the_repository_are_what_the_models_say():
    assert generated.stale(reference.files(), ROOT) == [], "run `python -m reconstruction_api.reference`"


def test_every_link_leads_to_a_section_of_the_page():
    page = reference.api_page()
    headings = re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)
    anchors = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\(#([^)]*)\)", page)) <= set(anchors)


def test_fields_show_type_limits_default_and_meaning():
    row = "| `maxSidePixels` | whole number, 64 to 8192 | `1600` | Photos with a longer side"
    assert row in reference.api_page()


def test_objects_that_are_alike_are_described_once():
    assert reference.api_page().count("`nvidia.com/gpu: 1`") == 1


def test_every_table_row_has_as_many_cells_as_its_head():
    for page in reference.files().values():
        for table in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE):
            assert len({line.count("|") for line in table.splitlines()}) == 1


def test_every_code_is_explained():
    page = reference.errors_page()
    assert [code for code in CATALOGUE if f"| `{code}` |" not in page] == []
