"""Status is written as the difference to what is there."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconstruction_operator.act import merge_patch

values = st.recursive(
    st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
documents = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, word for word."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(documents, documents)
def test_the_difference_leads_from_the_old_document_to_the_new_one(old: dict, new: dict) -> None:
    assert merged(old, merge_patch(old, new)) == new


@given(documents)
def test_equal_documents_have_no_difference(document: dict) -> None:
    assert merge_patch(document, document) == {}
