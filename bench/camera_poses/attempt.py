"""One method on one set of photos, in its own process: `python -m bench.camera_poses.attempt METHOD PHOTOS FOLDER`.

It writes `result.json` into the folder: where each placed photo was taken from, and what the method says of itself.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

OURS, PEER = "recon", "pycolmap"


def ours(photos: Path, folder: Path) -> dict[str, Any]:
    """Our stages ingest and poses, with nothing but the defaults."""
    import reconstruction_worker.poses  # noqa: F401  (loads libraries in the order that they bear)
    from reconstruction_api.errors import ReconstructionError
    from reconstruction_api.job import ReconstructionJobSpec
    from reconstruction_api.stages import StageName
    from reconstruction_worker.stage import StageContext
    from reconstruction_worker.stages import ingest, poses

    spec = ReconstructionJobSpec.model_validate({"source": {"uri": str(photos)}})
    for stage, run, source in ((StageName.INGEST, ingest.run, photos), (StageName.POSES, poses.run, None)):
        (folder / stage).mkdir(parents=True)
        try:
            run(StageContext(stage, folder, spec, lambda _: None, lambda: False, source))
        except ReconstructionError as error:
            return {"error": f"{error.code}: {error.message}", "positions": {}}
    registration = json.loads((folder / "poses" / "registration.json").read_text())
    frames = json.loads((folder / "poses" / "transforms.json").read_text())["frames"]
    originals = {
        Path(photo["name"]).stem: photo["original"]["name"]
        for photo in json.loads((folder / "ingest" / "dataset.json").read_text())["images"]
    }
    return {
        "strategy": registration["strategy"],
        "strategies": registration["strategies"],
        "positions": {
            originals[Path(frame["file_path"]).stem]: [row[3] for row in frame["transform_matrix"][:3]]
            for frame in frames
        },
    }


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


METHODS = {OURS: ours, PEER: pycolmap_defaults}


def main() -> None:
    method, photos, folder = sys.argv[1], Path(sys.argv[2]).resolve(), Path(sys.argv[3])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(METHODS[method](photos, folder)))


if __name__ == "__main__":
    main()
