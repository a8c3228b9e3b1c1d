"""`parse_job` and `parse_profile`: every mistake of a YAML file, by field and line."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.manifests import ClusterProfileManifest, ProfileManifest
from reconstruction_api.validation import parse_job, parse_profile

HEAD = """\
apiVersion: reconstruction.dev/v1alpha1
kind: ReconstructionJob
metadata:
  name: statue
"""


def job(spec: str) -> str:
    """A job whose spec begins in line 6 of the file."""
    return HEAD + "spec:\n" + textwrap.indent(textwrap.dedent(spec), "  ")


def mistakes(text: str) -> list[str]:
    """What is wrong with a file, as lines for people."""
    with pytest.raises(ReconstructionError) as caught:
        parse_job(text)
    assert caught.value.code == "InvalidSpec"
    return [line.strip() for line in str(caught.value).splitlines() if not line.endswith("mistakes:")]


def test_a_good_file_becomes_a_job():
    manifest = parse_job(job("source: {uri: photos}\nmesh: {targetFaces: 5000}\n"))
    assert (manifest.metadata.name, manifest.spec.source.uri, manifest.spec.mesh.target_faces) == (
        "statue",
        "photos",
        5000,
    )


def test_what_kubernetes_added_to_a_file_does_no_harm():
    text = job("source: {uri: photos}\n").replace("  name: statue", "  name: statue\n  uid: 1-2\n  generation: 3")
    assert parse_job(text + "status:\n  stage: train\n").spec.source.uri == "photos"


@pytest.mark.parametrize(
    ("spec", "mistake"),
    [
        ("source: {uri: a}\ntraining:\n  steps: 0\n", "spec.training.steps: must be at least 1 (line 8)"),
        ("source: {uri: a}\nmesh: {textureSize: 9999}\n", "spec.mesh.textureSize: must be at most 8192 (line 7)"),
        ("source: {uri: a}\ntrainng: {}\n", "spec.trainng: unknown field; did you mean training? (line 7)"),
        ("source: {uri: a}\nsteps: 5\n", "spec.steps: unknown field; did you mean spec.training.steps? (line 7)"),
        ("source: {uri: a}\nzebra: 5\n", "spec.zebra: unknown field (line 7)"),
        ("engine: nerfacto\n", "spec.source: required (line 5)"),
        (
            "source: {persistentVolumeClaim: {path: a}}\n",
            "spec.source.persistentVolumeClaim.claimName: required (line 6)",
        ),
        ("source: {}\n", "spec.source: set exactly one of uri, persistentVolumeClaim and jobRef (line 6)"),
        (
            "source: {jobRef: {name: a, addPhotos: true}}\n",
            "spec.source.uri: jobRef.addPhotos adds the photos at uri or on persistentVolumeClaim: set one of the two "
            "beside jobRef (line 6)",
        ),
        (
            "source: {uri: b, jobRef: {name: a, addPhotos: true, reuse: Training}}\n",
            "spec.source.jobRef.addPhotos: addPhotos places photos into camera poses that are taken over: it needs "
            "reuse Poses (line 6)",
        ),
        (
            "source: {uri: b, jobRef: {name: a}}\n",
            "spec.source: set exactly one of uri, persistentVolumeClaim and jobRef (line 6)",
        ),
        (
            "source:\n  secretName: keys\n  persistentVolumeClaim: {claimName: a}\n",
            "spec.source.secretName: secretName holds the credentials for uri; photos on a claim or of another job "
            "need none (line 7)",
        ),
        (
            "source:\n  persistentVolumeClaim:\n    claimName: a\n    path: b/../../c\n",
            "spec.source.persistentVolumeClaim.path: path must stay on the volume: no '..' in it (line 9)",
        ),
        (
            "source: {uri: a}\ntraining:\n  device: cuda\n",
            "spec.training.device: must be one of Auto, CUDA, CPU; did you mean CUDA? (line 8)",
        ),
        (
            "source: {uri: a}\nexports:\n- format: GLB\n- format: PLY\n- format: GLB\n",
            "spec.exports: exports: each entry needs a name of its own; one without a name is called like its format, "
            "so a format that is wanted twice needs a name (line 7)",
        ),
        ("source: {uri: a}\nexports: []\n", "spec.exports: must have at least 1 entry (line 7)"),
        (
            "source: {uri: a}\nexports: {format: GLB}\n",
            "spec.exports: must be a list: one entry a line, each after '- ' (line 7)",
        ),
        ("source: {uri: a}\ntraining: 30000\n", "spec.training: must have fields below it (line 7)"),
        (
            "source: {uri: a}\ntraining: {steps: '300'}\n",
            "spec.training.steps: must be a whole number, without quotes (line 7)",
        ),
        ("source: {uri: a}\ntraining: {steps: 1.5}\n", "spec.training.steps: must be a whole number (line 7)"),
        ("source: {uri: a}\nsuspend: 'yes'\n", "spec.suspend: must be true or false, without quotes (line 7)"),
        (
            "source: {uri: a}\nquality: {minPSNR: 25}\n",
            'spec.quality.minPSNR: must be text; put it in quotes: "25" (line 7)',
        ),
        (
            "source: {uri: a}\nquality:\n  minPSNR: good\n",
            'spec.quality.minPSNR: must be a decimal number in quotes, such as "27.5" (line 8)',
        ),
        (
            "source: {uri: a}\nquality:\n  warnPSNR: '30'\n",
            "spec.quality.warnPSNR: warnPSNR must not exceed minPSNR (line 8)",
        ),
        (
            "source: {uri: a}\nquality:\n  minSSIM: '2'\n",
            "spec.quality.minSSIM: minSSIM must lie between 0 and 1 (line 8)",
        ),
        (
            "source: {uri: a}\nengine: Nerfacto\n",
            "spec.engine: must be lower-case letters, digits and '-', "
            "and begin and end with a letter or digit (line 7)",
        ),
        ("source: {uri: a}\nsuspend: true\nsuspend: false\n", "spec.suspend: given twice, first in line 7 (line 8)"),
    ],
)
def test_a_mistake_is_named_by_field_and_line(spec: str, mistake: str):
    assert mistakes(job(spec)) == [mistake]


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file():
    found = mistakes(
        job(
            """\
            source: {}
            training:
              steps: 0
              stepz: 1
            quality: {warnPSNR: '30', warnSSIM: '0.9'}
            """
        )
    )
    assert found == [
        "spec.source: set exactly one of uri, persistentVolumeClaim and jobRef (line 6)",
        "spec.training.steps: must be at least 1 (line 8)",
        "spec.training.stepz: unknown field; did you mean steps? (line 9)",
        "spec.quality.warnPSNR: warnPSNR must not exceed minPSNR (line 10)",
        "spec.quality.warnSSIM: warnSSIM must not exceed minSSIM (line 10)",
    ]


def test_details_hold_the_mistakes_for_programs():
    with pytest.raises(ReconstructionError) as caught:
        parse_job(job("source: {uri: a}\nmesh: {targetFaces: 1}\n"))
    assert caught.value.details == {
        "problems": [{"field": "spec.mesh.targetFaces", "message": "must be at least 100", "line": 7}]
    }
    assert caught.value.exit_code == ExitCode.INVALID_INPUT


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (("v1alpha1", "v1"), "apiVersion: must be reconstruction.dev/v1alpha1 (line 1)"),
        (("ReconstructionJob", "Job"), "kind: must be ReconstructionJob (line 2)"),
        (("name: statue", f"name: {'a' * 53}"), "metadata.name must be at most 52 characters"),
        (("name: statue", "nmae: statue"), "metadata.name: required"),
        (("name: statue", "name: statue\n  labels: {a: 1}"), 'metadata.labels.a: must be text; put it in quotes: "1"'),
    ],
)
def test_the_head_of_a_file_is_checked_too(change: tuple[str, str], mistake: str):
    assert mistake in mistakes(job("source: {uri: a}\n").replace(*change))[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected one object in the file, found 0"),
        ("just words", "expected apiVersion, kind, metadata and spec (line 1)"),
        ("- a\n- b", "expected apiVersion, kind, metadata and spec (line 1)"),
        ("a: [b\n", "not valid YAML"),
        ("a: b\n\tc: d", "not valid YAML: found character '\\t' that cannot start any token (line 2)"),
        ("a: b\n---\nc: d", "expected one object in the file, found 2"),
        ("a: !!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system is not allowed (line 1)"),
        ("a: &x [*x]", "the file is nested too deeply"),
        ("[" * 5000, "the file is nested too deeply"),
        ("a: " + "9" * 5000, "a number is too long"),
        ("1: a", "field names must be text; put this one in quotes (line 1)"),
        ("a: b\nc: \x07", "not valid YAML: special characters are not allowed (line 2)"),
    ],
)
def test_text_that_is_no_manifest_is_refused_in_a_sentence(text: str, message: str):
    assert mistakes(text)[0].startswith(message)


def test_anchors_that_multiply_are_stopped():
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12))
    assert mistakes(f"a0: &a0 [x]\n{levels}\n") == ["the file is too large for a manifest"]


def test_an_empty_field_takes_its_default_as_in_the_api_server():
    spec = parse_job(job("source: {uri: a}\ntraining:\nactiveDeadlineSeconds: null\n")).spec
    assert (spec.training.seed, spec.training.steps, spec.active_deadline_seconds) == (42, None, None)


def test_an_empty_field_is_known_or_a_mistake_all_the_same():
    assert mistakes(job("source: {uri: a}\ntrainng:\n")) == [
        "spec.trainng: unknown field; did you mean training? (line 7)"
    ]


def test_a_date_stays_text():
    text = job("source: {uri: 2026-01-31}\n")
    assert parse_job(text).spec.source.uri == "2026-01-31"


def test_sections_can_be_merged():
    merged = job("source: {uri: a}\nmesh: {<<: {textureSize: 512}, targetFaces: 500}\n")
    assert parse_job(merged).spec.mesh.texture_size == 512


@given(st.text(max_size=200))
def test_no_text_leads_to_anything_but_a_job_or_an_explanation(text: str):
    try:
        parse_job(text)
    except ReconstructionError as error:
        assert error.code == "InvalidSpec"


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["source", "uri", "exports", "format", "steps", "zoo"]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values)
def test_any_spec_is_accepted_or_explained_in_full(spec: Any):
    document = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": "a"},
        "spec": spec,
    }
    try:
        parse_job(yaml.safe_dump(document, allow_unicode=True))
    except ReconstructionError as error:
        assert error.code == "InvalidSpec"
        assert all(problem["field"].startswith("spec") for problem in error.details["problems"])


PROFILE = """\
apiVersion: reconstruction.dev/v1alpha1
kind: KIND
metadata: {name: default}
spec:
  engines:
  - {name: nerfacto, image: worker}
