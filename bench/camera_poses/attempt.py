"""One method on one set of photos, in its own process: `python -m bench.camera_poses.attempt METHOD PHOTOS FOLDER`.

It writes `result.json` into the folder: where each placed photo was taken from, what the method says of itself, and
what the stage poses alone took.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconstruction_api.stages import StageName
    from reconstruction_worker.stage import StageContext

OURS, PEER, EARLIER = "recon", "pycolmap", "recon, as it was"
"""The last is what stage poses did of given poses before they were used to compare photos."""


def ours(photos: Path, folder: Path) -> dict[str, Any]:
    """Our stages ingest and poses, with nothing but the defaults."""
    import reconstruction_worker.poses  # noqa: F401  (loads libraries in the order that they bear)
    from reconstruction_api.errors import ReconstructionError
    from reconstruction_api.stages import StageName
    from reconstruction_worker.stages import poses

    try:
        ingested(photos, folder)
        began = time.monotonic(), _processor_seconds()
        (folder / StageName.POSES).mkdir()
        poses.run(context_of(StageName.POSES, photos, folder))
    except ReconstructionError as error:
        return {"error": f"{error.code}: {error.message}", "positions": {}}
    registration = json.loads((folder / "poses" / "registration.json").read_text())
    frames = json.loads((folder / "poses" / "transforms.json").read_text())["frames"]
    originals = {
        Path(photo["name"]).stem: photo["original"]["name"]
        for photo in json.loads((folder / "ingest" / "dataset.json").read_text())["images"]
    }
    return {
        "strategy": registration["strategy"] or f"given, {registration['points']:,} points",
        "strategies": registration["strategies"],
        "positions": {
            originals[Path(frame["file_path"]).stem]: [row[3] for row in frame["transform_matrix"][:3]]
            for frame in frames
        },
        "poses": _since(*began),
    }


def earlier(photos: Path, folder: Path) -> dict[str, Any]:
    """Given poses, as they were handled: COLMAP's features, of each photo compared with those of the ten nearest, and
    one picture written after the other."""
    import reconstruction_worker.poses  # noqa: F401  (loads libraries in the order that they bear)
    from reconstruction_worker.poses.dataset_photos import read_dataset

    from .earlier import write_posed

    ingested(photos, folder)
    dataset = read_dataset(folder)
    began = time.monotonic(), _processor_seconds()
    model = write_posed(folder, dataset)
    originals = {photo.name: photo.original.name for photo in dataset.images}
    return {
        "strategy": f"given, {len(model.points.xyz):,} points",
        "positions": {originals[shot.name]: shot.world_from_camera[:3, 3].tolist() for shot in model.shots},
        "poses": _since(*began),
    }


def context_of(stage: StageName, photos: Path, folder: Path) -> StageContext:
    from reconstruction_api.job import ReconstructionJobSpec
    from reconstruction_worker.stage import StageContext

    spec = ReconstructionJobSpec.model_validate({"source": {"uri": str(photos)}})
    return StageContext(stage, folder, spec, lambda _: None, lambda: False, photos)


def ingested(photos: Path, folder: Path) -> None:
    from reconstruction_api.stages import StageName
    from reconstruction_worker.stages import ingest

    (folder / StageName.INGEST).mkdir()
    ingest.run(context_of(StageName.INGEST, photos, folder))


def _since(moment: float, processor: float) -> dict[str, float]:
    return {"seconds": round(time.monotonic() - moment, 1), "cpu_seconds": round(_processor_seconds() - processor, 1)}


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def pycolmap_defaults(photos: Path, folder: Path) -> dict[str, Any]:
    """SIFT, all pairs, the incremental mapper; every option as it comes, on the CPU."""
    import pycolmap

    import reconstruction_worker.poses  # noqa: F401  (loads libraries in the order that they bear)

    database, models = folder / "database.db", folder / "models"
    models.mkdir(parents=True)
    pycolmap.extract_features(database, photos, device=pycolmap.Device.cpu)
    pycolmap.match_exhaustive(database, device=pycolmap.Device.cpu)
    found = list(pycolmap.incremental_mapping(database, photos, models).values())
    if not found:
        return {"error": "no model", "positions": {}}
    largest = max(found, key=lambda model: model.num_reg_images())
    images = [largest.image(number) for number in largest.reg_image_ids()]
    return {
        "strategy": "defaults",
        "positions": {image.name: image.projection_center().tolist() for image in images},
    }


METHODS = {OURS: ours, PEER: pycolmap_defaults, EARLIER: earlier}


def main() -> None:
    method, photos, folder = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(METHODS[method](photos, folder)))


if __name__ == "__main__":
    main()
