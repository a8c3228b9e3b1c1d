"""Credentials for the photos, from the secret of spec.source.secretName.

The pod gets every key of the secret as a variable with a prefix, so that none can stand for something else than
credentials: for the worker's limits, say, or for where programs look for their libraries.
"""

from __future__ import annotations

from collections.abc import MutableMapping

from reconstruction_api.names import ENV_SECRET_PREFIX
from reconstruction_api.source import CREDENTIALS


def take_credentials(environment: MutableMapping[str, str]) -> None:
    """Give those keys that are credentials their own names, unless the profile has set them; forget the rest."""
    for name in [name for name in environment if name.startswith(ENV_SECRET_PREFIX)]:
        value, key = environment.pop(name), name.removeprefix(ENV_SECRET_PREFIX)
        if key in CREDENTIALS:
            environment.setdefault(key, value)
