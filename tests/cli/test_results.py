"""What a local run leaves beside its workspace, also when it is killed while it does so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconstruction_api.stages import StageName
from reconstruction_cli import results
from reconstruction_worker.files import sha256_of
from reconstruction_worker.records import OutputFile, StageRecord, write_record


def finished(workspace: Path, **files: str) -> None:
    """A workspace whose report stage has left these files, and a manifest that lists them."""
    folder = workspace / "artifacts"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, content in files.items():
        (folder / name).write_text(content)
    listed = [{"name": name, "sha256": sha256_of(folder / name)} for name in files]
    (folder / "manifest.json").write_text(json.dumps({"artifacts": listed}))
    outputs = [
        OutputFile(path=f"artifacts/{path.name}", size=path.stat().st_size, sha256=sha256_of(path))
        for path in sorted(folder.iterdir())
    ]
    write_record(workspace, StageRecord(stage=StageName.REPORT, key="k", digest="d", code_version=1, outputs=outputs))


def is_true(out: Path) -> bool:
    """Whether a manifest, if there is one, lists only files that are there and whole."""
    path = out / "manifest.json"
    if not path.exists():
        return True
    listed = json.loads(path.read_text())["artifacts"]
    return all((out / file["name"]).exists() and sha256_of(out / file["name"]) == file["sha256"] for file in listed)


@pytest.mark.parametrize("killed_at", range(5))
def test_a_manifest_is_never_wrong_whenever_the_run_is_killed(
    killed_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, out = tmp_path / "workspace", tmp_path / "out"
    finished(workspace, **{"model.glb": "first", "model.ply": "first", "report.html": "first"})
    results.deliver(workspace, out)
    assert is_true(out) and (out / "manifest.json").exists()
    finished(workspace, **{"model.glb": "second", "model.obj": "second", "report.html": "second"})
    place, placed = results._place, []

    def until_killed(source: Path, target: Path) -> None:
        if len(placed) == killed_at:
            raise KeyboardInterrupt
        placed.append(target)
        place(source, target)

    monkeypatch.setattr(results, "_place", until_killed)
    if killed_at < 4:
        with pytest.raises(KeyboardInterrupt):
            results.deliver(workspace, out)
        assert is_true(out)
    monkeypatch.undo()
    results.deliver(workspace, out)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "model.glb", "model.obj", "report.html"]
    assert is_true(out) and (out / "manifest.json").exists()
