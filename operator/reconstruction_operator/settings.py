"""The operator's settings: one typed class, filled from defaults, then environment variables, then flags."""

from __future__ import annotations

import argparse
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from .model import Policy
from .ownership import Ownership
from .receivers import Receivers

ENVIRONMENT_PREFIX = "RECONSTRUCTION_OPERATOR_"
_YEAR_SECONDS = 31_536_000


def _split(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


OptionalCount = Annotated[int | None, Field(ge=0, le=1_000_000)]


class Settings(BaseModel):
    """`http_port` is flag `--http-port` and environment variable `RECONSTRUCTION_OPERATOR_HTTP_PORT`; flags win."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    namespaces: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Namespaces to serve, separated by commas; the whole cluster when empty."""
    exclude_namespaces: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Namespaces to leave to other installations, separated by commas, where the whole cluster is served."""
    operator_class: str = Field(default="", pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")
    """spec.operatorClass of the jobs to act on; those without a class when empty."""
    take_over: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Installations that are gone for good, as namespace/name of their Leases, separated by commas: their jobs become
    this one's."""
    kubeconfig: str | None = None
    """Path of a kubeconfig; in a pod its service account, elsewhere $KUBECONFIG when unset."""
    http_host: str = "0.0.0.0"
    """Address of both ports."""
    http_port: int = Field(default=8080, ge=0, le=65535)
    """Port of /healthz, /readyz and /metrics; 0 takes a free one."""
    progress_port: int | None = Field(default=None, ge=0, le=65535)
    """Port of /v1/progress, for worker pods and other replicas; 0 takes a free one, unset it is the one after
    `http_port`."""
    progress_connections: int = Field(default=256, ge=1, le=1024)
    """Open connections at that port. Where there are more, the oldest of whoever has the most is closed."""
    progress_connections_per_client: int = Field(default=64, ge=1, le=1024)
    """The same for one client address."""
    progress_url: str | None = None
    """Base address at which worker pods reach this operator; they send no live updates when it is unset."""
    leader_election: bool = True
    """Act only while holding a Lease, so that several replicas can run."""
    lease_name: str = "reconstruction-operator"
    """Name of the Lease."""
    lease_namespace: str = "default"
    """Namespace of the Lease; $POD_NAMESPACE where that is set."""
    identity: str = ""
    """Name of this replica in the Lease; $POD_NAME where that is set."""
    advertise_host: str = ""
    """Address at which the other replicas reach this one; $POD_IP where that is set."""
    lease_duration_seconds: float = Field(default=15, gt=0)
    """How long a Lease is valid after its last renewal."""
    lease_renew_deadline_seconds: float = Field(default=10, gt=0)
    """A leader that can't renew for this long stops acting and exits."""
    lease_retry_seconds: float = Field(default=2, gt=0)
    """Pause between attempts to take or renew the Lease."""
    default_profile: str | None = None
    """Path of a file with a ClusterReconstructionProfile, which the operator creates and keeps as the file says."""
    concurrency: int = Field(default=16, ge=1, le=256)
    """Jobs that are worked on at the same time."""
    max_concurrent_jobs: OptionalCount = None
    """Jobs that run at the same time in all; not limited when unset."""
    max_concurrent_jobs_per_namespace: OptionalCount = None
    """Jobs of one namespace that run at the same time; not limited when unset."""
    resync_seconds: float = Field(default=600, ge=1, le=_YEAR_SECONDS)
    """Every job is looked at again after this time, even if nothing was observed."""
    status_interval_seconds: float = Field(default=1.0, ge=0)
    """Live updates of one job are written at most this often."""
    live_updates_per_second: int = Field(default=50, ge=1, le=10_000)
    """Live updates of all jobs together that are written each second: the more jobs run, the less often each."""
    notifications: bool = False
    """Notify the receivers in spec.notifications of a job's end; the operator reads the secrets named there."""
    notification_allow: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    """Private networks (CIDR), host names and domains (`.example.org`), separated by commas, that receivers may be at;
    there plain http:// is allowed as well."""
    image_pull_grace_seconds: int = Field(default=300, ge=0)
    """How long an image may fail to be pulled before the attempt fails."""
    heartbeat_seconds: int = Field(default=600, ge=10, le=_YEAR_SECONDS)
    """A running worker that has not reported progress for this long is shown as stalled."""
    lost_pod_seconds: int = Field(default=300, ge=15, le=_YEAR_SECONDS)
    """A pod that should have stopped this long ago is given up with its node: its object is removed by force."""
    admission_timeout_seconds: int = Field(default=900, ge=1, le=_YEAR_SECONDS)
    """A job that has held its turn for this long without a node for its pod gives it to others that wait, unless an
    autoscaler has reported a scale-up for the pod within this time."""
    lost_report_grace_seconds: int = Field(default=15, ge=0)
    """How long to wait for the pod of an ended child Job to show its end."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least important messages to log."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or plain text."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.workers_port > 65535:
            raise ValueError("progress_port: there is no port after http_port 65535; name one")
        if self.workers_port and self.workers_port == self.http_port:
            raise ValueError("progress_port: must differ from http_port")
        return self

    @model_validator(mode="after")
    def _excluded_from_the_whole(self) -> Self:
        if self.namespaces and self.exclude_namespaces:
            raise ValueError("exclude_namespaces has no effect beside namespaces: leave them out there")
        return self

    @field_validator("take_over")
    @classmethod
    def _with_their_namespace(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if wrong := [each for each in value if len([*filter(None, each.split("/"))]) != 2 or each.count("/") != 1]:
            raise ValueError(f"'{wrong[0]}' is not namespace/name of a Lease")
        return value

    @field_validator("notification_allow")
    @classmethod
    def _networks_or_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        Receivers.of(value)
        return value

    @classmethod
    def load(cls, arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
        """Raises pydantic's ValidationError; exits like argparse on unknown flags and `--help`."""
        values: dict[str, Any] = {
            "identity": environment.get("POD_NAME") or f"{socket.gethostname()}-{secrets.token_hex(3)}",
            "lease_namespace": environment.get("POD_NAMESPACE") or "default",
            "advertise_host": environment.get("POD_IP") or "",
        }
        for name in cls.model_fields:
            if text := environment.get(ENVIRONMENT_PREFIX + name.upper()):
                values[name] = text
        given = vars(_parser(cls).parse_args(arguments))
        return cls.model_validate(values | {name: text for name, text in given.items() if text is not None})

    @property
    def workers_port(self) -> int:
        """Where /v1/progress is; 0 is a free port."""
        if self.progress_port is not None:
            return self.progress_port
        return self.http_port + 1 if self.http_port else 0

    @property
    def advertise_url(self) -> str:
        """Base address for updates that the other replicas forward; empty when they can't know it."""
        host = f"[{self.advertise_host}]" if ":" in self.advertise_host else self.advertise_host
        return f"http://{host}:{self.workers_port}" if host else ""

    @property
    def release(self) -> str:
        """What tells the replicas of this installation from those of others: they share a Lease."""
        return f"{self.lease_namespace}/{self.lease_name}"

    @property
    def ownership(self) -> Ownership:
        """Which jobs are this installation's."""
        return Ownership(
            self.release, self.operator_class, frozenset(self.exclude_namespaces), frozenset(self.take_over)
        )

    @property
    def policy(self) -> Policy:
        """The part that decisions depend on."""
        return Policy(
            progress_url=self.progress_url,
            image_pull_grace_seconds=self.image_pull_grace_seconds,
            notifications=self.notifications,
            heartbeat_seconds=self.heartbeat_seconds,
            lost_pod_seconds=self.lost_pod_seconds,
            lost_report_grace_seconds=self.lost_report_grace_seconds,
            admission_timeout_seconds=self.admission_timeout_seconds,
        )


def _parser(model: type[BaseModel]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reconstruction-operator", description="Runs ReconstructionJobs on Kubernetes.", allow_abbrev=False
    )
    for name, field in model.model_fields.items():
        default = "" if field.default in (None, "", ()) else f" (default {field.default})"
        text = f"{field.description or ''}{default}".replace("%", "%%")
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, default=None, help=text)
    return parser
