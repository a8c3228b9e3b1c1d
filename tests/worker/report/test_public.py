"""A report for the public shows the model and how good it is, and nothing of the photos, their places and names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconstruction_api.exports import Audience, Report
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName, stage_digests
from reconstruction_worker.stages import report

from .workspaces import context_of, finished

JOB = "elm-street-12"


def made_for(audience: Audience, folder: Path) -> tuple[Path, list[str]]:
    """The artifacts, and the names of the photos in the workspace; of stored pictures, which are renamed, too."""
    spec = finished(folder, "GLB").model_copy(update={"report": Report(audience=audience)})
    context = context_of(StageName.REPORT, folder, spec, JOB)
    report.run(context)
    photos = json.loads((folder / "ingest" / "dataset.json").read_text())
    names = {photo["name"] for kind in ("images", "dropped") for photo in photos[kind]}
    return context.folder, sorted(names)


@pytest.fixture(autouse=True)
def small_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconstruction_worker.report.preview.PANEL", 60)


def text_of(folder: Path) -> str:
    """Of all files that can be read, without the pictures and arrays inside."""
    whole = "".join((folder / name).read_text() for name in ("report.html", "quality.json", "manifest.json"))
    return re.sub(r"data:image/[a-z]+;base64,[A-Za-z0-9+/=]+", "", whole)


def viewer_of(folder: Path) -> dict:
    page = (folder / "report.html").read_text()
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_report_for_the_team_names_the_photos(tmp_path: Path) -> None:
    folder, names = made_for(Audience.TEAM, tmp_path)
    text = text_of(folder)
    assert names and any(name in text for name in names)
    assert viewer_of(folder)["cameras"]


def test_a_report_for_the_public_names_none_and_has_no_cameras(tmp_path: Path) -> None:
    folder, names = made_for(Audience.PUBLIC, tmp_path)
    text = text_of(folder)
    assert [name for name in names if name in text] == []
    assert JOB not in (folder / "report.html").read_text()
    assert "Cut out of the scene" not in text, "a photo's place shows what was around"
    assert viewer_of(folder)["cameras"] == []
    quality = json.loads((folder / "quality.json").read_text())
    assert all(view["name"].startswith("photo") for view in quality["views"])
    assert quality["psnr"] is not None, "the measurements stay"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {stage["message"] for stage in manifest["stages"]} <= {""}


def test_photos_are_counted_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "team").mkdir()
    (tmp_path / "public").mkdir()
    team, _ = made_for(Audience.TEAM, tmp_path / "team")
    public, _ = made_for(Audience.PUBLIC, tmp_path / "public")
    counted = [json.loads((folder / "manifest.json").read_text())["photos"] for folder in (team, public)]
    assert counted[0] == counted[1]


def test_only_the_report_is_made_again_for_another_audience() -> None:
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "./photos"}})
    public = spec.model_copy(update={"report": Report(audience=Audience.PUBLIC)})
    before, after = stage_digests(spec), stage_digests(public)
    assert [name for name in before if before[name] != after[name]] == [StageName.REPORT]
