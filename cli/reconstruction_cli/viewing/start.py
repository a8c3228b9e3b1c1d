"""Opens what is viewed in a browser."""

from __future__ import annotations

import contextlib
import webbrowser

import click

from .server import ViewServer, serve
from .viewed import Viewed


def view(viewed: Viewed, *, port: int, browser: bool) -> None:
    """Serve until the page is closed, or Ctrl-C. Raises a usage error for a port that is taken."""
    try:
        server = ViewServer(viewed, port)
    except OSError as error:
        raise click.UsageError(f"--port {port}: {error.strerror}.") from None
    click.echo(server.address)
    click.echo("Ends when the page is closed, or with Ctrl-C.", err=True)
    if browser:
        webbrowser.open(server.address)
    with contextlib.suppress(KeyboardInterrupt):
        serve(server)
