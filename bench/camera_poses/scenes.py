"""What poses are estimated of: rendered photos whose poses are known, and a street where they are in this machine."""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from bench.worker_quality.scenes import DATASETS
from PIL import Image

from demo import layout
from demo_photos.__main__ import DEFAULT_CACHE
from demo_photos.cameras import View, arc_views, look_at
from demo_photos.render import TexturedMesh, photograph
from demo_photos.scan import obtain_scan
from reconstruction_worker.ingest.pose_files import TRANSFORMS

from .hall import Hall, around_hall, intrinsics
from .shapes import ball, tunnel

WORK = layout.ROOT / "out" / "bench-poses"
DISTANCE = 3.2
DEMO_PHOTOS = 40
Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class Scene:
    """Photos, the poses of which are known where they were rendered."""

    name: str
    title: str
    write: Callable[[Path], dict[str, list[list[float]]] | None]
    """Writes the photos into a folder; camera-to-world matrices by their names, {} where these are not known, None
    where the photos are not on this machine."""
    hard: bool = False
    """One on which at least 90 % have to be placed, to 1 % of the extent."""
    peer: bool = True
    """Whether pycolmap's defaults, which compare all pairs, get a run."""
    most_seconds: float | None = None
    """A bar on two cores."""
    most_cpu_seconds: float | None = None
    """A bar on processor time."""
    given: bool = False
    """Whether the poses are beside the photos: then the stage poses alone is measured, beside what it did earlier."""


def prepare(scene: Scene) -> tuple[Path, dict[str, list[list[float]]]] | None:
    """The scene's photos and true poses, made once."""
    folder, truth = WORK / scene.name / "photos", WORK / scene.name / "truth.json"
    if not truth.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        poses = scene.write(folder)
        if poses is None:
            return None
        truth.write_text(json.dumps(poses))
    return folder, json.loads(truth.read_text())


def _take(
    shape: TexturedMesh, views: Sequence[View], folder: Path, names: Sequence[str] | None = None
) -> dict[str, list[list[float]]]:
    """Photos of the views, without an alpha channel; their poses."""
    names = names or [f"{number:03d}.png" for number in range(len(views))]
    for name, view in zip(names, views, strict=True):
        photograph(shape, view, samples=2).convert("RGB").save(folder / name)
    return {name: view.camera_to_world.tolist() for name, view in zip(names, views, strict=True)}


def around(azimuths: Sequence[float], elevations: Sequence[float], size: int, zoom: float = 1.3) -> list[View]:
    """Cameras around the ball, in degrees; the elevations alternate."""
    views = []
    for number, azimuth in enumerate(azimuths):
        a, e = np.radians([azimuth, elevations[number % len(elevations)]])
        eye = DISTANCE * np.array([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)])
        views.append(View(look_at(eye, np.zeros(3)), zoom * size, size))
    return views


def spiral(count: int, size: int) -> list[View]:
    """Cameras that go around the ball several times while they rise."""
    turns = max(2.0, count / 40)
    azimuths = [360 * turns * number / count for number in range(count)]
    return around(azimuths, [-30 + 80 * number / count for number in range(count)], size)


def _turntable(folder: Path) -> dict[str, list[list[float]]]:
    return _take(ball(contrast=0.2, blur=5), around(list(np.arange(0, 360, 22.5)), (15.0,), 240), folder)


def _far_apart(folder: Path) -> dict[str, list[list[float]]]:
    return _take(ball(), around(list(np.linspace(-85, 85, 7)), (-8.0, 10.0), 240), folder)


def _third_of_demo(folder: Path) -> dict[str, list[list[float]]]:
    scan = obtain_scan(DEFAULT_CACHE)
    scene = TexturedMesh.load(scan.mesh, scan.texture)
    return _take(scene, arc_views(DEMO_PHOTOS, 480, scene.centre, scene.radius)[::3], folder)


def _forward(folder: Path) -> dict[str, list[list[float]]]:
    eyes = [np.array([0.15 * math.sin(step), 0.1 * math.cos(1.3 * step), -0.3 * step]) for step in range(24)]
    views = [View(look_at(eye, eye - np.array([0.0, 0.0, 1.0])), 0.8 * 400, 400) for eye in eyes]
    return _take(tunnel(8.0, 24.0), views, folder)


def _two_lenses(folder: Path) -> dict[str, list[list[float]]]:
    wide = around(list(np.arange(0, 360, 24.0)), (-5.0, 20.0), 400)
    long = around(list(np.arange(12, 360, 24.0)), (-5.0, 20.0), 400, zoom=2.0)
    return _take(ball(), [*wide, *long], folder)


def unordered(count: int, size: int = 480) -> Callable[[Path], dict[str, list[list[float]]]]:
    """Photos of the spiral under names in random order."""

    def write(folder: Path) -> dict[str, list[list[float]]]:
        names = [f"{number:03d}.png" for number in range(count)]
        random.Random(5).shuffle(names)
        return _take(ball(side=1024), spiral(count, size), folder, names)

    return write


def ordered(count: int, size: int = 480) -> Callable[[Path], dict[str, list[list[float]]]]:
    """Photos of the spiral in their order."""
    return lambda folder: _take(ball(side=1024), spiral(count, size), folder)


def given(count: int, width: int = 1600) -> Callable[[Path], dict[str, list[list[float]]]]:
    """Photos of a hall, and their poses as nerfstudio has them: z is up."""

    def write(folder: Path) -> dict[str, list[list[float]]]:
        hall, poses = Hall(), [Z_UP @ pose for pose in around_hall(count)]
        names = [f"{number:03d}.jpg" for number in range(count)]
        for name, pose in zip(names, around_hall(count), strict=True):
            Image.fromarray(hall.photograph(pose, width)).save(folder / name, quality=92)
        truth = {name: pose.tolist() for name, pose in zip(names, poses, strict=True)}
        frames = [{"file_path": name, "transform_matrix": pose} for name, pose in truth.items()]
        (folder / TRANSFORMS).write_text(json.dumps({**intrinsics(width), "frames": frames}))
        return truth

    return write


def _third_of_lund(folder: Path) -> dict[str, list[list[float]]] | None:
    source = DATASETS / "opensfm_lund" / "images_960"
    for photo in sorted(source.glob("*.jpg"))[::3]:
        shutil.copyfile(photo, folder / photo.name)
    return {} if source.is_dir() else None


SCENES = (
    Scene("turntable", "turntable with hardly any features, 16 photos", _turntable, hard=True),
    Scene("far-apart", "seven photos 28 degrees apart", _far_apart, hard=True),
    Scene("demo-third", "every third photo of the demo, 14", _third_of_demo),
    Scene("forward", "forward through a tunnel, 24 photos", _forward, hard=True),
    Scene("two-lenses", "two lenses, 30 photos", _two_lenses),
    Scene("lund-third", "every third photo of a street, 10", _third_of_lund),
    Scene("ordered-50", "50 photos in order", ordered(50)),
    Scene("unordered-100", "100 photos in no order", unordered(100), peer=False, most_seconds=360),
    Scene("ordered-100", "100 photos in order", ordered(100), peer=False),
    Scene("ordered-200", "200 photos in order", ordered(200), peer=False),
    Scene("ordered-300", "300 photos in order", ordered(300), peer=False, most_seconds=900),
    Scene("given-100", "100 photos with given poses", given(100), peer=False, given=True),
    Scene("given-400", "400 photos with given poses", given(400), peer=False, most_cpu_seconds=120, given=True),
)
