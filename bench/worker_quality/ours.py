"""Runs the worker as a user does: `recon run job.yaml`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from reconstruction_api.training import Training
from reconstruction_worker.engines.splats.settings import planned_steps
from reconstruction_worker.engines.training.posed_photos import read_scene

from ..recon import job, run_job
from .measuring import Usage
from .scenes import Scene

RUN_OF = {"nerfacto": "train", "splats": "splats"}
"""Folders of the runs by their engines."""
CALIBRATION_STEPS = {"nerfacto": 80, "splats": 200}
"""Enough for a few lines of history; steps of splats become slower in the course of a training, however short it is."""
BUSY_SHARE = 0.9
"""Of its threads' time that training uses on a quiet machine."""


@dataclass(frozen=True)
class Reconstruction:
    """A finished run's workspace, and what its training needed."""

    workspace: Path
    training: Usage
    evaluation: Usage

    def document(self, path: str) -> dict[str, Any]:
        return json.loads((self.workspace / path).read_text())

    @property
    def seconds(self) -> float:
        """In the training loop."""
        return self.history[-1]["seconds"]

    @property
    def history(self) -> list[dict[str, float]]:
        return _history(self.workspace)

    @property
    def whole_seconds(self) -> float:
        """All stages, from the photos to the quality report."""
        names = ("ingest", "poses", "train", "evaluate")
        return round(sum(self.document(f"stages/{name}.json")["seconds"] for name in names), 1)


class Worker:
    """Runs of one scene in one folder; photos and poses are prepared once."""

    def __init__(self, scene: Scene, photos: Path, folder: Path, threads: int):
        self.scene, self.photos, self.folder, self.threads = scene, photos, folder, threads

    def seconds_a_step(self, engine: str = "nerfacto") -> float:
        """Of training on this machine, from a short one; about what it would be were nothing else running."""
        name, steps = RUN_OF[engine], CALIBRATION_STEPS[engine]
        mark = self._workspace(name) / "train" / "history.jsonl"
        usage = self._recon(
            "train", f"{engine}-calibration", length={"steps": steps}, seed=0, mark=mark, engine=engine, run_name=name
        )
        lines = _history(self._workspace(name))
        measured = (lines[-1]["seconds"] - lines[0]["seconds"]) / (lines[-1]["step"] - lines[0]["step"])
        return min(measured, usage.cpu_seconds_after_mark / steps / (BUSY_SHARE * self.threads))

    def reconstruct(self, steps: int, seed: int) -> Reconstruction:
        """Train for so many steps and compare with the held-out photos."""
        workspace = self._workspace("train")
        mark = workspace / "train" / "history.jsonl"
        training = self._recon("train", "train", length={"steps": steps}, seed=seed, mark=mark)
        return Reconstruction(
            workspace, training, self._recon("evaluate", "evaluate", length={"steps": steps}, seed=seed)
        )

    def reconstruct_splats(self, steps: int, seed: int) -> Reconstruction:
        """The same with the engine splats, and no more steps than it takes by itself."""
        workspace = self._workspace("splats")
        length = {"steps": min(steps, planned_steps(read_scene(workspace), Training(), torch.device("cpu")))}
        mark = workspace / "train" / "history.jsonl"
        training = self._recon(
            "train", "splats", run_name="splats", seed=seed, engine="splats", mark=mark, length=length
        )
        evaluation = self._recon("evaluate", "splats", run_name="splats", seed=seed, engine="splats", length=length)
        return Reconstruction(workspace, training, evaluation)

    def quiet_seconds(self, ours: Reconstruction) -> float:
        """How long a training took, or about would have taken were nothing else running."""
        return min(ours.seconds, ours.training.cpu_seconds_after_mark / (BUSY_SHARE * self.threads))

    def registration(self) -> dict[str, Any]:
        """`poses/registration.json` of the photos in the size that the scene names for it."""
        side = self.scene.poses_max_side
        if side is None:
            files = (self._workspace(name) / "poses" / "registration.json" for name in ("train", "splats"))
            return json.loads(next(file for file in files if file.exists()).read_text())
        self._recon("poses", "poses", length={"steps": 1}, seed=0, run_name="poses", max_side=side)
        return json.loads((self._workspace("poses") / "poses" / "registration.json").read_text())

    def _workspace(self, run_name: str) -> Path:
        return self.folder / run_name / "workspace"

    def _recon(
        self,
        until: str,
        log: str,
        *,
        seed: int,
        engine: str = "nerfacto",
        run_name: str = "train",
        max_side: int | None = None,
        mark: Path | None = None,
        length: dict[str, int],
    ) -> Usage:
        """`length` are the fields of `spec.training` that say how long it is to take."""
        spec = {
            "images": {"maxSidePixels": max_side or self.scene.max_side},
            "engine": engine,
            "training": {**length, "seed": seed, "device": "CPU", "checkpointEverySteps": 100_000},
            "mesh": {"targetFaces": 1000, "textureSize": 64},  # the surface is not what is measured
            "quality": {"onFailure": "Warn"},
        }
        return run_job(
            job(f"bench-{self.scene.name}", self.photos, spec),
            self.folder / f"{run_name}.yaml",
            self.folder / run_name,
            self.folder / "logs" / f"{log}.log",
            until=until,
            threads=self.threads,
            mark=mark,
        )


def _history(workspace: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (workspace / "train" / "history.jsonl").read_text().splitlines()]
