"""The benchmark of camera poses: its scenes, and what it concludes from figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.camera_poses import __main__ as bench
from bench.camera_poses.attempt import EARLIER, OURS, PEER
from bench.camera_poses.hall import HALL, Hall, around_hall, intrinsics
from bench.camera_poses.rows import Row, bars, position_errors
from bench.camera_poses.scenes import SCENES, spiral
from PIL import Image

FAR_APART = Row(
    scene="far-apart",
    method=OURS,
    photos=7,
    placed=7,
    error_percent=0.5,
    right=7,
    strategy="learned features",
    seconds=20.0,
    cpu_seconds=30.0,
    peak_rss_mib=1100.0,
    load_average=0.5,
)


def test_every_scene_is_told_apart_by_its_name() -> None:
    assert len({scene.name for scene in SCENES}) == len(SCENES)
    assert all(len(scene.title) < 60 for scene in SCENES)


@pytest.mark.parametrize("name", ["far-apart", "forward"])
def test_rendered_scenes_show_something_everywhere(name: str, tmp_path: Path) -> None:
    scene = next(each for each in SCENES if each.name == name)
    poses = scene.write(tmp_path)
    assert poses is not None and sorted(poses) == sorted(path.name for path in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        assert np.asarray(Image.open(path).convert("L")).std() > 20, path.name


def test_a_spiral_has_neighbours_that_overlap() -> None:
    eyes = np.array([view.camera_to_world[:3, 3] for view in spiral(100, 64)])
    assert np.linalg.norm(np.diff(eyes, axis=0), axis=1).max() < 0.6


def test_a_place_in_the_hall_has_the_same_colour_in_all_photos() -> None:
    hall, width = Hall(pixels_per_metre=40), 320
    lens = intrinsics(width)
    wall = np.random.default_rng(0).uniform([HALL[1, 0], *HALL[0, 1:]], HALL[1], (4000, 3))
    seen = []
    for pose in around_hall(40)[20:22]:
        local = (wall - pose[:3, 3]) @ pose[:3, :3]
        column = lens["cx"] - lens["fl_x"] * local[:, 0] / local[:, 2]
        row = lens["cy"] + lens["fl_y"] * local[:, 1] / local[:, 2]
        inside = (local[:, 2] < -0.5) & (column > 0) & (column < width) & (row > 0) & (row < lens["h"])
        colours = np.zeros((len(wall), 3))
        colours[inside] = hall.photograph(pose, width)[row[inside].astype(int), column[inside].astype(int)]
        seen.append((inside, colours))
    both = seen[0][0] & seen[1][0]
    assert both.sum() > 500
    assert np.median(np.abs(seen[0][1] - seen[1][1])[both]) < 12
    assert np.median(np.abs(seen[0][1][both] - np.roll(seen[1][1][both], 1, axis=0))) > 30


def test_given_poses_are_measured_beside_how_they_were_handled() -> None:
    scene = next(scene for scene in SCENES if scene.name == "given-400")
    assert bench.methods(scene) == (OURS, EARLIER)
    ours = replace(FAR_APART, scene="given-400", photos=400, placed=400, seconds=50.0, cpu_seconds=90.0)
    found = {bar.what.partition(": ")[2]: bar for bar in bars([ours, replace(ours, method=EARLIER, cpu_seconds=225.0)])}
    assert found["at most 50% of the processor time that it took earlier"].found == "40%"
    assert found["120 s of processor time"].met


def test_errors_are_those_that_no_similarity_explains() -> None:
    truth = {f"{index}": np.array([index, index % 3, index % 2], float) for index in range(6)}
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    found = {name: (5 * turn @ place + 2).tolist() for name, place in truth.items()}
    assert max(position_errors(found, truth)) == pytest.approx(0, abs=1e-9)
    found["3"][0] += 1.0
    assert 1 < max(position_errors(found, truth)) < 5
    assert position_errors({"0": [0, 0, 0]}, truth) == []


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, []),
        ({"placed": 5, "right": 5}, ["not fewer photos", "90% of the photos"]),
        ({"right": 6}, ["90% of the photos"]),
        ({"peak_rss_mib": 5000.0}, ["at most 4 GiB"]),
    ],
)
def test_figures_are_held_against_the_bars(changes: dict, missed: list[str]) -> None:
    peer = replace(FAR_APART, method=PEER, placed=6, right=6)
    found = [bar.what for bar in bars([replace(FAR_APART, **changes), peer]) if not bar.met]
    assert len(found) == len(missed)
    assert all(words in what for words, what in zip(missed, found, strict=True))


def test_the_table_has_a_line_for_each_row_and_each_bar() -> None:
    unknown = replace(FAR_APART, scene="lund-third", error_percent=None, right=None)
    text = bench.table([FAR_APART, unknown])
    assert "| seven photos 28 degrees apart | recon | 7 of 7 | 0.50 % |" in text
    assert "| 7 of 7 | not known |" in text
    assert "- ✓ far-apart: 90% of the photos within 1 % of the extent: **7 of 7**" in text
