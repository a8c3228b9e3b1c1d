"""What storage libraries raise, in the catalogue's terms."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from reconstruction_api.errors import ReconstructionError

from ..stage import Stopped

_DENIED: Final = frozenset(
    {
        "401", "403", "AccessDenied", "AllAccessDisabled", "AuthenticationFailed", "AuthorizationFailure",
        "AuthorizationPermissionMismatch", "ExpiredToken", "InvalidAccessKeyId", "InvalidToken",
        "NoAuthenticationInformation", "SignatureDoesNotMatch",
    }
)  # fmt: skip
_MISSING: Final = frozenset(
    {"404", "BlobNotFound", "ContainerNotFound", "NoSuchBucket", "NoSuchKey", "ResourceNotFound"}
)
_DENIALS: Final = ("Credential", "ClientAuthenticationError", "RefreshError", "AnonymousCredentials")
"""Parts of the names of exceptions that storage libraries raise about credentials before they ask the storage."""
_LOCAL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def storage_errors(
    shown_as: str,
    refusal: Callable[[], ReconstructionError | None] = lambda: None,
    if_denied: Callable[[], str | None] = lambda: None,
) -> Iterator[None]:
    """Storage libraries' exceptions as the catalogue's. They share no base class, and fsspec calls many of them
    FileNotFoundError; the code that the storage gave, somewhere in the chain of causes, decides. `shown_as` is the
    address in the user's words; `refusal` tells whether a guard refused the connection, which goes before whatever a
    library made of that; `if_denied` is a suggestion for access that was denied."""
    try:
        yield
    except (ReconstructionError, Stopped):
        raise
    except ImportError as error:
        raise ReconstructionError(
            "InvalidSpec", f"spec.source.uri: {error.name}, which reads {shown_as}, is not installed here."
        ) from error
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _LOCAL:
            raise  # the local disk's
        if (refused := refusal()) is not None:
            raise refused from None
        if denied(error):
            raise ReconstructionError(
                "SourceAccessDenied", f"Access to {shown_as} was denied.", suggestion=if_denied()
            ) from error
        if missing(error):
            raise ReconstructionError("SourceNotFound", f"spec.source.uri: nothing is at {shown_as}.") from error
        reason = type(list(_causes(error))[-1]).__name__
        raise ReconstructionError(
            "ArtifactStoreError", f"Reading {shown_as} failed ({reason}).", details={"exception": reason}
        ) from error


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed a moment later."""
    if isinstance(error, (ReconstructionError, Stopped, ImportError)):
        return False
    if isinstance(error, OSError) and error.errno in _LOCAL:
        return False
    return not denied(error) and not missing(error)


def denied(error: BaseException) -> bool:
    """Whether the storage, or the lack of credentials, forbade the request."""
    return any(
        isinstance(cause, PermissionError)
        or any(part in type(cause).__name__ for part in _DENIALS)
        or _codes(cause) & _DENIED
        for cause in _causes(error)
    )


def missing(error: BaseException) -> bool:
    """Whether there is nothing at the address."""
    causes = list(_causes(error))
    if any(_codes(cause) & _MISSING for cause in causes):
        return True
    return isinstance(error, FileNotFoundError) and len(causes) == 1


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception and what it was raised from."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def _codes(error: BaseException) -> set[str]:
    """Status that HTTP, or code that object storage answered with."""
    codes = {
        str(value)
        for name in ("status", "status_code", "code", "error_code")
        if isinstance(value := getattr(error, name, None), (int, str))
    }
    response = getattr(error, "response", None)  # botocore's errors carry the answer as a dictionary
    if isinstance(response, dict):
        codes.add(str(response.get("Error", {}).get("Code", "")))
    return codes
