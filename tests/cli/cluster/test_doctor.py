"""`recon doctor --gpu`: a pod of a profile checks its GPU."""

from __future__ import annotations

import contextlib
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cluster.conftest import CRDS, Museum, account_token, museum_on, use_token
from tests.cli.cluster.watcher import Watcher
from tests.cli.conftest import Recon
from tests.cluster.waiting import eventually
from tests.operator import test_manifests as operators

from harness.rest import GROUP, Rest
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_cli.cluster.gpu_check_pod import image_of, manifest
from reconstruction_cli.cluster.profiles import Profile

DEVICE = "nvidia.com/gpu"
GPU = {
    "limits": {DEVICE: 1, "memory": "1Gi"},
    "nodeSelector": {"gpu": "yes"},
    "tolerations": [{"key": DEVICE, "operator": "Exists"}],
}
STUB = """
import os, sys
print("device ...", file=sys.stderr, flush=True)
print("| check | outcome |", os.environ["RECONSTRUCTION_GPU"], sys.argv[1:], flush=True)
if "--wait" in sys.argv:
    import time
    time.sleep(600)
sys.exit(1 if "--fail" in sys.argv else 0)
"""


def profile_of(**spec: Any) -> Profile:
    engines = [{"name": "nerfacto", "image": "worker:1"}, {"name": "splats", "image": "splats:1"}]
    return Profile(
        "ClusterReconstructionProfile", "large", ClusterProfileSpec.model_validate({"engines": engines, **spec})
    )


def pods(museum: Museum) -> list[str]:
    items = museum.send("GET", f"/api/v1/namespaces/{museum.name}/pods")["items"]
    return [pod["metadata"]["name"] for pod in items if "reconstruction.dev/gpu-check" in pod["metadata"]["labels"]]


@contextlib.contextmanager
def cluster_profile(museum: Museum, image: str, **spec: Any) -> Iterator[str]:
    """The name of a profile for all namespaces."""
    name = f"gpu-{secrets.token_hex(3)}"
    document = {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ClusterReconstructionProfile",
        "metadata": {"name": name},
        "spec": {"engines": [{"name": "nerfacto", "image": image}], "imagePullPolicy": "Never", **spec},
    }
    museum.send("POST", f"{GROUP}/clusterreconstructionprofiles", document)
    try:
        yield name
    finally:
        museum.send("DELETE", f"{GROUP}/clusterreconstructionprofiles/{name}")


def test_the_pod_is_one_that_trains_without_a_job() -> None:
    """What chooses nodes and equips the container is what the operator gives to such pods."""
    spec = {
        "gpu": {**operators.GPU, "requests": {"cpu": "2"}},
        "hostPaths": [{"path": "/opt/venv", "mountPath": "/venv"}],
        "environment": {"PATH": "/venv/bin", "HOME": "/venv"},
        "environmentFromSecrets": {"TOKEN": {"secretName": "keys", "key": "token"}},
        "serviceAccountName": "reader",
        "imagePullSecrets": ["registry"],
        "podUser": "PlatformAssigned",
        "sharedMemory": "2Gi",
    }
    ours = manifest(profile_of(**spec), "worker:1", "check", ())["spec"]
    engines = {"engines": [{"name": "nerfacto", "image": "worker:1"}]}
    profile = operators.cluster_profile(**engines, **spec)
    theirs = operators.pod(operators.child(resource_class=operators.RECONSTRUCT, profile=profile))
    placing = ("nodeSelector", "tolerations", "runtimeClassName")
    for name in (*placing, "serviceAccountName", "imagePullSecrets", "securityContext"):
        assert ours.get(name) == theirs.get(name), name
    own, other = ours["containers"][0], theirs["containers"][0]
    for name in ("image", "imagePullPolicy", "resources", "securityContext"):
        assert own[name] == other[name], name
    assert [each for each in own["env"] if each not in other["env"]] == []
    assert {"HOME", "NUMBA_CACHE_DIR", "TOKEN", "RECONSTRUCTION_GPU"} <= {each["name"] for each in own["env"]}
    folders = {"/tmp", "/dev/shm", "/venv"}
    assert {each["mountPath"] for each in own["volumeMounts"]} == folders
    assert all(volume in theirs["volumes"] for volume in ours["volumes"])
    assert len(ours["volumes"]) == len(folders)


