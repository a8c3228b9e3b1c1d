"""docs/extending.md, followed to the letter in a copy of the repository."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .recipes import Commands, NewFile, Recipe, recipes_of

ROOT = Path(__file__).parents[2]
RECIPES = recipes_of((ROOT / "docs" / "extending.md").read_text())
BY_TITLE = {recipe.title: recipe for recipe in RECIPES}
COPIED = ("crds", "worker", "cli", "tools/code_versions", "charts", "docs", "tests/api", "tests/__init__.py")
GENERATORS = ("reconstruction_api.crd", "reconstruction_api.reference", "code_versions", "chartdocs")
"""What `make crds` runs."""
COLOUR = (200, 60, 40)
GREY = 99.5
"""Of that colour (ITU-R 601, as pillow has it)."""


@dataclass(frozen=True)
class Copy:
    """A copy of the repository in which the page's commands can be given."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        parts = ["crds", "worker", "cli", "tools", "", "site", "engine-constant"]
        return os.environ | {"PYTHONPATH": os.pathsep.join(str(self.root / part) for part in parts)}

    def follow(self, recipe: Recipe) -> None:
        for step in recipe.steps:
            if isinstance(step, Commands):
                for line in step.lines:
                    self.command(line)
            else:
                step.apply(self.root)

    def command(self, line: str) -> None:
        """A command of the page, without make and without a virtual environment of the copy's own."""
        match shlex.split(line):
            case ["make", "crds"]:
                self.generate()
            case ["make", "same-results", stages]:
                self.python("-m", "code_versions", "--same-results", *stages.removeprefix("STAGE=").split())
            case [".venv/bin/python", "-m", module]:
                self.python("-m", module)
            case [".venv/bin/pip", "install", package]:
                self.install(self.root / package)
            case [".venv/bin/recon", *arguments]:
                self.python("-m", "reconstruction_cli", *arguments)
            case _:
                raise AssertionError(f"docs/extending.md: this test does not know how to run: {line}")

    def generate(self, *arguments: str) -> None:
        """All generators in one process: what they import takes longer than they do."""
        code = (
            "import runpy, sys\n"
            "for module in sys.argv.pop(1).split():\n"
            "    try:\n"
            "        runpy.run_module(module, run_name='__main__')\n"
            "    except SystemExit as end:\n"
            "        assert not end.code, end.code\n"
        )
        self.python("-c", code, " ".join(GENERATORS), *arguments)

    def python(self, *arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, f"{' '.join(arguments)}\n{ended.stdout}{ended.stderr}"
        return ended.stdout

    def install(self, package: Path) -> None:
        """As pip does, as far as entry points are concerned: the modules stay where they are."""
        project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
        name, version = project["name"], project["version"]
        metadata = self.root / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        [(group, points)] = project["entry-points"].items()
        lines = [f"[{group}]", *(f"{key} = {target}" for key, target in points.items())]
        (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """After the whole page."""
    root = tmp_path_factory.mktemp("repository")
    for part in COPIED:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, root / part)
    shutil.copy(ROOT / "tools" / "chartdocs.py", root / "tools")
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "photos").mkdir()
    noise = np.random.default_rng(0)
    for index in range(3):
        pixels = noise.normal(COLOUR, 12, (80, 96, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "photos" / f"{index}.png")
    result = Copy(root)
    result.python("-m", "code_versions", "--same-results")
    for recipe in RECIPES:
        result.follow(recipe)
    return result


def test_each_kind_of_extension_has_its_recipe() -> None:
    assert list(BY_TITLE) == ["A field", "A stage", "A format", "An engine", "A job with all of them"]


@pytest.mark.parametrize("title", ["A field", "A stage", "A format", "An engine"])
def test_it_takes_at_most_three_files(title: str) -> None:
    """Beside tests, and what is generated."""
    assert 1 <= len(BY_TITLE[title].files) <= 3


def test_the_engine_is_the_one_of_the_examples() -> None:
    shown = {step.path: step.text for step in BY_TITLE["An engine"].steps if isinstance(step, NewFile)}
    assert shown == {
        f"engine-constant/{path.name}": path.read_text()
        for path in (ROOT / "examples" / "engine-constant").iterdir()
        if path.is_file()
    }


def test_the_job_at_the_end_has_gone_through_all_of_it(copy: Copy) -> None:
    manifest = json.loads((copy.root / "out" / "manifest.json").read_text())
    assert [stage["name"] for stage in manifest["stages"]][:3] == ["ingest", "noop", "poses"]
    assert manifest["stages"][1]["message"] == "nothing was done with 3 photos"
    assert manifest["stages"][2]["libraries"]["reconstruction-engine-constant"] == "1.0.0"
    assert manifest["engine"]["name"] == "constant"
    assert {"name": "model.xyz", "format": "XYZ", "mediaType": "text/plain"}.items() <= manifest["artifacts"][0].items()
    corners = np.loadtxt(copy.root / "out" / "model.xyz")
    assert np.allclose(np.abs(corners).max(axis=0), 0.8, atol=0.02)
    workspace = copy.root / "out" / "workspace"
    assert json.loads((workspace / "noop" / "noop.json").read_text()) == {"photos": 3}
    colour = np.array(json.loads((workspace / "train" / "colour.json").read_text()))
    assert np.abs(colour - GREY).max() < 6 and np.ptp(colour) == 0


def test_enums_reference_and_schema_have_followed(copy: Copy) -> None:
    crd = (copy.root / "crds" / "reconstructionjobs.yaml").read_text()
    assert "Raise it to do nothing again." in crd and "Photos are used without their colours." in crd
    assert "- Ingest\n" + " " * 16 + "- Noop\n" in crd and "- XYZ" in crd
    assert "| `noop` | Nothing | `prepare` | `ingest` | `redo.noop` |" in (copy.root / "docs" / "stages.md").read_text()
    assert "`greyscale`" in (copy.root / "docs" / "api.md").read_text()


def test_nothing_else_has_to_be_changed(copy: Copy) -> None:
    """Each leaf has its stage, each default its baseline; nothing generated is stale."""
    copy.generate("--check")
    copy.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/api/test_leaves.py")


def test_jobs_that_are_there_keep_their_digests(copy: Copy) -> None:
    """Of every stage that they have: the new field is unset, and the new stage is read by none."""
    code = (
        "import json\n"
        "from reconstruction_api.job import ReconstructionJobSpec\n"
        "from reconstruction_api.stages import stage_digests\n"
        "spec = ReconstructionJobSpec.model_validate({'source': {'uri': 's3://photos/'}})\n"
        "print(json.dumps(stage_digests(spec)))"
    )
    after = json.loads(copy.python("-c", code))
    before = json.loads(Copy(ROOT).python("-c", code))
    assert {name: digest for name, digest in after.items() if name != "noop"} == before
