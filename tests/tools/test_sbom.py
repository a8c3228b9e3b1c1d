"""The bills of materials say what the images are made of."""

from __future__ import annotations

import pytest

from sbom import IMAGES, ROOT, document, locked


@pytest.mark.parametrize("image", IMAGES)
def test_every_locked_package_is_in_the_bill_with_its_checksums(image: str) -> None:
    text = (ROOT / "requirements" / f"{image}.txt").read_text()
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


def test_licences_of_installed_packages_are_named() -> None:
    (package,) = [each for each in locked((ROOT / "requirements/operator.txt").read_text()) if each.name == "kopf"]
    assert document("operator", [package])["components"][0]["licenses"]
