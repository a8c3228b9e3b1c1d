"""Rules of the glTF extension KHR_gaussian_splatting that a GLB file must obey, read from its bytes alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..geometry.gaussians import Gaussians
from ..geometry.harmonics import DEGREES
from .checking import require
from .gltf_container import attribute_of, unpacked

EXTENSION: Final = "KHR_gaussian_splatting"
KIND: Final = {
    "kernel": "ellipse",
    "colorSpace": "srgb_rec709_display",
    "projection": "perspective",
    "sortingMethod": "cameraDistance",
}
"""What the extension says of Gaussians that were trained on photos as they are shown."""
_UNIT: Final = 1e-3
"""By how much the length of a rotation may differ from 1."""


def coefficient_names(count: int) -> Iterator[str]:
    """Attributes of so many coefficients of a colour, in their order: degree by degree, from the lowest order."""
    for degree in range(DEGREES[count] + 1):
        for index in range(2 * degree + 1):
            yield f"{EXTENSION}:SH_DEGREE_{degree}_COEF_{index}"


def read_splats(name: str, data: bytes) -> Gaussians:
    """The Gaussians of a file, as they lie. Raises ExportFailed naming the rule that is broken."""
    document, binary = unpacked(name, data)
    require(name, EXTENSION in document.get("extensionsUsed", []), f"it does not say that it uses {EXTENSION}")
    primitives = [primitive for mesh in document["meshes"] for primitive in mesh["primitives"]]
    require(name, len(primitives) == len(document["nodes"]) == 1, "it does not hold one piece, shown once")
    primitive = primitives[0]
    require(name, primitive["mode"] == 0, "its primitive is not of points")
    require(name, primitive["extensions"][EXTENSION] == KIND, "it does not state how its Gaussians are shown")
    stored = {key: attribute_of(name, document, binary, at) for key, at in primitive["attributes"].items()}
    require(name, len({len(values) for values in stored.values()}) == 1, "its attributes differ in length")
    require(name, all(np.isfinite(values).all() for values in stored.values()), "a number is NaN or infinite")
    _bounds(name, document["accessors"][primitive["attributes"]["POSITION"]], stored["POSITION"])
    rotations, scales, opacities = (stored[f"{EXTENSION}:{key}"] for key in ("ROTATION", "SCALE", "OPACITY"))
    unit = np.abs(np.linalg.norm(rotations, axis=1) - 1) < _UNIT
    require(name, bool(unit.all()), "a rotation is not of unit length")
    require(name, bool((scales >= 0).all()), "a scale is negative")
    require(name, bool(((opacities >= 0) & (opacities <= 1)).all()), "an opacity is not between 0 and 1")
    coefficients = [key for key in stored if key.startswith(f"{EXTENSION}:SH_")]
    require(name, len(coefficients) in DEGREES, "its harmonics are not whole degrees")
    names = list(coefficient_names(len(coefficients)))
    require(name, set(names) == set(coefficients), "its harmonics are not named as the extension names them")
    harmonics = np.stack([stored[key] for key in names], axis=1)
    return Gaussians(stored["POSITION"], scales, np.roll(rotations, 1, axis=1), opacities[:, 0], harmonics)


def _bounds(name: str, accessor: dict[str, Any], positions: NDArray[Any]) -> None:
    exact = np.array_equal(positions.min(axis=0), np.float32(accessor["min"])) and np.array_equal(
        positions.max(axis=0), np.float32(accessor["max"])
    )
    require(name, exact, "its positions are not within the stated bounds")
