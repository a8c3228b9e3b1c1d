"""Does what the job's `training.seed` asks for: 1 waits to be stopped, 2 takes too much memory, 4 waits until a network
policy keeps it from the API server, others complete.

Keeps to the contract of a worker: order from the environment, updates over HTTP with the projected token, files in the
workspace, the final word in the termination log.
"""

from __future__ import annotations

import json
import os
import signal
import ssl
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

WAITS, EATS_MEMORY, WAITS_FOR_FENCE = 1, 2, 4
FENCED_WITHIN_SECONDS = 60
FIRST_STAGE = {"prepare": "ingest", "reconstruct": "train", "deliver": "export"}


def main() -> int:
    order = json.loads(os.environ["RECONSTRUCTION_JOB"])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
    workspace = Path("/workspace")
    with (workspace / "visits").open("a") as visits:
        visits.write(f"{order['resourceClass']}\n")
    answers = [
        post(order, 50, token()),
        post(order, 60, "forged"),
        post(order | {"name": "other"}, 70, token()),
        post(order | {"namespace": "other"}, 80, token()),
    ]
    seed = order["spec"].get("training", {}).get("seed")
    behaviour = seed if order["resourceClass"] == "reconstruct" else None
    if behaviour == WAITS:
        signal.pause()
    if behaviour == EATS_MEMORY:
        hoard = [bytearray(os.urandom(1 << 20)) for _ in range(4096)]
        return len(hoard) % 2
    secrets = f"/api/v1/namespaces/{order['namespace']}/secrets"
    metrics = {
        "answers": " ".join(map(str, answers)),
        "visits": words(workspace / "visits"),
        **source_seen(),
        **secrets_seen(order),
        **camera_path_seen(),
        "apiServer": ask_until_fenced(secrets) if seed == WAITS_FOR_FENCE else ask_api_server(secrets),
    }
    Path("/dev/termination-log").write_text(json.dumps({"stages": [], "metrics": metrics}))
    return 0


def source_seen() -> dict[str, str]:
    """What another job's workspace holds, and whether this pod could write there."""
    if not Path("/source").exists():
        return {}
    try:
        Path("/source/intruder").touch()
    except OSError:
        return {"sourceFound": words(Path("/source/visits")), "sourceWritable": "no"}
    return {"sourceFound": words(Path("/source/visits")), "sourceWritable": "yes"}


def secrets_seen(order: dict) -> dict[str, str]:
    """What of the source's Secret this pod can read, whether it could write there, and the address as it arrived."""
    folders = sorted(Path("/var/run/secrets").glob("source-*"))
    if not folders:
        return {}
    entries = [entry for folder in folders for entry in folder.iterdir() if not entry.name.startswith("..")]
    try:
        (folders[0] / "intruder").touch()
        writable = "yes"
    except OSError:
        writable = "no"
    seen = {"credentials": " ".join(sorted(f"{entry.name}={entry.read_text()}" for entry in entries))}
    return {**seen, "credentialsWritable": writable, "sourceAddress": order["spec"]["source"]["uri"]}


def camera_path_seen() -> dict[str, str]:
    """What is mounted of the ConfigMap that spec.turntable.pathFile names."""
    folder = Path("/var/run/secrets/camera-path")
    if not folder.exists():
        return {}
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith(".."))
    return {"cameraPath": " ".join(f"{entry.name}={entry.read_text()}" for entry in entries) or "none"}


def words(path: Path) -> str:
    return path.read_text().replace("\n", " ") if path.exists() else ""


def ask_api_server(path: str) -> int | str:
    """What the API server answers to the only token that the pod has, if a network policy lets the pod ask."""
    address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token()}"})
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(request, timeout=10, context=unverified) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return "unreachable"


def ask_until_fenced(path: str) -> int | str:
    """What the API server answers in the end: a network policy takes hold of a pod some time after it has started."""
    give_up = time.monotonic() + FENCED_WITHIN_SECONDS
    while (answer := ask_api_server(path)) != "unreachable" and time.monotonic() < give_up:
        time.sleep(1)
    return answer


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
