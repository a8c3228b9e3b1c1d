"""Running `recon run` as a user does: as a program of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trimesh
import yaml
from PIL.Image import Image

from demo import layout

Document = dict[str, Any]
RUN_SECONDS = 900.0


@dataclass
class DrivenRun:
    """A folder with a job, its results, and what the last run said."""

    folder: Path
    job: Document
    photos: Path
    output: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of the run, beside those of this process."""

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def workspace(self) -> Path:
        return self.out / "workspace"

    def complete(self) -> int:
        """Run to the end; the exit status."""
        with self._start() as process:
            self.output = process.communicate(timeout=RUN_SECONDS)[0]
        return process.returncode

    def kill_when(self, condition: Callable[[], bool]) -> None:
        """Run until a condition holds, then SIGKILL every process of the run at once."""
        with self._start() as process:
            deadline = time.monotonic() + RUN_SECONDS
            try:
                while not condition():
                    assert process.poll() is None, f"the run ended too early: {process.communicate()[0]}"
                    assert time.monotonic() < deadline, "the condition did not come about"
                    time.sleep(0.1)
            finally:
                kill_session(process.pid)
            self.output = process.communicate()[0]

    def interrupt_after(self, seconds: float, number: signal.Signals) -> int | None:
        """Run for a while, then send a signal: SIGKILL to every process of the run, any other one to its leader. The
        exit status; None when the run was over before."""
        with self._start() as process:
            try:
                self.output = process.communicate(timeout=seconds)[0]
                return None
            except subprocess.TimeoutExpired:
                if number is signal.SIGKILL:
                    kill_session(process.pid)
                else:
                    process.send_signal(number)
                self.output = process.communicate(timeout=RUN_SECONDS)[0]
        return process.returncode

    def record(self, stage: str) -> Document:
        """The record that a stage left when it had completed."""
        return json.loads((self.workspace / "stages" / f"{stage}.json").read_text())

    def _start(self) -> subprocess.Popen[str]:
        (self.folder / "job.yaml").write_text(yaml.safe_dump(self.job))
        claim = self.job["spec"]["source"]["persistentVolumeClaim"]["claimName"]
        arguments = ["run", self.folder / "job.yaml", "--out", self.out, "--volume", f"{claim}={self.photos}"]
        return subprocess.Popen(
            [sys.executable, "-m", "reconstruction_cli", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, layout.packages()))} | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def kill_session(leader: int) -> None:
    """SIGKILL to the whole process tree of a program that was started as the leader of a session."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            session = int(stat.read_text().rsplit(")", 1)[1].split()[3])
            if session == leader:
                os.kill(int(stat.parent.name), signal.SIGKILL)
        except (OSError, ValueError):
            continue


def texture_of(mesh: trimesh.Trimesh) -> Image:
    """The picture on a mesh's surface."""
    material = getattr(mesh.visual, "material", None)
    picture = getattr(material, "baseColorTexture", None)
    assert isinstance(picture, Image), "the mesh has no texture"
    return picture
