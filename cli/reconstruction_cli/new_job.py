"""Writes a job for photos that are already on this machine, with settings that suit them."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import ExportFormat
from reconstruction_api.images import Images
from reconstruction_api.names import API_VERSION, JOB_KIND, MAX_JOB_NAME
from reconstruction_api.source import Source
from reconstruction_worker.ingest.arrange import arrange
from reconstruction_worker.ingest.header import read_header
from reconstruction_worker.ingest.limits import DEFAULT_LIMITS
from reconstruction_worker.ingest.listing import SourceFile
from reconstruction_worker.ingest.pose_files import PoseFormat
from reconstruction_worker.ingest.sources import gather
from reconstruction_worker.ingest.video import size_of

_GPU: Final = Path("/dev/nvidia0")
_SECONDS_PER_PHOTO: Final = 6
_MIN_SECONDS: Final = 300
_MAX_SECONDS: Final = 1800
_STEPS_PER_PHOTO: Final = 200
_MIN_STEPS: Final = 5_000
_MAX_STEPS: Final = 30_000
_FEW_PHOTOS: Final = 10
"""Up to so many photos the engine knows better how many steps do good (docs/engines.md, splats)."""
_MAX_SIDE: Final = 1600
POSES_IN_WORDS: Final = {
    PoseFormat.TRANSFORMS: "camera poses in transforms.json",
    PoseFormat.COLMAP: "camera poses in a COLMAP model",
    PoseFormat.BLENDER: "camera poses in transforms_train.json",
    PoseFormat.LLFF: "camera poses in poses_bounds.npy",
}


@dataclass
class Found:
    """What a folder of photos holds. Sides in pixels."""

    count: int = 0
    videos: int = 0
    long_sides: list[int] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    with_alpha: int = 0
    with_gps: int = 0
    with_focal: int = 0
    masks: int = 0
    depth_maps: int = 0
    poses: PoseFormat | None = None
    broken: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The finding in words, one fact a line."""
        formats = ", ".join(f"{count} {name}" for name, count in self.formats.most_common())
        sides = (
            f"{min(self.long_sides)}"
            if len(set(self.long_sides)) == 1
            else (f"{min(self.long_sides)} to {max(self.long_sides)}")
        )
        kinds = [f"{self.count} photos ({formats})"] if self.count else []
        if self.videos:
            kinds.append(f"{self.videos} video{'s' if self.videos > 1 else ''}")
        lines = [f"{' and '.join(kinds)}, longer side {sides} pixels"]
        if self.with_alpha:
            lines.append(f"{self.with_alpha} with an alpha channel")
        if self.masks:
            lines.append(f"{self.masks} masks")
        if self.depth_maps:
            lines.append(f"{self.depth_maps} with a depth map")
        if self.with_focal < self.count and self.poses is None:
            lines.append(f"focal length known for {self.with_focal} of {self.count}; the others are estimated")
        if self.with_gps:
            lines.append(f"{self.with_gps} with a GPS position")
        if self.poses:
            lines.append(POSES_IN_WORDS[self.poses])
        return lines + [f"will be left out: {message}" for message in self.broken]


def look_at(photos: Path) -> Found:
    """Look at every photo's header. Raises what the first stage would: SourceNotFound, UnsafeArchive, ..."""
    with tempfile.TemporaryDirectory() as scratch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about photos that are odd but readable
        source = Source(uri=str(photos))
        arrangement = arrange(gather(source, photos, Path(scratch), DEFAULT_LIMITS, lambda _: None), DEFAULT_LIMITS)
        found = Found(masks=len(arrangement.masks.files))
        found.depth_maps = sum(arrangement.depth_of(photo) is not None for photo in arrangement.photos)
        found.poses = arrangement.poses.format if arrangement.poses else None
        found.broken = [item.message for item in arrangement.dropped]
        for photo in arrangement.photos:
            _look_at_photo(photo.path, photo.name, found)
        for video in arrangement.videos:
            _look_at_video(video, found)
    if not found.count and not found.videos:
        raise ReconstructionError("ImageCountOutOfRange", f"'{photos}' has no photos or videos that can be read.")
    return found


