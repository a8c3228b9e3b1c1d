"""What fills the fields that a job leaves unset: the profile's `defaults`, else what is built in.

Values that may change, with a profile or with a release, are no defaults of the CustomResourceDefinition: those would
be written into every stored job, where nobody can tell them from a wish. They are filled in when a job is accepted, and
`status.defaults` keeps what was filled in.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import Field, ValidationError
from pydantic.alias_generators import to_camel, to_snake

from .base import MAX_SECONDS, ApiModel, DecimalString, DNSLabel
from .baseline import BASELINE
from .job import BUILT_IN_ENGINE, ReconstructionJobSpec
from .lifecycle import MAX_RETENTION_SECONDS, Retention
from .mesh import Mesh, MeshCrop, TextureSource
from .quality import BUILT_IN_BAR, Quality, QualityAction
from .rules import Rule
from .source import Reuse
from .training import BUILT_IN_PRESET, MAX_STEPS, DepthFusion, Training, TrainingPreset


class TrainingDefaults(ApiModel):
    """How the engine is trained where a job does not say."""

    preset: TrainingPreset | None = None
    """`spec.training.preset` of jobs that leave it unset; Production when unset here too."""
    steps: int | None = Field(default=None, ge=1, le=MAX_STEPS)
    """`spec.training.steps` of jobs that set neither it nor `preset`."""
    time_budget_seconds: int | None = Field(default=None, ge=10, le=MAX_SECONDS)
    """`spec.training.timeBudgetSeconds` of jobs that leave it unset."""
    depth_fusion: DepthFusion | None = None
    """`spec.training.depthFusion` of jobs that set neither it nor `engine` or `engines`; when unset here too, Auto
    where `engine` is unset here as well, and the profile offers `depth-fusion`."""


class MeshDefaults(ApiModel):
    """What the mesh shows, and its colours are from, where a job does not say."""

    rules: ClassVar = (
        Rule(
            "crop Box is for a job, which knows its box",
            cel="!has(self.crop) || self.crop != 'Box'",
            holds=lambda mesh: mesh.crop is not MeshCrop.BOX,
            field="crop",
        ),
    )

    crop: MeshCrop | None = None
    """`spec.mesh.crop` of jobs that leave it unset; Scene when unset here too."""
    texture_source: TextureSource | None = None
    """`spec.mesh.textureSource` of jobs that leave it unset; Training when unset here too."""


class QualityDefaults(ApiModel):
    """The bar for held-out views where a job does not say."""

    min_psnr: DecimalString | None = Field(default=None, alias="minPSNR")
    """`spec.quality.minPSNR` of jobs that leave it unset; 25 when unset here too."""
    min_ssim: DecimalString | None = Field(default=None, alias="minSSIM")
    """`spec.quality.minSSIM` of jobs that leave it unset; 0.85 when unset here too."""
    warn_psnr: DecimalString | None = Field(default=None, alias="warnPSNR")
    """`spec.quality.warnPSNR` of jobs that leave it unset; 20 when unset here too."""
    warn_ssim: DecimalString | None = Field(default=None, alias="warnSSIM")
    """`spec.quality.warnSSIM` of jobs that leave it unset; 0.75 when unset here too."""
    on_failure: QualityAction | None = None
    """`spec.quality.onFailure` of jobs that leave it unset; Warn when unset here too."""


class RetentionDefaults(ApiModel):
    """How long ended jobs are kept where they do not say."""

    workspace_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """`spec.retention.workspaceSeconds` of jobs that leave it unset; forever when unset here too."""
    checkpoint_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """`spec.retention.checkpointSeconds` of jobs that leave it unset; with the workspace when unset here too."""
    artifact_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """`spec.retention.artifactSeconds` of jobs that leave it unset; with the workspace when unset here too."""
    published_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """`spec.retention.publishedSeconds` of jobs that leave it unset; forever when unset here too."""
    job_seconds: int | None = Field(default=None, ge=0, le=MAX_RETENTION_SECONDS)
    """`spec.retention.jobSeconds` of jobs that leave it unset; forever when unset here too."""


class JobDefaults(ApiModel):
    """Values for fields that a job leaves unset, in the place that they have in a job. A value that contradicts what
    the job says gives way: a lower `minPSNR` of the job lowers the `warnPSNR` filled in, and a deadline that is filled
    in is left out where the job's own one contradicts it."""

    engine: DNSLabel | None = None
    """`spec.engine` of jobs that leave it and `engines` unset; nerfacto when unset here too."""
    training: TrainingDefaults | None = None
    """How the engine is trained. Jobs that take over another job's training take none of it."""
    mesh: MeshDefaults | None = None
    """What the mesh shows."""
    quality: QualityDefaults | None = None
    """The bar for held-out views."""
    retention: RetentionDefaults | None = None
    """How long the workspace, parts of it, what was published and the job are kept after the end."""
    soft_deadline_seconds: int | None = Field(default=None, ge=1, le=MAX_SECONDS)
    """`spec.softDeadlineSeconds` of jobs that leave it unset."""
    active_deadline_seconds: int | None = Field(default=None, ge=1, le=MAX_SECONDS)
    """`spec.activeDeadlineSeconds` of jobs that leave it unset."""


