"""The CustomResourceDefinitions on a real API server: what it takes, what it refuses and what it says then."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devcluster import processes
from harness.rest import GROUP, Answer, Rest
from reconstruction_api import names
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.validation import parse_job, parse_profile

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).parents[2]
INVALID = sorted((Path(__file__).parent / "invalid").glob("*.yaml"))
NAMESPACE = f"crds-{os.getpid()}"
PLURALS = {
    names.JOB_KIND: f"namespaces/{NAMESPACE}/{names.JOB_PLURAL}",
    names.PROFILE_KIND: f"namespaces/{NAMESPACE}/{names.PROFILE_PLURAL}",
    names.CLUSTER_PROFILE_KIND: names.CLUSTER_PROFILE_PLURAL,
}
JOBS = f"{GROUP}/{PLURALS[names.JOB_KIND]}"
SOURCE = {"uri": "s3://captures/statue/"}


@pytest.fixture(scope="module")
def rest(kubeconfig: Path) -> Iterator[Rest]:
    server = Rest(kubeconfig)
    server.install(sorted((ROOT / "crds").glob("*.yaml")))
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    assert server.send("POST", "/api/v1/namespaces", json.dumps(namespace)).status == 201
    yield server
    server.send("DELETE", f"/api/v1/namespaces/{NAMESPACE}")


@pytest.fixture
def job(rest: Rest) -> Any:
    """Creates jobs, and removes them afterwards. Call it with a name and members of the spec."""
    created: list[str] = []

    def create(name: str, **spec: Any) -> dict[str, Any]:
        answer = rest.send("POST", JOBS, manifest(name, {"source": SOURCE} | spec))
        assert answer.status == 201, answer.message
        created.append(name)
        return answer.body

    yield create
    for name in created:
        rest.send("DELETE", f"{JOBS}/{name}")


def manifest(name: str, spec: Any) -> str:
    return json.dumps(
        {
            "apiVersion": names.API_VERSION,
            "kind": names.JOB_KIND,
            "metadata": {"name": name},
            "spec": spec,
        }
    )


def dry_run(rest: Rest, text: str) -> Answer:
    kind = yaml.safe_load(text)["kind"]
    return rest.send("POST", f"{GROUP}/{PLURALS[kind]}?dryRun=All", text)


@pytest.mark.parametrize("file", INVALID, ids=lambda file: file.stem)
def test_a_wrong_object_is_refused_with_a_reason(rest: Rest, file: Path):
    text = file.read_text(encoding="utf-8")
    answer = dry_run(rest, text)
    assert answer.status in (400, 422)
    assert text.splitlines()[0].removeprefix("# expect: ") in answer.message


ELSEWHERE_TOO = [file for file in INVALID if not file.stem.endswith("local-path")]
"""Paths are right in local runs."""


@pytest.mark.parametrize("file", ELSEWHERE_TOO, ids=lambda file: file.stem)
def test_the_same_object_is_refused_without_a_cluster_at_the_same_field(rest: Rest, file: Path):
    text = file.read_text(encoding="utf-8")
    parse = parse_job if yaml.safe_load(text)["kind"] == names.JOB_KIND else parse_profile
    with pytest.raises(ReconstructionError) as caught:
        parse(text)
    message = dry_run(rest, text).message
    places = [(problem["field"], f"line {problem['line']}:") for problem in caught.value.details["problems"]]
    assert any(field in message or line in message for field, line in places), message


@pytest.mark.parametrize(
    "name", ["statue", "formats", "variants", "profile-default", "profiles-by-purpose", "profiles-by-upload"]
)
def test_an_example_is_taken(rest: Rest, name: str):
    for text in (ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8").split("\n---\n"):
        kind = yaml.safe_load(text)["kind"]
        path = f"{GROUP}/{PLURALS[kind]}/{yaml.safe_load(text)['metadata']['name']}"
        answer = rest.apply(path, text.replace("namespace: museum", f"namespace: {NAMESPACE}"), dry_run=True)
        assert answer.status in (200, 201), answer.message


def test_a_batch_is_one_job_for_each_folder(rest: Rest, kubernetes_tools: Path):
    text = processes.run(str(kubernetes_tools / "kubectl"), "kustomize", str(ROOT / "examples" / "batch"))
    jobs = {job["metadata"]["name"]: job for job in yaml.safe_load_all(text)}
    assert {name: job["spec"]["source"]["uri"] for name, job in jobs.items()} == {
        "statue": "s3://captures/statue/",
        "bust": "s3://captures/bust/",
    }
    for name, job in jobs.items():
        del job["metadata"]["namespace"]
        answer = rest.apply(f"{JOBS}/{name}", yaml.safe_dump(job), dry_run=True)
        assert answer.status in (200, 201), answer.message


def without_empty_quality(spec: dict[str, Any]) -> dict[str, Any]:
    """The API server leaves out a section without defaults, the model has it empty: it means the same."""
    return {name: value for name, value in spec.items() if (name, value) != ("quality", {})}


def test_the_server_fills_in_what_the_models_say(job: Any):
    stored = job("defaults")["spec"]
    expected = ReconstructionJobSpec.model_validate({"source": SOURCE})
    assert stored == without_empty_quality(expected.model_dump(mode="json", by_alias=True, exclude_none=True))


def test_a_field_left_empty_takes_its_default(job: Any):
    stored = job("empty", training=None, activeDeadlineSeconds=None, images={"masks": None})["spec"]
    assert (stored["training"]["seed"], stored["images"]["masks"]) == (42, "Auto")
    assert "activeDeadlineSeconds" not in stored


def test_the_server_leaves_to_the_operator_what_a_profile_may_decide(job: Any):
    stored = job("undecided", training={}, quality={"minPSNR": None})["spec"]
    assert "engine" not in stored and "preset" not in stored["training"]
    assert stored.get("quality", {}) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"engine": "splatfacto"}, "SpecImmutable: spec.engine can't change after creation; create another job"),
        ({"source": {"uri": "s3://others/"}}, "SpecImmutable: spec.source can't change after creation"),
        ({"source": SOURCE | {"secretName": "keys"}}, "SpecImmutable: spec.source can't change after creation"),
        ({"operatorClass": "lab"}, "SpecImmutable: spec.operatorClass can't change after creation"),
    ],
    ids=["engine", "uri", "secret", "class"],
)
def test_what_a_job_is_about_and_who_acts_on_it_never_change(rest: Rest, job: Any, change: dict[str, Any], reason: str):
    job("immutable")
    answer = rest.send(
        "PATCH", f"{JOBS}/immutable", json.dumps({"spec": change}), content="application/merge-patch+json"
    )
    assert answer.status == 422
    assert reason in answer.message


@pytest.mark.parametrize("change", [None, "other"])
def test_a_class_is_neither_changed_nor_taken_away(rest: Rest, job: Any, change: str | None):
    job("classed", operatorClass="lab")
    patch = json.dumps({"spec": {"operatorClass": change}})
    answer = rest.send("PATCH", f"{JOBS}/classed", patch, content="application/merge-patch+json")
    assert answer.status == 422 and "SpecImmutable: spec.operatorClass" in answer.message
    same = json.dumps({"spec": {"operatorClass": "lab", "suspend": True}})
    assert rest.send("PATCH", f"{JOBS}/classed", same, content="application/merge-patch+json").status == 200


def patched(rest: Rest, name: str, **spec: Any) -> Answer:
    text = json.dumps({"spec": spec})
    return rest.send("PATCH", f"{JOBS}/{name}", text, content="application/merge-patch+json")


def test_an_engine_can_be_named_later_and_left_out_again_as_long_as_it_stays_the_same(rest: Rest, job: Any):
    job("unnamed")
    refused = "SpecImmutable: spec.engine can't change after creation"
    assert refused in patched(rest, "unnamed", engine="nerfacto").message, "nobody has decided yet"
    assert apply_status(rest, "unnamed", {"engine": "splats"}, "operator").status == 200
    assert refused in patched(rest, "unnamed", engine="nerfacto").message
    assert patched(rest, "unnamed", engine="splats").status == 200
    assert refused in patched(rest, "unnamed", engine="nerfacto").message
    assert patched(rest, "unnamed", engine=None).status == 200


def test_several_engines_stay_the_same(rest: Rest, job: Any):
    job("several", engines=["splats", "nerfacto"])
    refused = "SpecImmutable: spec.engines can't change after creation; create another job with the other engines"
    for engines in (["splats"], ["nerfacto", "splats"], ["splats", "nerfacto", "vanilla-nerf"], None):
        assert patched(rest, "several", engines=engines).status == 422
    assert refused in patched(rest, "several", engines=["nerfacto", "splats"]).message
    assert refused in patched(rest, "several", engines=None).message
    assert patched(rest, "several", engines=["splats", "nerfacto"], suspend=True).status == 200


def test_a_job_that_was_stored_with_one_engine_can_be_changed_and_gets_no_others(rest: Rest, job: Any):
    job("single", engine="splats")
    assert patched(rest, "single", exports=[{"format": "OBJ"}]).status == 200
    answer = patched(rest, "single", engine=None, engines=["splats", "nerfacto"])
    assert answer.status == 422 and "SpecImmutable: spec.engines" in answer.message


def test_an_engine_can_not_be_left_out_before_the_operator_has_noted_it(rest: Rest, job: Any):
    job("named", engine="splatfacto")
    assert "SpecImmutable: spec.engine can't change" in patched(rest, "named", engine=None).message
    assert patched(rest, "named", suspend=True).status == 200


def test_a_job_that_was_stored_with_the_defaults_of_an_earlier_release_can_be_changed(rest: Rest, job: Any):
    """Of a job that takes over a training: its preset has no effect, but was written into it."""
    spec = {
        "engine": "nerfacto",
        "training": {"preset": "Production"},
        "quality": {"minPSNR": "25", "onFailure": "Fail"},
    }
    job("old", source={"jobRef": {"name": "base", "reuse": "Training"}}, **spec)
    assert patched(rest, "old", exports=[{"format": "OBJ"}]).status == 200


@pytest.mark.parametrize(
    "change",
    [
        {"suspend": True},
        {"mesh": {"targetFaces": 5000}},
        {"exports": [{"format": "GLB"}, {"format": "PLY"}]},
        {"quality": {"minPSNR": "20", "warnPSNR": "15"}},
        {"profileName": "other"},
    ],
    ids=str,
)
def test_everything_else_may_change(rest: Rest, job: Any, change: dict[str, Any]):
    job("changing")
    answer = rest.send(
        "PATCH", f"{JOBS}/changing", json.dumps({"spec": change}), content="application/merge-patch+json"
    )
    assert answer.status == 200, answer.message
    assert answer.body["metadata"]["generation"] == 2


STATUS = {
    "observedGeneration": 1,
    "shortId": "c7hm4kqx",
    "engine": "nerfacto",
    "defaults": {"engine": "nerfacto", "training.steps": 2000},
    "plan": {
        "generation": 1,
        "stages": [
            {"name": "train", "resourceClass": "reconstruct", "digest": "ab", "codeVersion": 3, "needs": ["poses"]},
        ],
        "settings": {"source": {"uri": "s3://captures/statue/"}, "training": {"steps": 2000}},
    },
    "stage": "train",
    "startTime": "2026-01-31T12:00:00Z",
    "progress": {"percent": 41, "step": 12300, "totalSteps": 30000, "etaSeconds": 310, "loss": "0.012"},
    "metrics": {"psnr": "27.3", "ssim": "0.91", "registeredImages": 38, "images": 40},
    "stages": [{"name": "train", "state": "Running", "attempt": 1}],
    "runs": [{"resourceClass": "reconstruct", "digest": "ab", "attempt": 1, "jobName": "statue-reconstruct-1"}],
    "profile": {"kind": "ReconstructionProfile", "name": "default", "generation": 3, "spec": {"engines": []}},
    "failure": {
        "code": "DiskFull",
        "category": "Resource",
        "message": "The workspace is full.",
        "suggestion": "Use a profile with a larger workspace.",
        "retryable": True,
        "details": {"freeBytes": 0},
    },
}


def condition(kind: str, reason: str = "Running") -> dict[str, Any]:
    return {"type": kind, "status": "Unknown", "reason": reason, "lastTransitionTime": "2026-01-31T12:00:00Z"}


def apply_status(rest: Rest, name: str, status: dict[str, Any], manager: str) -> Answer:
    document = {"apiVersion": names.API_VERSION, "kind": names.JOB_KIND, "metadata": {"name": name}, "status": status}
    return rest.apply(f"{JOBS}/{name}/status", json.dumps(document), manager)


def test_a_status_is_stored_as_written(rest: Rest, job: Any):
    job("status")
    answer = apply_status(rest, "status", STATUS, "operator")
    assert answer.status == 200, answer.message
    assert answer.body["status"] == STATUS
    assert answer.body["metadata"]["generation"] == 1


def test_a_user_can_not_write_a_status_with_the_spec(rest: Rest):
    text = json.dumps(json.loads(manifest("forged", {"source": SOURCE})) | {"status": {"stage": "report"}})
    assert "status" not in dry_run(rest, text).body


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"conditions": [condition("Succeeded") | {"status": "Maybe"}]}, "supported values"),
        ({"startTime": "yesterday"}, "startTime in body must be of type date-time"),
        ({"progress": {"percent": 41.5}}, "status.progress.percent"),
        ({"progress": {"loss": 0.012}}, "status.progress.loss: expected string"),
        ({"metrics": {"psnr": 27.3}}, "status.metrics.psnr"),
    ],
    ids=["condition", "time", "percent", "loss", "metric"],
)
def test_a_status_is_checked_too(rest: Rest, job: Any, status: dict[str, Any], reason: str):
    job("checked")
    answer = apply_status(rest, "checked", status, "operator")
    assert answer.status >= 400
    assert reason in answer.message


def test_each_concern_applies_its_own_conditions(rest: Rest, job: Any):
    job("merging")
    apply_status(rest, "merging", {"conditions": [condition("Accepted")]}, "accept")
    apply_status(rest, "merging", {"conditions": [condition("Trained")]}, "stages")
    answer = apply_status(rest, "merging", {"conditions": [condition("Trained", "Resumed")]}, "stages")
    reasons = {entry["type"]: entry["reason"] for entry in answer.body["status"]["conditions"]}
    assert reasons == {"Accepted": "Running", "Trained": "Resumed"}


def test_kubectl_get_shows_a_running_job(rest: Rest, job: Any):
    job("shown")
    apply_status(rest, "shown", STATUS | {"conditions": [condition("Succeeded")]}, "operator")
    table = rest.send("GET", f"{JOBS}/shown", accept="application/json;as=Table;v=v1;g=meta.k8s.io").body
    columns = [column["name"] for column in table["columnDefinitions"]]
    cells = dict(zip(columns, table["rows"][0]["cells"], strict=True))
    cells.pop("Age")
    assert cells == {
        "Name": "shown",
        "Succeeded": "Unknown",
        "Reason": "Running",
        "Stage": "train",
        "Progress": 41,
        "PSNR": "27.3",
        "Engine": "nerfacto",
        "ID": "c7hm4kqx",
        "SSIM": "0.91",
        "Registered": 38,
        "Images": 40,
        "ETA": 310,
        "Profile": "default",
        "Message": None,
        "Quality": None,
        "Verdict": None,
    }


def test_jobs_are_found_by_their_short_name_and_category(rest: Rest):
    resources = {entry["name"]: entry for entry in rest.send("GET", GROUP).body["resources"]}
    assert resources["reconstructionjobs"]["shortNames"] == ["recon"]
    assert resources["reconstructionjobs"]["categories"] == ["reconstruction"]
    assert "reconstructionjobs/status" in resources


NUMBERS = [None, -1, 0, 1, 50, 100, 2000, 10**6, 10**7, 1.5, "7", True]
DECIMALS = [None, "0", "0.5", "1", "20", "25.25", "-3", ".5", "1e3", "", 20]
WORDS = [None, "Auto", "auto", "CPU", "None", "Fail", "Warn", "Provided", 3]
SWITCHES = [None, True, False, "true", 1]
VALUES: dict[str, list[Any]] = {
    "source.uri": [
        None,
        "https://a/b.zip",
        "http://a/b.tar",
        "",
        3,
        "https://u:p@a/b.zip",
        "https://a\\@b/",
        "s3://a/b@c",
        " s3://a",
        "s3://a\u00a0",
        "s3://a/b c/",
        "s3://a\n",
        "s3://a\u2028b",
        "s3://a\x85b",
        "s3://a\u202eb",
        "s3://ä/\U0001f5ff",
    ],
    "source.secretName": [None, "keys", "Keys", "a..b"],
    "source.persistentVolumeClaim": [None, {"claimName": "photos"}, {"claimName": "Photos"}, {}],
    "source.persistentVolumeClaim.path": [None, "", "a", "/a", "../a", "a/..b", "a/..", "a\tb", "a b "],
    "source.jobRef": [None, {"name": "base"}, {"name": "Base"}, {}, {"name": "agree"}],
    "source.jobRef.reuse": [None, "Photos", "Poses", "Training", "poses"],
    "endAfter": [None, "Poses", "poses", "Train"],
    "pauseAfter": [None, "Ingest", "Poses", "Mesh"],
    "images.maxSidePixels": NUMBERS,
    "images.masks": WORDS,
    "poses.method": WORDS,
    "poses.minRegisteredPercent": NUMBERS,
    "engine": [None, "splatfacto", "Splatfacto", "", "-a"],
    "training": [None, {}, [], 3, {"step": 5}],
    "training.preset": [*WORDS, "Development"],
    "training.steps": NUMBERS,
    "training.timeBudgetSeconds": NUMBERS,
    "training.earlyStopping": SWITCHES,
    "training.raysPerStep": NUMBERS,
    "training.gradientAccumulation": NUMBERS,
    "training.device": WORDS,
    "training.seed": NUMBERS,
    "mesh.targetFaces": NUMBERS,
    "mesh.typo": [None, 3],
    "exports": [None, [], [{"format": "GLB"}, {"format": "PLY"}], [{"format": "GLB"}, {"format": "GLB"}], [{}], "GLB"],
    "bundle": SWITCHES,
    "destination": [None, {"uri": "s3://assets/statue/"}, {"persistentVolumeClaim": {"claimName": "results"}}, {}],
    "destination.uri": [
        None,
        "s3://a/b",
        "s3:///b",
        "s3://a//b",
        "s3://a/../b",
        "s3://a/{uid}/",
        "s3://a/{x}/",
        "gs://a/}",
    ],
    "destination.requesterPays": SWITCHES,
    "destination.publicBaseURL": [None, "https://cdn.example.org", "https://cdn.example.org/a/", "cdn", "https://a@b/"],
    "destination.encryption": [None, {"method": "StorageKey"}, {"method": "KMS", "keyName": "a:b/c"}, {}],
    "quality.minPSNR": DECIMALS,
    "quality.warnPSNR": DECIMALS,
    "quality.minSSIM": DECIMALS,
    "quality.warnSSIM": DECIMALS,
    "quality.onFailure": WORDS,
    "retryPolicy.maxAttempts": NUMBERS,
    "suspend": SWITCHES,
    "activeDeadlineSeconds": NUMBERS,
    "profileName": [None, "a.b", "a..b", "x" * 253, "x" * 254],
}
changes = st.sampled_from(sorted(VALUES)).flatmap(lambda path: st.tuples(st.just(path), st.sampled_from(VALUES[path])))
CLAIM = {"persistentVolumeClaim": {"claimName": "photos"}}
JOB_REF = {"jobRef": {"name": "statue"}}


def with_change(spec: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        if not isinstance(spec.get(parent), dict):
            spec[parent] = {}
        spec = spec[parent]
    spec[name] = value


@given(st.sampled_from([SOURCE, CLAIM, JOB_REF]), st.lists(changes, max_size=3))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_the_api_server_and_recon_validate_agree(rest: Rest, source: dict[str, Any], changes: list[tuple[str, Any]]):
    spec = {"source": copy.deepcopy(source)}
    for path, value in changes:
        with_change(spec, path, copy.deepcopy(value))
    text = manifest("agree", spec)
    answer = dry_run(rest, text)
    try:
        accepted = parse_job(text).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    except ReconstructionError as error:
        assert answer.status in (400, 422), f"refused here only: {error}"
    else:
        assert answer.status == 201, f"accepted here, but: {answer.message}"
        assert without_empty_quality(answer.body["spec"]) == without_empty_quality(accepted)
