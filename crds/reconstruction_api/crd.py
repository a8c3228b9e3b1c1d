"""The CustomResourceDefinitions, generated from the models: `python -m reconstruction_api.crd [--check]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel

from . import generated, names
from .job import ReconstructionJobSpec
from .manifests import ClusterProfileManifest, JobManifest, Manifest, ProfileManifest
from .metric_names import Metric
from .profile import ClusterProfileSpec, ProfileSpec
from .schema import Schema, structural_schema
from .status import ReconstructionJobStatus

_COMMAND: Final = "python -m reconstruction_api.crd"
_CATEGORIES: Final = ["reconstruction"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of `kubectl get`; `wide` ones are shown with `-o wide` only."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False

    def document(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "jsonPath": self.path,
            "priority": 1 if self.wide else 0,
        }


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of this API."""

    manifest: type[Manifest]
    kind: str
    plural: str
    namespaced: bool
    short_names: tuple[str, ...]
    spec: type[BaseModel]
    status: type[BaseModel] | None = None
    columns: tuple[Column, ...] = field(default_factory=tuple)
    selectable: tuple[str, ...] = ()
    """Fields that lists and watches can select objects by."""


_AGE: Final = Column("Age", ".metadata.creationTimestamp", "Time since the object was created.", type="date")
_METRICS: Final = ".status.metrics"
_SUCCEEDED: Final = '.status.conditions[?(@.type=="Succeeded")]'

JOB: Final = Resource(
    JobManifest,
    names.JOB_KIND,
    names.JOB_PLURAL,
    True,
    ("recon",),
    ReconstructionJobSpec,
    ReconstructionJobStatus,
    (
        Column("Succeeded", f"{_SUCCEEDED}.status", "True, False, or Unknown until the job has ended."),
        Column(
            "Reason", f"{_SUCCEEDED}.reason", "What the job does or waits for; after a failure a code of the catalogue."
        ),
        Column("Stage", ".status.stage", "Stage that runs now, or the last that ran."),
        Column("Progress", ".status.progress.percent", "Percentage of the whole job.", type="integer"),
        Column("PSNR", f"{_METRICS}.{Metric.PSNR}", "Peak signal-to-noise ratio of held-out views in decibels."),
        Column("Engine", ".status.engine", "Method that learns the scene."),
        Column("SSIM", f"{_METRICS}.{Metric.SSIM}", "Structural similarity of held-out views.", wide=True),
        Column(
            "Quality",
            '.status.conditions[?(@.type=="Validated")].reason',
            "QualityPassed, QualityWarning or QualityFailed once the result is measured.",
        ),
        Column(
            "Verdict",
            '.status.conditions[?(@.type=="Validated")].message',
            "What was measured, the bar, and what to do next.",
            wide=True,
        ),
        Column(
            "Registered", f"{_METRICS}.{Metric.REGISTERED_IMAGES}", "Photos placed in the scene.", "integer", wide=True
        ),
        Column("Images", f"{_METRICS}.{Metric.IMAGES}", "Usable photos.", "integer", wide=True),
        Column("ETA", ".status.progress.etaSeconds", "Seconds until the running stage ends.", "integer", wide=True),
        Column("ID", ".status.shortId", "Short name of the job, which recon takes too.", wide=True),
        Column("Profile", ".spec.profileName", "Profile that the job asks for.", wide=True),
        Column("Message", f"{_SUCCEEDED}.message", "Where the job stands, in a sentence.", wide=True),
        _AGE,
    ),
    (names.FIELD_COMPLETION_TIME,),
)

_PROFILE_COLUMNS: Final = (
    Column("Engines", ".spec.engines[*].name", "Engines that jobs may use."),
    Column("Storage", ".spec.workspace.size", "Size of a job's workspace."),
    _AGE,
)

PROFILE: Final = Resource(
    ProfileManifest,
    names.PROFILE_KIND,
    names.PROFILE_PLURAL,
    True,
    ("reconprofile",),
    ProfileSpec,
    columns=_PROFILE_COLUMNS,
)
CLUSTER_PROFILE: Final = Resource(
    ClusterProfileManifest,
    names.CLUSTER_PROFILE_KIND,
    names.CLUSTER_PROFILE_PLURAL,
    False,
    ("creconprofile",),
    ClusterProfileSpec,
    columns=_PROFILE_COLUMNS,
)

RESOURCES: Final = (JOB, PROFILE, CLUSTER_PROFILE)


def object_schema(resource: Resource) -> Schema:
    """Schema of the whole object, status included."""
    manifest = resource.manifest
    properties: Schema = {
        "apiVersion": {"description": f"{names.API_VERSION}.", "type": "string"},
        "kind": {"description": f"{resource.kind}.", "type": "string"},
        "metadata": {"type": "object"},
        "spec": structural_schema(resource.spec),
    }
    if resource.status is not None:
        properties["status"] = structural_schema(resource.status, defaults=False)
    schema: Schema = {
        "description": " ".join((manifest.__doc__ or "").split()),
        "type": "object",
        "required": ["spec"],
        "properties": properties,
    }
    if rules := [rule.as_validation() for rule in manifest.rules if rule.cel]:
        schema["x-kubernetes-validations"] = rules
    return schema


def document(resource: Resource) -> dict[str, Any]:
    """The CustomResourceDefinition of one kind."""
    version: dict[str, Any] = {
        "name": names.VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}} if resource.status else {},
        "additionalPrinterColumns": [column.document() for column in resource.columns],
        "schema": {"openAPIV3Schema": object_schema(resource)},
        "selectableFields": [{"jsonPath": f".{path}"} for path in resource.selectable],
    }
    if not version["selectableFields"]:
        del version["selectableFields"]
    if not version["subresources"]:
        del version["subresources"]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "shortNames": list(resource.short_names),
                "categories": _CATEGORIES,
            },
            "versions": [version],
        },
    }


def files() -> dict[Path, str]:
    """Content of every generated file, by its path in the repository."""
    header = f"# Generated from reconstruction_api by `{_COMMAND}`; do not edit.\n"
    return {
        Path("crds") / f"{resource.plural}.yaml": header
        + yaml.dump(document(resource), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
        for resource in RESOURCES
    }


class _Dumper(yaml.SafeDumper):
    """Writes shared objects out each time instead of as anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


if __name__ == "__main__":
    generated.main(_COMMAND, files())
