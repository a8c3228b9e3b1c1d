"""What stage poses did of given poses before these were used to compare photos: to be measured beside what it does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import KDTree

from reconstruction_worker.ingest.dataset import Dataset
from reconstruction_worker.ingest.pose_files import FOLDER
from reconstruction_worker.poses.dataset_photos import read_rgb
from reconstruction_worker.poses.posed_model import PosedModel
from reconstruction_worker.poses.provided import read_provided
from reconstruction_worker.poses.sfm import FeatureSettings, Workbench, extract, match
from reconstruction_worker.poses.triangulate import groups_of, triangulated
from reconstruction_worker.poses.undistort import Undistorter

NEIGHBOURS = 10
FEATURES = FeatureSettings(max_side_pixels=1000, max_features=1024, doubled=False)


def write_posed(workspace: Path, dataset: Dataset) -> PosedModel:
    """Points in the given poses, and the photos without distortion."""
    given = read_provided(workspace / "ingest" / FOLDER, dataset).model
    scratch, database = workspace / "scratch", workspace / "scratch" / "features.db"
    scratch.mkdir()
    bench = Workbench(workspace, scratch, dataset.images, lambda done, message: None, lambda: False)
    extract(bench, FEATURES, groups_of(given), database)
    match(bench, FEATURES, _nearest(given), database)
    model = PosedModel.from_reconstruction(triangulated(bench, given, database))
    pictures = workspace / "pictures"
    pictures.mkdir()
    undistorters = {number: Undistorter(camera) for number, camera in model.cameras.items()}
    for shot, photo in zip(given.shots, dataset.images, strict=True):
        picture = undistorters[shot.camera_id].apply(read_rgb(workspace, photo))
        Image.fromarray(picture).save(pictures / f"{photo.name}.png", compress_level=3)
    return model


def _nearest(model: PosedModel) -> list[tuple[int, int]]:
    """Pairs of photos that were taken nearby in about the same direction."""
    poses = model.poses
    step = np.median(KDTree(poses[:, :3, 3]).query(poses[:, :3, 3], k=2)[0][:, 1])
    pairs = set[tuple[int, int]]()
    for index, pose in enumerate(poses):
        turned = np.degrees(np.arccos((poses[:, :3, 2] @ pose[:3, 2]).clip(-1, 1)))
        away = np.linalg.norm(poses[:, :3, 3] - pose[:3, 3], axis=1) / step + turned / 15
        pairs.update((min(index, other), max(index, other)) for other in np.argsort(away)[1 : NEIGHBOURS + 1].tolist())
    return sorted(pairs)
