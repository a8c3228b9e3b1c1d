"""Stage `bundle`: one archive of all results."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from harness.finished_workspace import FILES, context, results
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName
from reconstruction_worker.files import sha256_of
from reconstruction_worker.stage import StageContext
from reconstruction_worker.stages import bundle


def bundling(workspace: Path) -> StageContext:
    job = replace(context(workspace, {"uri": "s3://a/b/"}, spec={"bundle": True}), name=StageName.BUNDLE)
    job.folder.mkdir(parents=True, exist_ok=True)
    return job


def test_the_archive_holds_every_file_and_a_manifest_that_lists_them(tmp_path: Path):
    job = bundling(results(tmp_path))
    bundle.run(job)
    with zipfile.ZipFile(job.folder / "bundle.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist() if name != "manifest.json"} == FILES
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        listed = ManifestDocument.model_validate_json(archive.read("manifest.json"))
    assert sorted(file.name for file in listed.artifacts) == sorted(FILES)


def test_the_manifest_beside_it_lists_the_archive_too(tmp_path: Path):
    job = bundling(results(tmp_path))
    bundle.run(job)
    entries = {file.name: file for file in ManifestDocument.read(job.folder / "manifest.json").artifacts}
    assert sorted(entries) == sorted([*FILES, "bundle.zip"])
    entry, path = entries["bundle.zip"], job.folder / "bundle.zip"
    assert (entry.size_bytes, entry.sha256) == (path.stat().st_size, sha256_of(path))
    assert (entry.format, entry.media_type) == ("ZIP", "application/zip")


def test_the_same_results_give_the_same_archive(tmp_path: Path):
    one, other = bundling(results(tmp_path / "one")), bundling(results(tmp_path / "other"))
    bundle.run(one)
    bundle.run(other)
    assert sha256_of(one.folder / "bundle.zip") == sha256_of(other.folder / "bundle.zip")


def test_a_file_that_has_changed_since_it_was_recorded_ends_the_stage(tmp_path: Path):
    job = bundling(results(tmp_path))
    (tmp_path / "artifacts" / "model.glb").write_bytes(b"another model")
    with pytest.raises(ReconstructionError, match=r"model\.glb is not what was packed") as caught:
        bundle.run(job)
    assert caught.value.code == "ExportFailed"
