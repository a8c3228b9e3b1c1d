"""Point clouds, orthophotos, height models and 3D Tiles lie where they are on Earth, in the eyes of GDAL and PROJ."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import laspy
import numpy as np
import pytest
import rasterio
import trimesh
from numpy.typing import NDArray
from rasterio.warp import transform

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.exporters import dsm, orthophoto, point_cloud, tiles
from reconstruction_worker.exporters.place import Place, read_place
from reconstruction_worker.exporters.textured_model import Model
from reconstruction_worker.geometry.mesh import Mesh, face_cross
from reconstruction_worker.poses.georeference import GeoOrigin, Georeference

from .edge_models import EDGE_MODELS, grid, textured
from .models import figure
from .other_readers import gltf_complaints
from .test_simplified_model import globe

BEACH = Place(np.eye(4), 46.8426, -91.9945, 160.0)
SYDNEY = Place(np.eye(4), -33.9, 151.2, 5.0)


def turned(place: Place) -> Place:
    """A model that is twice as large as its numbers, turned by a quarter to the left, and 30 m to the east."""
    matrix = np.array([[0, -2, 0, 30], [2, 0, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1]], float)
    return replace(place, metres_from_model=matrix)


def at(place: Place | None) -> Model:
    return replace(figure(metric=True), place=place)


def by_proj(place: Place, points: NDArray[np.floating], target: str) -> NDArray[np.float64]:
    """Points of the model by way of PROJ, from the definition of east, north and up. [N, 3]"""
    latitude, longitude = np.radians([place.latitude, place.longitude])
    sin_p, cos_p, sin_l, cos_l = np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)
    axes = np.array(
        [[-sin_l, cos_l, 0], [-sin_p * cos_l, -sin_p * sin_l, cos_p], [cos_p * cos_l, cos_p * sin_l, sin_p]]
    )
    origin = transform("EPSG:4979", "EPSG:4978", [place.longitude], [place.latitude], [place.altitude])
    matrix = place.metres_from_model
    local = points @ matrix[:3, :3].T + matrix[:3, 3]
    centred = local @ axes + np.array(origin).ravel()
    return np.array(transform("EPSG:4978", target, *centred.T)).T


@pytest.mark.parametrize("place", [BEACH, SYDNEY, turned(BEACH)])
def test_points_are_on_the_map_where_proj_puts_them(place: Place) -> None:
    points = np.array([[0, 0, 0], [120, 40, 3], [-50, 300, -20]], float)
    on_map = by_proj(place, points, f"EPSG:{place.epsg}")
    assert np.abs(place.on_map(points) - on_map).max() < 2e-3
    homogeneous = np.c_[points, np.ones(3)] @ place.earth_from_model().T
    assert np.abs(homogeneous[:, :3] - by_proj(place, points, "EPSG:4978")).max() < 2e-3


def test_the_zone_is_that_of_the_set_and_its_hemisphere() -> None:
    assert (BEACH.epsg, SYDNEY.epsg) == (32615, 32756)


def test_a_georeference_of_the_world_leads_from_a_model_in_metres(tmp_path: Path) -> None:
    origin = GeoOrigin(latitude=BEACH.latitude, longitude=BEACH.longitude, altitude=BEACH.altitude)
    similarity = np.diag([4.0, 4.0, 4.0, 1.0]).tolist()
    document = Georeference(
        origin=origin, metres_from_world=similarity, residual_metres=0.5, photos=9, altitude_known=True
    )
    (tmp_path / "georeference.json").write_text(document.model_dump_json(by_alias=True))
    place = read_place(tmp_path, metres_per_unit=4.0)
    assert place is not None
    assert np.allclose(place.metres_from_model, np.eye(4))
    assert read_place(tmp_path / "elsewhere", metres_per_unit=4.0) is None


@pytest.mark.parametrize("place", [BEACH, turned(SYDNEY)])
def test_gdal_finds_orthophoto_and_heights_on_the_map(place: Place, tmp_path: Path) -> None:
    model = at(place)
    tip = by_proj(place, np.array([[0.0, -1.9, 2.9]]), f"EPSG:{place.epsg}")[0]
    with rasterio.open(dsm.EXPORTER.write(model, tmp_path)[0]) as heights:
        assert heights.crs.to_epsg() == place.epsg and heights.nodata == -9999
        (found,) = heights.sample([tip[:2]])
        size = heights.res[0]
        box = np.array(heights.bounds)
        assert found[0] == pytest.approx(tip[2], abs=0.5 * float(np.linalg.norm(place.metres_from_model[:3, 0])))
        dsm.check(model, tmp_path)
    corners = by_proj(place, model.vertices.astype(float), f"EPSG:{place.epsg}")
    low, high = corners.min(axis=0), corners.max(axis=0)
    assert np.abs(box - [low[0], low[1], high[0], high[1]]).max() <= size + 0.01
    with rasterio.open(orthophoto.EXPORTER.write(model, tmp_path)[0]) as picture:
        assert picture.crs.to_epsg() == place.epsg and picture.count == 4
        assert tuple(picture.bounds) == tuple(box)
        pixel = next(iter(picture.sample([tip[:2]])))
        assert pixel[3] == 255 and tuple(pixel[:3]) in {(200, 30, 30), (30, 30, 200)}
        orthophoto.check(model, tmp_path)


def test_without_a_place_the_rasters_have_the_models_coordinates(tmp_path: Path) -> None:
    path = dsm.write(at(None), tmp_path)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(path) as heights:
            assert heights.crs is None
            (found,) = heights.sample([(0.0, -1.95)])
    assert found[0] == pytest.approx(3, abs=0.2)


def test_a_raster_that_lies_elsewhere_fails_its_check(tmp_path: Path) -> None:
    dsm.write(at(replace(BEACH, longitude=-91.99)), tmp_path)
    with pytest.raises(ReconstructionError, match="it lies elsewhere"):
        dsm.check(at(BEACH), tmp_path)


def test_a_point_cloud_is_on_the_map_and_says_so(tmp_path: Path) -> None:
    model = at(turned(BEACH))
    laz, ply = point_cloud.write(model, tmp_path)
    point_cloud.check(model, tmp_path)
    cloud = laspy.read(laz)
    (keys,) = [each for each in cloud.header.vlrs if each.record_id == 34735]
    assert {each.id: each.value_offset for each in keys.geo_keys}[3072] == 32615
    places = np.asarray(cloud.xyz)
    corners = by_proj(turned(BEACH), model.vertices.astype(float), "EPSG:32615")
    assert np.abs(places.min(axis=0) - corners.min(axis=0)).max() < 0.02
    assert np.abs(places.max(axis=0) - corners.max(axis=0)).max() < 0.02
    assert 400_000 < len(places) <= point_cloud.COUNT
    local = trimesh.load(ply, process=False)
    assert isinstance(local, trimesh.PointCloud) and len(local.vertices) == len(places)
    assert set(map(tuple, np.unique(local.colors[:, :3], axis=0).tolist())) >= {(200, 30, 30), (30, 30, 200)}


def test_a_point_cloud_that_lies_elsewhere_fails_its_check(tmp_path: Path) -> None:
    point_cloud.write(at(replace(BEACH, latitude=46.9)), tmp_path)
    with pytest.raises(ReconstructionError, match="a point is not where it should be"):
        point_cloud.check(at(BEACH), tmp_path)


def test_tiles_are_levels_of_detail_at_their_place_on_earth(tmp_path: Path) -> None:
    model = replace(globe(), place=turned(BEACH))
    paths = tiles.write(model, tmp_path)
    content = tiles.check(model, tmp_path)
    assert [complaint for path in paths[1:] for complaint in gltf_complaints(path)] == []
    assert content.faces == len(model.faces)
    document = json.loads(paths[0].read_text())
    coarse = document["root"]
    (fine,) = coarse["children"]
    assert (coarse["content"]["uri"], fine["content"]["uri"]) == ("tileset_1.glb", "tileset_0.glb")
    assert document["geometricError"] > coarse["geometricError"] > fine["geometricError"] == 0
    matrix = np.array(coarse["transform"]).reshape(4, 4).T  # column by column
    expected = by_proj(turned(BEACH), np.array([[0.3, 0.4, 0.5]]), "EPSG:4978")[0]
    assert np.abs((matrix @ [0.3, 0.4, 0.5, 1])[:3] - expected).max() < 2e-3


def errors_of(folder: Path) -> list[float]:
    """Geometric errors of a tileset and its tiles, the coarsest first."""
    document = json.loads((folder / "tileset.json").read_text())
    found, tile = [document["geometricError"]], document["root"]
    while tile is not None:
        found.append(tile["geometricError"])
        (tile,) = tile.get("children", [None])
    return found


def ribbon(pairs: int) -> Model:
    """Triangles that are a million times as long as wide."""
    across, index = np.linspace(0, 1e-3, pairs), 2 * np.arange(pairs - 1)
    points = np.stack([np.repeat(across, 2), np.tile([0.0, 1.0], pairs), np.zeros(2 * pairs)], axis=1)
    upper = np.stack([index, index + 2, index + 1], axis=1)
    return textured(points, np.concatenate([upper, upper + np.array([1, 0, 2])]))


def pieces(count: int, size: int) -> Model:
    """As many sheets, apart from each other, with room for their charts in the texture."""
    sheets = [grid(size, 1.0, (3 * number, 0, 0)) for number in range(count)]
    faces = [triangles + number * size * size for number, (_, triangles) in enumerate(sheets)]
    model = textured(np.concatenate([points for points, _ in sheets]), np.concatenate(faces))
    return replace(model, texture=np.kron(model.texture, np.ones((4, 4, 1), np.uint8)))


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        (EDGE_MODELS["one triangle"], 1),
        (textured(*grid(20, bump=0)), 2),
        (ribbon(200), 1),  # cannot be simplified
        (pieces(12, 6), 2),
        (pieces(200, 2), 2),
    ],
    ids=["one triangle", "flat", "thin", "pieces", "small pieces"],
)
def test_no_level_claims_to_be_finer_than_the_one_below_it(
    model: Model, levels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "COARSEST", 250)
    assert len(tiles.write(model, tmp_path)) - 1 == levels
    errors = errors_of(tmp_path)
    assert errors == sorted(set(errors), reverse=True) and errors[-1] == 0
    assert tiles.check(model, tmp_path).faces == len(model.faces)


def test_a_coarser_level_of_small_triangles_does_not_claim_to_be_finer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_the_large_ones(model: Model, faces: int) -> Model:
        areas = np.linalg.norm(face_cross(Mesh(model.vertices.astype(float), model.faces)), axis=1)
        return replace(model, faces=model.faces[np.sort(np.argsort(areas)[:faces])])

    monkeypatch.setattr(tiles, "COARSEST", 100)
    monkeypatch.setattr(tiles, "simplified_model", without_the_large_ones)
    model = textured(*grid(20, bump=3.0))
    tiles.write(model, tmp_path)
    errors = errors_of(tmp_path)
    assert len(errors) == 4 and errors == sorted(set(errors), reverse=True)
    tiles.check(model, tmp_path)


def test_a_tileset_without_one_of_its_tiles_fails_its_check(tmp_path: Path) -> None:
    model = replace(globe(), place=BEACH)
    tiles.write(model, tmp_path)[2].unlink()
    with pytest.raises(ReconstructionError, match="not beside it"):
        tiles.check(model, tmp_path)
