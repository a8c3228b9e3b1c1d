from pathlib import Path

import pytest

from demo import cluster, targets
from demo.journal import Journal
from demo.targets.base import development_profile
from devcluster.errors import DevclusterError
from reconstruction_api.profile import ClusterProfileSpec


def test_the_development_profile_mounts_the_code_read_only_and_is_valid() -> None:
    values = development_profile(Path("/repository"), Path("/site-packages"))
    del values["gpu"]["limits"]["nvidia.com/gpu"]  # Helm removes it from the chart's default
    profile = ClusterProfileSpec.model_validate(values | {"engines": [{"name": "nerfacto", "image": "worker:1"}]})
    assert profile.environment["PYTHONPATH"].split(":") == [folder.mount_path for folder in profile.host_paths]


def test_an_unknown_cluster_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_CLUSTER", "minikube")
    with pytest.raises(DevclusterError, match="DEMO_CLUSTER=minikube is unknown"):
        targets.from_environment(keep=False)


def test_the_current_cluster_needs_images_that_it_can_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO_CLUSTER", "current")
    monkeypatch.setenv("DEMO_OPERATOR_IMAGE", "registry:5000/operator")
    with pytest.raises(DevclusterError, match="DEMO_OPERATOR_IMAGE=REPOSITORY:TAG"):
        targets.from_environment(keep=False)


def test_chaos_kills_the_operator_as_often_as_asked_spread_over_the_job() -> None:
    class Victim(targets.Current):
        def __init__(self) -> None:
            self.deaths = 0

        def kill_operator(self) -> None:
            self.deaths += 1

    victim = Victim()
    chaos = cluster.Chaos(victim, Journal(), 3)
    deaths = []
    for percent in (0, 24, 25, 26, 49, 60, 74, 90):
        chaos({"progress": {"percent": percent}})
        deaths.append(victim.deaths)
    assert deaths == [0, 0, 1, 1, 1, 2, 2, 3]
    assert not chaos.pending
