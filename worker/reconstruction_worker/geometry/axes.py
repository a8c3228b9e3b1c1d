"""A camera's own axes: x right, y down, z forward in OpenCV and COLMAP; x right, y up, z backward in OpenGL and
transforms.json."""

from __future__ import annotations

import numpy as np

OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
OPENCV_FROM_OPENGL = OPENGL_FROM_OPENCV
"""The exchange undoes itself."""
