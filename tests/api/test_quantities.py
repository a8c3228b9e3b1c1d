"""Amounts as Kubernetes writes them."""

from __future__ import annotations

import pytest

from reconstruction_api.quantities import byte_count


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("5", 5),
        ("2k", 2000),
        ("20M", 20_000_000),
        ("1Gi", 2**30),
        ("0.5Ki", 512),
        ("1.5T", 15 * 10**11),
        ("1Pi", 2**50),
    ],
)
def test_bytes_with_a_unit(text: str, size: int) -> None:
    assert byte_count(text) == size


@pytest.mark.parametrize("text", ["", "G", "1 G", "1Xi", "-1M"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        byte_count(text)
