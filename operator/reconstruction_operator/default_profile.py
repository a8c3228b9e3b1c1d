"""The profile that comes with the installation: a file says what it is, the replica that leads applies it.

Helm can't create an object of a kind that the same release defines, except by hooks, and a hook deletes the old object
before it knows whether the new one is valid. Here nothing is deleted: a file with a mistake changes nothing, and
neither does one that would overwrite what somebody else has set.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.manifests import ClusterProfileManifest
from reconstruction_api.names import CLUSTER_PROFILE_KIND
from reconstruction_api.validation import parse_profile

from . import paths
from .field_managers import made_by_hook_of, moved
from .kube import APPLY_PATCH, MERGE_PATCH, ApiError, Document, Kube

_log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
_REFUSED_SECONDS = 60.0
"""Somebody may give up a field, or a policy of the cluster may change: what was refused is tried again."""


class DefaultProfile:
    """Applies the file when it changes and when the profile is gone; `present` says whether a profile exists."""

    def __init__(
        self,
        kube: Kube,
        file: Path,
        manager: str,
        present: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._file = file
        self._manager = manager
        self._present = present
        self._clock = clock
        self._applied: tuple[str, str] | None = None
        """Text of the file, and the profile's name."""
        self._refused: tuple[str, float] | None = None
        """Text of the file, and when it was refused."""
        self.problem = ""
        """Code and message; empty while the profile is as the file says."""
        self.looked = False
        """Whether the file was applied, or refused, for the first time."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            self.looked = True
            await asyncio.sleep(POLL_SECONDS)

    async def look(self) -> None:
        """Apply the file if that is due. Never raises what a file or an API server can cause."""
        try:
            text = self._file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            return self._report(f"ObjectNotFound: {self._file} can't be read: {error.strerror}")
        if self._refused is not None and self._refused[0] != text:
            self._refused, self.problem = None, ""
        if not self._is_due(text):
            return
        try:
            name = await self._apply(text)
        except ReconstructionError as error:
            self._refused = (text, self._clock())
            self._report(f"{error.code}: {error.message}")
        except (ApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, ApiError) and (error.conflict or error.refused):
                self._refused = (text, self._clock())
            self._report(_reason(error))
        else:
            self._applied, self._refused, self.problem = (text, name), None, ""
            _log.info("default profile applied", extra={"profile": name})

    def _is_due(self, text: str) -> bool:
        if self._refused is not None:
            return self._clock() >= self._refused[1] + _REFUSED_SECONDS
        return self._applied is None or self._applied[0] != text or not self._present(self._applied[1])

    async def _apply(self, text: str) -> str:
        """The profile's name. Raises ReconstructionError for a mistake in the file; ApiError."""
        wanted = document_of(text)
        path = paths.cluster_profile(wanted["metadata"]["name"])
        await self._adopt(path, wanted)
        query = {
            "fieldManager": self._manager,
            "fieldValidation": "Strict",
        }  # without force: others keep what is theirs
        await self._kube.request("PATCH", path, query=query, body=wanted, content_type=APPLY_PATCH, brief=True)
        return wanted["metadata"]["name"]

    async def _adopt(self, path: str, wanted: Document) -> None:
        """What a hook of this release has created is ours: what the file no longer says goes with the next apply."""
        try:
            there = await self._kube.get(path)
        except ApiError as error:
            if error.not_found:
                return
            raise
        if made_by_hook_of(there, wanted):
            metadata = {
                "resourceVersion": there["metadata"]["resourceVersion"],
                "managedFields": moved(there["metadata"].get("managedFields", []), "helm", self._manager),
            }
            try:
                await self._kube.request(
                    "PATCH", path, body={"metadata": metadata}, content_type=MERGE_PATCH, brief=True
                )
            except ApiError as error:
                if not error.conflict:
                    raise
                raise TimeoutError("the profile has changed meanwhile") from error
            _log.info("default profile adopted from a Helm hook", extra={"profile": wanted["metadata"]["name"]})

    def _report(self, problem: str) -> None:
        if problem != self.problem:
            _log.error("the default profile was not changed: %s", problem)
        self.problem = problem


def document_of(text: str) -> Document:
    """The object to apply, with the fields that the text sets and no others.

    Raises ReconstructionError("InvalidSpec") that names each mistaken field as the chart's user knows it.
    """
    try:
        manifest = parse_profile(text)
    except ReconstructionError as error:
        problems = [f"{_value(each['field'])}{each['message']}" for each in error.details["problems"]]
        raise ReconstructionError("InvalidSpec", "; ".join(problems)) from None
    if not isinstance(manifest, ClusterProfileManifest):
        raise ReconstructionError("InvalidSpec", f"kind: must be {CLUSTER_PROFILE_KIND}")
    return manifest.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _value(field: str) -> str:
    """The chart's value behind a field of the profile, for the beginning of a message."""
    if not field:
        return ""
    return f"defaultProfile.{field.removeprefix('metadata.')}: "


def _reason(error: Exception) -> str:
    if isinstance(error, ApiError) and error.conflict:
        return (
            f"FieldConflict: {error.message}. Make defaultProfile.spec agree with the profile, or delete the profile: "
            "it is then created again"
        )
    if isinstance(error, ApiError) and error.refused:
        return f"CreationRefused: {error.message}"
    return f"ClusterUnreachable: {str(error) or type(error).__name__}"
