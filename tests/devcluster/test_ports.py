"""Clusters that start at the same time do not get in each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from devcluster import control_plane
from devcluster.cluster import DEFAULT_PORT, PORT, PORT_STEP, free_port


def test_a_port_that_another_cluster_has_chosen_is_left_to_it_although_nothing_listens_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBE_CACHE", str(tmp_path))
    monkeypatch.setattr(control_plane, "ports_are_free", lambda port: True)
    starting = tmp_path / "clusters" / "starting"
    starting.mkdir(parents=True)
    (starting / PORT).write_text(str(DEFAULT_PORT))
    assert free_port() == DEFAULT_PORT + PORT_STEP
