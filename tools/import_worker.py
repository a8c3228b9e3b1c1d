"""Imports every module of the worker, so that Python keeps the bytecode of all that they import, and numba the machine
code of the loops for Gaussians.

Pods see the environment read-only and would compile it again at each start. What no pod imports (three quarters of the
environment) is left alone: `uv pip sync --compile-bytecode` takes three times as long.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import warnings


def main() -> None:
    """ImportError for an environment that lacks something."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    worker = importlib.import_module("reconstruction_worker")
    for module in pkgutil.walk_packages(worker.__path__, "reconstruction_worker."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("reconstruction_worker.engines.splats.compile_kernels").compile_kernels()


if __name__ == "__main__":
    main()
