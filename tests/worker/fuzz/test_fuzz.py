"""A short run of the fuzzer; `make fuzz` is a long one."""

from __future__ import annotations

from .run import run


def test_damaged_sources_are_read_or_refused_with_a_code() -> None:
    outcomes, failures = run(120)  # of each kind as many
    assert failures == []
    assert outcomes["accepted"] > 20
    assert {"InvalidPoses", "UnsafeArchive", "ImageCorrupt"} <= outcomes.keys()
