"""A network sees cameras and depth in one pass; shared points correct them; what comes after is the usual."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo_photos.cameras import View
from reconstruction_api.documents.registration import PoseOrigin, RegistrationDocument
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.names import ENV_WEIGHTS
from reconstruction_api.stages import StageName
from reconstruction_api.weights import DA3_SMALL
from reconstruction_worker.engines import trained
from reconstruction_worker.engines.depth_fusion import ENGINE as DEPTH_FUSION
from reconstruction_worker.engines.splats import ENGINE as SPLATS
from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
from reconstruction_worker.geometry.mesh import Mesh
from reconstruction_worker.geometry.raycast import Caster
from reconstruction_worker.geometry.similarity import Similarity, fit_similarity
from reconstruction_worker.ingest.bounds import check_depth
from reconstruction_worker.poses import choose_network, depth_anything, learned_features
from reconstruction_worker.poses.choose_network import check_network, check_photos, why_none
from reconstruction_worker.poses.network_pictures import frames_of
from reconstruction_worker.stages import poses

from ..engines.tiny_scene import context as stage_context
from .planted_network import OWN_WORLD, PlantedNetwork
from .scenes import Array, ball_photos, ball_views, bumpy_ball, poses_context, write_ingest

SIZE = 240
NEAR = ball_views(np.array([-35.0, 0.0, 35.0]), SIZE)
"""Six photos that share points."""
FAR = [ball_views(np.array([-120.0, 0.0, 120.0]), SIZE)[index] for index in (0, 1, 2)]
"""Three that share none."""


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[PlantedNetwork], PlantedNetwork]:
    """Puts a network into the place of the installed one, with its weights."""

    def put(network: PlantedNetwork) -> PlantedNetwork:
        monkeypatch.setattr(poses, "check_network", lambda: DA3_SMALL)
        monkeypatch.setattr(poses, "load", lambda _: network)
        monkeypatch.setattr(poses, "why_none", lambda _: "")
        return network

    monkeypatch.setattr(learned_features, "installed", lambda: False)
    return put


def posed(workspace: Path, views: list[View], **settings: Any) -> tuple[dict[str, Any], RegistrationDocument]:
    """transforms.json and registration.json of the stage on photos of these views."""
    write_ingest(workspace, ball_photos(views))
    fields: dict[str, Any] = {"method": "FeedForward"} | settings
    wanted, _ = poses_context(workspace, **fields)
    poses.run(wanted)
    return read(workspace)


def read(workspace: Path) -> tuple[dict[str, Any], RegistrationDocument]:
    document = json.loads((workspace / "poses" / "transforms.json").read_text())
    return document, RegistrationDocument.read(workspace / "poses" / "registration.json")


def errors_of(document: dict[str, Any], views: list[View]) -> tuple[Array, Similarity]:
    """Of the cameras' places, as shares of their distance from the middle; and the found world's place in the true."""
    truth = np.stack([view.camera_to_world for view in views])
    found = np.array([frame["transform_matrix"] for frame in document["frames"]])
    ends = [np.concatenate([each[:, :3, 3], each[:, :3, 3] - 3.2 * s * each[:, :3, 2]]) for each, s in
            ((truth, 1.0), (found, _scale(found, truth)))]  # fmt: skip
    fit = fit_similarity(ends[1], ends[0])
    off = np.linalg.norm(fit.points(found[:, :3, 3]) - truth[:, :3, 3], axis=1)
    return off / 3.2, fit


def _scale(found: Array, truth: Array) -> float:
    spread = [np.linalg.norm(each[:, :3, 3] - each[:, :3, 3].mean(axis=0)) for each in (found, truth)]
    return float(spread[0] / spread[1])


def test_shared_points_correct_what_the_network_sees(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork]
) -> None:
    network = plant(PlantedNetwork(bumpy_ball(), NEAR, turned=1.0, moved=0.03, zoomed=0.02, noise=0.01))
    document, registration = posed(tmp_path, NEAR)
    assert network.shown == [(6, 504, 504, 3)]
    errors, _ = errors_of(document, NEAR)
    assert errors.max() < 0.01, "a third of what the network was wrong by"
    assert registration.method is PoseOrigin.FEED_FORWARD and registration.registered == 6
    use = registration.feed_forward
    assert use is not None and use.corrected_by == "SIFT" and use.shared_points >= 50
    assert (use.network, use.width, use.height, use.cropped) == ("planted", 504, 504, [])
    assert registration.strategy == "feed-forward" and "shared points have corrected them" in (
        registration.caution or ""
    )
    assert registration.mean_reprojection_error is not None and registration.mean_reprojection_error < 1.5
    assert document["canHoldOut"] is False, "of so few photos none can be missed"
    assert (tmp_path / "poses" / "cameras.json").exists()
    assert not (tmp_path / "poses" / ".seen-depth").exists()


def test_photos_that_share_nothing_are_where_the_network_says(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork]
) -> None:
    plant(PlantedNetwork(bumpy_ball(), FAR))
    document, registration = posed(tmp_path, FAR)
    errors, _ = errors_of(document, FAR)
    assert errors.max() < 1e-6
    use = registration.feed_forward
    assert use is not None and use.corrected_by is None and use.shared_points == 0
    assert "nothing but the network planted" in (registration.caution or "")
    assert registration.mean_reprojection_error is None
    assert document["metresPerUnit"] is None, "no network knows the scale"
    assert not (tmp_path / "poses" / "cameras.json").exists(), "no photo can be added to it"


@pytest.mark.parametrize("views", [NEAR, FAR], ids=["corrected", "as seen"])
def test_the_depth_that_was_seen_becomes_the_surface(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork], views: list[View]
) -> None:
    """Photos, planted network, cameras, depth fusion: compared with the true surface."""
    plant(PlantedNetwork(bumpy_ball(), views, noise=0.002))
    document, _ = posed(tmp_path, views)
    assert all("depth_file_path" in frame for frame in document["frames"])
    wanted = stage_context(tmp_path, StageName.TRAIN, engine="depth-fusion", poses={"method": "FeedForward"})
    DEPTH_FUSION.fit(wanted)
    made = trained.trained(wanted)
    assert isinstance(made, ColouredMesh)
    _, fit = errors_of(document, views)
    found = fit.points(made.mesh.vertices)
    radius = np.linalg.norm(found, axis=1)
    ball = bumpy_ball().mesh
    caster = Caster(Mesh(np.asarray(ball.vertices), np.asarray(ball.faces, np.int32)))
    hits = caster.cast(found / radius[:, None] * 4, -found / radius[:, None])
    off = np.abs(4 - hits.distance - radius)[hits.hit] / 2.2
    assert np.median(off) < 0.004, "of the ball's size"
    assert np.quantile(off, 0.8) < 0.02


def test_auto_asks_the_network_where_structure_from_motion_places_too_few(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(PlantedNetwork(bumpy_ball(), FAR))
    monkeypatch.setattr("reconstruction_worker.poses.estimate.ladder", lambda *_: _only_standard())
    document, registration = posed(tmp_path, FAR, method="Auto")
    assert errors_of(document, FAR)[0].max() < 1e-6
    assert [each.strategy for each in registration.strategies] == ["standard", "feed-forward"]
    assert registration.method is PoseOrigin.FEED_FORWARD


def test_auto_without_a_network_fails_as_before_and_says_what_was_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path / "no-weights"))
    monkeypatch.setattr("reconstruction_worker.poses.estimate.ladder", lambda *_: _only_standard())
    monkeypatch.setattr(depth_anything, "installed", lambda: True)
    with pytest.raises(ReconstructionError) as failure:
        posed(tmp_path, FAR, method="Auto")
    assert failure.value.code in ("PoseEstimationFailed", "LowRegistration")
    registration = RegistrationDocument.read(tmp_path / "poses" / "registration.json")
    assert registration.strategies[-1].strategy == "feed-forward"
    assert "the weights of neither da3-base nor da3-small are there" in registration.strategies[-1].left_out


def _only_standard() -> list[Any]:
    from reconstruction_worker.poses.strategies import ladder

    return [step for step in ladder(False, False) if step.name == "standard"]


def test_numbers_that_can_not_be_are_no_poses(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork]
) -> None:
    network = plant(PlantedNetwork(bumpy_ball(), FAR, zoomed=float("nan")))
    with pytest.raises(ReconstructionError, match="planted sees no cameras in these 3 photos") as failure:
        posed(tmp_path, network.views if isinstance(network.views, list) else FAR)
    assert failure.value.code == "PoseEstimationFailed"


def test_images_depth_none_leaves_the_seen_depth_out_but_not_the_scale_that_a_network_sees(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork]
) -> None:
    network = plant(PlantedNetwork(bumpy_ball(), FAR, metric=True))
    write_ingest(tmp_path, ball_photos(FAR))
    wanted = stage_context(tmp_path, StageName.POSES, poses={"method": "FeedForward"}, images={"depth": "None"})
    (tmp_path / "poses").mkdir(exist_ok=True)
    poses.run(wanted)
    document, registration = read(tmp_path)
    assert not any("depth_file_path" in frame for frame in document["frames"])
    places = np.array([frame["transform_matrix"] for frame in document["frames"]])[:2, :3, 3]
    truth = np.stack([view.camera_to_world for view in FAR])[:2, :3, 3]
    seen = OWN_WORLD.scale * np.linalg.norm(truth[0] - truth[1])
    assert document["metresPerUnit"] * np.linalg.norm(places[0] - places[1]) == pytest.approx(seen)
    assert registration.feed_forward is not None and registration.feed_forward.metric
    assert [each.shape for each in network.told] == [(3, 2)]


@pytest.mark.parametrize("count", [1, 31])
def test_too_few_and_too_many_photos_are_refused_with_the_bounds(count: int) -> None:
    with pytest.raises(ReconstructionError, match=f"takes 2 to 30 photos; there are {count}") as failure:
        check_photos(count)
    assert failure.value.code == "ImageCountOutOfRange"
    assert why_none(31) == "it takes 2 to 30 photos"


def test_without_the_package_or_weights_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path))
    monkeypatch.setattr(depth_anything, "installed", lambda: False)
    with pytest.raises(ReconstructionError, match="without its optional extra 'feed-forward'") as failure:
        check_network()
    assert failure.value.code == "EngineUnavailable"
    monkeypatch.setattr(choose_network.depth_anything, "installed", lambda: True)
    with pytest.raises(
        ReconstructionError, match=r"^poses\.method FeedForward reads da3-base/model\.safetensors in the folder"
    ) as failure:
        check_network()
    assert failure.value.code == "WeightsUnavailable"
    (tmp_path / "da3-small").mkdir()
    (tmp_path / "da3-small" / "model.safetensors").write_bytes(b"half of it")
    with pytest.raises(ReconstructionError, match="is incomplete: it has 10 of 137248940 bytes"):
        check_network()


def test_a_job_that_asks_for_a_network_is_checked_before_its_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENV_WEIGHTS, str(tmp_path))
    monkeypatch.setattr(depth_anything, "installed", lambda: True)
    wanted = stage_context(tmp_path, poses={"method": "FeedForward"}).spec
    with pytest.raises(ReconstructionError, match="the file is not there"):
        choose_network.check_spec(wanted)
    choose_network.check_spec(stage_context(tmp_path, poses={"method": "Auto"}).spec)
    monkeypatch.setattr(choose_network, "check_network", lambda: DA3_SMALL)
    choose_network.check_spec(wanted, ["Apache-2.0"])
    with pytest.raises(
        ReconstructionError, match=r"whose licence is 'Apache-2\.0'; the profile accepts MIT"
    ) as failure:
        choose_network.check_spec(wanted, ["MIT"])
    assert failure.value.code == "LicenseNotAccepted"


def test_an_engine_that_needs_depth_gets_it_from_the_network(tmp_path: Path) -> None:
    dataset = write_ingest(tmp_path, {"a.png": Image.new("RGB", (8, 8)), "b.png": Image.new("RGB", (8, 8))})
    wanted = stage_context(tmp_path, StageName.INGEST, engine="depth-fusion", poses={"method": "FeedForward"})
    check_depth(wanted, dataset)


def test_photos_of_other_shapes_lose_their_margins_and_keep_their_focal_lengths() -> None:
    wide, tall = frames_of([(4000, 3000), (3000, 4000)])
    assert wide.scaled == (504, 378) and tall.scaled == (378, 504)
    assert wide.shown == tall.shown == (378, 378)
    assert wide.shown_share == pytest.approx(0.75)
    picture = wide.picture(np.zeros((3000, 4000, 3), np.uint8))
    assert picture.shape == (378, 378, 3)
    whole = wide.of_photo(np.ones((378, 378), np.float32))
    assert whole.shape == (378, 504) and whole[:, :63].max() == 0 and whole[:, 63:441].min() == 1
    assert wide.focal(np.array([400.0, 400.0])) == pytest.approx(400 * 4000 / 504)


def test_splats_begin_where_the_network_saw_the_surface(
    tmp_path: Path, plant: Callable[[PlantedNetwork], PlantedNetwork]
) -> None:
    """Photos that share nothing, which no training could find the depth of: seen from between the photos."""
    plant(PlantedNetwork(bumpy_ball(), FAR, noise=0.002))
    document, _ = posed(tmp_path, FAR)
    wanted = stage_context(tmp_path, StageName.TRAIN, engine="splats", training={"steps": 60, "device": "CPU"})
    SPLATS.fit(wanted)
    gaussians = trained.trained_gaussians(wanted)
    assert gaussians is not None
    _, fit = errors_of(document, FAR)
    found = fit.points(gaussians.means.astype(np.float64))
    off = np.abs(np.linalg.norm(found, axis=1) - 1)
    assert np.quantile(off, 0.9) < 0.15, "the ball's bumps are up to 0.12 high"
