"""What of a scene the mesh is to show: everything, the object in the middle, or what is inside a box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from reconstruction_api.mesh import MeshCrop

from .mesh import Mesh, compacted, component_labels, face_cross, with_faces
from .mesh_document import CropDocument, MeshDocument
from .rendering import Camera
from .subject import Plane, Subject, find_subject

MARGIN = 0.04
"""Around the object, as a share of its longest side: the surface in which it was found is coarse."""
TABLE_VOXELS = 1.5
"""Thickness of what belongs to the table, in voxels of the fine surface."""
CLOSE_VOXELS = 3.0
"""How near to the coarse object a piece of the fine surface comes that belongs to it, in coarse voxels."""


@dataclass(frozen=True)
class Wish:
    """`spec.mesh.crop`, with its box [2, 3] in world units where there is one."""

    crop: MeshCrop = MeshCrop.SCENE
    box: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Crop:
    """What is to be kept of a surface."""

    box: NDArray[np.float64]  # [2, 3]
    kept: NDArray[np.bool_]  # [F] of the coarse surface
    subject: Mesh | None = None
    """The object, coarsely."""
    plane: Plane | None = None
    reach: float = 0.0
    """How far from the coarse object the fine one may be."""

    def cut(self, mesh: Mesh, voxel: float) -> Mesh:
        """The part of a fine surface that is kept, with straight edges where it is cut."""
        if self.plane is not None:
            mesh = above(mesh, Plane(self.plane.normal, self.plane.offset + TABLE_VOXELS * voxel))
        for axis in range(3):
            normal = np.eye(3)[axis]
            mesh = above(mesh, Plane(normal, float(self.box[0, axis])))
            mesh = above(mesh, Plane(-normal, -float(self.box[1, axis])))
        if self.subject is None or len(mesh.faces) == 0:
            return mesh
        near = np.asarray(KDTree(self.subject.vertices).query(mesh.vertices)[0]) < self.reach
        count, labels = component_labels(mesh)
        belongs = np.bincount(labels, weights=near[mesh.faces].any(axis=1), minlength=count) > 0
        return with_faces(mesh, belongs[labels])


def find_crop(wish: Wish, coarse: Mesh, cameras: list[Camera], voxel: float, bounded: bool) -> tuple[Crop | None, str]:
    """What to keep of the `coarse` surface of the whole scene, and why; None for everything. `bounded` is a scene whose
    photos have masks."""
    if wish.crop is MeshCrop.BOX and wish.box is not None:
        middles = coarse.vertices[coarse.faces].mean(axis=1)
        kept = ((middles >= wish.box[0]) & (middles <= wish.box[1])).all(axis=1)
        return Crop(wish.box, kept), "spec.mesh.box says so"
    if bounded:
        return None, "the photos' masks leave nothing but the object"
    found = find_subject(coarse, cameras, voxel)
    if isinstance(found, str):
        return None, found
    if wish.crop is MeshCrop.AUTO and found.doubt:
        return None, found.doubt
    return _around(found, coarse, voxel), "the cameras go round it" if not found.doubt else f"asked for; {found.doubt}"


def _around(found: Subject, coarse: Mesh, voxel: float) -> Crop:
    margin = max(MARGIN * float(np.ptp(found.box, axis=0).max()), 2 * voxel)
    box = np.stack([found.box[0] - margin, found.box[1] + margin])
    reach = CLOSE_VOXELS * voxel
    return Crop(box, found.faces, with_faces(coarse, found.faces), found.plane, reach)


def crop_document(wish: Wish, crop: Crop | None, why: str, coarse: Mesh | None) -> CropDocument | None:
    """How it is told; None where nobody asked."""
    if wish.crop is MeshCrop.SCENE:
        return None
    if crop is None or coarse is None:
        return CropDocument(asked=wish.crop, cut=False, reason=why)
    areas = np.linalg.norm(face_cross(coarse), axis=1)
    share = float(areas[~crop.kept].sum() / max(float(areas.sum()), 1e-20))
    return CropDocument(
        asked=wish.crop,
        cut=True,
        reason=why,
        cut_share=round(share, 4),
        box=crop.box.tolist(),
        plane=None if crop.plane is None else [*crop.plane.normal.tolist(), crop.plane.offset],
    )


def supporting_plane(document: MeshDocument | None) -> Plane | None:
    """Where a mesh was cut from what the object stands on, in world units; None where it was not."""
    if document is None or document.crop is None or document.crop.plane is None:
        return None
    *normal, offset = document.crop.plane
    return Plane(np.array(normal), offset + TABLE_VOXELS * (document.voxel or 0.0))


def above(mesh: Mesh, plane: Plane) -> Mesh:
    """The part above a plane. Triangles that the plane crosses end at it."""
    height = plane.height(mesh.vertices)
    if (height >= 0).all():
        return mesh
    keep = (height[mesh.faces] > 0).any(axis=1)
    part = Mesh(mesh.vertices, mesh.faces[keep])
    moved = part.vertices - np.minimum(height, 0)[:, None] * plane.normal
    part = Mesh(moved, part.faces)
    return compacted(Mesh(moved, part.faces[np.linalg.norm(face_cross(part), axis=1) > 0]))
