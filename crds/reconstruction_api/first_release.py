"""The stages as the release had them that kept no plan in status: never to be changed.

Jobs that were accepted by it are given the plan that it would have computed, and so go on as they began, whatever the
table in `stages` has become. A plan that a rollback to that release has removed from a status comes back in this way.
"""

from __future__ import annotations

from typing import Final

from .stages import ResourceClass, Stage, StageName

_P, _R, _D = ResourceClass.PREPARE, ResourceClass.RECONSTRUCT, ResourceClass.DELIVER
_N = StageName

FIRST_STAGES: Final[tuple[Stage, ...]] = (
    Stage(_N.INGEST, _P, (), ("source", "images", "redo.ingest"), 3, 3),
    Stage(_N.POSES, _P, (_N.INGEST,), ("poses", "redo.poses"), 12, 5),
    Stage(
        _N.TRAIN,
        _R,
        (_N.POSES,),
        (
            "engine",
            "training.preset",
            "training.steps",
            "training.timeBudgetSeconds",
            "training.earlyStopping",
            "training.holdOut",
            "training.device",
            "training.raysPerStep",
            "training.gradientAccumulation",
            "training.seed",
            "redo.train",
        ),
        60,
        3,
    ),
    Stage(_N.EVALUATE, _R, (_N.TRAIN,), ("quality", "redo.evaluate"), 5, 3),
    Stage(_N.MESH, _R, (_N.TRAIN,), ("mesh.targetFaces", "redo.mesh"), 10, 3),
    Stage(_N.TEXTURE, _R, (_N.MESH,), ("mesh.textureSize", "redo.texture"), 6, 2),
    Stage(_N.EXPORT, _D, (_N.TEXTURE,), ("exports", "redo.export"), 2, 2),
    Stage(_N.REPORT, _D, (_N.EVALUATE, _N.EXPORT), ("redo.report",), 2, 3),
)
