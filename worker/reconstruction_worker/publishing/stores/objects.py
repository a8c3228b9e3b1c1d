"""Object storage by way of obstore: S3, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, NotFoundError, NotSupportedError, PreconditionError

from .store import Changed, Headers, Stored

PART_BYTES: Final = 8 * 2**20
CONNECTIONS: Final = 6
"""Parts that are on their way at once: with those that are being read, about 100 MiB of memory."""
_MOST_PARTS: Final = 9000
"""S3 takes 10,000."""
_READ_BYTES: Final = 2**20


class ObjectStore:
    """Objects below a prefix of a bucket or container."""

    def __init__(self, client: Any, prefix: str, largest: int = 0):
        """`client` is a store of obstore; `prefix` ends with `/` unless it is empty; `largest` is the size of the
        largest object to be written."""
        self._client = client
        self._prefix = prefix
        self.part_bytes = max(PART_BYTES, -(-largest // _MOST_PARTS))
        self.tells_checksums = True

    def find(self, path: str) -> Stored | None:
        try:
            meta = obstore.head(self._client, self._prefix + path)
        except (FileNotFoundError, NotFoundError):
            return None
        return Stored(meta["size"], meta["e_tag"] or "", meta["version"])

    def send(self, path: str, parts: Iterable[bytes], size: int, headers: Headers) -> None:
        key, attributes = self._prefix + path, _attributes(headers)
        if size <= self.part_bytes:
            obstore.put(self._client, key, b"".join(parts), attributes=attributes, use_multipart=False)
            return
        obstore.put(
            self._client,
            key,
            iter(parts),
            attributes=attributes,
            use_multipart=True,
            chunk_size=self.part_bytes,
            max_concurrency=CONNECTIONS,
        )

    def write(self, path: str, content: bytes, headers: Headers, *, instead_of: Stored | None) -> None:
        mode: Any = "create" if instead_of is None else _version(instead_of)
        key, attributes = self._prefix + path, _attributes(headers)
        try:
            obstore.put(self._client, key, content, attributes=attributes, mode=mode)
        except (AlreadyExistsError, PreconditionError):
            raise Changed(path) from None
        except (NotSupportedError, NotImplementedError):  # storage without conditional writes: the last one counts
            obstore.put(self._client, key, content, attributes=attributes, use_multipart=False)

    def read(self, path: str) -> Iterator[bytes]:
        try:
            found = obstore.get(self._client, self._prefix + path)
        except NotFoundError as error:
            raise FileNotFoundError(path) from error
        for part in found.stream(min_chunk_size=_READ_BYTES):
            yield bytes(part)

    def names(self, folder: str) -> list[str]:
        start = f"{self._prefix}{folder}".rstrip("/")
        listed = (meta["path"] for page in obstore.list(self._client, start or None) for meta in page)
        return sorted(path.removeprefix(self._prefix) for path in listed)

    def delete(self, paths: list[str]) -> None:
        for path in paths:  # one by one: not every server of the S3 protocol deletes many at once
            try:
                obstore.delete(self._client, self._prefix + path)
            except (FileNotFoundError, NotFoundError):
                continue


def _attributes(headers: Headers) -> Any:
    return {"Content-Type": headers.media_type, "Cache-Control": headers.cache}


def _version(stored: Stored) -> dict[str, str]:
    """For the client, which takes no value for "unknown"."""
    return {"e_tag": stored.tag} | ({"version": stored.version} if stored.version is not None else {})
