"""`python3 -m reconstruction_operator`: run the operator."""

from __future__ import annotations

import asyncio
import gc
import sys

import uvloop
from pydantic import ValidationError

from . import application, logs
from .policies.control.accept import describe
from .settings import Settings

_GARBAGE_COLLECTION = (10_000, 20, 20)
"""What is remembered of ten thousand jobs has no cycles; to look for some less often saves a tenth of all time."""


def main() -> int:
    """The exit status of the process: 2 for wrong settings, 1 when the Lease is lost or a part failed."""
    try:
        settings = Settings.load(sys.argv[1:])
    except ValidationError as error:
        print(f"reconstruction-operator: {describe(error)}", file=sys.stderr)
        return 2
    logs.configure(settings.log_level, settings.log_format)
    gc.freeze()
    gc.set_threshold(*_GARBAGE_COLLECTION)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(application.main(settings))


if __name__ == "__main__":
    sys.exit(main())
