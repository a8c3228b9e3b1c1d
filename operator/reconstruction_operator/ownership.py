"""Which jobs are this installation's: several may run in one cluster, and no two may act on the same job.

An operator acts on the jobs of its class, except in namespaces that it is to leave alone. Where two installations could
act on a job nevertheless, it belongs to the one that writes its status first: each write says who has made it, and is
refused when the job has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .actions import Emit, Plan
from .model import JobView


@dataclass(frozen=True, slots=True)
class Ownership:
    """How an installation recognizes its jobs. One without a name shares with everybody."""

    installation: str = ""
    """Namespace and name of its Lease."""
    operator_class: str = ""
    """spec.operatorClass of its jobs; empty for those that have none."""
    excluded_namespaces: frozenset[str] = frozenset()
    """Where others act."""
    predecessors: frozenset[str] = frozenset()
    """Installations that are gone, whose jobs are this one's."""

    def owns(self, namespace: str, spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
        """Whether to act on a job."""
        return self.serves(namespace, spec) and not self.holder(status)

    def serves(self, namespace: str, spec: Mapping[str, Any]) -> bool:
        """Whether to act on a job that is nobody else's."""
        return namespace not in self.excluded_namespaces and (spec.get("operatorClass") or "") == self.operator_class

    def holder(self, status: Mapping[str, Any]) -> str:
        """The other installation that acts on a job; empty when there is none."""
        holder = status.get("operator") or ""
        mine = not self.installation or holder == self.installation or holder in self.predecessors
        return "" if mine else holder

    def must_claim(self, job: JobView, plan: Plan) -> bool:
        """Whether a plan does something to a job that is not known yet to be this installation's."""
        acts = any(not isinstance(action, Emit) for action in plan.actions)
        return acts and bool(self.installation) and job.status.operator != self.installation
