"""Nobody's licence is accepted by chance: neither an engine's nor that of the weights that it reads."""

from __future__ import annotations

import pytest

from reconstruction_api.engines import EngineSpec, Weights
from reconstruction_api.errors import ReconstructionError
from reconstruction_worker.engines import licences

WEIGHTS = Weights("net/base.safetensors", "0" * 64, "CC-BY-NC-4.0", "https://example.org/w")
SPEC = EngineSpec("made-up", "MIT", "https://example.org", 2, 10, weights=(WEIGHTS,))


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "available", lambda: {"made-up": None})
    monkeypatch.setattr(licences, "engine_spec", lambda name: SPEC)


@pytest.mark.parametrize(
    ("accepted", "words"),
    [
        (["CC-BY-NC-4.0"], "licence of made-up is 'MIT'"),
        (["MIT"], r"licence of net/base\.safetensors of made-up is 'CC-BY-NC-4\.0'; the profile accepts MIT"),
    ],
)
def test_a_licence_that_is_not_accepted_is_named(accepted: list[str], words: str) -> None:
    with pytest.raises(ReconstructionError, match=words) as failure:
        licences.check_licence("made-up", accepted)
    assert failure.value.code == "LicenseNotAccepted"


@pytest.mark.parametrize("accepted", [None, ["MIT", "CC-BY-NC-4.0"]])
def test_with_both_accepted_the_engine_may_be_used(accepted: list[str] | None) -> None:
    licences.check_licence("made-up", accepted)
