"""Sets that plain features do not place: the ladder of strategies does."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from demo_photos.cameras import View, look_at
from demo_photos.render import TexturedMesh, photograph
from reconstruction_worker.geometry.similarity import fit_similarity
from reconstruction_worker.memory import most_held
from reconstruction_worker.stages import poses

from .scenes import ball_photos, bumpy_ball, poses_context, write_ingest

SIZE = 240


def faint_ball(contrast: float, blur: float) -> TexturedMesh:
    """The ball, its texture blurred by so many pixels and nearly grey."""
    ball = bumpy_ball()
    texture = Image.fromarray((ball.texture * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(blur))
    pixels = 0.5 + contrast * (np.asarray(texture, np.float32) / 255 - 0.5)
    return dataclasses.replace(ball, texture=pixels.astype(np.float32))


def ring(azimuths: Sequence[float], elevations: tuple[float, ...], zoom: float = 1.3) -> list[View]:
    """Cameras around the ball, in degrees; the elevations alternate. The focal length is `zoom` times the width."""
    views = []
    for number, azimuth in enumerate(azimuths):
        a, e = np.radians([azimuth, elevations[number % len(elevations)]])
        eye = 3.2 * np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        views.append(View(look_at(eye, np.zeros(3)), zoom * SIZE, SIZE))
    return views


def before_black(workspace: Path) -> None:
    """The ingested photos as of things that were photographed before black, with the masks that ingest makes of it."""
    dataset = json.loads((workspace / "ingest" / "dataset.json").read_text())
    (workspace / "ingest" / "masks").mkdir()
    for entry in dataset["images"]:
        with Image.open(workspace / entry["file"]) as file:
            colours, alpha = file.convert("RGB"), file.getchannel("A")
        photo = Image.new("RGB", colours.size)
        photo.paste(colours, (0, 0), alpha)
        photo.save(workspace / entry["file"])
        mask = f"ingest/masks/{entry['name']}"
        alpha.save(workspace / mask)
        entry |= {"mask": mask, "plainBackground": True, "hasAlpha": False}
    (workspace / "ingest" / "dataset.json").write_text(json.dumps(dataset))


def placed(
    workspace: Path,
    photos: dict[str, Image.Image],
    views: list[View],
    changed: Callable[[Path], None] = lambda workspace: None,
) -> tuple[dict, float]:
    """registration.json, and the largest error of a position relative to the extent of the true ones."""
    write_ingest(workspace, photos)
    changed(workspace)
    poses.run(poses_context(workspace, minRegisteredPercent=80)[0])
    frames = json.loads((workspace / "poses" / "transforms.json").read_text())["frames"]
    found = np.array([frame["transform_matrix"] for frame in frames])[:, :3, 3]
    truth = {name: view.camera_to_world[:3, 3] for name, view in zip(photos, views, strict=True)}
    expected = np.array([truth[Path(frame["file_path"]).name] for frame in frames])
    fit = fit_similarity(expected, found)
    error = np.linalg.norm(fit.points(expected) - found, axis=1).max() / fit.scale
    extent = np.linalg.norm(np.ptp(np.array(list(truth.values())), axis=0))
    return json.loads((workspace / "poses" / "registration.json").read_text()), float(error / extent)


def test_a_turntable_with_hardly_any_features(tmp_path: Path) -> None:
    views = ring(np.arange(0, 360, 22.5).tolist(), (15.0,))
    scene = faint_ball(contrast=0.2, blur=5)
    photos = {f"{index:02d}.png": photograph(scene, view, samples=2) for index, view in enumerate(views)}
    before = most_held()  # by other tests of this process
    # What is before black is more than as hard as what is cut out: the outline bears the strongest features by far.
    registration, error = placed(tmp_path, photos, views, before_black)
    assert registration["strategies"][0]["registered"] < 0.8 * len(views)
    assert registration["registered"] >= 0.8 * len(views)
    assert error <= 0.01
    assert registration["peakMemoryBytes"] - before < 2 * 2**30


def test_seven_photos_far_apart(tmp_path: Path) -> None:
    views = ring(np.linspace(-75, 75, 7).tolist(), (-8.0, 10.0))
    registration, error = placed(tmp_path, ball_photos(views), views)
    assert registration["strategies"][0]["registered"] < 0.8 * len(views)
    assert registration["registered"] >= 0.8 * len(views)
    assert error <= 0.01


def test_photos_of_two_lenses_that_nothing_tells_apart(tmp_path: Path) -> None:
    wide = ring(np.arange(-60, 61, 20).tolist(), (-5.0, 15.0))
    views = wide + ring(np.arange(-50, 61, 20).tolist(), (-5.0, 15.0), zoom=2.0)
    registration, error = placed(tmp_path, ball_photos(views), views)
    assert registration["registered"] == len(views)
    assert error <= 0.01
    frames = json.loads((tmp_path / "poses" / "transforms.json").read_text())["frames"]
    focal = [frame["fl_x"] / SIZE for frame in frames]
    assert focal == pytest.approx([1.3] * len(wide) + [2.0] * (len(views) - len(wide)), rel=0.03)
    assert len(set(focal)) == 2
