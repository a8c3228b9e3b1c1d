"""What the benchmark of splats concludes from figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bench.page import begin_of, end_of
from bench.splats_scaling import NAME, PAGE, Row, draw, table

from reconstruction_worker.cpus import available_cpus

ROW = Row(
    photos=100,
    side=960,
    steps=400,
    gaussians=20_000,
    seconds=60.0,
    cpu_seconds=40.0,
    peak_rss_mib=1400.0,
    frame_cpu_ms=50.0 * available_cpus(),
    machine={},
)


def test_a_row_has_the_cost_of_a_step() -> None:
    assert "| 100 of 960 x 960 | 400 | 20,000 | 60 s / 40 s | 100 ms | 1400 MiB |" in table([ROW])


@pytest.mark.parametrize(
    ("row", "met"),
    [
        (ROW, True),
        (replace(ROW, peak_rss_mib=1600.0), False),
        (replace(ROW, frame_cpu_ms=70.0 * available_cpus()), False),
    ],
)
def test_memory_and_frames_have_a_limit(row: Row, met: bool) -> None:
    assert ("\u2717" not in table([row])) is met


def test_more_photos_may_take_more_memory() -> None:
    assert "\u2717" not in table([ROW, replace(ROW, photos=200, peak_rss_mib=2000.0)])


def test_the_picture_has_photos_of_one_size(tmp_path: Path) -> None:
    draw([replace(ROW, photos=50, side=480), replace(ROW, side=480), ROW], tmp_path / "splats.svg")
    assert "looks at each photo of 480 x 480" in (tmp_path / "splats.svg").read_text().replace("<!-- ", "").replace(
        " -->", ""
    )


def test_the_page_has_a_place_for_the_table() -> None:
    text = PAGE.read_text()
    assert text.index(begin_of(NAME)) < text.index(end_of(NAME))
