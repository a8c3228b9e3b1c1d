"""Calls that one user makes to the API server, as the API server counts them: the same measure for every operator."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from pathlib import Path

from harness.rest import Rest
from reconstruction_operator.kube import Kube

from ..setting import Bench

USER = "operator"
_QUIET_SECONDS, _QUIET_CALLS = 4.0, 4
"""Renewing a watch is not work."""
_COUNT = re.compile(
    rf'^apiserver_flowcontrol_dispatched_requests_total{{[^}}]*flow_schema="{USER}"[^}}]*}} (\S+)$', re.MULTILINE
)


@dataclass
class Calls:
    """Of the user `USER`, whose kubeconfig is `access`."""

    access: Path
    _rest: Rest

    @classmethod
    async def of_an_operator(cls, at: Bench) -> Calls:
        """Make the user: it may do everything, is never made to wait, and has its calls counted apart."""
        access = at.cluster.add_user(USER)
        await _grant(at.work.kube)
        return cls(access, Rest(at.cluster.kubeconfig))

    async def made(self) -> int:
        """So far, watches included."""
        answer = await asyncio.to_thread(self._rest.send, "GET", "/metrics", accept="text/plain")
        return int(sum(float(value) for value in _COUNT.findall(answer.message)))

    async def until_quiet(self, seconds: float) -> None:
        """Returns when the operator has nothing more to do, or after so many seconds."""
        deadline, before = time.monotonic() + seconds, await self.made()
        while time.monotonic() < deadline:
            await asyncio.sleep(_QUIET_SECONDS)
            now = await self.made()
            if now - before <= _QUIET_CALLS:
                return
            before = now


async def _grant(kube: Kube) -> None:
    subject = {"kind": "User", "name": USER, "apiGroup": "rbac.authorization.k8s.io"}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    binding = {"metadata": {"name": USER}, "subjects": [subject], "roleRef": role}
    await kube.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding)
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "clusterScope": True, "namespaces": ["*"]}
    rule = {
        "subjects": [{"kind": "User", "user": {"name": USER}}],
        "resourceRules": [everything],
        "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
    }
    spec = {"priorityLevelConfiguration": {"name": "exempt"}, "matchingPrecedence": 2, "rules": [rule]}
    await kube.create("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas", {"metadata": {"name": USER}, "spec": spec})