"""


@pytest.mark.parametrize(
    ("kind", "model"),
    [("ReconstructionProfile", ProfileManifest), ("ClusterReconstructionProfile", ClusterProfileManifest)],
)
def test_profiles_of_either_kind_are_read(kind: str, model: type[Any]):
    assert isinstance(parse_profile(PROFILE.replace("KIND", kind)), model)


@pytest.mark.parametrize(
    ("kind", "line", "mistake"),
    [
        ("ReconstructionProfile", "  hostPaths: []", "spec.hostPaths: unknown field"),
        ("ReconstructionProfile", "  cpu: {requests: {cpu: lots}}", "spec.cpu.requests.cpu: must be an amount such as"),
        (
            "ReconstructionProfile",
            "  gpu: {tolerations: [{kee: a}]}",
            "spec.gpu.tolerations[0].kee: unknown field; did you mean key?",
        ),
        (
            "ReconstructionProfile",
            "  workspace: {accessModes: [ReadOnlyMany]}",
            "spec.workspace.accessModes[0]: must be one of ReadWriteOnce, ReadWriteMany, ReadWriteOncePod",
        ),
        ("ReconstructionProfile", "  sharedMemory: much", "spec.sharedMemory: must be a size such as"),
        (
            "ClusterReconstructionProfile",
            "  hostPaths: [{path: a, mountPath: /source}]",
            "spec.hostPaths[0].path: must be an absolute path",
        ),
        (
            "ClusterReconstructionProfile",
            "  hostPaths: [{path: /a, mountPath: /source}]",
            "spec.hostPaths[0].mountPath: mountPath must not hide /workspace, /source, /added or /destination",
        ),
        (
            "ClusterReconstructionProfile",
            "  environment: {RECONSTRUCTION_JOB: x}",
            "spec.environment: names in environment that begin with RECONSTRUCTION_ are the operator's own",
        ),
    ],
)
def test_a_profile_is_checked_like_a_job(kind: str, line: str, mistake: str):
    with pytest.raises(ReconstructionError) as caught:
        parse_profile(PROFILE.replace("KIND", kind) + line + "\n")
    assert mistake in str(caught.value)
    assert len(caught.value.details["problems"]) == 1
