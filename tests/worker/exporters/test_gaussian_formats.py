"""Every format of Gaussians holds the scene: in the eyes of its own check, and of readers that other people wrote."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.exports import Export
from reconstruction_api.formats import ExportFormat
from reconstruction_worker.exporters import sog, spz
from reconstruction_worker.exporters.gaussian_values import y_up
from reconstruction_worker.exporters.gltf_splats import read_splats
from reconstruction_worker.exporters.registry import exporter_of
from reconstruction_worker.geometry.gaussian_sets import chosen, z_order
from reconstruction_worker.geometry.gaussians import Gaussians
from reconstruction_worker.geometry.harmonics import CONSTANT, basis

from .other_readers import converted, gltf_attributes, splats_in

FORMATS = [each for each in ExportFormat if each.gaussians]
IN_ORDER = (ExportFormat.COMPRESSED_SPLAT_PLY, ExportFormat.SOG)
"""Formats that store neighbours together."""
READ_BY_SPLAT_TRANSFORM = [each for each in FORMATS if each is not ExportFormat.SPLAT_GLB]
COEFFICIENTS = (1, 4, 9, 16)


def scene(count: int = 700, coefficients: int = 4) -> Gaussians:
    """Discs and needles of all colours in a box 2 wide, 4 deep and 6 high, and one red, upright needle on top."""
    rng = np.random.default_rng(11)
    turns = rng.normal(size=(count, 4))
    found = Gaussians(
        means=rng.uniform((-1, -2, -3), (1, 2, 3), (count, 3)).astype(np.float32),
        scales=np.exp(rng.uniform(-7, -2, (count, 3))).astype(np.float32),
        rotations=(turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
        opacities=rng.uniform(0.02, 1, count).astype(np.float32),
        harmonics=rng.uniform(-0.4, 0.4, (count, coefficients, 3)).astype(np.float32),
    )
    found.means[0], found.scales[0], found.rotations[0] = (0, -1, 5), (0.01, 0.01, 0.5), (1, 0, 0, 0)
    found.harmonics[0, 0] = (1.5, -1.5, -1.5)
    return found


def in_format(kind: ExportFormat, gaussians: Gaussians, folder: Path) -> Path:
    """The file of an entry, after its own check."""
    return exporter_of(kind).written(gaussians, folder, Export(format=kind))[0][0]


def as_stored(gaussians: Gaussians, kind: ExportFormat) -> Gaussians:
    """As a reader should find them, apart from rounding."""
    upright = y_up(gaussians) if exporter_of(kind).up == "y" else gaussians
    return chosen(upright, z_order(upright.means)) if kind in IN_ORDER else upright


def covariances(gaussians: Gaussians) -> np.ndarray:
    """[N, 3, 3], by the definition."""
    w, x, y, z = gaussians.rotations.astype(float).T
    turn = np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]).transpose(2, 0, 1)  # fmt: skip
    axes = turn * gaussians.scales[:, None, :].astype(float)
    return axes @ axes.transpose(0, 2, 1)


def colours(gaussians: Gaussians, direction: tuple[float, float, float]) -> np.ndarray:
    """Of all, seen along a direction. [N, 3]"""
    unit = np.array([direction]) / np.linalg.norm(direction)
    degree = int(np.sqrt(gaussians.harmonics.shape[1])) - 1
    return np.einsum("k,nkc->nc", basis(unit, degree)[0], gaussians.harmonics) + 0.5


@pytest.mark.parametrize("coefficients", COEFFICIENTS)
@pytest.mark.parametrize("kind", FORMATS)
def test_it_is_written_and_passes_its_check(kind: ExportFormat, coefficients: int, tmp_path: Path) -> None:
    gaussians = scene(coefficients=coefficients)
    paths, content = exporter_of(kind).written(gaussians, tmp_path, Export(format=kind))
    assert [path.name for path in paths] == [kind.file] and content.vertices == len(gaussians)
    assert content.bounds == pytest.approx(as_stored(gaussians, kind).bounds(), abs=4e-3)


@pytest.mark.parametrize("kind", READ_BY_SPLAT_TRANSFORM)
def test_another_reader_finds_the_same_gaussians(kind: ExportFormat, tmp_path: Path) -> None:
    gaussians = scene(coefficients=16)
    file = in_format(kind, gaussians, tmp_path)
    found, meant = splats_in(file, tmp_path), as_stored(gaussians, kind)
    assert len(found) == len(meant)
    assert np.abs(found.means - meant.means).max() < 4e-3
    assert np.abs(found.opacities - meant.opacities).max() < 3e-3
    assert np.abs(np.log(found.scales) - np.log(meant.scales)).max() < 0.04
    largest = np.abs(covariances(meant)).max(axis=(1, 2))
    assert (np.abs(covariances(found) - covariances(meant)).max(axis=(1, 2)) < 0.1 * largest).all()
    for direction in ((0, 0, 1), (1, 0, 0), (1, -2, 0.5)):
        assert np.abs(colours(found, direction) - colours(meant, direction)).mean() < 0.02
    assert np.abs(found.harmonics[:, 0] - meant.harmonics[:, 0]).max() < 0.015


@pytest.mark.parametrize("kind", READ_BY_SPLAT_TRANSFORM)
def test_the_needle_on_top_points_up_and_is_red(kind: ExportFormat, tmp_path: Path) -> None:
    file = in_format(kind, scene(), tmp_path)
    found = splats_in(file, tmp_path)
    up = "xyz".index(exporter_of(kind).up)
    top = int(found.means[:, up].argmax())
    expected = {"z": (0, -1, 5), "y": (0, 5, 1)}  # what faces -y faces +z where y is up
    assert found.means[top] == pytest.approx(expected[exporter_of(kind).up], abs=0.01)
    assert int(np.diag(covariances(found)[top]).argmax()) == up
    red, green, blue = found.harmonics[top, 0] * CONSTANT + 0.5
    assert red > 0.9 and green < 0.1 and blue < 0.1


@pytest.mark.parametrize("kind", READ_BY_SPLAT_TRANSFORM)
def test_lengths_are_metres_where_the_scale_is_known(kind: ExportFormat, tmp_path: Path) -> None:
    """As the stage `export` hands them over: scaled by metres per unit."""
    file = in_format(kind, scene().scaled(2.5), tmp_path)
    found, plain = splats_in(file, tmp_path), as_stored(scene(), kind)
    assert np.ptp(found.bounds(), axis=0) == pytest.approx(2.5 * np.ptp(plain.bounds(), axis=0), rel=2e-3)
    assert np.median(found.scales / plain.scales) == pytest.approx(2.5, rel=0.02)


@pytest.mark.parametrize("kind", READ_BY_SPLAT_TRANSFORM)
@pytest.mark.parametrize("antialiased", [True, False])
def test_it_says_whether_small_gaussians_grow_faint(kind: ExportFormat, antialiased: bool, tmp_path: Path) -> None:
    """SplatTransform passes on to a PLY file what it has read of that."""
    file = in_format(kind, replace(scene(), antialiased=antialiased), tmp_path)
    header = converted(file, tmp_path / "as-read.ply").read_bytes().split(b"end_header")[0]
    assert (b"SplatRenderMode: mip" in header) == antialiased


def test_a_reader_of_gltf_finds_every_attribute_of_the_extension(tmp_path: Path) -> None:
    meant = y_up(scene(coefficients=9))
    file = in_format(ExportFormat.SPLAT_GLB, scene(coefficients=9), tmp_path)
    read = gltf_attributes(file)
    found = read["attributes"]
    assert read["mode"] == 0  # points
    assert np.allclose(found["POSITION"], meant.means, atol=1e-6)
    assert np.allclose(found["KHR_gaussian_splatting:SCALE"], meant.scales, rtol=1e-6)
    assert np.allclose(found["KHR_gaussian_splatting:ROTATION"], np.roll(meant.rotations, -1, axis=1), atol=1e-6)
    assert np.allclose(found["KHR_gaussian_splatting:OPACITY"][:, 0], meant.opacities, atol=1e-6)
    for name, index in (("0_COEF_0", 0), ("1_COEF_0", 1), ("1_COEF_2", 3), ("2_COEF_0", 4), ("2_COEF_4", 8)):
        assert np.allclose(found[f"KHR_gaussian_splatting:SH_DEGREE_{name}"], meant.harmonics[:, index], atol=1e-6)
    red = found["COLOR_0"][0]  # linear, for viewers that show points
    assert red[0] > 0.8 and red[1] < 0.02 and red[3] == pytest.approx(meant.opacities[0], abs=0.003)


def test_another_writer_of_the_extension_means_the_same_by_it(tmp_path: Path) -> None:
    """SplatTransform's file is upright where its source is upside down (its PLY files have y down)."""
    gaussians = scene(coefficients=16)
    source = in_format(ExportFormat.SPLAT_PLY, gaussians, tmp_path)
    found = read_splats("theirs", converted(source, tmp_path / "theirs.glb").read_bytes())
    half_turn = np.array([-1, -1, 1], np.float32)
    assert np.allclose(found.means, gaussians.means * half_turn, atol=1e-5)
    assert np.allclose(covariances(found), covariances(gaussians) * np.outer(half_turn, half_turn), atol=1e-6)
    for x, y, z in ((0, 0, 1), (1, 0, 0), (1, -2, 0.5)):
        assert np.allclose(colours(found, (-x, -y, z)), colours(gaussians, (x, y, z)), atol=1e-4)


