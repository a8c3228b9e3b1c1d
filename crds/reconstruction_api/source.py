"""`spec.source`: where a job's photos are, or the job whose results it starts from."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar, Final

from pydantic import Field

from .base import ApiModel, DNSSubdomain, RelativePath
from .rules import BLANK, INVISIBLE, Rule, cel_pattern

_USER_INFO: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*[@\\]"
_CONTAINER_AT: Final = ("abfs://", "abfss://")
"""Addresses of local runs that name a container before an account's host."""
_VISIBLE: Final = rf"^[^{BLANK}{INVISIBLE}]([^{INVISIBLE}]*[^{BLANK}{INVISIBLE}])?$"
_VISIBLE_OR_EMPTY: Final = rf"^[^{INVISIBLE}]*$"


class ClaimSource(ApiModel):
    """Photos on a persistent volume claim in the job's namespace."""

    rules: ClassVar = (
        Rule(
            "path must stay on the volume: no '..' in it",
            cel="!self.path.split('/').exists(part, part == '..')",
            holds=lambda claim: ".." not in claim.path.split("/"),
            field="path",
        ),
        Rule(
            "path must have no line breaks and control characters",
            cel=f"self.path.matches({cel_pattern(_VISIBLE_OR_EMPTY)})",
            holds=lambda claim: re.fullmatch(_VISIBLE_OR_EMPTY, claim.path) is not None,
            field="path",
        ),
    )

    claim_name: DNSSubdomain
    """Name of the claim. It is mounted read-only."""
    path: RelativePath = ""
    """Folder or archive on the volume, relative to its root; empty is the root."""


CREDENTIALS: Final = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "AWS_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_S3",
        "GOOGLE_CREDENTIALS_JSON",
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_ACCOUNT_NAME",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "AZURE_STORAGE_SAS_TOKEN",
        "AZURE_STORAGE_TENANT_ID",
        "AZURE_STORAGE_CLIENT_ID",
        "AZURE_STORAGE_CLIENT_SECRET",
    }
)
"""Keys of the secret of `Source.secret_name` that mean something."""


class Reuse(StrEnum):
    PHOTOS = "Photos"
    POSES = "Poses"
    TRAINING = "Training"
    MODEL = "Model"

    @property
    def trained(self) -> bool:
        """Whether the trained engine is among what is taken over."""
        return self in (Reuse.TRAINING, Reuse.MODEL)


class JobSource(ApiModel):
    """Another ReconstructionJob of the same namespace, whose results this one starts from."""

    rules: ClassVar = (
        Rule(
            "addPhotos places photos into camera poses that are taken over: it needs reuse Poses",
            cel="!self.addPhotos || self.reuse == 'Poses'",
            holds=lambda job: not job.add_photos or job.reuse is Reuse.POSES,
            field="addPhotos",
        ),
    )

    name: DNSSubdomain
    """Name of the other job. This one waits until the other has what it needs; neither needs the other afterwards."""
    reuse: Reuse = Reuse.POSES
    """What is copied from the other job's workspace instead of being made: `Photos` as it has prepared them, `Poses`
    with their photos, `Training`, the trained engine with both (`engine` must be the same), or `Model`, all of that
    with the textured mesh and its evaluation: what is left are exports, turntable and report."""
    add_photos: bool = False
    """Whether the photos at `source.uri`, or on `source.persistentVolumeClaim`, are added to those of the other job:
    they are placed into its camera poses, which stay where they are, and what follows is made from all. Only with
    `reuse: Poses`. The added photos are prepared with the default settings; the job fails with PoseEstimationFailed
    when none of them can be placed."""


