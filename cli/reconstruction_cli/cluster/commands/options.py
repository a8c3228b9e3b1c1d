"""Options that all commands for a cluster share."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The cluster and namespace that a command is about, as far as the user named them."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None


def cluster_options(function: Function) -> Function:
    """Adds --namespace, --context and --kubeconfig; the function receives them as `target`."""

    @click.option("-n", "--namespace", metavar="NAME", help="Namespace [default: the context's].")
    @click.option("--context", metavar="NAME", help="Context of the kubeconfig [default: the current one].")
    @click.option("--kubeconfig", metavar="FILE", help="Kubeconfig [default: $KUBECONFIG or ~/.kube/config].")
    @functools.wraps(function)
    def with_target(*, namespace: str | None, context: str | None, kubeconfig: str | None, **options: Any) -> Any:
        if importlib.util.find_spec("kubernetes") is None:
            raise click.UsageError("Clusters need one more package: pip install 'reconstruction-operator[cli]'")
        return function(target=Target(kubeconfig, context, namespace), **options)

    return with_target


def job_argument(function: Function) -> Function:
    """Adds the argument NAME. `recon/statue`, as kubectl prints names, means `statue`."""

    def without_kind(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
        return value.rpartition("/")[2]

    return click.argument("name", metavar="NAME", callback=without_kind)(function)
