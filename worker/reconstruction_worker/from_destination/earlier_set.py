"""The set of results that a job has published last, read back from its destination."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reconstruction_api.documents.manifest import DeliveredFile, ManifestDocument
from reconstruction_api.documents.published import LatestDocument, PublishedJob
from reconstruction_api.errors import ReconstructionError

from ..publishing.addresses import Addresses
from ..publishing.opening import Place, opened
from ..publishing.publication import current_latest
from ..publishing.stores.store import Store
from ..stage import StageContext


@dataclass(frozen=True)
class EarlierSet:
    """Its manifest, and the way to its files."""

    manifest: ManifestDocument
    _store: Store
    _folder: str
    _shown_as: str

    def fetch(self, file: DeliveredFile, folder: Path) -> Path:
        """Put a file into a folder. Raises InputsRemoved where it is gone, ArtifactStoreError where it is another."""
        target, whole = folder / _plain(file.name), hashlib.sha256()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("wb") as copy:
                for part in self._store.read(f"{self._folder}/{file.name}"):
                    whole.update(part)
                    copy.write(part)
        except FileNotFoundError:
            raise gone(f"the file {file.name} is no longer at {self._shown_as}") from None
        if whole.hexdigest() != file.sha256:
            raise _damaged(f"{file.name} at {self._shown_as}")
        return target


@contextmanager
def earlier_set(context: StageContext) -> Iterator[EarlierSet]:
    """What `latest.json` leads to, for as long as the context is open. Raises InputsRemoved where that is nothing, or
    another job's; and what opening a destination raises."""
    destination, delivery = context.spec.destination, context.delivery
    if delivery is not None and delivery.earlier is not None:
        destination, delivery = delivery.earlier, delivery.model_copy(update={"folder": delivery.earlier_folder})
    if destination is None or delivery is None:
        raise gone("the workspace is gone, and spec.destination names no place that has the results")
    addresses = Addresses.of(destination, delivery, "")
    place = Place(
        destination,
        addresses.prefix,
        folder=addresses.folder(delivery),
        guard=context.guard,
        credentials=context.credentials,
        hosts=tuple(delivery.publishing.hosts),
    )
    shown_as = f"'{addresses.prefix}'"
    job = PublishedJob(namespace=delivery.namespace, name=delivery.name, uid=delivery.uid)
    with opened(place) as store:
        latest = _latest(store, job, shown_as)
        folder = latest.manifest.rpartition("/")[0]
        yield EarlierSet(_manifest(store, latest, shown_as), store, folder, shown_as)


def gone(what: str, suggestion: str | None = None) -> ReconstructionError:
    """What the published files are not enough for."""
    return ReconstructionError("InputsRemoved", f"{what[0].upper()}{what[1:]}.", suggestion=suggestion)


def _latest(store: Store, job: PublishedJob, shown_as: str) -> LatestDocument:
    _, latest = current_latest(store)
    if latest is None:
        raise gone(f"the workspace is gone, and there are no results of the job at {shown_as}")
    if latest.job != job:
        raise gone(f"the workspace is gone, and results of another job are at {shown_as}")
    return latest


def _manifest(store: Store, latest: LatestDocument, shown_as: str) -> ManifestDocument:
    try:
        content = b"".join(store.read(latest.manifest))
    except FileNotFoundError:
        raise gone(f"the manifest {latest.manifest} is no longer at {shown_as}") from None
    if hashlib.sha256(content).hexdigest() != latest.manifest_sha256:
        raise _damaged(f"{latest.manifest} at {shown_as}")
    return ManifestDocument.model_validate_json(content, extra="ignore")


def _plain(name: str) -> str:
    """Whoever may write at the destination must not say where in the workspace files are written."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name or "\\" in name:
        raise _damaged(f"the manifest, with {name!r} in it,")
    return name


def _damaged(what: str) -> ReconstructionError:
    return ReconstructionError(
        "ArtifactStoreError",
        f"At the destination, {what} is not what the job has published.",
        suggestion="Restore it there, or raise spec.redo.ingest to have all made again from the photos.",
    )
