"""The model, or the sparse points, and the cameras as the page's viewer reads them: quantised arrays in base64 inside
one JSON document."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import KDTree

from ..exporters.ply import coloured
from ..exporters.textured_model import Model
from ..geometry.gaussians import Gaussians
from ..geometry.mesh import Mesh, vertex_normals
from ..geometry.pages import page_of
from ..geometry.photo_support import Support, photo_support
from ..geometry.rendering import Camera
from ..geometry.scene import Scene
from ..geometry.surface import decimated
from .inline_pictures import jpeg_url, thumbnail_sheet
from .viewer_splats import BYTES_EACH, splats_document

MAX_FACES = 250_000
"""A larger mesh is simplified for the page and shown with colours at its vertices."""
TEXTURE_SIDE = 2048
MOST_BYTES = 11_000_000
"""Of the viewer's document: the pictures beside it take up to four million more, and a page at most fifteen. Gaussians
get what the mesh leaves, and at least `FEWEST_SPLATS`."""
FEWEST_SPLATS = 100_000
MOST_SPARSE = 40_000
"""Sparse points shown beside a model."""
STEPS = 65535
"""Positions and texture coordinates are integers from 0 to this."""


def viewer_document(
    model: Model, scene: Scene, held_out: list[str], gaussians: Gaussians | None = None
) -> dict[str, Any]:
    """Everything the viewer needs. `model` and `gaussians`, if there are any, are in world units, z up; matrices are
    camera-to-world, row by row."""
    document = {"mesh": _mesh(model), **views_document(scene, held_out)}
    if gaussians is not None:
        document["splats"] = splats_document(gaussians, [view.camera for view in scene.views], _room(document))
    return document


def with_support(document: dict[str, Any], cameras: Sequence[Camera]) -> dict[str, Any]:
    """The document with how well the photos of `cameras` hold each vertex of its mesh, and which share of the surface
    has which level of `Support`."""
    mesh = document["mesh"]
    low, high = np.array(mesh["low"]), np.array(mesh["high"])
    vertices = low + _array(mesh["positions"], "<u2", 3) / STEPS * (high - low)
    faces = _array(mesh["indices"], "<u4", 3).astype(np.int32)
    normals = _array(mesh["normals"], "<i1", 3) / 127.0
    level = photo_support(Mesh(vertices, faces), normals, cameras)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    total = np.bincount(level[faces].ravel(), np.repeat(area, 3), minlength=len(Support))
    shares = [round(float(share), 4) for share in total / max(float(total.sum()), 1e-30)]
    return {**document, "mesh": {**mesh, "support": _base64(level)}, "supportShares": shares}


def sparse_document(points: NDArray[Any]) -> dict[str, Any] | None:
    """The points that the poses were found with (`position` and `colour`), as the viewer shows them beside a model."""
    if len(points) == 0:
        return None
    return _cloud(points[:: -(-len(points) // MOST_SPARSE)])


def points_document(points: NDArray[Any], scene: Scene, metres_per_unit: float | None = None) -> dict[str, Any]:
    """The same with points (`position` and `colour`, as the stage `poses` writes them) in place of a model."""
    cameras = np.array([view.camera.camera_to_world[:3, 3] for view in scene.views])
    cloud = _cloud(points, framing=None if len(points) else cameras)
    return {"mesh": cloud, "metresPerUnit": metres_per_unit, **views_document(scene, [])}


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


def _room(document: dict[str, Any]) -> int:
    """How many Gaussians fit beside what is there."""
    taken = sum(len(value) for value in document["mesh"].values() if isinstance(value, str))
    return max((MOST_BYTES - taken) // BYTES_EACH, FEWEST_SPLATS)


def _cloud(points: NDArray[Any], framing: NDArray[np.float64] | None = None) -> dict[str, Any]:
    """Coloured points. What is shown has the extent of `framing` [N, 3], or of the points themselves."""
    positions = points["position"].astype(np.float64)
    extent = positions if framing is None else framing
    low, high = extent.min(axis=0), extent.max(axis=0)
    return {
        "vertexCount": len(positions),
        "low": low.tolist(),
        "high": high.tolist(),
        "positions": _base64(_steps(positions, low, high)),
        "colours": _base64(points["colour"]),
    }


def _mesh(model: Model) -> dict[str, Any]:
    if len(model.faces) <= MAX_FACES:
        picture, uv = _sheet(model)
        document = _arrays(model.vertices, model.normals, model.faces)
        return {**document, "uv": _base64(_steps(uv, 0, 1)), "texture": jpeg_url(picture, quality=88)}
    whole, colours = coloured(model)
    simple = decimated(whole, MAX_FACES)
    nearest = KDTree(whole.vertices).query(simple.vertices)[1]
    document = _arrays(simple.vertices, vertex_normals(simple), simple.faces)
    return {**document, "colours": _base64(colours[nearest])}


def _sheet(model: Model) -> tuple[Image.Image, NDArray[np.floating]]:
    """The texture in the page's size, of several pages all in one picture, in rows and columns, and `uv` [V, 2] in
    it."""
    if model.pages == 1:
        picture = Image.fromarray(model.texture)
        picture.thumbnail((TEXTURE_SIDE, TEXTURE_SIDE), Image.Resampling.BOX)
        return picture, model.uv
    columns = math.ceil(math.sqrt(model.pages))
    rows, side = math.ceil(model.pages / columns), min(model.page_shape[0], TEXTURE_SIDE // columns)
    sheet = Image.new("RGB", (columns * side, rows * side))
    for page in range(model.pages):
        picture = Image.fromarray(page_of(model.texture, page)).resize((side, side), Image.Resampling.BOX)
        sheet.paste(picture, (page % columns * side, page // columns * side))
    first = np.zeros((len(model.uv), 2))
    pages = model.page_of_faces()[:, None]
    first[model.faces] = np.stack([pages % columns, pages // columns], axis=-1)
    return sheet, (model.page_uv() + first) / [columns, rows]


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


def _array(text: str, kind: str, width: int) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), kind).reshape(-1, width)


def _base64(values: NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
