"""`recon explain`: what a failure's code means."""

from __future__ import annotations

import click


@click.command("explain")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Explain a failure's CODE; without one, list all of them."""
    from reconstruction_api.errors import CATALOGUE

    if code is None:
        width = max(len(name) for name in CATALOGUE)
        for kind in CATALOGUE.values():
            click.echo(f"{kind.code:{width}}  {kind.meaning}")
        return
    kind = {name.lower(): kind for name, kind in CATALOGUE.items()}.get(code.lower())
    if kind is None:
        raise click.UsageError(f"There is no code '{code}'.{_suggestion(code, list(CATALOGUE))}")
    click.echo(f"{kind.code} ({kind.category})")
    click.echo(f"  {kind.meaning}")
    click.echo(f"  What to do: {kind.suggestion}")
    click.echo(f"  Exit status: {kind.exit_code.value}, {'may resolve by itself' if kind.retryable else 'final'}")


def _suggestion(code: str, known: list[str]) -> str:
    from difflib import get_close_matches

    lower = {name.lower(): name for name in known}
    close = get_close_matches(code.lower(), lower, n=1)
    return f" Did you mean {lower[close[0]]}?" if close else " `recon explain` lists them."
