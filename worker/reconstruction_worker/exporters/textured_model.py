"""The textured model as it is exported, its parts by page of the texture, and the two orientations that file formats
expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..geometry.atlas import Atlas, page_of_faces
from ..geometry.mesh import Mesh
from ..geometry.pages import page_of
from ..stage_files import CHARTS, base_colour
from .place import Place

Z_UP_TO_Y_UP = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], np.float32)
"""x stays, up z becomes y, and what faces the cameras' side (-y) faces +z: the front in glTF 2.0, section 3.4."""


@dataclass(frozen=True)
class Model:
    """A triangle mesh with a texture. `uv` is (0, 0) in the picture's upper left corner. A texture of several pages is
    one picture, the pages below each other (see `geometry.atlas`); formats that have them apart take the parts."""

    vertices: NDArray[np.float32]  # [V, 3]
    normals: NDArray[np.float32]  # [V, 3] unit
    faces: NDArray[np.int32]  # [F, 3] counter-clockwise from outside
    uv: NDArray[np.float32]  # [V, 2]
    texture: NDArray[np.uint8]  # [P S, S, 3]
    metric: bool
    """Coordinates are metres; otherwise the scene's own unit."""
    place: Place | None = None
    """Where on Earth it is; None where nobody knows."""
    pages: int = 1

    def bounds(self) -> NDArray[np.float32]:
        """Lower and upper corner. [2, 3]"""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    def mesh(self) -> Mesh:
        """Its surface, with the seams of its texture."""
        return Mesh(self.vertices.astype(np.float64), self.faces)

    def welded(self) -> tuple[Mesh, NDArray[np.int64]]:
        """The mesh without the seams of its texture, and the welded vertex of each vertex. [V]"""
        points, index = np.unique(self.vertices, axis=0, return_inverse=True)
        index = index.reshape(-1)
        return Mesh(points.astype(np.float64), index[self.faces].astype(np.int32)), index

    @property
    def page_shape(self) -> tuple[int, int]:
        """Width and height of a page in pixels."""
        return self.texture.shape[1], self.texture.shape[0] // self.pages

    def atlas(self) -> Atlas:
        """How its surface lies in its texture."""
        return Atlas(self.mesh(), self.normals, self.uv, 0, self.pages)

    def page_of_faces(self) -> NDArray[np.int64]:
        """The page that each face is on. [F]"""
        return page_of_faces(self.uv, self.faces, self.pages)

    def page_uv(self) -> NDArray[np.float32]:
        """`uv` from the upper left corner of the vertex's own page. [V, 2]"""
        if self.pages == 1:
            return self.uv
        first = np.zeros(len(self.uv), np.float32)
        first[self.faces] = self.page_of_faces()[:, None]
        down = (self.uv[:, 1] * np.float32(self.pages) - first).clip(0, 1)
        return np.stack([self.uv[:, 0], down], axis=1)

    def parts(self) -> list[Model]:
        """The model cut along its pages, each a model with one page; itself where it has no more."""
        if self.pages == 1:
            return [self]
        pages, uv = self.page_of_faces(), self.page_uv()
        return [self._part(page, self.faces[pages == page], uv) for page in range(self.pages)]

    def _part(self, page: int, faces: NDArray[np.int32], uv: NDArray[np.float32]) -> Model:
        used, own = np.unique(faces, return_inverse=True)
        return replace(
            self,
            vertices=self.vertices[used],
            normals=self.normals[used],
            faces=own.reshape(-1, 3).astype(np.int32),
            uv=uv[used],
            texture=page_of(self.texture, page),
            pages=1,
        )


def joined(parts: Sequence[Model]) -> Model:
    """The model of which these are the parts, page by page."""
    if len(parts) == 1:
        return parts[0]
    first = np.cumsum([0, *(len(each.vertices) for each in parts[:-1])])
    down = np.array([0, 1], np.float32)
    return replace(
        parts[0],
        vertices=np.concatenate([each.vertices for each in parts]),
        normals=np.concatenate([each.normals for each in parts]),
        faces=np.concatenate([each.faces + begin for each, begin in zip(parts, first, strict=True)]).astype(np.int32),
        uv=np.concatenate([(each.uv + page * down) / [1, len(parts)] for page, each in enumerate(parts)]).astype("f4"),
        texture=np.concatenate([each.texture for each in parts]),
        pages=len(parts),
    )


def load_model(texture: Path, metres_per_unit: float | None, place: Place | None = None) -> Model:
    """What the stage `texture` left in its folder, z up, in metres where the scale is known."""
    with np.load(texture / CHARTS) as arrays:
        vertices, normals, faces, uv = (arrays[name] for name in ("vertices", "normals", "faces", "uv"))
        pages = int(arrays["pages"]) if "pages" in arrays else 1
    scale, metric = np.float32(metres_per_unit or 1.0), metres_per_unit is not None
    return Model(vertices * scale, normals, faces, uv, _pictures(texture, pages), metric, place, pages)


def _pictures(texture: Path, pages: int) -> NDArray[np.uint8]:
    """The pages below each other. [P S, S, 3]"""
    for page in range(pages):
        with Image.open(texture / base_colour(page)) as image:
            picture = np.array(image.convert("RGB"))
        if pages == 1:
            return picture
        if page == 0:
            whole = np.empty((pages * len(picture), *picture.shape[1:]), np.uint8)
        page_of(whole, page)[:] = picture
    return whole


def y_up(model: Model) -> Model:
    """The model upright where y is up and +z is the front."""
    return replace(model, vertices=model.vertices @ Z_UP_TO_Y_UP.T, normals=model.normals @ Z_UP_TO_Y_UP.T)
