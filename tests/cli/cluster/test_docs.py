"""docs/recon-on-a-cluster.md knows every command and option."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from reconstruction_cli.main import _ON_CLUSTER, recon

TEXT = (Path(__file__).parents[3] / "docs" / "recon-on-a-cluster.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", _ON_CLUSTER)
def test_a_command_is_explained_with_its_options(name: str) -> None:
    command = recon.get_command(click.Context(recon), name)
    assert command is not None
    assert f"recon {name} " in TEXT
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert any(option in TEXT for option in parameter.opts), parameter.opts
