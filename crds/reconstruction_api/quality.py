"""`spec.quality`, and what it makes of a result, as the worker reports it and the operator reads it."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Final, NamedTuple

from pydantic import Field

from .base import ApiModel, DecimalString
from .rules import Rule


class Verdict(StrEnum):
    """How the held-out views compare with spec.quality."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


class QualityAction(StrEnum):
    FAIL = "Fail"
    WARN = "Warn"


class QualityBar(NamedTuple):
    """The bar with every value known; decimals as text."""

    min_psnr: str
    min_ssim: str
    warn_psnr: str
    warn_ssim: str
    on_failure: QualityAction


BUILT_IN_BAR: Final = QualityBar("25", "0.85", "20", "0.75", QualityAction.WARN)


def _at_most(lower: str, upper: str) -> bool:
    return float(lower) <= float(upper)


def _or_usual(name: str, usual: str) -> str:
    """CEL: the number, or what is built in. A profile that says otherwise is not known to the API server."""
    return f"(has(self.{name}) ? double(self.{name}) : {float(usual)})"


class Quality(ApiModel):
    """The bar for what the job delivers, shown from where held-out photos were taken: pass at the minimum, warn at the
    warning level, otherwise fail. A mesh is judged where it has a surface, with a texture made without those photos;
    where Gaussians are delivered, the trained scene in whole pictures; both where both are. What is made of photos that
    are all blurred fails whatever it reaches: it shows these well. What is unset is as the profile's `defaults` say,
    else as each field says."""

    rules: ClassVar = (
        Rule(
            "warnPSNR must not exceed minPSNR",
            cel=f"{_or_usual('warnPSNR', BUILT_IN_BAR.warn_psnr)} <= {_or_usual('minPSNR', BUILT_IN_BAR.min_psnr)}",
            holds=lambda quality: _at_most(
                quality.warn_psnr or BUILT_IN_BAR.warn_psnr, quality.min_psnr or BUILT_IN_BAR.min_psnr
            ),
            field="warnPSNR",
        ),
        Rule(
            "warnSSIM must not exceed minSSIM",
            cel=f"{_or_usual('warnSSIM', BUILT_IN_BAR.warn_ssim)} <= {_or_usual('minSSIM', BUILT_IN_BAR.min_ssim)}",
            holds=lambda quality: _at_most(
                quality.warn_ssim or BUILT_IN_BAR.warn_ssim, quality.min_ssim or BUILT_IN_BAR.min_ssim
            ),
            field="warnSSIM",
        ),
        Rule(
            "minSSIM must lie between 0 and 1",
            cel="!has(self.minSSIM) || (double(self.minSSIM) >= 0.0 && double(self.minSSIM) <= 1.0)",
            holds=lambda quality: quality.min_ssim is None or 0 <= float(quality.min_ssim) <= 1,
            field="minSSIM",
        ),
    )

    min_psnr: DecimalString | None = Field(default=None, alias="minPSNR")
    """Peak signal-to-noise ratio in decibels at which the result passes; 25 by default."""
    min_ssim: DecimalString | None = Field(default=None, alias="minSSIM")
    """Structural similarity (0 to 1) at which the result passes; 0.85 by default."""
    warn_psnr: DecimalString | None = Field(default=None, alias="warnPSNR")
    """Peak signal-to-noise ratio in decibels at which the result still counts, with a warning; 20 by default."""
    warn_ssim: DecimalString | None = Field(default=None, alias="warnSSIM")
    """Structural similarity (0 to 1) at which the result still counts, with a warning; 0.75 by default."""
    on_failure: QualityAction | None = None
    """`Fail` ends the job with QualityBelowThreshold; `Warn`, by default, delivers all the same and says so."""

    @property
    def bar(self) -> QualityBar:
        """What held-out views are judged by, where neither the job nor a profile names a value too."""
        usual = BUILT_IN_BAR
        return QualityBar(
            self.min_psnr or usual.min_psnr,
            self.min_ssim or usual.min_ssim,
            self.warn_psnr or usual.warn_psnr,
            self.warn_ssim or usual.warn_ssim,
            self.on_failure or usual.on_failure,
        )
