"""Jobs of a tenant that reach for secrets, variables and addresses which are not theirs.

Each is refused with the field named and its value not repeated, or gets a pod in which it does no harm.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.operator.builders import KEY, NOW, PROFILE_SPEC, UID, actions
from tests.operator.test_expansion import expand

from reconstruction_api.errors import ReconstructionError
from reconstruction_api.validation import parse_job
from reconstruction_operator.actions import CreateJob, Plan
from reconstruction_operator.decide import decide
from reconstruction_operator.manifests.pod import CONTAINER
from reconstruction_operator.model import JobKey, Policy
from reconstruction_operator.observe import observe
from reconstruction_operator.store import Store

VALUE = "H4RML355-V4LU3"
PROFILE = {
    **PROFILE_SPEC,
    "environment": {"AWS_SECRET_ACCESS_KEY": "of-the-platform", "HTTPS_PROXY": "http://proxy:3128"},
    "environmentFromSecrets": {"HF_TOKEN": {"secretName": "models", "key": "token"}},
}
POD_VARIABLES = {
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "HF_TOKEN": "of-the-platform",
    "SOURCE_SECRET_password": "hunter2",
}
"""What a value could refer to besides the variables that stand before it."""


@dataclass(frozen=True)
class Refused:
    """The API server, `recon` and the operator all say no, naming this field."""

    spec: dict[str, Any]
    names: str


@dataclass(frozen=True)
class Harmless:
    """There is a pod, and the worker gets the text as the author wrote it."""

    spec: dict[str, Any]
    text: str = ""
    secrets: frozenset[str] = field(default_factory=frozenset)
    """Names of Secrets that the pod's volumes may name; variables name those of the profile only."""


def uri(text: str, **source: Any) -> dict[str, Any]:
    return {"source": {"uri": text, **source}}


def hook(url: str, secret: str = "hook-key") -> dict[str, Any]:
    return {**uri("s3://captures/"), "notifications": [{"url": url, "secretName": secret}]}


REFERENCE = "s3://captures/$(HF_TOKEN)/"
DOUBLED = "s3://captures/$$(SOURCE_SECRET_password)/$$$(AWS_SECRET_ACCESS_KEY)$$$$(HTTPS_PROXY)/"
UNFINISHED = "s3://captures/$(HF_TOKEN/$$/$"
JSON = 's3://captures/","limits":{"maxImages":1000000},"x":"/'

JOBS: dict[str, Refused | Harmless] = {
    "password in the address": Refused(uri(f"https://alice:{VALUE}@example.org/a.zip"), "spec.source.uri"),
    "user in the address": Refused(uri(f"https://{VALUE}@example.org/a.zip"), "spec.source.uri"),
    "host behind a backslash": Refused(uri(f"https://example.org\\@{VALUE}/a.zip"), "spec.source.uri"),
    "container and account": Refused(uri(f"az://{VALUE}@museum.blob.core.windows.net/a"), "spec.source.uri"),
    "line break": Refused(uri(f'https://example.org/{VALUE}\n{{"level":"error"}}'), "spec.source.uri"),
    "carriage return": Refused(uri(f"s3://captures/{VALUE}\rdone"), "spec.source.uri"),
    "terminal escape": Refused(uri(f"s3://captures/\x1b[2J{VALUE}"), "spec.source.uri"),
    "line separator": Refused(uri(f"s3://captures/{VALUE}\u2028x"), "spec.source.uri"),
    "right to left": Refused(uri(f"s3://captures/{VALUE}\u202egpj.exe"), "spec.source.uri"),
    "space before the scheme": Refused(uri(f" file:///{VALUE}"), "spec.source.uri"),
    "space at the end": Refused(uri(f"s3://captures/{VALUE}\u00a0"), "spec.source.uri"),
    "line break in a claim's path": Refused(
        {"source": {"persistentVolumeClaim": {"claimName": "photos", "path": f"a\n{VALUE}"}}},
        "spec.source.persistentVolumeClaim.path",
    ),
    "password in a receiver's address": Refused(
        hook(f"https://alice:{VALUE}@example.org/"), "spec.notifications[0].url"
    ),
    "control character in a receiver's address": Refused(
        hook(f"https://example.org/\x07{VALUE}"), "spec.notifications[0].url"
    ),
    "header in a receiver's address": Refused(
        hook(f"https://example.org/ HTTP/1.1\r\nX-{VALUE}: 1"), "spec.notifications[0].url"
    ),
    "secret of another namespace": Refused(uri("s3://a/", secretName=f"bob/{VALUE}"), "spec.source.secretName"),
    "receiver's secret of another namespace": Refused(
        hook("https://example.org/", f"bob/{VALUE}"), "spec.notifications[0].secretName"
    ),
    "reference to a variable": Harmless(uri(REFERENCE), REFERENCE),
    "references that are escaped already": Harmless(uri(DOUBLED), DOUBLED),
    "unfinished references": Harmless(uri(UNFINISHED), UNFINISHED),
    "reference in a receiver's address": Harmless(hook("https://example.org/$(HF_TOKEN)")),
    "text that looks like the order's JSON": Harmless(uri(JSON), JSON),
    "any secret of the namespace": Harmless(
        uri("s3://captures/", secretName="admin-password"), secrets=frozenset({"admin-password"})
    ),
    "the profile's own secret": Harmless(uri("s3://captures/", secretName="models"), secrets=frozenset({"models"})),
}  # fmt: skip


