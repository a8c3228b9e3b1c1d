"""The operator as its users run it: a process of its own, started, killed and started again."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import aiohttp

T = TypeVar("T")

PATIENCE: Final = 180.0
"""Seconds until what must come about counts as missing. A healthy cluster takes a few; the garbage collector and a
kubelet on a busy machine have taken more than a minute."""


class OperatorProcess:
    """`python3 -m reconstruction_operator` . Flags are given as `name=value`."""

    def __init__(self, kubeconfig: Path, log: Path, **flags: str):
        port = flags.pop("http_port", None) or str(free_port())
        workers_port = flags.pop("progress_port", None) or str(free_port())
        self.url = f"http://127.0.0.1:{port}"
        self.workers_url = f"http://127.0.0.1:{workers_port}"
        defaults = {
            "kubeconfig": str(kubeconfig),
            "http_port": port,
            "progress_port": workers_port,
            "http_host": "127.0.0.1",
            "leader_election": "false",
            "log_format": "text",
            "lost_report_grace_seconds": "3",
        }
        self._flags = [f"--{name.replace('_', '-')}={value}" for name, value in (defaults | flags).items()]
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "reconstruction_operator", *self._flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": _python_path()},
            )

    async def answers(self, seconds: float = PATIENCE) -> None:
        """Returns when the process is ready."""

        async def ready() -> bool:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await eventually(ready, f"{self.url}/readyz", seconds)

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._end(subprocess.Popen.kill)

    def stop(self) -> int:
        """SIGTERM, as Kubernetes stops a pod; the exit status."""
        return self._end(subprocess.Popen.terminate)

    def _end(self, signal: Callable[[subprocess.Popen[bytes]], None]) -> int:
        if self.process is None:
            return 0
        signal(self.process)
        status = self.process.wait(timeout=120)
        self.process = None
        return status


async def eventually(question: Callable[[], Awaitable[T | None]], what: str, seconds: float = PATIENCE) -> T:
    """The first answer that is neither None nor False; fails after the deadline, saying what was awaited."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(0.05)


def _python_path() -> str:
    return os.pathsep.join(sys.path)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
