"""What users and platform teams write reaches the worker letter by letter, whatever Kubernetes makes of `$`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconstruction_operator.actions import CreateJob
from reconstruction_operator.decide import decide

from .builders import NOW, actions, cluster_profile, observed, spec_of

TEXT = st.text(st.sampled_from("$$$(()ABx_") | st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
NAMES = st.sampled_from(["A", "B", "AB", "SOURCE_SECRET_password", "x_", ""])
ENVIRONMENTS = st.dictionaries(NAMES, TEXT, max_size=5)


def expand(text: str, variables: dict[str, str]) -> str:
    """Kubernetes' expansion of values, commands and arguments (third_party/forked/golang/expansion/expand.go)."""
    result, cursor = "", 0
    while cursor < len(text):
        following = text[cursor + 1 : cursor + 2]
        if text[cursor] != "$" or not following:
            result, cursor = result + text[cursor], cursor + 1
        elif following == "(" and (end := text.find(")", cursor + 2)) >= 0:
            name = text[cursor + 2 : end]
            result, cursor = result + variables.get(name, f"$({name})"), end + 1
        else:
            result, cursor = result + ("$" if following == "$" else f"${following}"), cursor + 2
    return result


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("plain", "plain"), ("$", "$"), ("$$", "$"), ("$$$", "$$"), ("$(A)", "value"), ("$(NONE)", "$(NONE)"),
        ("$$(A)", "$(A)"), ("$$$(A)", "$value"), ("$(A", "$(A"), ("$x$(A)", "$xvalue"), ("$()", "$()"),
    ],
)  # fmt: skip
def test_the_model_expands_as_kubernetes_documents_it(text: str, expanded: str) -> None:
    assert expand(text, {"A": "value"}) == expanded


def container(source: str, environment: dict[str, str]) -> dict[str, Any]:
    spec = spec_of(source={"uri": source})
    plan = decide(observed(spec, profile=cluster_profile(environment=environment)), NOW)
    return actions(plan, CreateJob)[0].manifest["spec"]["template"]["spec"]["containers"][0]


@given(TEXT, TEXT, ENVIRONMENTS)
@example("$$(SOURCE_SECRET_password)", "$$(SOURCE_SECRET_password)", {"SOURCE_SECRET_password": "hunter2"})
@example("$(A)", "$$(A)", {"A": "value"})
def test_text_of_jobs_and_profiles_stays_as_it_is(text: str, value: str, around: dict[str, str]) -> None:
    """In the middle of any other variables, whatever they hold."""
    uri = "https://example.org/x" + "".join(each for each in text if each.isprintable()).strip().replace("@", "")
    made = container(uri, {"OF_THE_PROFILE": value})
    known = dict(around)
    seen: dict[str, str] = {}
    for each in made["env"]:
        seen[each["name"]] = known[each["name"]] = expand(each["value"], known)
    assert seen["OF_THE_PROFILE"] == value
    assert json.loads(seen["RECONSTRUCTION_JOB"])["spec"]["source"]["uri"] == uri
    assert [expand(each, known) for each in made["command"]] == ["python3", "-m", "reconstruction_worker"]
