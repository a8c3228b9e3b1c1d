"""Compiling Kubernetes and etcd from the Go module proxy."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from .errors import DevclusterError
from .locks import exclusive
from .processes import garbage_collection, run
from .versions import COMPONENTS, ETCD, JOBSET, KUBE_ROUTER, KUBERNETES, KUEUE, OLDEST_GO, binaries

MODULES = Path(__file__).parent / "modules"
"""Go modules; their go.sum pin every dependency. k8s.io/kubernetes builds outside its own repository once each staging
module is replaced with its v0.x release. etcd is in its module too: what both need is compiled once."""
VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def build(say: Callable[[str], None]) -> None:
    """Compile what the cache lacks. About seven minutes on two cores the first time, nothing afterwards."""
    with exclusive("build"):
        binaries().mkdir(parents=True, exist_ok=True)
        programs = {name: f"k8s.io/kubernetes/cmd/{name}" for name in COMPONENTS} | {
            "etcd": "go.etcd.io/etcd/server/v3"
        }
        if missing := {name: programs[name] for name in _missing(*programs)}:
            say(f"compiling Kubernetes {KUBERNETES} and etcd {ETCD}: {', '.join(missing)}")
            _compile("kubernetes", missing, _version_flags())
        if _missing("pause"):
            _compile("pause", {"pause": "reconstruction.dev/devcluster/pause"})


def build_kueue(say: Callable[[str], None]) -> Path:
    """Compile Kueue's controller unless that has been done (about three minutes on two cores); where it is."""
    return _controller("kueue", KUEUE, "sigs.k8s.io/kueue/cmd/kueue", say)


def build_kube_router(say: Callable[[str], None]) -> Path:
    """Compile kube-router, which makes NetworkPolicies hold, unless that has been done (about three minutes on two
    cores); where it is."""
    return _controller("kube-router", KUBE_ROUTER, "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", say)


def build_jobset(say: Callable[[str], None]) -> Path:
    """Compile JobSet's controller, with which the benchmark compares, unless that has been done; where it is."""
    return _controller("jobset", JOBSET, "sigs.k8s.io/jobset", say)


def components_of(project: str) -> Path:
    """Manifests of Kueue or JobSet, from the module that the program was compiled from; fetched again if need be."""
    said = run(_go(), "mod", "download", "-json", f"sigs.k8s.io/{project}", folder=MODULES / project)
    return Path(json.loads(said)["Dir"], "config", "components")


def definitions_of(project: str) -> list[Path]:
    """Files of its CustomResourceDefinitions."""
    return sorted((components_of(project) / "crd" / "bases").glob("*.yaml"))


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
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"} | _memory_for_speed()
    # nobody debugs these programs: leaving out what a debugger reads saves a twentieth of the compiler's work
    flags = ["-trimpath", "-pgo=off", "-gcflags=all=-dwarf=false", "-ldflags", f"-s -w {linker_flags}".strip()]
    with TemporaryDirectory(dir=binaries()) as folder:
        output = ("-o", f"{folder}/")
        run(_go(), "build", *flags, *output, *packages.values(), folder=MODULES / module, environment=environment)
        for name, package in packages.items():
            Path(folder, _name_given_by_go(package)).rename(binaries() / name)


def _name_given_by_go(package: str) -> str:
    """The last part of a package's path that is no major version."""
    return re.sub(r"/v\d+$", "", package).rsplit("/", 1)[-1]


def _memory_for_speed() -> dict[str, str]:
    """Environment of the compiler, which lives too briefly for its garbage to matter: six per cent faster than with the
    setting of the cluster's programs."""
    usual = garbage_collection()
    return usual and usual | {"GOGC": "1600"}


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise DevclusterError("Go is not installed; it is needed to build Kubernetes (https://go.dev/dl)")
    text = run(go, "env", "GOVERSION")
    match = re.match(r"go(\d+)\.(\d+)", text)
    if match and (int(match[1]), int(match[2])) < OLDEST_GO:
        raise DevclusterError(f"{text.strip()} is too old to build Kubernetes {KUBERNETES}; install Go 1.26 or later")
    return go