@pytest.mark.parametrize("field", ["means", "scales", "rotations", "opacities", "harmonics"])
@pytest.mark.parametrize("kind", FORMATS)
def test_other_gaussians_than_meant_fail_the_check(kind: ExportFormat, field: str, tmp_path: Path) -> None:
    gaussians, exporter = scene(coefficients=9), exporter_of(kind)
    values = getattr(gaussians, field)
    other = np.roll(values, 1, axis=1) if field in ("rotations", "harmonics") else values * np.float32(0.9)
    exporter.write(replace(gaussians, **{field: other}), tmp_path)
    with pytest.raises(ReconstructionError) as failure:
        exporter.check(gaussians, tmp_path)
    assert failure.value.code == "ExportFailed" and kind.file in failure.value.message


@pytest.mark.parametrize("kind", FORMATS)
def test_fewer_gaussians_fail_the_check(kind: ExportFormat, tmp_path: Path) -> None:
    exporter = exporter_of(kind)
    exporter.write(chosen(scene(), slice(1, None)), tmp_path)
    with pytest.raises(ReconstructionError):
        exporter.check(scene(), tmp_path)


@pytest.mark.parametrize("kept", [0.02, 0.6, 0.98])
@pytest.mark.parametrize("kind", FORMATS)
def test_a_cut_off_file_fails_its_check(kind: ExportFormat, kept: float, tmp_path: Path) -> None:
    exporter = exporter_of(kind)
    path = exporter.write(scene(), tmp_path)[0]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(ReconstructionError) as failure:
        exporter.check(scene(), tmp_path)
    assert failure.value.code == "ExportFailed"


