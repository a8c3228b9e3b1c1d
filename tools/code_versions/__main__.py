"""Compares the code of the stages with what is on record: `python -m code_versions [--check | --same-results [STAGE]]`.

Without an option, what a raised number says is recorded; code that has changed under an unchanged number is refused.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reconstruction_api.stage_table import STAGES

from .closure import Sources
from .ledger import FILE, Ledger
from .verdict import Verdict, judge, present


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 1 where somebody has to say something first."""
    options = _parser().parse_args(arguments)
    now = present(Sources(options.root), {stage.name.value: stage.code_version for stage in STAGES})
    try:
        recorded = Ledger.read(options.root)
    except ValueError as error:
        if options.same_results != []:
            return _fail(f"{FILE}: {error}. Write it again: make same-results")
        recorded = Ledger()
    if unknown := sorted(set(options.same_results or ()) - now.versions.keys()):
        return _fail(f"no such stage: {', '.join(unknown)}. Stages: {', '.join(now.versions)}.")
    same = set(options.same_results or now.versions) if options.same_results is not None else set[str]()
    verdicts = [judge(stage, recorded, now) for stage in now.versions]
    refused = [each for each in verdicts if each.needs_word and each.stage not in same]
    if options.check:
        stale = recorded.text() != now.text()
        return _fail(_explained(refused)) if refused else _fail(_STALE) if stale else 0
    settled = {each.stage for each in verdicts} - {each.stage for each in refused}
    text = recorded.accepting(settled, now).text()
    if not (options.root / FILE).exists() or (options.root / FILE).read_text(encoding="utf-8") != text:
        (options.root / FILE).write_text(text, encoding="utf-8")
        print(f"wrote {FILE}")
    if not refused:
        return 0
    said = _fail(_explained(refused))
    return 0 if same else said  # what was asked for is done; the rest is told


_STALE = f"stale: {FILE}; run `make crds` (it records the raised code versions) and commit the file"


def _explained(refused: list[Verdict]) -> str:
    return "\n".join(
        [
            "Code of stages has changed, and nobody has said whether their files do:",
            *(each.line() for each in refused),
            "",
            "For each of these stages, does it write other files than before for the same input?",
            "  yes: raise its code_version in crds/reconstruction_api/stage_table.py, once for each release, and run",
            "       `make crds`. Jobs that are accepted from then on get the new results.",
            f"  no:  make same-results STAGE={refused[0].stage}   (or, for all of them: make same-results)",
            f"Commit {FILE} with the change. CONTRIBUTING.md says more.",
        ]
    )


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m code_versions", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="root of the repository (default: this folder)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="write nothing; fail where the file is not up to date")
    what.add_argument(
        "--same-results",
        nargs="*",
        metavar="STAGE",
        help="record that the present code of these stages, or of all, writes the same files as before",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
