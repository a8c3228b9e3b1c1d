"""What a worker may report: each list is as long as status can hold, and each entry of a form that others can rely on.

Failures take category and retryability from the catalogue: a worker says what happened, not what follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from .errors import CATALOGUE
from .stages import StageName
from .untrusted import bounded, fitting, json_bytes

if TYPE_CHECKING:
    from .worker import Artifact, Checkpoint, Failure, StageResult

UNKNOWN_CODE: Final = "InternalError"
MOST_ARTIFACTS: Final = 256
MOST_CHECKPOINTS: Final = 8

_ARTIFACT_BYTES: Final = 64 * 1024
_DETAIL_BYTES: Final = 4096
_MOST_DETAILS: Final = 32
_CHECKSUM: Final = re.compile(r"[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]{0,15}://[^\s\ufffd]{1,1000}")
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}")


def stages(results: Iterable[StageResult]) -> list[StageResult]:
    """One result a stage: the last."""
    return list({result.name: result for result in results}.values())


def artifacts(found: Iterable[Artifact]) -> list[Artifact]:
    """Those with a checksum, an address and a path that leads nowhere else; as many as fit."""
    good = {each.name: each for each in found if _is_artifact(each)}
    return fitting(good.values(), MOST_ARTIFACTS, _ARTIFACT_BYTES, _artifact_bytes)


def checkpoints(found: Iterable[Checkpoint] | None) -> list[Checkpoint] | None:
    """The latest with a checksum and a path within the workspace; None stays None."""
    if found is None:
        return None
    return [each for each in found if _CHECKSUM.fullmatch(each.sha256) and is_below(each.name)][-MOST_CHECKPOINTS:]


def failure(reported: Failure | None) -> Failure | None:
    """With a code of the catalogue, and what the catalogue says of it. A code that is not in it is named in the
    message."""
    if reported is None:
        return None
    code, message = reported.code, reported.message
    if code not in CATALOGUE:
        named = code if _CODE.fullmatch(code) else "a code that is not one"
        code, message = UNKNOWN_CODE, f"The worker reports {named}, which this operator does not know: {message}"
    kind = CATALOGUE[code]
    return type(reported)(
        code=code,
        category=kind.category,
        message=message,
        suggestion=reported.suggestion or kind.suggestion,
        retryable=kind.retryable,
        stage=reported.stage if reported.stage in list(StageName) else None,
        details=details(reported.details),
    )


def details(reported: dict[str, Any]) -> dict[str, Any]:
    """The first that fit."""
    entries = cast(dict[str, Any], bounded(reported)).items()
    return dict(fitting(entries, _MOST_DETAILS, _DETAIL_BYTES, json_bytes))


def is_below(path: str) -> bool:
    """Whether a path leads to a file below the folder that it is taken from, and is whole: not cut off, nothing in it
    replaced."""
    parts = PurePosixPath(path).parts
    whole = not path.endswith("…") and not {"\\", "\ufffd"} & set(path)
    return bool(parts) and whole and not path.startswith("/") and ".." not in parts


def _artifact_bytes(each: Artifact) -> int:
    return json_bytes(each.model_dump())


def _is_artifact(each: Artifact) -> bool:
    return bool(_CHECKSUM.fullmatch(each.sha256) and _ADDRESS.fullmatch(each.uri) and is_below(each.name))
