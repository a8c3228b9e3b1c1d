"""Code of a stage that changes while its number stays is noticed, and what a developer says about it is kept."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from code_versions import __main__ as command
from code_versions import closure
from code_versions.closure import Sources
from code_versions.ledger import FILE
from code_versions.syntax import digest_of_module
from reconstruction_api.stage_table import BY_NAME, STAGES, StageName

ROOT = Path(__file__).parents[2]


def test_nobody_has_changed_code_of_a_stage_without_a_word() -> None:
    """What the message says is what to do."""
    assert command.main(["--check", "--root", str(ROOT)]) == 0


class Checkout:
    """The parts of a checkout that matter, to be changed."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        self.root, self._monkeypatch, self._capsys = root, monkeypatch, capsys
        self._before = {root / FILE: (root / FILE).read_text()}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / "worker" / "reconstruction_worker" / file
        text = path.read_text()
        assert old in text
        self._before.setdefault(path, text)
        path.write_text(text.replace(old, new, 1))

    def undo(self) -> None:
        for path, text in self._before.items():
            path.write_text(text)

    def raise_version(self, stage: str, by: int = 1) -> None:
        table = [
            replace(each, code_version=each.code_version + by) if each.name == stage else each
            for each in command.STAGES
        ]
        self._monkeypatch.setattr(command, "STAGES", tuple(table))

    def run(self, *arguments: str) -> tuple[int, str]:
        """Exit status, and what was said to the developer."""
        self._capsys.readouterr()
        status = command.main([*arguments, "--root", str(self.root)])
        return status, self._capsys.readouterr().err

    def check(self) -> tuple[int, str]:
        return self.run("--check")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which nothing is left to be said."""
    root = tmp_path_factory.mktemp("checkout")
    for part in ("worker", "crds/reconstruction_api"):
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / FILE).parent.mkdir(parents=True)
    assert command.main(["--same-results", "--root", str(root)]) == 0
    return root


@pytest.fixture
def checkout(files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Checkout]:
    result = Checkout(files, monkeypatch, capsys)
    yield result
    result.undo()


def named(message: str) -> set[str]:
    """Stages that a message is about."""
    return set(re.findall(r"^  (\w+) \(code_version", message, re.MULTILINE))


@pytest.mark.parametrize(
    ("file", "old", "new", "stages"),
    [
        ("stages/texture.py", "compress_level=4", "compress_level=5", {"texture"}),
        ("geometry/extract.py", "def ", "def un", {"mesh"}),
        ("exporters/stl.py", "HEADER_BYTES = 80", "HEADER_BYTES = 81", {"export"}),
        ("ingest/storage/web.py", "import", "import os, sys\nimport", {"ingest"}),
        ("report/assets/viewer.js", "texture: 0", "texture: 9", {"report"}),
        ("files.py", "indent=1", "indent=2", {str(stage.name) for stage in STAGES}),
    ],
    ids=lambda value: value if isinstance(value, str) and "/" in value else "",
)
def test_changed_code_is_noticed_in_the_stages_that_use_it(
    checkout: Checkout, file: str, old: str, new: str, stages: set[str]
) -> None:
    checkout.edit(file, old, new)
    status, message = checkout.check()
    assert status == 1
    assert named(message) == stages


def test_code_of_an_engine_concerns_the_stages_that_work_with_engines(checkout: Checkout) -> None:
    checkout.edit(
        "engines/nerfacto/passes.py",
        "def ",
        "def un",
    )
    assert named(checkout.check()[1]) == {str(stage.name) for stage in STAGES} - {
        "ingest", "poses", "bundle", "publish"
    }  # fmt: skip


def test_the_message_says_what_to_do(checkout: Checkout) -> None:
    checkout.edit("stages/texture.py", "compress_level=4", "compress_level=5")
    _, message = checkout.check()
    version = BY_NAME[StageName.TEXTURE].code_version
    assert f"texture (code_version {version}): worker.stages.texture" in message
    assert "raise its code_version in crds/reconstruction_api/stage_table.py" in message
    assert "make same-results STAGE=texture" in message


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/ SURFACE)", "/ SURFACE)  # a comment"),
        ("compress_level=4", "compress_level=(\n    4\n)"),
        ('"""All photos that can be used', '"""Other words.'),
    ],
)
def test_comments_docstrings_and_layout_are_no_code(checkout: Checkout, old: str, new: str) -> None:
    checkout.edit("stages/texture.py", old, new)
    assert checkout.check() == (0, "")


def test_the_developer_can_say_that_results_are_the_same(checkout: Checkout) -> None:
    checkout.edit("files.py", "indent=1", "indent=2")
    assert checkout.run("--same-results", "train", "mesh") == (0, checkout.check()[1])
    assert named(checkout.check()[1]) == {str(stage.name) for stage in STAGES} - {"train", "mesh"}
    assert checkout.run("--same-results")[0] == 0
    assert checkout.check() == (0, "")


def test_the_developer_can_raise_the_number(checkout: Checkout) -> None:
    checkout.edit("stages/texture.py", "compress_level=4", "compress_level=5")
    checkout.raise_version("texture")
    status, message = checkout.check()
    assert status == 1 and "run `make crds`" in message and not named(message)
    assert checkout.run()[0] == 0
    assert checkout.check() == (0, "")
    checkout.edit("stages/texture.py", "compress_level=5", "compress_level=6")
    assert named(checkout.check()[1]) == {"texture"}


def test_raising_one_number_says_nothing_of_other_stages(checkout: Checkout) -> None:
    checkout.edit("geometry/mesh.py", "def ", "def un")
    others = named(checkout.check()[1]) - {"mesh"}
    checkout.raise_version("mesh")
    assert checkout.run()[0] == 1
    assert named(checkout.check()[1]) == others != set()


def test_a_number_never_goes_down(checkout: Checkout) -> None:
    checkout.raise_version("train", by=-1)
    for arguments in ([], ["--check"]):
        status, message = checkout.run(*arguments)
        assert status == 1 and "train: code_version was" in message and "it only grows" in message


def test_a_stage_or_module_that_is_new_or_gone_needs_no_merge_by_hand(checkout: Checkout) -> None:
    path = checkout.root / FILE
    whole = path.read_text()
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "texture" not in line.split()))
    assert checkout.run()[0] == 1, "the modules that are gone with those lines"
    path.write_text(path.read_text() + "<<<<<<< HEAD\n")
    status, message = checkout.check()
    assert status == 1 and "make same-results" in message
    assert checkout.run("--same-results")[0] == 0
    assert path.read_text() == whole


def test_an_unknown_stage_is_a_mistake(checkout: Checkout) -> None:
    status, message = checkout.run("--same-results", "polish")
    assert status == 1 and message.startswith("no such stage: polish. Stages: ingest, poses, train")


def test_changes_of_different_modules_are_in_different_lines(checkout: Checkout) -> None:
    """So that two branches merge by themselves."""
    path = checkout.root / FILE
    before = path.read_text().splitlines()
    checkout.edit("files.py", "indent=1", "indent=2")
    checkout.run("--same-results")
    after = path.read_text().splitlines()
    assert [line.split()[0] for line, old in zip(after, before, strict=True) if line != old] == [
        "reconstruction_worker.files"
    ]


def test_files_beside_the_code_count_for_the_stage_that_reads_them() -> None:
    sources = Sources(ROOT)
    counted = {path for stage in STAGES for name in sources.closure(stage.name) for path in sources.assets_of(name)}
    files = (path for path in (ROOT / "worker").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    beside = {path for path in files if path.suffix != ".py"}
    assert counted == beside != set()


def test_what_counts_of_the_api_is_there() -> None:
    """A module that was renamed would count no more."""
    assert all(Sources(ROOT).file_of(name) for name in (*closure._OF_API, *closure._FOUND_AT_RUN_TIME.values()))
    assert Sources(ROOT).file_of(closure._ENGINE.rpartition(".")[0])


def test_modules_that_look_others_up_by_name_are_known() -> None:
    """What they find can't be read from their imports."""
    known = {*closure._FOUND_AT_RUN_TIME, "reconstruction_worker.child", "reconstruction_worker.engines.registry"}
    found = set[str]()
    for path in (ROOT / "worker").rglob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        if any(ast.unparse(call).rpartition(".")[2] in ("import_module", "entry_points") for call in calls):
            found.add(".".join(path.relative_to(ROOT / "worker").with_suffix("").parts))
    assert found == known


