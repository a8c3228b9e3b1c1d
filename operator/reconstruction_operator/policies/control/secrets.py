"""Secrets that a pod waits for: what the kubelet says of them, by the field that names them.

A volume is described in the pod's Events, a variable in the status of its container.
"""

from __future__ import annotations

import re
from typing import Any, cast

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.status import ProfileSnapshot
from reconstruction_api.worker import Failure

from ...manifests.credentials import USES, SecretUse, secret_name
from .failure import failure

_ONE_VOLUME = re.compile(r'^MountVolume\.\w+ failed for volume "(?P<volume>[^"]+)"\s*:\s*(?P<why>.*)$', re.DOTALL)
_SEVERAL_VOLUMES = re.compile(r"unmounted volumes=\[([^\]]*)\]")
_LONGEST = 500


def of_the_job(said: str, spec: ReconstructionJobSpec) -> Failure | None:
    """When it is the Secret of spec.source.secretName, or of spec.destination.secretName, that is missing or can't be
    mounted."""
    return next((found for use in USES if (found := _of(use, said, spec)) is not None), None)


def _of(use: SecretUse, said: str, spec: ReconstructionJobSpec) -> Failure | None:
    name = secret_name(use, spec)
    if name is None:
        return None
    one, several = _ONE_VOLUME.match(said), _SEVERAL_VOLUMES.search(said)
    about_volume = one is not None and one["volume"] in use.volumes
    about_volumes = several is not None and set(re.split(r"[ ,]+", several[1])) <= use.volumes
    is_quoted = one is None and several is None and f'secret "{name}"' in said
    if not (about_volume or about_volumes or is_quoted):
        return None
    why = one["why"] if one is not None else said
    return failure(use.denied, f"{use.field}: {why[:_LONGEST]}")


def of_the_profile(said: str, profile: ProfileSnapshot | None) -> Failure | None:
    """When it is a Secret, or an entry of one, of the profile's environmentFromSecrets."""
    entries = cast(dict[str, Any], profile.spec.get("environmentFromSecrets") or {}) if profile is not None else {}
    for variable, entry in sorted(entries.items()):
        name, key = entry.get("secretName", ""), entry.get("key", "")
        lacks_entry = f"key {key} in Secret " in said and said.endswith(f"/{name}")
        if f'secret "{name}"' not in said and not lacks_entry:
            continue
        assert profile is not None
        return Failure.from_error(
            ReconstructionError(
                "PodNotStarting",
                f"{profile.kind} {profile.name!r} takes {variable} from entry {key!r} of Secret {name!r} in the job's "
                f"namespace: {said[:_LONGEST]}",
                suggestion="The pod starts once the namespace has that Secret with that entry.",
            )
        )
    return None
