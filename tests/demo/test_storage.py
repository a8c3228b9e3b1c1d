"""The demo's S3 server, and how it is read as the readers of a destination do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import layout, storage, targets, watch
from demo.storage import Storage, publishes, s3_server
from devcluster.errors import DevclusterError
from harness.finished_workspace import FILES, context, results
from reconstruction_worker.stages import publish

LOOPBACK = "127.0.0.1"
PREFIX = f"{layout.JOB_NAMESPACE}/{layout.JOB}/"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Storage]:
    """A server with results of the demo's job."""
    with s3_server(LOOPBACK) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{LOOPBACK}:{server.port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "demo")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "demo")
        job = {"namespace": layout.JOB_NAMESPACE, "name": layout.JOB}
        destination = {"uri": "s3://assets/{namespace}/{name}/"}
        publish.run(context(results(tmp_path / "workspace"), destination, delivery=job))
        yield server


def test_what_was_published_is_found_and_what_is_missing_is_named(published: Storage) -> None:
    assert published.verify(PREFIX) == (len(FILES), sum(len(content) for content in FILES.values()))
    with pytest.raises(DevclusterError, match=r"demo/another/latest\.json is not in the bucket"):
        published.verify("demo/another/")


def test_a_file_that_is_another_one_is_named(published: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Storage._read
    monkeypatch.setattr(Storage, "_read", lambda self, path: read(self, path).replace(b"a report", b"a rapport"))
    with pytest.raises(DevclusterError, match=r"report\.html in the bucket assets is not what its manifest says"):
        published.verify(PREFIX)


def test_an_example_that_publishes_needs_a_cluster_whose_pods_reach_this_machine() -> None:
    assert publishes(layout.EXAMPLES / "demo-everything.yaml")
    assert not publishes(layout.JOB_FILE)
    assert targets.Embedded.node_address is not None
    with pytest.raises(DevclusterError, match="needs DEMO_CLUSTER=embedded"), s3_server(targets.Current.node_address):
        pass


def test_a_server_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "PYTHON", Path("/bin/false"))
    with pytest.raises(DevclusterError, match="did not start"), s3_server(LOOPBACK):
        pass


def test_the_time_after_a_stage_is_that_to_the_last_end() -> None:
    stages = [("texture", "2026-11-30T10:00:00Z"), ("export", "2026-11-30T10:00:40Z"), ("publish", None)]
    status = {"stages": [{"name": name, "completionTime": end} for name, end in stages]}
    assert watch.seconds_after(status, "texture") == 40.0


def test_the_profile_lets_pods_connect_to_it() -> None:
    assert storage.Storage("10.250.0.1", 9000).profile() == {"network": {"allow": ["10.250.0.1/32"]}}
