import random
from pathlib import Path

import numpy as np
import pytest
import torch

from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.engines.training.checkpoint_store import (
    CheckpointStore,
    load_checkpoint,
    random_state,
    restore_random_state,
)


def store(folder: Path, *steps: int, keep: int = 3) -> CheckpointStore:
    result = CheckpointStore(folder, keep)
    for step in steps:
        result.save(step, {"model": {"weight": torch.full((100,), float(step))}})
    return result


def loaded_step(checkpoints: CheckpointStore) -> int | None:
    state = checkpoints.load_latest()
    return None if state is None else state["step"]


def test_the_latest_checkpoint_is_loaded(tmp_path: Path) -> None:
    state = store(tmp_path, 100, 1000, 200).load_latest()
    assert state is not None
    assert state["step"] == 1000
    assert float(state["model"]["weight"][0]) == 1000


def test_only_the_latest_are_kept_with_their_checksums(tmp_path: Path) -> None:
    store(tmp_path, 1, 2, 3, 4, keep=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-000003.ckpt",
        "step-000003.ckpt.sha256",
        "step-000004.ckpt",
        "step-000004.ckpt.sha256",
    ]


@pytest.mark.parametrize("damage", ["truncated", "one bit", "no checksum", "empty"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, damage: str) -> None:
    checkpoints = store(tmp_path, 10, 20)
    file = tmp_path / "step-000020.ckpt"
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[: len(data) // 2])
    elif damage == "one bit":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    elif damage == "no checksum":
        (tmp_path / "step-000020.ckpt.sha256").unlink()
    else:
        file.write_bytes(b"")
    assert loaded_step(checkpoints) == 10
    with pytest.raises(ReconstructionError, match=r"step-000020\.ckpt is damaged"):
        load_checkpoint(file)


def test_with_every_checkpoint_damaged_there_is_none(tmp_path: Path) -> None:
    checkpoints = store(tmp_path, 10, 20)
    for file in checkpoints.files():
        file.write_bytes(b"x")
    assert loaded_step(checkpoints) is None


def test_a_checkpoint_half_written_when_the_process_was_killed_is_not_seen(tmp_path: Path) -> None:
    checkpoints = store(tmp_path, 10)
    (tmp_path / "step-000020.tmp").write_bytes(b"half")
    (tmp_path / "step-000020.ckpt.sha256").write_text("0" * 64)
    assert loaded_step(checkpoints) == 10


def test_leftovers_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    checkpoints = store(tmp_path, 10, 20)
    checkpoints.save_result({"model": {}})
    whole = {path.name for path in tmp_path.iterdir()}
    for name in ("step-000030.tmp", "result.tmp", ".step-000030.ckpt.sha256.17.tmp", "step-000030.ckpt.sha256"):
        (tmp_path / name).write_text("half")
    checkpoints.remove_leftovers()
    assert {path.name for path in tmp_path.iterdir()} == whole
    assert loaded_step(checkpoints) == 20
    CheckpointStore(tmp_path / "nowhere", 1).remove_leftovers()


@pytest.mark.parametrize(("saved", "restored"), [(0, False), (1, True), (2, False)])
def test_random_numbers_of_gpus_continue_where_there_are_as_many(
    saved: int, restored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[object] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", given.append)
    restore_random_state(random_state() | {"cuda": [torch.zeros(16, dtype=torch.uint8)] * saved})
    assert bool(given) is restored


def test_random_numbers_continue_where_they_were_saved(tmp_path: Path) -> None:
    def draw() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(1)), float(np.random.normal())]

    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    draw()
    state = random_state()
    expected = draw()
    CheckpointStore(tmp_path, 1).save(1, {"random": state})
    restore_random_state(load_checkpoint(tmp_path / "step-000001.ckpt")["random"])
    assert draw() == expected
