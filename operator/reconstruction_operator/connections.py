"""The operator's connections to the API server: who must not wait for others has some of his own.

Behind one pool, eleven namespaces' watches would take every connection, and a flood of token reviews the Lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from .kube import Kube
from .official import Configuration
from .reviews import AT_ONCE

_LEASE = 2
_FEWEST = 8
UNLIMITED = 0


@dataclass(frozen=True)
class Connections:
    """One API server, several pools of connections."""

    work: Kube
    """Looks at jobs, Events, inquiries and sweeps."""
    watches: Kube
    """As many as there are watches; each one lasts for minutes."""
    lease: Kube
    reviews: Kube

    @classmethod
    def open(cls, configuration: Configuration, concurrency: int) -> Connections:
        """`concurrency` is how many jobs are worked on at the same time."""
        return cls(
            work=Kube(configuration, connections=max(_FEWEST, 2 * concurrency)),
            watches=Kube(configuration, connections=UNLIMITED),
            lease=Kube(configuration, connections=_LEASE),
            reviews=Kube(configuration, connections=AT_ONCE),
        )

    @classmethod
    def sharing(cls, kube: Kube) -> Connections:
        """All through the same one, as for a server that is not real."""
        return cls(kube, kube, kube, kube)

    def count_calls(self, called: Callable[[str], None]) -> None:
        """`called` hears the method of each call."""
        for kube in self._all():
            kube.called = called

    async def close(self) -> None:
        await asyncio.gather(*(kube.close() for kube in self._all()))

    def _all(self) -> tuple[Kube, ...]:
        return (self.work, self.watches, self.lease, self.reviews)
