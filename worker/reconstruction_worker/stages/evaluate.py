"""Stage `evaluate`: renders the photos that were held out of training and compares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import Quality, QualityAction
from reconstruction_api.stages import StageName

from ..engines.base import Field
from ..engines.nerf.scene import PosedPhoto, read_scene
from ..engines.nerf.split import read_split
from ..engines.trained import trained_field
from ..files import write_json
from ..quality import metrics, perceptual
from ..quality.verdict import Verdict, judge
from ..stage import StageContext, StageOutput, Stopped

WORST = 3
JPEG_QUALITY = 92
ERROR_SHOWN_AS_BRIGHTEST = 0.25
"""Mean difference of the channels (0..1) that gets the last colour of the error map."""


@dataclass(frozen=True)
class View:
    """How well one held-out photo is reproduced."""

    name: str
    psnr: float
    ssim: float
    lpips: float | None

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "psnr": round(self.psnr, 3),
            "ssim": round(self.ssim, 4),
            "lpips": None if self.lpips is None else round(self.lpips, 4),
        }


def run(context: StageContext) -> StageOutput:
    """Raises QualityBelowThreshold, after writing quality.json, when the bar is missed and the job is to fail then."""
    pictures = context.folder / "views"
    pictures.mkdir(parents=True, exist_ok=True)
    scene = read_scene(context.workspace)
    names = read_split(context.of(StageName.TRAIN) / "split.json").held_out
    field = trained_field(context)
    no_lpips = perceptual.why_unavailable()
    views: list[View] = []
    for done, name in enumerate(names):
        if context.stop_requested():
            raise Stopped(f"{done} of {len(names)} views compared")
        context.tell(100 * done / len(names), name)
        views.append(_compare(field, scene.photo(name), pictures, with_lpips=no_lpips is None))
    result = _summary(views, no_lpips, context.spec.quality)
    write_json(context.folder / "quality.json", result)
    return _outcome(result, context.spec.quality)


def _compare(field: Field, photo: PosedPhoto, pictures: Path, *, with_lpips: bool) -> View:
    rendering = field.render(photo.camera)
    rendered = metrics.over_white(rendering.rgb, rendering.alpha)
    reference = metrics.photo_over_white(photo.pixels())
    for kind, picture in (
        ("render", _bytes(rendered)),
        ("photo", _bytes(reference)),
        ("error", _error_map(rendered, reference)),
    ):
        Image.fromarray(picture).save(pictures / f"{photo.name}.{kind}.jpg", quality=JPEG_QUALITY)
    return View(
        name=photo.name,
        psnr=metrics.psnr(rendered, reference),
        ssim=metrics.ssim(rendered, reference),
        lpips=perceptual.lpips(rendered, reference) if with_lpips else None,
    )


def _summary(views: list[View], no_lpips: str | None, bar: Quality) -> dict[str, Any]:
    """quality.json: means over the held-out views, as is usual in the field (not the PSNR of the mean error)."""
    psnr, ssim = fmean(view.psnr for view in views), fmean(view.ssim for view in views)
    distances = [view.lpips for view in views if view.lpips is not None]
    return {
        "psnr": round(psnr, 3),
        "ssim": round(ssim, 4),
        "lpips": round(fmean(distances), 4) if distances else None,
        **({"lpipsReason": no_lpips} if no_lpips else {"lpipsBackbone": "AlexNet"}),
        "verdict": str(judge(psnr, ssim, bar)),
        "thresholds": {
            "minPSNR": float(bar.min_psnr),
            "minSSIM": float(bar.min_ssim),
            "warnPSNR": float(bar.warn_psnr),
            "warnSSIM": float(bar.warn_ssim),
        },
        "background": "white",
        "views": [view.document() for view in views],
        "worst": [view.name for view in sorted(views, key=lambda view: view.psnr)[:WORST]],
    }


def _outcome(result: dict[str, Any], bar: Quality) -> StageOutput:
    numbers = {"psnr": f"{result['psnr']:.2f}", "ssim": f"{result['ssim']:.3f}"}
    if result["lpips"] is not None:
        numbers["lpips"] = f"{result['lpips']:.3f}"
    count = len(result["views"])
    found = f"PSNR {numbers['psnr']} dB, SSIM {numbers['ssim']} on {count} held-out view{'s' if count > 1 else ''}"
    if result["verdict"] == Verdict.FAIL and bar.on_failure is QualityAction.FAIL:
        raise ReconstructionError(
            "QualityBelowThreshold",
            f"{found}; the job accepts PSNR {bar.warn_psnr} dB and SSIM {bar.warn_ssim}. "
            f"Worst: {', '.join(result['worst'])}.",
            details={**numbers, "worst": result["worst"]},
        )
    return StageOutput(
        message=f"{found}: {result['verdict']}", metrics={**numbers, "qualityVerdict": result["verdict"]}
    )


def _bytes(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _error_map(rendered: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.uint8]:
    difference = np.abs(rendered - reference).mean(-1) / ERROR_SHOWN_AS_BRIGHTEST
    return np.asarray(cv2.applyColorMap(_bytes(difference), cv2.COLORMAP_INFERNO), np.uint8)[..., ::-1]
