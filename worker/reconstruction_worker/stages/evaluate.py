"""Stage `evaluate`: renders the photos that were held out of training and compares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.documents.quality import FILE as QUALITY_FILE
from reconstruction_api.documents.quality import Means, MeshSummary, QualityDocument, Thresholds, ViewQuality
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.quality import Quality, QualityAction, QualityBar, Verdict
from reconstruction_api.stages import StageName

from ..engines.trained import trained_field
from ..engines.training.history import read_history
from ..engines.training.posed_photos import PosedPhoto, read_scene
from ..engines.training.split import read_split
from ..evenly import evenly
from ..files import write_document
from ..geometry.mesh_document import FILE as MESH_FILE
from ..geometry.mesh_document import MeshDocument
from ..geometry.rendering import Field
from ..geometry.texture_document import FILE as TEXTURE_FILE
from ..geometry.texture_document import TextureDocument
from ..poses.dataset_photos import source_names
from ..quality import metrics, perceptual, sharpness
from ..quality.basis import judged_by, margin
from ..quality.flip import flip
from ..quality.missing_side import missing_side
from ..quality.next_step import next_step
from ..quality.verdict import MESH, judge, judged_mesh, of_what_is_delivered
from ..stage import StageContext, StageOutput, Stopped

DOCUMENT = QualityDocument
WORST = 3
SHOWN = 8
"""Photos that were trained on, of which renderings are shown where none was held out."""
NONE_HELD_OUT = "no photo was held out"
NO_POSES = "there are no camera poses"
JPEG_QUALITY = 92
ERROR_SHOWN_AS_BRIGHTEST = 0.25
"""Mean difference of the channels (0..1) that gets the last colour of the error map."""


def run(context: StageContext) -> StageOutput:
    """Raises QualityBelowThreshold, after writing quality.json, when the bar is missed and the job is to fail then."""
    pictures = context.folder / "views"
    pictures.mkdir(parents=True, exist_ok=True)
    scene = read_scene(context.workspace)
    if not scene.photos:
        return _nothing_compared(context)
    split = read_split(context.of(StageName.TRAIN), [photo.name for photo in scene.photos if photo.usable])
    early_stopping = context.spec.training.early_stopping
    held_out, caution = judged_by(split.held_out, early_stopping=early_stopping)
    names = held_out or some_of(split.train)
    field = trained_field(context)
    no_lpips = perceptual.why_unavailable()
    views: list[ViewQuality] = []
    for done, name in enumerate(names):
        if context.stop_requested():
            raise Stopped(f"{done} of {len(names)} views compared")
        context.report_progress(100 * done / len(names), name)
        views.append(_compare(field, scene.photo(name), pictures, with_lpips=no_lpips is None))
    result = _summary(views, no_lpips, context.spec.quality)
    sources = source_names(context.workspace)
    if not split.held_out:
        result = without_held_out(result)
    else:
        result = _with_delivered(context, result.model_copy(update={"caution": caution}))
        if result.verdict is not Verdict.PASS:
            missing = missing_side([photo.camera for photo in scene.photos])
            progress = [(line.step, line.psnr) for line in read_history(context.of(StageName.TRAIN))]
            result = result.model_copy(update={"next_step": next_step(views, progress, sources, missing)})
    result = _with_blur(result, [photo for photo in scene.photos if photo.usable])
    write_document(context.folder / QUALITY_FILE, result)
    return _outcome(result, context.spec.quality, sources)


def _with_blur(result: QualityDocument, photos: Sequence[PosedPhoto]) -> QualityDocument:
    """The document with how blurred the photos are. Where they are, what is made of them fails, however well it shows
    them."""
    some = evenly(len(photos), min(len(photos), sharpness.ENOUGH))
    blur = sharpness.blur_of(photos[index].pixels() for index in some)
    result = result.model_copy(update={"blur_pixels": blur})
    if blur is None or blur < sharpness.BLURRED:
        return result
    side = max(max(photo.camera.width, photo.camera.height) for photo in photos)
    update = {
        "caution": "; ".join(filter(None, (result.caution, sharpness.in_words(blur)))),
        "next_step": sharpness.advice(blur, side),
    }
    if result.psnr is not None:  # without held-out views nothing is failed
        update["verdict"] = Verdict.FAIL
    return result.model_copy(update=update)


def _with_delivered(context: StageContext, result: QualityDocument) -> QualityDocument:
    """The document with the verdict on what the job delivers. Jobs that were planned to be judged before there is a
    mesh are judged by the trained scene."""
    mesh = None
    if StageName.TEXTURE in context.needs:
        texture = TextureDocument.read_if_there(context.of(StageName.TEXTURE) / TEXTURE_FILE)
        surface = MeshDocument.read_if_there(context.of(StageName.MESH) / MESH_FILE)
        if texture is not None and texture.held_out is not None:
            cut = surface is not None and surface.crop is not None and surface.crop.cut
            mesh = judged_mesh(texture.held_out, context.spec.quality, cut=cut)
    judged, verdict = of_what_is_delivered(result.verdict or Verdict.WARN, mesh, context.spec.exports)
    update = {"judged": judged, "verdict": verdict, "mesh": mesh}
    if judged == [MESH] and mesh is not None and (mesh.photos or 0) > 1:
        update["caution"] = None
    return result.model_copy(update=update)


def _nothing_compared(context: StageContext) -> StageOutput:
    """Without cameras there is no place to compare from."""
    result = QualityDocument(
        psnr=None,
        ssim=None,
        flip=None,
        lpips=None,
        verdict=Verdict.WARN,
        thresholds=_thresholds(context.spec.quality.bar),
        views=[],
        worst=[],
        reason=NO_POSES,
    )
    write_document(context.folder / QUALITY_FILE, result)
    return _outcome(result, context.spec.quality, {})


def _compare(field: Field, photo: PosedPhoto, pictures: Path, *, with_lpips: bool) -> ViewQuality:
    rendering = field.render(photo.camera)
    rendered = metrics.over_white(rendering.rgb, rendering.alpha)
    reference = metrics.photo_over_white(photo.pixels())
    for kind, picture in (
        ("render", _bytes(rendered)),
        ("photo", _bytes(reference)),
        ("error", _error_map(rendered, reference)),
    ):
        Image.fromarray(picture).save(pictures / f"{photo.name}.{kind}.jpg", quality=JPEG_QUALITY)
    return ViewQuality(
        name=photo.name,
        psnr=metrics.psnr(rendered, reference),
        ssim=metrics.ssim(rendered, reference),
        flip=flip(rendered, reference),
        lpips=perceptual.lpips(rendered, reference) if with_lpips else None,
    )


def _summary(views: list[ViewQuality], no_lpips: str | None, quality: Quality) -> QualityDocument:
    means = _means(views)
    wide = margin([view.psnr for view in views])
    result = QualityDocument(
        psnr=means.psnr,
        psnr_margin=None if wide is None else round(wide, 3),
        ssim=means.ssim,
        flip=means.flip,
        lpips=means.lpips,
        verdict=judge(means.psnr, means.ssim, quality),
        thresholds=_thresholds(quality.bar),
        background="white",
        views=[_rounded(view) for view in views],
        worst=[view.name for view in sorted(views, key=lambda view: view.psnr)[:WORST]],
    )
    # Only one of the two is in the file.
    return result.model_copy(update={"lpips_reason": no_lpips} if no_lpips else {"lpips_backbone": "AlexNet"})


def _thresholds(bar: QualityBar) -> Thresholds:
    return Thresholds(
        min_psnr=float(bar.min_psnr),
        min_ssim=float(bar.min_ssim),
        warn_psnr=float(bar.warn_psnr),
        warn_ssim=float(bar.warn_ssim),
    )


def _means(views: Sequence[ViewQuality]) -> Means:
    distances = [view.lpips for view in views if view.lpips is not None]
    seen = [view.flip for view in views if view.flip is not None]
    return Means(
        psnr=round(fmean(view.psnr for view in views), 3),
        ssim=round(fmean(view.ssim for view in views), 4),
        flip=round(fmean(seen), 4) if seen else None,
        lpips=round(fmean(distances), 4) if distances else None,
    )


def _rounded(view: ViewQuality) -> ViewQuality:
    flipped, lpips = (None if value is None else round(value, 4) for value in (view.flip, view.lpips))
    return ViewQuality(name=view.name, psnr=round(view.psnr, 3), ssim=round(view.ssim, 4), flip=flipped, lpips=lpips)


def some_of(trained: Sequence[str]) -> tuple[str, ...]:
    """A few of the photos that were trained on, evenly taken."""
    return tuple(trained[index] for index in evenly(len(trained), min(len(trained), SHOWN)))


def without_held_out(result: QualityDocument) -> QualityDocument:
    """The document where the views were trained on: how well they are reproduced says little of other views, so nothing
    is passed and nothing failed."""
    return result.model_copy(
        update={
            "psnr": None,
            "ssim": None,
            "flip": None,
            "lpips": None,
            "reason": NONE_HELD_OUT,
            "trained": Means(psnr=result.psnr or 0.0, ssim=result.ssim or 0.0, flip=result.flip, lpips=result.lpips),
            "verdict": Verdict.WARN,
        }
    )


def _outcome(result: QualityDocument, quality: Quality, names: Mapping[str, str]) -> StageOutput:
    """`names` are what the source calls the photos, by those of their files without suffix."""
    verdict: dict[str, str | int] = {Metric.QUALITY_VERDICT: str(result.verdict)}
    if result.psnr is None and result.trained is None:
        message = f"{result.reason}, so there is no PSNR or SSIM: {result.verdict}"
        return StageOutput(message=message, metrics=verdict)
    if result.trained is not None:
        trained = f"{len(result.views)} of the photos trained on are reproduced with {result.trained.psnr:.2f} dB"
        message = f"{NONE_HELD_OUT}, so there is no PSNR or SSIM; {trained}{_caution(result)}: {result.verdict}"
        return StageOutput(message=message, metrics=verdict)
    numbers: dict[str, str | int] = {Metric.PSNR: f"{result.psnr:.2f}", Metric.SSIM: f"{result.ssim:.3f}"}
    if result.flip is not None:
        numbers[Metric.FLIP] = f"{result.flip:.3f}"
    if result.lpips is not None:
        numbers[Metric.LPIPS] = f"{result.lpips:.3f}"
    count = len(result.views)
    views = f"{count} held-out view{'s' if count > 1 else ''}"
    sure = _sure(result.psnr_margin)
    found = f"PSNR {numbers[Metric.PSNR]} dB{sure}, SSIM {numbers[Metric.SSIM]} on {views}"
    if MESH in result.judged and result.mesh is not None:
        numbers |= _of_mesh(result.mesh)
        found = f"{_mesh_in_words(result.mesh)}; the trained scene {found}"
    found += _caution(result)
    bar = quality.bar
    if result.verdict is Verdict.FAIL and bar.on_failure is QualityAction.FAIL:
        worst = [names.get(Path(name).stem, name) for name in result.worst]
        raise ReconstructionError(
            "QualityBelowThreshold",
            f"{found}; the job accepts PSNR {bar.warn_psnr} dB and SSIM {bar.warn_ssim}. Worst: {', '.join(worst)}.",
            suggestion=result.next_step,
            details={**numbers, "worst": worst},
        )
    line = f"{found}: {result.verdict}"
    if result.verdict is not Verdict.PASS:
        line += f"; it passes at {bar.min_psnr} dB and {bar.min_ssim}. {result.next_step or ''}".rstrip()
    return StageOutput(message=line, metrics={**numbers, **verdict})


def _caution(result: QualityDocument) -> str:
    return f" ({result.caution})" if result.caution else ""


def _sure(margin_decibels: float | None) -> str:
    """How sure a PSNR is, in decibels."""
    return "" if margin_decibels is None else f" (± {margin_decibels:.1f})"


def _of_mesh(mesh: MeshSummary) -> dict[str, str | int]:
    return {
        Metric.MESH_PSNR: f"{mesh.psnr or 0:.2f}",
        Metric.MESH_SSIM: f"{mesh.ssim or 0:.3f}",
        Metric.MESH_COVERAGE_PERCENT: round(100 * (mesh.coverage or 0)),
    }


def _mesh_in_words(mesh: MeshSummary) -> str:
    photos = f"{mesh.photos} photo{'' if mesh.photos == 1 else 's'}"
    trained = f", {mesh.trained} of them kept from the texture only," if mesh.trained else ""
    return (
        f"the mesh shows {mesh.coverage or 0:.0%} of {photos}{trained} with PSNR {mesh.psnr or 0:.2f} dB"
        f"{_sure(mesh.psnr_margin)} and SSIM {mesh.ssim or 0:.3f}"
    )


def _bytes(picture: NDArray[np.float64]) -> NDArray[np.uint8]:
    return (picture.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _error_map(rendered: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.uint8]:
    difference = np.abs(rendered - reference).mean(-1) / ERROR_SHOWN_AS_BRIGHTEST
    return np.asarray(cv2.applyColorMap(_bytes(difference), cv2.COLORMAP_INFERNO), np.uint8)[..., ::-1]
