"""Stage `render`: the turntable of `spec.turntable`, frame by frame, and what is made of the frames."""

from __future__ import annotations

import numpy as np

from reconstruction_api.stages import StageName
from reconstruction_api.turntable import TurntableRenderer

from ..engines.trained import trained_field, trained_makes
from ..exporters.textured_model import load_model
from ..geometry.scene import load_scene
from ..stage import StageContext, StageOutput
from ..turntable.films import check_outputs
from ..turntable.named_path import poses_of_file
from ..turntable.paths import cameras, subject_of
from ..turntable.rendering import write_turntable
from ..turntable.showing import Show, renderer_for, show_field, show_mesh
from ..turntable.turntable_document import TurntableDocument

DOCUMENT = TurntableDocument


def run(context: StageContext) -> StageOutput:
    """Raises InvalidSpec for what the engine or the image can't do, InvalidPoses for a path that is none, and
    ExportFailed for a film that fails."""
    turntable = context.spec.turntable
    assert turntable is not None, "the graph has this stage for jobs with a turntable"
    check_outputs(turntable)
    renderer = renderer_for(context.spec, trained_makes(context))
    scene = load_scene(context.workspace)
    model = load_model(context.of(StageName.TEXTURE), metres_per_unit=None)
    poses = poses_of_file(context)
    path = cameras(turntable, scene, subject_of(scene, model.vertices.astype(np.float64)), poses)

    def show() -> Show:
        return show_mesh(model) if renderer is TurntableRenderer.MESH else show_field(trained_field(context))

    return write_turntable(context, turntable, path, renderer, show)
