"""What libraries raise while they write to a destination, in the catalogue's terms."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError

from reconstruction_api.errors import ReconstructionError

from ..ingest.storage_errors import denied
from ..stage import Stopped

_NO_CONTAINER: Final = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_CODE: Final = re.compile(r"<Code>([A-Za-z]{1,64})</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_DENIED_CODES: Final = frozenset(
    {
        "AccessDenied",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "ExpiredToken",
        "InvalidToken",
        "AuthenticationFailed",
    }
)

_ANONYMOUS: Final = (
    "No credentials were sent. Set spec.destination.secretName to a secret with those that may write, or ask the "
    "platform team for a profile whose serviceAccountName may."
)


@contextmanager
def destination_errors(
    shown_as: str, refusal: Callable[[], ReconstructionError | None] = lambda: None, anonymous: bool = False
) -> Iterator[None]:
    """`shown_as` is the address in the user's words. `refusal` tells whether a guard refused a connection, which goes
    before whatever a library made of that; `anonymous` is whether there were no credentials to show."""
    try:
        yield
    except (ReconstructionError, Stopped):
        raise
    except Exception as error:
        if (refused := refusal()) is not None:
            raise refused from None
        raise _translated(error, shown_as, anonymous) from error


def without_credentials(shown_as: str) -> ReconstructionError:
    """Of a storage that nobody may write to without showing any."""
    return ReconstructionError(
        "DestinationAccessDenied",
        f"spec.destination: writing to {shown_as} needs credentials, and there are none.",
        suggestion=_ANONYMOUS,
    )


def _translated(error: Exception, shown_as: str, anonymous: bool) -> ReconstructionError:
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    reason = code[1] if code else f"HTTP {status[1]}" if status else type(error).__name__
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ReconstructionError(
            "ArtifactStoreError",
            f"Writing to {shown_as} failed: no space is left there.",
            suggestion="Make room at the destination; the job tries again.",
        )
    if isinstance(error, (FileNotFoundError, NotFoundError)) or any(name in text for name in _NO_CONTAINER):
        return ReconstructionError(
            "DestinationNotFound", f"spec.destination: there is no bucket, container or folder for {shown_as}."
        )
    forbidden = isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)) or denied(error)
    if forbidden or (code and code[1] in _DENIED_CODES) or (status and status[1] in ("401", "403")):
        return ReconstructionError(
            "DestinationAccessDenied",
            f"spec.destination: writing to {shown_as} was denied ({reason}).",
            suggestion=_ANONYMOUS if anonymous else None,
        )
    if status and status[1] == "301":
        return ReconstructionError(
            "DestinationAccessDenied",
            f"spec.destination: the bucket of {shown_as} is in another region.",
            suggestion="Set AWS_REGION in the secret of spec.destination.secretName to the bucket's region.",
        )
    return ReconstructionError(
        "ArtifactStoreError", f"Writing to {shown_as} failed ({reason}).", details={"exception": reason}
    )
