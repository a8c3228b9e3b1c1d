"""A point cloud for surveyors and planners: LAZ on the map where the place is known, and PLY beside it.

The points are spread evenly over the textured surface. LAZ (LAS 1.2, point format 2: American Society for
Photogrammetry and Remote Sensing, 2008; compressed by LASzip) is written by laspy with lazrs and checked with LASzip;
PLY is written here and checked by trimesh.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Final

import laspy
import numpy as np
import trimesh
from numpy.typing import NDArray

from .checking import Content, compare, reading, require
from .exporter import Exporter
from .place import ascii_keys
from .style import Style
from .surface_points import Points, surface_points
from .textured_model import Model

COUNT: Final = 500_000
STEPS: Final = 2**20
"""Coordinates are whole steps; at least so many along the longest side, and no coarser than a millimetre."""
DEFAULT = Style(stem="points")
_PROJECTION: Final = "LASF_Projection"
_KEYS, _TEXT = 34735, 34737
_VERTEX: Final = np.dtype([("position", "<f4", 3), ("normal", "<f4", 3), ("colour", "u1", 3)])


def write(model: Model, folder: Path, style: Style = DEFAULT) -> list[Path]:
    """Write `points.laz` and `points.ply`, both z up: easting, northing and height where the place is known, otherwise
    the model's own coordinates, which the PLY file always has."""
    points = surface_points(model, COUNT)
    laz, ply = folder / f"{style.stem}.laz", folder / f"{style.stem}.ply"
    _write_laz(model, points, laz)
    _write_ply(model, points, ply)
    return [laz, ply]


def check(model: Model, folder: Path, style: Style = DEFAULT) -> Content:
    """Open both again. Raises ExportFailed."""
    points, name = surface_points(model, COUNT), f"{style.stem}.laz"
    with reading(name):
        with laspy.open(folder / name, laz_backend=laspy.LazBackend.Laszip) as reader:
            stored, header = reader.read(), reader.header
        places = np.asarray(stored.xyz)
        colours = np.stack([np.asarray(stored[name]) for name in ("red", "green", "blue")], axis=1) >> 8
    wanted = _places(model, points)
    count = len(points.positions)
    require(name, len(places) == count, f"it holds {len(places)} points instead of {count}")
    tolerance = float(np.max(header.scales)) * 0.51
    require(name, bool(np.abs(places - wanted).max() <= tolerance), "a point is not where it should be")
    require(name, bool(np.array_equal(colours, points.colours)), "a point has another colour")
    keys = {each.record_id: bytes(each.record_data_bytes()) for each in header.vlrs if each.user_id == _PROJECTION}
    stated = ascii_keys(model.place.geo_keys()[0]) if model.place is not None else None
    require(name, keys.get(_KEYS) == stated, "it does not say where on Earth it is")
    ply = f"{style.stem}.ply"
    with reading(ply):
        cloud = trimesh.load(folder / ply, process=False)
        assert isinstance(cloud, trimesh.PointCloud)
        content = Content(len(cloud.vertices), 0, np.asarray(cloud.bounds), None)
    bounds = np.stack([points.positions.min(axis=0), points.positions.max(axis=0)])
    compare(ply, content, Content(count, 0, bounds, None))
    return content


def _places(model: Model, points: Points) -> NDArray[np.float64]:
    return points.positions.astype(np.float64) if model.place is None else model.place.on_map(points.positions)


def _write_laz(model: Model, points: Points, path: Path) -> None:
    places = _places(model, points)
    header = laspy.LasHeader(point_format=2, version="1.2")
    longest = float(np.ptp(places, axis=0).max())
    header.scales = np.full(3, min(1e-3, max(longest, 1e-9) / STEPS))
    header.offsets = np.floor(places.min(axis=0))
    header.generating_software = "reconstruction-operator"
    header.creation_date = None
    if model.place is not None:
        keys, text = model.place.geo_keys()
        header.vlrs.append(laspy.VLR(_PROJECTION, _KEYS, "", ascii_keys(keys)))
        header.vlrs.append(laspy.VLR(_PROJECTION, _TEXT, "", text + b"\0"))
    cloud = laspy.LasData(header)
    cloud.x, cloud.y, cloud.z = places.T
    cloud.red, cloud.green, cloud.blue = (points.colours.astype(np.uint16) * 257).T
    with path.open("wb") as file:
        cloud.write(file, do_compress=True, laz_backend=laspy.LazBackend.Lazrs)


def _write_ply(model: Model, points: Points, path: Path) -> None:
    rows = np.zeros(len(points.positions), _VERTEX)
    rows["position"], rows["normal"], rows["colour"] = points.positions, points.normals, points.colours
    unit = "metres" if model.metric else "scene units"
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment z up, coordinates in {unit}",
        f"element vertex {len(rows)}",
        *(f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")),
        *(f"property uchar {name}" for name in ("red", "green", "blue")),
        "end_header",
    ]
    path.write_bytes("".join(f"{line}\n" for line in header).encode() + rows.tobytes())


EXPORTER = Exporter(
    write, check, up="z", checked_by=f"LASzip {version('laszip')}, trimesh {trimesh.__version__}", styled=True
)
