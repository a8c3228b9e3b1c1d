"""What has to be known of an operator to measure it."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..measuring import Document
from ..setting import Bench


@dataclass(frozen=True)
class Child:
    """A kind of object that the operator makes for each job."""

    path: str
    selector: str
    job_of: Callable[[Document], str]
    """Name of the job that such an object belongs to."""

    @classmethod
    def with_label(cls, path: str, label: str, selector: str = "") -> Child:
        """Whose label names the job."""
        return cls(path, selector or label, lambda document: document["metadata"]["labels"][label])


class Peer(ABC):
    """An operator, as its own project releases and configures it."""

    name: str
    version: str
    language: str
    makes: str
    """For one job, up to what its pods wait for."""

    def install(self, at: Bench) -> None:  # noqa: B027 - not all have something to install
        """Its kinds, and the program where that is not there yet. Takes minutes the first time."""

    @abstractmethod
    def start(self, at: Bench, access: Path, log: Path) -> subprocess.Popen[bytes]:
        """Run it with the rights of this kubeconfig; returns without waiting."""

    @abstractmethod
    def job(self, name: str) -> Document:
        """The smallest one."""

    @abstractmethod
    def jobs(self, namespace: str) -> str:
        """Where jobs are created."""

    @abstractmethod
    def children(self, namespace: str) -> list[Child]:
        """What must be there before a job counts as started: one of each."""


def launch(log: Path, *command: object, **environment: str) -> subprocess.Popen[bytes]:
    """A program with its output in a file. It does not see this project's packages."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=inherited | environment,
        )


def pod_spec(name: str = "work") -> Document:
    """Of a pod that nothing really runs."""
    return {"containers": [{"name": name, "image": f"{name}:test", "command": ["sleep", "infinity"]}]}