def decided(spec: dict[str, Any]) -> Plan:
    """What the operator makes of a job that the API server has let through, as one of an earlier release would have."""
    store = Store()
    store.observe_profile({"metadata": {"name": "default", "uid": "p", "resourceVersion": "1"}, "spec": PROFILE})
    metadata = {"namespace": KEY.namespace, "name": KEY.name, "uid": UID, "resourceVersion": "1", "generation": 1}
    store.observe_job({"metadata": metadata, "spec": spec})
    seen = observe(store, JobKey(KEY.namespace, KEY.name), None, Policy(progress_url="http://operator"))
    assert seen is not None
    return decide(seen, NOW)


REFUSED = [pytest.param(job, id=name) for name, job in JOBS.items() if isinstance(job, Refused)]
HARMLESS = [pytest.param(job, id=name) for name, job in JOBS.items() if isinstance(job, Harmless)]


@pytest.mark.parametrize("job", REFUSED)
def test_a_file_with_it_is_refused(job: Refused) -> None:
    document = {"apiVersion": "reconstruction.dev/v1alpha1", "kind": "ReconstructionJob", "metadata": {"name": "evil"}}
    with pytest.raises(ReconstructionError) as caught:
        parse_job(json.dumps({**document, "spec": job.spec}))
    assert (caught.value.code, caught.value.exit_code) == ("InvalidSpec", 2)
    said = f"{caught.value.message} {caught.value.details}"
    assert job.names in said and VALUE not in said


@pytest.mark.parametrize("job", REFUSED)
def test_a_stored_job_with_it_gets_no_pod(job: Refused) -> None:
    plan = decided(job.spec)
    assert actions(plan, CreateJob) == [] and plan.status is not None and plan.status.failure is not None
    assert plan.status.failure.code == "InvalidSpec"
    assert VALUE not in plan.status.model_dump_json() + repr(plan.actions)


@pytest.mark.parametrize("job", HARMLESS)
def test_the_pod_sees_what_was_written_and_no_more(job: Harmless) -> None:
    (created,) = actions(decided(job.spec), CreateJob)
    pod = created.manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["name"] == CONTAINER and not {"envFrom", "args", "lifecycle"} & container.keys()
    variables = dict(POD_VARIABLES)
    for each in container["env"]:
        if "value" in each:
            variables[each["name"]] = expand(each["value"], variables)
        else:
            assert each == {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "models", "key": "token"}}}
    assert variables["AWS_SECRET_ACCESS_KEY"] == "of-the-platform"
    order = json.loads(variables["RECONSTRUCTION_JOB"])
    assert set(order) <= {"namespace", "name", "uid", "attempt", "resourceClass", "spec", "limits", "acceptedLicenses",
                          "network"}  # fmt: skip
    assert "maxImages" not in order.get("limits", {})
    if job.text:
        assert order["spec"]["source"]["uri"] == job.text
    assert not {"hunter2", "of-the-platform"} & set(str(order).split("/"))
    assert {each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each} == job.secrets
    assert "hostPath" not in str(pod["volumes"]) and "hostNetwork" not in pod


@pytest.mark.parametrize("job", [pytest.param(job, id=name) for name, job in JOBS.items() if job.spec.get("source")])
def test_whatever_becomes_of_it_status_and_events_show_no_value_of_the_profile(job: Refused | Harmless) -> None:
    plan = decided(job.spec)
    assert plan.status is not None
    assert "of-the-platform" not in plan.status.model_dump_json() + repr(
        [each for each in plan.actions if not isinstance(each, CreateJob)]
    )
