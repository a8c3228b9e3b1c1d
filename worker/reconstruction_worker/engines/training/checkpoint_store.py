"""Checkpoints that survive a kill at any moment: written under another name, synced, renamed, and checked when read."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reconstruction_api.errors import ReconstructionError

from ...files import sha256_of, sync_folder, write_atomically

FORMAT = 3
_NAME = re.compile(r"step-(\d{6,})\.ckpt")
_RESULT = "result.ckpt"


class CheckpointStore:
    """The folder `checkpoints/` of a training: `step-NNNNNN.ckpt`, each beside its `.sha256`, or what is left of them
    when it has ended: `result.ckpt`."""

    def __init__(self, folder: Path, keep: int):
        self.folder = folder
        self.keep = keep

    def save(self, step: int, state: dict[str, Any], best: int | None = None) -> Path:
        """Write a checkpoint, then remove all but the latest `keep` and the one of step `best`. `state` holds tensors
        and plain data only."""
        file = self._write(self.file(step), {"step": step, **state})
        self._prune(best)
        return file

    @property
    def result(self) -> Path:
        """Where the result is that is no checkpoint: no training continues from it."""
        return self.folder / _RESULT

    def save_result(self, state: dict[str, Any]) -> Path:
        """Write it; the checkpoints stay until `remove_checkpoints`."""
        return self._write(self.result, state)

    def remove_checkpoints(self) -> None:
        for file in self.files():
            _remove(file)

    def remove_result(self) -> None:
        """That of an earlier training, if there is one."""
        _remove(self.result)

    def remove_leftovers(self) -> None:
        """What a process left that was killed while it wrote or removed a file: halves of files, and checksums without
        one. Nobody else may be writing."""
        for part in self.folder.glob("*.tmp"):
            part.unlink()
        for checksum in self.folder.glob("*.ckpt.sha256"):
            if not checksum.with_suffix("").exists():
                checksum.unlink()

    def file(self, step: int) -> Path:
        """Where the checkpoint of a step is, or would be."""
        return self.folder / f"step-{step:06d}.ckpt"

    def has(self, step: int) -> bool:
        """Whether there is a checkpoint of that step; it may be damaged."""
        return self.file(step).exists()

    def files(self) -> list[Path]:
        """Checkpoints from the oldest to the newest."""
        found = [(int(match[1]), path) for path in self.folder.glob("*.ckpt") if (match := _NAME.fullmatch(path.name))]
        return [path for _, path in sorted(found)]

    def load_latest(self) -> dict[str, Any] | None:
        """The newest checkpoint that is whole; damaged ones are passed over. None when there is none."""
        for file in reversed(self.files()):
            try:
                return load_checkpoint(file)
            except ReconstructionError:
                continue
        return None

    def _write(self, file: Path, state: dict[str, Any]) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(".tmp")
        with temporary.open("wb") as stream:
            torch.save({"format": FORMAT, **state}, stream)
            stream.flush()
            os.fsync(stream.fileno())
        # The checksum comes first: a checkpoint without one counts as damaged.
        write_atomically(_checksum_file(file), sha256_of(temporary) + "\n")
        temporary.replace(file)
        sync_folder(self.folder)
        return file

    def _prune(self, best: int | None) -> None:
        kept = self.file(best) if best is not None else None
        for file in self.files()[: -self.keep]:
            if file != kept:
                _remove(file)


def load_checkpoint(file: Path, device: str = "cpu") -> dict[str, Any]:
    """Read and check one checkpoint; raises CheckpointIncompatible when it is damaged or of another format."""
    damaged = ReconstructionError("CheckpointIncompatible", f"The checkpoint {file.name} is damaged or incomplete.")
    try:
        if _checksum_file(file).read_text().strip() != sha256_of(file):
            raise damaged
        state = torch.load(file, map_location=device, weights_only=True)
    except (OSError, RuntimeError, EOFError) as error:
        raise damaged from error
    if state.get("format") != FORMAT:
        raise ReconstructionError(
            "CheckpointIncompatible", f"The checkpoint {file.name} was written by another version of the worker."
        )
    return state


def random_state() -> dict[str, Any]:
    """State of every global random generator, as tensors and plain data."""
    numpy_state = np.random.get_state(legacy=False)
    version, internal, spare = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "numpy": {**numpy_state, "state": {**numpy_state["state"], "key": numpy_state["state"]["key"].tolist()}},
        "python": [version, list(internal), spare],
    }


def restore_random_state(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["torch"].cpu())
    if state["cuda"] and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([tensor.cpu() for tensor in state["cuda"]])
    numpy_state = state["numpy"]
    key = np.array(numpy_state["state"]["key"], np.uint32)
    np.random.set_state({**numpy_state, "state": {**numpy_state["state"], "key": key}})
    version, internal, spare = state["python"]
    random.setstate((version, tuple(internal), spare))


def _remove(file: Path) -> None:
    file.unlink(missing_ok=True)
    _checksum_file(file).unlink(missing_ok=True)


def _checksum_file(file: Path) -> Path:
    return file.with_suffix(".ckpt.sha256")
