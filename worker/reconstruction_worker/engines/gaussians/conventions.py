"""What both rasterisers hold to, so that what one has trained the other shows alike; the values are gsplat's.

Camera axes are x right, y down, z forward; a pixel's centre is at .5; quaternions are w, x, y, z; what is learnt of a
scale is its logarithm, of an opacity its logit. Colours are premultiplied with alpha.
"""

import numpy as np

TILE = 16
"""Pixels along a side of the squares into which a picture is divided."""
TILE_PIXELS = TILE * TILE

LEAST_ALPHA = np.float32(1 / 255)
"""Less than this of a Gaussian is not drawn."""
MOST_ALPHA = np.float32(0.999)
"""No Gaussian covers more than this of what is behind it."""
OPAQUE_REST = np.float32(1e-4)
"""Where no pixel of a tile lets more than this through, what is behind is not looked at."""
BLUR = np.float32(0.3)
"""Variance in pixels that is added to every Gaussian's picture: none falls between the pixels' centres."""
FIELD_MARGIN = 0.15
"""How far outside of the picture, as a share of its side, a Gaussian's shape is still taken at its own place; farther
out at that border, where perspective does not yet distort it beyond all bounds."""

LEAST_DISTANCE = 0.01
"""Nearer to the camera nothing is drawn."""
