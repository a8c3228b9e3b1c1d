"""The operator's own pods: who they run as, and how several of them stay available."""

from __future__ import annotations

from typing import Any

import pytest

from devcluster.errors import DevclusterError

from . import helm

pytestmark = pytest.mark.usefixtures("kubernetes_tools")

OPENSHIFT = ("security.openshift.io/v1",)
USER = {"runAsUser", "runAsGroup", "fsGroup"}


def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return helm.only(documents, "Deployment")["spec"]["template"]["spec"]


def selector(documents: list[dict[str, Any]]) -> dict[str, str]:
    return helm.only(documents, "Deployment")["spec"]["selector"]["matchLabels"]


def budgets(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [document["spec"] for document in documents if document["kind"] == "PodDisruptionBudget"]


@pytest.mark.parametrize("replicas", [0, 1])
def test_one_replica_has_no_budget_that_would_hold_up_a_drain(replicas: int) -> None:
    rendered = helm.render({"replicas": replicas})
    assert budgets(rendered) == []
    assert "topologySpreadConstraints" not in pod(rendered)


def test_two_replicas_are_spread_and_never_drained_together() -> None:
    rendered = helm.render({"replicas": 2})
    (budget,) = budgets(rendered)
    assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, selector(rendered))
    spread = pod(rendered)["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
    for each in spread:
        assert each["labelSelector"]["matchLabels"] == selector(rendered)
        assert each["whenUnsatisfiable"] == "ScheduleAnyway", "a cluster of one node runs both"


def test_the_budget_is_as_the_values_say() -> None:
    assert budgets(helm.render({"replicas": 3, "podDisruptionBudget": {"enabled": False}})) == []
    for value in (0, 2, "50%"):
        (budget,) = budgets(helm.render({"replicas": 3, "podDisruptionBudget": {"maxUnavailable": value}}))
        assert budget["maxUnavailable"] == value
    with pytest.raises(DevclusterError, match="maxUnavailable"):
        helm.render({"replicas": 3, "podDisruptionBudget": {"maxUnavailable": "half"}})


def test_the_spread_is_as_the_values_say() -> None:
    assert "topologySpreadConstraints" not in pod(helm.render({"replicas": 2, "topologySpreadConstraints": []}))
    own = {"topologyKey": "rack", "whenUnsatisfiable": "DoNotSchedule"}
    rendered = helm.render({"topologySpreadConstraints": [own]})
    assert pod(rendered)["topologySpreadConstraints"] == [
        own | {"maxSkew": 1, "labelSelector": {"matchLabels": selector(rendered)}}
    ]
    other = own | {"labelSelector": {"matchLabels": {"app": "other"}}}
    rendered = helm.render({"topologySpreadConstraints": [other]})
    assert pod(rendered)["topologySpreadConstraints"] == [other | {"maxSkew": 1}]


@pytest.mark.parametrize(
    ("value", "apis", "named"),
    [
        ("Auto", (), True),
        ("Auto", OPENSHIFT, False),
        ("Fixed", OPENSHIFT, True),
        ("PlatformAssigned", (), False),
    ],
)
def test_the_operator_names_a_user_unless_the_platform_assigns_one(
    value: str, apis: tuple[str, ...], named: bool
) -> None:
    context = pod(helm.render({"podUser": value}, apis=apis))["securityContext"]
    assert USER & context.keys() == (USER if named else set())
    assert context["runAsNonRoot"] is True
