"""Does what the job's `training.seed` asks for: 1 waits to be stopped, 2 takes too much memory, others end well.

Keeps to the contract of a worker: order from the environment, updates over HTTP with the projected token, files in the
workspace, the final word in the termination log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.error
import urllib.request
from pathlib import Path

WAITS, EATS_MEMORY = 1, 2
FIRST_STAGE = {"prepare": "ingest", "reconstruct": "train", "deliver": "export"}


def main() -> int:
    order = json.loads(os.environ["RECONSTRUCTION_JOB"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    workspace = Path("/workspace")
    with (workspace / "visits").open("a") as visits:
        visits.write(f"{order['resourceClass']}\n")
    answers = [post(order, 50, token()), post(order, 60, "forged"), post(order | {"name": "other"}, 70, token())]
    behaviour = order["spec"]["training"].get("seed") if order["resourceClass"] == "reconstruct" else None
    if behaviour == WAITS:
        signal.pause()
    if behaviour == EATS_MEMORY:
        hoard = [bytearray(os.urandom(1 << 20)) for _ in range(4096)]
        return len(hoard) % 2
    metrics = {"answers": " ".join(map(str, answers)), "visits": (workspace / "visits").read_text().replace("\n", " ")}
    Path("/dev/termination-log").write_text(json.dumps({"stages": [], "metrics": metrics}))
    return 0


def token() -> str:
    return Path(os.environ["RECONSTRUCTION_TOKEN_FILE"]).read_text().strip()


def post(order: dict, percent: float, bearer: str) -> int:
    """One update; the status of the answer."""
    stage = FIRST_STAGE[order["resourceClass"]]
    body = {name: order[name] for name in ("namespace", "name", "uid", "attempt", "resourceClass")}
    body |= {"sequence": int(percent), "progress": {"stage": stage, "percent": percent, "message": "half way"}}
    request = urllib.request.Request(
        os.environ["RECONSTRUCTION_PROGRESS_URL"],
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


sys.exit(main())