_PARTS: Final[dict[str, type[ApiModel]]] = {
    "training": TrainingDefaults,
    "mesh": MeshDefaults,
    "quality": QualityDefaults,
    "retention": RetentionDefaults,
}


DEFAULTS_RULES: Final[tuple[Rule, ...]] = (
    *(rule.below("defaults.quality") for rule in Quality.rules),
    *(rule.below("defaults.retention") for rule in Retention.rules),
    *(rule.below("defaults") for rule in ReconstructionJobSpec.rules if rule.field == "softDeadlineSeconds"),
)
"""For a profile, over its `defaults`."""

Values = dict[str, str | int]
"""Values by the field's path in a spec; what is unset is absent."""

DEPTH_FUSION: Final = "training.depthFusion"

PATHS: Final = (
    "engine",
    "training.preset",
    "training.steps",
    "training.timeBudgetSeconds",
    DEPTH_FUSION,
    "mesh.crop",
    "mesh.textureSource",
    "quality.minPSNR",
    "quality.minSSIM",
    "quality.warnPSNR",
    "quality.warnSSIM",
    "quality.onFailure",
    "retention.workspaceSeconds",
    "retention.checkpointSeconds",
    "retention.artifactSeconds",
    "retention.publishedSeconds",
    "retention.jobSeconds",
    "softDeadlineSeconds",
    "activeDeadlineSeconds",
)
"""The fields that can be filled in."""

BUILT_IN: Final[Values] = {
    "engine": BUILT_IN_ENGINE,
    "training.preset": BUILT_IN_PRESET.value,
    DEPTH_FUSION: DepthFusion.AUTO.value,
    "quality.minPSNR": BUILT_IN_BAR.min_psnr,
    "quality.minSSIM": BUILT_IN_BAR.min_ssim,
    "quality.warnPSNR": BUILT_IN_BAR.warn_psnr,
    "quality.warnSSIM": BUILT_IN_BAR.warn_ssim,
    "quality.onFailure": BUILT_IN_BAR.on_failure.value,
}
FIRST_RELEASE: Final[Values] = {path: BASELINE[path] for path in PATHS if path in BASELINE}
"""What the release without profile defaults took for an unset field."""


@dataclass(frozen=True, slots=True)
class _Order:
    """Two fields of which the first must not exceed the second."""

    lower: str
    upper: str
    drops: bool = False
    """A filled-in value that contradicts the job's is left out instead of becoming equal to it."""


