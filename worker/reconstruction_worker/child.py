"""Process of one stage: `python -m reconstruction_worker.child FD`; request on stdin, events on file descriptor FD.

Standard output and error belong to the stage's libraries and end up in the stage's log.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from .child_events import EventWriter, StageRequest
from .cpus import limit_threads
from .failures import from_exception
from .memory import most_held
from .network.guard import Guard
from .redaction import RedactedStream, Redactor, secrets_of
from .stage import StageContext, Stopped
from .stage_document import check_document
from .stop_signal import StopSignal


def main() -> None:
    """Run the requested stage and end the process without the interpreter's teardown: the result is already sent, and
    native libraries are known to crash in their exit handlers."""
    os.set_inheritable(int(sys.argv[1]), False)
    faulthandler.enable()
    limit_threads()
    stop = StopSignal()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    request = StageRequest.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_parent, daemon=True).start()
    redactor = _redactor(request)
    events = EventWriter(int(sys.argv[1]), redactor.data)
    sys.stdout = cast(TextIO, RedactedStream(sys.stdout, redactor))
    sys.stderr = cast(TextIO, RedactedStream(sys.stderr, redactor))
    _run(request, events, stop)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _redactor(request: StageRequest) -> Redactor:
    credentials = Path(request.credentials) if request.credentials is not None else None
    return Redactor(secrets_of(os.environ, credentials), request.spec.source.uri)


def _run(request: StageRequest, events: EventWriter, stop: StopSignal) -> None:
    try:
        with _guarded(request) as guard:
            context = StageContext(
                name=request.stage,
                workspace=Path(request.workspace),
                spec=request.spec,
                report=events.progress,
                stop_requested=stop.requested,
                source=Path(request.source) if request.source is not None else None,
                added=Path(request.added) if request.added is not None else None,
                camera_path=Path(request.camera_path) if request.camera_path is not None else None,
                job_name=request.job_name,
                limits=request.limits,
                accepted_versions=request.accepted_versions,
                needs=request.needs,
                guard=guard,
                credentials=Path(request.credentials) if request.credentials is not None else None,
                delivery=request.delivery,
            )
            module = importlib.import_module(request.module)
            output = module.run(context)
            check_document(context, getattr(module, "DOCUMENT", None))
    except Stopped:
        events.stopped()
    except BaseException as exception:  # the edge of the process: everything becomes an entry of the catalogue
        error = from_exception(exception, request.stage, Path(request.workspace))
        if error.code in ("InternalError", "HostOutOfMemory", "GPUOutOfMemory"):
            traceback.print_exc()
        events.error(error)
    else:
        events.output(output, most_held())


@contextmanager
def _guarded(request: StageRequest) -> Iterator[Guard | None]:
    """The guard of a worker pod, and a lock on every way around it, before the stage's libraries are imported."""
    if request.network is None:
        yield None
        return
    with Guard(request.network, request.spec.profile_name) as guard:
        guard.lock.install()
        yield guard


def _die_with_parent() -> None:
    """The executor keeps the other end of stdin open while it lives; killed, it must not leave a stage behind that
    writes into a workspace somebody else may open."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
