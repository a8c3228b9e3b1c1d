"""`ingest/dataset.json`: which photos there are, what was done to them, and which were left out and why."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from reconstruction_api.base import ApiModel
from reconstruction_api.stage_table import BY_NAME, StageName

FILE: Final = BY_NAME[StageName.INGEST].document


class Original(ApiModel):
    """The photo in the source; `name` is its path there."""

    name: str
    width: int
    height: int
    sha256: str


class VideoFrame(ApiModel):
    """Where in a video a photo was taken from."""

    video: str
    """The video's path in the source."""
    index: int
    """From 0."""
    seconds: float
    sharpness: float
    """Variance of the Laplacian; comparable within a video."""


class Video(ApiModel):
    """A video of the source. `taken` of its `frames` became photos."""

    name: str
    width: int = 0
    height: int = 0
    frames: int = 0
    frames_per_second: float = 0
    taken: int = 0
    note: str = ""


class PanoramaView(ApiModel):
    """Where in a photo of 360 degrees a picture was cut from."""

    panorama: str
    """The photo's path in the source."""
    yaw_degrees: float
    """To the right of its middle."""


class Panorama(ApiModel):
    """A photo of 360 degrees in the source, from which `views` pictures were cut."""

    name: str
    width: int
    height: int
    views: int


class HeldCamera(ApiModel):
    """Against the ground, in degrees: `yaw` from north to the east where it is known, `pitch` -90 straight down."""

    yaw: float | None = None
    pitch: float
    roll: float


class LargerCopy(ApiModel):
    """A photo in the size that its camera is estimated in; `file` is relative to the workspace."""

    file: str
    width: int
    height: int


class DatasetImage(ApiModel):
    """A photo that the next stages use. `file`, `mask` and `depth` are relative to the workspace; sizes in pixels."""

    name: str
    file: str
    width: int
    height: int
    larger: LargerCopy | None = None
    """None where the photo is as large as its camera is estimated from."""
    mask: str | None = None
    depth: str | None = None
    """Metres [h, w] as a NumPy array, not larger than the photo; 0 where unknown."""
    plain_background: bool = False
    """Whether its mask was made here, for its background is of one colour."""
    has_alpha: bool = False
    orientation: int = 1
    """EXIF orientation (1 to 8) of the file, which was undone."""
    original: Original
    gps: tuple[float, float, float | None] | None = None
    """Latitude, longitude (degrees, WGS 84), altitude (metres, where it is known)."""
    gps_deviation: tuple[float, float, float] | None = None
    """Standard deviations of `gps` to the east, to the north and upwards in metres, where the receiver tells them."""
    gimbal: HeldCamera | None = None
    """How a drone held its camera."""
    focal_pixels: float | None = None
    given_pose: bool | None = None
    """Whether the poses beside the photos name this one; None where they name none, or there are none."""
    frame: VideoFrame | None = None
    """Where in a video it is from; None for a photo."""
    view: PanoramaView | None = None
    """Which part of a photo of 360 degrees it is; None for a photo of its own."""
    exposure: float | None = None
    """Exposure time in seconds times ISO speed over the f-number's square."""
    status: str = "kept"
    """`kept` as it was, or `fixed` (see notes)."""
    notes: list[str] = Field(default_factory=list)


class DroppedImage(ApiModel):
    """A photo that is not used. `code` is one of the catalogue, or `Duplicate`."""

    name: str
    code: str
    message: str


class Dataset(ApiModel):
    images: list[DatasetImage] = Field(default_factory=list)
    dropped: list[DroppedImage] = Field(default_factory=list)
    videos: list[Video] = Field(default_factory=list)
    panoramas: list[Panorama] = Field(default_factory=list)

    def with_given_poses(self) -> Dataset:
        """Without the photos that the poses beside them don't name: a project of another tool holds originals, smaller
        copies and pictures of other kinds too."""
        return self.model_copy(update={"images": [image for image in self.images if image.given_pose is not False]})
