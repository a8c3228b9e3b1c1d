"""A cluster as a whole: up, down, status."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import certificates, control_plane, kube_router, kueue, node, packages, volumes
from .api import Api
from .build import build, build_kube_router, build_kueue
from .errors import DevclusterError
from .locks import exclusive
from .processes import recall, remember, stop_named
from .versions import binaries, clusters_home

DEFAULT_PORT: Final = 16443
PORT_STEP: Final = 10
LAST_PORT: Final = 17400
PORT: Final = "port"
"""File with the port of a cluster's API server."""


@dataclass(frozen=True)
class Cluster:
    """A cluster of this machine; its name is the name of a folder that holds all it has."""

    name: str

    @property
    def root(self) -> Path:
        return clusters_home() / self.name

    @property
    def kubeconfig(self) -> Path:
        """Administrator's access from this machine."""
        return self.root / "admin.kubeconfig"

    @property
    def etcd_url(self) -> str:
        """Where the running cluster's etcd answers, from this machine and without credentials."""
        return control_plane.etcd_url(self._port())

    def up(
        self,
        *,
        with_node: bool,
        port: int | None = None,
        programs: Path | None = None,
        owner: int | None = None,
        say: Callable[[str], None] = print,
    ) -> Path:
        """Start the cluster and return its kubeconfig once it is ready; compiles what is missing first.

        `port` is the API server's, the next free one by default. `programs` is a folder with etcd and kube-apiserver
        to use instead of the compiled ones. A cluster with an `owner` (a pid) may be removed by `remove_orphans` once
        that process has ended. What is left of an earlier cluster of this name is removed first. Raises
        DevclusterError.
        """
        if self.is_running():
            raise DevclusterError(f"cluster {self.name} is running already; stop it with `devcluster down {self.name}`")
        packages.install(packages.CONTROL_PLANE, packages.NODE if with_node else {})
        if programs is None:
            build(say)
        self.down()
        if with_node:
            node.claim(self.root)
        self.root.mkdir(parents=True, exist_ok=True)
        if owner is not None:
            remember(self.root / "owner", owner)
        with exclusive("ports"):
            chosen = port or free_port()
            (self.root / PORT).write_text(str(chosen))
        try:
            certificates.create(self.root, chosen)
            if with_node:
                node.create_bridge()
            api = control_plane.start(self.root, programs or binaries(), chosen, reachable_from_pods=with_node)
            if with_node:
                node.start(self.root, binaries(), api)
        except BaseException:
            self._stop()
            raise
        return self.kubeconfig

    def restart_api_server(self, absent_seconds: float = 0) -> None:
        """As an upgrade of the control plane does; for clusters without a node. Everything else keeps running."""
        control_plane.restart_apiserver(self.root, binaries(), self._port(), absent_seconds)

    def back_up(self, folder: Path) -> None:
        """Copy etcd's data to a folder; for clusters without a node. Everything of the control plane stops for it."""
        control_plane.replace_data(self.root, binaries(), self._port(), source=self.root / "etcd", target=folder)

    def restore(self, folder: Path) -> None:
        """The cluster is again as it was at `back_up`."""
        control_plane.replace_data(self.root, binaries(), self._port(), source=folder, target=self.root / "etcd")

    def add_kueue(self, say: Callable[[str], None] = print) -> None:
        """Run Kueue's controller too; compiles it first where that has not been done."""
        port = self._port()
        kueue.start(self.root, Api(self.root, port), port, build_kueue(say))

    def enforce_network_policies(self, say: Callable[[str], None] = print) -> None:
        """Let NetworkPolicies hold for the node's pods, with kube-router; compiles it first where that has not been
        done."""
        kube_router.start(self.root, Api(self.root, self._port()), build_kube_router(say))

    def ignore_network_policies(self) -> None:
        """As before `enforce_network_policies`."""
        kube_router.stop(self.root)

    def add_user(self, name: str) -> Path:
        """A kubeconfig of one more user, who has no rights until they are given with a role."""
        return certificates.add_client(self.root, name, self._port())

    def disown(self) -> None:
        """Let the cluster outlive the process that started it."""
        (self.root / "owner").unlink(missing_ok=True)

    def load(self, archive: Path) -> None:
        """Make the images of a docker or OCI archive available to pods."""
        node.load(self.root, archive)

    def down(self) -> None:
        """Stop everything that belongs to the cluster and remove its data; safe to call again and after a crash."""
        if self.root.exists():
            self._remove_volumes()
            self._stop()
            shutil.rmtree(self.root)

    def is_running(self) -> bool:
        """Whether the API server runs."""
        return recall(self.root / "kube-apiserver.pid") is not None

    def has_node(self) -> bool:
        """Whether the cluster runs pods."""
        return recall(self.root / "kubelet.pid") is not None

    def processes(self) -> dict[str, int | None]:
        """Names of the cluster's programs, each with its pid while it runs."""
        names = (*control_plane.PROCESSES, *node.PROCESSES, kueue.PROCESS, kube_router.PROCESS)
        return {name: recall(self.root / f"{name}.pid") for name in names if (self.root / f"{name}.log").exists()}

    def _port(self) -> int:
        return int((self.root / PORT).read_text())

    def _stop(self) -> None:
        kueue.stop(self.root)
        kube_router.stop(self.root)
        node.stop(self.root)
        for name in reversed(control_plane.PROCESSES):
            stop_named(self.root, name)

    def _remove_volumes(self) -> None:
        """Delete the content of provisioned volumes; only the API server knows which ones are this cluster's."""
        try:
            api = Api(self.root, self._port())
            answer = api.get("/api/v1/persistentvolumes") or {}
        except (OSError, ValueError):
            return
        for volume in answer.get("items", []):
            path = Path(volume["spec"].get("hostPath", {}).get("path", "/"))
            if path.parent == volumes.PROVISIONED:
                shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """The first port from DEFAULT_PORT on at which a control plane can listen, and that no other cluster has chosen:
    one that is just starting, or whose API server is being restarted, does not listen yet."""
    chosen = {int(path.read_text()) for path in clusters_home().glob(f"*/{PORT}")}
    for port in range(DEFAULT_PORT, LAST_PORT, PORT_STEP):
        if port not in chosen and control_plane.ports_are_free(port):
            return port
    raise DevclusterError(f"no free ports for an API server between {DEFAULT_PORT} and {LAST_PORT}")


def all_clusters() -> list[Cluster]:
    """Every cluster of this machine, running or left over."""
    return [Cluster(folder.name) for folder in sorted(clusters_home().glob("*")) if folder.is_dir()]


def remove_orphans() -> list[str]:
    """Take down clusters whose owner has ended without doing so; their names."""
    with exclusive("orphans"):
        orphans = [
            cluster
            for cluster in all_clusters()
            if (cluster.root / "owner").exists() and recall(cluster.root / "owner") is None
        ]
        for cluster in orphans:
            cluster.down()
    return [cluster.name for cluster in orphans]
