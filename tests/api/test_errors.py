"""The catalogue of failures."""

from __future__ import annotations

import pickle
import re

import pytest

from reconstruction_api import crd
from reconstruction_api.errors import CATALOGUE, Category, ErrorKind, ExitCode, ReconstructionError

REQUIRED = set(
    """
InvalidSpec SourceNotFound SourceAccessDenied UnsafeArchive UnsupportedFormat ImageCorrupt FileTooLarge
ImageCountOutOfRange InvalidPoses DepthInvalid SpecImmutable CancelNotRequested AlreadyTerminal ArtifactsNotReady
CheckpointIncompatible DependencyNotReady PoseEstimationFailed LowRegistration TrainingDiverged QualityBelowThreshold
EmptyMesh ExportFailed EngineUnavailable WeightsUnavailable LicenseNotAccepted GPUUnavailable GPUOutOfMemory
HostOutOfMemory DiskFull DeadlineExceeded Preempted QuotaExceeded ArtifactStoreError InternalError
""".split()  # noqa: SIM905 - reads as the list it is
)

each_kind = pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.code)


def test_the_catalogue_has_every_code_that_users_of_this_field_know():
    assert CATALOGUE.keys() >= REQUIRED


@each_kind
def test_a_kind_says_what_happened_and_what_to_do_in_sentences(kind: ErrorKind):
    assert kind.meaning.endswith(".") and kind.suggestion.endswith(".")
    assert len(kind.meaning) < 120 and len(kind.suggestion) < 200


@each_kind
def test_a_kind_names_only_fields_that_exist(kind: ErrorKind):
    for path in re.findall(r"spec(?:\.[a-zA-Z]+)+", f"{kind.meaning} {kind.suggestion}"):
        node = crd.object_schema(crd.JOB)
        for part in path.split("."):
            assert part in node["properties"], path
            node = node["properties"][part]


@each_kind
def test_the_exit_status_follows_from_who_can_mend_it(kind: ErrorKind):
    special = {"InternalError": 70, "Preempted": 5, "Cancelled": 6}
    by_category = {Category.VALIDATION: 2, Category.STATE: 2, Category.MODEL: 3, Category.RESOURCE: 4}
    assert kind.exit_code == special.get(kind.code, by_category[kind.category])


def test_exit_statuses_are_the_documented_ones():
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "INVALID_INPUT": 2,
        "MODEL_FAILURE": 3,
        "RESOURCE": 4,
        "RESUMABLE_STOP": 5,
        "CANCELLED": 6,
        "INTERNAL": 70,
    }


def test_bad_photos_and_models_are_never_retried():
    assert not [kind.code for kind in CATALOGUE.values() if kind.retryable and kind.exit_code is ExitCode.MODEL_FAILURE]


def test_an_unknown_code_is_a_defect():
    with pytest.raises(KeyError):
        ReconstructionError("Nonsense", "x")


def test_an_error_brings_the_suggestion_of_its_kind_unless_it_knows_better():
    assert ReconstructionError("DiskFull", "x").suggestion == CATALOGUE["DiskFull"].suggestion
    assert ReconstructionError("DiskFull", "x", suggestion="Empty it.").suggestion == "Empty it."


def test_an_error_crosses_a_process_boundary_whole():
    error = pickle.loads(pickle.dumps(ReconstructionError("DiskFull", "x", suggestion="y.", details={"free": 3})))
    assert (error.code, error.message, error.suggestion, error.details) == ("DiskFull", "x", "y.", {"free": 3})


@each_kind
def test_nobody_is_sent_to_a_report_that_a_failed_job_does_not_have(kind: ErrorKind):
    assert "in the report" not in kind.suggestion
