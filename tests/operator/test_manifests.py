"""The objects that the operator creates."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reconstruction_api.source import CREDENTIALS
from reconstruction_api.stages import ResourceClass
from reconstruction_operator.actions import CreateJob, EnsureClaim
from reconstruction_operator.decide import decide
from reconstruction_operator.manifests.child_names import child_job_name, claim_name
from reconstruction_operator.model import Policy

from .builders import (
    DELIVER,
    KEY,
    NOW,
    PREPARE,
    RECONSTRUCT,
    UID,
    actions,
    cluster_profile,
    condition,
    current,
    ended,
    observed,
    report_of,
    spec_of,
    started,
    with_pod,
)

GPU = {"limits": {"nvidia.com/gpu": 1}, "nodeSelector": {"gpu": "yes"}, "runtimeClassName": "nvidia",
       "tolerations": [{"key": "gpu", "operator": "Exists"}]}  # fmt: skip


def child(spec=None, resource_class=PREPARE, **fields: Any) -> dict[str, Any]:
    """The child Job of a class."""
    if resource_class is PREPARE:
        return actions(decide(observed(spec, **fields), NOW), CreateJob)[0].manifest
    before = PREPARE if resource_class is RECONSTRUCT else RECONSTRUCT
    seen = started(before, spec, **fields)
    done = with_pod(seen, ended(current(seen), 0, report_of(before, spec)), succeeded=True, ended=NOW)
    return actions(decide(done, NOW), CreateJob)[0].manifest


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    return pod(manifest)["containers"][0]


def environment(manifest: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container(manifest)["env"]}


def mounts(manifest: dict[str, Any]) -> dict[str, bool]:
    """Mount path -> read-only."""
    return {each["mountPath"]: each.get("readOnly", False) for each in container(manifest)["volumeMounts"]}


def test_pods_fit_the_restricted_pod_security_standard() -> None:
    document = pod(child())
    assert document["securityContext"]["runAsNonRoot"] is True
    assert document["securityContext"]["runAsUser"] > 0
    assert document["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(child())["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert document["automountServiceAccountToken"] is False


def test_a_pod_names_no_user_where_the_platform_assigns_one() -> None:
    assigned = pod(child(profile=cluster_profile(podUser="PlatformAssigned")))["securityContext"]
    fixed = pod(child())["securityContext"]
    assert fixed["runAsUser"] == fixed["runAsGroup"] == fixed["fsGroup"] == 65532
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & assigned.keys()
    assert assigned["runAsNonRoot"] is True


def test_everything_belongs_to_its_job() -> None:
    for action in decide(observed(), NOW).actions[:2]:
        assert isinstance(action, EnsureClaim | CreateJob)
        metadata = action.manifest["metadata"]
        assert metadata["namespace"] == KEY.namespace
        assert [(each["uid"], each["controller"]) for each in metadata["ownerReferences"]] == [(UID, True)]
        assert metadata["labels"]["reconstruction.dev/job"] == KEY.name
        assert metadata["labels"]["reconstruction.dev/job-uid"] == UID


def test_disruptions_are_left_to_kubernetes_and_failures_to_the_parent() -> None:
    spec = child()["spec"]
    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (0, "Failed")
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]
    assert "ttlSecondsAfterFinished" not in spec


def test_the_worker_is_told_what_to_do() -> None:
    manifest = child(policy=Policy(progress_url="http://operator.system.svc:8080/"))
    order = json.loads(environment(manifest)["RECONSTRUCTION_JOB"])
    assert (order["name"], order["uid"], order["attempt"], order["resourceClass"]) == ("statue", UID, 1, "prepare")
    assert environment(manifest)["RECONSTRUCTION_PROGRESS_URL"] == "http://operator.system.svc:8080/v1/progress"
    assert environment(manifest)["RECONSTRUCTION_WORKSPACE_CLAIM"] == "statue-workspace"
    assert environment(manifest)["HOME"] == "/tmp"
    assert container(manifest)["command"] == ["python3", "-m", "reconstruction_worker"]


def test_the_token_is_projected_for_our_audience_only() -> None:
    manifest = child(policy=Policy(progress_url="http://operator:8080"))
    volume = next(each for each in pod(manifest)["volumes"] if each["name"] == "token")
    assert volume["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "reconstruction-operator"


def test_without_an_address_for_updates_there_is_no_token() -> None:
    manifest = child()
    assert "RECONSTRUCTION_PROGRESS_URL" not in environment(manifest)
    assert "token" not in {each["name"] for each in pod(manifest)["volumes"]}


def test_only_the_pods_that_take_the_photos_in_see_them() -> None:
    assert mounts(child())["/source"] is True
    assert "/source" not in mounts(child(resource_class=RECONSTRUCT))


def test_only_the_pods_that_take_the_photos_in_get_their_credentials() -> None:
    spec = spec_of(source={"uri": "s3://a/b", "secretName": "captures-read"})
    made = child(spec)
    assert mounts(made)["/var/run/secrets/source-credentials"] is True
    files, required = (each["secret"] for each in pod(made)["volumes"] if "secret" in each)
    assert {each["key"] for each in files["items"]} == {each["path"] for each in files["items"]} == CREDENTIALS
    assert files["secretName"] == required["secretName"] == "captures-read"
    assert files["optional"] and not required["optional"], "any subset of the keys, of a Secret that must be there"
    assert "envFrom" not in container(made)
    assert not any("secret" in each for each in pod(child(spec, RECONSTRUCT))["volumes"])


def test_of_the_volume_that_requires_the_secret_the_container_sees_nothing() -> None:
    """A key of a Secret has no space in its name, so the subdirectory is one that the kubelet makes: empty."""
    made = child(spec_of(source={"uri": "s3://a/b", "secretName": "captures-read"}))
    required = next(
        each["name"] for each in pod(made)["volumes"] if "secret" in each and not each["secret"]["optional"]
    )
    (mount,) = (each for each in container(made)["volumeMounts"] if each["name"] == required)
    assert mount["readOnly"] and " " in mount["subPath"]


def test_receivers_of_notifications_are_none_of_the_workers_business() -> None:
    made = child(spec_of(notifications=[{"url": "https://example.org/token", "secretName": "key"}]))
    assert "token" not in environment(made)["RECONSTRUCTION_JOB"]


def test_variables_from_secrets_are_references_and_replace_nothing_of_the_operators() -> None:
    entry = {"secretName": "models", "key": "token"}
    profile = cluster_profile(environment={"HTTPS_PROXY": "http://proxy"}, environmentFromSecrets={"HF_TOKEN": entry})
    variables = {each["name"]: each for each in container(child(profile=profile))["env"]}
    reference = {"secretKeyRef": {"name": "models", "key": "token"}}
    assert variables["HF_TOKEN"] == {"name": "HF_TOKEN", "valueFrom": reference}
    names = [each["name"] for each in container(child(profile=profile))["env"]]
    assert len(names) == len(set(names)) and "RECONSTRUCTION_JOB" in names
    own = cluster_profile(environmentFromSecrets={"RECONSTRUCTION_JOB": entry})
    plan = decide(observed(profile=own), NOW)
    assert plan.status is not None and condition(plan.status, "Accepted")[1] == "ProfileInvalid"


def test_the_worker_is_told_what_it_may_connect_to_and_whether_as_its_account() -> None:
    order = json.loads(environment(child())["RECONSTRUCTION_JOB"])
    assert "network" not in order
    profile = cluster_profile(network={"allow": ["minio.storage.svc"]}, serviceAccountName="photos")
    manifest = child(profile=profile)
    order = json.loads(environment(manifest)["RECONSTRUCTION_JOB"])
    assert order["network"] == {"allow": ["minio.storage.svc"], "serviceAccount": True}
    template = manifest["spec"]["template"]["metadata"]["labels"]
    assert template["azure.workload.identity/use"] == "true"
    assert "azure.workload.identity/use" not in child()["spec"]["template"]["metadata"]["labels"]


def test_training_gets_the_gpu_and_preparing_does_not() -> None:
    profile = cluster_profile(gpu=GPU)
    training = child(resource_class=RECONSTRUCT, profile=profile)
    assert container(training)["resources"]["limits"] == {"nvidia.com/gpu": 1}
    assert (pod(training)["runtimeClassName"], pod(training)["nodeSelector"]) == ("nvidia", {"gpu": "yes"})
    assert pod(training)["tolerations"] == GPU["tolerations"]
    assert container(child(profile=profile))["resources"]["limits"] == {}
    assert "runtimeClassName" not in pod(child(profile=profile))


def test_every_pod_knows_whether_those_that_train_are_given_a_gpu() -> None:
    for resource_class in (PREPARE, RECONSTRUCT):
        given = child(None, resource_class, profile=cluster_profile(gpu=GPU))
        assert environment(given)["RECONSTRUCTION_GPU"] == "promised"
        for spec, profile in (
            (spec_of(training={"device": "CPU"}), cluster_profile(gpu=GPU)),
            (None, cluster_profile()),
        ):
            without = child(spec, resource_class, profile=profile)
            assert "RECONSTRUCTION_GPU" not in environment(without)


def test_a_job_that_trains_on_the_cpu_never_asks_for_a_gpu() -> None:
    training = child(spec_of(training={"device": "CPU"}), RECONSTRUCT, profile=cluster_profile(gpu=GPU))
    assert container(training)["resources"]["limits"] == {} and "nodeSelector" not in pod(training)


def test_an_engine_that_has_no_use_for_a_gpu_gets_none() -> None:
    profile = cluster_profile(gpu=GPU, engines=[{"name": "depth-fusion", "image": "worker:1"}])
    fusing = child(spec_of(engine="depth-fusion"), RECONSTRUCT, profile=profile)
    assert container(fusing)["resources"]["limits"] == {} and "nodeSelector" not in pod(fusing)
    assert "RECONSTRUCTION_GPU" not in environment(fusing)


def test_whether_depth_maps_may_be_fused_is_said_where_older_workers_do_not_look() -> None:
    """Their image would refuse an order with a field that it does not know."""
    engines = [{"name": name, "image": "worker:1"} for name in ("nerfacto", "depth-fusion")]
    fusing = child(spec_of(training={"depthFusion": "Auto"}), RECONSTRUCT, profile=cluster_profile(engines=engines))
    assert environment(fusing)["RECONSTRUCTION_DEPTH_FUSION"] == "Auto"
    assert "depthFusion" not in environment(fusing)["RECONSTRUCTION_JOB"]
    assert "RECONSTRUCTION_DEPTH_FUSION" not in environment(child(None, RECONSTRUCT))


def test_the_platform_may_mount_folders_of_the_node_read_only() -> None:
    folders = [{"path": "/opt/venv", "mountPath": "/opt/venv"}]
    manifest = child(profile=cluster_profile(hostPaths=folders, environment={"PYTHONPATH": "/opt/venv/lib"}))
    assert mounts(manifest)["/opt/venv"] is True
    assert environment(manifest)["PYTHONPATH"] == "/opt/venv/lib"


def test_a_profile_that_would_replace_what_the_operator_says_is_refused() -> None:
    plan = decide(observed(profile=cluster_profile(environment={"RECONSTRUCTION_JOB": "{}"})), NOW)
    assert actions(plan, CreateJob) == []
    assert plan.status is not None and condition(plan.status, "Accepted") == ("False", "ProfileInvalid")


def test_text_of_users_is_not_expanded_as_a_variable() -> None:
    spec = spec_of(source={"uri": "s3://captures/$(AWS_SECRET_ACCESS_KEY)"})
    assert "$$(AWS_SECRET_ACCESS_KEY)" in environment(child(spec))["RECONSTRUCTION_JOB"]


def test_the_workspace_is_what_the_profile_says() -> None:
    profile = cluster_profile(workspace={"size": "5Gi", "storageClassName": "fast", "accessModes": ["ReadWriteMany"]})
    claim = actions(decide(observed(profile=profile), NOW), EnsureClaim)[0].manifest["spec"]
    assert claim == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "5Gi"}},
        "storageClassName": "fast",
    }


@pytest.mark.parametrize("resource_class", list(ResourceClass))
def test_names_of_children_fit_a_label_for_the_longest_job_name(resource_class: ResourceClass) -> None:
    longest = "j" * 52
    assert len(child_job_name(longest, UID, resource_class, "d" * 64, 20)) <= 63
    assert len(claim_name(longest)) <= 63


def test_names_of_children_differ_by_everything_that_makes_an_attempt() -> None:
    names = {
        child_job_name("statue", uid, resource_class, digest, attempt)
        for uid in ("1", "2")
        for resource_class in ResourceClass
        for digest in ("a", "b")
        for attempt in (1, 2, 11)
    }
    assert len(names) == 36


def test_a_queue_holds_the_child_job_back_until_kueue_lets_it_start() -> None:
    manifest = child(profile=cluster_profile(queueNames=["gpus", "spare"]))
    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "gpus"
    assert manifest["spec"]["suspend"] is True
    chosen = child(spec_of(queueName="spare"), profile=cluster_profile(queueNames=["gpus", "spare"]))
    assert chosen["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "spare"
    plain = child()
    assert "suspend" not in plain["spec"] and "kueue.x-k8s.io/queue-name" not in plain["metadata"]["labels"]


def test_a_priority_class_that_the_profile_offers_is_the_pods() -> None:
    manifest = child(spec_of(priorityClassName="urgent"), profile=cluster_profile(priorityClassNames=["urgent"]))
    assert pod(manifest)["priorityClassName"] == "urgent"
    assert "priorityClassName" not in pod(child())


@pytest.mark.parametrize(
    ("weights", "volume"),
    [
        ({"claimName": "nets"}, {"persistentVolumeClaim": {"claimName": "nets", "readOnly": True}}),
        (
            {"image": "registry/nets@sha256:1"},
            {"image": {"reference": "registry/nets@sha256:1", "pullPolicy": "Always"}},
        ),
    ],
)
def test_weights_are_mounted_read_only_where_they_are_used(weights: dict[str, str], volume: dict[str, Any]) -> None:
    profile = cluster_profile(weights=weights, imagePullPolicy="Always")
    for resource_class in (PREPARE, RECONSTRUCT):
        manifest = child(resource_class=resource_class, profile=profile)
        assert mounts(manifest)["/weights"] is True
        assert {"name": "weights", **volume} in pod(manifest)["volumes"]
    assert "/weights" not in mounts(child(resource_class=DELIVER, profile=profile))
    assert "/weights" not in mounts(child())


def test_no_profile_lets_a_library_fetch_weights() -> None:
    manifest = child(profile=cluster_profile(environment={"HF_HUB_OFFLINE": "0"}))
    assert environment(manifest)["HF_HUB_OFFLINE"] == "1"
    assert environment(child())["TORCH_HOME"] == "/weights/torch"


def test_the_worker_is_told_what_the_profile_allows() -> None:
    manifest = child(profile=cluster_profile(limits={"maxImages": 9, "maxFileSize": "1M"}, acceptedLicenses=["MIT"]))
    order = json.loads(environment(manifest)["RECONSTRUCTION_JOB"])
    assert order["limits"] == {"maxImages": 9, "maxFileBytes": 1_000_000}
    assert order["acceptedLicenses"] == ["MIT"]


def test_an_older_worker_finds_no_field_in_its_order_that_it_does_not_know() -> None:
    """The image is the pinned profile's; what a later operator adds is left out while it has its default."""
    order = json.loads(environment(child())["RECONSTRUCTION_JOB"])
    assert set(order) == {"namespace", "name", "uid", "attempt", "resourceClass", "spec", "acceptedLicenses"}
    bar = {"minPSNR": "25", "minSSIM": "0.85", "warnPSNR": "20", "warnSSIM": "0.75", "onFailure": "Warn"}
    assert order["spec"] == {
        "source": {"persistentVolumeClaim": {"claimName": "photos"}},
        "engine": "nerfacto",
        "training": {"preset": "Production"},
        "quality": bar,
    }
