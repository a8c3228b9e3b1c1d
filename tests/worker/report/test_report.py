"""What a job hands over: complete, self-contained, safe to open, and true."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from reconstruction_api.documents.quality import QualityDocument
from reconstruction_api.stages import StageName
from reconstruction_worker.files import write_document
from reconstruction_worker.stages import report
from reconstruction_worker.stages.evaluate import without_held_out

from .workspaces import TRAINED_WITH, context_of, finished

REQUESTS = r"https?://|url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\b|WebSocket|eval\("
JOB = 'ball <script>alert("x")</script>'


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("workspace")
    context = context_of(StageName.REPORT, workspace, finished(workspace, "GLB", "OBJ"), JOB)
    report.run(context)
    return context.folder


@pytest.fixture
def small_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests that look at other things."""
    monkeypatch.setattr("reconstruction_worker.report.preview.PANEL", 60)


@pytest.fixture(scope="module")
def page(artifacts: Path) -> str:
    return (artifacts / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """All elements with their attributes, and the text of each style and script."""

    def __init__(self, page: str):
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open in ("style", "script"):
            self.texts.append((self._open, data))


@pytest.mark.usefixtures("small_preview")
def test_nothing_is_said_of_held_out_views_where_there_are_none(tmp_path: Path) -> None:
    spec = finished(tmp_path, "GLB")
    file = tmp_path / "evaluate" / "quality.json"
    quality = QualityDocument.read(file)
    write_document(file, without_held_out(quality))
    (tmp_path / "train" / "split.json").write_text(
        json.dumps({"train": [view.name for view in quality.views], "eval": []})
    )
    context = context_of(StageName.REPORT, tmp_path, spec)
    report.run(context)
    page = (context.folder / "report.html").read_text(encoding="utf-8")
    assert "no photo was held" in page
    assert "Quality: warning" in page
    assert "PSNR, held-out views" not in page
    assert "Held-out views" not in page
    assert json.loads((context.folder / "quality.json").read_text())["psnr"] is None


def test_every_promised_file_is_there(artifacts: Path) -> None:
    names = {path.name for path in artifacts.iterdir()}
    assert {"report.html", "quality.json", "manifest.json", "preview.png", "model.glb", "model.obj"} <= names


def test_the_manifest_has_the_checksum_of_every_other_file(artifacts: Path) -> None:
    manifest = json.loads((artifacts / "manifest.json").read_text())
    listed = {file["name"]: file for file in manifest["artifacts"]}
    assert set(listed) == {path.name for path in artifacts.iterdir()} - {"manifest.json"}
    for name, file in listed.items():
        data = (artifacts / name).read_bytes()
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["sizeBytes"] == len(data)
        assert "/" in file["mediaType"]


def test_the_manifest_says_how_the_model_was_made(artifacts: Path) -> None:
    manifest = json.loads((artifacts / "manifest.json").read_text())
    assert manifest["job"] == JOB
    assert manifest["engine"]["licence"] == "Apache-2.0"
    assert manifest["photos"] == {"used": 11, "dropped": 1, "registered": 10}
    assert manifest["source"]["sha256"] == sorted(manifest["source"]["sha256"])
    assert len(manifest["source"]["digest"]) == 64
    assert "source" not in manifest["settings"]
    assert [stage["name"] for stage in manifest["stages"]] == ["ingest", "poses", "train"]
    assert [stage["libraries"] for stage in manifest["stages"]] == [{}, {}, TRAINED_WITH]
    assert all(stage["seconds"] == 12.5 and len(stage["settingsDigest"]) == 64 for stage in manifest["stages"])


def test_quality_has_its_numbers_at_the_top_level(artifacts: Path) -> None:
    quality = json.loads((artifacts / "quality.json").read_text())
    assert (quality["psnr"], quality["ssim"], quality["verdict"]) == (25.5, 0.9, "pass")
    assert quality["lpips"] is None and quality["lpipsReason"]
    assert quality["registration"]["registered"] == 10
    assert quality["registration"]["unregistered"] == ["lost.jpg"]


def test_the_page_says_how_different_the_views_look(page: str) -> None:
    assert "FLIP, held-out views" in page
    assert '<td class="number">0.081</td>' in page


def test_the_curves_of_training_and_of_the_held_out_views_are_drawn(page: str) -> None:
    drawn = [attributes.get("aria-label") for tag, attributes in Elements(page).found if tag == "svg"]
    for title in ("PSNR of the training batches, dB", "PSNR of some held-out views during training, dB", "Loss"):
        assert title in drawn


def test_nothing_outside_the_page_is_asked_for(page: str) -> None:
    elements = Elements(page)
    for tag, attributes in elements.found:
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            address = attributes.get(name)
            if address is not None:
                assert address.startswith("data:") or re.fullmatch(r"[\w.-]+", address), (tag, address)
        assert not {name for name in attributes if name.startswith("on") or name == "style"}, tag
    for _, text in elements.texts:
        assert not re.search(
            r"https?://|url\(|@import|\bfetch\(|XMLHttpRequest|\bimport\b|WebSocket|eval\(", text[:200_000]
        )


def test_the_policy_allows_the_pages_own_style_and_script_only(page: str) -> None:
    elements = Elements(page)
    policy = next(a["content"] for tag, a in elements.found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'")
    assert "unsafe" not in policy and "*" not in policy
    data_block = next(text for tag, text in elements.texts if text.startswith("{"))
    for _, text in elements.texts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert (f"'sha256-{digest}'" in policy) == (text is not data_block)


def test_names_and_messages_are_text_not_markup(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.jpg" in page
    assert "cut off &lt;b&gt;here&lt;/b&gt;" in page
    assert not {"\u202e", "\x9b", "\x1b"} & set(page), "no name reverses what stands beside it"


def test_each_changed_or_conspicuous_photo_is_named_with_what_was_done(page: str) -> None:
    assert "3 photos changed or conspicuous" in page
    rows = re.sub(r"</?t[dr][^>]*>", "|", page)
    assert "|a&amp;b.HEIC||fixed||turned upright; scaled by 0.397|" in rows
    assert "|IMG_0001.jpg||kept||blurred: 20% of the usual sharpness; no mask: only its camera is used|" in rows
    assert "|IMG_0002.jpg||kept||no mask: only its camera is used|" in rows


def test_where_the_photos_came_from_stays_private(artifacts: Path) -> None:
    for path in artifacts.iterdir():
        assert b"SECRET" not in path.read_bytes()
        assert b"private-bucket" not in path.read_bytes()


def test_the_page_is_small(page: str) -> None:
    assert len(page) < 2_000_000


def test_views_come_with_photo_rendering_and_where_they_differ(page: str) -> None:
    captions = [a.get("alt") or "" for tag, a in Elements(page).found if tag == "img"]
    assert {
        "Photo: IMG_0003.png",
        "Trained scene: IMG_0003.png",
        "Difference: IMG_0003.png",
        "Mesh: IMG_0003.png",
    } <= set(captions)


def test_what_was_cut_off_the_scene_is_shown_and_said(page: str) -> None:
    assert "Cut to the object (the cameras go round it): 61% of the surface left out." in page
    assert "The surface before and after it was cut" in page


def test_the_preview_shows_photo_and_model_alike(artifacts: Path) -> None:
    with Image.open(artifacts / "preview.png") as image:
        sheet = np.asarray(image.convert("RGB")).astype(float)
    side, gap = 480, 12
    photo, model, wires = (sheet[gap : gap + side, gap + k * (side + gap) :][:, :side] for k in range(3))
    middle = (slice(140, 340), slice(140, 340))
    assert np.abs(photo[middle] - model[middle]).mean() < 12
    assert np.abs(wires[middle] - model[middle]).mean() > 30


@pytest.mark.usefixtures("small_preview")
def test_a_page_without_measurements_is_still_a_page(tmp_path: Path) -> None:
    spec = finished(tmp_path, "GLB")
    for name in ("evaluate/quality.json", "train/history.jsonl", "ingest/dataset.json", "poses/registration.json"):
        (tmp_path / name).unlink()
    context = context_of(StageName.REPORT, tmp_path, spec)
    report.run(context)
    assert "Held-out views" not in (context.folder / "report.html").read_text(encoding="utf-8")
