"""Files in the repository that are written from the models: write them, or check that they are up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def stale(files: dict[Path, str], root: Path) -> list[Path]:
    """The files below `root` that are missing or differ from what would be written now."""
    return [
        path
        for path, text in files.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def main(command: str, files: dict[Path, str], arguments: list[str] | None = None) -> None:
    """Run a generator's command line; `--check` exits with 1 and names the stale files."""
    parser = argparse.ArgumentParser(prog=command)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is stale")
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: this folder)")
    options = parser.parse_args(arguments)
    old = stale(files, options.root)
    if options.check:
        if old:
            sys.exit(f"stale: {', '.join(map(str, old))}; run `{command}`")
        return
    for path in old:
        (options.root / path).parent.mkdir(parents=True, exist_ok=True)
        (options.root / path).write_text(files[path], encoding="utf-8")
        print(f"wrote {path}")
