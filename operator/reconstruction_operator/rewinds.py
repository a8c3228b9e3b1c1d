"""Notices that the cluster's data has become older than it was, as after a restore of etcd from a backup.

Resource versions only grow. Whoever has seen later ones takes what the API server shows now for old news, and a watch
from such a version hears nothing until it is reached again. What this process remembers is worth nothing then, and a
new process remembers nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]


class Rewound(Exception):  # noqa: N818 - nobody's mistake
    """The API server shows the cluster as it was before what it has shown already."""

    def __init__(self, what: str, now: int, seen: int):
        super().__init__(
            f"the cluster's data is older than before, as after a restore of etcd: {what} is at version {now}, after "
            f"{seen}; the operator starts over"
        )


def check_version(what: str, now: str, seen: str) -> None:
    """Raises Rewound when a version that was asked for is lower than one that was seen before it was asked for."""
    if now.isdigit() and seen.isdigit() and int(now) < int(seen):  # others are not of Kubernetes' own storage
        raise Rewound(what, int(now), int(seen))


def check_listing(what: str, version: str, listed: Mapping[str, Document], before: Mapping[str, Document]) -> None:
    """Raises Rewound when a listing of this version is older than what was known `before` it was asked for, or shows an
    object, by its uid, as it was earlier. That is seen also where the restored data were given a higher version
    (`etcdutl snapshot restore --bump-revision`): those of objects stay.
    """
    for uid, stub in before.items():
        seen = _version(stub)
        check_version(f"the list of {what}", version, seen)
        if uid in listed:
            check_version(f"{what}/{stub['metadata']['name']}", _version(listed[uid]), seen)


def _version(document: Document) -> str:
    return document["metadata"].get("resourceVersion", "")
