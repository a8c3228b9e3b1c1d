"""Stage `render`: the turntable of `spec.turntable`, frame by frame, and what is made of the frames."""

from __future__ import annotations

import numpy as np

from reconstruction_api.stages import StageName
from reconstruction_api.turntable import TRANSPARENT, TurntableRenderer

from ..engines.trained import trained_field, trained_makes
from ..exporters.textured_model import load_model
from ..files import write_document
from ..geometry.render import Picture
from ..geometry.scene import load_scene
from ..stage import StageContext, StageOutput
from ..turntable.films import check_outputs, write_outputs
from ..turntable.frames import frame_file, render_frames
from ..turntable.named_path import poses_of_file
from ..turntable.paths import cameras, subject_of
from ..turntable.showing import Show, on_background, renderer_for, show_field, show_mesh
from ..turntable.turntable_document import FILE, TurntableDocument

DOCUMENT = TurntableDocument
_FRAMES_PERCENT = 85


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
        context.advance(0, f"preparing {renderer}")
        return show_mesh(model) if renderer is TurntableRenderer.MESH else show_field(trained_field(context))

    def finish(picture: Picture) -> Picture:
        return picture if turntable.background == TRANSPARENT else on_background(picture, turntable.background)

    def advance(done: int) -> None:
        context.advance(_FRAMES_PERCENT * done / len(path), f"frame {done + 1} of {len(path)}")

    rendered = render_frames(path, show, finish, context.folder, advance)
    files = write_outputs(
        turntable,
        [frame_file(context.folder, number) for number in range(len(path))],
        context.folder,
        lambda done, text: context.advance(
            _FRAMES_PERCENT + (100 - _FRAMES_PERCENT) * done / len(turntable.outputs), text
        ),
    )
    width, height = turntable.size
    document = TurntableDocument(
        frames=len(path), width=width, height=height, renderer=renderer, files=[file.name for file in files]
    )
    write_document(context.folder / FILE, document)
    resumed = f", {len(path) - rendered} were there" if rendered < len(path) else ""
    return StageOutput(f"{len(path)} frames of {width} x {height} from {renderer.lower()}{resumed}")
