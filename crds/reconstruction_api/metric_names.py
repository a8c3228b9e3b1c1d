"""Names of the numbers in `status.metrics`: what workers measure, and operator, command line and columns read.

Which stage measures what is declared with the stage (`stage_table`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Metric(StrEnum):
    """Decimals are text, counts are whole numbers. A name never changes: alerts and scripts of users hold it."""

    about: str
    """What it says, for people."""

    def __new__(cls, value: str, about: str) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        member.about = about
        return member

    IMAGES = "images", "Usable photos."
    DROPPED_IMAGES = "droppedImages", "Photos that could not be used."
    REGISTERED_IMAGES = "registeredImages", "Photos whose camera is known."
    REPROJECTION_ERROR = (
        "reprojectionError",
        "Mean distance in pixels between where a point is seen and where it projects to.",
    )
    DEVICE = "device", "What trained: `CPU`, or the name of the GPU."
    STEPS = "steps", "Optimisation steps of the result."
    HELD_OUT_IMAGES = "heldOutImages", "Photos that the result is judged by."
    PSNR = "psnr", "Peak signal-to-noise ratio of the held-out views in decibels."
    SSIM = "ssim", "Structural similarity of the held-out views, 0 to 1."
    FLIP = "flip", "How different the held-out views look to a person: 0 is equal, 1 the most there is (FLIP)."
    LPIPS = "lpips", "Perceptual distance of the held-out views."
    MESH_PSNR = "meshPsnr", "The same of the textured mesh, where it has a surface."
    MESH_SSIM = "meshSsim", "The same of the textured mesh, where it has a surface."
    MESH_COVERAGE_PERCENT = "meshCoveragePercent", "Share of the held-out views where the mesh has a surface."
    QUALITY_VERDICT = "qualityVerdict", "`pass`, `warn` or `fail`."
    VERTICES = "vertices", "Corners of the mesh."
    FACES = "faces", "Triangles of the mesh."
    COMPONENTS = "components", "Separate pieces of the mesh."
    TEXTURE_PHOTO_PERCENT = "texturePhotoPercent", "Share of the surface that some photo shows."
    BEST_ENGINE = "bestEngine", "Of several `spec.engines` the one whose result is the job's."
    PEAK_MEMORY_BYTES = "peakMemoryBytes", "Most resident memory that any stage has held."


ENGINE_SECONDS, ENGINE_FAILURE = "seconds", "failure"
"""Of one of several engines, beside what `Metric` has: running time of its stages, and the code of its failure."""
OF_ENGINES = (Metric.PSNR, Metric.SSIM, Metric.MESH_PSNR, Metric.QUALITY_VERDICT, ENGINE_SECONDS, ENGINE_FAILURE)
"""What there is of each of several engines."""


def of_engine(engine: str, metric: str) -> str:
    """Name of the number of one of several engines: `splats.psnr`."""
    return f"{engine}.{metric}"
