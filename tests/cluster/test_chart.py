"""The Helm chart against a real API server."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devcluster import processes
from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl
from reconstruction_api.names import LABEL_JOB
from reconstruction_operator.settings import Settings

from . import kinds
from .waiting import eventually

CHART = Path(__file__).parents[2] / "charts" / "reconstruction-operator"
RELEASE = "reconstruction-operator"
NAMESPACE = "chart-test"
ACCOUNT = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("kubernetes_tools")]


def helm(kubectl: Kubectl, *words: str) -> str:
    return processes.run("helm", *words, f"--namespace={NAMESPACE}", environment=kubectl.environment)


@pytest.fixture(scope="module")
def release(kubeconfig: Path, kubernetes_tools: Path) -> Iterator[Kubectl]:
    """The chart installed with its defaults."""
    del kubernetes_tools
    kubectl = Kubectl(kubeconfig, NAMESPACE)
    kinds.make_way_for_helm(kubectl)
    helm(kubectl, "install", RELEASE, str(CHART), "--create-namespace")
    yield kubectl
    helm(kubectl, "uninstall", RELEASE)
    kubectl("delete", f"namespace/{NAMESPACE}", "--wait=false")


def allowed(kubectl: Kubectl, user: str, verb: str, resource: str, namespace: str = "default", name: str = "") -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes(verb, resource, namespace) | {"name": name}},
    }
    return json.loads(kubectl.create(review))["status"]["allowed"]


def attributes(verb: str, resource: str, namespace: str) -> dict[str, str]:
    name, _, group = resource.partition(".")
    name, _, subresource = name.partition("/")
    return {"verb": verb, "resource": name, "subresource": subresource, "group": group, "namespace": namespace}


def test_the_first_job_needs_nothing_but_the_chart(release: Kubectl) -> None:
    config = release.get(f"configmap/{RELEASE}-default-profile")
    assert config is not None
    profile = yaml.safe_load(config["data"]["profile.yaml"])
    engines = [engine["name"] for engine in profile["spec"]["engines"]]
    assert engines == ["splats", "nerfacto", "vanilla-nerf", "depth-fusion"]
    release.apply(profile, dry_run=True)
    job = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": "first"},
        "spec": {"source": {"uri": "s3://captures/statue/"}},
    }
    release.apply(job)
    release("delete", "recon/first")


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("watch", "reconstructionjobs.reconstruction.dev"),
        ("update", "reconstructionjobs/status.reconstruction.dev"),
        ("list", "clusterreconstructionprofiles.reconstruction.dev"),
        ("create", "jobs.batch"),
        ("delete", "jobs.batch"),
        ("create", "persistentvolumeclaims"),
        ("delete", "persistentvolumeclaims"),
        ("delete", "pods"),
        ("delete", "reconstructionjobs.reconstruction.dev"),
        ("create", "tokenreviews.authentication.k8s.io"),
        ("create", "events.events.k8s.io"),
        ("list", "events"),
    ],
)
def test_the_operator_may_do_what_it_needs(release: Kubectl, verb: str, resource: str) -> None:
    assert allowed(release, ACCOUNT, verb, resource)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("patch", "reconstructionjobs.reconstruction.dev"),
        ("patch", "clusterreconstructionprofiles.reconstruction.dev"),
        ("create", "clusterroles.rbac.authorization.k8s.io"),
        ("get", "leases.coordination.k8s.io"),
    ],
)
def test_the_operator_may_do_nothing_else(release: Kubectl, verb: str, resource: str) -> None:
    assert not allowed(release, ACCOUNT, verb, resource)


@pytest.mark.parametrize("verb", ["create", "patch"])
def test_the_operator_may_write_the_default_profile_and_no_other(release: Kubectl, verb: str) -> None:
    profiles = "clusterreconstructionprofiles.reconstruction.dev"
    assert allowed(release, ACCOUNT, verb, profiles, name="default")
    assert not allowed(release, ACCOUNT, verb, profiles, name="other")


def test_the_operator_pod_is_admitted_by_the_restricted_standard(release: Kubectl) -> None:
    release("label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted")
    release("rollout", "restart", f"deployment/{RELEASE}")

    def is_rolled_out() -> bool:
        deployment = release.get(f"deployment/{RELEASE}") or {}
        status = deployment["status"]
        current = status.get("observedGeneration") == deployment["metadata"]["generation"]
        return current and status.get("updatedReplicas") == 1

    assert eventually(is_rolled_out, seconds=180)


def test_a_namespaces_editor_may_run_jobs_but_not_change_profiles(release: Kubectl) -> None:
    release("create", "rolebinding", "editor", "--clusterrole=edit", "--user=artist", "--namespace=default")
    # the controller manager merges the rules into the role a moment after they were created
    assert eventually(lambda: allowed(release, "artist", "create", "reconstructionjobs.reconstruction.dev"))
    assert allowed(release, "artist", "get", "reconstructionprofiles.reconstruction.dev")
    assert not allowed(release, "artist", "update", "reconstructionprofiles.reconstruction.dev")
    assert not allowed(release, "artist", "patch", "reconstructionjobs/status.reconstruction.dev")


def test_an_upgrade_renews_the_crds_and_keeps_the_jobs(release: Kubectl) -> None:
    job = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": "survivor"},
        "spec": {"source": {"uri": "s3://captures/statue/"}},
    }
    release.apply(job)
    before = release.get("recon/survivor")
    helm(release, "upgrade", RELEASE, str(CHART), "--set", "podLabels.team=museum")
    after = release.get("recon/survivor")
    assert before is not None
    assert after is not None
    assert before["metadata"]["uid"] == after["metadata"]["uid"]
    release("delete", "recon/survivor")


def test_serving_some_namespaces_gives_rights_in_these_only(release: Kubectl) -> None:
    text = helm(release, "template", RELEASE, str(CHART), "--set", "namespaces={museum}")
    documents = [document for document in yaml.safe_load_all(text) if document]
    roles = [
        document for document in documents if document["kind"] == "ClusterRole" and "aggregat" not in str(document)
    ]
    rules = [rule for role in roles for rule in role["rules"]]
    assert {resource for rule in rules for resource in rule.get("resources", [])} == {
        "clusterreconstructionprofiles",
        "persistentvolumes",
        "tokenreviews",
        "namespaces",
    }
    (which,) = [rule for rule in rules if "namespaces" in rule.get("resources", [])]
    assert (which["resourceNames"], which["verbs"]) == (["museum"], ["get"])
    assert "museum" in {document["metadata"].get("namespace") for document in documents if document["kind"] == "Role"}


def test_all_options_render_to_objects_that_the_api_server_knows(release: Kubectl) -> None:
    helm(release, "lint", str(CHART), "--strict")
    options = ["networkPolicy.enabled=true", "replicas=3", "service.clusterIP=10.0.0.77", "crds.install=false"]
    flags = [word for option in options for word in ("--set", option)]
    text = helm(release, "template", "other", str(CHART), *flags)
    documents = [document for document in yaml.safe_load_all(text) if document]
    release.apply(*documents, dry_run=True)


def policies(release: Kubectl, *values: str) -> list[dict[str, Any]]:
    """The NetworkPolicies that the chart makes with these values."""
    flags = [word for value in values for word in ("--set", value)]
    documents = yaml.safe_load_all(helm(release, "template", RELEASE, str(CHART), *flags))
    return [each for each in documents if each and each["kind"] == "NetworkPolicy"]


METADATA = ("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254",
            "64:ff9b::a9fe:a9fe")  # fmt: skip


def reaches(rule: dict[str, Any], address: str) -> bool:
    """Whether a rule lets an address through that is no pod's."""
    if "to" not in rule:
        return True
    blocks = [each["ipBlock"] for each in rule["to"] if "ipBlock" in each]
    wanted = ipaddress.ip_address(address)
    return any(
        wanted in ipaddress.ip_network(block["cidr"])
        and not any(wanted in ipaddress.ip_network(hole) for hole in block.get("except", []))
        for block in blocks
    )


