"""Models from matches with COLMAP.

Schönberger and Frahm, Structure-from-Motion Revisited, CVPR 2016; the global mapper is GLOMAP (Pan et al., ECCV 2024).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pycolmap

from ..cpus import available_cpus
from .misplaced import remove_misplaced
from .native import follow
from .sfm import SEED, Workbench
from .support import remove_unsupported
from .two_view import confirms_points, tells_intrinsics

SURE_MODEL: Final = 3
"""Photos that prove each other's poses; where there are no more than two, these have to do (`two_view.py`)."""


@dataclass(frozen=True)
class MapperSettings:
    """How cautiously photos are placed. Defaults of the numbers are COLMAP's."""

    kind: str = "incremental"
    """`incremental` or `global`."""
    trust_focal: bool = True
    """Keep focal lengths that EXIF tells."""
    distortion: bool = False
    """Estimate distortion while photos are being placed. The first pairs of a street or of a flight can't tell it from
    motion: it runs away and takes the model with it. It is looked for afterwards (refine.py)."""
    initial_inliers: int = 100
    initial_angle_degrees: float = 16.0
    pose_inliers: int = 30
    pose_inlier_ratio: float = 0.25
    use_positions: bool = False
    """Hold on to the positions in the database (gps_priors.py) in every adjustment of the whole model."""
    hold: frozenset[str] = frozenset()
    """Names of photos that stay where the model to start from has them, and whose lenses stay what they are."""


def reconstruct(
    bench: Workbench, settings: MapperSettings, database: Path, start: pycolmap.Reconstruction | None = None
) -> list[pycolmap.Reconstruction]:
    """Models of the scene, those with the most photos first; empty when not even three photos fit together, or
    two where there are no more. Photos that see too little to be held up by it are in none, nor are those whose matches
    contradict their place. With `start`, a model from the same features, photos are added to it and no other is begun.
    """
    folder = bench.scratch / "models"
    folder.mkdir(exist_ok=True)
    if settings.kind == "global":
        models = _global(bench, settings, database, folder)
    else:
        models = _incremental(bench, settings, database, folder, start)
    for model in models:
        remove_misplaced(model, database, settings.hold)
        remove_unsupported(model, settings.hold)
    models = [model for model in models if model.num_reg_images() >= _smallest(bench)]
    return sorted(models, key=lambda model: (-model.num_reg_images(), -model.num_points3D()))


def _incremental(
    bench: Workbench,
    settings: MapperSettings,
    database: Path,
    folder: Path,
    start: pycolmap.Reconstruction | None,
) -> list[pycolmap.Reconstruction]:
    options = _incremental_options(bench, settings)
    options.multiple_models = start is None
    if start is not None and settings.hold:
        options.fix_existing_frames = True
        options.constant_cameras = {image.camera_id for image in start.images.values() if image.name in settings.hold}
    begun = _written(start, bench.scratch / "start") if start is not None else ""
    placed = start.num_reg_images() if start is not None else 0
    total = len(bench.photos)

    def first_two() -> None:
        nonlocal placed
        placed = 2

    def one_more() -> None:
        nonlocal placed
        placed += 1

    def call(token: pycolmap.CancellationToken) -> dict[int, pycolmap.Reconstruction]:
        return pycolmap.incremental_mapping(
            database,
            bench.scratch / "images",
            folder,
            options=options,
            input_path=begun,
            initial_image_pair_callback=first_two,
            next_image_callback=one_more,
            cancellation_token=token,
        )

    def look() -> None:
        done = min(placed, total)
        bench.say(done / total, f"placed {done} of {total} photos")

    return list(follow(call, bench.stop_requested, look).values())


def _incremental_options(bench: Workbench, settings: MapperSettings) -> pycolmap.IncrementalPipelineOptions:
    options = pycolmap.IncrementalPipelineOptions()
    options.min_model_size = _smallest(bench)
    options.max_num_models = 4
    refine_focal = _refines_focal(bench, settings)
    options.ba_refine_focal_length = options.mapper.abs_pose_refine_focal_length = refine_focal
    options.ba_refine_extra_params = options.mapper.abs_pose_refine_extra_params = (
        settings.distortion and tells_intrinsics(len(bench.photos))
    )
    options.triangulation.ignore_two_view_tracks = confirms_points(len(bench.photos))
    options.num_threads = available_cpus()
    options.random_seed = SEED
    options.mapper.init_min_num_inliers = settings.initial_inliers
    options.mapper.init_min_tri_angle = settings.initial_angle_degrees
    options.mapper.abs_pose_min_num_inliers = settings.pose_inliers
    options.mapper.abs_pose_min_inlier_ratio = settings.pose_inlier_ratio
    options.use_prior_position = options.use_robust_loss_on_prior_position = settings.use_positions
    return options


def _smallest(bench: Workbench) -> int:
    return min(SURE_MODEL, len(bench.photos))


def _written(model: pycolmap.Reconstruction, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    model.write(folder)
    return folder


def _refines_focal(bench: Workbench, settings: MapperSettings) -> bool:
    known = settings.trust_focal and all(photo.focal_pixels for photo in bench.photos)
    return not known and tells_intrinsics(len(bench.photos))


def _global(bench: Workbench, settings: MapperSettings, database: Path, folder: Path) -> list[pycolmap.Reconstruction]:
    options = pycolmap.GlobalPipelineOptions()
    options.num_threads = available_cpus()
    options.random_seed = SEED
    options.mapper.bundle_adjustment.refine_focal_length = _refines_focal(bench, settings)
    options.mapper.bundle_adjustment.refine_extra_params = settings.distortion
    # Relative poses need focal lengths; where no EXIF gave them they are estimated from all pairs at once.
    calibration = pycolmap.ViewGraphCalibrationOptions()
    calibration.random_seed = SEED

    def call(_: pycolmap.CancellationToken) -> dict[int, pycolmap.Reconstruction]:
        pycolmap.calibrate_view_graph(database, calibration)
        return pycolmap.global_mapping(database, bench.scratch / "images", folder, options=options)

    def look() -> None:
        bench.say(0.5, f"placing all {len(bench.photos)} photos at once")

    return list(follow(call, bench.stop_requested, look).values())
