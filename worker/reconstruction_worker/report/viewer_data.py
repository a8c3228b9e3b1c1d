"""The model, or the sparse points, and the cameras as the page's viewer reads them: quantised arrays in base64 inside
one JSON document."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import KDTree

from ..exporters.ply import coloured
from ..exporters.textured_model import Model
from ..geometry.gaussians import Gaussians
from ..geometry.mesh import vertex_normals
from ..geometry.scene import Scene
from ..geometry.surface import decimated
from .inline_pictures import jpeg_url, thumbnail_sheet
from .viewer_splats import splats_document

MAX_FACES = 250_000
"""A larger mesh is simplified for the page and shown with colours at its vertices."""
TEXTURE_SIDE = 2048
STEPS = 65535
"""Positions and texture coordinates are integers from 0 to this."""


def viewer_document(
    model: Model, scene: Scene, held_out: list[str], gaussians: Gaussians | None = None
) -> dict[str, Any]:
    """Everything the viewer needs. `model` and `gaussians`, if there are any, are in world units, z up; matrices are
    camera-to-world, row by row."""
    document = {"mesh": _mesh(model), **views_document(scene, held_out)}
    if gaussians is not None:
        document["splats"] = splats_document(gaussians, [view.camera for view in scene.views])
    return document


def points_document(points: NDArray[Any], scene: Scene) -> dict[str, Any]:
    """The same with points (`position` and `colour`, as the stage `poses` writes them) in place of a model."""
    positions = points["position"].astype(np.float64)
    framing = positions if len(positions) else np.array([view.camera.camera_to_world[:3, 3] for view in scene.views])
    low, high = framing.min(axis=0), framing.max(axis=0)
    cloud = {
        "vertexCount": len(positions),
        "low": low.tolist(),
        "high": high.tolist(),
        "positions": _base64(_steps(positions, low, high)),
        "colours": _base64(points["colour"]),
    }
    return {"mesh": cloud, **views_document(scene, [])}


def views_document(scene: Scene, held_out: list[str]) -> dict[str, Any]:
    """The cameras, and one picture with all their photos."""
    sheet = thumbnail_sheet([view.image for view in scene.views])
    cameras = []
    for index, view in enumerate(scene.views):
        camera = view.camera
        cameras.append(
            {
                "name": view.name,
                "matrix": [round(float(x), 5) for x in camera.camera_to_world[:3].ravel()],
                "tanX": round(camera.width / 2 / camera.fx, 5),
                "tanY": round(camera.height / 2 / camera.fy, 5),
                "cell": index,
                "heldOut": view.name in held_out,
            }
        )
    return {"cameras": cameras, "sheet": {"url": sheet.url, "columns": sheet.columns, "rows": sheet.rows}}


def _mesh(model: Model) -> dict[str, Any]:
    if len(model.faces) <= MAX_FACES:
        picture = Image.fromarray(model.texture)
        picture.thumbnail((TEXTURE_SIDE, TEXTURE_SIDE), Image.Resampling.BOX)
        document = _arrays(model.vertices, model.normals, model.faces)
        return {**document, "uv": _base64(_steps(model.uv, 0, 1)), "texture": jpeg_url(picture, quality=88)}
    whole, colours = coloured(model)
    simple = decimated(whole, MAX_FACES)
    nearest = KDTree(whole.vertices).query(simple.vertices)[1]
    document = _arrays(simple.vertices, vertex_normals(simple), simple.faces)
    return {**document, "colours": _base64(colours[nearest])}


def _arrays(vertices: NDArray[np.floating], normals: NDArray[np.floating], faces: NDArray[np.int32]) -> dict[str, Any]:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return {
        "vertexCount": len(vertices),
        "faceCount": len(faces),
        "low": [float(x) for x in low],
        "high": [float(x) for x in high],
        "positions": _base64(_steps(vertices, low, high)),
        "normals": _base64(np.round(np.clip(normals, -1, 1) * 127).astype(np.int8)),
        "indices": _base64(faces.astype("<u4")),
    }


def _steps(values: NDArray[np.floating], low: Any, high: Any) -> NDArray[np.uint16]:
    span = np.maximum(np.asarray(high, np.float64) - low, 1e-12)
    return np.round(np.clip((values - low) / span, 0, 1) * STEPS).astype("<u2")


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
