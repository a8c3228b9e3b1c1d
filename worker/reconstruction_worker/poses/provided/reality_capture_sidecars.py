"""RealityCapture's and RealityScan's metadata as XMP, a file beside each photo: a camera-from-world rotation row by row
(axes as in OpenCV), the camera's position, and its lens. z is up.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...ingest.dataset import Dataset
from ...ingest.pose_files import SIDECAR_PREFIX, PoseFormat, sidecar_of
from ..lookup import PhotoLookup
from .frames import Frame, from_frames, inverse, numbers, opengl
from .provided_poses import Provided
from .reality_capture_lens import lens
from .transforms import CLAIMED_DEGREES
from .turned import PixelFrames
from .validity import invalid
from .xml_files import xml_root

FILE: Final = "the XMP files of RealityCapture"
_SPACE: Final = "{http://www.capturingreality.com/ns/xcr/1.1#}"
_DESCRIPTION: Final = ".//{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"


def read_reality_capture_sidecars(folder: Path, dataset: Dataset, pixel_frames: PixelFrames) -> Provided:
    """Pose and lens of each photo that has a file. Raises InvalidPoses naming the file."""
    lookup = PhotoLookup(dataset, FILE)
    frames: list[Frame] = []
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(SIDECAR_PREFIX):
            continue
        name = sidecar_of(path.name)
        photo = str(Path(name).with_suffix(""))
        if lookup.knows(photo) and (found := lookup.find(photo, name)) is not None:
            frames.append({"file_path": photo, **_frame(path, name, pixel_frames.size(found))})
    return from_frames(PoseFormat.REALITY_CAPTURE_SIDECARS, FILE, frames, dataset, pixel_frames, CLAIMED_DEGREES)


def _frame(path: Path, name: str, size: tuple[int, int]) -> Frame:
    description = xml_root(path, name).find(_DESCRIPTION)
    if description is None:
        raise invalid(name, "it holds no description.")

    def values(key: str, count: int, default: str | None = None) -> list[float]:
        """An element, or in newer versions an attribute."""
        text = description.findtext(_SPACE + key) or description.get(_SPACE + key) or default
        return numbers(text or "", count, name, f"'{key}'").tolist()

    rotation = numbers(values("Rotation", 9), 9, name, "'Rotation'").reshape(3, 3)
    position = numbers(values("Position", 3), 3, name, "'Position'")
    k1, k2, k3, _, t1, t2 = values("DistortionCoeficients", 6, "0 0 0 0 0 0")
    centre = values("PrincipalPointU", 1, "0")[0], values("PrincipalPointV", 1, "0")[0]
    intrinsics = lens(size, values("FocalLength35mm", 1)[0], centre, radial=(k1, k2, k3), tangential=(t1, t2))
    return {"transform_matrix": opengl(inverse(rotation, -rotation @ position)), **intrinsics}
