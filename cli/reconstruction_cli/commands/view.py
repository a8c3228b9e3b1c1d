"""`recon view`: the report in a browser, of a folder or of a job on a cluster."""

from __future__ import annotations

from pathlib import Path

import click

from ..cluster.commands.options import Target


@click.command("view")
@click.argument("what", metavar="[DIR|JOB]", default=".")
@click.option("--port", default=0, metavar="NUMBER", type=click.IntRange(0, 65535), help="Port [default: a free one].")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
@click.option("-n", "--namespace", metavar="NAME", help="Namespace of the job [default: the context's].")
@click.option("--context", metavar="NAME", help="Context of the kubeconfig [default: the current one].")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig [default: $KUBECONFIG or ~/.kube/config].")
def command(
    what: str,
    port: int,
    no_browser: bool,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Open a report in the browser; while a training runs, its curves and pictures of what it has learnt.

    DIR is what `recon run` or `recon download` has written, also while `recon run` continues; JOB a job on the cluster,
    of whose files only those are fetched that are looked at. The page is served on this machine alone, at an address
    that nobody can guess, until it is closed.
    """
    from ..viewing.start import view

    if Path(what).is_dir():
        from ..viewing.folder import Folder

        view(Folder(Path(what)), port=port, browser=not no_browser)
        return
    if "/" in what.removeprefix("recon/") or what.startswith("."):
        raise click.UsageError(f"There is no folder {what}.")
    from ..cluster.connection import connect
    from ..cluster.viewing import viewed_job

    with viewed_job(connect(Target(kubeconfig, context, namespace)), what.rpartition("/")[2]) as job:
        view(job, port=port, browser=not no_browser)
