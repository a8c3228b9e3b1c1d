"""A model from straight above, on the map: a picture of its colours and one of its heights, as GeoTIFF (OGC 19-008r4).

Written by tifffile, checked by Pillow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from ..geometry.mesh import Mesh
from ..geometry.raycast import Caster
from ..geometry.render import sample
from .checking import Content, require
from .textured_model import Model

MAX_SIDE: Final = 8192
"""Pixels."""
PIXEL_SCALE, TIE_POINT, KEYS, KEY_TEXT, NO_DATA = 33550, 33922, 34735, 34737, 42113
"""Tags of GeoTIFF, and GDAL's for pixels without a value."""
NOTHING: Final = -9999.0
"""Height of a pixel that shows no surface."""


@dataclass(frozen=True)
class Grid:
    """Square pixels, north up."""

    west: float
    north: float
    """Coordinates of the outer edges, multiples of the pixel's size."""
    pixel: float
    """Metres on the map, or units of the model."""
    width: int
    height: int


@dataclass(frozen=True)
class MapView:
    """What is seen from above."""

    grid: Grid
    heights: NDArray[np.float32]  # [H, W] NOTHING where there is no surface
    colours: NDArray[np.uint8]  # [H, W, 4]; transparent there


def map_view(model: Model) -> MapView:
    """From straight above: on the map where the place is known, otherwise in the model's own coordinates."""
    places = model.vertices.astype(np.float64) if model.place is None else model.place.on_map(model.vertices)
    grid = _grid(places, model)
    corner = np.array([grid.west, grid.north, 0.0])
    caster = Caster(Mesh(places - corner, model.faces))
    x = (np.arange(grid.width) + 0.5) * grid.pixel
    above = float(places[:, 2].max()) + 1.0
    heights = np.full((grid.height, grid.width), NOTHING, np.float32)
    colours = np.zeros((grid.height, grid.width, 4), np.uint8)
    down = np.broadcast_to(np.array([0.0, 0.0, -1.0]), (grid.width, 3))
    for row in range(grid.height):
        start = np.stack([x, np.full_like(x, -(row + 0.5) * grid.pixel), np.full_like(x, above)], axis=1)
        hits = caster.cast(start, down)
        seen = hits.hit
        heights[row, seen] = above - hits.distance[seen]
        colours[row, seen, :3] = np.clip(
            sample(model.texture, hits.interpolate(model.faces, model.uv))[seen] + 0.5, 0, 255
        )
        colours[row, seen, 3] = 255
    return MapView(grid, heights, colours)


def write_raster(path: Path, values: NDArray[Any], grid: Grid, model: Model, nothing: str | None = None) -> None:
    """A raster with its place; `nothing` is the value of pixels that have none."""
    tags: list[tuple[int, str, int, Any, bool]] = [
        (PIXEL_SCALE, "d", 3, (grid.pixel, grid.pixel, 0.0), True),
        (TIE_POINT, "d", 6, (0.0, 0.0, 0.0, grid.west, grid.north, 0.0), True),
    ]
    if model.place is not None:
        keys, text = model.place.geo_keys()
        tags += [(KEYS, "H", len(keys), tuple(keys.tolist()), True), (KEY_TEXT, "s", 0, text.decode(), True)]
    if nothing is not None:
        tags.append((NO_DATA, "s", 0, nothing, True))
    colour = values.ndim == 3
    tifffile.imwrite(
        path,
        values,
        photometric="rgb" if colour else "minisblack",
        extrasamples=["unassalpha"] if colour else None,
        compression="zlib",
        tile=(256, 256),
        extratags=tags,
        metadata=None,
        software="reconstruction-operator",
    )


def check_raster(path: Path, values: NDArray[Any], grid: Grid, model: Model) -> Content:
    """Open a raster again. Raises ExportFailed where it is not at its place, or a pixel is another."""
    name = path.name
    with Image.open(path) as image:
        tags = image.tag_v2  # pyright: ignore[reportAttributeAccessIssue] - of a TIFF
        scale, tie, keys = (tuple(tags.get(each, ())) for each in (PIXEL_SCALE, TIE_POINT, KEYS))
        found = np.array(image)
    require(name, scale == (grid.pixel, grid.pixel, 0.0), "its pixels are of another size")
    require(name, tie == (0.0, 0.0, 0.0, grid.west, grid.north, 0.0), "it lies elsewhere")
    stated = tuple(model.place.geo_keys()[0].tolist()) if model.place is not None else ()
    require(name, keys == stated, "it does not say where on Earth it is")
    require(name, bool(np.array_equal(found, values)), "a pixel is another")
    east, south = grid.west + grid.width * grid.pixel, grid.north - grid.height * grid.pixel
    heights = model.vertices[:, 2] if model.place is None else model.place.on_map(model.vertices)[:, 2]
    bounds = [[grid.west, south, heights.min()], [east, grid.north, heights.max()]]
    return Content(0, 0, np.array(bounds), (grid.width, grid.height))


def _grid(places: NDArray[np.float64], model: Model) -> Grid:
    """As fine as the texture is, in a size of 1, 2 or 5 times a power of ten."""
    low, high = places[:, :2].min(axis=0), places[:, :2].max(axis=0)
    area = Mesh(places - places[0], model.faces).area()
    texel = math.sqrt(max(area, 1e-12) / (model.texture.shape[0] * model.texture.shape[1]))
    wanted = max(texel, float((high - low).max()) / (MAX_SIDE - 2), 1e-6)
    power = 10.0 ** math.floor(math.log10(wanted))
    pixel = next(step * power for step in (1, 2, 5, 10) if step * power >= wanted * (1 - 1e-9))
    west, north = math.floor(low[0] / pixel) * pixel, math.ceil(high[1] / pixel) * pixel
    width, height = math.ceil((high[0] - west) / pixel), math.ceil((north - low[1]) / pixel)
    return Grid(west, north, pixel, max(width, 1), max(height, 1))
