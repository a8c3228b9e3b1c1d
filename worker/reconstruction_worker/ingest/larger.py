"""How large photos are kept for the estimation of cameras, which needs more pixels than a training may want."""

from __future__ import annotations

from typing import Final

FOLDER: Final = "larger"
"""Of these copies, in the stage's folder."""
FEATURES_SIDE: Final = 1600
"""Longer side in pixels above which no more photos are placed."""
WORTH: Final = 1.1
"""Factor from which a larger copy is kept."""
CHOICE: Final = 40
"""Widths that are tried for the one with the most exact shape."""

Size = tuple[int, int]


def larger_size(stored: Size, whole: Size) -> Size | None:
    """The size of a copy of a photo of size `whole` that was made smaller to `stored`: at most `FEATURES_SIDE`, and of
    the very shape of the smaller one, so that one factor turns a camera of the one into that of the other. None where
    the smaller one is large enough."""
    width, height = stored
    most = min(FEATURES_SIDE, max(whole)) / max(stored)
    if most < WORTH:
        return None
    widest = int(width * most)
    narrowest = max(widest - CHOICE, round(width * WORTH))

    def error(candidate: int) -> float:
        tall = candidate * height / width
        return abs(tall - round(tall)) / tall

    best = min(range(widest, narrowest - 1, -1), key=error)
    return best, round(best * height / width)
