"""The profile's environment: pinned by name in a job's status, given to pods with the values of now.

A status is read by more people than a profile, so no value is kept there. What is pinned are the names: a variable that
comes later never reaches a job that was accepted before, one that was removed is left out, and a rotated value reaches
the next pod. While the profile is gone its values are unknown, and a pod without them could do something else than
asked, such as use an account that is not the platform's; so no pod is made until the profile is back. Nothing fails:
running pods continue, and a profile comes back as it went, by hand or by GitOps.
"""

from __future__ import annotations

from typing import Any, cast

from reconstruction_api.names import CLUSTER_PROFILE_KIND
from reconstruction_api.profile import ClusterProfileSpec
from reconstruction_api.status import ProfileSnapshot

from ...model import Observed, ProfileView

_FIELD = "environment"


def masked(snapshot: ProfileSnapshot | None) -> ProfileSnapshot | None:
    """The snapshot as status may show it: the variables' names, without their values. Earlier releases kept these."""
    values = snapshot.spec.get(_FIELD) if snapshot is not None else None
    if snapshot is None or not values:
        return snapshot
    names = dict.fromkeys(cast(dict[str, Any], values), "") if isinstance(values, dict) else {}
    return snapshot if names == values else snapshot.model_copy(update={"spec": snapshot.spec | {_FIELD: names}})


def lacks_values(observed: Observed, pinned: ProfileSnapshot, profile: ClusterProfileSpec) -> str:
    """Why no pod can be made now; empty when one can."""
    if not profile.environment or _present(observed, pinned) is not None:
        return ""
    names = ", ".join(sorted(profile.environment))
    return (
        f"{pinned.kind} {pinned.name!r} is gone, and with it the values of its environment ({names}), which a job's "
        "status does not keep; the next pod starts once the profile is back."
    )


def with_values(observed: Observed, pinned: ProfileSnapshot, profile: ClusterProfileSpec) -> ClusterProfileSpec:
    """The profile with the values that its variables have now."""
    if not profile.environment:
        return profile
    view = _present(observed, pinned)
    now = cast(dict[str, Any], (view.spec if view is not None else {}).get(_FIELD) or {})
    values = {name: str(now[name]) for name in profile.environment if name in now}
    return profile.model_copy(update={_FIELD: values})


def _present(observed: Observed, pinned: ProfileSnapshot) -> ProfileView | None:
    """The profile that was pinned, as it is now. One of the namespace may have taken its name over meanwhile."""
    for view in (observed.profile, observed.pinned_profile):
        if view is not None and view.name == pinned.name and _is_of(view, pinned.kind):
            return view
    return None


def _is_of(view: ProfileView, kind: str) -> bool:
    return (view.namespace == "") == (kind == CLUSTER_PROFILE_KIND)
