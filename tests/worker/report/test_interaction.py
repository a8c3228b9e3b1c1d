"""The report in the hands of somebody: measured, compared, turned, and read by whatever tool people read with."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from harness.browser import VIEWER, Page, browsing
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.poses import KnownDistance, Poses
from reconstruction_api.stages import StageName
from reconstruction_api.turntable import Turntable
from reconstruction_worker.stages import report

from ...chromium import needs_chromium
from ..exporters.other_readers import axe
from .workspaces import context_of, document, finished

pytestmark = needs_chromium

FRAMES = 6
METRES_PER_UNIT = 5.0
RADIUS = 0.6  # of the ball, in scene units, without its bumps
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with a turntable, of a job that knows a distance."""
    workspace = tmp_path_factory.mktemp("workspace")
    spec = finished(workspace, "GLB")
    known = KnownDistance(start=["0", "0", "0"], end=["0", "0", "1"], metres=str(METRES_PER_UNIT))
    turntable = Turntable(frames=FRAMES, width=64, height=64)
    spec = spec.model_copy(update={"turntable": turntable, "poses": Poses(known_distance=known)})
    names = [f"IMG_{index:04d}.png" for index in range(10)]
    document(workspace, "train/split.json", {"train": names[:3] + names[4:7] + names[8:], "eval": [names[3], names[7]]})
    frames = workspace / "render" / "frames"
    frames.mkdir(parents=True)
    for index in range(FRAMES):
        Image.new("RGBA", (64, 64), (0, 200, 0, 255) if index == 0 else (200, 0, 0, 255)).save(
            frames / f"{index:05d}.png"
        )
    described = {"frames": FRAMES, "width": 64, "height": 64, "renderer": "Mesh", "files": []}
    document(workspace, "render/turntable.json", described)
    context = context_of(StageName.REPORT, workspace, spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconstruction_worker.report.preview.PANEL", 60)
        report.run(context)
    return context.folder / "report.html"


@pytest.fixture(scope="module")
def opened(file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(file, tmp_path_factory.mktemp("browser"), ready=VIEWER) as page:
        yield page


def click(page: Page, selector: str) -> None:
    page.value(f"document.querySelector({json.dumps(selector)}).click()")


def press(page: Page, *keys: str) -> None:
    """Where the focus is, as somebody at the keyboard does."""
    for key in keys:
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key=key, text="\r" if key == "Enter" else "")


def text(page: Page, selector: str) -> str:
    return page.value(f"document.querySelector({json.dumps(selector)}).textContent")


def vivid(page: Page, hue: tuple[int, int]) -> float:
    """Share of the stage that is of a hue (0 to 255, as Pillow has it)."""
    stage = np.asarray(page.picture().convert("HSV"))[120:600, 300:900]
    inside = (stage[..., 0] >= hue[0]) & (stage[..., 0] <= hue[1])
    return float((inside & (stage[..., 1] > 90)).mean())


def test_no_request_leaves_the_file(opened: Page) -> None:
    opened.call("Page.reload")
    opened.wait_until("document.querySelector('html[data-viewer]') !== null")
    assert opened.requests
    assert [address[:60] for address in opened.requests if not re.match(r"data:|file:.*report\.html$", address)] == []


def test_somebody_at_the_keyboard_measures_the_ball_in_metres(opened: Page) -> None:
    """Through the middle of the picture, from one side and from the opposite one: its diameter."""
    click(opened, "[data-toggle=measure]")
    assert opened.value("document.activeElement.id") == "view"
    press(opened, "Enter", *["ArrowLeft"] * round(math.pi / 0.12), "Enter")
    length = text(opened, "#measure output")
    number, unit = length.split()
    assert unit == "m"
    assert float(number) == pytest.approx(2 * RADIUS * METRES_PER_UNIT, rel=0.15)
    opened.wait_until(f"document.querySelector('#marks text').textContent === {json.dumps(length)}")
    click(opened, "[data-toggle=measure]")


def test_a_length_that_somebody_knows_becomes_lines_for_the_job(opened: Page) -> None:
    click(opened, "[data-toggle=measure]")
    press(opened, "Enter", *["ArrowRight"] * 8, "Enter")
    opened.value("document.querySelector('#measure input').value = '0.25'")
    click(opened, "#measure [type=submit]")
    assert text(opened, "#measure output") == "25 cm"
    lines = yaml.safe_load(opened.value("document.querySelector('#measure textarea').value"))
    spec = ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, **lines["spec"]})
    known = spec.poses.known_distance
    assert known is not None and known.metres == "0.25"
    start, end = ([float(value) for value in point] for point in (known.start, known.end))
    assert np.linalg.norm(start) == pytest.approx(RADIUS, rel=0.15)
    assert 0.1 < math.dist(start, end) < 2 * RADIUS
    click(opened, "[data-toggle=measure]")


