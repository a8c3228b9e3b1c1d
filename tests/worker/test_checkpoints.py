"""The training's checkpoints as the operator hears of them."""

from __future__ import annotations

from pathlib import Path

from reconstruction_worker.checkpoints import SHOWN, checkpoints_in


def write(workspace: Path, step: int, checksum: bool = True) -> None:
    folder = workspace / "train" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"step-{step:06d}.ckpt").write_bytes(b"x" * step)
    if checksum:
        (folder / f"step-{step:06d}.ckpt.sha256").write_text(f"{step:064d}\n")


def test_the_latest_whole_checkpoints_are_told_with_step_size_and_checksum(tmp_path: Path) -> None:
    for step in range(10, 10 * SHOWN + 20, 10):
        write(tmp_path, step)
    told = checkpoints_in(tmp_path)
    assert [each.step for each in told] == list(range(20, 10 * SHOWN + 20, 10))
    assert (told[0].name, told[0].size_bytes) == ("train/checkpoints/step-000020.ckpt", 20)
    assert told[0].sha256 == f"{20:064d}"


def test_one_that_is_being_written_is_not(tmp_path: Path) -> None:
    write(tmp_path, 10, checksum=False)
    (tmp_path / "train" / "checkpoints" / "step-000020.tmp").write_bytes(b"x")
    assert checkpoints_in(tmp_path) == []


def test_a_workspace_without_training_has_none(tmp_path: Path) -> None:
    assert checkpoints_in(tmp_path) == []
