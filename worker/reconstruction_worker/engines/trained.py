"""What the train stage left, for the stages that look at it: whatever an engine makes, a field can be asked for."""

from __future__ import annotations

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import StageName

from ..checkpoints import were_removed
from ..geometry.coloured_mesh import ColouredMesh, MeshField
from ..geometry.gaussians import Gaussians
from ..geometry.rendering import Field
from ..stage import StageContext
from .base import Engine, GaussianEngine, Makes
from .engine_document import FILE, EngineDocument
from .registry import engine as named


def trained_field(context: StageContext) -> Field:
    """Load the scene from `train/`, on the device that `spec.training.device` asks for, or on the CPU where the engine
    says that this is enough. A mesh is shown as it is."""
    made = trained(context)
    return MeshField(made) if isinstance(made, ColouredMesh) else made


def trained(context: StageContext) -> Field | ColouredMesh:
    """The same, as the engine made it."""
    from .training.device import choose_device

    _check_kept(context)
    engine = engine_of(context)
    on_cpu = engine.spec.shown_by_cpu
    device = "cpu" if on_cpu else choose_device(context.spec.training.device, engine.spec).type
    made = engine.load(context.of(StageName.TRAIN), context.workspace, device)
    if isinstance(made, ColouredMesh) != (engine.spec.makes is Makes.MESH):
        raise _contradiction(engine.spec.name, engine.spec.makes)
    return made


def engine_of(context: StageContext) -> Engine:
    """The engine that made what is in `train/`: the job's, unless depth maps were fused in its place."""
    document = EngineDocument.read_if_there(context.of(StageName.TRAIN) / FILE)
    return named(document.engine if document is not None else context.spec.chosen_engine)


def trained_makes(context: StageContext) -> Makes:
    """What that engine makes."""
    return engine_of(context).spec.makes


def trained_gaussians(context: StageContext) -> Gaussians | None:
    """Those of an engine that makes Gaussians, or has some beside its mesh, in world units; None of another engine.
    Needs no GPU."""
    engine = engine_of(context)
    if isinstance(engine, GaussianEngine):
        _check_kept(context)
        return engine.gaussians(context.of(StageName.TRAIN))
    if engine.spec.makes is Makes.GAUSSIANS:
        raise _contradiction(engine.spec.name, Makes.GAUSSIANS)
    return None


def coloured_field(context: StageContext) -> tuple[Field, bool]:
    """What has the colours of the trained scene where no photo can give them, and whether that is finer than the
    scene's own mesh: Gaussians that an engine has made beside it."""
    gaussians = trained_gaussians(context) if trained_makes(context) is Makes.MESH else None
    if gaussians is None:
        return trained_field(context), False
    from .gaussians.shown import field_of

    return field_of(gaussians), True


def kept_gaussians(context: StageContext) -> Gaussians | None:
    """The same, and None where they went with the checkpoints."""
    return None if were_removed(context.workspace) else trained_gaussians(context)


def _check_kept(context: StageContext) -> None:
    """Raises InputsRemoved where the trained model went with the checkpoints."""
    if were_removed(context.workspace):
        raise ReconstructionError(
            "InputsRemoved",
            f"Stage {context.name} needs the trained model, which was removed with the checkpoints "
            "(spec.retention.checkpointSeconds).",
            suggestion="Take the change back, or raise spec.redo.train: the training runs again with the photos and "
            "poses that are still there.",
        )


def _contradiction(name: str, makes: Makes) -> ReconstructionError:
    return ReconstructionError(
        "EngineUnavailable",
        f"spec.engine: the installation of '{name}' is faulty: it declares a {makes} and gives something else.",
        details={"engine": name},
    )
