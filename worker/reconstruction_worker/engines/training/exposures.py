"""Photos of one scene with different exposures, as their cameras recorded them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LARGEST = 3.0
"""Natural logarithm of the largest factor that is believed."""


def relative(exposures: Sequence[float | None]) -> list[float]:
    """Natural logarithms of exposures relative to their median; all zero unless every one is known."""
    known = [exposure for exposure in exposures if exposure is not None and exposure > 0]
    if not known or len(known) < len(exposures):
        return [0.0] * len(exposures)
    logarithms = np.log(known)
    return np.clip(logarithms - np.median(logarithms), -LARGEST, LARGEST).tolist()
