"""Conditions between fields are declared once, for the API server and for Python."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from reconstruction_api import job, manifests, mesh, poses, profile, quality, status, training, worker
from reconstruction_api.base import ApiModel
from reconstruction_api.rules import Rule

MODELS = sorted(
    {
        model
        for module in (job, manifests, mesh, poses, profile, quality, status, training, worker)
        for _, model in inspect.getmembers(module, inspect.isclass)
        if issubclass(model, ApiModel) and model is not ApiModel
    },
    key=lambda model: model.__name__,
)
RULES = [(model, rule) for model in MODELS for rule in vars(model).get("rules", ())]


def name(model: type[ApiModel], rule: Rule) -> str:
    return f"{model.__name__}.{rule.field or ''}"


@pytest.mark.parametrize(("model", "rule"), RULES, ids=[name(*pair) for pair in RULES])
def test_a_rule_can_be_checked_somewhere(model: type[ApiModel], rule: Rule):
    assert rule.cel is not None or rule.holds is not None


@pytest.mark.parametrize(("model", "rule"), RULES, ids=[name(*pair) for pair in RULES])
def test_a_rule_points_to_a_field_of_its_model(model: type[ApiModel], rule: Rule):
    if rule.field is not None:
        aliases = {field.alias for field in model.model_fields.values()}
        assert rule.field in aliases


@pytest.mark.parametrize(("model", "rule"), RULES, ids=[name(*pair) for pair in RULES])
def test_a_rule_names_a_field_in_its_message(model: type[ApiModel], rule: Rule):
    aliases = [field.alias or "" for field in model.model_fields.values()]
    assert any(alias in rule.message for alias in aliases)


def test_only_what_python_can_not_know_is_left_to_the_api_server():
    """Rules about the stored object, and about what only exists in a cluster."""
    left = {name(model, rule) for model, rule in RULES if rule.holds is None}
    assert left == {
        "ReconstructionJobSpec.source", "ReconstructionJobSpec.engine", "ReconstructionJobSpec.engines",
        "ReconstructionJobSpec.operatorClass", "Source.uri", "JobManifest.", "Destination.uri",
    }  # fmt: skip


def test_every_message_is_that_of_an_object_which_a_real_api_server_refuses():
    """Of a file in tests/cluster/invalid, or of a change in the tests beside it."""
    folder = Path(__file__).parents[1] / "cluster"
    expected = [file.read_text().splitlines()[0].removeprefix("# expect: ") for file in folder.glob("invalid/*.yaml")]
    changes = "".join((folder / name).read_text() for name in ("test_crds.py", "test_lifecycle_rules.py"))
    messages = {rule.message for _, rule in RULES if rule.cel is not None}
    windows = {message: [message[at : at + 40] for at in range(len(message) - 39)] for message in messages}
    seen = {m for m in messages if any(e in m for e in expected) or any(window in changes for window in windows[m])}
    assert messages == seen
