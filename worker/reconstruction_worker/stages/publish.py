"""Stage `publish`: the results at `spec.destination`, proven, and named to readers only when all of them are there."""

from __future__ import annotations

from datetime import UTC, datetime

from reconstruction_api.documents.manifest import FILE as MANIFEST_FILE
from reconstruction_api.documents.published import FILE, PublishedDocument, PublishedFile, PublishedJob
from reconstruction_api.errors import ReconstructionError
from reconstruction_api.formats import format_of, media_type_of
from reconstruction_api.stages import StageName

from ..artifacts import recorded_files
from ..files import write_document
from ..publishing.addresses import Addresses
from ..publishing.opening import Place, opened
from ..publishing.publication import (
    Publication,
    check_latest,
    current_latest,
    lead_to,
    set_headers,
)
from ..publishing.sending import JOURNAL, Journal, LocalFile, send_proven
from ..records import read_record
from ..stage import StageContext, StageOutput

DOCUMENT = PublishedDocument


def run(context: StageContext) -> StageOutput:
    """Raises DestinationNotFound, DestinationAccessDenied, DestinationNotAllowed, AddressNotAllowed,
    DestinationConflict and ArtifactStoreError."""
    destination, delivery = context.spec.destination, context.delivery
    if destination is None or delivery is None:
        raise ReconstructionError("InternalError", "There is no destination to publish to.")
    files, made = _files(context)
    manifest = next(file for file in files if file.name == MANIFEST_FILE)
    others = tuple(file for file in files if file is not manifest)
    job = PublishedJob(namespace=delivery.namespace, name=delivery.name, uid=delivery.uid)
    publication = Publication(job, others, made, delivery.publishing.overwrite)
    addresses = Addresses.of(destination, delivery, publication.name)
    place = Place(
        destination,
        addresses.prefix,
        folder=addresses.folder(delivery),
        guard=context.guard,
        credentials=context.credentials,
        hosts=tuple(delivery.publishing.hosts),
        largest=max(file.size for file in files),
    )
    shown_as, sent = f"'{addresses.prefix}'", 0
    journal = Journal(context.folder / JOURNAL)
    with opened(place) as store:
        context.advance(0, "looking at the destination")
        found, there = current_latest(store)
        check_latest(there, found, publication, shown_as)
        total, done = sum(file.size for file in files) or 1, 0
        for file in (*others, manifest):  # the manifest last: where there is one, all that it names is there
            context.advance(95 * done / total, f"sending {file.name}")
            headers = set_headers(media_type_of(file.name), destination.cache_seconds)
            sent += send_proven(store, f"{publication.name}/{file.name}", file, headers, journal)
            done += file.size
        context.advance(95, "naming the set in latest.json")
        lead_to(store, publication, manifest.sha256, _now(), shown_as)
    document = PublishedDocument(
        set=publication.name,
        location=f"{addresses.prefix}{publication.name}/",
        files=[_published(file, addresses) for file in files],
    )
    write_document(context.folder / FILE, document)
    (context.folder / JOURNAL).unlink(missing_ok=True)
    return StageOutput(f"{len(files)} files, {total / 1e6:.1f} MB, at {document.location} ({sent} sent)")


def _files(context: StageContext) -> tuple[list[LocalFile], str]:
    """What the report has delivered, with the bundle where there is one; and when the last of it was made."""
    names = (StageName.REPORT, StageName.BUNDLE) if context.spec.bundle else (StageName.REPORT,)
    records = [record for name in names if (record := read_record(context.workspace, name)) is not None]
    files = [
        LocalFile(name, context.workspace / output.path, output.size, output.sha256)
        for name, output in recorded_files(records).items()
    ]
    return files, max(record.completed for record in records)


def _published(file: LocalFile, addresses: Addresses) -> PublishedFile:
    return PublishedFile(
        name=file.name,
        format=format_of(file.name),
        uri=addresses.of_file(file.name),
        size_bytes=file.size,
        sha256=file.sha256,
        media_type=media_type_of(file.name),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
