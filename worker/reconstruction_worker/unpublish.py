"""Removes what a job has published: `python -m reconstruction_worker.unpublish`, in a pod of the operator.

Readers are told first: `latest.json` goes, then the manifests, then the files. Only sets of the job itself go, and
`latest.json` only where it leads to one of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.manifest import ManifestDocument
from reconstruction_api.documents.published import PublishedJob
from reconstruction_api.errors import ExitCode, ReconstructionError
from reconstruction_api.formats import LATEST
from reconstruction_api.worker import Failure, PodReport

from .json_log import JsonLog
from .network.guard import Guard
from .pod import delivery_of, has_secret, order_in, pod_options
from .publishing.addresses import Addresses
from .publishing.opening import Place, opened
from .publishing.publication import current_latest, owner_id
from .publishing.stores.store import Store


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Entry point; the exit status is one of `ExitCode`, and the termination message says why."""
    log, options = JsonLog(sys.stdout), pod_options(arguments)
    report, status = PodReport(), ExitCode.DONE
    try:
        order = order_in(os.environ)
        destination, delivery = order.spec.destination, delivery_of(order, options.destination)
        if destination is not None and delivery is not None:
            addresses = Addresses.of(destination, delivery, "")
            with Guard(order.network, order.spec.profile_name) if delivery.folder is None else nullcontext() as guard:
                if guard is not None:
                    guard.lock.install()
                place = Place(
                    destination,
                    addresses.prefix,
                    folder=addresses.folder(delivery),
                    guard=guard,
                    credentials=options.destination_credentials if has_secret(destination) else None,
                    hosts=tuple(order.publishing.hosts),
                )
                with opened(place) as store:
                    count = remove(store, PublishedJob(namespace=order.namespace, name=order.name, uid=order.uid))
            log.info("removed what was published", objects=count, job=order.name, namespace=order.namespace)
    except ReconstructionError as error:
        report, status = PodReport(failure=Failure.from_error(error)), error.exit_code
        log.error("removing failed", code=error.code, error=error.message)
    except Exception as exception:  # the edge of the process; its text may quote what is secret
        error = ReconstructionError("InternalError", f"The worker failed unexpectedly ({type(exception).__name__}).")
        report, status = PodReport(failure=Failure.from_error(error)), error.exit_code
        log.error("removing failed", code=error.code, error=error.message)
    _write(options.termination_log, report)
    sys.exit(status)


def remove(store: Store, job: PublishedJob) -> int:
    """Remove the sets of a job; how many objects there were."""
    found, latest = current_latest(store)
    own = f"{owner_id(job)}-"
    listed = [path for path in store.names("") if path.startswith(own) and "/" in path]
    if latest is not None and latest.job.uid == job.uid:
        listed += [path for path in _named(store, latest.manifest) if path not in listed]
        store.delete([LATEST])
    manifests = [path for path in listed if path.rpartition("/")[2] == MANIFEST_FILE]
    store.delete(manifests)
    store.delete([path for path in listed if path not in manifests])
    return len(listed) + (found is not None and latest is not None and latest.job.uid == job.uid)


def _named(store: Store, manifest: str) -> list[str]:
    """What a manifest names, for places that list nothing."""
    folder = manifest.rpartition("/")[0]
    try:
        document = ManifestDocument.model_validate_json(b"".join(store.read(manifest)))
    except (FileNotFoundError, ValueError):
        return []
    plain = [file.name for file in document.artifacts if ".." not in file.name.split("/")]
    return [f"{folder}/{name}" for name in (*plain, MANIFEST_FILE)]


def _write(path: Path, report: PodReport) -> None:
    try:
        path.write_text(report.to_termination_message())
    except OSError:  # the exit status still says how it ended
        return


if __name__ == "__main__":
    main()