def test_the_image_is_an_engines() -> None:
    assert image_of(profile_of(), None) == "worker:1"
    assert image_of(profile_of(defaults={"engine": "splats"}), None) == "splats:1"
    assert image_of(profile_of(), "splats") == "splats:1"
    with pytest.raises(ReconstructionError, match="no engine 'plenoxels'") as failure:
        image_of(profile_of(), "plenoxels")
    assert failure.value.code == "EngineUnavailable"
    assert failure.value.message.endswith("It has: nerfacto, splats.")


def test_what_is_to_be_checked_has_to_be_named(recon: Recon) -> None:
    answer = recon("doctor")
    assert answer.status == 2
    assert "--gpu" in answer.err


@pytest.mark.cluster
def test_a_profile_that_is_not_there(recon: Recon, museum: Museum) -> None:
    with cluster_profile(museum, "worker:1") as name:
        answer = recon("doctor", "--gpu", "--profile", "colossal")
        assert answer.status == 2
        assert answer.err.startswith("ProfileNotFound\n  There is no profile 'colossal'")
        assert name in answer.err


@pytest.mark.cluster
def test_a_profile_without_a_gpu(recon: Recon, museum: Museum) -> None:
    with cluster_profile(museum, "worker:1", gpu={"limits": {"memory": "1Gi"}}) as name:
        answer = recon("doctor", "--gpu", "--profile", name)
    assert answer.status == 4
    assert answer.err.startswith("GPUUnavailable")
    assert "spec.gpu.limits" in answer.err


@pytest.mark.cluster
def test_the_namespaces_own_profile_goes_before_the_clusters(recon: Recon, museum: Museum) -> None:
    with cluster_profile(museum, "worker:1", gpu=GPU) as name:
        own = {
            "apiVersion": "reconstruction.dev/v1alpha1",
            "kind": "ReconstructionProfile",
            "metadata": {"name": name},
            "spec": {"engines": [{"name": "nerfacto", "image": "worker:1"}]},
        }
        museum.send("POST", f"{GROUP}/namespaces/{museum.name}/reconstructionprofiles", own)
        assert f"ReconstructionProfile '{name}' asks for no GPU" in recon("doctor", "--gpu", "--profile", name).err


@pytest.mark.cluster
def test_without_a_gpu_the_scheduler_says_why(recon: Recon, museum: Museum) -> None:
    with cluster_profile(museum, "worker:1", gpu=GPU) as name:
        answer = recon("doctor", "--gpu", "--profile", name, "--timeout", "5")
    assert answer.status == 4
    assert "The pod waits: Unschedulable" in answer.err
    assert "GPUUnavailable\n  No node took a pod" in answer.err
    assert f"({DEVICE}: 1)" in answer.err
    assert pods(museum) == []


