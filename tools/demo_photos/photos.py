"""Writes the photo set: pictures and licence into a folder, the true cameras only where they are asked for."""

from __future__ import annotations

import functools
import json
import multiprocessing
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from .cameras import View, arc_views
from .render import TexturedMesh, photograph
from .scan import Scan


def write_photos(scan: Scan, out: Path, count: int = 40, size: int = 480, ground_truth: Path | None = None) -> None:
    """Render `count` square photos into `out` (created), next to the scan's licence; poses only into `ground_truth`."""
    out.mkdir(parents=True, exist_ok=True)
    scene = _scene(scan)
    views = arc_views(count, size, scene.centre, scene.radius)
    names = [f"face-{number:02d}.png" for number in range(1, count + 1)]
    tasks = [(view, out / name) for view, name in zip(views, names, strict=True)]
    with multiprocessing.get_context("spawn").Pool(min(len(os.sched_getaffinity(0)), count)) as pool:
        pool.starmap(functools.partial(_write_photo, scan), tasks)
    shutil.copyfile(scan.licence, out / "LICENSE.txt")
    if ground_truth is not None:
        ground_truth.write_text(json.dumps(_transforms(views, names), indent=1))


def _write_photo(scan: Scan, view: View, path: Path) -> None:
    photograph(_scene(scan), view).save(path)


@functools.cache
def _scene(scan: Scan) -> TexturedMesh:
    """Loaded once in each process."""
    return TexturedMesh.load(scan.mesh, scan.texture)


def _transforms(views: Sequence[View], names: Sequence[str]) -> dict[str, object]:
    """The true cameras in nerfstudio's format, in the units of the scan (y up)."""
    frames = [
        {"file_path": name, "transform_matrix": view.camera_to_world.tolist()}
        for name, view in zip(names, views, strict=True)
    ]
    size, focal = views[0].size, views[0].focal
    intrinsics = {"fl_x": focal, "fl_y": focal, "cx": size / 2, "cy": size / 2, "w": size, "h": size}
    return {"camera_model": "PINHOLE", **intrinsics, "frames": frames}
