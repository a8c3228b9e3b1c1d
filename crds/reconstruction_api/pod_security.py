"""Who the pods of a job run as: the worker's, which write the workspace, and those that read it later."""

from __future__ import annotations

from typing import Any, Final

from .profile import ProfileSpec

USER_ID: Final = 65532


def pod_security_context(profile: ProfileSpec) -> dict[str, Any]:
    """`securityContext` of a pod. Where the platform assigns users, it refuses a pod that names another one, and fills
    in user and fsGroup of the namespace by itself."""
    user = {"runAsUser": USER_ID, "runAsGroup": USER_ID, "fsGroup": USER_ID} if profile.pod_user == "Fixed" else {}
    return {
        "runAsNonRoot": True,
        **user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
