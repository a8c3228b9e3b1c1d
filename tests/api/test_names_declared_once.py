"""What crosses a package is declared once: a name that two packages spell is a name that one of them can misspell."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconstruction_api import names
from reconstruction_api.errors import CATALOGUE
from reconstruction_api.metric_names import Metric
from reconstruction_api.reasons import Reason
from reconstruction_api.stage_table import STAGES

ROOT = Path(__file__).parents[2]
PACKAGES = ("operator", "cli", "worker", "tools/demo", "tools/harness")
API = "crds/reconstruction_api"

FILE_NAME = re.compile(r"[\w.-]*[\w-]\.(json|jsonl|npz|npy|ply|png|jpg|html|zip|glb|obj|mtl|stl|ckpt|csv|xml)")
CAMEL_CASE = re.compile(r"[A-Z][a-z]+([A-Z][A-Za-z]+)+")

OF_KUBERNETES = {
    "BearerToken",
    "ContainerCannotRun",
    "DisruptionTarget",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "PersistentVolumeClaim",
    "PodScheduled",
    "ReadWriteOnce",
    "RuntimeDefault",
    "StartError",
}
"""Its own words, which it will not change."""
OF_OTHERS = {"reconstruction-operator"}
"""The audience of worker's tokens is called like the program, its user agent and its distribution."""
METRICS_AND_MORE = {Metric.IMAGES, Metric.STEPS, Metric.VERTICES, Metric.FACES, Metric.COMPONENTS, Metric.DEVICE}
"""Metrics that are everyday words of the code."""
ATTRIBUTES = {Metric.PSNR, Metric.SSIM, Metric.FLIP, Metric.LPIPS}
"""Metrics that documents of the worker have as fields, too."""

Places = dict[str, set[str]]


def literals(folder: str) -> Iterator[tuple[str, str]]:
    """Text and file of every literal, docstrings apart."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield from ((text, path.relative_to(ROOT).as_posix()) for text in texts(path.read_text(encoding="utf-8")))


def texts(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
            yield node.value


@pytest.fixture(scope="module")
def spelled() -> dict[str, Places]:
    """For each package, where it spells what."""
    found: dict[str, Places] = {}
    for package in (API, *PACKAGES):
        found[package] = defaultdict(set)
        for text, file in literals(package):
            found[package][text].add(file)
    return found


def test_names_of_the_api_are_not_spelled_elsewhere(spelled: dict[str, Places]) -> None:
    """Groups, kinds, labels, environment variables, paths in a pod; names of documents; reasons; metrics."""
    declared = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)} - OF_OTHERS
    declared |= {stage.document for stage in STAGES}
    declared |= {str(metric) for metric in Metric} - METRICS_AND_MORE
    twice = [
        (text, file)
        for package in PACKAGES
        for text, files in spelled[package].items()
        if text in declared and not (package in ("worker", "tools/demo") and text in ATTRIBUTES)
        for file in files
    ]
    assert twice == [], "import the constant of reconstruction_api instead"


def test_a_file_name_is_spelled_in_one_module(spelled: dict[str, Places]) -> None:
    files: Places = defaultdict(set)
    for package in (API, *PACKAGES):
        for text, places in spelled[package].items():
            if FILE_NAME.fullmatch(text):
                files[text] |= places
    twice = {text: sorted(places) for text, places in files.items() if len(places) > 1}
    assert twice == {}, "make it a constant: worker/reconstruction_worker/stage_files.py has those of the stages"


def test_a_reason_that_two_packages_know_is_a_constant(spelled: dict[str, Places]) -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for text in spelled[package]:
            if CAMEL_CASE.fullmatch(text) and text not in CATALOGUE and text not in OF_KUBERNETES:
                owners[text].add(package)
    shared = {text: sorted(packages) for text, packages in owners.items() if len(packages) > 1}
    assert shared == {}, "declare it in reconstruction_api.reasons, or in the enum that it belongs to"
    alone = {str(reason) for reason in Reason if CAMEL_CASE.fullmatch(reason)}
    assert alone.isdisjoint(owners), "reconstruction_api.reasons has it"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("x = 'engine.json'", ["engine.json"]),
        ('"""engine.json"""\nclass A:\n    """engine.json"""\n    x: int\n    """engine.json"""', []),
        ("f(a, {'psnr': 1}, f'{x}')", ["psnr"]),
    ],
)
def test_docstrings_are_no_literals(source: str, found: list[str]) -> None:
    assert list(texts(source)) == found
