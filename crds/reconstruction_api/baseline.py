"""What a field that a job leaves out has always stood for, as far as digests, plans and older workers are concerned.

A digest is taken of values, not of what happens to be written down: a job that spells a value out equals one that
leaves the field to mean the same. So these values are left out of digests. The table never changes, whatever a later
release makes the default of a field: the API server has written the old defaults into every stored job, and a digest
that began to mention them would run those jobs again. So it is apart from the defaults of the models, and only grows: a
new field enters with the value that describes what was done before there was the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel

from .stage_table import STAGES

BASELINE: Final[Mapping[str, Any]] = {
    "profileName": "default",
    "source.jobRef.reuse": "Poses",
    "source.jobRef.addPhotos": False,
    "source.persistentVolumeClaim.path": "",
    "images.maxSidePixels": 1600,
    "images.videoFrames": 120,
    "images.masks": "Auto",
    "images.depth": "Auto",
    "poses.method": "Auto",
    "poses.minRegisteredPercent": 60,
    "engine": "nerfacto",
    "training.preset": "Production",
    "training.earlyStopping": False,
    "training.holdOut": "Auto",
    "training.depthFusion": "Never",
    "training.device": "Auto",
    "training.gradientAccumulation": 1,
    "training.checkpointEverySteps": 1000,
    "training.keepCheckpoints": 2,
    "training.resultPrecision": "Full",
    "training.seed": 42,
    "mesh.targetFaces": 100_000,
    "mesh.textureSize": 2048,
    "exports": [{"format": "GLB"}],
    "exports[].compression": "None",
    "quality.minPSNR": "25",
    "quality.minSSIM": "0.85",
    "quality.warnPSNR": "20",
    "quality.warnSSIM": "0.75",
    "quality.onFailure": "Fail",
    "turntable.frames": 1440,
    "turntable.preset": "Square",
    "turntable.framesPerSecond": 60,
    "turntable.path": "Circle",
    "turntable.turnDegrees": 360,
    "turntable.elevationDegrees": 15,
    "turntable.distancePercent": 100,
    "turntable.easing": "Linear",
    "turntable.background": "Transparent",
    "turntable.renderer": "Auto",
    "turntable.outputs": ["Frames", "WebP", "ContactSheet", "Poster"],
    "bundle": False,
    "destination.persistentVolumeClaim.path": "",
    "destination.requesterPays": False,
    "suspend": False,
    "retryPolicy.maxAttempts": 4,
    "retryPolicy.backoffSeconds": 10,
    **{f"redo.{stage.name}": 0 for stage in STAGES if stage.redo},
}
"""By the field's path in a spec, `[]` after a list's name for its entries. A field that is not here stands for nothing
when it is unset."""

Document = dict[str, Any]


def explicit(model: BaseModel, path: str = "", *, by_alias: bool = True, portable: bool = False) -> Document:
    """A model as JSON data without the values of the table above; `path` is where the model is in a spec.

    With `portable`, a value is left out only where the model's own default agrees with the table, so that readers of
    this release and of earlier ones take the rest to mean the same.
    """
    document: Document = {}
    values = model.model_dump(mode="json", by_alias=True)
    for name, field in type(model).model_fields.items():
        alias = field.alias or name
        leaf = f"{path}.{alias}" if path else alias
        value = getattr(model, name)
        if value is None:
            continue
        plain, usual = values[alias], BASELINE.get(leaf)
        if isinstance(value, BaseModel):
            plain, usual = explicit(value, leaf, by_alias=by_alias, portable=portable), {}
            if field.default is None:  # what may be unset says something by being there
                usual = None
        elif isinstance(value, list):
            plain = [_entry(each, f"{leaf}[]", by_alias, portable) for each in value]  # pyright: ignore[reportUnknownVariableType]
        if plain == usual and (not portable or isinstance(value, BaseModel) or value == _default(model, name)):
            continue
        document[alias if by_alias else name] = plain
    return document


def _entry(value: Any, path: str, by_alias: bool, portable: bool) -> Any:
    return explicit(value, path, by_alias=by_alias, portable=portable) if isinstance(value, BaseModel) else value


def _default(model: BaseModel, name: str) -> Any:
    field = type(model).model_fields[name]
    return None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})


def with_baseline(document: Document) -> Document:
    """The other way round: a spec's JSON data with what was left out, as far as it is outside lists and optional parts
    that are not there."""
    result: Document = {**document}
    for path, value in BASELINE.items():
        if "[]" in path or (path == "engine" and "engines" in document):
            continue
        *parents, last = path.split(".")
        if parents and parents[0] in _OPTIONAL and not isinstance(document.get(parents[0]), dict):
            continue
        _set(result, parents, last, value)
    return result


_OPTIONAL: Final = ("redo", "destination", "turntable")


def _set(document: Document, parents: list[str], last: str, value: Any) -> None:
    """Where it is unset, without changing what `document` shares with another."""
    for parent in parents:
        known = document.get(parent)
        if known is None and parents[0] in ("source", "destination"):
            return
        document[parent] = {**known} if isinstance(known, dict) else {}
        document = document[parent]
    document.setdefault(last, value)
