"""An engine in a package of its own, as examples/engine-constant is one: found by its entry point, used to the end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import trimesh
import yaml
from PIL import Image
from trimesh.visual import ColorVisuals

PACKAGE = Path(__file__).parents[3] / "examples" / "engine-constant"
COLOUR = (200, 60, 40)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a process that finds the package as if it were installed."""
    site = tmp_path_factory.mktemp("site")
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    points = project["entry-points"]["reconstruction.engines"]
    listed = "".join(f"{name} = {target}\n" for name, target in points.items())
    (metadata / "entry_points.txt").write_text(f"[reconstruction.engines]\n{listed}")
    return os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(site), str(PACKAGE)])}


def run(folder: Path, environment: dict[str, str], **spec: object) -> subprocess.CompletedProcess[str]:
    photos = folder / "photos"
    photos.mkdir()
    noise = np.random.default_rng(0)
    for index in range(4):
        pixels = noise.normal(COLOUR, 12, (80, 96, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(photos / f"{index}.png")
    job = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": "constant"},
        "spec": {"source": {"uri": "./photos"}, "engine": "constant", "mesh": {"textureSize": 128}, **spec},
    }
    (folder / "job.yaml").write_text(yaml.safe_dump(job))
    command = [sys.executable, "-m", "reconstruction_cli", "run", "job.yaml", "--out", "out"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_it_has_at_most_three_files() -> None:
    assert len([file for file in PACKAGE.rglob("*") if file.is_file() and "__pycache__" not in file.parts]) <= 3


def test_it_works_from_photos_to_artifacts_without_camera_poses(tmp_path: Path, installed: dict[str, str]) -> None:
    exports = [{"format": name} for name in ("GLB", "PLY", "STL")]
    ended = run(tmp_path, installed, poses={"method": "None"}, exports=exports)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    out = tmp_path / "out"
    for name in ("model.glb", "model.ply", "model.stl"):
        mesh = trimesh.load_mesh(out / name)
        assert len(mesh.faces) == 1280 and np.allclose(np.abs(mesh.bounds), 0.8, atol=0.02)
    visual = trimesh.load_mesh(out / "model.ply", process=False).visual
    assert isinstance(visual, ColorVisuals)
    colours = np.asarray(visual.vertex_colors)[:, :3]
    assert np.abs(colours.mean(axis=0) - COLOUR).max() < 6
    quality = json.loads((out / "quality.json").read_text())
    assert (quality["psnr"], quality["verdict"], quality["reason"]) == (None, "warn", "there are no camera poses")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["engine"]["name"] == "constant"
    assert manifest["photos"] == {"used": 4, "dropped": 0, "registered": 0}
    page = (out / "report.html").read_text()
    assert "where they were taken from is not known" in page and "NotRegistered" not in page
