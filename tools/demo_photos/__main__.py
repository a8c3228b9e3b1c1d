"""`python -m demo_photos OUT_DIR`: renders the demo's photos of a face scan."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .photos import write_photos
from .scan import ScanUnavailableError, obtain_scan

DEFAULT_CACHE = Path(__file__).parents[2] / ".cache"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 when the scan can't be had."""
    options = _parser().parse_args(arguments)
    try:
        scan = obtain_scan(options.cache)
    except ScanUnavailableError as error:
        sys.stderr.write(f"The face scan for the demo is not available: {error}\n")
        return 1
    write_photos(scan, options.out, options.views, options.size, options.ground_truth)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="demo_photos", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the photos")
    parser.add_argument("--views", type=int, default=40, help="number of photos (default: %(default)s)")
    parser.add_argument("--size", type=int, default=480, help="side of a photo in pixels (default: %(default)s)")
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE, help="where the downloaded scan is kept")
    parser.add_argument("--ground-truth", type=Path, metavar="FILE", help="write the true camera poses here, for tests")
    return parser


if __name__ == "__main__":
    sys.exit(main())
