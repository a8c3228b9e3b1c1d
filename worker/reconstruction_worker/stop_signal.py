"""How a stage's process takes SIGTERM."""

from __future__ import annotations

import signal
import threading


class StopSignal:
    """Ends the process at once until the stage asks for the first time whether it is to stop; from then on it has to
    look by itself.

    Before, a stage loads its libraries and reads what others made: there is nothing to save, and native code would keep
    a handler of Python waiting for as long as it likes.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._listening = False
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def requested(self) -> bool:
        """Whether the process was asked to stop."""
        # Python lets only the main thread set handlers; a question from another one changes nothing.
        if not self._listening and threading.current_thread() is threading.main_thread():
            self._listening = True
            signal.signal(signal.SIGTERM, lambda *_: self._asked.set())
        return self._asked.is_set()
