"""Which engine's result is the job's: decided from numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from reconstruction_api.documents.engines import EnginesDocument, EngineStanding
from reconstruction_api.quality import Verdict

_BEST_FIRST: Final = (Verdict.PASS, Verdict.WARN, Verdict.FAIL)


def compared(standings: Sequence[EngineStanding], *, mesh: bool) -> EnginesDocument:
    """The engines with the best of them: by verdict, then by the PSNR of held-out views where all of that verdict have
    one, of the mesh where `mesh` is delivered and all have that; else the one named first. At least one has not
    failed."""
    able = [each for each in standings if each.failure is None]
    if len(able) == 1:
        return EnginesDocument(best=able[0].name, why="no other has a result", engines=list(standings))
    verdict = min((_of(each) for each in able), key=_BEST_FIRST.index)
    candidates = [each for each in able if _of(each) is verdict]
    by_mesh = mesh and all(each.mesh_psnr is not None for each in candidates)
    decibels = [each.mesh_psnr if by_mesh else each.psnr for each in candidates]
    best = candidates[0]
    if len(candidates) == 1:
        why = f"it alone has the verdict {verdict}"
    elif None in decibels:
        why = f"it is named first; all have the verdict {verdict}, and no photo was held out to compare them by"
    else:
        shown = [(each or 0.0, candidate) for each, candidate in zip(decibels, candidates, strict=True)]
        most, best = max(shown, key=lambda pair: pair[0])
        rest = ", ".join(f"{other.name} {each:.2f}" for each, other in shown if other is not best)
        why = f"its {'mesh' if by_mesh else 'trained scene'} shows held-out photos with {most:.2f} dB ({rest})"
    return EnginesDocument(best=best.name, why=why, engines=list(standings))


def nearest(standings: Sequence[EngineStanding]) -> EngineStanding:
    """Where all have failed: the one whose failure says most, which is the one that came furthest."""
    return max(standings, key=lambda each: (each.psnr or 0.0, each.seconds))


def _of(standing: EngineStanding) -> Verdict:
    return standing.verdict or Verdict.WARN
