"""The smallest engine: whatever the photos show, it makes a ball in their mean colour. It needs no camera poses, so
that `poses.method: None` is allowed with it.

The worker asks for `ENGINE.spec` where nothing of the engine may be imported, so libraries are imported in functions.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconstruction_worker.engines.base import EngineSpec, Makes

if TYPE_CHECKING:
    from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
    from reconstruction_worker.stage import StageContext, StageOutput

RESULT: Final = "colour.json"
RADIUS: Final = 0.8
"""In world units: the scene is the cube [-1, 1]^3."""


class ConstantEngine:
    spec = EngineSpec(
        name="constant",
        licence="Apache-2.0",
        paper="https://example.org/constant",
        min_images=2,
        max_images=1000,
        makes=Makes.MESH,
        needs_poses=False,
    )

    def fit(self, context: StageContext) -> StageOutput:
        import numpy as np
        from PIL import Image

        from reconstruction_worker.engines.engine_document import FILE, EngineDocument
        from reconstruction_worker.files import write_document, write_json
        from reconstruction_worker.ingest.dataset import Dataset
        from reconstruction_worker.stage import StageOutput

        dataset = Dataset.model_validate_json((context.workspace / "ingest" / "dataset.json").read_bytes())
        means: list[list[float]] = []
        for done, photo in enumerate(dataset.images):
            context.advance(100 * done / len(dataset.images), photo.name)  # says how far it is; ends when asked to stop
            with Image.open(context.workspace / photo.file) as image:
                means.append(np.asarray(image.convert("RGB")).mean(axis=(0, 1)).tolist())
        write_json(context.folder / RESULT, [round(value) for value in np.mean(means, axis=0).tolist()])
        document = EngineDocument(engine=self.spec.name, licence=self.spec.licence, device="cpu")
        write_document(context.folder / FILE, document)
        return StageOutput(f"mean colour of {len(means)} photos")

    def load(self, folder: Path, workspace: Path, device: str) -> ColouredMesh:
        import numpy as np
        import trimesh

        from reconstruction_worker.geometry.coloured_mesh import ColouredMesh
        from reconstruction_worker.geometry.mesh import Mesh

        ball = trimesh.creation.icosphere(subdivisions=3, radius=RADIUS)
        colour = json.loads((folder / RESULT).read_text())
        mesh = Mesh(np.asarray(ball.vertices, np.float64), np.asarray(ball.faces, np.int32))
        return ColouredMesh(mesh, np.tile(np.array(colour, np.uint8), (len(ball.vertices), 1)))


ENGINE = ConstantEngine()
