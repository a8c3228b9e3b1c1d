"""Bad input on real pods: each mistake ends as a code of the catalogue in `status.failure`, and nothing is retried.

The command line's answers to the same mistakes are in tests/cli/test_bad_input.py.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.cluster import kinds
from tests.cluster.waiting import eventually

from demo import claims, cluster, layout
from demo.targets import Embedded
from devcluster import packages
from devcluster.cluster import Cluster
from devcluster.errors import DevclusterError
from devcluster.kubectl import Kubectl
from reconstruction_api.errors import CATALOGUE

pytestmark = [pytest.mark.slow, pytest.mark.node, pytest.mark.timeout(2400)]

NAMESPACE = "bad-input"
SIDE = 240


def noise(seed: int, format_: str = "PNG") -> bytes:
    """A photo that has nothing in common with one of another seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (SIDE // 4, SIDE // 4, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE)).save(content, format_)
    return content.getvalue()


def archive_that_leads_out() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("../outside.png", noise(0))
    return content.getvalue()


FILES: dict[str, bytes] = {
    "none/readme.txt": b"no photos here",
    "one/a.png": noise(1),
    "text/a.jpg": b"this is text",
    "truncated/a.png": noise(2)[:5000],
    "bad.zip": archive_that_leads_out(),
    **{f"apart/{seed}.png": noise(seed) for seed in range(4)},
}
MISTAKES: dict[str, tuple[str, set[str], str]] = {
    # name of the job: path on the claim, codes that fit, words of the message
    "no-photos": ("none", {"ImageCountOutOfRange", "SourceNotFound"}, "no photos"),
    "one-photo": ("one", {"ImageCountOutOfRange"}, "one photo"),
    "text-as-jpg": ("text", {"UnsupportedFormat"}, "a.jpg"),
    "truncated-png": ("truncated", {"ImageCorrupt"}, "a.png"),
    "missing-folder": ("missing", {"SourceNotFound"}, "missing"),
    "zip-leads-out": ("bad.zip", {"UnsafeArchive"}, "../outside.png"),
    "no-overlap": ("apart", {"PoseEstimationFailed", "LowRegistration"}, ""),
}


def job(name: str, path: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "reconstruction.dev/v1alpha1",
        "kind": "ReconstructionJob",
        "metadata": {"name": name},
        "spec": {"source": {"persistentVolumeClaim": {"claimName": "photos", "path": path}}, **spec},
    }


@pytest.fixture(scope="module")
def kubectl(node_cluster: Cluster, kubernetes_tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """A namespace with a claim full of mistakes, served by the operator."""
    del kubernetes_tools
    packages.install(packages.IMAGES)
    target = Embedded(node_cluster, keep=True)
    target.build_images()
    target.up(print)
    kinds.make_way_for_helm(target.kubectl(layout.OPERATOR_NAMESPACE))
    cluster.install(target)
    folder = tmp_path_factory.mktemp("mistakes")
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    kubectl = target.kubectl(NAMESPACE)
    kubectl("create", "namespace", NAMESPACE)
    claims.create(kubectl, "photos", "1Gi")
    claims.fill(kubectl, "photos", target.helper_image, folder)
    return kubectl


@pytest.fixture(scope="module")
def failure_of(kubectl: Kubectl) -> Callable[[str], dict[str, Any]]:
    """Runs all jobs at once; gives the failure of one of them, once it is there."""
    kubectl.apply(*[job(name, path) for name, (path, _, _) in MISTAKES.items()])

    def get(name: str) -> dict[str, Any]:
        def status() -> dict[str, Any]:
            return (kubectl.get(f"recon/{name}") or {}).get("status", {})

        assert eventually(lambda: "failure" in status(), seconds=600, interval=1), status()
        return status()

    return get


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_photos_ends_the_job_with_a_code_and_is_not_retried(
    failure_of: Callable[[str], dict[str, Any]], name: str
) -> None:
    _, codes, words = MISTAKES[name]
    status = failure_of(name)
    failure = status["failure"]
    assert failure["code"] in codes
    assert failure["category"] == CATALOGUE[failure["code"]].category
    assert words in failure["message"]
    assert failure["suggestion"]
    assert "/workspace" not in failure["message"] and "Traceback" not in failure["message"]
    assert [run["attempt"] for run in status["runs"]] == [1]


def test_an_unknown_engine_is_refused_before_any_pod_starts(kubectl: Kubectl) -> None:
    kubectl.apply(job("unknown-engine", "one", engine="nerfakto"))
    kubectl("wait", "--for=jsonpath={.status.failure.code}=EngineUnavailable", "recon/unknown-engine", "--timeout=180s")
    assert not (kubectl.get("jobs", "--selector=reconstruction.dev/job=unknown-engine") or {}).get("items")


def test_a_misspelt_field_is_rejected_when_it_is_applied(kubectl: Kubectl) -> None:
    with pytest.raises(DevclusterError, match=r'unknown field "(spec\.)?trainig"'):
        kubectl.apply(job("misspelt", "one", trainig={"steps": 5}))
