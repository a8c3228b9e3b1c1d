"""Places photos into a model whose cameras stay where they are (source.jobRef.addPhotos)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..geometry.similarity import Similarity
from .gps_priors import GpsPosition
from .mapping import MapperSettings, reconstruct
from .pairs import choose_pairs
from .partners import pairs_to_match
from .posed_model import PosedModel, Shot
from .sfm import CameraGroup, FeatureSettings, Workbench, camera_groups, extract, match
from .strategies import BOLD
from .triangulate import groups_of, triangulated


@dataclass(frozen=True)
class Enlarged:
    """The model with the photos that could be placed."""

    model: PosedModel
    placed: tuple[str, ...]
    """Names of these photos."""


def add_photos(bench: Workbench, known: PosedModel, positions: Sequence[GpsPosition]) -> Enlarged:
    """Place those of the bench's photos that `known` does not have. Its cameras are held, and its points made again
    from what all photos see; `positions` are those of the photos in metres, where GPS knows them."""
    database = bench.scratch / "added.db"
    features = FeatureSettings()
    extract(bench.part(0.0, 0.35), features, _groups(bench, known), database)
    pairs = pairs_to_match(bench.part(0.35, 0.4), choose_pairs(len(bench.photos), positions), database)
    match(bench.part(0.4, 0.7), features, pairs, database)
    start = triangulated(bench.part(0.7, 0.75), known, database)
    total, best = len(bench.photos), start
    for settings in (MapperSettings(), BOLD):
        held = replace(settings, hold=frozenset(shot.name for shot in known.shots))
        models = reconstruct(bench.part(0.75, 1.0), held, database, best)
        if models and models[0].num_reg_images() > best.num_reg_images():
            best = models[0]
        if best.num_reg_images() == total:
            break
    return _in_the_frame_of(known, PosedModel.from_reconstruction(best))


def _groups(bench: Workbench, known: PosedModel) -> list[CameraGroup]:
    """The known lenses with their photos, and with those of the others that may have been taken with the same one."""
    groups = groups_of(known)
    lens_of = {name: number for number, group in enumerate(groups) for name in group.names}
    for group in camera_groups(bench.photos):
        lenses = {lens_of[name] for name in group.names if name in lens_of}
        names = [name for name in group.names if name not in lens_of]
        if not names:
            continue
        if len(lenses) == 1:
            groups[lenses.pop()].names.extend(names)
        else:
            groups.append(replace(group, names=names))
    return groups


def _in_the_frame_of(known: PosedModel, found: PosedModel) -> Enlarged:
    """The found model in the frame of the known one, whose cameras it has where they were: the mapper may have moved
    and scaled all together."""
    before = {shot.name: shot for shot in known.shots}
    after = {shot.name: shot for shot in found.shots}
    back = _between([(after[name], before[name]) for name in before if name in after])
    moved = found.transformed(back)
    shots = tuple(replace(shot, world_from_camera=_kept(shot, before)) for shot in moved.shots)
    placed = tuple(shot.name for shot in shots if shot.name not in before)
    return Enlarged(replace(moved, shots=shots), placed)


def _kept(shot: Shot, before: dict[str, Shot]) -> np.ndarray:
    return before[shot.name].world_from_camera if shot.name in before else shot.world_from_camera


def _between(pairs: Sequence[tuple[Shot, Shot]]) -> Similarity:
    """From the first of each pair to the second; the turn is that of the first pair, because places along a line leave
    one open."""
    first, second = pairs[0]
    rotation = second.world_from_camera[:3, :3] @ first.world_from_camera[:3, :3].T
    here = np.array([shot.world_from_camera[:3, 3] for shot, _ in pairs])
    there = np.array([shot.world_from_camera[:3, 3] for _, shot in pairs])
    spread = float(np.linalg.norm(here - here.mean(axis=0)))
    scale = float(np.linalg.norm(there - there.mean(axis=0))) / spread if spread else 1.0
    return Similarity(scale, rotation, there.mean(axis=0) - scale * rotation @ here.mean(axis=0))
