from __future__ import annotations

import re
import uuid

import pytest

from reconstruction_api.short_id import ALPHABET, is_short_id, short_id


def test_an_id_is_the_same_in_every_release():
    """People have written it down."""
    assert short_id("7c0f1d3e-0000-4000-8000-000000000001") == "jm6j44pr"


def test_ids_differ_and_have_nothing_that_looks_like_something_else():
    ids = {short_id(str(uuid.UUID(int=number))) for number in range(5000)}
    assert len(ids) == 5000
    assert all(re.fullmatch("[a-z0-9]{8}", each) and is_short_id(each) for each in ids)
    for alike in ("0o", "1il", "2z", "5s", "8b", "uv"):
        assert len(set(alike) & set(ALPHABET)) <= 1


@pytest.mark.parametrize("text", ["", "statue", "c7hm4kq", "c7hm4kqxx", "c7hm4kq0", "C7HM4KQX"])
def test_other_texts_are_no_ids(text: str):
    assert not is_short_id(text)
