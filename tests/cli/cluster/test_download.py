"""`recon download`: a job's artifacts come to this machine, checked."""

from __future__ import annotations

import hashlib
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cli.cluster.conftest import CRDS, JOB, Museum, account_token, artifact, museum_on, use_token
from tests.cli.cluster.watcher import Watcher
from tests.cli.conftest import Answer, Recon
from tests.cluster.pods import restricted_pod
from tests.cluster.waiting import eventually

from harness.rest import Rest
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.worker import Artifact
from reconstruction_cli.cluster.connection import Disconnected
from reconstruction_cli.cluster.download_pod import manifest
from reconstruction_cli.cluster.fetch import receive
from reconstruction_cli.cluster.jobs import Job, parse
from reconstruction_cli.cluster.volumes import mounts_of, path_in_pod

PUBLISHED = b"what the job has published"
FILES = {"model.glb": 20_000_000, "report.html": 70_001, "empty.json": 0, "obj/model.obj": 12}


def content(name: str) -> bytes:
    return random.Random(name).randbytes(FILES[name])


def delivered(name: str, **changes: Any) -> dict[str, Any]:
    return artifact(name, content(name), sha256=hashlib.sha256(content(name)).hexdigest()) | changes


def profile(image: str, **more: Any) -> dict[str, Any]:
    spec = {"engines": [{"name": "nerfacto", "image": image}], "imagePullPolicy": "Never", **more}
    return {"kind": "ReconstructionProfile", "name": "default", "generation": 1, "spec": spec}


def pods(museum: Museum) -> list[str]:
    items = museum.send("GET", f"/api/v1/namespaces/{museum.name}/pods")["items"]
    return [
        pod["metadata"]["name"] for pod in items if "reconstruction.dev/download" in pod["metadata"].get("labels", {})
    ]


def claim(museum: Museum, name: str = "statue-workspace") -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    museum.send(
        "POST",
        f"/api/v1/namespaces/{museum.name}/persistentvolumeclaims",
        {"metadata": {"name": name}, "spec": spec},
    )


@pytest.fixture(scope="module")
def gallery(node_kubeconfig: Path, python_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Museum]:
    """A finished job with its files on a real volume, in a namespace that admits restricted pods only."""
    rest = Rest(node_kubeconfig)
    rest.install(CRDS)
    with museum_on(rest, node_kubeconfig, tmp_path_factory.mktemp("gallery"), enforce="restricted") as museum:
        museum.create()
        claim(museum)
        claim(museum, "results")
        program = (
            "import pathlib, random\n"
            "pathlib.Path('/results/set').mkdir()\n"
            f"pathlib.Path('/results/set/a model.glb').write_bytes({PUBLISHED!r})\n"
            f"for name, size in {FILES!r}.items():\n"
            "    path = pathlib.Path('/workspace/artifacts', name)\n"
            "    path.parent.mkdir(parents=True, exist_ok=True)\n"
            "    path.write_bytes(random.Random(name).randbytes(size))\n"
        )
        pod = restricted_pod(
            "writer",
            python_image,
            ["python3", "-c", program],
            claims={"statue-workspace": "/workspace", "results": "/results"},
        )
        museum.send("POST", f"/api/v1/namespaces/{museum.name}/pods", pod)
        writer = f"/api/v1/namespaces/{museum.name}/pods/writer"
        assert eventually(lambda: museum.send("GET", writer)["status"]["phase"] == "Succeeded", seconds=180)
        museum.write_status(
            artifacts=[delivered(name) for name in FILES],
            profile=profile(python_image),
            workspaceClaim="statue-workspace",
        )
        yield museum


