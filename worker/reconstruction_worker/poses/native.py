"""Runs pycolmap's long calls so that they can be followed and stopped.

Its database must not be read meanwhile with Python's sqlite3: two copies of SQLite in one process do not see each
other's locks, and the process dies of a bus error.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import pycolmap

from ..stage import Stopped

POLL_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 15.0
"""How long a call may take to give up; one that knows no cancellation is left to the end of the process."""

T = TypeVar("T")


def follow(
    call: Callable[[pycolmap.CancellationToken], T],
    stop_requested: Callable[[], bool],
    look: Callable[[], None] | None = None,
) -> T:
    """The result of `call`, which runs in a thread and must release the interpreter; `look` is called now and then, to
    report how far it is. Raises Stopped when a stop was requested meanwhile."""
    token = pycolmap.CancellationToken()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call(token))
        except BaseException as error:  # raised again in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work, name="pycolmap", daemon=True)
    thread.start()
    while thread.is_alive() and not stop_requested():
        thread.join(POLL_SECONDS)
        if look is not None:
            look()
    if stop_requested():
        token.cancel()
        thread.join(PATIENCE_SECONDS)
        raise Stopped
    if errors:
        raise errors[0]
    return results[0]
