"""What a job delivers that ends with its camera poses (spec.endAfter): as nerfstudio and as COLMAP have them.

`dataset.zip` is a data set on its own: pictures, depth maps, transforms.json, points and a COLMAP model. A job may name
it as its source, or `ns-train` and Gaussian splatting its unpacked folder.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import DeliveredFile
from reconstruction_api.documents.registration import FILE as REGISTRATION_FILE
from reconstruction_api.formats import PREVIEW, REPORT_PAGE
from reconstruction_api.stages import StageName

from ..files import write_document, write_json
from ..geometry.scene import load_scene
from ..geometry.sparse import load_points, read_coloured_points
from ..geometry.world_scale import in_known_scale, metres_per_unit
from ..stage import StageContext, StageOutput
from ..stage_files import OBSERVATIONS, POINTS, TRANSFORMS
from ..zip_writing import add_file, member
from .cloud import picture_of, worth_showing
from .colmap_text import model_files
from .findings import Findings, gather
from .gps_fit import gps_fit
from .numbers import described, manifest_document
from .poses_page import poses_page
from .viewer_data import points_document

PACKED_AT: Final = 80.0
"""Percentage of the stage at which the archive is written."""


def deliver_poses(context: StageContext) -> StageOutput:
    """Write transforms.json, points.ply, registration.json, dataset.zip, preview.png, report.html and manifest.json."""
    poses, folder = context.of(StageName.POSES), context.folder
    transforms = in_known_scale(json.loads((poses / TRANSFORMS).read_text(encoding="utf-8")), context.spec)
    pictures = [context.workspace / frame["file_path"] for frame in transforms["frames"]]
    maps = [
        context.workspace / frame["depth_file_path"] for frame in transforms["frames"] if "depth_file_path" in frame
    ]
    for frame in transforms["frames"]:
        frame["file_path"] = f"images/{PurePosixPath(frame['file_path']).name}"
        if "depth_file_path" in frame:
            frame["depth_file_path"] = f"depth/{PurePosixPath(frame['depth_file_path']).name}"
    transforms["ply_file_path"] = POINTS
    write_json(folder / TRANSFORMS, transforms)
    for name in (POINTS, REGISTRATION_FILE):
        shutil.copyfile(poses / name, folder / name)
    _pack(context, {"images": pictures, "depth": maps}, _colmap(poses, transforms))
    findings = gather(context.workspace, context.spec, context.job_name)
    context.advance(PACKED_AT, "writing the report")
    files = _report(context, findings)
    write_document(folder / MANIFEST_FILE, manifest_document(findings, files, engine=None))
    registered = f"{len(pictures)} of {len(findings.photos())}"
    return StageOutput(f"camera poses of {registered} photos, {len(files) + 1} files")


def _report(context: StageContext, findings: Findings) -> list[DeliveredFile]:
    """All files so far and the report, as the manifest lists them; the archive can be large and is read once."""
    scene = load_scene(context.workspace)
    points = worth_showing(read_coloured_points(context.of(StageName.POSES) / POINTS))
    still = picture_of(points, scene)
    still.save(context.folder / PREVIEW)
    seen = {name: len(shown) for name, shown in load_points(context.workspace, scene).seen.items()}
    viewer = points_document(points, scene, metres_per_unit(scene.metres_per_unit, context.spec))
    page = context.folder / REPORT_PAGE
    files = [described(path) for path in sorted(context.folder.iterdir()) if path != page]
    text = poses_page(findings, gps_fit(findings), seen, files, viewer, still)
    page.write_text(text, encoding="utf-8")
    return sorted([*files, described(page)], key=lambda file: file.name)


def _colmap(poses: Path, transforms: dict[str, Any]) -> dict[str, str]:
    with np.load(poses / OBSERVATIONS) as table:
        points = table["points"].astype(np.float64)
        pairs = sorted({(int(frame), int(point)) for frame, point in zip(table["frame"], table["point"], strict=True)})
    return model_files(transforms, points, read_coloured_points(poses / POINTS)["colour"], pairs)


def _pack(context: StageContext, pictures: Mapping[str, list[Path]], colmap: dict[str, str]) -> None:
    """Pictures, by folder, are compressed already; the rest is text."""
    members = [(folder, path) for folder, paths in pictures.items() for path in paths]
    with zipfile.ZipFile(context.folder / "dataset.zip", "w") as archive:
        for name in (TRANSFORMS, POINTS):
            add_file(archive, name, context.folder / name, zipfile.ZIP_DEFLATED)
        for name, text in colmap.items():
            archive.writestr(member(f"sparse/0/{name}", zipfile.ZIP_DEFLATED), text)
        for done, (folder, picture) in enumerate(members):
            context.advance(PACKED_AT * done / len(members), f"packing {picture.name}")
            add_file(archive, f"{folder}/{picture.name}", picture, zipfile.ZIP_STORED)
