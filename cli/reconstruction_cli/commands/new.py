"""`recon new`: a job.yaml for a folder of photos."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("new")
@click.argument("photos", metavar="PHOTOS_DIR", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--out",
    default="job.yaml",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write.",
)
@click.option("--name", help="Name of the job [default: from the folder's name].")
@click.option("--force", is_flag=True, help="Overwrite the file if it exists.")
def command(photos: Path, out: Path, name: str | None, force: bool) -> None:
    """Look at a folder (or archive) of photos and write a commented job for it."""
    from ..new_job import look_at, write_job

    if out.exists() and not force:
        raise click.UsageError(f"{out} exists already. Choose another --out, or --force.")
    found = look_at(photos)
    text = write_job(found, photos, out, name)
    out.write_text(text, encoding="utf-8")
    for line in found.lines():
        click.echo(line)
    click.echo(f"Wrote {out}. Check it, then: recon run {out}")
