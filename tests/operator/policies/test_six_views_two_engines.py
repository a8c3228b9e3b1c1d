"""examples/six-views-two-engines.yaml with the profile that it names, and with the two licensed engines in place of its
own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from reconstruction_nvdiffrec import SPEC as NVDIFFREC
from reconstruction_reconviagen import SPEC as RECONVIAGEN

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_operator.manifests.allowances import source_limits
from reconstruction_operator.policies.control.accept import Acceptance, accept

from ..builders import cluster_profile, observed

EXAMPLES = Path(__file__).parents[3] / "examples"
LICENSED = (RECONVIAGEN.name, NVDIFFREC.name)
LICENCES = (RECONVIAGEN.licence, NVDIFFREC.licence)


def example(**changes: Any) -> ReconstructionJobSpec:
    document = yaml.safe_load((EXAMPLES / "six-views-two-engines.yaml").read_text(encoding="utf-8"))
    return ReconstructionJobSpec.model_validate(document["spec"] | changes)


def uploads(**changes: Any) -> Any:
    documents = yaml.safe_load_all((EXAMPLES / "profiles-by-upload.yaml").read_text(encoding="utf-8"))
    spec = next(each["spec"] for each in documents if each["metadata"]["name"] == "uploads")
    return cluster_profile("uploads", **spec | changes)


def answer(spec: ReconstructionJobSpec, **changes: Any) -> Acceptance:
    return accept(observed(spec, profile=uploads(**changes)))


def offered(image: str = "both:1") -> list[dict[str, str]]:
    return [
        {"name": LICENSED[0], "image": "both:1", "license": LICENCES[0]},
        {"name": LICENSED[1], "image": image, "license": LICENCES[1]},
    ]


def test_its_profile_takes_it_with_the_limits_of_an_upload() -> None:
    found = answer(example())
    assert found.accepted and found.profile is not None
    limits = source_limits(found.profile)
    assert (limits.max_file_bytes, limits.max_set_bytes) == (20_000_000, 200_000_000)


def test_the_licensed_engines_run_where_a_platform_team_offers_them_and_accepts_their_licences() -> None:
    licensed = example(engines=list(LICENSED))
    unknown = answer(licensed)
    assert not unknown.accepted and "does not offer 'reconviagen'" in unknown.message
    refused = answer(licensed, engines=offered(), acceptedLicenses=["Apache-2.0", LICENCES[0]])
    assert (refused.accepted, refused.reason) == (False, "LicenseNotAccepted")
    assert LICENCES[1] in refused.message and "'nvdiffrec'" in refused.message
    apart = answer(licensed, engines=offered("its-own:1"), acceptedLicenses=[*LICENCES])
    assert not apart.accepted and "ask for one image that has both" in apart.message
    assert answer(licensed, engines=offered(), acceptedLicenses=[*LICENCES]).accepted


def test_it_has_the_whole_contract_of_an_upload_of_six_views() -> None:
    """Gates, previews, archive, both deadlines; what it does not say, stands in its first lines."""
    spec = example()
    assert spec.quality.bar[:4] == ("25", "0.85", "20", "0.75")
    assert spec.report is not None and spec.report.previews == ["Textured", "Wireframe"]
    assert spec.bundle and (spec.soft_deadline_seconds, spec.active_deadline_seconds) == (7200, 7500)
    assert example(cancellation="Requested").cancellation == "Requested"
