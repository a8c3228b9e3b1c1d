"""Names of files that one stage leaves and another reads; the documents have theirs beside their models.

docs/workspace.md shows what is in them.
"""

from __future__ import annotations

from typing import Final

TRANSFORMS: Final = "transforms.json"
"""`poses/`: cameras and the pictures that they took."""
POINTS: Final = "points.ply"
"""`poses/`: the sparse model."""
OBSERVATIONS: Final = "observations.npz"
"""`poses/`: which picture shows which point."""
SURFACE: Final = "mesh.ply"
"""`mesh/`: the surface."""
ORIGINALS: Final = "originals"
"""In the workspace, beside the stages' folders: the photos in the size that they came in, as `NAME.jpg`, upright and in
sRGB; only those that were made smaller, and only where the texture is to be made from them."""
CHARTS: Final = "mesh.npz"
"""`texture/`: the surface cut into charts."""
BASE_COLOUR: Final = "basecolor.png"
"""`texture/`: the colours of the charts, of the first page."""


def base_colour(page: int) -> str:
    """`texture/`: the colours of a page of charts, counted from 0: `basecolor.png`, `basecolor_2.png`."""
    stem, suffix = BASE_COLOUR.split(".")
    return f"{stem}{numbered(page)}.{suffix}"


def numbered(page: int) -> str:
    """What the name of a page's file or material ends with; nothing of the first one."""
    return f"_{page + 1}" if page else ""
