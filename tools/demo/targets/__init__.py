"""The Kubernetes that the demo runs on: embedded (built and started here), kind, or the current kubeconfig's."""

from __future__ import annotations

import os

from devcluster import packages
from devcluster.errors import DevclusterError

from .base import Target
from .current import Current
from .embedded import Embedded
from .kind import Kind

__all__ = ["Current", "Embedded", "Kind", "Target", "from_environment"]


def from_environment(keep: bool) -> Target:
    """The target that DEMO_CLUSTER names."""
    match os.environ.get("DEMO_CLUSTER", "embedded"):
        case "embedded":
            if os.geteuid():
                raise DevclusterError(
                    "the embedded Kubernetes needs root; without it set DEMO_CLUSTER=kind or DEMO_CLUSTER=current, "
                    "or run `make demo-local`"
                )
            packages.install(packages.CONTROL_PLANE, packages.NODE, packages.IMAGES)
            return Embedded(keep=keep)
        case "kind":
            return Kind(keep=keep)
        case "current":
            return Current()
        case other:
            raise DevclusterError(f"DEMO_CLUSTER={other} is unknown; use embedded, kind or current")