@pytest.mark.cluster
def test_a_right_that_is_missing_is_named(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    own = tmp_path / "guest"
    own.write_text(museum.kubeconfig.read_text())
    use_token(own, account_token(museum))
    with cluster_profile(museum, "worker:1", gpu=GPU) as name:
        answer = recon("doctor", "--gpu", "--profile", name, "--kubeconfig", own)
    assert answer.status == 2
    assert answer.err.startswith("ClusterAccessDenied")
    assert "reconstructionprofiles" in answer.err


@pytest.mark.cluster
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_removes_a_pod_that_waits(museum: Museum, number: signal.Signals) -> None:
    with cluster_profile(museum, "worker:1", gpu=GPU) as name, Watcher("doctor", "--gpu", "--profile", name) as watcher:
        watcher.until("The pod waits: ")
        assert len(pods(museum)) == 1
        watcher.process.send_signal(number)
        assert watcher.end() == 128 + number
    assert pods(museum) == []


@pytest.fixture(scope="module")
def gallery(node_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Museum]:
    """On a node that pretends to have a GPU."""
    rest = Rest(node_kubeconfig)
    rest.install(CRDS)
    with museum_on(rest, node_kubeconfig, tmp_path_factory.mktemp("gallery")) as museum:
        node = museum.send("GET", "/api/v1/nodes")["items"][0]["metadata"]["name"]
        merge = "application/merge-patch+json"
        device = {"capacity": {DEVICE: "1"}, "allocatable": {DEVICE: "1"}}
        museum.send("PATCH", f"/api/v1/nodes/{node}/status", {"status": device}, merge)
        museum.send("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": {"gpu": "yes"}}}, merge)
        yield museum
        museum.send("PATCH", f"/api/v1/nodes/{node}", {"metadata": {"labels": {"gpu": None}}}, merge)
        gone = {"capacity": {DEVICE: None}, "allocatable": {DEVICE: None}}
        museum.send("PATCH", f"/api/v1/nodes/{node}/status", {"status": gone}, merge)


@pytest.fixture
def stub(
    gallery: Museum, python_image: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The name of a profile whose worker has a check that looks at nothing."""
    package = tmp_path_factory.mktemp("worker") / "reconstruction_worker"
    (package / "gpu_check").mkdir(parents=True)
    package.parent.chmod(0o755)
    for file in (package / "__init__.py", package / "gpu_check" / "__init__.py"):
        file.write_text("")
    (package / "gpu_check" / "__main__.py").write_text(STUB)
    monkeypatch.setenv("KUBECONFIG", str(gallery.kubeconfig))
    folder = {"path": str(package.parent), "mountPath": "/stub"}
    with cluster_profile(
        gallery, python_image, gpu=GPU, hostPaths=[folder], environment={"PYTHONPATH": "/stub"}
    ) as name:
        yield name


@pytest.mark.node
def test_the_table_is_printed_and_the_pod_removed(recon: Recon, gallery: Museum, stub: str) -> None:
    answer = recon("doctor", "--gpu", "--profile", stub, "--", "--steps", "$(HOME)")
    assert answer.status == 0, answer.err
    assert answer.out == "| check | outcome | promised ['--steps', '$(HOME)']\n"
    assert "device ..." in answer.err
    assert "checks the GPU of node " in answer.err
    assert pods(gallery) == []


@pytest.mark.node
def test_a_check_that_fails_is_the_exit_status(recon: Recon, gallery: Museum, stub: str) -> None:
    answer = recon("doctor", "--gpu", "--profile", stub, "--", "--fail")
    assert answer.status == 1
    assert answer.out.startswith("| check | outcome |")
    assert pods(gallery) == []


@pytest.mark.node
def test_an_interruption_removes_a_pod_that_checks(gallery: Museum, stub: str) -> None:
    with Watcher("doctor", "--gpu", "--profile", stub, "--", "--wait") as watcher:
        watcher.until("device ...")
        watcher.process.send_signal(signal.SIGINT)
        assert watcher.end() == 130
    assert eventually(lambda: pods(gallery) == [])


@pytest.mark.node
def test_an_image_without_the_check(
    recon: Recon, gallery: Museum, python_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(gallery.kubeconfig))
    with cluster_profile(gallery, python_image, gpu=GPU) as name:
        answer = recon("doctor", "--gpu", "--profile", name)
    assert answer.status == 2
    assert f"EngineUnavailable\n  Image {python_image} has no check of a GPU" in answer.err
    assert pods(gallery) == []


@pytest.mark.node
def test_an_image_that_is_not_there(recon: Recon, gallery: Museum, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(gallery.kubeconfig))
    with cluster_profile(gallery, "localhost/no-such-image:1", gpu=GPU) as name:
        answer = recon("doctor", "--gpu", "--profile", name)
    assert answer.status == 4
    assert "ImagePullFailed\n  ErrImageNeverPull" in answer.err
    assert pods(gallery) == []
