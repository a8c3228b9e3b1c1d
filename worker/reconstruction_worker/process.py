"""Runs one stage in a process of its own: its memory returns with its exit, its crash is an error code."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import psutil
from pydantic import ValidationError

from reconstruction_api.worker import Progress

from . import memory
from .child_events import EVENT, ErrorEvent, Event, OutputEvent, ProgressEvent, StageRequest
from .failures import from_exit
from .stage import Stopped

POLL_SECONDS: Final = 0.1
MEMORY_INTERVAL_SECONDS: Final = 1.0


class StopRequest:
    """Whether this process was asked to stop. The first signal asks politely; a second one takes the stage down."""

    def __init__(self) -> None:
        self.signals = 0

    @property
    def requested(self) -> bool:
        return self.signals > 0

    @property
    def impatient(self) -> bool:
        return self.signals > 1

    def stop(self) -> None:
        self.signals += 1

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT ask for a stop while the context is open (main thread only)."""

        def handle(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass(frozen=True)
class ChildResult:
    """What a stage's process left besides its files."""

    message: str
    metrics: dict[str, str | int]
    peak_memory_bytes: int


def run_in_child(
    request: StageRequest,
    *,
    log: Path,
    on_progress: Callable[[Progress], None],
    stop: StopRequest,
    grace_seconds: float,
    keep_open: Iterable[int] = (),
) -> ChildResult:
    """Run a stage and wait for it. When asked to stop, its process gets SIGTERM, and SIGKILL after `grace_seconds`.

    `keep_open` are file descriptors the process inherits: it holds the workspace's lock for as long as it lives.
    Raises the stage's ReconstructionError, one for the way it died, or Stopped.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    kills_before = memory.oom_kills()
    with log.open("ab") as output, os.fdopen(reader, "rb", buffering=0) as events:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "reconstruction_worker.child", str(writer)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(writer, *keep_open),
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        os.close(writer)
        follower = _Follower(child, events.fileno(), on_progress)
        try:
            assert child.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # it died at once; its exit status tells why
                child.stdin.write(request.model_dump_json(by_alias=True).encode() + b"\n")
                child.stdin.flush()
            stopping = follower.wait(stop, grace_seconds)
        finally:
            _end_group(child)
    final = follower.final
    if isinstance(final, OutputEvent):
        return ChildResult(final.message, final.metrics, max(final.peak_memory_bytes, follower.peak_memory_bytes))
    if isinstance(final, ErrorEvent):
        raise final.to_error()
    if final is not None or stopping or child.returncode == -signal.SIGTERM:  # it was asked to stop, by whomever
        raise Stopped
    raise from_exit(
        request.stage,
        child.returncode,
        peak_memory=follower.peak_memory_bytes,
        memory_limit=memory.limit(),
        oom_killed=memory.oom_kills() > kills_before,
        workspace=Path(request.workspace),
    )


@dataclass
class _Follower:
    """Reads a child's events and watches its memory until it ends."""

    child: subprocess.Popen[bytes]
    events: int
    on_progress: Callable[[Progress], None]
    final: Event | None = None
    """The event that ended the stage, if one arrived."""
    peak_memory_bytes: int = 0
    _buffer: bytes = b""
    _latest: Progress | None = None
    _memory_bytes: int = 0
    _next_sample: float = field(default_factory=time.monotonic)

    def wait(self, stop: StopRequest, grace_seconds: float) -> bool:
        """Returns whether the child was asked to stop."""
        process = psutil.Process(self.child.pid)
        kill_at: float | None = None
        with selectors.DefaultSelector() as selector:
            selector.register(self.events, selectors.EVENT_READ)
            while self.child.poll() is None and self.final is None:
                if selector.select(POLL_SECONDS) and not self._read():
                    break
                self._sample(process)
                if stop.requested and kill_at is None:
                    kill_at = time.monotonic() + grace_seconds
                    self.child.terminate()
                if kill_at is not None and (stop.impatient or time.monotonic() > kill_at):
                    break
            while selector.select(0) and self._read():
                pass
        if self.final is None and kill_at is None:
            self.child.wait()
        return kill_at is not None

    def _read(self) -> bool:
        """False at the end of the stream."""
        data = os.read(self.events, 65536)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            try:
                event = EVENT.validate_json(line)
            except ValidationError:
                continue
            if isinstance(event, ProgressEvent):
                self._latest = event.progress
                self._report_progress()
            else:
                self.final = event
        return bool(data)

    def _sample(self, process: psutil.Process) -> None:
        now = time.monotonic()
        if now < self._next_sample:
            return
        self._memory_bytes = memory.held_by_tree(process)
        if self._memory_bytes:  # a process that has just started holds none yet: look again soon
            self._next_sample = now + MEMORY_INTERVAL_SECONDS
        self.peak_memory_bytes = max(self.peak_memory_bytes, self._memory_bytes)
        self._report_progress()

    def _report_progress(self) -> None:
        if self._latest is not None:
            known = self._latest.memory_bytes
            self.on_progress(self._latest.model_copy(update={"memory_bytes": known or self._memory_bytes}))


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """Nothing of a stage outlives it, whatever processes it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()
