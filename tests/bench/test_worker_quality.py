"""The worker's benchmark: its scenes, its sharing of time, and what it concludes from figures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.worker_quality import peer, report, rows
from bench.worker_quality.bars import bars
from bench.worker_quality.clock import Clock
from bench.worker_quality.peer_settings import settings_for
from bench.worker_quality.rows import OURS, OURS_QUARTER, PEER, SPLATS, Row
from bench.worker_quality.scenes import SCENES, dataset
from bench.worker_quality.synthetic import write_object
from PIL import Image

OBJECT = Row(
    scene="object",
    method=OURS,
    seconds=98.0,
    psnr=30.5,
    ssim=0.97,
    peak_rss_mib=900.0,
    registered=38,
    images=38,
    cpu_seconds=190.0,
    steps=1200,
    held_out=6,
)


def test_the_object_is_seen_whole_and_from_where_its_poses_say(tmp_path: Path) -> None:
    write_object(tmp_path / "photos", size=64, train=4, held_out=2)
    document = json.loads((tmp_path / "photos" / "transforms.json").read_text())
    assert len(document["train_filenames"]) == 4 and len(document["test_filenames"]) == 2
    for frame in document["frames"]:
        pixels = np.asarray(Image.open(tmp_path / "photos" / frame["file_path"]))
        alpha = pixels[..., 3]
        assert pixels.shape == (64, 64, 4)
        assert 0.2 < (alpha > 127).mean() < 0.7
        assert not alpha[[0, -1]].any() and not alpha[:, [0, -1]].any()
        # The world's origin, inside the block and the ball, is in the middle of the picture: cameras look along -z.
        pose = np.array(frame["transform_matrix"])
        local = np.linalg.inv(pose) @ [0, 0, 0, 1]
        assert abs(local[0]) < 1e-6 and abs(local[1]) < 1e-6 and local[2] < 0
        assert alpha[32, 32] == 255
    elevations = [np.array(frame["transform_matrix"])[2, 3] for frame in document["frames"]]
    assert min(elevations) < 0 < max(elevations)


def test_scenes_have_names_of_their_own_and_missing_photos_are_told_apart() -> None:
    assert len({scene.name for scene in SCENES}) == len(SCENES)
    assert dataset("no-such-set")() is None


def test_nerfstudio_gets_the_same_photos_and_holds_out_the_same_ones(tmp_path: Path) -> None:
    (tmp_path / "poses").mkdir()
    (tmp_path / "train").mkdir()
    frames = [{"file_path": f"poses/images/{name}.png", "transform_matrix": []} for name in "abcd"]
    transforms = {"fl_x": 1.0, "frames": frames, "scene": {"kind": "open"}}
    (tmp_path / "poses" / "transforms.json").write_text(json.dumps(transforms))
    (tmp_path / "train" / "split.json").write_text(json.dumps({"train": ["a.png", "d.png"], "eval": ["c.png"]}))
    found = peer.transforms(tmp_path)
    images = tmp_path / "poses" / "images"
    assert found["train_filenames"] == [str(images / "a.png"), str(images / "d.png")]
    assert found["val_filenames"] == found["test_filenames"] == [str(images / "c.png")]
    assert [Path(frame["file_path"]).name for frame in found["frames"]] == ["a.png", "c.png", "d.png"]


def test_an_object_is_given_its_planes_and_an_open_scene_is_not() -> None:
    found = settings_for({"kind": "bounded", "near": 1.5, "far": 4.0})
    assert (found["near"], found["far"], found["contraction"]) == (1.5, 4.0, False)
    assert settings_for({"kind": "open", "near": 1.5, "far": 4.0})["contraction"] is True


def test_time_is_up_when_both_clocks_are() -> None:
    moments = {"wall": 5.0, "cpu": 1.0}
    clock = Clock(10.0, 20.0, now=lambda: moments["wall"], cpu_now=lambda: moments["cpu"])
    assert clock.share == 0
    clock.start()
    moments["wall"], moments["cpu"] = 25.0, 11.0
    assert clock.share == pytest.approx(0.5)
    clock.start()
    moments["cpu"] = 30.0
    assert clock.share == 1
    assert clock.passed == (20.0, 29.0)


def test_of_several_runs_the_median_of_each_figure_counts() -> None:
    runs = [replace(OBJECT, psnr=psnr, seconds=seconds) for psnr, seconds in ((30.0, 90.0), (32.0, 99.0), (31.0, 80.0))]
    found = rows.of_runs(runs)
    assert (found.psnr, found.seconds, found.steps, found.runs) == (31.0, 90.0, 1200, 3)
    assert found.whole_seconds is None


def test_a_scene_measured_again_replaces_its_rows_only(tmp_path: Path) -> None:
    old = [OBJECT, replace(OBJECT, method=PEER), replace(OBJECT, scene="demo")]
    found = rows.merged(old, [replace(OBJECT, psnr=31.0)])
    assert [(row.scene, row.method, row.psnr) for row in found] == [
        ("object", OURS, 31.0),
        ("object", PEER, 30.5),
        ("demo", OURS, 30.5),
    ]
    rows.write(tmp_path / "worker.json", found)
    assert rows.read(tmp_path / "worker.json") == found


@pytest.mark.parametrize(
    ("ours", "quarter", "met"), [(30.0, 27.9, True), (29.9, 28.0, True), (29.9, 27.9, False), (27.0, 28.5, True)]
)
def test_two_decibels_or_a_quarter_of_the_time(ours: float, quarter: float, met: bool) -> None:
    figures = [
        replace(OBJECT, scene="demo", psnr=ours),
        replace(OBJECT, scene="demo", method=OURS_QUARTER, psnr=quarter),
        replace(OBJECT, scene="demo", method=PEER, psnr=28.0),
    ]
    (found,) = bars(figures)
    assert found.met is met


def test_each_absolute_bar_can_be_missed() -> None:
    assert [bar.met for bar in bars([OBJECT])] == [True]
    for worse in (replace(OBJECT, psnr=29.4), replace(OBJECT, seconds=120.0), replace(OBJECT, peak_rss_mib=1600.0)):
        assert [bar.met for bar in bars([worse])] == [False]
        sooner = replace(OBJECT, method=OURS_QUARTER, psnr=29.6, seconds=26.0)
        assert [(bar.met, bar.found) for bar in bars([sooner, worse])] == [(True, "29.60 dB in 26 s and 900 MiB")]
    lund = replace(
        OBJECT,
        scene="lund",
        registered=27,
        images=29,
        reprojection_error_px=0.6,
        poses_peak_rss_mib=700.0,
        poses_seconds=50.0,
    )
    assert [bar.met for bar in bars([lund])] == [True]
    for worse in (
        replace(lund, registered=26),
        replace(lund, reprojection_error_px=1.2),
        replace(lund, poses_peak_rss_mib=2100.0),
    ):
        assert [bar.met for bar in bars([worse])] == [False]


@pytest.mark.parametrize(("cpu_seconds", "psnr", "met"), [(50.0, 33.4, True), (50.0, 33.2, False), (80.0, 34.0, False)])
def test_splats_have_a_time_and_a_quality_of_their_own(cpu_seconds: float, psnr: float, met: bool) -> None:
    (found,) = bars([replace(OBJECT, scene="demo", method=SPLATS, psnr=psnr, cpu_seconds=cpu_seconds)])
    assert found.met is met


@pytest.mark.parametrize(("psnr", "met"), [(17.96, True), (17.95, False)])
def test_elsewhere_splats_are_held_against_nerfacto_in_the_same_time(psnr: float, met: bool) -> None:
    nerfacto = replace(OBJECT, scene="drone", method=OURS_QUARTER, psnr=17.96)
    (found,) = bars([nerfacto, replace(nerfacto, method=SPLATS, psnr=psnr)])
    assert found.met is met


def test_the_tables_say_what_was_measured_and_what_was_missed(tmp_path: Path) -> None:
    drone = replace(
        OBJECT,
        scene="drone",
        registered=17,
        images=18,
        reprojection_error_px=0.55,
        poses_peak_rss_mib=700.0,
        poses_seconds=50.0,
    )
    text = report.tables([OBJECT, replace(OBJECT, method=PEER, psnr=27.0), drone])
    assert "| 98 s / 190 s | 1200 | 30.50 dB | 0.970 | 900 MiB |" in text
    assert "17 of 18" in text and "0.55 px" in text
    assert "✓ object: 2 dB better" in text and "✗ drone: 18 of 18" in text
    assert report.NAME in report.PAGE.read_text()
