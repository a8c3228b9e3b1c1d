"""Checks this machine's GPU and prints the table: `python -m reconstruction_worker.gpu_check`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from .findings import Check, Outcome, carried_out, table

ENGINES: Final = ("nerfacto", "splatfacto", "splats")
"""Those that are checked."""
STEPS: Final = 600


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 when nothing has failed; what is not installed is skipped with a note."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu rehearses without a GPU")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), help="engines to train")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of each training")
    options = parser.parse_args(arguments)
    try:
        checks = _checks(options.device, options.engines, options.steps)
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error.name} is not installed: the check needs PyTorch and numpy\n")
        return 2
    findings = []
    for what, check in checks:
        sys.stderr.write(f"{what} ...\n")
        findings += carried_out(what, check)
        if what == "device" and any(each.outcome is Outcome.FAILED for each in findings):
            break
    sys.stdout.write(table(findings) + "\n")
    return 1 if any(each.outcome is Outcome.FAILED for each in findings) else 0


def _checks(kind: str, engines: Sequence[str], steps: int) -> list[tuple[str, Check]]:
    import torch

    from .device_check import check_device
    from .engine_check import check_engine
    from .hash_check import check_hash_grids

    device = torch.device(kind)
    size = (256, 1 << 8) if kind == "cpu" else ()
    checks: list[tuple[str, Check]] = [
        ("device", lambda: check_device(device)),
        ("hash grid", lambda: check_hash_grids(device, *size)),
    ]
    for name in engines:
        checks.append((name, lambda name=name: check_engine(name, device, steps)))
    return checks


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