@pytest.mark.parametrize("kind", FORMATS)
def test_sizes_and_colours_that_a_format_can_t_hold_are_cut_off(kind: ExportFormat, tmp_path: Path) -> None:
    gaussians = scene(20)
    gaussians.scales[1], gaussians.scales[2] = 0, 300
    gaussians.harmonics[3], gaussians.opacities[4], gaussians.opacities[5] = 20, 0, 1
    exporter_of(kind).written(gaussians, tmp_path, Export(format=kind))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_single_gaussian_is_a_scene_too(kind: ExportFormat, tmp_path: Path) -> None:
    assert exporter_of(kind).written(scene(1), tmp_path, Export(format=kind))[1].vertices == 1


def test_compressed_formats_are_as_small_as_they_are_said_to_be(tmp_path: Path) -> None:
    """With all harmonics; random numbers are the worst case for what compresses them."""
    sizes = {kind: exporter_of(kind).write(scene(20_000, 16), tmp_path)[0].stat().st_size for kind in FORMATS}
    full = sizes[ExportFormat.SPLAT_PLY]
    assert sizes[ExportFormat.COMPRESSED_SPLAT_PLY] < full / 3.9
    assert sizes[ExportFormat.SPZ] < full / 4
    assert sizes[ExportFormat.SOG] < full / 8


def test_spz_coordinates_are_as_fine_as_the_scene_allows(tmp_path: Path) -> None:
    for extent in (0.01, 1, 5000):
        gaussians = scene().scaled(extent)
        found = spz.read(spz.write(gaussians, tmp_path)[0].read_bytes())
        assert np.abs(found.means - y_up(gaussians).means).max() < 1e-6 * extent * 6


def test_sog_names_its_pictures_and_counts(tmp_path: Path) -> None:
    with zipfile.ZipFile(sog.write(scene(700, 9), tmp_path)[0]) as archive:
        meta = json.loads(archive.read("meta.json"))
        named = [file for part in meta.values() if isinstance(part, dict) for file in part.get("files", [])]
        assert {*named, "meta.json"} == set(archive.namelist())
        assert (meta["version"], meta["count"], meta["shN"]["bands"]) == (2, 700, 2)
        assert all(archive.read(name)[8:16] == b"WEBPVP8L" for name in named)  # lossless


def test_sog_with_a_lossy_picture_fails_its_check(tmp_path: Path) -> None:
    from PIL import Image

    path = sog.write(scene(), tmp_path)[0]
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    lossy = io.BytesIO()
    Image.open(io.BytesIO(files["scales.webp"])).save(lossy, "WEBP", quality=80)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (files | {"scales.webp": lossy.getvalue()}).items():
            archive.writestr(name, content)
    with pytest.raises(ReconstructionError, match="sizes are not what was written"):
        sog.check(scene(), tmp_path)
