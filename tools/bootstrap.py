"""Makes `.venv` with exactly the locked dependencies and this repository's packages. Needs nothing but Python 3.11.

A `.venv` that is a symbolic link is someone else's environment and is used as it is.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ENVIRONMENT: Final = ROOT / ".venv"
STAMP: Final = ENVIRONMENT / "locked-requirements"
LOCK: Final = ROOT / "requirements" / "dev.txt"
UV: Final = "uv>=0.5"


def main() -> int:
    """Exit status 0 when the environment is complete."""
    if sys.version_info[:2] != (3, 11):
        sys.stderr.write(f"Python 3.11 is needed, this is {sys.version.split()[0]}: make PYTHON=/path/to/python3.11\n")
        return 1
    if ENVIRONMENT.is_symlink() or (STAMP.is_file() and STAMP.read_text() == wanted()):
        return 0
    sys.stdout.write("installing the Python dependencies into .venv: 2 to 5 minutes the first time\n")
    sys.stdout.flush()
    try:
        create(find_uv())
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"`{' '.join(map(str, error.cmd))}` failed with status {error.returncode}\n")
        return 1
    return 0


def wanted() -> str:
    """What the environment is made from; the stamp holds the same when it is up to date."""
    sources = (LOCK, ROOT / "pyproject.toml")
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def find_uv() -> Path:
    """uv from PATH, or from an environment of its own."""
    if found := shutil.which("uv"):
        return Path(found)
    folder = ROOT / ".cache" / "uv"
    if not (folder / "bin" / "uv").exists():
        make_environment(folder)
        run(folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", UV)
    return folder / "bin" / "uv"


def make_environment(folder: Path) -> None:
    """A virtual environment with pip. Debian packs what that needs apart from Python itself."""
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run("apt-get", "update", "--quiet=2", environment=quiet)
        run("apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", "python3-venv", environment=quiet)
    run(*command)


def create(uv: Path) -> None:
    """Install the lock file and the packages of this repository."""
    if not (ENVIRONMENT / "bin" / "python").exists():
        run(uv, "venv", "--quiet", "--python", sys.executable, ENVIRONMENT)
    STAMP.unlink(missing_ok=True)
    run(uv, "pip", "sync", "--quiet", "--require-hashes", LOCK)
    run(uv, "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    run(ENVIRONMENT / "bin" / "python", ROOT / "tools" / "import_worker.py")
    STAMP.write_text(wanted())


def run(*command: str | Path, environment: dict[str, str] | None = None) -> None:
    """Run a command in the repository's root; CalledProcessError when it fails."""
    left_out = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    inherited = {name: value for name, value in (environment or os.environ).items() if name not in left_out}
    subprocess.run(command, check=True, cwd=ROOT, env=inherited | {"VIRTUAL_ENV": str(ENVIRONMENT)})


if __name__ == "__main__":
    sys.exit(main())
