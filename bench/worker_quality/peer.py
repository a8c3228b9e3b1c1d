"""nerfstudio on what `recon run` prepared: the same photos, poses and held-out views."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo import layout

from .measuring import Usage, run
from .ours import Reconstruction
from .peer_settings import settings_for


def transforms(workspace: Path) -> dict[str, Any]:
    """`poses/transforms.json` of a workspace as nerfstudio reads it, with the division into training and held-out
    photos spelled out."""
    document = json.loads((workspace / "poses" / "transforms.json").read_text())
    split = json.loads((workspace / "train" / "split.json").read_text())
    used = {*split["train"], *split["eval"]}
    frames = [
        frame | {"file_path": str(workspace / frame["file_path"])}
        for frame in document["frames"]
        if Path(frame["file_path"]).name in used
    ]
    file_of = {Path(frame["file_path"]).name: frame["file_path"] for frame in frames}
    held_out = [file_of[name] for name in split["eval"]]
    shares = {
        "train_filenames": [file_of[name] for name in split["train"]],
        "val_filenames": held_out,
        "test_filenames": held_out,
    }
    return document | shares | {"frames": frames}


def reconstruct(ours: Reconstruction, folder: Path, threads: int, seed: int) -> tuple[dict[str, Any], Usage]:
    """Train for the time that our training took, on both clocks; the result that nerfstudio_run writes."""
    asked = request(ours.workspace, folder, ours.seconds, ours.training.cpu_seconds_after_mark, threads, seed)
    usage = train(asked)
    return json.loads((folder / "result.json").read_text()), usage


def request(
    workspace: Path, folder: Path, seconds: float, cpu_seconds: float, threads: int, seed: int
) -> dict[str, Any]:
    """What nerfstudio_run is asked for, until both clocks have run out; names its photos in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    document = transforms(workspace)
    (folder / "transforms.json").write_text(json.dumps(document))
    return {
        "data": str(folder / "transforms.json"),
        "out": str(folder),
        "seconds": seconds,
        "cpuSeconds": cpu_seconds,
        "threads": threads,
        "seed": seed,
        "settings": settings_for(document["scene"]),
    }


def train(asked: dict[str, Any]) -> Usage:
    """Leaves its result in the folder of the request. Raises ProgramFailed."""
    folder = Path(asked["out"])
    (folder / "request.json").write_text(json.dumps(asked, indent=1))
    command = [layout.PYTHON, "-m", "bench.worker_quality.nerfstudio_run", folder / "request.json"]
    return run(command, folder / "nerfstudio.log", asked["threads"])
