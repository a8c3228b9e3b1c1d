"""What is run again when a field of the spec changes: each leaf has one answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, Field, create_model
from pydantic.fields import FieldInfo

from reconstruction_api.base import ApiModel
from reconstruction_api.baseline import BASELINE
from reconstruction_api.defaults import PATHS, JobDefaults
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.mesh import Mesh
from reconstruction_api.stage_table import FATE, STAGES, WITHOUT_EFFECT

from . import golden_defaults


def leaves(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Path and field of each, with `[]` after a list's name where its entries have fields of their own."""
    for name, field in model.model_fields.items():
        place = f"{path}.{field.alias or name}" if path else field.alias or name
        inner = [(each, is_list) for each, is_list in parts(field.annotation)]
        if not inner:
            yield place, field
        for each, is_list in inner:
            yield from leaves(each, f"{place}[]" if is_list else place)


def parts(annotation: Any, *, in_list: bool = False) -> Iterator[tuple[type[BaseModel], bool]]:
    """Models in a type, and whether they are entries of a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, in_list
    origin = getattr(annotation, "__origin__", None)
    for argument in get_args(annotation):
        yield from parts(argument, in_list=in_list or origin is list)


def covering(path: str, names: Any) -> list[str]:
    plain = path.replace("[]", "")
    return [name for name in names if plain == name or plain.startswith(f"{name}.")]


def answers(path: str) -> list[str]:
    """Who says what a change of this leaf does."""
    stages = [
        stage.name.value
        for stage in STAGES
        if covering(path, stage.all_fields) and not covering(path, stage.apart_from)
    ]
    return [*stages, *(f"fate: {name}" for name in covering(path, FATE)),
            *(f"no effect: {name}" for name in covering(path, WITHOUT_EFFECT))]  # fmt: skip


SHARED = {"poses.knownDistance": ["export", "report"]}
"""What two stages read that must not wait for each other: a job that ends with its poses has no exports."""


@pytest.mark.parametrize("path", [path for path, _ in leaves(ReconstructionJobSpec)])
def test_each_leaf_belongs_to_one_stage_or_to_a_list_of_those_that_belong_to_none(path: str):
    shared = [stages for parent, stages in SHARED.items() if covering(path, [parent])]
    assert answers(path) in shared or len(answers(path)) == 1, answers(path)


def test_a_new_field_is_noticed_until_somebody_says_what_it_does():
    wider = create_model("Mesh", __base__=Mesh, smoothing=(int, Field(default=0)))
    model: type[ApiModel] = create_model("Spec", __base__=ReconstructionJobSpec, mesh=(wider, Field(default=None)))
    assert [path for path, _ in leaves(model) if not answers(path)] == ["mesh.smoothing"]


def test_the_lists_name_nothing_that_does_not_exist():
    paths = [path.replace("[]", "") for path, _ in leaves(ReconstructionJobSpec)]
    of_stages = (field for stage in STAGES for field in (*stage.all_fields, *stage.apart_from))
    named = [*FATE, *WITHOUT_EFFECT, *of_stages]
    assert [name for name in named if not any(path == name or path.startswith(f"{name}.") for path in paths)] == []


def test_each_default_has_a_value_that_digests_leave_out():
    """Else a field that is added changes the digests of all jobs that are there."""
    known = dict(leaves(ReconstructionJobSpec))
    missing = [
        path
        for path, field in known.items()
        if not field.is_required()
        and field.get_default(call_default_factory=True, validated_data={}) is not None
        and path not in BASELINE
    ]
    assert missing == []
    assert set(BASELINE) <= known.keys() | {"exports"}


def test_no_default_of_the_definitions_changes_unnoticed():
    """When this fails, think of the jobs that are stored; then write the file again, as golden_defaults says."""
    assert golden_defaults.present() == golden_defaults.recorded()


def test_a_value_that_a_profile_may_decide_has_no_default_in_the_definition():
    """The API server would fill it in before anybody can look at the profile."""
    golden = golden_defaults.recorded()["ReconstructionJob"]
    assert [path for path in PATHS if f"spec.{path}" in golden] == []
    assert {path for path, _ in leaves(JobDefaults)} == set(PATHS)
