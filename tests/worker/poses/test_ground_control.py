"""Measured points on the ground tell how large the model is and where on Earth it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pycolmap
import pytest
from numpy.typing import NDArray
from rasterio.warp import transform

from reconstruction_worker.geometry.local_positions import local_positions
from reconstruction_worker.geometry.similarity import Similarity
from reconstruction_worker.ingest.control_points import ControlPoint, ControlPoints, read_control_points
from reconstruction_worker.ingest.dataset import DatasetImage, Original
from reconstruction_worker.poses.colmap_cameras import project
from reconstruction_worker.poses.georeference import by_control
from reconstruction_worker.poses.ground_control import ControlFit, fit_control
from reconstruction_worker.poses.output import UNPOSED
from reconstruction_worker.poses.posed_model import PosedModel

from .scenes import a_model, survey_poses

ORIGIN = (46.8426, -91.9945, 160.0)
METRES = 7.0
"""Of one unit of the model."""
SPOTS = np.array([[1, -2, 0.2], [5, 2, 0], [9, -1, 0.5], [3, 1, 0.1], [7, 2.5, 0.3]], float)
WIDER = 2
"""How much wider the photos in the source are than the stored ones."""


def photos(model: PosedModel) -> dict[str, DatasetImage]:
    """With larger originals of other names."""
    return {
        shot.name: DatasetImage(
            name=shot.name,
            file=f"ingest/images/{shot.name}",
            width=400,
            height=300,
            original=Original(name=f"flight/DJI_{shot.name}", width=400 * WIDER, height=300 * WIDER, sha256="0"),
        )
        for shot in model.shots
    }


def measured(model: PosedModel, spots: NDArray[np.float64] = SPOTS, noise: float = 0.0) -> list[ControlPoint]:
    """Places of points of the model that is METRES to a unit, with east along x; where its photos show them."""
    points = []
    for index, spot in enumerate(spots):
        sightings = []
        for shot in model.shots:
            camera = model.cameras[shot.camera_id]
            local = (spot - shot.world_from_camera[:3, 3]) @ shot.world_from_camera[:3, :3]
            (pixel,) = project(camera, local[None])
            if ((pixel >= 0) & (pixel < [400, 300])).all():
                x, y = (pixel * WIDER).tolist()
                sightings.append((f"flight/DJI_{shot.name}", x, y))
        offset = METRES * spot + np.random.default_rng(index).normal(0, noise, 3)
        points.append(ControlPoint(f"p{index}", degrees_at(offset), tuple(sightings)))
    return points


def degrees_at(metres: NDArray[np.float64]) -> tuple[float, float, float]:
    """East, north, up of ORIGIN as latitude, longitude and height."""
    found = pycolmap.GPSTransform().enu_to_ellipsoid(metres[None], *ORIGIN)[0]
    return float(found[0]), float(found[1]), float(found[2])


def fitted(points: list[ControlPoint] | None = None, **options: float) -> tuple[ControlFit, list[ControlPoint]]:
    model = a_model(survey_poses(11), np.zeros((0, 3)))
    points = measured(model, **options) if points is None else points  # type: ignore[arg-type]
    return fit_control(model, photos(model), points), points


def test_points_tell_scale_and_place() -> None:
    fit, points = fitted()
    assert fit.found is not None
    assert fit.found.metres_from_model.scale == pytest.approx(METRES, rel=1e-6)
    expected = np.array([np.asarray(each) for each in local_positions([point.place for point in points])])
    assert np.abs(fit.found.metres_from_model.points(SPOTS) - expected).max() < 1e-3
    assert fit.found.points == 5 and fit.found.residual_metres < 1e-3
    assert fit.note.startswith("5 ground control points fit to 0.000 m")


def test_what_is_left_is_the_noise_of_the_measurement() -> None:
    fit, _ = fitted(noise=0.05)
    assert fit.found is not None and 0.02 < fit.found.residual_metres < 0.1


def test_a_point_that_is_named_wrongly_leaves_control_out_and_says_which() -> None:
    _, points = fitted()
    wrong = ControlPoint("p1", points[3].place, points[1].sightings)
    fit, _ = fitted([points[0], wrong, *points[2:]])
    assert fit.found is None and "does not fit" in fit.note and "p1" in fit.note


def test_too_few_points_and_points_on_a_line_are_left_out() -> None:
    _, points = fitted()
    assert fitted(points[:2])[0].found is None
    line = np.array([[1, 0, 0], [4, 0, 0], [9, 0, 0]], float)
    model = a_model(survey_poses(11), np.zeros((0, 3)))
    fit = fit_control(model, photos(model), measured(model, spots=line))
    assert fit.found is None and "on one line" in fit.note


def test_a_point_in_one_photo_does_not_count() -> None:
    _, points = fitted()
    single = ControlPoint(points[0].name, points[0].place, points[0].sightings[:1])
    fit, _ = fitted([single, *points[1:]])
    assert fit.found is not None and fit.found.points == 4


UTM = """WGS84 UTM 15N
# a comment
576700.10 5188100.20 157.5 1200.5 800.25 DJI_001.png north-corner
576700.10\t5188100.20\t157.5\t400\t30\tDJI_002.png\tnorth-corner
576720 5188130 158 12 13 DJI_001.png
576720 5188130 158 14 15 unknown.png
not a line
"""


def test_a_list_of_opendronemap_is_read(tmp_path: Path) -> None:
    path = tmp_path / "gcp_list.txt"
    path.write_text(UTM)
    found = read_control_points(path, ["flight/DJI_001.png", "flight/DJI_002.png"])
    corner, other = found.points
    assert corner.name == "north-corner" and other.name == "576720 5188130"
    assert corner.sightings == (("flight/DJI_001.png", 1200.5, 800.25), ("flight/DJI_002.png", 400, 30))
    longitude, latitude = transform("EPSG:32615", "EPSG:4326", [576700.10], [5188100.20])[:2]
    assert corner.place == pytest.approx((latitude[0], longitude[0], 157.5), abs=1e-8)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("EPSG:2056\n1 2 3 4 5 a.png\n", "names no coordinates"), ("EPSG:4326\n1 2 3 4 5 b.png\n", "no line for a photo")],
)
def test_a_list_that_is_not_used_says_why(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "gcp_list.txt").write_text(text)
    found = read_control_points(tmp_path / "gcp_list.txt", ["a.png"])
    assert not found.points and problem in found.problem


def test_without_a_list_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert read_control_points(tmp_path / "gcp_list.txt", ["a.png"]) == ControlPoints()


def test_a_georeference_by_control_leads_from_the_settled_world() -> None:
    fit, _ = fitted()
    assert fit.found is not None
    settled = Similarity(0.1, np.eye(3), np.array([1.0, 2.0, 3.0]))
    place = by_control(replace(UNPOSED, world_from_model=settled), fit.found)
    matrix = np.array(place.metres_from_world)
    in_world = settled.points(SPOTS)
    there = in_world @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.abs(there - fit.found.metres_from_model.points(SPOTS)).max() < 1e-6
    assert place.control_points == 5
