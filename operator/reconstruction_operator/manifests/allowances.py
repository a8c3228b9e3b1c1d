"""What a profile gives the pods of a job: a queue, limits of the source, and a network."""

from __future__ import annotations

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.profile import ProfileSpec
from reconstruction_api.quantities import byte_count
from reconstruction_api.worker import NetworkAccess, Publishing, SourceLimits


def queue_of(spec: ReconstructionJobSpec, profile: ProfileSpec) -> str:
    """The LocalQueue that admits the job's pods; empty when none does."""
    return spec.queue_name or next(iter(profile.queue_names), "")


def source_limits(profile: ProfileSpec) -> SourceLimits:
    """What the worker checks when it has the photos."""
    limits = profile.limits
    return SourceLimits(
        max_images=limits.max_images,
        max_file_bytes=byte_count(limits.max_file_size) if limits.max_file_size else None,
        max_set_bytes=byte_count(limits.max_set_size) if limits.max_set_size else None,
    )


def network_access(profile: ProfileSpec) -> NetworkAccess:
    """What the worker checks whenever something connects."""
    return NetworkAccess(allow=profile.network.allow, service_account=profile.service_account_name is not None)


def publishing(profile: ProfileSpec) -> Publishing:
    """What the worker checks when it publishes."""
    return Publishing(overwrite=profile.destinations.overwrite, hosts=profile.destinations.hosts)
