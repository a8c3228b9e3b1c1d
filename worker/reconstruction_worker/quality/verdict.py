"""From numbers to a verdict on what the job delivers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconstruction_api.documents.quality import MeshSummary
from reconstruction_api.exports import Export
from reconstruction_api.quality import Quality, Verdict

from ..geometry.texture_document import HeldOut
from .basis import margin

LEAST_COVERAGE: Final = 0.3
"""Share of the held-out photos that the mesh of a whole scene must cover to pass."""
MESH, VIEWS = "mesh", "views"
_WORST_FIRST: Final = (Verdict.FAIL, Verdict.WARN, Verdict.PASS)


def judge(psnr: float, ssim: float, quality: Quality) -> Verdict:
    """Both numbers must reach the level."""
    bar = quality.bar
    if psnr >= float(bar.min_psnr) and ssim >= float(bar.min_ssim):
        return Verdict.PASS
    if psnr >= float(bar.warn_psnr) and ssim >= float(bar.warn_ssim):
        return Verdict.WARN
    return Verdict.FAIL


def judged_mesh(shown: HeldOut, quality: Quality, *, cut: bool) -> MeshSummary:
    """The textured mesh by what it shows of photos that its texture was made without. Where it is cut out of the scene
    (`cut`), it need not cover the photos."""
    verdict = judge(shown.psnr, shown.ssim, quality)
    if verdict is Verdict.PASS and shown.coverage < LEAST_COVERAGE and not cut:
        verdict = Verdict.WARN
    wide = margin([view.psnr for view in shown.views])
    return MeshSummary(
        coverage=shown.coverage,
        psnr=shown.psnr,
        psnr_margin=None if wide is None else round(wide, 3),
        ssim=shown.ssim,
        photos=shown.photos,
        trained=sum(view.trained for view in shown.views),
        verdict=verdict,
    )


def of_what_is_delivered(
    views: Verdict, mesh: MeshSummary | None, exports: Sequence[Export]
) -> tuple[list[str], Verdict]:
    """What is judged, and the verdict: of the mesh where it was measured, of the trained scene where its Gaussians are
    delivered or there is no such mesh; the worse one where both are delivered."""
    if mesh is None or mesh.verdict is None:
        return [VIEWS], views
    kinds = {export.format.gaussians for export in exports}
    judged = [name for name, delivered in ((MESH, False in kinds), (VIEWS, True in kinds)) if delivered]
    verdicts = {MESH: mesh.verdict, VIEWS: views}
    return judged, min((verdicts[name] for name in judged), key=_WORST_FIRST.index)
