"""The document that each stage leaves: declared in the API's table of stages, with its model in the stage's module."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from reconstruction_api.documents.base import problem_of
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.stages import BY_NAME

from .stage import StageContext


def check_document(context: StageContext, model: type[BaseModel] | None) -> None:
    """Raises InternalError where a stage has left no document, or not the one it declares: the stages after it, the
    report and other programs read it. `model` is None of modules that declare none."""
    if model is None:
        return
    name = BY_NAME[context.name].document
    try:
        model.model_validate_json((context.folder / name).read_bytes())
    except FileNotFoundError:
        problem = "is not there"
    except ValidationError as error:
        problem = f"is not what it should be: {problem_of(error)}"
    else:
        return
    raise ReconstructionError("InternalError", f"Stage {context.name} has ended, but its {name} {problem}.")
