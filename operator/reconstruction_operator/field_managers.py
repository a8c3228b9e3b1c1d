"""Who has set which fields of an object (`metadata.managedFields` of server-side apply)."""

from __future__ import annotations

from typing import Any

from .kube import Document

_HOOK = "helm.sh/hook"
_INSTANCE = "app.kubernetes.io/instance"


def made_by_hook_of(there: Document, wanted: Document) -> bool:
    """Whether an object was made by a Helm hook of the release that now wants it in another way."""
    metadata = there["metadata"]
    release = (wanted["metadata"].get("labels") or {}).get(_INSTANCE)
    same = bool(release) and (metadata.get("labels") or {}).get(_INSTANCE) == release
    return same and _HOOK in (metadata.get("annotations") or {})


def moved(entries: list[Document], old: str, new: str) -> list[Document]:
    """The entries with everything that `old` has set in the hands of `new`, as if `new` had applied it."""
    taken = [entry for entry in entries if entry.get("manager") in (old, new) and not entry.get("subresource")]
    if not taken:
        return entries
    fields: dict[str, Any] = {}
    for entry in taken:
        _join(fields, entry.get("fieldsV1") or {})
    entry = taken[-1] | {"manager": new, "operation": "Apply", "fieldsV1": fields}
    return [each for each in entries if each not in taken] + [entry]


def _join(fields: dict[str, Any], others: dict[str, Any]) -> None:
    for name, below in others.items():
        _join(fields.setdefault(name, {}), below)
