"""What to do about a result that is not as good as was asked for, told from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Final

from reconstruction_api.documents.quality import ViewQuality

ODD_DECIBELS: Final = 4.0
"""So much below the median a view stands out."""
ODD_SHARE: Final = 1 / 3
"""Views that may stand out; where more do, it is not they that are odd."""
NAMED: Final = 3
LAST: Final = 4
"""What the last one of so many equal parts of the training has gained is looked at."""
STILL_GAINS: Final = 0.3
"""Decibels in it from which more training is worth while."""
KNOWN_BETTER: Final = 4.0
"""Decibels by which views that were trained on may be better than held-out ones, before photos are missing."""


def next_step(
    views: Sequence[ViewQuality],
    progress: Sequence[tuple[int, float]],
    names: Mapping[str, str],
    missing: str | None = None,
) -> str | None:
    """A sentence, or None where nothing stands out.

    `views` were held out. `progress` has steps and the PSNR of the batches trained on there, in order. `names` are what
    the source calls the photos, by those of their files without suffix. `missing` is the side from which there are no
    photos, if there is one.
    """
    if not views:
        return None
    middle = median(view.psnr for view in views)
    odd = sorted((view for view in views if view.psnr < middle - ODD_DECIBELS), key=lambda view: view.psnr)
    if 0 < len(odd) <= ODD_SHARE * len(views):
        listed = ", ".join(names.get(Path(view.name).stem, view.name) for view in odd[:NAMED])
        return f"Look at {listed}: they are blurred, misplaced or show something that the others don't."
    if missing is not None:
        return f"Add photos from {missing}."
    gain = _last_gain(progress)
    if gain is not None and gain >= STILL_GAINS:
        return f"Train longer: the last quarter of the training has gained {gain:.1f} dB."
    if progress:
        trained = fmean(psnr for _, psnr in progress[-max(len(progress) // LAST, 1) :])
        if trained - middle >= KNOWN_BETTER:
            return (
                f"Add photos between those that are there: what was trained on is shown {trained - middle:.0f} dB "
                "better than what was not."
            )
    return None


def _last_gain(progress: Sequence[tuple[int, float]]) -> float | None:
    """How much more PSNR the last quarter of the steps has than the one before; None where that is too few lines."""
    if not progress:
        return None
    end = progress[-1][0]
    last = [psnr for step, psnr in progress if step > end * (LAST - 1) / LAST]
    before = [psnr for step, psnr in progress if end * (LAST - 2) / LAST < step <= end * (LAST - 1) / LAST]
    return fmean(last) - fmean(before) if len(last) >= 2 and len(before) >= 2 else None
