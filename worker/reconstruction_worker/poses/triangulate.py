"""Points for cameras whose poses are known, from features that the photos share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import pycolmap
from numpy.typing import NDArray

from reconstruction_api.errors import ReconstructionError

from .native import follow
from .pairs import EXHAUSTIVE_UP_TO, pairs_by_view
from .posed_model import PosedModel, SparsePoints
from .provided.provided_poses import Provided, Share
from .quick_features import compare, find_features
from .sfm import (
    SEED,
    CameraGroup,
    FeatureSettings,
    Workbench,
    enter_photos,
    extract,
    match,
    overlapping_pairs,
    verified_matches,
)
from .two_view import confirms_points

MIN_POINTS: Final = 20
"""Points that any usable set of photos with true poses shows."""
MIN_SHARE: Final = 0.05
"""Of the features that photos have in common, whose rays have to meet. True poses come to more than half, those of a
phone that drifts to less."""
OF_MANY: Final = FeatureSettings(max_side_pixels=1000, max_features=1024, doubled=False)
"""Of a large set whose quick features leave doubt."""
SURE_SHARE: Final = 0.25
"""Of the features that look alike in two photos, that have to become points for the poses to be beyond doubt; true
poses come to more than half."""
SURE_POINTS: Final = 5
"""The same for a photo: points by the number of photos."""
FEW: Final = 20
"""Photos to train on below which the others help to find points."""
SAMPLE: Final = 12
"""Photos of a model with points of its own that are looked at."""


def with_points(bench: Workbench, given: Provided) -> PosedModel:
    """The given model with what its photos see, in their given poses. `bench.photos` are those of its shots, in their
    order; those that are only there to judge by are not looked at. Where it is not clear whose pixels the poses are
    for, those count that see more. A model that brings its points keeps them; then only some of its photos are looked
    at, to see whether it is of these photos at all. Raises InvalidPoses when the photos contradict the poses."""
    brings_points = len(given.model.points.xyz) > 0
    wanted = _sample(given.model) if brings_points else _trained_on(given)
    part = replace(bench, photos=[bench.photos[index] for index in wanted])
    hypotheses = [given] if given.alternative is None else [given, given.alternative]
    models = [_only(each.model, wanted) for each in hypotheses]
    seen = _seen_quickly(part, models) if brings_points or len(wanted) > EXHAUSTIVE_UP_TO else []
    best = _most(seen) if seen else 0
    if not seen or not seen[best].sure:
        seen = [
            _seen(part.part(index / len(models), (index + 1) / len(models)), model, index)
            for index, model in enumerate(models)
        ]
        best = _most(seen)
        _check_agreement(hypotheses[best], seen[best], len(wanted))
    if brings_points:
        return hypotheses[best].model
    found = seen[best].model
    return replace(
        hypotheses[best].model,
        points=replace(found.points, observations=_of_all(found.points.observations, wanted)),
        mean_reprojection_error=found.mean_reprojection_error,
        median_reprojection_error=found.median_reprojection_error,
    )


@dataclass(frozen=True)
class _Seen:
    """What photos show from where poses put their cameras."""

    model: PosedModel
    overlapping: int
    """Pairs of photos that show the same place."""
    matches: int
    """Pairs of features in them that show the same point."""
    fitting: int = 0
    """Those of them that the poses allow, where they were not chosen by that."""

    @property
    def sure(self) -> bool:
        """Whether the photos confirm the poses beyond doubt."""
        least = SURE_SHARE * self.matches
        enough = self.points >= SURE_POINTS * len(self.model.shots)
        return enough and self.fitting > least and self.pairs > least

    @property
    def points(self) -> int:
        """Triangulated points that a third photo confirms, where there is one: two rays meet by chance."""
        return len(self._confirmed)

    @property
    def pairs(self) -> int:
        """Pairs of features whose rays meet in these."""
        return int((self._confirmed * (self._confirmed - 1) // 2).sum())

    @property
    def _confirmed(self) -> NDArray[np.int64]:
        """Photos that show each of them."""
        lengths = self.model.points.track_lengths
        return lengths[lengths > 2] if confirms_points(len(self.model.shots)) else lengths


def _most(seen: Sequence[_Seen]) -> int:
    """The index of the one that shows the most."""
    return max(range(len(seen)), key=lambda index: seen[index].pairs)


def _seen_quickly(bench: Workbench, models: Sequence[PosedModel]) -> list[_Seen]:
    """What photos show by quick features, from where each of the models has their cameras."""
    features = find_features(bench.part(0.0, 0.5))
    seen = list[_Seen]()
    for number, model in enumerate(models):
        part = bench.part(0.5 + 0.5 * number / len(models), 0.5 + 0.5 * (number + 1) / len(models))
        database = bench.scratch / f"quick-{number}.db"
        enter_photos(groups_of(model), bench.scratch / "images", database)
        found = compare(part.part(0.0, 0.8), model, features, pairs_by_view(model.poses).pairs, database)
        shown = PosedModel.from_reconstruction(triangulated(part.part(0.8, 1.0), model, database))
        seen.append(_Seen(shown, found.overlapping, found.candidates, found.fitting))
    return seen


def _seen(bench: Workbench, model: PosedModel, number: int) -> _Seen:
    database = bench.scratch / f"provided-{number}.db"
    settings = FeatureSettings() if len(bench.photos) <= EXHAUSTIVE_UP_TO else OF_MANY
    extract(bench.part(0.0, 0.5), settings, groups_of(model), database)
    match(bench.part(0.5, 0.9), settings, pairs_by_view(model.poses).pairs, database)
    seen = PosedModel.from_reconstruction(triangulated(bench.part(0.9, 1.0), model, database))
    return _Seen(seen, overlapping_pairs(database), verified_matches(database))


def triangulated(bench: Workbench, model: PosedModel, database: Path) -> pycolmap.Reconstruction:
    """The model's cameras and poses with the points that its photos' matches in the database show. The database may
    hold more photos; it has the model's lenses first (`groups_of`)."""
    bench.say(0.0, "finding points that several photos show")
    folder = bench.scratch / f"triangulated-{database.stem}"
    folder.mkdir()
    call = partial(_triangulate, model_in_database(model, database), database, bench.scratch / "images", folder)
    return follow(call, bench.stop_requested)


