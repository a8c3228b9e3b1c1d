"""From numbers to a verdict."""

from __future__ import annotations

from reconstruction_api.job import Quality
from reconstruction_api.quality import Verdict


def judge(psnr: float, ssim: float, bar: Quality) -> Verdict:
    """Both numbers must reach the level."""
    if psnr >= float(bar.min_psnr) and ssim >= float(bar.min_ssim):
        return Verdict.PASS
    if psnr >= float(bar.warn_psnr) and ssim >= float(bar.warn_ssim):
        return Verdict.WARN
    return Verdict.FAIL
