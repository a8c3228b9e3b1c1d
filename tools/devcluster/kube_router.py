"""kube-router's network policy controller beside a node: without a network plugin that knows them, NetworkPolicies are
words. It runs as a program of the machine and writes netfilter rules for the pods of the bridge."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from . import packages
from .api import Api
from .locks import exclusive
from .processes import run, spawn, stop_named, succeeds
from .versions import NODE_NAME, SERVICE_CIDR

PROCESS: Final = "kube-router"
CHAINS: Final = ("KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-")
"""How the names of its chains in the table `filter` begin."""
SETS: Final = ("KUBE-SRC-", "KUBE-DST-")
"""How the names of its sets of addresses begin."""
BRIDGED: Final = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
"""Whether what goes from a pod to another of the same bridge passes netfilter at all."""


def start(root: Path, api: Api, program: Path) -> None:
    """Let NetworkPolicies hold from now on; returns when the rules are there."""
    packages.install(packages.NETWORK_POLICIES)
    if BRIDGED.exists():
        BRIDGED.write_text("1")
    spawn(
        root,
        PROCESS,
        program,
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--kubeconfig={root}/admin.kubeconfig",
        f"--hostname-override={NODE_NAME}",
        f"--service-cluster-ip-range={SERVICE_CIDR}",
        "--health-port=0",
        "--v=1",
    )
    log = root / f"{PROCESS}.log"
    api.wait("network policies", lambda _: "sync iptables took" in log.read_text(errors="replace"), log)


def stop(root: Path) -> None:
    """End the controller, if it runs, and take its rules away; without them all pods reach each other again."""
    if not (root / f"{PROCESS}.pid").exists():
        return
    stop_named(root, PROCESS)
    with exclusive("node"):  # what exists once on a machine is claimed or taken away
        _remove_from_kernel()


def _remove_from_kernel() -> None:
    rules = run("iptables-save", "--table=filter").splitlines()
    others = [rule for rule in rules if not any(word.lstrip(":").startswith(CHAINS) for word in rule.split())]
    run("iptables-restore", "--table=filter", text="\n".join([*others, ""]))
    for name in run("ipset", "list", "-name").split():
        if name.startswith(SETS):
            succeeds("ipset", "destroy", name)
