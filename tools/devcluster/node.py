"""containerd, kubelet and kube-proxy: the part that runs pods. Needs root, and there can be one on a machine."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from . import images
from .api import Api
from .control_plane import is_free
from .errors import DevclusterError, NodeTakenError
from .locks import exclusive
from .processes import descendants, kill, recall, remember, run, spawn, stop_named, succeeds, with_argument
from .versions import NODE_BRIDGE, NODE_IP, NODE_NAME, POD_BRIDGE, POD_CIDR, clusters_home

PROCESSES: Final = ("containerd", "kubelet", "kube-proxy", "volumes")
CLAIM: Final = "node-claim"
"""File with the process that is starting the node; once kubelet runs, kubelet itself is the proof."""
EXCLUSIVE_PORTS: Final = {10250: "kubelet", 10249: "kube-proxy", 10256: "kube-proxy"}


def claim(root: Path) -> None:
    """Reserve the node of this machine for a cluster: bridges, pod addresses and kubelet's ports exist once.

    Raises NodeTakenError, and DevclusterError where there can be no node at all. `stop` gives it back.
    """
    if os.geteuid():
        raise DevclusterError("a node that runs pods needs root; without it use `up` without --node, or a kubeconfig")
    with exclusive("node"):  # what exists once on a machine is claimed or taken away
        if other := _holder(besides=root):
            raise NodeTakenError(
                f"cluster {other} already runs the node of this machine, and there can be only one; "
                f"stop it with `python -m devcluster down {other}`"
            )
        for port, program in EXCLUSIVE_PORTS.items():
            if not is_free(port):
                raise NodeTakenError(f"port {port} is in use: another {program} seems to run on this machine")
        root.mkdir(parents=True, exist_ok=True)
        remember(root / CLAIM, os.getpid())


def _holder(besides: Path) -> str | None:
    """Name of another cluster that runs the machine's node or is about to start it."""
    for other in clusters_home().glob("*"):
        if other != besides and any(recall(other / name) is not None for name in (CLAIM, "kubelet.pid")):
            return other.name
    return None


def start(root: Path, programs: Path, api: Api) -> None:
    """Start the node's processes and return when the node is Ready."""
    _write_network_configuration(root)
    _write_containerd_configuration(root)
    _write_json(root / "kubelet.yaml", _kubelet_configuration(root))
    _write_json(root / "proxy.yaml", _proxy_configuration(root))
    spawn(root, "containerd", "containerd", "--config", root / "containerd.toml")
    pause = root / "pause.tar"
    images.write_program_image(pause, images.PAUSE, programs / "pause")
    load(root, pause)
    spawn(
        root,
        "kubelet",
        programs / "kubelet",
        f"--config={root}/kubelet.yaml",
        f"--kubeconfig={root}/kubelet.kubeconfig",
        f"--root-dir={root}/kubelet",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_IP}",
    )
    spawn(root, "kube-proxy", programs / "kube-proxy", f"--config={root}/proxy.yaml")
    spawn(root, "volumes", sys.executable, Path(__file__).parent / "volumes.py")
    api.wait("a Ready node", _node_is_ready, root / "kubelet.log")
    (root / CLAIM).unlink()


def socket(root: Path) -> Path:
    """Where containerd listens."""
    return root / "containerd.sock"


def load(root: Path, archive: Path) -> None:
    """Make the images of a docker or OCI archive available to pods."""
    client = ["ctr", "-a", str(socket(root))]
    deadline = time.monotonic() + 120
    while not succeeds(*client, "version"):
        if time.monotonic() > deadline:
            raise DevclusterError(f"containerd did not answer; see {root}/containerd.log")
        time.sleep(0.1)
    run(*client, "-n", "k8s.io", "images", "import", archive)


