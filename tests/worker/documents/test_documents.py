"""Workspaces hold documents of earlier releases: all that is in them is read, and written again as it was.

`release/` has those of a run of the release before they had models.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconstruction_api.documents.base import Document, problem_of
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.documents.quality import QualityDocument
from reconstruction_api.documents.registration import PoseOrigin, RegistrationDocument
from reconstruction_worker.engines.engine_document import EngineDocument
from reconstruction_worker.engines.training.history import History, Measurement, read_history
from reconstruction_worker.engines.training.split import Split, read_split
from reconstruction_worker.exporters.exports_document import ExportsDocument
from reconstruction_worker.files import write_document
from reconstruction_worker.geometry.mesh_document import MeshDocument
from reconstruction_worker.geometry.texture_document import TextureDocument

RELEASE = Path(__file__).parent / "release"
MODELS: dict[str, type[Document]] = {
    "quality.json": QualityDocument,
    "evaluate-quality.json": QualityDocument,
    "registration.json": RegistrationDocument,
    "engine.json": EngineDocument,
    "split.json": Split,
    "mesh.json": MeshDocument,
    "texture.json": TextureDocument,
    "exports.json": ExportsDocument,
    "manifest.json": ManifestDocument,
}


def in_order(data: Any) -> str:
    return json.dumps(data, indent=1)


def test_every_stored_document_has_a_model() -> None:
    assert {file.name for file in RELEASE.glob("*.json")} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_document_of_an_earlier_release_is_written_as_it_was_read(name: str, tmp_path: Path) -> None:
    before = (RELEASE / name).read_text()
    write_document(tmp_path / name, MODELS[name].read(RELEASE / name))
    assert (tmp_path / name).read_text() == in_order(json.loads(before)) + "\n"


def test_a_history_of_an_earlier_release_is_written_as_it_was_read() -> None:
    lines = (RELEASE / "history.jsonl").read_text().splitlines()
    assert [json.dumps(line.data()) for line in read_history(RELEASE)] == lines
    assert read_history(RELEASE)[4].held_out_psnr == 23.2028


def test_the_split_of_an_earlier_release_names_the_held_out_photos() -> None:
    split = read_split(RELEASE)
    assert split.held_out == ("face-06.png", "face-16.png")
    assert not set(split.held_out) & set(split.train)


def test_a_new_line_of_the_history_has_the_keys_of_the_old_ones(tmp_path: Path) -> None:
    History(tmp_path / "history.jsonl", 0).add(Measurement(20, 0.0123456789, 19.123, 0.01, 3.123, 6.412, 6560.4))
    written = json.loads((tmp_path / "history.jsonl").read_text())
    first = json.loads((RELEASE / "history.jsonl").read_text().splitlines()[0])
    assert list(written) == list(first)
    assert (written["loss"], written["psnr"], written["raysPerSecond"]) == (0.012346, 19.12, 6560)


@pytest.mark.parametrize("name", MODELS)
def test_fields_of_a_later_release_are_passed_over(name: str, tmp_path: Path) -> None:
    later = json.loads((RELEASE / name).read_text()) | {"fromTheFuture": {"a": 1}}
    (tmp_path / name).write_text(json.dumps(later))
    assert MODELS[name].read(tmp_path / name) == MODELS[name].read(RELEASE / name)


def test_what_was_not_measured_is_null_and_what_does_not_apply_is_absent() -> None:
    document = QualityDocument(psnr=None, lpips_reason="no weights")
    assert document.data() == {"psnr": None, "lpipsReason": "no weights"}


def test_a_mistake_in_a_document_is_named() -> None:
    with pytest.raises(ValueError) as mistake:
        MeshDocument.model_validate({"vertices": "many", "faces": 1, "components": 1, "watertight": True})
    assert problem_of(mistake.value).startswith("vertices: ")


def test_poses_have_an_origin_that_others_can_name() -> None:
    assert RegistrationDocument.read(RELEASE / "registration.json").method is PoseOrigin.STRUCTURE_FROM_MOTION