@pytest.fixture
def fetch(recon: Recon, gallery: Museum, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """`recon download statue ...` in the gallery."""
    monkeypatch.setenv("KUBECONFIG", str(gallery.kubeconfig))
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Answer:
        answer = recon("download", "statue", *words)
        assert not pods(gallery), "the pod was removed"
        assert not list(tmp_path.rglob(".recon-*")), "nothing half is left"
        return answer

    return call


@pytest.mark.node
def test_all_files_arrive_whole_and_only_once(fetch, gallery: Museum, tmp_path: Path) -> None:
    answer = fetch()
    assert answer.status == 0, answer.err
    assert answer.out.splitlines()[:2] == ["Results in out/statue:", "  model.glb  20.0 MB"]
    for name in FILES:
        assert (tmp_path / "out" / "statue" / name).read_bytes() == content(name)
    (tmp_path / "out" / "statue" / "report.html").write_bytes(b"changed")
    again = fetch().out.splitlines()
    assert "  model.glb  20.0 MB  (was there)" in again
    assert "  report.html  70.0 kB" in again
    assert (tmp_path / "out" / "statue" / "report.html").read_bytes() == content("report.html")


@pytest.mark.node
def test_what_is_published_on_a_claim_arrives_without_the_workspace(
    recon: Recon, gallery: Museum, python_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(gallery.kubeconfig))
    destination = "spec:\n  destination: {persistentVolumeClaim: {claimName: results}}"
    gallery.create(JOB.replace("name: statue", "name: shown").replace("spec:", destination))
    checksum = hashlib.sha256(PUBLISHED).hexdigest()
    there = {"uri": "pvc://results/set/a%20model.glb"}
    gallery.write_status(
        "shown", artifacts=[artifact("model.glb", PUBLISHED, checksum) | there], profile=profile(python_image)
    )
    answer = recon("download", "shown", "--to", tmp_path)
    assert answer.status == 0, answer.err
    assert (tmp_path / "model.glb").read_bytes() == PUBLISHED
    assert not pods(gallery)


def published_job(uri: str) -> tuple[Job, Artifact]:
    document = {
        "metadata": {"name": "statue", "namespace": "museum", "uid": "1", "generation": 1},
        "spec": {"destination": {"persistentVolumeClaim": {"claimName": "results", "path": "3d"}}},
        "status": {"workspaceClaim": "statue-workspace"},
    }
    return parse(document), Artifact.model_validate(artifact("model.glb") | {"uri": uri})


def test_a_file_is_looked_for_on_the_volume_that_its_address_names() -> None:
    job, on_claim = published_job("pvc://results/3d/set/model%20one.glb")
    assert path_in_pod(on_claim, job) == "/destination/3d/set/model one.glb"
    job, in_workspace = published_job("pvc://statue-workspace/artifacts/model.glb")
    assert path_in_pod(in_workspace, job) == "/workspace/artifacts/model.glb"


@pytest.mark.parametrize("uri", ["pvc://payroll/salaries.csv", "pvc://results/%2e%2e/other", "file:///etc/passwd"])
def test_a_status_does_not_say_which_volumes_are_mounted(uri: str) -> None:
    job, elsewhere = published_job(uri)
    with pytest.raises(ReconstructionError, match=r"which (is neither|leads elsewhere)"):
        path_in_pod(elsewhere, job)


@pytest.mark.node
def test_the_documented_rights_are_enough(fetch, gallery: Museum, tmp_path: Path) -> None:
    rules = [
        {"apiGroups": ["reconstruction.dev"], "resources": ["reconstructionjobs"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch", "create", "delete"]},
        {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    ]
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{gallery.name}"
    gallery.send("POST", f"{roles}/roles", {"metadata": {"name": "guest"}, "rules": rules})
    binding = {
        "metadata": {"name": "guest"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "guest"},
        "subjects": [{"kind": "ServiceAccount", "name": "guest", "namespace": gallery.name}],
    }
    gallery.send("POST", f"{roles}/rolebindings", binding)
    own = tmp_path / "kubeconfig"
    own.write_text(gallery.kubeconfig.read_text())
    use_token(own, account_token(gallery))
    answer = fetch("report.html", "--to", tmp_path / "here", "--kubeconfig", own)
    assert answer.status == 0, answer.err


@pytest.mark.node
def test_one_file_into_a_folder_of_choice(fetch, tmp_path: Path) -> None:
    assert fetch("report.html", "--to", tmp_path / "here").status == 0
    assert [path.name for path in (tmp_path / "here").iterdir()] == ["report.html"]


@pytest.mark.node
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: delivered("report.html", sha256="0" * 64), "report.html on the job's volume is not the file"),
        (lambda: delivered("report.html", sizeBytes=5), "report.html on the job's volume is not the file"),
        (lambda: artifact("lost.glb", b"x"), "lost.glb is no longer on the job's volume."),
    ],
)
def test_a_file_that_is_not_what_was_delivered_touches_nothing(
    fetch, gallery: Museum, tmp_path: Path, wrong, words: str
) -> None:
    gallery.write_status(artifacts=[delivered("model.glb"), wrong()])
    try:
        answer = fetch("--to", tmp_path / "here")
    finally:
        gallery.write_status(artifacts=[delivered(name) for name in FILES])
    assert answer.status == 4
    assert answer.err.startswith("ArtifactStoreError")
    assert words in answer.err
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.node
def test_an_image_that_is_not_there(fetch, gallery: Museum, python_image: str) -> None:
    gallery.write_status(profile=profile("localhost/no-such-image:1"))
    try:
        answer = fetch()
    finally:
        gallery.write_status(profile=profile(python_image))
    assert answer.status == 4
    assert answer.err.startswith("ImagePullFailed\n  ErrImageNeverPull")


@pytest.mark.cluster
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_removes_the_pod(museum: Museum, tmp_path: Path, number: signal.Signals) -> None:
    museum.create()
    claim(museum)
    museum.write_status(
        artifacts=[delivered("model.glb")],
        workspaceClaim="statue-workspace",
        profile=profile("worker:1", cpu={"nodeSelector": {"is": "nowhere"}}),
    )
    with Watcher("download", "statue", "--to", str(tmp_path / "here")) as watcher:
        watcher.until("waiting for the download pod: ")
        assert len(pods(museum)) == 1
        watcher.process.send_signal(number)
        assert watcher.end() == 128 + number
    assert pods(museum) == []
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.cluster
def test_a_pod_that_does_not_start_in_time(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    museum.create()
    claim(museum)
    museum.write_status(
        artifacts=[delivered("model.glb")], workspaceClaim="statue-workspace", profile=profile("worker:1")
    )
    answer = recon("download", "statue", "--to", tmp_path / "here", "--timeout", "1")
    assert answer.status == 4
    assert "did not start: not within 1 s" in answer.err
    assert pods(museum) == []


@pytest.mark.cluster
def test_a_volume_that_is_gone_starts_no_pod(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    museum.create()
    museum.write_status(
        artifacts=[delivered("model.glb")], workspaceClaim="statue-workspace", profile=profile("worker:1")
    )
    answer = recon("download", "statue", "--to", tmp_path / "here")
    assert answer.status == 4
    assert "volume claim 'statue-workspace' is gone" in answer.err


@pytest.mark.cluster
def test_files_never_leave_the_folder(recon: Recon, museum: Museum, tmp_path: Path) -> None:
    museum.create()
    museum.write_status(artifacts=[artifact(name) for name in ("../evil", "/etc/evil", "a/../../evil")])
    answer = recon("download", "statue", "../evil", "--to", tmp_path / "here")
    assert answer.status == 2
    assert "no artifact '../evil'" in answer.err


@pytest.mark.cluster
def test_a_job_that_goes_on_has_nothing_to_fetch(recon: Recon, museum: Museum) -> None:
    museum.create()
    assert recon("download", "statue").err.startswith("ArtifactsNotReady")


class Line:
    """A connection that breaks off after so many bytes each time."""

    def __init__(self, content: bytes, *breaks: int):
        self.content = content
        self.breaks = list(breaks)
        self.offsets: list[int] = []

    def read(self, offset: int) -> Iterator[bytes]:
        self.offsets.append(offset)
        rest = self.content[offset:]
        if not self.breaks:
            yield rest
            return
        if some := rest[: self.breaks.pop(0)]:
            yield some
        raise Disconnected("")


def as_artifact(content: bytes) -> Artifact:
    return Artifact.model_validate(artifact("a.glb", content, sha256=hashlib.sha256(content).hexdigest()))


def test_after_a_lost_connection_only_the_rest_is_fetched(tmp_path: Path) -> None:
    line, counts = Line(b"0123456789", 3, 4), []
    receive(as_artifact(line.content), line.read, tmp_path / "a.glb", counts.append)
    assert line.offsets == [0, 3, 7]
    assert counts == [3, 4, 3]
    assert (tmp_path / "a.glb").read_bytes() == b"0123456789"


def test_a_connection_that_never_holds_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    line = Line(b"0123456789", *[0] * 50)
    with pytest.raises(ReconstructionError, match="interrupted repeatedly"):
        receive(as_artifact(line.content), line.read, tmp_path / "a.glb", lambda _: None)
    assert len(line.offsets) == 6


def test_more_bytes_than_promised_are_not_taken(tmp_path: Path) -> None:
    line = Line(b"0123456789")
    with pytest.raises(ReconstructionError, match="not the file"):
        receive(as_artifact(b"01234"), line.read, tmp_path / "a.glb", lambda _: None)


def test_the_pod_goes_where_the_profiles_cpu_pods_go() -> None:
    spec = {
        "cpu": {"nodeSelector": {"pool": "cpu"}, "tolerations": [{"key": "batch", "operator": "Exists"}]},
        "gpu": {"nodeSelector": {"pool": "gpu"}},
        "imagePullSecrets": ["registry"],
    }
    job = parse(
        {
            "metadata": {"name": "statue", "namespace": "museum", "uid": "1", "generation": 1},
            "spec": {"engine": "nerfacto"},
            "status": {"workspaceClaim": "statue-workspace", "profile": profile("worker:1", **spec)},
        }
    )
    pod = manifest(job, "statue-get-1", mounts_of(job))
    assert pod["spec"]["nodeSelector"] == {"pool": "cpu"}
    assert pod["spec"]["tolerations"] == [{"key": "batch", "operator": "Exists"}]
    assert pod["spec"]["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["spec"]["containers"][0]["image"] == "worker:1"
    assert pod["spec"]["containers"][0]["volumeMounts"][0]["readOnly"] is True
    assert "reconstruction.dev/job" not in pod["metadata"]["labels"], "the operator must not take it for a worker"


@pytest.mark.parametrize("user", ["Fixed", "PlatformAssigned"])
def test_the_pod_runs_as_the_user_that_wrote_the_files(user: str) -> None:
    job = parse(
        {
            "metadata": {"name": "statue", "namespace": "museum", "uid": "1", "generation": 1},
            "spec": {"engine": "nerfacto"},
            "status": {"workspaceClaim": "statue-workspace", "profile": profile("worker:1", podUser=user)},
        }
    )
    context = manifest(job, "statue-get-1", mounts_of(job))["spec"]["securityContext"]
    named = {"runAsUser", "runAsGroup", "fsGroup"} & context.keys()
    assert (len(named), context["runAsNonRoot"]) == (3 if user == "Fixed" else 0, True)
