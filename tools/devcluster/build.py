"""Compiling Kubernetes and etcd from the Go module proxy."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from .errors import DevclusterError
from .locks import exclusive
from .processes import garbage_collection, run
from .versions import COMPONENTS, ETCD, JOBSET, KUBERNETES, KUEUE, OLDEST_GO, binaries

MODULES = Path(__file__).parent / "modules"
"""One Go module for each upstream project. k8s.io/kubernetes builds outside its own repository once each staging module
is replaced with its v0.x release; go.sum pins every dependency."""
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def build(say: Callable[[str], None]) -> None:
    """Compile what the cache lacks. About ten minutes on two cores the first time, nothing afterwards."""
    with exclusive("build"), ThreadPoolExecutor() as pool:
        binaries().mkdir(parents=True, exist_ok=True)
        builds = []
        if missing := _missing(*COMPONENTS):
            say(f"compiling Kubernetes {KUBERNETES}: {', '.join(missing)}")
            packages = {name: f"k8s.io/kubernetes/cmd/{name}" for name in missing}
            builds.append(pool.submit(_compile, "kubernetes", packages, _version_flags()))
        # beside Kubernetes, whose large packages and programs keep only one processor busy
        if _missing("etcd"):
            say(f"compiling etcd {ETCD}")
            builds.append(pool.submit(_compile, "etcd", {"etcd": "go.etcd.io/etcd/server/v3"}))
        if _missing("pause"):
            builds.append(pool.submit(_compile, "pause", {"pause": "."}))
        for result in builds:
            result.result()


def build_kueue(say: Callable[[str], None]) -> Path:
    """Compile Kueue's controller unless that has been done (about three minutes on two cores); where it is."""
    return _controller("kueue", KUEUE, "sigs.k8s.io/kueue/cmd/kueue", say)


def build_jobset(say: Callable[[str], None]) -> Path:
    """Compile JobSet's controller, with which the benchmark compares, unless that has been done; where it is."""
    return _controller("jobset", JOBSET, "sigs.k8s.io/jobset", say)


def components_of(project: str) -> Path:
    """Manifests of Kueue or JobSet, from the module that the program was compiled from."""
    folder = run(_go(), "list", "-m", "-f", "{{.Dir}}", f"sigs.k8s.io/{project}", folder=MODULES / project).strip()
    return Path(folder, "config", "components")


def definitions_of(project: str) -> list[Path]:
    """Files of its CustomResourceDefinitions."""
    return sorted((components_of(project) / "crd" / "bases").glob("*.yaml"))


def is_built() -> bool:
    """Whether the cache holds every program."""
    return not _missing(*COMPONENTS, "etcd", "pause")


def _missing(*programs: str) -> list[str]:
    return [name for name in programs if not (binaries() / name).exists()]


def _controller(module: str, version: str, package: str, say: Callable[[str], None]) -> Path:
    """Compile the only program of a module; the version is part of its name."""
    program = binaries() / f"{module}-{version}"
    with exclusive("build"):
        binaries().mkdir(parents=True, exist_ok=True)
        if _missing(program.name):
            say(f"compiling {module} {version}")
            _compile(module, {program.name: package})
    return program


def _version_flags() -> str:
    """Linker flags that tell the programs their version; without them they call themselves v0.0.0."""
    minor = KUBERNETES.split(".")[1]
    values = (f"gitVersion=v{KUBERNETES}", "gitMajor=1", f"gitMinor={minor}")
    return " ".join(f"-X {package}.{value}" for package in VERSION_PACKAGES for value in values)


def _compile(module: str, packages: dict[str, str], linker_flags: str = "") -> None:
    """Build packages of a module, each under the name of its program; none gets its name half-written."""
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"} | garbage_collection()
    # nobody debugs these programs: leaving out what a debugger reads saves a twentieth of the compiler's work
    flags = ["-trimpath", "-pgo=off", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {linker_flags}".strip()]
    with TemporaryDirectory(dir=binaries()) as folder:
        target = Path(folder) if len(packages) > 1 else Path(folder, *packages)
        run(_go(), "build", *flags, "-o", target, *packages.values(), folder=MODULES / module, environment=environment)
        for name in packages:
            Path(folder, name).rename(binaries() / name)


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise DevclusterError("Go is not installed; it is needed to build Kubernetes (https://go.dev/dl)")
    text = run(go, "env", "GOVERSION")
    match = re.match(r"go(\d+)\.(\d+)", text)
    if match and (int(match[1]), int(match[2])) < OLDEST_GO:
        raise DevclusterError(f"{text.strip()} is too old to build Kubernetes {KUBERNETES}; install Go 1.26 or later")
    return go
