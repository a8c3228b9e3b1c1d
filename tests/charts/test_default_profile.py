"""The default profile on its way from the values to the file that the operator applies."""

from __future__ import annotations

from typing import Any

import pytest

from devcluster.errors import DevclusterError
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.profile import FREE_LICENSES
from reconstruction_operator.default_profile import document_of
from reconstruction_operator.settings import Settings

from . import helm
from .test_pods import OPENSHIFT

pytestmark = pytest.mark.usefixtures("kubernetes_tools")

FULL: dict[str, Any] = {
    "engines": [{"name": "own", "image": "registry/own:1", "license": "MIT", "gpuOnly": True}],
    "imagePullPolicy": "Always",
    "imagePullSecrets": ["registry"],
    "gpu": {
        "limits": {"memory": "32Gi", "nvidia.com/gpu": 2},
        "nodeSelector": {"pool": "gpu"},
        "tolerations": [{"key": "gpu", "operator": "Exists", "tolerationSeconds": 30}],
    },
    "workspace": {"size": "2Ti", "accessModes": ["ReadWriteMany"]},
    "limits": {"maxSteps": 1_000_000, "maxActiveDeadlineSeconds": 31_536_000, "maxFileSize": "1G"},
    "acceptedLicenses": [*FREE_LICENSES, "GPL-3.0-only"],
    "weights": {"image": "registry/weights@sha256:0"},
    "hostPaths": [{"path": "/opt", "mountPath": "/opt"}],
    "environment": {"CUDA_VISIBLE_DEVICES": "0"},
}


def applied(values: dict[str, Any] | None = None, **options: Any) -> dict[str, Any]:
    """What the operator applies with these values of `defaultProfile`."""
    rendered = helm.render({"defaultProfile": values or {}}, **options)
    (text,) = helm.only(rendered, "ConfigMap")["data"].values()
    return document_of(text)


def test_the_profile_of_the_defaults_offers_the_workers_engines() -> None:
    document = applied()
    assert document["metadata"]["name"] == "default"
    engines = [engine["name"] for engine in document["spec"]["engines"]]
    assert engines == ["splats", "nerfacto", "vanilla-nerf", "depth-fusion"]
    assert document["spec"]["defaults"] == {
        "engine": "splats",
        "training": {"depthFusion": "Auto"},
        "mesh": {"crop": "Auto", "textureSource": "Original"},
    }
    assert document["spec"]["gpu"]["limits"] == {"memory": "32Gi", "nvidia.com/gpu": 1}
    assert "podUser" not in document["spec"], "what the values leave open, the API server fills in"


def test_every_field_of_a_profile_may_be_a_value() -> None:
    document = applied({"name": "lab.a", "spec": FULL})
    assert document["metadata"]["name"] == "lab.a"
    for name, value in FULL.items():
        if name != "gpu":
            assert document["spec"][name] == value
    assert document["spec"]["gpu"].items() >= FULL["gpu"].items()
    assert "engine" not in document["spec"]["defaults"], "whose engines these are decides which is usual"


def test_a_default_is_removed_with_null() -> None:
    spec = {"gpu": {"limits": {"nvidia.com/gpu": None}}, "workspace": {"storageClassName": None, "size": "5Gi"}}
    document = applied({"spec": spec})
    assert document["spec"]["gpu"]["limits"] == {"memory": "32Gi"}
    assert document["spec"]["workspace"] == {"size": "5Gi"}
    assert applied({"spec": None})["spec"].keys() == {"engines", "defaults"}


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"gpu": {"limit": {"nvidia.com/gpu": 1}}}, "limit"),
        ({"workspaces": {"size": "5Gi"}}, "workspaces"),
        ({"engines": [{"name": "own", "imag": "x"}]}, "imag"),
        ({"engines": [{"name": "own"}]}, "image"),
        ({"workspace": {"size": 5}}, "size"),
        ({"workspace": {"size": "5 GB"}}, "size"),
        ({"imagePullPolicy": "always"}, "imagePullPolicy"),
        ({"terminationGraceSeconds": 1}, "terminationGraceSeconds"),
        ({"cpu": "4"}, "cpu"),
        ({"limits": {"maxSteps": "many"}}, "maxSteps"),
        ({"gpu": {"limits": {"nvidia.com/gpu": "one"}}}, "gpu"),
        ({"gpu": {"tolerations": [{"key": "gpu", "operater": "Exists"}]}}, "operater"),
    ],
)
def test_helm_refuses_a_mistake_in_the_profile_by_name(spec: dict[str, Any], named: str) -> None:
    with pytest.raises(DevclusterError, match=named):
        applied({"spec": spec})


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"environment": {"RECONSTRUCTION_JOB": "{}"}}, "defaultProfile.spec.environment: names in environment"),
        (
            {"hostPaths": [{"path": "/x", "mountPath": "/workspace"}]},
            r"defaultProfile.spec.hostPaths\[0\].mountPath: mountPath must not hide",
        ),
        (
            {"engines": [{"name": "own", "image": "a"}, {"name": "own", "image": "b"}]},
            r"defaultProfile.spec.engines\[1\]: own may appear once",
        ),
    ],
)
def test_the_operator_refuses_what_helm_does_not_see(spec: dict[str, Any], said: str) -> None:
    with pytest.raises(ReconstructionError, match=said) as caught:
        applied({"spec": spec})
    assert caught.value.code == "InvalidSpec"


@pytest.mark.parametrize("name", ["Default", "-x", ""])
def test_a_name_that_no_object_can_have_is_refused(name: str) -> None:
    with pytest.raises(DevclusterError, match="defaultProfile"):
        applied({"name": name})


def test_on_openshift_the_workers_run_as_the_platforms_users_too() -> None:
    assert applied(apis=OPENSHIFT)["spec"]["podUser"] == "PlatformAssigned"
    assert applied({"spec": {"podUser": "Fixed"}}, apis=OPENSHIFT)["spec"]["podUser"] == "Fixed"


@pytest.mark.parametrize("create", [True, False])
def test_the_operator_may_write_this_profile_alone(create: bool) -> None:
    rendered = helm.render({"defaultProfile": {"create": create, "name": "lab"}})
    rules = [rule for role in rendered if role["kind"] in ("Role", "ClusterRole") for rule in role.get("rules") or []]
    writing = [
        rule
        for rule in rules
        if "clusterreconstructionprofiles" in rule.get("resources", []) and "get" not in rule["verbs"]
    ]
    assert [(rule["resourceNames"], rule["verbs"]) for rule in writing] == (
        [(["lab"], ["create", "patch"])] if create else []
    )


@pytest.mark.parametrize("create", [True, False])
def test_the_operator_finds_the_file_that_is_mounted(create: bool) -> None:
    rendered = helm.render({"defaultProfile": {"create": create}})
    pod = helm.only(rendered, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    settings = Settings.load([], {each["name"]: each.get("value", "") for each in container["env"]})
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    maps = {volume["name"]: volume["configMap"]["name"] for volume in pod["volumes"] if "configMap" in volume}
    if create:
        (config,) = [each for each in rendered if each["kind"] == "ConfigMap"]
        (name,) = config["data"]
        assert maps == {"default-profile": config["metadata"]["name"]}
        assert settings.default_profile == f"{mounted['default-profile']}/{name}"
    else:
        assert settings.default_profile is None and not maps


def test_no_hook_is_left() -> None:
    everything = {"serviceMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}, "replicas": 3}
    assert "helm.sh/hook" not in str(helm.render(everything))
