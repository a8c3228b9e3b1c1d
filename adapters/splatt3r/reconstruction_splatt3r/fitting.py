"""Posed photos to Gaussians: chooses pairs, runs the network on them, brings what it sees to our cameras."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from reconstruction_api.engines import EngineSpec
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.metric_names import Metric
from reconstruction_api.training import HoldOut
from reconstruction_worker.engines.engine_document import FILE, EngineDocument
from reconstruction_worker.engines.foreign.program import Program
from reconstruction_worker.engines.registry import others_that
from reconstruction_worker.engines.result_files import write_gaussians
from reconstruction_worker.engines.training.posed_photos import read_scene
from reconstruction_worker.engines.training.split import FILE as SPLIT_FILE
from reconstruction_worker.engines.training.split import split_of
from reconstruction_worker.files import empty_folder, write_document
from reconstruction_worker.stage import StageContext, StageOutput
from reconstruction_worker.weights.checking import checked
from reconstruction_worker.weights.known import of_engine

from .aligning import Alignment, align
from .layers import SURE, Layer, Seen, disagreements, layer_of, together
from .pairs import Pair, best_pairs
from .squares import SIDE, Square, square_of

PROGRAM: Final = Program(
    "splatt3r", "src/mast3r_src/mast3r/model.py", Path(__file__).with_name("network_program.py").resolve()
)
NETWORK: Final = {
    "img_size": [512, 512],
    "enc_embed_dim": 1024,
    "enc_depth": 24,
    "enc_num_heads": 16,
    "dec_embed_dim": 768,
    "dec_depth": 12,
    "dec_num_heads": 12,
}
"""Sizes of the published network's parts."""
WORK: Final = "splatt3r"
MOST_OFF: Final = 0.15
"""Share of the distance: a photo that is farther off its rays, or from what other photos show, is wrong."""
BEGINS, ENDS = 10.0, 85.0
"""Percentages of the stage between which the network runs."""
_LINE: Final = re.compile(r"pair=(\d+) of=(\d+)")


def fit(context: StageContext, spec: EngineSpec) -> StageOutput:
    """Raises GPUUnavailable, WeightsUnavailable, EngineUnavailable, PoseEstimationFailed, EmptyMesh, TrainingDiverged,
    and what the program's end means."""
    from reconstruction_worker.engines.training.device import choose_device

    device = choose_device(context.spec.training.device, spec)  # before anything is made or loaded
    weights = checked(of_engine(spec, spec.weights[0]))
    PROGRAM.require()
    began = time.monotonic()
    scene = read_scene(context.workspace)
    split = split_of(scene, hold_out=context.spec.training.hold_out is not HoldOut.NONE)
    work = context.folder / WORK
    empty_folder(work)
    context.advance(1, "cutting the photos for Splatt3R")
    squares = [square_of(scene.photo(name), SIDE) for name in split.train]
    pairs = best_pairs([square.camera for square in squares], scene)
    if not pairs:
        raise _unposed("No two photos show the same place from directions that are less than 90 degrees apart.")
    _run(context, work, squares, pairs, {"weights": str(weights), "device": str(device)})
    layers, chosen = _layers(context, work, squares, pairs)
    differ = _checked(layers)
    context.advance(95, "leaving one Gaussian of each place")
    gaussians = together(layers)
    if not len(gaussians):
        raise _unsure(len(squares))
    write_document(context.folder / SPLIT_FILE, split)
    write_gaussians(context.folder, gaussians)
    left_out = sorted({square.name for square in squares} - {layer.square.name for layer in layers})
    settings = {
        "squares": [square.record for square in squares],
        "layers": [
            {
                "photo": squares[pair.first].name,
                "with": squares[pair.second].name,
                "overlap": round(pair.overlap, 4),
                "scale": round(found.world.scale, 6),
                "offRays": round(found.residual, 5),
                "offOthers": None if other is None else round(other, 5),
            }
            for (pair, found), other in zip(chosen, differ, strict=True)
        ],
        "leftOut": left_out,
        "pairs": len(pairs),
        "gaussians": len(gaussians),
    }
    write_document(
        context.folder / FILE,
        EngineDocument(engine=spec.name, licence=spec.licence, device=str(device), settings=settings),
    )
    shutil.rmtree(work)
    return StageOutput(
        _summary(len(gaussians), layers, left_out, differ, len(pairs), time.monotonic() - began),
        {Metric.HELD_OUT_IMAGES: len(split.held_out), Metric.DEVICE: "CUDA"},
    )


