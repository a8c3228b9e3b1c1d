"""`mesh/mesh.json`: the mesh in numbers."""

from __future__ import annotations

from typing import Final

from reconstruction_api.documents.base import Document
from reconstruction_api.mesh import MeshCrop
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.MESH].document


CROP_PICTURE: Final = "crop.jpg"


class CropDocument(Document):
    """What of the scene is in the mesh, where `spec.mesh.crop` is anything but `Scene`."""

    asked: MeshCrop
    cut: bool
    reason: str
    """Why, or why not."""
    cut_share: float | None = None
    """Of the surface's area, that was left out."""
    box: list[list[float]] | None = None
    """Lower and upper corner of what was kept. [2, 3]"""
    plane: list[float] | None = None
    """Unit normal, upwards, and offset of what the object stands on. [4]"""

    def in_words(self) -> str:
        """What was left out, or why nothing was."""
        part = "spec.mesh.box" if self.asked is MeshCrop.BOX else "the object"
        if not self.cut:
            return f"not cut to {part}: {self.reason}"
        reason = "" if self.asked is MeshCrop.BOX else f" ({self.reason})"
        return f"cut to {part}{reason}: {self.cut_share or 0:.0%} of the surface left out"


class MeshDocument(Document):
    """Lengths in world units."""

    vertices: int
    faces: int
    components: int
    """Separate pieces."""
    watertight: bool
    area: float | None = None
    bounds: list[list[float]] | None = None
    """Lower and upper corner. [2, 3]"""
    voxel: float | None = None
    """Side of a voxel; None where the mesh was not fused from depth maps."""
    resolution: int | None = None
    """Voxels along the longest side."""
    views: int | None = None
    depth_size: tuple[int, int] | None = None
    """Width and height of the largest depth map."""
    confirmed_share: float | None = None
    """Of what the photos show, the part whose depth two other photos confirm; None where the engine made the mesh."""
    without_photo_depth: dict[str, str] = {}
    """Photos whose depth is the field's alone, and why."""
    faces_before_decimation: int | None = None
    dropped_pieces: int = 0
    """Separate pieces that are not in the mesh."""
    unsupported_pieces: int = 0
    """Of these, pieces that most cameras see past; the others are too small."""
    largest_dropped_share: float = 0.0
    """Area of the largest piece that is not in the mesh, as a share of the largest one's."""
    filled_holes: int = 0
    crop: CropDocument | None = None
    """None where all of the scene was wanted."""
