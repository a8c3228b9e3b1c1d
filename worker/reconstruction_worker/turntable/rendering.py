"""The turntable of a model, from its cameras to its files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from reconstruction_api.turntable import TRANSPARENT, Turntable, TurntableRenderer

from ..files import write_document
from ..geometry.render import Picture
from ..geometry.rendering import Camera
from ..stage import StageContext, StageOutput
from .films import write_outputs
from .frames import frame_file, render_frames
from .showing import Show, on_background
from .turntable_document import FILE, TurntableDocument

_FRAMES_PERCENT: Final = 85


def write_turntable(
    context: StageContext,
    turntable: Turntable,
    path: Sequence[Camera],
    renderer: TurntableRenderer,
    show: Callable[[], Show],
) -> StageOutput:
    """Render the frames that are not there, and write what is made of them, in the stage's folder. `show` makes the
    renderer when it is needed. Raises ExportFailed for a film that fails."""

    def prepared() -> Show:
        context.advance(0, f"preparing {renderer}")
        return show()

    def finish(picture: Picture) -> Picture:
        return picture if turntable.background == TRANSPARENT else on_background(picture, turntable.background)

    def advance(done: int) -> None:
        context.advance(_FRAMES_PERCENT * done / len(path), f"frame {done + 1} of {len(path)}")

    rendered = render_frames(path, prepared, finish, context.folder, advance)
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
