"""What happened in a history, line by line, for whoever has to find out why a promise was broken."""

from __future__ import annotations

from collections import deque

from reconstruction_api.names import JOB_PLURAL
from reconstruction_operator.kube import ApiError

from .objects import Change, Document
from .virtual_time import VirtualTime

_LINES = 400


class Chronicle:
    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self.lines: deque[str] = deque(maxlen=_LINES)

    def note(self, text: str) -> None:
        self.lines.append(f"{self._time.clock.monotonic():8.2f} {text}")

    def requested(self, replica: str, method: str, path: str, said: Document | ApiError) -> None:
        """A request of the operator has taken effect."""
        if "leases" not in path and method != "GET":
            self.note(f"  {replica} {method} {path.rpartition('/namespaces/')[2]} {said if _failed(said) else ''}")

    def changed(self, change: Change) -> None:
        if change.place.kind != "leases":
            what = "deleted" if change.after is None else "created" if change.before is None else "changed"
            place = change.place
            self.note(f"  {change.version} {place.namespace}/{place.kind}/{place.name} {what} {_state(change)}")


def _failed(said: Document | ApiError) -> bool:
    return isinstance(said, ApiError)


def _state(change: Change) -> str:
    document = change.after or change.before or {}
    status = document.get("status") or {}
    words = [document.get("metadata", {}).get("uid", "")]
    if "deletionTimestamp" in document.get("metadata", {}):
        words.append("deleting")
    if change.place.kind == JOB_PLURAL:
        words += [
            f"{run['jobName'].split('-')[-2]}#{run['attempt']}{'+' if run.get('completed') else ''}"
            f"{'.' if run.get('ended') else ''}"
            for run in status.get("runs", [])
        ]
        words += ["admitted"] if "admissionTime" in status else []
        words += [
            f"{each['type']}:{each['reason']}"
            for each in status.get("conditions", [])
            if each["type"] in ("Reconciling", "Stalled", "Finished") and each["status"] == "True"
        ]
        words += [f"generation {document['metadata']['generation']}/{status.get('observedGeneration')}"]
    elif "phase" in status:
        words.append(status["phase"])
    words += [each["type"] for each in status.get("conditions", []) if change.place.kind in ("jobs", "pods")]
    return " ".join(words)
