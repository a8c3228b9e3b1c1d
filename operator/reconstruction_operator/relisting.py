"""What a listing shows to be gone: a watch that was interrupted does not tell of it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

Document = dict[str, Any]


def gone(
    present: dict[str, Document], listed: Container[str], version: str, before: Container[str] = ()
) -> list[Document]:
    """The remembered objects (by uid, each with the version that was seen) that a listing of this version does not
    have, as of that version.

    One that is newer came after the listing was made. One that is as old is gone, also where it was not known yet when
    the listing began: it came and went meanwhile, and no watch that follows shows it. Versions compare as integers;
    where one is not known, only what was there `before` is taken for gone.
    """
    missing: list[Document] = []
    for uid, stub in present.items():
        if uid in listed:
            continue
        seen = stub["metadata"].get("resourceVersion", "")
        if int(seen) <= int(version) if seen.isdigit() and version.isdigit() else uid in before:
            missing.append({"metadata": stub["metadata"] | {"resourceVersion": version}})
    return missing
