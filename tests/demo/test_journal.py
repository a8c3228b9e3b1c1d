import io
import subprocess
import sys
import threading

import pytest

from demo.journal import Journal


def test_a_step_says_when_it_begins_and_how_long_it_took() -> None:
    stream = io.StringIO()
    with Journal(stream).step("weighing"):
        pass
    assert [line[8:] for line in stream.getvalue().splitlines()] == ["… weighing", "✓ weighing (0 s)"]


def test_parallel_steps_run_side_by_side() -> None:
    meeting = threading.Barrier(2, timeout=60)
    Journal(io.StringIO()).in_parallel({"one": meeting.wait, "two": meeting.wait})


def test_a_failing_step_ends_the_programs_of_the_others() -> None:
    started = threading.Event()
    statuses: list[int] = []

    def long_program() -> None:
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        started.set()
        statuses.append(process.wait())

    def failing() -> None:
        assert started.wait(60)
        raise ValueError("broken")

    stream = io.StringIO()
    with pytest.raises(ValueError, match="broken"):
        Journal(stream).in_parallel({"long": long_program, "failing": failing})
    assert statuses == [-9]
    assert "✗ failing" in stream.getvalue()
