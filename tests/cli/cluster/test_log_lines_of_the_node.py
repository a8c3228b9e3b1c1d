"""What the node writes into a pod's log when it can't continue: only a stub says it whenever it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconstruction_cli.cluster.pod_logs import Printer

POD = {"metadata": {"name": "first", "labels": {}}}
GONE = b"rpc error: code = NotFound desc = an error occurred when try to find container: not found"


class Node:
    """Answers with fixed lines."""

    namespace = "museum"

    def __init__(self, *lines: bytes):
        self.answer = lines

    def lines(self, *_: Any) -> Iterator[bytes]:
        yield from self.answer


@pytest.mark.parametrize("raw", [True, False])
def test_a_container_that_is_gone_ends_its_log_and_nothing_else(raw: bool, capsys: pytest.CaptureFixture[str]) -> None:
    before, after = b"2026-01-02T03:04:05.678901234Z before", b"2026-01-02T03:04:06+01:00 after"
    Printer(Node(before, GONE, after), tail=None, raw=raw).show(POD, follow=True)  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert [line.split(" ")[-1] for line in out.splitlines()[0 if raw else 1 :]] == ["before", "after"]
    assert err == f"The log of pod first is interrupted: {GONE.decode()}\n"