def _trained_on(given: Provided) -> list[int]:
    """Indices of the shots that are not only there to judge by, or for nothing; of all where those are few."""
    shots = given.model.shots
    found = [index for index, shot in enumerate(shots) if given.shares.get(shot.name, Share.TRAIN) == Share.TRAIN]
    return found if len(found) >= FEW else list(range(len(shots)))


def _of_all(observations: NDArray[np.int64], indices: Sequence[int]) -> NDArray[np.int64]:
    """Observations [O, 2] by some shots, with their indices among all shots."""
    return np.stack([np.asarray(indices, np.int64)[observations[:, 0]], observations[:, 1]], axis=1)


def _sample(model: PosedModel) -> list[int]:
    """Indices of some shots that show the same points: those around the one that shows the most."""
    shots, points = model.points.observations.T
    if len(model.shots) <= SAMPLE:
        return list(range(len(model.shots)))
    first = int(np.bincount(shots, minlength=len(model.shots)).argmax())
    shown = np.isin(points, points[shots == first])
    shared = np.bincount(shots[shown], minlength=len(model.shots))
    return sorted(np.argsort(-shared, kind="stable")[:SAMPLE].tolist())


def _only(model: PosedModel, indices: Sequence[int]) -> PosedModel:
    """The cameras and shots of some shots."""
    shots = tuple(model.shots[index] for index in indices)
    cameras = {shot.camera_id: model.cameras[shot.camera_id] for shot in shots}
    return PosedModel(cameras, shots, SparsePoints.none())


def _check_agreement(given: Provided, seen: _Seen, photos: int) -> None:
    """Raises InvalidPoses when photos overlap in plenty and yet hardly anything can be seen where the poses say."""
    too_few = seen.points < MIN_POINTS or seen.pairs < MIN_SHARE * seen.matches
    if too_few and seen.overlapping >= photos / 2:
        raise ReconstructionError(
            "InvalidPoses",
            f"{given.file}: the poses contradict the photos: {seen.overlapping} pairs of photos overlap, with "
            f"{seen.matches} common features, but only {seen.points} points can be seen from where it puts them. "
            f"Matrices must be {given.axes}, and the photos those that the poses were made for.",
            details={
                "file": given.file,
                "overlappingPairs": seen.overlapping,
                "matches": seen.matches,
                "points": seen.points,
            },
        )


def _triangulate(
    reconstruction: pycolmap.Reconstruction,
    database: Path,
    images: Path,
    folder: Path,
    token: pycolmap.CancellationToken,
) -> pycolmap.Reconstruction:
    options = pycolmap.IncrementalPipelineOptions()
    options.random_seed = SEED
    options.triangulation.ignore_two_view_tracks = confirms_points(reconstruction.num_images())
    return pycolmap.triangulate_points(
        reconstruction, database, images, folder, options=options, cancellation_token=token
    )


def groups_of(model: PosedModel) -> list[CameraGroup]:
    """Its lenses, each with its photos."""
    return [
        CameraGroup(
            [shot.name for shot in model.shots if shot.camera_id == camera_id],
            camera.model_name,
            camera.params_to_string(),
        )
        for camera_id, camera in model.cameras.items()
    ]


def model_in_database(model: PosedModel, database: Path) -> pycolmap.Reconstruction:
    """The model's cameras and poses with the numbers that the database gave them."""
    with pycolmap.Database.open(database) as db:
        entries = {image.name: image for image in db.read_all_images()}
        cameras = db.read_all_cameras()
    result = pycolmap.Reconstruction()
    for camera in cameras:
        result.add_camera_with_trivial_rig(camera)
    for shot in model.shots:
        entry = entries[shot.name]
        image = pycolmap.Image(name=shot.name, camera_id=entry.camera_id, image_id=entry.image_id)
        result.add_image_with_trivial_frame(image, pycolmap.Rigid3d(np.linalg.inv(shot.world_from_camera)[:3]))
    return result