def test_the_surface_is_coloured_by_what_holds_it(opened: Page) -> None:
    click(opened, "[data-mode=confidence]")
    assert opened.value("!document.querySelector('#legend').hidden")
    assert "three or more" in text(opened, "#legend")
    assert vivid(opened, (138, 155)) > 0.1, "blue: seen from all around"
    click(opened, "[data-mode=texture]")
    assert opened.value("document.querySelector('#legend').hidden")


def test_photos_and_cameras_are_layers_of_their_own(opened: Page) -> None:
    pressed = "[...document.querySelectorAll('[data-toggle=cameras],[data-toggle=photos]')].map(b => b.ariaPressed)"
    click(opened, "[data-toggle=photos]")
    assert opened.value(pressed) == ["true", "true"], "photos hang on cameras"
    click(opened, "[data-toggle=photos]")
    assert opened.value(pressed) == ["true", "false"]
    click(opened, "[data-toggle=cameras]")
    assert opened.value(pressed) == ["false", "false"]
    click(opened, "[data-action=reset]")


def test_photos_are_compared_by_a_line_that_can_be_moved(opened: Page) -> None:
    slider = "document.querySelector('.compare input')"
    assert opened.value("document.querySelectorAll('.compare').length") == 2
    opened.value(f"{slider}.focus()")
    before = opened.value("document.querySelector('.compare .pair').style.getPropertyValue('--split')")
    press(opened, "ArrowRight")
    after = opened.value("document.querySelector('.compare .pair').style.getPropertyValue('--split')")
    assert (before, after) == ("50%", "51%")
    kinds = [picture["kind"] for picture in shown_above(opened)]
    assert kinds == ["render", "render"]
    click(opened, "#against [data-kind=mesh]")
    assert [picture["kind"] for picture in shown_above(opened)] == ["mesh", "mesh"]
    assert text(opened, ".compare .right") == "Mesh"


def shown_above(page: Page) -> list[dict[str, str]]:
    return page.value(
        "[...document.querySelectorAll('.compare img.above')].filter(i => !i.hidden).map(i => ({kind: i.dataset.kind}))"
    )


def test_the_turntable_turns_by_its_slider_and_by_itself(opened: Page) -> None:
    pixel = """(() => {
        const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        copy.drawImage(document.querySelector("#turntable canvas"), 0, 0);
        return [...copy.getImageData(32, 32, 1, 1).data];
    })()"""
    opened.wait_until("document.querySelector('#turntable canvas').width === 64")
    assert opened.value(pixel)[1] > 150, "the first frame is green"
    opened.value("document.querySelector('#turntable input').focus()")
    press(opened, "ArrowRight")
    assert opened.value(pixel)[0] > 150, "the others are red"
    click(opened, "#turntable button")
    assert text(opened, "#turntable button") == "Pause"
    opened.wait_until("Number(document.querySelector('#turntable input').value) > 2")
    click(opened, "#turntable button")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nobody_is_shut_out(opened: Page, theme: str, phone: bool) -> None:
    """axe-core, with all that can be opened open."""
    width, height = (390, 844) if phone else (1200, 900)
    opened.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
    opened.value(f"document.documentElement.dataset.theme = {json.dumps(theme)}")
    opened.value(
        "for (const part of document.querySelectorAll('#measure, #legend, #measure form, .yaml')) part.hidden = false"
    )
    opened.value("for (const part of document.querySelectorAll('details')) part.open = true")
    opened.value(f"{axe()}; 0")
    found = opened.value(f"axe.run(document, {json.dumps(RULES)})")
    assert len(found["passes"]) > 20
    assert {each["id"]: [node["html"][:200] for node in each["nodes"]] for each in found["violations"]} == {}
