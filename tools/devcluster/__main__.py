"""Command line: python -m devcluster build | up | load | down | status."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from . import tools
from .build import build, build_kube_router, build_kueue
from .cluster import Cluster, all_clusters, remove_orphans
from .errors import DevclusterError


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line's arguments."""
    parser = argparse.ArgumentParser(
        prog="devcluster", description="A real Kubernetes on this machine, without Docker."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    build_ = commands.add_parser("build", help="compile Kubernetes and etcd, fetch kubectl and helm")
    build_.add_argument("--kueue", action="store_true", help="compile Kueue, a queue for jobs, as well")
    build_.add_argument("--network-policies", action="store_true", help="compile kube-router as well")
    up = commands.add_parser("up", help="start a cluster; prints the path of its kubeconfig")
    up.add_argument("name", nargs="?", default="dev")
    up.add_argument("--node", action="store_true", help="run pods too (needs root; one cluster at a time)")
    up.add_argument("--kueue", action="store_true", help="run Kueue, a queue for jobs, as well")
    up.add_argument("--network-policies", action="store_true", help="let NetworkPolicies hold (with --node)")
    up.add_argument("--port", type=int, help="port of the API server (default: a free one)")
    load = commands.add_parser("load", help="make the images of an archive available to pods")
    load.add_argument("name")
    load.add_argument("archive", type=Path)
    down = commands.add_parser("down", help="stop a cluster and remove its data")
    down.add_argument("name", nargs="?", default="dev")
    commands.add_parser("status", help="show the clusters of this machine")
    return parser.parse_args(arguments)


def status() -> None:
    """Print each cluster and its programs."""
    for cluster in all_clusters():
        states = [f"{name}{'' if runs else ' (ended)'}" for name, runs in cluster.processes().items()]
        print(f"{cluster.name}: {', '.join(states) or 'not running'}")
        if cluster.is_running():
            print(f"  KUBECONFIG={cluster.kubeconfig}")


def say(line: str) -> None:
    """Print what is being done, at once even into a file."""
    print(line, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        match options.command:
            case "build":
                build(say)
                tools.install()
                if options.kueue:
                    build_kueue(say)
                if options.network_policies:
                    build_kube_router(say)
            case "up":
                remove_orphans()
                cluster = Cluster(options.name)
                kubeconfig = cluster.up(with_node=options.node, port=options.port)
                if options.kueue:
                    cluster.add_kueue()
                if options.network_policies:
                    cluster.enforce_network_policies()
                print(kubeconfig)
            case "load":
                Cluster(options.name).load(options.archive.absolute())
            case "down":
                Cluster(options.name).down()
            case "status":
                status()
    except DevclusterError as error:
        print(f"devcluster: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
