"""Compiling Kubernetes and etcd from the Go module proxy."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import DevclusterError
from .processes import run
from .versions import COMPONENTS, ETCD, KUBERNETES, KUEUE, OLDEST_GO, binaries, cache_home

MODULES = Path(__file__).parent / "modules"
"""One Go module for each upstream project. k8s.io/kubernetes builds outside its own repository once each staging module
is replaced with its v0.x release; go.sum pins every dependency."""
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def build(say: Callable[[str], None]) -> None:
    """Compile what the cache lacks. About six minutes on two cores the first time, nothing afterwards."""
    with _exclusive():
        for name in COMPONENTS:
            if not (binaries() / name).exists():
                say(f"compiling {name} {KUBERNETES}")
                _compile("kubernetes", name, f"k8s.io/kubernetes/cmd/{name}", _version_flags())
        if not (binaries() / "etcd").exists():
            say(f"compiling etcd {ETCD}")
            _compile("etcd", "etcd", "go.etcd.io/etcd/server/v3")
        if not (binaries() / "pause").exists():
            _compile("pause", "pause", ".")


def build_kueue(say: Callable[[str], None]) -> Path:
    """Compile Kueue's controller unless that has been done (about three minutes on two cores); where it is."""
    program = binaries() / f"kueue-{KUEUE}"
    with _exclusive():
        if not program.exists():
            say(f"compiling Kueue {KUEUE}")
            _compile("kueue", program.name, "sigs.k8s.io/kueue/cmd/kueue")
    return program


def kueue_definitions() -> list[Path]:
    """Files of Kueue's CustomResourceDefinitions, from the module that the program was compiled from."""
    folder = run(_go(), "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/kueue", folder=MODULES / "kueue").strip()
    return sorted(Path(folder, "config", "components", "crd", "bases").glob("*.yaml"))


def _garbage_collection() -> dict[str, str]:
    """The compiler spends a sixth of its time collecting garbage; with memory to spare it need not."""
    spare = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"GOGC": "400"} if spare > 8 * 2**30 else {}


def is_built() -> bool:
    """Whether the cache holds every program."""
    return all((binaries() / name).exists() for name in (*COMPONENTS, "etcd", "pause"))


@contextmanager
def _exclusive() -> Iterator[None]:
    """Two builds at once wait for each other."""
    binaries().mkdir(parents=True, exist_ok=True)
    with (cache_home() / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _version_flags() -> str:
    """Linker flags that tell the programs their version; without them they call themselves v0.0.0."""
    minor = KUBERNETES.split(".")[1]
    values = (f"gitVersion=v{KUBERNETES}", "gitMajor=1", f"gitMinor={minor}")
    return " ".join(f"-X {package}.{value}" for package in VERSION_PACKAGES for value in values)


def _compile(module: str, name: str, package: str, linker_flags: str = "") -> None:
    """Build a package of a module; a half-written program never gets its final name."""
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"} | _garbage_collection()
    partial = binaries() / f"{name}.part"
    flags = ["-trimpath", "-pgo=off", "-ldflags", f"-s -w {linker_flags}".strip()]
    run(_go(), "build", *flags, "-o", partial, package, folder=MODULES / module, environment=environment)
    partial.rename(binaries() / name)


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise DevclusterError("Go is not installed; it is needed to build Kubernetes (https://go.dev/dl)")
    text = run(go, "env", "GOVERSION")
    match = re.match(r"go(\d+)\.(\d+)", text)
    if match and (int(match[1]), int(match[2])) < OLDEST_GO:
        raise DevclusterError(f"{text.strip()} is too old to build Kubernetes {KUBERNETES}; install Go 1.26 or later")
    return go
