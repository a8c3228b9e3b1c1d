"""`ReconstructionJob.spec.turntable`: pictures of the result from all sides, as frames and films."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Final

from pydantic import Field

from .base import ApiModel, DNSSubdomain, SecretKey
from .rules import Rule, named_once


class TurntablePreset(StrEnum):
    SQUARE = "Square"
    PORTRAIT = "Portrait"
    SMALL_PORTRAIT = "SmallPortrait"
    LANDSCAPE = "Landscape"


SIZES: Final = {
    TurntablePreset.SQUARE: (512, 512),
    TurntablePreset.PORTRAIT: (1080, 1920),
    TurntablePreset.SMALL_PORTRAIT: (512, 912),
    TurntablePreset.LANDSCAPE: (1920, 1080),
}
"""Width and height in pixels."""


class TurntablePath(StrEnum):
    CIRCLE = "Circle"
    SPIRAL = "Spiral"
    DOLLY = "Dolly"
    PHOTOS = "Photos"
    FILE = "File"


class TurntableEasing(StrEnum):
    LINEAR = "Linear"
    EASE_IN_OUT = "EaseInOut"


class TurntableRenderer(StrEnum):
    AUTO = "Auto"
    SPLATS = "Splats"
    MESH = "Mesh"
    FIELD = "Field"


class TurntableOutput(StrEnum):
    """The value is what `spec` says."""

    file: str
    """Among the artifacts."""
    video: bool
    """Whether ffmpeg has to write it."""

    def __new__(cls, value: str, file: str, video: bool = False) -> TurntableOutput:
        member = str.__new__(cls, value)
        member._value_ = value
        member.file, member.video = file, video
        return member

    FRAMES = "Frames", "turntable-frames.zip"
    WEBP = "WebP", "turntable.webp"
    CONTACT_SHEET = "ContactSheet", "turntable-sheet.png"
    POSTER = "Poster", "turntable-poster.png"
    WEBM = "WebM", "turntable.webm", True
    MP4 = "MP4", "turntable.mp4", True


TRANSPARENT: Final = "Transparent"
DEFAULT_OUTPUTS: Final = (
    TurntableOutput.FRAMES, TurntableOutput.WEBP, TurntableOutput.CONTACT_SHEET, TurntableOutput.POSTER,
)  # fmt: skip


class PathCoordinates(StrEnum):
    SCENE = "Scene"
    PROVIDED = "Provided"


class PathFile(ApiModel):
    """A list of camera poses in a ConfigMap."""

    config_map_name: DNSSubdomain
    """ConfigMap of the job's namespace. Its content is read when frames are rendered: for another path name another
    ConfigMap, or raise `redo.render`."""
    key: SecretKey
    """Entry of the ConfigMap, such as `camera_path.json`. In local runs the file of that name beside the job's YAML."""
    coordinates: PathCoordinates | None = None
    """What positions are in: `Scene` as in the report's viewer and in `poses/transforms.json`, also when unset;
    `Provided` as in the camera poses that came with the photos."""


class Turntable(ApiModel):
    """A camera that goes around the result. Every field has a value when unset."""

    rules: ClassVar = (
        Rule(
            "width and height are set together, or neither is",
            cel="has(self.width) == has(self.height)",
            holds=lambda turntable: (turntable.width is None) == (turntable.height is None),
            field="width",
        ),
        Rule(
            "pathFile names the poses of path File: set both, or neither",
            cel="has(self.pathFile) == (self.path == 'File')",
            holds=lambda turntable: (turntable.path_file is not None) == (turntable.path is TurntablePath.FILE),
            field="pathFile",
        ),
        named_once("outputs", "outputs names each kind once"),
    )

    frames: int = Field(default=1440, ge=2, le=14_400)
    """So many pictures, evenly spread over the path."""
    preset: TurntablePreset = TurntablePreset.SQUARE
    """Size of the pictures: `Square` 512 x 512, `Portrait` 1080 x 1920, `SmallPortrait` 512 x 912, `Landscape`
    1920 x 1080."""
    width: int | None = Field(default=None, ge=64, le=4096)
    """Pixels, instead of the preset's."""
    height: int | None = Field(default=None, ge=64, le=4096)
    """Pixels, instead of the preset's."""
    frames_per_second: int = Field(default=60, ge=1, le=120)
    """Speed of films."""
    path: TurntablePath = TurntablePath.CIRCLE
    """Where the camera goes: `Circle` around the result, `Spiral` around it and up, `Dolly` towards its front, `Photos`
    from photo to photo as they were taken, `File` from pose to pose of `pathFile`."""
    path_file: PathFile | None = None
    """For `path: File`: the camera's poses, in nerfstudio's camera_path.json or a simpler form (docs/turntable.md)."""
    turn_degrees: int = Field(default=360, ge=-3600, le=3600)
    """How far `Circle` and `Spiral` go around; negative is clockwise from above. Whole turns end where they begin, so
    that a film can be repeated."""
    elevation_degrees: int = Field(default=15, ge=-80, le=80)
    """How far above the horizon the camera is; `Spiral` rises from there by 45 degrees, to 80 at most."""
    distance_percent: int = Field(default=100, ge=20, le=1000)
    """Distance of the camera; at 100 all of the result just fits."""
    easing: TurntableEasing = TurntableEasing.LINEAR
    """`EaseInOut` begins and ends slowly."""
    background: Annotated[str, Field(pattern="^(Transparent|#[0-9a-fA-F]{6})$", max_length=11)] = TRANSPARENT
    """`Transparent`, with straight alpha, or a colour such as `#f0f0f0`. `MP4` has no transparency and is white
    instead."""
    renderer: TurntableRenderer = TurntableRenderer.AUTO
    """What is shown: `Splats` the engine's Gaussians, `Mesh` the textured model, `Field` what the engine has trained,
    whatever that is. `Auto` is Splats where there are any, else Mesh."""
    outputs: Annotated[list[TurntableOutput], Field(min_length=1, max_length=6)] = Field(
        default_factory=lambda: list(DEFAULT_OUTPUTS)
    )
    """What is delivered: `Frames` (PNG, in a ZIP), `WebP` (a short animation), `ContactSheet`, `Poster`; where the
    worker's image has ffmpeg also `WebM` (VP9, with transparency) and `MP4`."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return SIZES[self.preset] if self.width is None or self.height is None else (self.width, self.height)
