"""Whenever the worker is killed while it writes results: who reads the manifest finds every file in it, and each whole.

`RECONSTRUCTION_INTERRUPTIONS_SEED` repeats a choice of moments, `RECONSTRUCTION_INTERRUPTIONS` says how many.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path

import pytest

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_worker.files import empty_folder, sha256_of
from reconstruction_worker.stage import folder_of
from reconstruction_worker.stages import export, report

from ..report.workspaces import context_of, finished, spec_with

MOMENTS = int(os.environ.get("RECONSTRUCTION_INTERRUPTIONS", "10"))
SEED = int(os.environ.get("RECONSTRUCTION_INTERRUPTIONS_SEED", str(random.randrange(10**6))))
STAGES = ((StageName.EXPORT, export.run), (StageName.REPORT, report.run))


def again_and_again(workspace: Path, specs: list[ReconstructionJobSpec]) -> None:
    """Results of one spec after the other, until killed."""
    while True:
        for spec in specs:
            once(workspace, spec)


def once(workspace: Path, spec: ReconstructionJobSpec) -> None:
    """Results of a spec, as the executor has stages make them."""
    for stage, run in STAGES:
        empty_folder(folder_of(workspace, stage))
        run(context_of(stage, workspace, spec))


def listed(artifacts: Path) -> dict[str, str] | None:
    """Checksums by name of what the manifest lists; None where there is no manifest."""
    path = artifacts / "manifest.json"
    if not path.exists():
        return None
    return {file["name"]: file["sha256"] for file in json.loads(path.read_text())["artifacts"]}


@pytest.mark.timeout(1200)
def test_a_manifest_lists_only_files_that_are_there_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconstruction_worker.report.preview.PANEL", 60)
    finished(tmp_path, "GLB", "OBJ")
    specs = [spec_with("GLB", "OBJ", "FBX"), spec_with("GLTF", "PLY", "STL", "USDZ")]
    once(tmp_path, specs[1])  # whatever is compiled or loaded the first time
    started = time.monotonic()
    once(tmp_path, specs[1])
    seconds = time.monotonic() - started
    moments, seen, tried = random.Random(SEED), 0, 0
    while tried < MOMENTS or not seen:
        tried += 1
        process = multiprocessing.get_context("fork").Process(target=again_and_again, args=(tmp_path, specs))
        process.start()
        process.join(moments.uniform(0, 2 * seconds * (1 + tried // MOMENTS)))  # a machine may have become slower
        assert process.pid is not None and process.exitcode is None, "it ran into an error"
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        artifacts = folder_of(tmp_path, StageName.REPORT)
        promised = listed(artifacts)
        if promised is not None:
            seen += 1
            found = {name: sha256_of(artifacts / name) for name in promised if (artifacts / name).exists()}
            assert found == promised, f"seed {SEED}"


def test_a_folder_is_emptied_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "artifacts"
    folder.mkdir()
    for name in ("manifest.json", "model.glb"):
        (folder / name).touch()

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reconstruction_worker.files.shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        empty_folder(folder)
    assert list(folder.iterdir()) == []
    monkeypatch.undo()
    empty_folder(folder)
    assert list(tmp_path.iterdir()) == [folder], "what an earlier attempt left is gone"
