"""How a pod gets the camera poses of `spec.turntable.pathFile`."""

from __future__ import annotations

from typing import Any

import pytest

from reconstruction_api.names import CAMERA_PATH_PATH
from reconstruction_api.stages import ResourceClass
from reconstruction_api.status import ClassRun
from reconstruction_operator.manifests.pod import pod_spec
from reconstruction_operator.policies.control.accept import profile_spec, snapshot

from .builders import DELIVER, PREPARE, RECONSTRUCT, cluster_profile, job_view, spec_of

TOUR = {"path": "File", "pathFile": {"configMapName": "tour", "key": "tour.json"}}


def pod(resource_class: ResourceClass, turntable: dict[str, Any]) -> dict[str, Any]:
    spec = spec_of(turntable=turntable)
    run = ClassRun(resource_class=resource_class, digest="d", attempt=1, job_name="child")
    return pod_spec(job_view(spec), spec, run, profile_spec(snapshot(cluster_profile())), None, None, None)


def volumes(document: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in document["volumes"] if "configMap" in each}


def test_the_pod_that_renders_sees_that_entry_alone_and_starts_without_it_too() -> None:
    document = pod(DELIVER, TOUR)
    items = [{"key": "tour.json", "path": "tour.json"}]
    config = {"name": "tour", "items": items, "optional": True, "defaultMode": 0o444}
    assert volumes(document) == {"camera-path": {"name": "camera-path", "configMap": config}}
    mounts = [each for each in document["containers"][0]["volumeMounts"] if each["name"] == "camera-path"]
    assert mounts == [{"name": "camera-path", "mountPath": CAMERA_PATH_PATH, "readOnly": True}]


@pytest.mark.parametrize(
    ("resource_class", "turntable"), [(PREPARE, TOUR), (RECONSTRUCT, TOUR), (DELIVER, {"path": "Spiral"})]
)
def test_no_other_pod_has_a_config_map(resource_class: ResourceClass, turntable: dict[str, Any]) -> None:
    document = pod(resource_class, turntable)
    assert not volumes(document)
    assert "camera-path" not in {each["name"] for each in document["containers"][0]["volumeMounts"]}
