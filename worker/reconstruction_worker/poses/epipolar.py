"""What two cameras make of each other's rays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def essential_matrix(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """E [3, 3]: b . E a is 0 where rays a and b of two cameras meet (Hartley and Zisserman 2004, section 9.6).
    `relative` [3 or 4, 4] leads from the first one's axes to the second one's, both as in OpenCV."""
    return np.cross(relative[:3, 3], relative[:3, :3], axisb=0).T
