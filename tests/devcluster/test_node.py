"""One node a machine: who may take its parts away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devcluster import node
from devcluster.processes import remember


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that would change the machine, instead of the changes."""
    monkeypatch.setenv("KUBE_CACHE", str(tmp_path))
    issued: list[str] = []

    def note(*command: object) -> bool:
        issued.append(" ".join(map(str, command)))
        return True

    monkeypatch.setattr(node, "succeeds", note)
    monkeypatch.setattr(node, "_remove_control_groups", lambda: None)
    return issued


def _crashed_cluster(home: Path, name: str) -> Path:
    root = home / "clusters" / name
    root.mkdir(parents=True)
    (root / "containerd.toml").touch()
    return root


def test_stopping_the_node_takes_its_bridges_away(tmp_path: Path, commands: list[str]) -> None:
    node.stop(_crashed_cluster(tmp_path, "old"))
    assert f"ip link delete {node.NODE_BRIDGE}" in commands


def test_clearing_up_a_crashed_cluster_leaves_the_next_one_its_bridges(tmp_path: Path, commands: list[str]) -> None:
    old = _crashed_cluster(tmp_path, "old")
    new = tmp_path / "clusters" / "new"
    new.mkdir()
    remember(new / node.CLAIM, os.getpid())
    node.stop(old)
    assert commands == []