def _look_at_photo(path: Path, name: str, found: Found) -> None:
    try:
        header = read_header(path, name)
    except Exception:  # whatever a decoder raises: the photo will be left out
        found.broken.append(f"{name} is damaged and can't be decoded.")
        return
    found.count += 1
    found.formats[header.format] += 1
    found.long_sides.append(max(header.width, header.height))
    found.with_alpha += header.has_alpha
    found.with_gps += header.camera.gps is not None
    found.with_focal += header.camera.focal_pixels is not None


def _look_at_video(video: SourceFile, found: Found) -> None:
    try:
        found.long_sides.append(max(size_of(video)))
    except ReconstructionError as error:
        found.broken.append(error.message)
        return
    found.videos += 1


def write_job(found: Found, photos: Path, out: Path, name: str | None) -> str:
    """YAML of a job for these photos, to be saved as `out`; the path in it is relative to that file."""
    side = min(_MAX_SIDE, max(64, *found.long_sides))
    frames = Images().video_frames if found.videos else 0
    length = _length(found.count + frames, on_gpu=_GPU.exists())
    texture = 1024 if median(found.long_sides) < 800 else 2048
    uri = Path(os.path.relpath(photos.resolve(), out.resolve().parent)).as_posix()
    of_depth = (
        "    depth: Auto    # the maps in the folder depth; Required: fail where one is missing or does not fit\n"
    )
    of_originals = ""
    if max(found.long_sides) > side:
        of_originals = "\n    textureSource: Original    # the photos as they come in; Training: the scaled ones"
    of_videos = f"    videoFrames: {frames}    # sharp photos, spread over the videos\n" if frames else ""
    comment = "".join(f"# {line}\n" for line in found.lines())
    poses = "Provided" if found.poses else "Auto"
    others = ", ".join(each for each in ExportFormat if each is not ExportFormat.GLB)
    return f"""{comment}apiVersion: {API_VERSION}
kind: {JOB_KIND}
metadata:
  name: {name or job_name(photos)}
spec:
  source:
    # Relative to this file. In a cluster: s3://BUCKET/FOLDER/, or persistentVolumeClaim: {{claimName: ..., path: ...}}
    uri: {_quoted(uri if uri.startswith(".") else f"./{uri}")}
  images:
    maxSidePixels: {side}    # larger photos are scaled down; more shows finer detail and takes longer
    masks: Auto    # the photos' alpha channel or a folder masks beside them, where there is one
{of_depth if found.depth_maps else ""}{of_videos}  poses:
    method: {poses}    # Auto: those beside the photos when there are any, else estimated from the photos
    minRegisteredPercent: 60    # fail when fewer of the photos could be placed
  engine: splats    # Gaussians; nerfacto: a radiance field. The others are in docs/engines.md
  training:
{length}    device: Auto    # CUDA where there is a GPU, else CPU
  mesh:
    targetFaces: 100000
    textureSize: {texture}{of_originals}
    crop: Auto    # only the object, where the cameras go round one on a table; Object, Scene: whatever there is
  exports:
    - format: GLB    # also: {others}
  quality:
    minPSNR: "25"    # held-out photos, in decibels
    minSSIM: "0.85"
    onFailure: Warn    # Fail: no result below warnPSNR and warnSSIM
"""


def _length(photos: int, *, on_gpu: bool) -> str:
    """Lines of YAML that say how long to train: steps on a GPU, which does thousands in a minute, else a time."""
    if on_gpu and photos <= _FEW_PHOTOS:
        return "    # steps: 500    # as many as so few photos need, when unset\n"
    if on_gpu:
        steps = min(_MAX_STEPS, max(_MIN_STEPS, _STEPS_PER_PHOTO * photos))
        return f"    steps: {steps}    # a few thousand give a first look\n"
    seconds = min(_MAX_SECONDS, max(_MIN_SECONDS, _SECONDS_PER_PHOTO * photos))
    return (
        f"    timeBudgetSeconds: {seconds}    # there is no GPU here, where steps take long; more time, finer detail\n"
        "    # steps: 30000    # instead, where pods get a GPU\n"
    )


def job_name(photos: Path) -> str:
    """A Kubernetes name from a folder's or archive's name."""
    text = re.sub(r"[^a-z0-9]+", "-", photos.resolve().name.partition(".")[0].lower()).strip("-")
    return text[:MAX_JOB_NAME].strip("-") or "photos"


def _quoted(text: str) -> str:
    """As YAML, plain where that is unambiguous."""
    return text if re.fullmatch(r"[A-Za-z0-9_./-]+", text) else "'" + text.replace("'", "''") + "'"
