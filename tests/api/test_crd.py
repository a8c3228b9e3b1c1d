"""The generated CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconstruction_api import crd, generated, names
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.manifests import ClusterProfileManifest, JobManifest, ProfileManifest
from reconstruction_api.profile import ClusterProfileSpec, ProfileSpec

ROOT = Path(__file__).parents[2]
LEAVES = {"string", "integer", "boolean"}


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every node of a structural schema with its path; `[]` stands for list entries, `*` for map values."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}".removeprefix("."))
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if "additionalProperties" in schema:
        yield from nodes(schema["additionalProperties"], f"{path}.*")


def filled(value: Any, schema: dict[str, Any]) -> Any:
    """`value` with the schema's defaults, filled in as the API server does."""
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        value = {k: child["default"] for k, child in properties.items() if "default" in child} | value
        return {k: filled(member, properties.get(k, {})) for k, member in value.items()}
    if isinstance(value, list):
        return [filled(entry, schema.get("items", {})) for entry in value]
    return value


def schema_of(resource: crd.Resource) -> dict[str, Any]:
    return crd.document(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


each_kind = pytest.mark.parametrize("resource", crd.RESOURCES, ids=lambda resource: resource.kind)


def test_the_files_in_the_repository_are_what_the_models_say():
    assert generated.stale(crd.files(), ROOT) == [], "run `python -m reconstruction_api.crd`"


def test_a_hand_edited_file_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    generated.main("crd", crd.files(), ["--root", str(tmp_path)])
    edited = tmp_path / "crds" / "reconstructionjobs.yaml"
    edited.write_text(edited.read_text().replace("maximum: 8192", "maximum: 9000", 1))
    with pytest.raises(SystemExit, match=r"stale: crds/reconstructionjobs\.yaml"):
        generated.main("crd", crd.files(), ["--root", str(tmp_path), "--check"])


def test_generation_is_deterministic():
    assert crd.files() == crd.files()


@each_kind
def test_every_field_has_a_description(resource: crd.Resource):
    described = {
        path
        for path, node in nodes(schema_of(resource))
        if not path.endswith(("[]", "*")) and not node.get("description")
    }
    assert described == {"metadata"}, "Kubernetes describes metadata itself"


@each_kind
def test_every_description_is_a_sentence(resource: crd.Resource):
    for path, node in nodes(schema_of(resource)):
        if "description" in node:
            assert node["description"].endswith("."), f"{path}: {node['description']}"
            assert "\n" not in node["description"]


@each_kind
def test_what_a_user_writes_has_limits(resource: crd.Resource):
    """Without them the API server can't bound the cost of rules, nor the size of objects."""
    for path, node in nodes(schema_of(resource)["properties"]["spec"], "spec"):
        match node.get("type"):
            case "string":
                assert "maxLength" in node or "enum" in node, path
            case "integer":
                assert {"minimum", "maximum"} <= node.keys(), path
            case "array":
                assert "maxItems" in node, path
            case "object" if "additionalProperties" in node:
                assert "maxProperties" in node, path
            case _:
                pass


@each_kind
def test_unknown_content_is_kept_only_where_it_must_be(resource: crd.Resource):
    free = {path for path, node in nodes(schema_of(resource)) if node.get("x-kubernetes-preserve-unknown-fields")}
    known = {"status.failure.details", "status.notifications[].failure.details", "status.profile.spec"}
    assert free <= known | {"status.plan.settings"}


def test_no_number_in_a_status_is_a_float():
    assert not [path for path, node in nodes(schema_of(crd.JOB)) if node.get("type") == "number"]


def test_the_api_server_fills_nothing_into_a_status():
    status = schema_of(crd.JOB)["properties"]["status"]
    assert not [path for path, node in nodes(status) if "default" in node]


@pytest.mark.parametrize(
    ("resource", "model", "minimal"),
    [
        (crd.JOB, ReconstructionJobSpec, {"source": {"uri": "s3://photos/"}}),
        (crd.JOB, ReconstructionJobSpec, {"source": {"persistentVolumeClaim": {"claimName": "a"}}, "quality": {}}),
        (crd.PROFILE, ProfileSpec, {"engines": [{"name": "nerfacto", "image": "worker"}]}),
        (crd.CLUSTER_PROFILE, ClusterProfileSpec, {"engines": [{"name": "nerfacto", "image": "worker"}], "cpu": {}}),
    ],
    ids=["job", "job with an empty section", "profile", "cluster profile"],
)
def test_defaults_are_those_of_pydantic(resource: crd.Resource, model: Any, minimal: dict[str, Any]):
    by_server = filled(minimal, schema_of(resource)["properties"]["spec"])
    assert model.model_validate(by_server) == model.model_validate(minimal)
    assert by_server.keys() >= {
        name
        for name, value in model.model_validate(minimal).model_dump(by_alias=True, exclude_none=True).items()
        if value not in ({}, []) and not isinstance(value, dict)
    }


def test_lists_that_are_maps_merge_by_their_key():
    keys = {
        path: node["x-kubernetes-list-map-keys"]
        for path, node in nodes(schema_of(crd.JOB))
        if node.get("x-kubernetes-list-type") == "map"
    }
    assert keys == {
        "spec.notifications": ["url"],
        "status.conditions": ["type"],
    }


def test_the_rest_of_a_status_has_one_owner_who_replaces_it_as_a_whole():
    status = schema_of(crd.JOB)["properties"]["status"]["properties"]
    for name in ("progress", "metrics", "failure", "profile"):
        assert status[name]["x-kubernetes-map-type"] == "atomic"
    for name in ("stages", "runs", "checkpoints", "artifacts"):
        assert status[name]["x-kubernetes-list-type"] == "atomic"
    assert status["conditions"]["items"]["x-kubernetes-map-type"] == "atomic"


def test_kubectl_get_shows_how_a_job_stands():
    columns = crd.document(crd.JOB)["spec"]["versions"][0]["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if column["priority"] == 0]
    assert shown == ["Succeeded", "Reason", "Stage", "Progress", "PSNR", "Engine", "Quality", "Age"]
    progress = next(column for column in columns if column["name"] == "Progress")
    assert progress["type"] == "integer"


def test_jobs_have_a_short_name_and_a_status_of_their_own():
    document = crd.document(crd.JOB)
    assert document["spec"]["names"]["shortNames"] == ["recon"]
    assert document["spec"]["versions"][0]["subresources"] == {"status": {}}


@pytest.mark.parametrize("manifest", [JobManifest, ProfileManifest, ClusterProfileManifest])
def test_manifests_are_of_the_version_the_definitions_declare(manifest: Any):
    assert manifest.model_json_schema()["properties"]["apiVersion"]["const"] == names.API_VERSION


def test_the_files_are_plain_yaml():
    for path, text in crd.files().items():
        assert text.startswith("# Generated"), path
        assert yaml.safe_load(text)["kind"] == "CustomResourceDefinition"