def create_bridge() -> None:
    """Give the machine the node's address; the API server's certificate and the pods' route to it depend on it."""
    if not succeeds("ip", "link", "show", NODE_BRIDGE):
        run("ip", "link", "add", NODE_BRIDGE, "type", "bridge")
        run("ip", "addr", "add", f"{NODE_IP}/24", "dev", NODE_BRIDGE)
    run("ip", "link", "set", NODE_BRIDGE, "up")


def stop(root: Path) -> None:
    """End the node's processes, its pods, and what they left in the kernel; safe to call again and after a crash."""
    (root / CLAIM).unlink(missing_ok=True)
    was_node = (root / "containerd.toml").exists()
    for name in ("volumes", "kube-proxy", "kubelet"):
        stop_named(root, name)
    if not was_node:
        return
    # Pods are children of shims that outlive containerd; they are found even when containerd has crashed.
    for shim in with_argument("containerd-shim-runc-v2", str(socket(root))):
        kill([*descendants(shim), shim])
    stop_named(root, "containerd")
    _unmount_below(root)
    with exclusive("node"):  # what exists once on a machine is claimed or taken away
        if _holder(besides=root) is None:  # what a crashed owner left may by now be the next cluster's
            _remove_from_kernel()


def _remove_from_kernel() -> None:
    for link in (POD_BRIDGE, NODE_BRIDGE):
        succeeds("ip", "link", "delete", link)
    for family in ("ip", "ip6"):
        succeeds("nft", "delete", "table", family, "kube-proxy")
    _remove_control_groups()


def _unmount_below(root: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted((mount for mount in mounts if mount.startswith(f"{root}/")), reverse=True):
        succeeds("umount", "--lazy", mount)


def _remove_control_groups() -> None:
    for top in (*Path("/sys/fs/cgroup").glob("kubepods*"), *Path("/sys/fs/cgroup").glob("*/kubepods*")):
        for folder, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):  # still busy for a moment; the next kubelet reuses it
                Path(folder).rmdir()


def _node_is_ready(api: Api) -> bool:
    node = api.get(f"/api/v1/nodes/{NODE_NAME}") or {}
    conditions = node.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def _write_json(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1))


def _write_network_configuration(root: Path) -> None:
    folder = root / "cni"
    folder.mkdir(exist_ok=True)
    addresses = {
        "type": "host-local",
        "dataDir": f"{root}/addresses",
        "ranges": [[{"subnet": POD_CIDR}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": POD_BRIDGE, "isGateway": True, "ipMasq": False, "ipam": addresses}
    network = {"cniVersion": "1.0.0", "name": "devcluster", "plugins": [bridge]}
    _write_json(folder / "10-devcluster.conflist", network)


def _write_containerd_configuration(root: Path) -> None:
    """restrict_oom_score_adj: without CAP_SYS_RESOURCE scores can't be lowered. Network namespaces are mounted below
    the state folder so that `stop` finds them."""
    (root / "containerd.toml").write_text(f"""version = 2
root = "{root}/containerd/root"
state = "{root}/containerd/state"
oom_score = 0
[grpc]
  address = "{socket(root)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{root}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{"native" if images.is_overlay(root) else "overlayfs"}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
""")


def _kubelet_configuration(root: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{root}/pki/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{root}/pki/kubelet.crt",
        "tlsPrivateKeyFile": f"{root}/pki/kubelet.key",
        "address": NODE_IP,
        "healthzBindAddress": "127.0.0.1",
        "containerRuntimeEndpoint": f"unix://{socket(root)}",
        "cgroupDriver": "cgroupfs",
        "failCgroupV1": False,  # since 1.35 kubelet refuses cgroup v1 otherwise
        "oomScoreAdj": 0,  # lowering it needs CAP_SYS_RESOURCE
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "evictionHard": {"nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": False,
        "resolvConf": "/etc/resolv.conf",
    }


def _proxy_configuration(root: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": f"{root}/proxy.kubeconfig"},
        "mode": "nftables",
        "clusterCIDR": POD_CIDR,
        "hostnameOverride": NODE_NAME,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # leave the machine's connection tracking settings alone
        "conntrack": {"maxPerCore": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
