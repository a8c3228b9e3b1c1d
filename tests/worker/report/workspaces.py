"""Finished workspaces: real mesh, texture and exports of a painted ball, and made-up numbers where others measure; and
one that ends with its camera poses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import BY_NAME, StageName, stage_digests
from reconstruction_worker.geometry.atlas import unwrap
from reconstruction_worker.geometry.bake import bake
from reconstruction_worker.geometry.pages import Pages
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.geometry.sparse import in_frame
from reconstruction_worker.geometry.surface import decimated
from reconstruction_worker.libraries import write_libraries
from reconstruction_worker.poses.output import write_observations, write_points
from reconstruction_worker.poses.posed_model import SparsePoints
from reconstruction_worker.records import StageRecord, write_record
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import export

from ..geometry.scenes import MeshField, around, bumpy_sphere, write_poses

TEXTURE = 256
POSES_ONLY = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "endAfter": "Poses"})
METRES = 12.0
"""Of one scene unit."""
CAMERAS = 8
TRAINED_WITH = {"python": "3.11.9", "torch": "2.6.0"}
WITHOUT_MASK = {"used": True, "missing": ["IMG_0001.jpg", "IMG_0002.jpg"]}


def spec_with(*formats: str) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate(
        {
            "source": {"uri": "s3://private-bucket/photos?signature=SECRET"},
            "exports": [{"format": name} for name in formats],
            "mesh": {"targetFaces": 2000, "textureSize": TEXTURE},
        }
    )


def context_of(stage: StageName, workspace: Path, spec: ReconstructionJobSpec, name: str = "ball") -> StageContext:
    """A context whose folder exists and is empty."""
    context = StageContext(stage, workspace, spec, lambda progress: None, lambda: False, job_name=name)
    context.folder.mkdir(parents=True, exist_ok=True)
    return context


def finished(workspace: Path, *formats: str) -> ReconstructionJobSpec:
    """All stages but the report."""
    spec = spec_with(*formats)
    write_poses(workspace, MeshField(bumpy_sphere()), around(10, size=96))
    _texture(workspace)
    names = [f"IMG_{index:04d}.png" for index in range(10)]
    views = [{"name": names[k], "psnr": 24.0 + k, "ssim": 0.9, "flip": 0.0812, "lpips": None} for k in (3, 7)]
    document(workspace, "ingest/dataset.json", dataset(names))
    document(workspace, "poses/registration.json", {"meanReprojectionError": 0.61, "masks": WITHOUT_MASK})
    document(workspace, "train/split.json", {"train": names[:3], "eval": [names[3], names[7]]})
    document(workspace, "train/engine.json", {"engine": "nerfacto", "licence": "Apache-2.0", "device": "cpu"})
    history = [{"step": s, "loss": 0.1 * math.exp(-s / 300), "psnr": 15 + s / 100} for s in range(0, 1000, 20)]
    for line in history[::5]:
        line |= {"heldOutPsnr": line["psnr"] - 1, "heldOutSsim": 0.5 + line["step"] / 3000}
    (workspace / "train" / "history.jsonl").write_text("\n".join(json.dumps(line) for line in history))
    crop = {"asked": "Auto", "cut": True, "reason": "the cameras go round it", "cutShare": 0.61}
    mesh = {"vertices": 1002, "faces": 2000, "components": 1, "watertight": True, "crop": crop}
    document(workspace, "mesh/mesh.json", mesh)
    Image.fromarray(np.full((30, 80, 3), 200, np.uint8)).save(workspace / "mesh" / "crop.jpg")
    quality = {
        "psnr": 25.5,
        "ssim": 0.9,
        "flip": 0.0812,
        "lpips": None,
        "lpipsReason": "its weights are not installed",
        "verdict": "pass",
        "thresholds": {"minPSNR": 25, "minSSIM": 0.85, "warnPSNR": 20, "warnSSIM": 0.75},
        "views": views,
        "worst": [names[3], names[7]],
        "nextStep": f"Look at {names[3]}: it is blurred.",
    }
    document(workspace, "evaluate/quality.json", quality)
    (workspace / "evaluate" / "views").mkdir()
    for view in views:
        for kind in ("photo", "render", "error"):
            path = workspace / "evaluate" / "views" / f"{view['name']}.{kind}.jpg"
            Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(path)
    export.run(context_of(StageName.EXPORT, workspace, spec))
    for stage in (StageName.INGEST, StageName.POSES, StageName.TRAIN):
        digest = stage_digests(spec)[stage]
        record = StageRecord(stage=stage, key="k", digest=digest, code_version=1, message="done", seconds=12.5)
        write_record(workspace, record)
    write_libraries(workspace, StageName.TRAIN, "k", TRAINED_WITH)
    assert BY_NAME[StageName.REPORT].needs
    return spec


def posed(workspace: Path, points: int = 300, located: bool = True) -> None:
    """Cameras around a sphere with points on it; the photos say where they were taken, one of them wrongly."""
    write_poses(workspace, MeshField(bumpy_sphere()), around(CAMERAS, size=64))
    scene = load_scene(workspace)
    places = np.random.default_rng(3).normal(size=(points, 3))
    places *= 0.4 / np.linalg.norm(places, axis=1, keepdims=True)
    seen = [(index, int(point)) for index, view in enumerate(scene.views) for point in in_frame(view, places)]
    cut = [pair for pair in seen if pair[0] != 5 or pair[1] < 7]  # the sixth photo shows few of them
    sparse = SparsePoints(
        places, np.full((points, 3), (200, 30, 30), np.uint8), np.full(points, 6), np.array(cut).reshape(-1, 2)
    )
    write_points(workspace / "poses" / "points.ply", sparse)
    write_observations(workspace / "poses" / "observations.npz", sparse)
    photos = dataset([view.name for view in scene.views])
    if located:
        eyes = np.array([view.camera.camera_to_world[:3, 3] for view in scene.views]) * METRES
        eyes[2] += 40
        there = pycolmap.GPSTransform().enu_to_ellipsoid(eyes, 48.0, 11.0, 500.0)
        for photo, place in zip(photos["images"], there, strict=False):
            photo["gps"] = [float(x) for x in place]
    document(workspace, "ingest/dataset.json", photos)
    document(workspace, "poses/registration.json", registration())


def registration() -> dict[str, Any]:
    tried = {"pairing": "exhaustive", "points": 1}
    return {
        "method": "structureFromMotion",
        "registered": CAMERAS,
        "total": CAMERAS + 1,
        "unregistered": ["lost.jpg"],
        "meanReprojectionError": 0.314,
        "medianReprojectionError": 0.24,
        "meanTrackLength": 6.0,
        "points": 300,
        "strategy": "standard",
        "strategies": [
            {**tried, "strategy": "quick", "registered": 3},
            {**tried, "strategy": "standard", "registered": 8},
        ],
    }


def dataset(names: list[str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = [
        {"name": name, "file": f"ingest/images/{name}", "status": "kept", "notes": []} for name in [*names, "lost.png"]
    ]
    for image in images:  # photos that were JPEG stay so; their undistorted pictures are PNG
        image["name"] = image["name"].replace(".png", ".jpg")
    images[0] |= {"original": {"name": "a&b.HEIC"}, "status": "fixed", "notes": ["turned upright", "scaled by 0.397"]}
    images[1] |= {"notes": ["blurred: 20% of the usual sharpness"]}
    dropped = [
        {"name": "<script>alert(1)</script>.jpg", "code": "ImageCorrupt", "message": "cut off <b>here</b>\u202e\x9b"}
    ]
    return {"images": images, "dropped": dropped}


def document(workspace: Path, name: str, content: dict[str, Any]) -> None:
    path = workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _texture(workspace: Path) -> None:
    atlas = unwrap(decimated(bumpy_sphere(), 2000), TEXTURE)
    baked = bake(Pages(atlas, TEXTURE), list(load_scene(workspace).views))
    folder = workspace / "texture"
    folder.mkdir()
    np.savez(
        folder / "mesh.npz",
        vertices=atlas.mesh.vertices.astype(np.float32),
        normals=atlas.normals,
        faces=atlas.mesh.faces,
        uv=atlas.uv,
    )
    Image.fromarray(baked.picture).save(folder / "basecolor.png")
    document(workspace, "texture/texture.json", {"size": TEXTURE, "photoShare": baked.photo_share})
