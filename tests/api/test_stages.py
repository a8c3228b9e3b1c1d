"""The stage graph: what a change of the spec invalidates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconstruction_api.first_release import FIRST_STAGES
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import (
    BY_NAME,
    STAGES,
    ResourceClass,
    StageName,
    class_digest,
    graph_of,
    overall_percent,
    reads_source,
    reused_stages,
    stage_digests,
    stage_settings,
    stages_of,
)

ASKED_FOR = {StageName.RENDER, StageName.BUNDLE, StageName.PUBLISH}
ALL = set(StageName) - ASKED_FOR
FROM_TRAIN = ALL - {StageName.INGEST, StageName.POSES}
FROM_MESH = {StageName.MESH, StageName.TEXTURE, StageName.EVALUATE, StageName.EXPORT, StageName.REPORT}
KNOWN = {"start": ["0", "0", "0"], "end": ["0", "0", "1"], "metres": "2"}


def spec(**changes: Any) -> ReconstructionJobSpec:
    return ReconstructionJobSpec.model_validate({"source": {"uri": "s3://photos/"}} | changes)


def changed(**changes: Any) -> set[StageName]:
    """Stages that must run again after a change of the default spec."""
    before, after = stage_digests(spec()), stage_digests(spec(**changes))
    return {name for name in StageName if before.get(name) != after.get(name)}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"source": {"uri": "s3://others/"}}, ALL),
        ({"images": {"maxSidePixels": 800}}, ALL),
        ({"poses": {"minRegisteredPercent": 80}}, ALL - {StageName.INGEST}),
        ({"poses": {"knownDistance": KNOWN}}, {StageName.EXPORT, StageName.REPORT}),
        ({"training": {"steps": 5000}}, FROM_TRAIN),
        ({"training": {"seed": 1}}, FROM_TRAIN),
        ({"engine": "splatfacto"}, FROM_TRAIN),
        ({"mesh": {"targetFaces": 5000}}, FROM_MESH),
        ({"mesh": {"textureSize": 512}}, FROM_MESH - {StageName.MESH}),
        ({"exports": [{"format": "PLY"}]}, {StageName.EXPORT, StageName.REPORT}),
        ({"quality": {"minPSNR": "30"}}, {StageName.EVALUATE, StageName.REPORT}),
        ({"destination": {"uri": "s3://assets/statue/"}}, {StageName.PUBLISH}),
        ({"bundle": True}, {StageName.BUNDLE}),
        ({"turntable": {"frames": 24}}, {StageName.RENDER, StageName.REPORT}),
    ],
)
def test_a_change_runs_only_what_depends_on_it(change: dict[str, Any], again: set[StageName]):
    assert changed(**change) == again


@pytest.mark.parametrize(
    "change",
    [
        {"suspend": True},
        {"retryPolicy": {"maxAttempts": 1}},
        {"activeDeadlineSeconds": 60},
        {"profileName": "other"},
        {"training": {"checkpointEverySteps": 50}},
        {"training": {"keepCheckpoints": 9}},
    ],
    ids=str,
)
def test_what_does_not_touch_the_result_runs_nothing_again(change: dict[str, Any]):
    assert changed(**change) == set()


def test_writing_a_default_down_changes_nothing():
    assert changed(training={"seed": 42}, exports=[{"format": "GLB"}]) == set()


def test_digests_are_the_same_in_every_process():
    """Operator and worker compare them; a change here makes every finished job run again. Of the first release's
    stages: an evaluation that reads other results has another digest, and so has the report that reads it."""
    assert (
        stage_digests(spec(quality={"onFailure": "Fail"}), FIRST_STAGES)[StageName.REPORT]
        == "ea53f0cf54d63039fb50a4416fec30f306460351bc1ebb09d32348e6d707c532"
    )


def test_a_class_runs_again_when_one_of_its_stages_must():
    before, after = stage_digests(spec()), stage_digests(spec(mesh={"targetFaces": 5000}))
    again = {c for c in ResourceClass if class_digest(c, before) != class_digest(c, after)}
    assert again == {ResourceClass.RECONSTRUCT, ResourceClass.DELIVER}


def test_every_stage_comes_after_what_it_needs():
    seen: set[StageName] = set()
    for stage in STAGES:
        assert set(stage.needs) <= seen
        seen.add(stage.name)
    assert seen == ALL | ASKED_FOR


def test_a_bundle_is_published_where_there_is_one():
    wanted = {"bundle": True, "destination": {"uri": "s3://assets/statue/"}}
    needs = [
        {stage.name: stage.needs for stage in graph_of(spec(**each))} for each in (wanted, {**wanted, "bundle": False})
    ]
    assert [each[StageName.PUBLISH] for each in needs] == [(StageName.REPORT, StageName.BUNDLE), (StageName.REPORT,)]
    ending = graph_of(spec(endAfter="Poses", **wanted))
    assert [stage.name for stage in ending] == ["ingest", "poses", "report", "bundle", "publish"]


def test_classes_run_one_after_the_other_without_returning():
    """Each class is one child Job, so no stage may need one of a later class."""
    order = list(ResourceClass)
    assert [stage for c in order for stage in stages_of(c)] == list(STAGES)
    for stage in STAGES:
        for need in stage.needs:
            assert order.index(BY_NAME[need].resource_class) <= order.index(stage.resource_class)


def test_every_field_that_a_stage_names_exists():
    document = spec(redo={}).model_dump(by_alias=True)
    for path in (path for stage in STAGES for path in stage.all_fields):
        section, _, member = path.partition(".")
        assert section in document and (not member or member in document[section]), path


def test_a_job_that_ends_after_its_poses_has_no_other_stages_and_keeps_these_when_it_goes_on():
    ending = stage_digests(spec(endAfter="Poses"))
    assert list(ending) == [StageName.INGEST, StageName.POSES, StageName.REPORT]
    whole = stage_digests(spec())
    assert {name for name in ending if ending[name] == whole[name]} == {StageName.INGEST, StageName.POSES}
    done = [StageName.INGEST, StageName.POSES]
    assert overall_percent(done, StageName.REPORT, 100, graph_of(spec(endAfter="Poses"))) == 100


@pytest.mark.parametrize(
    ("reuse", "stages"),
    [("Photos", ["ingest"]), ("Poses", ["ingest", "poses"]), ("Training", ["ingest", "poses", "train"])],
)
def test_what_is_reused_is_copied_by_the_pod_that_prepares(reuse: str, stages: list[str]):
    chained = spec(source={"jobRef": {"name": "base", "reuse": reuse}})
    assert list(reused_stages(chained)) == stages
    graph, prepare = graph_of(chained), ResourceClass.PREPARE
    assert [stage.name for stage in stages_of(prepare, graph)] == ["ingest", "poses", "train"][: max(2, len(stages))]
    assert [stage.name for stage in graph] == [stage.name for stage in STAGES if stage.name in ALL]
    assert [c for c in ResourceClass if reads_source(c)] == [prepare]
    assert reused_stages(spec()) == ()


def test_a_copied_training_is_no_part_of_the_pods_with_a_gpu():
    """Another mesh from it needs nothing of the other job."""
    chained = {"source": {"jobRef": {"name": "base", "reuse": "Training"}}}
    before, after = spec(**chained), spec(mesh={"targetFaces": 5000}, **chained)
    again = {c for c in ResourceClass if _digest_of(c, before) != _digest_of(c, after)}
    assert again == {ResourceClass.RECONSTRUCT, ResourceClass.DELIVER}
    copies = spec(redo={"train": 1}, **chained)
    assert _digest_of(ResourceClass.PREPARE, before) != _digest_of(ResourceClass.PREPARE, copies)


def _digest_of(resource_class: ResourceClass, wanted: ReconstructionJobSpec) -> str:
    return class_digest(resource_class, stage_digests(wanted), graph_of(wanted))


def test_settings_are_what_differs_from_the_defaults():
    """So a field that a later release adds leaves finished stages finished."""
    train = BY_NAME[StageName.TRAIN]
    assert stage_settings(train, spec(training={"steps": 500, "seed": 42})) == {"training.steps": 500}


@given(st.sets(st.sampled_from(StageName)), st.sampled_from(StageName) | st.none(), st.floats(-10, 200))
def test_the_percentage_stays_between_nothing_and_all(done: set[StageName], running: StageName | None, percent: float):
    assert 0 <= overall_percent(done - {running}, running, percent) <= 100


def test_the_percentage_only_grows_while_the_job_goes_on():
    reached = [
        overall_percent([before.name for before in STAGES[:index]], stage.name, percent)
        for index, stage in enumerate(STAGES)
        for percent in (0, 50, 100)
    ]
    assert reached == sorted(reached)
    assert (reached[0], reached[-1]) == (0, 100)