_ORDERS: Final = (
    _Order("quality.warnPSNR", "quality.minPSNR"),
    _Order("quality.warnSSIM", "quality.minSSIM"),
    _Order("retention.workspaceSeconds", "retention.jobSeconds"),
    _Order("retention.checkpointSeconds", "retention.jobSeconds"),
    _Order("retention.artifactSeconds", "retention.jobSeconds"),
    _Order("retention.publishedSeconds", "retention.jobSeconds"),
    _Order("softDeadlineSeconds", "activeDeadlineSeconds", drops=True),
)


def values_of(part: ReconstructionJobSpec | JobDefaults | None) -> Values:
    """The fields that can be filled in, as far as they are set."""
    document = part.model_dump(mode="json", by_alias=True, exclude_none=True) if part is not None else {}
    return {path: value for path in PATHS if (value := value_at(document, path)) is not None}


def filled(spec: ReconstructionJobSpec, *layers: Values) -> Values:
    """What the fields stand for that a job leaves unset: by the first layer that has a value, else as built in."""
    own = values_of(spec)
    result: Values = {}
    for layer in (*layers, BUILT_IN):
        usable = {path: value for path, value in layer.items() if path not in own and path not in result}
        if layer is BUILT_IN and "engine" not in usable:  # the profile wants an engine, or it was chosen long ago
            usable.pop(DEPTH_FUSION, None)
        result |= _agreeing(_applicable(usable, spec), own | result)
    return result


def completed(spec: ReconstructionJobSpec, fill: Values | None = None) -> ReconstructionJobSpec:
    """The spec with these values where it has none; without values, as it is where there is no profile."""
    fill = filled(spec) if fill is None else fill
    unset = {path: value for path, value in fill.items() if path not in values_of(spec)}
    if not unset:
        return spec
    return spec.model_copy(update={name: _filled_part(spec, name, unset) for name in _names(unset)})


def _applicable(values: Values, spec: ReconstructionJobSpec) -> Values:
    """Without what has no effect on such a job."""
    reuse = spec.source.job_ref.reuse if spec.source.job_ref is not None else None
    if reuse is not None and reuse.trained:
        values = {path: value for path, value in values.items() if not path.startswith("training.")}
    if reuse is Reuse.MODEL:
        values = {path: value for path, value in values.items() if not path.startswith("quality.")}
    if spec.named_engines:  # who names an engine wants it
        values = {path: value for path, value in values.items() if path not in ("engine", DEPTH_FUSION)}
    if spec.training.preset is not None:  # who names a preset wants its number of steps
        values = {path: value for path, value in values.items() if path != "training.steps"}
    return values


def _agreeing(values: Values, stronger: Values) -> Values:
    """The values, made to agree with those that come before them."""
    result = dict(values)
    for order in _ORDERS:
        lower, upper = order.lower, order.upper
        for weak, strong in ((lower, upper), (upper, lower)):
            if weak not in result or strong not in stronger:
                continue
            pair = {weak: float(result[weak]), strong: float(stronger[strong])}
            if order.drops and pair[lower] >= pair[upper]:
                del result[weak]
            elif pair[lower] > pair[upper]:
                result[weak] = stronger[strong]
    return result


def _names(values: Values) -> set[str]:
    """Names of the spec's fields, in Python, that hold the values."""
    return {to_snake(path.partition(".")[0]) for path in values}


def _filled_part(spec: ReconstructionJobSpec, name: str, values: Values) -> Any:
    """A field of the spec with the values in it; a value that this release does not know is left out."""
    if name in values or to_camel(name) in values:
        return values[to_camel(name)]
    known: Training | Mesh | Quality | Retention = getattr(spec, name) or Retention()
    model, chosen = _PARTS[name], dict[str, Any]()
    for path, value in values.items():
        part, _, member = path.partition(".")
        if part == name:
            with suppress(ValidationError):
                chosen |= {key: each for key, each in model.model_validate({member: value}) if each is not None}
    return known.model_copy(update=chosen)


def value_at(document: dict[str, Any], path: str) -> Any:
    """The value of a field in a spec as JSON data; None where there is none."""
    value: Any = document
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return value  # pyright: ignore[reportUnknownVariableType]