def test_worker_pods_are_fenced_in_where_the_chart_knows_the_namespaces(release: Kubectl) -> None:
    assert policies(release) == []
    made = policies(release, "worker.networkPolicy.namespaces={museum,default}")
    assert [each["metadata"]["namespace"] for each in made] == ["museum", "default"]
    spec = made[0]["spec"]
    assert (spec["policyTypes"], spec["ingress"]) == (["Ingress", "Egress"], [])
    assert spec["podSelector"]["matchExpressions"] == [{"key": LABEL_JOB, "operator": "Exists"}]
    dns, operator, public = spec["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert {"namespaceSelector": {}} in dns["to"] and reaches(dns, "169.254.20.10"), "pods, or a cache of the node"
    deployment = release.get(f"deployment/{RELEASE}")
    assert deployment is not None
    (peer,) = operator["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": NAMESPACE}
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"].items() <= labels.items()
    listening = {each["name"]: each for each in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert operator["ports"] == [{"port": listening["progress"]["containerPort"]}]
    assert [port["port"] for port in public["ports"]] == [443]
    assert reaches(public, "1.1.1.1") and reaches(public, "2606:4700::1111")
    for address in (*METADATA, "10.0.0.1", "192.168.1.1", "fd00::1", "fe80::1"):
        assert not reaches(public, address), address
    assert not any(reaches(dns, address) for address in METADATA)
    everywhere = "worker.networkPolicy.egress[0].to[0].ipBlock.cidr=0.0.0.0/0"
    (chosen,) = policies(release, "namespaces={museum}", everywhere)
    rule = chosen["spec"]["egress"][2]
    assert reaches(rule, "10.0.0.1") and not any(reaches(rule, address) for address in METADATA)
    Kubectl(release.kubeconfig, "default").apply(made[1], dry_run=True)


def test_worker_pods_are_fenced_in_where_the_operator_serves(release: Kubectl) -> None:
    on = "worker.networkPolicy.enabled=true"
    (made,) = policies(release, "namespaces={museum}", "worker.networkPolicy.egress=null")
    assert (made["metadata"]["namespace"], len(made["spec"]["egress"])) == ("museum", 2)
    assert policies(release, "namespaces={museum}", "worker.networkPolicy.enabled=false") == []
    with pytest.raises(DevclusterError, match=r"worker.networkPolicy|enabled"):
        policies(release, "worker.networkPolicy.enabled=sometimes")
    with pytest.raises(DevclusterError, match="dns"):
        policies(release, "namespaces={museum}", "worker.networkPolicy.dns={}")
    with pytest.raises(DevclusterError, match="name the namespaces that have jobs in worker"):
        policies(release, on)


def test_workers_and_prometheus_have_ports_of_their_own(release: Kubectl) -> None:
    documents = list(filter(None, yaml.safe_load_all(helm(release, "template", RELEASE, str(CHART)))))
    service = next(each for each in documents if each["kind"] == "Service")
    ports = {each["name"]: (each["port"], each["targetPort"]) for each in service["spec"]["ports"]}
    assert ports == {"progress": (8080, "progress"), "http": (9090, "http")}
    pod = next(each for each in documents if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert {each["name"]: each["containerPort"] for each in container["ports"]} == {"http": 8080, "progress": 8081}
    assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        "http"
    }
    settings = Settings.load([], environment(release))
    assert (settings.http_port, settings.workers_port) == (8080, 8081)
    assert settings.progress_url == f"http://{RELEASE}.{NAMESPACE}.svc:8080"


def test_only_who_is_named_reaches_metrics_where_the_operator_is_fenced_in(release: Kubectl) -> None:
    (alone,) = policies(release, "networkPolicy.enabled=true")
    assert [rule["ports"] for rule in alone["spec"]["ingress"]] == [[{"port": "progress"}]]
    peer = "networkPolicy.from[0].namespaceSelector.matchLabels.team=monitoring"
    (scraped,) = policies(release, "networkPolicy.enabled=true", peer)
    workers, named = scraped["spec"]["ingress"]
    assert workers == alone["spec"]["ingress"][0]
    assert named == {
        "ports": [{"port": "http"}],
        "from": [{"namespaceSelector": {"matchLabels": {"team": "monitoring"}}}],
    }


def test_alerts_and_dashboard_are_as_their_files_say(release: Kubectl) -> None:
    flags = ["--set", "prometheusRule.enabled=true,dashboard.enabled=true"]
    text = helm(release, "template", RELEASE, str(CHART), *flags, "--show-only=templates/monitoring.yaml")
    made = {document["kind"]: document for document in yaml.safe_load_all(text) if document}
    rule, dashboard = made["PrometheusRule"], made["ConfigMap"]
    assert rule["spec"] == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text())
    shown = json.loads(dashboard["data"]["reconstruction.json"])
    assert shown == json.loads((CHART / "files" / "grafana-dashboard.json").read_text())
    release.apply(dashboard, dry_run=True)


def test_a_misspelt_value_is_refused_by_name(release: Kubectl) -> None:
    with pytest.raises(DevclusterError, match="logLevl"):
        helm(release, "template", RELEASE, str(CHART), "--set", "settings.logLevl=DEBUG")


def environment(release: Kubectl, **settings: int) -> dict[str, str]:
    """What the operator is started with when the values of `settings` are read from a file."""
    values = json.dumps({"settings": settings})
    command = ["helm", "template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--values=-"]
    documents = yaml.safe_load_all(processes.run(*command, environment=release.environment, text=values))
    deployment = next(each for each in documents if each and each["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_limits_of_concurrent_jobs_reach_the_operator_only_where_they_are_set(release: Kubectl) -> None:
    assert not any("MAX_CONCURRENT_JOBS" in name for name in environment(release))
    variables = environment(release, maxConcurrentJobs=1_000_000, maxConcurrentJobsPerNamespace=0)
    assert variables["RECONSTRUCTION_OPERATOR_MAX_CONCURRENT_JOBS"] == "1000000"
    assert variables["RECONSTRUCTION_OPERATOR_MAX_CONCURRENT_JOBS_PER_NAMESPACE"] == "0"


def test_large_numbers_reach_the_operator_as_whole_numbers(release: Kubectl) -> None:
    values = {"resyncSeconds": 2_000_000, "heartbeatSeconds": 1_000_000, "lostPodSeconds": 31_536_000}
    settings = Settings.load([], environment(release, **values))
    assert (settings.resync_seconds, settings.heartbeat_seconds, settings.lost_pod_seconds) == tuple(values.values())


def test_a_number_that_the_operator_would_not_take_is_refused_by_the_chart(release: Kubectl) -> None:
    with pytest.raises(DevclusterError, match="concurrency"):
        environment(release, concurrency=257)


def test_the_notes_advise_nothing_that_the_next_upgrade_undoes(release: Kubectl) -> None:
    notes = helm(release, "get", "notes", RELEASE)
    assert "kubectl edit" not in notes
    assert "defaultProfile.spec" in notes and "defaultProfile.create=false" in notes


@pytest.mark.parametrize("enabled", ["false", "true"])
def test_secrets_are_read_only_for_notifications(release: Kubectl, enabled: str) -> None:
    chart = helm(release, "template", RELEASE, str(CHART), f"--set=notifications.enabled={enabled}")
    roles = [each for each in yaml.safe_load_all(chart) if each and each["kind"] in ("Role", "ClusterRole")]
    verbs = [
        rule["verbs"] for role in roles for rule in role.get("rules") or [] if "secrets" in rule.get("resources", [])
    ]
    assert verbs == ([["get"]] if enabled == "true" else [])
