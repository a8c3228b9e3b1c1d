"""Learned features: a strategy for photos that are farther apart than others can bridge, where they are installed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.poses import learned_features, match_learned
from reconstruction_worker.poses.learned_features import LearnedFeatures, LearnedMatcher, likely_partners
from reconstruction_worker.poses.strategies import ladder
from reconstruction_worker.stages import poses

from .scenes import ball_photos, poses_context, write_ingest
from .test_hard_sets import placed, ring

FAR_APART = ring(np.linspace(-85, 85, 7).tolist(), (-8.0, 10.0))
"""Ten degrees more between neighbours than affine features bridge."""


def strategies_of(workspace: Path) -> dict[str, dict]:
    registration = json.loads((workspace / "poses" / "registration.json").read_text())
    return {each["strategy"]: each for each in registration["strategies"]}


def test_photos_that_other_features_do_not_place(tmp_path: Path) -> None:
    registration, error = placed(tmp_path, ball_photos(FAR_APART), FAR_APART)
    assert registration["strategy"] == "learned features"
    assert registration["registered"] == len(FAR_APART)
    assert error <= 0.01
    assert strategies_of(tmp_path)["distorted"]["registered"] <= 5
    assert "rich features" not in strategies_of(tmp_path)


def test_they_come_before_the_costly_strategies() -> None:
    names = [step.name for step in ladder(known_focals=False, masked=True)]
    assert names.index("distorted") < names.index("learned features") < names.index("rich features")


def test_without_the_extra_the_job_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned_features, "PACKAGES", ("numpy", "a_package_that_nobody_has"))
    write_ingest(tmp_path, ball_photos(ring([-60, -40, -20, 120, 140, 160], (-8.0, 10.0))))
    with pytest.raises(ReconstructionError) as caught:
        poses.run(poses_context(tmp_path, minRegisteredPercent=100)[0])
    assert caught.value.code == "LowRegistration"
    assert "strategy learned features was left out: the worker was installed without" in caught.value.message
    assert "'learned'" in caught.value.message


def test_how_partners_were_chosen_is_recorded() -> None:
    limit = match_learned.EVERY_PAIR_UP_TO
    assert [match_learned.learned_pairing(count) for count in (limit, limit + 1)] == ["exhaustive", "alike"]


def unit_vectors(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 128))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_partners_of_a_large_set_are_those_that_share_features() -> None:
    places = [unit_vectors(20, seed) for seed in range(12)]
    features = [
        LearnedFeatures(np.zeros((40, 2), np.float32), np.concatenate([places[i], places[(i + 1) % 12]]), (100, 100))
        for i in range(12)
    ]
    ring_of_neighbours = {tuple(sorted((i, (i + 1) % 12))) for i in range(12)}
    assert set(likely_partners(features, 3)) == ring_of_neighbours
    assert likely_partners(features, 3) == sorted(ring_of_neighbours)


def test_photos_without_features_have_no_partners() -> None:
    nothing = LearnedFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), (100, 100))
    assert likely_partners([nothing, nothing], 8) == []


def test_what_a_mask_hides_and_its_outline_bear_no_features(tmp_path: Path) -> None:
    """The photo's border, where the object goes on, is no outline."""
    Image.fromarray(np.array([[0, 255]], np.uint8).repeat(50, 1).repeat(40, 0)).save(tmp_path / "mask.png")
    points = np.array([[10, 10], [51, 20], [90, 10], [99.6, 39.7]], np.float32)
    found = LearnedFeatures(points, unit_vectors(4, 0), (100, 40))
    assert match_learned._visible(found, tmp_path / "mask.png").points.tolist() == points[2:].tolist()


def test_a_picture_without_anything_in_it_matches_nothing() -> None:
    networks = LearnedMatcher()
    nothing = networks.find(np.full((80, 120, 3), 128, np.uint8))
    ball = networks.find(np.asarray(ball_photos(FAR_APART[:1])["ball-00.png"].convert("RGB")))
    assert nothing.size == (120, 80)
    assert len(ball.points) > 50 and ball.points.max() < 240
    assert len(networks.match(nothing, ball)) <= 1
