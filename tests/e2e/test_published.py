"""A job on real pods that publishes to an S3 server, is changed afterwards, and takes back what it has published."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster import kinds
from tests.cluster.waiting import eventually
from tests.object_storage import s3_server
from tests.worker.publishing.bucket import Bucket

from demo import cluster, layout, watch
from demo.journal import Journal
from demo.targets import Embedded
from devcluster import packages
from devcluster.cluster import Cluster
from devcluster.kubectl import Kubectl
from devcluster.versions import NODE_IP
from harness.finished_workspace import followed

from .runs import Document

pytestmark = [pytest.mark.slow, pytest.mark.node, pytest.mark.timeout(1800)]

PREFIX = f"{layout.JOB_NAMESPACE}/{layout.JOB}/"
SECONDS = 300


class Publishing:
    """The job, and what readers see of its results."""

    def __init__(self, kubectl: Kubectl, bucket: Bucket):
        self.kubectl, self.bucket = kubectl, bucket

    @property
    def status(self) -> dict[str, Any]:
        return (self.kubectl.get(f"recon/{layout.JOB}") or {})["status"]

    def change(self, **spec: Any) -> None:
        self.kubectl("patch", f"recon/{layout.JOB}", "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    def wait(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert eventually(lambda: condition(self.status), SECONDS), json.dumps(self.status, indent=1)
        return self.status

    def children(self) -> set[str]:
        jobs = self.kubectl.get("jobs", f"--selector=reconstruction.dev/job={layout.JOB}") or {"items": []}
        return {job["metadata"]["labels"]["reconstruction.dev/resource-class"] for job in jobs["items"]}


@pytest.fixture(scope="module")
def publishing(
    node_cluster: Cluster,
    kubernetes_tools: Path,
    small_demo: Document,
    demo_photos: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Publishing]:
    """Camera poses of the demo's photos, published with a bundle of all files."""
    del kubernetes_tools, demo_photos
    packages.install(packages.IMAGES)
    target = Embedded(node_cluster, keep=True)
    target.build_images()
    target.up(print)
    kinds.make_way_for_helm(target.kubectl(layout.OPERATOR_NAMESPACE))
    cluster.install(target)
    jobs = target.kubectl(layout.JOB_NAMESPACE)
    destinations = {"prefixes": ["s3://assets/{namespace}/"]}
    allowed = {"spec": {"network": {"allow": [f"{NODE_IP}/32"]}, "destinations": destinations}}
    jobs("patch", "clusterreconstructionprofile/default", "--type=merge", f"--patch={json.dumps(allowed)}")
    job = deepcopy(small_demo)
    job["spec"] |= {
        "images": {"maxSidePixels": 400},
        "endAfter": "Poses",
        "bundle": True,
        "destination": {"uri": "s3://assets/{namespace}/{name}/", "secretName": "assets-write"},
    }
    file = tmp_path_factory.mktemp("published") / "job.yaml"
    file.write_text(yaml.safe_dump(job))
    with s3_server() as address:
        bucket = Bucket(address)
        port = address.rpartition(":")[2]
        jobs.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": layout.JOB_NAMESPACE}})
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_ENDPOINT_URL": f"http://{NODE_IP}:{port}"}
        jobs.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "assets-write"}, "stringData": keys})
        cluster.submit(target, file)
        said = io.StringIO()
        status = watch.follow(jobs, layout.JOB, Journal(said), cluster.JOB_TIMEOUT, lambda _: None)
        assert watch.condition(status, "Succeeded").get("status") == "True", said.getvalue() + json.dumps(status)
        yield Publishing(jobs, bucket)
        jobs("delete", f"recon/{layout.JOB}", "--ignore-not-found", "--cascade=foreground", "--timeout=120s")


def test_readers_find_all_files_and_the_status_says_where(publishing: Publishing) -> None:
    files = followed(publishing.bucket.objects(PREFIX))
    artifacts = {each["name"]: each for each in publishing.status["artifacts"]}
    assert {"transforms.json", "report.html", "dataset.zip", "bundle.zip"} <= files.keys()
    assert artifacts.keys() == {*files, "manifest.json"}
    uris = [each["uri"] for each in artifacts.values()]
    assert all(uri.startswith(f"s3://assets/{PREFIX}") and "?" not in uri for uri in uris)
    assert publishing.children() == {"prepare", "deliver"}


def test_another_wish_is_met_by_the_pod_that_delivers_alone(publishing: Publishing) -> None:
    before = {each["name"]: each.get("completionTime") for each in publishing.status["stages"]}
    publishing.change(destination={"publicBaseURL": "https://cdn.example.org/demo"})
    status = publishing.wait(
        lambda now: any(each["uri"].startswith("https://cdn.example.org/") for each in now.get("artifacts", []))
    )
    after = {each["name"]: each.get("completionTime") for each in status["stages"]}
    assert {name for name in after if after[name] != before[name]} == {"publish"}
    assert "(0 sent)" in next(each["message"] for each in status["stages"] if each["name"] == "publish")


def test_a_pod_removes_a_part_of_the_workspace(publishing: Publishing) -> None:
    publishing.change(retention={"artifactSeconds": 0})
    status = publishing.wait(lambda now: "artifactsRemovedTime" in now.get("retention", {}))
    assert status["artifacts"], "what was published stays"


def test_without_its_workspace_another_wish_is_met_from_what_was_published(publishing: Publishing) -> None:
    before = followed(publishing.bucket.objects(PREFIX))
    publishing.change(retention={"workspaceSeconds": 0})
    publishing.wait(lambda now: "workspaceRemovedTime" in now.get("retention", {}))
    publishing.change(bundle=False)
    wanted = {*before, "manifest.json"} - {"bundle.zip"}
    status = publishing.wait(lambda now: {each["name"] for each in now.get("artifacts", [])} == wanted)
    after = followed(publishing.bucket.objects(PREFIX))
    assert after == {name: content for name, content in before.items() if name != "bundle.zip"}
    assert all(each["uri"].startswith("https://cdn.example.org/") for each in status["artifacts"])
    assert "prepare" not in publishing.children()


def test_a_pod_takes_it_back_when_its_time_is_over(publishing: Publishing) -> None:
    publishing.change(retention={"publishedSeconds": 0})
    status = publishing.wait(lambda now: "publishedRemovedTime" in now.get("retention", {}))
    assert publishing.bucket.objects(PREFIX) == {}
    assert status.get("artifacts", []) == []
    assert eventually(lambda: "removal" not in publishing.children(), SECONDS)
