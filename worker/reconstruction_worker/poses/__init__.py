"""Camera poses: estimated from the photos or provided beside them, then turned upright, scaled and undistorted."""

# pycolmap brings its own copies of these libraries; loaded before Python's, they crash the interpreter on exit or
# while decoding. A package is imported before its modules, so this is the one place that is always first.
import zlib  # noqa: F401

import PIL.PngImagePlugin  # noqa: F401