class Source(ApiModel):
    """Where the photos are: exactly one of `uri`, `persistentVolumeClaim` and `jobRef`; with `jobRef.addPhotos` one of
    the other two as well, where the added photos are."""

    rules: ClassVar = (
        Rule(
            "set exactly one of uri, persistentVolumeClaim and jobRef",
            cel="(has(self.jobRef) && self.jobRef.addPhotos) || "
            "[has(self.uri), has(self.persistentVolumeClaim), has(self.jobRef)].exists_one(given, given)",
            holds=lambda source: (
                source.adds_photos or [source.uri, source.persistent_volume_claim, source.job_ref].count(None) == 2
            ),
        ),
        Rule(
            "jobRef.addPhotos adds the photos at uri or on persistentVolumeClaim: set one of the two beside jobRef",
            cel="!has(self.jobRef) || !self.jobRef.addPhotos || has(self.uri) != has(self.persistentVolumeClaim)",
            holds=lambda source: (
                not source.adds_photos or (source.uri is None) != (source.persistent_volume_claim is None)
            ),
            field="uri",
        ),
        Rule(
            "secretName holds the credentials for uri; photos on a claim or of another job need none",
            cel="!has(self.secretName) || has(self.uri)",
            holds=lambda source: source.secret_name is None or source.uri is not None,
            field="secretName",
        ),
        Rule(
            "sha256 is the checksum of one archive or video at uri",
            cel="!has(self.sha256) || has(self.uri)",
            holds=lambda source: source.sha256 is None or source.uri is not None,
            field="sha256",
        ),
        Rule(
            "uri must begin with s3://, gs://, az://, https:// or http://; a path works only in local "
            "runs, so put the photos on a volume claim and name it in persistentVolumeClaim",
            cel="!has(self.uri) || self.uri.matches('^(s3|gs|az|https?)://.')",
            field="uri",
        ),
        Rule(
            "uri must have no user name or password before its host, and no backslash there; credentials belong in the "
            "Secret that secretName names",
            cel=f"!has(self.uri) || !self.uri.matches({cel_pattern(_USER_INFO)})",
            holds=lambda source: (
                source.uri is None or source.uri.startswith(_CONTAINER_AT) or re.match(_USER_INFO, source.uri) is None
            ),
            field="uri",
        ),
        Rule(
            "uri must have no line breaks and control characters, and no spaces at its ends",
            cel=f"!has(self.uri) || self.uri.matches({cel_pattern(_VISIBLE)})",
            holds=lambda source: source.uri is None or re.fullmatch(_VISIBLE, source.uri) is not None,
            field="uri",
        ),
    )

    uri: str | None = Field(default=None, min_length=1, max_length=2048)
    """Address of a folder (`s3://bucket/photos/`), of an archive (zip, tar) or of a video (mp4, mov, webm); `s3://`,
    `gs://`, `az://`, `https://` or `http://`. In local runs also a path, relative to the file that names it. A query,
    as presigned addresses have, is not shown in messages, logs and results; user names and passwords are refused."""
    secret_name: DNSSubdomain | None = None
    """Secret in the job's namespace with credentials for the pods that read the photos: `AWS_ACCESS_KEY_ID`,
    `AWS_SECRET_ACCESS_KEY`, `AWS_ENDPOINT_URL` ...; `GOOGLE_CREDENTIALS_JSON` (content of a key file);
    `AZURE_STORAGE_ACCOUNT_NAME` with `AZURE_STORAGE_ACCOUNT_KEY` or `AZURE_STORAGE_SAS_TOKEN`, or
    `AZURE_STORAGE_CONNECTION_STRING`. Other keys do nothing and are not shown to the pod. With a Secret, what the
    profile's environment says for AWS, Google and Azure does not count for the photos."""
    sha256: str | None = Field(default=None, min_length=64, max_length=64, pattern="^[0-9a-f]+$")
    """Checksum of the archive or video at `uri`, in hexadecimal; the job fails with ChecksumMismatch when it differs.
    Files of a folder are checked against a `SHA256SUMS` beside them, where there is one."""
    persistent_volume_claim: ClaimSource | None = None
    """Photos on a volume claim."""
    job_ref: JobSource | None = None
    """Another job of the namespace whose photos, camera poses or training this one takes over."""

    @property
    def adds_photos(self) -> bool:
        """Whether the photos at `uri`, or on the claim, are added to those of the job that `job_ref` names."""
        return self.job_ref is not None and self.job_ref.add_photos

    def without_job(self) -> Source:
        """The source of the photos that are added to another job's."""
        return self.model_copy(update={"job_ref": None})
