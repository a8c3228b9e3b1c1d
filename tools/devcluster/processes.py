"""Long-running programs of a cluster: started detached, remembered in files, stopped even by another process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from .errors import DevclusterError


def start_time(pid: int) -> str | None:
    """When a process began, in clock ticks since boot (with the pid this names it for good); None when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else fields[19]


def remember(path: Path, pid: int) -> None:
    """Write who a process is to a file."""
    path.write_text(f"{pid} {start_time(pid)}")


def recall(path: Path) -> int | None:
    """The pid in a file of `remember`, if that very process still runs."""
    try:
        pid, began = path.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == began else None


def garbage_collection() -> dict[str, str]:
    """Environment of Go programs: they spend a sixth to a fifth of their time collecting garbage, and with memory to
    spare they need not."""
    memory = dict(line.split()[:2] for line in Path("/proc/meminfo").read_text().splitlines())
    return {"GOGC": "400", "GOMEMLIMIT": "3GiB"} if int(memory["MemAvailable:"]) > 8 * 2**20 else {}


def spawn(folder: Path, name: str, *command: object) -> None:
    """Start a program in a session of its own, with its output in `folder/name.log` and its pid in `folder/name.pid`.

    Standard input, output and error are detached, or the shell that started the cluster would wait for them.
    """
    with (folder / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=folder,
            env=os.environ | garbage_collection(),
        )
    remember(folder / f"{name}.pid", process.pid)


def stop(pid: int, grace: float = 10) -> None:
    """End a process: politely, and after `grace` seconds by force."""
    began = start_time(pid)
    for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # a child of this process counts as running until it is reaped
            if began is None or start_time(pid) != began:
                return
            time.sleep(0.05)


def stop_named(folder: Path, name: str) -> None:
    """End what `spawn(folder, name, ...)` started, if it still runs."""
    record = folder / f"{name}.pid"
    if (pid := recall(record)) is not None:
        stop(pid)
    record.unlink(missing_ok=True)


def descendants(pid: int) -> list[int]:
    """All processes below a process."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(stat.parent.name))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def arguments(pid: int) -> list[str]:
    """The command line of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def with_argument(program: str, argument: str) -> list[int]:
    """Processes of a program that were started with a certain argument."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        words = arguments(int(path.name))
        if words and Path(words[0]).name == program and argument in words:
            found.append(int(path.name))
    return found


def kill(pids: list[int]) -> None:
    """End processes by force and at once."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def run(*command: object, folder: Path | None = None, environment: dict[str, str] | None = None, text: str = "") -> str:
    """Run a program to its end, with `text` as its input, and return its standard output. Raises DevclusterError with
    what it said if it fails."""
    words = [str(part) for part in command]
    result = subprocess.run(words, check=False, cwd=folder, env=environment, capture_output=True, text=True, input=text)
    if result.returncode:
        output = (result.stderr or result.stdout).strip()[-2000:]
        raise DevclusterError(f"`{' '.join(words[:6])}` failed with status {result.returncode}:\n{output}")
    return result.stdout


def succeeds(*command: object) -> bool:
    """Run a program to its end, quietly; whether it ended with status 0."""
    words = [str(part) for part in command]
    return subprocess.run(words, check=False, capture_output=True, stdin=subprocess.DEVNULL).returncode == 0
