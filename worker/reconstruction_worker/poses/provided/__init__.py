"""Poses that somebody else knows and put beside the photos; ingest left their files in `ingest/provided/`.

Inside, everything is as in COLMAP and OpenCV: x right, y down, z forward, and the corner of the upper left pixel is the
origin, so that its centre is (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reconstruction_api.errors import ReconstructionError

from ...ingest.dataset import Dataset
from ...ingest.pose_files import PoseFormat, format_in
from .provided_poses import Provided, Share
from .turned import PixelFrame, PixelFrames

__all__ = ["Provided", "Share", "provided_format", "read_provided"]


def provided_format(folder: Path) -> PoseFormat | None:
    """Format of the poses in a folder; None when there are none."""
    return format_in([path.name for path in folder.iterdir()]) if folder.is_dir() else None


def read_provided(folder: Path, dataset: Dataset) -> Provided:
    """The poses in a folder for the photos of `dataset`, as they are stored. Raises InvalidPoses naming file and
    entry."""
    frames = PixelFrames(PixelFrame.FILE)
    provided = _read(folder, dataset, frames)
    if not frames.ambiguous:
        return provided
    return replace(provided, alternative=_read(folder, dataset, PixelFrames(PixelFrame.UPRIGHT)))


def _read(folder: Path, dataset: Dataset, frames: PixelFrames) -> Provided:
    match provided_format(folder):
        case PoseFormat.TRANSFORMS:
            from .transforms import read_transforms as read
        case PoseFormat.BLENDER:
            from .blender import read_blender as read
        case PoseFormat.POLYCAM:
            from .polycam import read_polycam as read
        case PoseFormat.COLMAP:
            from .colmap import read_colmap as read
        case PoseFormat.LLFF:
            from .llff import read_llff as read
        case PoseFormat.RECORD3D:
            from .record3d import read_record3d as read
        case PoseFormat.REALITY_CAPTURE:
            from .reality_capture import read_reality_capture as read
        case PoseFormat.REALITY_CAPTURE_SIDECARS:
            from .reality_capture_sidecars import read_reality_capture_sidecars as read
        case PoseFormat.METASHAPE:
            from .metashape import read_metashape as read
        case PoseFormat.OPENSFM:
            from .opensfm import read_opensfm as read
        case PoseFormat.BUNDLER:
            from .bundler import read_bundler as read
        case PoseFormat.MESHROOM:
            from .meshroom import read_meshroom as read
        case PoseFormat.VISUALSFM:
            from .visualsfm import read_visualsfm as read
        case PoseFormat.NEUS:
            from .neus import read_neus as read
        case PoseFormat.ARKIT:
            from .arkit import read_arkit as read
        case None:
            raise ReconstructionError("InvalidPoses", "There are no camera poses beside the photos.")
    return read(folder, dataset, frames)
