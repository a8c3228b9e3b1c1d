"""`evaluate/quality.json`, and `artifacts/quality.json` with what the other stages measured beside it."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from ..quality import Verdict
from ..stage_table import BY_NAME, StageName
from .base import Document

FILE: Final = BY_NAME[StageName.EVALUATE].document


class Means(Document):
    """Over the views, as is usual in the field: not the PSNR of the mean error."""

    psnr: float
    ssim: float
    flip: float | None = None
    """None in documents of earlier releases."""
    lpips: float | None = None


class ViewQuality(Document):
    """How well one photo is reproduced; its name is that of the stored photo."""

    name: str
    psnr: float
    """In decibels, at most 100."""
    ssim: float
    flip: float | None = None
    lpips: float | None = None


class Thresholds(Document):
    """`spec.quality` of the job."""

    min_psnr: float = Field(validation_alias="minPSNR", serialization_alias="minPSNR")
    min_ssim: float = Field(validation_alias="minSSIM", serialization_alias="minSSIM")
    warn_psnr: float = Field(validation_alias="warnPSNR", serialization_alias="warnPSNR")
    warn_ssim: float = Field(validation_alias="warnSSIM", serialization_alias="warnSSIM")


class RegistrationSummary(Document):
    photos: int
    registered: int
    unregistered: list[str]
    """Names as in the source."""
    reprojection_error_pixels: float | None = None


class MeshSummary(Document):
    vertices: int | None = None
    faces: int | None = None
    components: int | None = None
    watertight: bool | None = None
    coverage: float | None = None
    """Share of the held-out photos where the textured mesh has a surface; `psnr` and `ssim` are of these pixels, with a
    texture made without the photos."""
    psnr: float | None = None
    psnr_margin: float | None = None
    """Half the width of the 95 % confidence interval of the mean; None of a single photo."""
    ssim: float | None = None
    photos: int | None = None
    """How many these are of."""
    trained: int | None = None
    """Of these, photos that only the texture was made without."""
    verdict: Verdict | None = None


class TextureSummary(Document):
    size: int | None = None
    pages: int | None = None
    """Pictures of that size; None in documents of earlier releases."""
    pixels_per_texel: float | None = None
    """Width of a texel in pixels of the photos that show the surface best."""
    photo_share: float | None = None


class QualityDocument(Document):
    """`psnr`, `ssim` and `lpips` are of the held-out views; None where none was held out, as `reason` says then."""

    psnr: float | None = None
    ssim: float | None = None
    psnr_margin: float | None = None
    """Half the width of the 95 % confidence interval of `psnr`; None of a single view."""
    flip: float | None = None
    """How different the views look to a person, 0 to 1 (Andersson et al. 2020)."""
    lpips: float | None = None
    lpips_reason: str | None = None
    """Why there is no LPIPS."""
    lpips_backbone: str | None = None
    verdict: Verdict | None = None
    """Of what the job delivers, as `judged` says."""
    judged: list[str] = Field(default_factory=list[str])
    """`mesh`, where it was measured; `views`, where the trained scene itself was judged: its Gaussians are delivered,
    or there is no mesh to be measured."""
    caution: str | None = None
    """What the verdict can't be relied on for, or that the photos are blurred."""
    blur_pixels: float | None = None
    """Median standard deviation of the photos' blur, in pixels of the size that was trained on; 0.7 of sharp ones. From
    2.5 on the verdict is `fail`. None where they have no edges to tell by, and in documents of earlier releases."""
    thresholds: Thresholds | None = None
    background: str = "white"
    """What masked photos and renderings are put over before they are compared."""
    views: list[ViewQuality] = Field(default_factory=list[ViewQuality])
    worst: list[str] = Field(default_factory=list[str])
    """Names of the views with the lowest PSNR, the lowest first."""
    reason: str | None = None
    """Why there are no numbers of held-out views."""
    next_step: str | None = None
    """What to do about a result that does not pass; None where nothing stands out."""
    trained: Means | None = None
    """Of views that were trained on, where none was held out."""
    registration: RegistrationSummary | None = None
    mesh: MeshSummary | None = None
    texture: TextureSummary | None = None
