"""A finished workspace: real mesh, texture and exports of a painted ball, and made-up numbers where others measure."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import BY_NAME, StageName, stage_digests
from reconstruction_worker.geometry.atlas import texels, unwrap
from reconstruction_worker.geometry.bake import bake
from reconstruction_worker.geometry.scene import load_scene
from reconstruction_worker.geometry.surface import decimated
from reconstruction_worker.records import StageRecord, write_record
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import export

from ..geometry.scenes import MeshField, around, bumpy_sphere, write_poses

TEXTURE = 256


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
    views = [{"name": names[k], "psnr": 24.0 + k, "ssim": 0.9, "lpips": None} for k in (3, 7)]
    document(workspace, "ingest/dataset.json", dataset(names))
    document(workspace, "poses/registration.json", {"meanReprojectionError": 0.61})
    document(workspace, "train/split.json", {"train": names[:3], "eval": [names[3], names[7]]})
    document(workspace, "train/engine.json", {"engine": "nerfacto", "licence": "Apache-2.0", "device": "cpu"})
    history = [{"step": s, "loss": 0.1 * math.exp(-s / 300), "psnr": 15 + s / 100} for s in range(0, 1000, 20)]
    for line in history[::5]:
        line |= {"heldOutPsnr": line["psnr"] - 1, "heldOutSsim": 0.5 + line["step"] / 3000}
    (workspace / "train" / "history.jsonl").write_text("\n".join(json.dumps(line) for line in history))
    document(workspace, "mesh/mesh.json", {"vertices": 1002, "faces": 2000, "components": 1, "watertight": True})
    quality = {
        "psnr": 25.5,
        "ssim": 0.9,
        "lpips": None,
        "lpipsReason": "its weights are not installed",
        "verdict": "pass",
        "thresholds": {"minPSNR": 25, "minSSIM": 0.85, "warnPSNR": 20, "warnSSIM": 0.75},
        "views": views,
        "worst": [names[3], names[7]],
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
    assert BY_NAME[StageName.REPORT].needs
    return spec


def dataset(names: list[str]) -> dict[str, Any]:
    images: list[dict[str, Any]] = [
        {"name": name, "file": f"ingest/images/{name}", "status": "kept", "notes": []} for name in [*names, "lost.png"]
    ]
    for image in images:  # photos that were JPEG stay so; their undistorted pictures are PNG
        image["name"] = image["name"].replace(".png", ".jpg")
    images[0] |= {"original": {"name": "a&b.HEIC"}, "status": "fixed", "notes": ["turned upright", "scaled by 0.397"]}
    images[1] |= {"notes": ["blurred: 20% of the usual sharpness"]}
    dropped = [{"name": "<script>alert(1)</script>.jpg", "code": "ImageCorrupt", "message": "cut off <b>here</b>"}]
    return {"images": images, "dropped": dropped}


def document(workspace: Path, name: str, content: dict[str, Any]) -> None:
    path = workspace / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def _texture(workspace: Path) -> None:
    atlas = unwrap(decimated(bumpy_sphere(), 2000), TEXTURE)
    baked = bake(atlas, texels(atlas, TEXTURE), list(load_scene(workspace).views), TEXTURE)
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
