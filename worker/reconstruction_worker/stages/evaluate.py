"""Stage `evaluate`: renders the photos that were held out of training and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from reconstruction_api.quality import QUALITY_VERDICT, Verdict
from reconstruction_api.stages import StageName

from ..engines.base import Field
from ..engines.nerf.scene import PosedPhoto, read_scene
from ..engines.nerf.split import read_split
from ..engines.trained import trained_field
from ..files import write_json
from ..poses.photos import source_names
from ..quality import metrics, perceptual
from ..quality.verdict import judge
from ..stage import StageContext, StageOutput, Stopped

WORST = 3
SHOWN = 8
"""Photos that were trained on, of which renderings are shown where none was held out."""
NONE_HELD_OUT = "no photo was held out"
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
    split = read_split(context.of(StageName.TRAIN) / "split.json")
    names = split.held_out or some_of(split.train)
    field = trained_field(context)
    no_lpips = perceptual.why_unavailable()
    views: list[View] = []
    for done, name in enumerate(names):
        if context.stop_requested():
            raise Stopped(f"{done} of {len(names)} views compared")
        context.tell(100 * done / len(names), name)
        views.append(_compare(field, scene.photo(name), pictures, with_lpips=no_lpips is None))
    result = _summary(views, no_lpips, context.spec.quality)
    if not split.held_out:
        result = without_held_out(result)
    write_json(context.folder / "quality.json", result)
    return _outcome(result, context.spec.quality, source_names(context.workspace))


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


def some_of(trained: Sequence[str]) -> tuple[str, ...]:
    """A few of the photos that were trained on, evenly taken."""
    count = min(len(trained), SHOWN)
    return tuple(trained[int((i + 0.5) * len(trained) / count)] for i in range(count))


def without_held_out(result: dict[str, Any]) -> dict[str, Any]:
    """quality.json where the views were trained on: how well they are reproduced says little of other views, so nothing
    is passed and nothing failed."""
    means = {name: result[name] for name in ("psnr", "ssim", "lpips")}
    nothing = dict.fromkeys(means)
    return {**result, **nothing, "reason": NONE_HELD_OUT, "trained": means, "verdict": str(Verdict.WARN)}


def _outcome(result: dict[str, Any], bar: Quality, names: Mapping[str, str]) -> StageOutput:
    """`names` are what the source calls the photos, by those of their files without suffix."""
    if result["psnr"] is None:
        trained = (
            f"{len(result['views'])} of the photos trained on are reproduced with {result['trained']['psnr']:.2f} dB"
        )
        message = f"{NONE_HELD_OUT}, so there is no PSNR or SSIM; {trained}: {result['verdict']}"
        return StageOutput(message=message, metrics={QUALITY_VERDICT: result["verdict"]})
    numbers = {"psnr": f"{result['psnr']:.2f}", "ssim": f"{result['ssim']:.3f}"}
    if result["lpips"] is not None:
        numbers["lpips"] = f"{result['lpips']:.3f}"
    count = len(result["views"])
    found = f"PSNR {numbers['psnr']} dB, SSIM {numbers['ssim']} on {count} held-out view{'s' if count > 1 else ''}"
    if result["verdict"] == Verdict.FAIL and bar.on_failure is QualityAction.FAIL:
        worst = [names.get(Path(name).stem, name) for name in result["worst"]]
        raise ReconstructionError(
            "QualityBelowThreshold",
            f"{found}; the job accepts PSNR {bar.warn_psnr} dB and SSIM {bar.warn_ssim}. Worst: {', '.join(worst)}.",
            details={**numbers, "worst": worst},
        )
    return StageOutput(message=f"{found}: {result['verdict']}", metrics={**numbers, QUALITY_VERDICT: result["verdict"]})


def _bytes(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _error_map(rendered: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.uint8]:
    difference = np.abs(rendered - reference).mean(-1) / ERROR_SHOWN_AS_BRIGHTEST
    return np.asarray(cv2.applyColorMap(_bytes(difference), cv2.COLORMAP_INFERNO), np.uint8)[..., ::-1]
