"""Adam (Kingma and Ba 2015) for the Gaussians that a photo shows: the others' values and moments rest, as if the photo
had not been."""

import numpy as np

from ...compiled import threaded
from ..gaussians.kernel_math import F

FIRST, SECOND = 0.9, 0.999
"""How slowly the moments forget."""
EPSILON = 1e-15


@threaded(vectorised=True)
def step_of_adam(begin, end, ids, values, slopes, firsts, seconds, rates):  # pragma: no cover - compiled
    """Move the rows `ids` of `values` [N, D]. `rates` [D] hold the correction for the first steps."""
    for k in range(begin, end):
        i = ids[k]
        for d in range(values.shape[1]):
            slope = slopes[i, d]
            first = F(FIRST) * firsts[i, d] + F(1 - FIRST) * slope
            second = F(SECOND) * seconds[i, d] + F(1 - SECOND) * slope * slope
            firsts[i, d] = first
            seconds[i, d] = second
            values[i, d] -= rates[d] * first / (np.sqrt(second) + F(EPSILON))


def correction(step: int) -> float:
    """By how much rates are larger in step 1, 2, ..., when the moments begin at zero."""
    return (1 - SECOND**step) ** 0.5 / (1 - FIRST**step)
