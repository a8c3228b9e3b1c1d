"""Rays meet a mesh at the same places, whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from reconstruction_worker import compiled
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster


def a_ball() -> Caster:
    ball = trimesh.creation.icosphere(4, radius=2.0)
    return Caster(Mesh(np.asarray(ball.vertices, np.float64), np.asarray(ball.faces, np.int32)))


def directions(count: int) -> np.ndarray:
    found = np.random.default_rng(0).normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_rays_from_the_middle_meet_the_ball() -> None:
    hits = a_ball().cast(np.zeros(3), directions(5000))
    assert hits.hit.all()
    assert np.allclose(hits.distance, 2, atol=0.02)
    assert np.allclose(hits.weights.sum(axis=1), 1, atol=1e-5)


def test_rays_that_miss_are_infinite() -> None:
    hits = a_ball().cast(np.array([0.0, 0, 5]), np.array([[0.0, 0, 1], [0, 0, -1]]))
    assert hits.hit.tolist() == [False, True]
    assert hits.distance[0] == np.inf
    assert hits.distance[1] == pytest.approx(3, abs=0.02)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for threads in ("1", "4"):
        monkeypatch.setenv("NUMBA_NUM_THREADS", threads)
        compiled._pool.cache_clear()
        found.append(a_ball().cast(np.array([0.1, 0.2, 0.3]), directions(20_001)))
    compiled._pool.cache_clear()
    assert np.array_equal(found[0].distance, found[1].distance)
    assert np.array_equal(found[0].face, found[1].face)
    assert np.array_equal(found[0].weights, found[1].weights)