def _run(
    context: StageContext, work: Path, squares: Sequence[Square], pairs: Sequence[Pair], more: dict[str, str]
) -> None:
    (work / "pairs").mkdir()
    np.save(work / "photos.npy", np.stack([square.rgb for square in squares]))
    job = {
        "photos": "photos.npy",
        "pairs": [[pair.first, pair.second] for pair in pairs],
        "out": "pairs",
        "network": NETWORK,
        **more,
    }
    (work / "job.json").write_text(json.dumps(job, indent=1))

    def heard(line: str) -> None:
        if found := _LINE.fullmatch(line):
            percent = BEGINS + (ENDS - BEGINS) * int(found[1]) / int(found[2])
            context.report_progress(percent, f"Splatt3R: pair {found[1]} of {found[2]}")

    PROGRAM.run(context, ["job.json"], work, heard)


def _layers(
    context: StageContext, work: Path, squares: Sequence[Square], pairs: Sequence[Pair]
) -> tuple[list[Layer], list[tuple[Pair, Alignment]]]:
    """Of each photo the layer of that pair which fits the cameras, and of which the network is surest."""
    best: dict[int, tuple[float, Pair, Alignment, Layer]] = {}
    unsure = True
    for pair in pairs:
        context.advance(ENDS, "bringing what it sees to the cameras")
        seen, points, confidence = _read(work / "pairs" / f"{pair.first}-{pair.second}.npz")
        one, two = squares[pair.first], squares[pair.second]
        sure = (seen.confidence * (one.known & (seen.confidence >= SURE))).astype(np.float32)
        also = (confidence * (two.known & (confidence >= SURE))).astype(np.float32)
        unsure = unsure and not sure.any()
        found = align((one.camera, two.camera), (seen.points, points), (sure, also))
        if found is None or found.residual > MOST_OFF:
            continue
        worth = pair.overlap * float(sure.mean())
        if pair.first not in best or worth > best[pair.first][0]:
            best[pair.first] = worth, pair, found, layer_of(one, seen, found.world)
    if unsure:
        raise _unsure(len(squares))
    if not best:
        raise _unposed("What Splatt3R sees in the photos fits none of their camera poses.")
    order = sorted(best)
    return [best[index][3] for index in order], [best[index][1:3] for index in order]


def _read(path: Path) -> tuple[Seen, Any, Any]:
    """The first view whole, points and confidence of the second."""
    try:
        with np.load(path) as file:
            seen = Seen(**{name: file[f"first_{name}"] for name in Seen.__dataclass_fields__})
            points, confidence = file["second_points"], file["second_confidence"]
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise ReconstructionError(
            "EngineUnavailable", f"{path.name} of splatt3r can't be read: {type(error).__name__}."
        ) from error
    if not (seen.sane and np.isfinite(points).all() and np.isfinite(confidence).all()):
        raise ReconstructionError("TrainingDiverged", "The network of splatt3r gives NaN or infinite values.")
    return seen, points, confidence


def _checked(layers: Sequence[Layer]) -> list[float | None]:
    """Raises PoseEstimationFailed where photos don't agree on how far away things are."""
    differ = disagreements(layers)
    off = [
        f"{layer.square.name} ({each:.0%})"
        for layer, each in zip(layers, differ, strict=True)
        if each is not None and each > MOST_OFF
    ]
    if off:
        raise _unposed(f"What Splatt3R sees in {', '.join(off)} is at other distances than in the others.")
    return differ


def _unposed(message: str) -> ReconstructionError:
    return ReconstructionError(
        "PoseEstimationFailed",
        message,
        suggestion="Check the camera poses, take photos that overlap more, or choose another engine, such as splats.",
        details={"engine": "splatt3r"},
    )


def _unsure(count: int) -> ReconstructionError:
    others = others_that(lambda other: other.name != "splatt3r" and other.min_images <= count <= other.max_images)
    return ReconstructionError(
        "EmptyMesh",
        "Splatt3R is unsure of all that it sees in the photos.",
        suggestion=f"Take photos that overlap more, or choose {others or 'another engine'}.",
    )


def _summary(
    count: int,
    layers: Sequence[Layer],
    left_out: Sequence[str],
    differ: Sequence[float | None],
    pairs: int,
    took: float,
) -> str:
    known = [each for each in differ if each is not None]
    words = f"Splatt3R: {count} Gaussians from {len(layers)} photos, {pairs} pairs looked at, in {took:.0f} s"
    if known:
        words += f"; distances differ by {np.median(known):.1%} between photos"
    return words + (f"; without {', '.join(left_out)}" if left_out else "")
