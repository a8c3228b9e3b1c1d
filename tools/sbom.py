"""Bills of materials of the images, from the locks that they are installed from: `python -m sbom FOLDER`.

One CycloneDX 1.6 document for each of operator and worker, with every Python package, its version, package URL,
accepted checksums, and its licence where the package is installed here. https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import argparse
import json
import re
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
LOCKS: Final = {"operator": ("operator",), "worker": ("worker", "learned", "feed-forward")}
"""By image, what it is installed from, below `requirements`."""
_PACKAGE: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass
class Package:
    """One entry of a lock."""

    name: str
    version: str
    hashes: list[str] = field(default_factory=list)
    """sha256 of each file that is accepted for it."""


def locked(text: str) -> list[Package]:
    """The packages of a requirements file with hashes, in its order."""
    packages: list[Package] = []
    for line in text.splitlines():
        if match := _PACKAGE.match(line):
            packages.append(Package(match[1].lower().replace("_", "-"), match[2]))
        elif (found := _HASH.search(line)) and packages:
            packages[-1].hashes.append(found[1])
    return packages


def document(image: str, packages: list[Package]) -> dict[str, Any]:
    """The bill of one image. The same lock gives the same document."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = f"reconstruction-{image}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "container",
                "bom-ref": name,
                "name": name,
                "version": project["version"],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [_component(package) for package in packages],
        "dependencies": [{"ref": name, "dependsOn": [_url(package) for package in packages]}],
    }


def _component(package: Package) -> dict[str, Any]:
    hashes = [{"alg": "SHA-256", "content": content} for content in package.hashes]
    files = [{"type": "distribution", "url": _url(package), "hashes": hashes}]
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": _url(package),
        "name": package.name,
        "version": package.version,
        "purl": _url(package),
        "externalReferences": files,
    }
    licence = _licence(package.name)
    return entry | ({"licenses": [licence]} if licence else {})


def _url(package: Package) -> str:
    return f"pkg:pypi/{package.name}@{package.version}"


def _licence(name: str) -> dict[str, Any] | None:
    """What the installed package says of itself."""
    try:
        known = metadata(name)
    except PackageNotFoundError:
        return None
    if expressions := known.get_all("License-Expression"):
        return {"expression": expressions[0]}
    classifiers = [each for each in known.get_all("Classifier") or [] if each.startswith("License ::")]
    return {"license": {"name": classifiers[-1].rpartition(" :: ")[2]}} if classifiers else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sbom", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the documents go")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for image, locks in LOCKS.items():
        packages = locked(
            "".join((ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8") for lock in locks)
        )
        path = folder / f"{image}.cdx.json"
        path.write_text(json.dumps(document(image, packages), indent=1) + "\n", encoding="utf-8")
        print(f"{path}: {len(packages)} packages")


if __name__ == "__main__":
    main()
