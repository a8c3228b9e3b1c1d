"""Sources that a profile certainly lets no worker pod connect to."""

from __future__ import annotations

from urllib.parse import urlsplit

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.network import Allowed, Host, RefusedError, not_allowed
from reconstruction_api.profile import ProfileSpec


def forbidden_source(spec: ReconstructionJobSpec, profile: ProfileSpec, name: str) -> ReconstructionError | None:
    """Why no pod of the profile could reach the source, as far as that can be said without asking DNS.

    The worker checks the rest, in the same words.
    """
    uri = spec.source.uri
    if uri is None or not uri.lower().startswith(("http://", "https://")):
        return None
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:  # brackets that hold no address
        host = uri.partition("://")[2].partition("/")[0].rpartition("@")[2]
    try:
        Allowed.of(profile.network.allow).check_host(Host.of(host))
    except RefusedError:
        return not_allowed("spec.source.uri", host, name)
    return None
