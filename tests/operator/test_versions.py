"""Which sights of an object count."""

from __future__ import annotations

import pytest

from reconstruction_operator.resource_versions import Versions


def test_only_what_is_newer_than_all_before_counts() -> None:
    versions = Versions()
    assert [versions.is_newer("a", version) for version in (3, 2, 3, 4)] == [True, False, False, True]


def test_what_has_no_version_always_counts_while_the_object_is_there() -> None:
    versions = Versions()
    assert versions.is_newer("a", 3) and versions.is_newer("a", -1)
    versions.forget("a", 5)
    assert not versions.is_newer("a", -1)


@pytest.mark.parametrize(("version", "counts"), [(4, False), (5, False), (6, True)])
def test_an_object_is_seen_again_only_if_it_was_changed_after_it_had_gone_from_sight(
    version: int, counts: bool
) -> None:
    versions = Versions()
    versions.forget("a", 5)
    assert versions.is_newer("a", version) is counts


def test_what_a_listing_no_longer_has_never_comes_back() -> None:
    versions = Versions()
    versions.forget("a")
    versions.forget("a", 5)
    assert not versions.is_newer("a", 10**9)


def test_only_the_latest_of_the_gone_are_remembered() -> None:
    versions = Versions(most_gone=2)
    for uid in ("a", "b", "a", "c"):
        versions.forget(uid)
    assert [versions.is_newer(uid, 1) for uid in ("a", "b", "c")] == [False, True, False]
