"""nerfstudio's surfaces of a scene whose shape is known, judged as ours are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import trimesh

from reconstruction_worker.cpus import available_cpus
from reconstruction_worker.geometry.mesh import Mesh

from ...finished import in_world
from ...machine import machine
from ...worker_quality import peer
from ...worker_quality.measuring import Usage, run
from ..figures import known
from ..nearness import Nearness
from ..sets import WORK, PhotoSet
from .environment import python

METHODS = ("tsdf", "poisson")
"""Of `ns-export`."""
SEED = 42


@dataclass(frozen=True)
class PeerRow:
    """One of nerfstudio's surfaces of a set."""

    method: str
    known: Nearness
    faces: int
    steps: int
    """Of the training."""
    training_seconds: float
    training_cpu_seconds: float
    export_seconds: float
    export_cpu_seconds: float
    peak_rss_mib: float
    """Of training and export."""
    machine: dict[str, Any]
    """Before its export."""


@dataclass(frozen=True)
class Peer:
    """nerfstudio on one set; what it has done before is kept where `finished` says so."""

    photo_set: PhotoSet
    workspace: Path
    """Of our run: its photos, poses and held-out views."""
    row: dict[str, Any]
    """The figures of that run: nerfstudio trains as long, and for as much processor time."""
    finished: bool

    @property
    def folder(self) -> Path:
        return WORK / f"{self.photo_set.name}-nerfstudio"

    def rows(self) -> list[PeerRow]:
        """Train once, export with each method."""
        seconds, cpu_seconds = time_of_training(self.workspace, self.row)
        asked = peer.request(self.workspace, self.folder, seconds, cpu_seconds, available_cpus(), SEED)
        asked |= {"keep": str(self.folder / "pipeline.pt")}
        training = self._once("training", lambda: peer.train(asked))
        return [self._row(method, asked, training) for method in METHODS]

    def _row(self, method: str, asked: dict[str, Any], training: dict[str, Any]) -> PeerRow:
        export = self._once(f"export of {method}", lambda: self._export(method, asked))
        mesh = in_our_world(self.folder / f"{method}_mesh.ply", self.folder / f"export-{method}.json")
        result = json.loads((self.folder / "result.json").read_text())
        return PeerRow(
            method=f"ns-export {method}",
            known=known(self.photo_set, self.workspace, mesh),
            faces=len(mesh.faces),
            steps=result["steps"],
            training_seconds=result["seconds"],
            training_cpu_seconds=result["cpuSeconds"],
            export_seconds=export["seconds"],
            export_cpu_seconds=export["cpu_seconds"],
            peak_rss_mib=max(training["peak_rss_mib"], export["peak_rss_mib"]),
            machine=export["machine"],
        )

    def _export(self, method: str, training: dict[str, Any]) -> Usage:
        """The box to look in is that of the known shape."""
        assert self.photo_set.known is not None
        shape = self.folder / "shape.npy"
        np.save(shape, in_world(self.photo_set.known().vertices, self.workspace))
        request = {"method": method, "training": training, "shape": str(shape), "folder": str(self.folder)}
        file = self.folder / f"export-{method}.request.json"
        file.write_text(json.dumps(request, indent=1))
        command = [python(), "-m", "bench.surface.peer.export_run", file]
        return run(command, self.folder / f"export-{method}.log", training["threads"])

    def _once(self, what: str, work: Callable[[], Usage]) -> dict[str, Any]:
        """What a piece of work needed, which is done unless it is finished and may be."""
        file = self.folder / f"{what}.usage.json"
        if not (self.finished and file.exists()):
            file.unlink(missing_ok=True)
            before = machine()
            print(f"{self.photo_set.name}: nerfstudio's {what}", flush=True)
            file.write_text(json.dumps({**asdict(work()), "machine": before}, indent=1))
        return json.loads(file.read_text())


def time_of_training(workspace: Path, row: dict[str, Any]) -> tuple[float, float]:
    """Seconds of our training loop, and processor seconds: of those of the whole run as large a share."""
    lines = (workspace / "train" / "history.jsonl").read_text().splitlines()
    seconds = json.loads(lines[-1])["seconds"]
    return seconds, round(row["cpu_seconds"] * seconds / row["seconds"], 1)


def in_our_world(file: Path, export: Path) -> Mesh:
    """The mesh of an export, in the world of our workspace; an empty one where it has found no surface."""
    document = json.loads(export.read_text())
    if document["noSurface"]:
        return Mesh(np.zeros((0, 3)), np.zeros((0, 3), np.int32))
    mesh = trimesh.load(file, process=False, force="mesh")
    assert isinstance(mesh, trimesh.Trimesh)
    matrix = np.array(document["worldFromNerfstudio"])
    points = np.asarray(mesh.vertices, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
    return Mesh(points, np.asarray(mesh.faces, np.int32))
