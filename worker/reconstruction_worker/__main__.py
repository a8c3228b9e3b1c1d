"""Entry point of a worker pod: `python -m reconstruction_worker`."""

import os
import signal

# The first process of a container ignores signals that it does not handle, and a stop may come while the imports below
# still run. 5 is ExitCode.RESUMABLE_STOP.
signal.signal(signal.SIGTERM, lambda *_: os._exit(5))

from .pod import main  # noqa: E402

main()