def test_everything_a_stage_imports_is_in_its_closure() -> None:
    """Compared with what an interpreter has loaded after importing a stage that needs no heavy library."""
    code = "import reconstruction_worker.stages.ingest, sys; print(*[m for m in sys.modules if m.startswith('recon')])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
                            env={"PYTHONPATH": "crds:worker"}).stdout.split()  # fmt: skip
    known = Sources(ROOT).closure("ingest")
    assert {name for name in loaded if name.startswith("reconstruction_worker")} <= set(known)


EVERY_RELEASE = '''
"""Docstring."""
from __future__ import annotations
import os
def f(a: int, *b, c: str = "x", **d) -> str:
    """Docstring."""
    return f"{a!r:>{c}} and {'text'} " f"{os.sep}{a=}" "tail" "" rf"\\d{b[0]}"
class A(dict):
    x: int = 1
    """Docstring."""
    async def g(self): return [i async for i in self if i] or (yield)
match A():
    case {"a": [1, *_], **rest} if rest: u"x", b"y", 1e3, ...
'''


def test_a_digest_is_the_same_in_every_release_of_python() -> None:
    """Also of f-strings, which 3.12 parses in another way, and of what has fields that later releases leave out."""
    assert digest_of_module(EVERY_RELEASE) == "85bd313d3368"
