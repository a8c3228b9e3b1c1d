"""Following objects across lost connections."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_cli.cluster import follow
from reconstruction_cli.cluster.connection import Disconnected


def thing(uid: str, version: int) -> dict[str, Any]:
    return {"metadata": {"uid": uid, "resourceVersion": str(version)}}


class Server:
    """Plays what it was given: a list (of objects) for each listing, a list of events for each watch. An exception is
    raised where it stands."""

    def __init__(self, *script: Any):
        self.script = list(script)
        self.watched_from: list[str] = []

    def pages(self, path: str, query: dict[str, str]) -> Iterator[dict[str, Any]]:
        found = self.script.pop(0)
        if isinstance(found, Exception):
            raise found
        yield {"items": found, "metadata": {"resourceVersion": "100"}}

    def lines(self, path: str, query: dict[str, str], silence: float | None) -> Iterator[bytes]:
        self.watched_from.append(query["resourceVersion"])
        events = self.script.pop(0)
        if isinstance(events, Exception):
            raise events
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield json.dumps({"type": event[0], "object": event[1]}).encode()


def seen(server: Server, count: int, known: dict[str, Any] | None = None) -> list[tuple[str, str, bool]]:
    """uid, version and deletion of the first changes."""
    stream = follow.changes(server, "thing", "/things", {}, known or {})  # pyright: ignore[reportArgumentType]
    return [
        (change.document["metadata"]["uid"], change.document["metadata"]["resourceVersion"], change.deleted)
        for change in itertools.islice(stream, count)
    ]


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


UNREACHABLE = ReconstructionError("ClusterUnreachable", "gone")


def test_what_there_is_comes_first_then_the_changes() -> None:
    server = Server([thing("a", 1)], [("MODIFIED", thing("a", 101)), ("DELETED", thing("a", 102))])
    assert seen(server, 3) == [("a", "1", False), ("a", "101", False), ("a", "102", True)]


def test_a_lost_connection_is_continued_where_it_ended() -> None:
    server = Server([], [("BOOKMARK", thing("", 107)), Disconnected()], UNREACHABLE, [], [("ADDED", thing("b", 110))])
    assert seen(server, 1) == [("b", "110", False)]
    assert server.watched_from == ["100", "107", "107", "107"]


def test_too_old_to_continue_means_to_begin_again_and_notice_what_is_gone() -> None:
    server = Server([thing("a", 1), thing("b", 2)], [("ERROR", {"code": 410})], [thing("b", 150)])
    assert seen(server, 4) == [("a", "1", False), ("b", "2", False), ("a", "1", True), ("b", "150", False)]


def test_what_was_known_and_is_not_there_is_deleted() -> None:
    assert seen(Server([]), 1, {"a": thing("a", 1)}) == [("a", "1", True)]


def test_a_cluster_that_never_answered_is_not_asked_again() -> None:
    with pytest.raises(ReconstructionError, match="gone"):
        seen(Server(UNREACHABLE), 1)


def test_patience_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=100)
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    with pytest.raises(ReconstructionError, match="gone"):
        seen(Server([], *[UNREACHABLE] * 100), 1)


def test_a_refusal_is_final() -> None:
    with pytest.raises(ReconstructionError, match="no"):
        seen(Server([], ReconstructionError("ClusterAccessDenied", "no")), 1)
