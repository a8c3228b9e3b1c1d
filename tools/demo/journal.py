"""Shows the user what is being done, and how long it takes."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from typing import TextIO

from devcluster import processes


def duration(seconds: float) -> str:
    """`12 s`, `3 min 5 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


class Journal:
    """Lines with the time since the start; on a terminal also one line that is rewritten in place."""

    def __init__(self, stream: TextIO = sys.stdout):
        self.stream = stream
        self.began = time.monotonic()
        self._lock = threading.Lock()
        self._live = False

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def say(self, text: str) -> None:
        """Write a line."""
        minutes, seconds = divmod(int(self.elapsed), 60)
        with self._lock:
            if self._live:
                self.stream.write("\r\x1b[K")
            self._live = False
            self.stream.write(f"{minutes:3d}:{seconds:02d}  {text}\n")
            self.stream.flush()

    def live(self, text: str) -> bool:
        """Show a passing state; False (and nothing shown) where the output is no terminal."""
        if not self.stream.isatty():
            return False
        width = os.get_terminal_size(self.stream.fileno()).columns
        with self._lock:
            self.stream.write(f"\r\x1b[K        {text}"[: width + 3])
            self.stream.flush()
            self._live = True
        return True

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step, and say how long it took."""
        self.say(f"… {name}")
        began = time.monotonic()
        try:
            yield
        except BaseException:
            self.say(f"✗ {name} (after {duration(time.monotonic() - began)})")
            raise
        self.say(f"✓ {name} ({duration(time.monotonic() - began)})")

    def in_parallel(self, tasks: Mapping[str, Callable[[], object]]) -> None:
        """Run steps side by side. The first failure ends the programs that the others have started."""

        def run(name: str, task: Callable[[], object]) -> None:
            with self.step(name):
                task()

        pool = ThreadPoolExecutor(len(tasks))
        futures = [pool.submit(run, name, task) for name, task in tasks.items()]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            processes.kill(_running_programs())
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _running_programs() -> list[int]:
    """Programs that this process waits for; a cluster's, which have sessions of their own, are not among them."""
    found = []
    for pid in processes.descendants(os.getpid()):
        with suppress(ProcessLookupError):
            if os.getsid(pid) == os.getsid(0):
                found.append(pid)
    return found
