"""Binary PLY files of triangle meshes (G. Turk, "The PLY Polygon File Format", 1994)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh

FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3)])


def write_ply(
    path: Path,
    mesh: Mesh,
    normals: NDArray[np.floating] | None = None,
    colours: NDArray[np.uint8] | None = None,
    comments: tuple[str, ...] = (),
) -> None:
    """Vertices in single precision, with normals [V, 3] and colours [V, 3] when given."""
    names = ["x", "y", "z"] + (["nx", "ny", "nz"] if normals is not None else [])
    layout = [(name, "<f4") for name in names]
    if colours is not None:
        layout += [(name, "u1") for name in ("red", "green", "blue")]
    vertices = np.zeros(len(mesh.vertices), layout)
    for group, values in ((("x", "y", "z"), mesh.vertices), (("nx", "ny", "nz"), normals)):
        if values is not None:
            for index, name in enumerate(group):
                vertices[name] = values[:, index]
    if colours is not None:
        for index, name in enumerate(("red", "green", "blue")):
            vertices[name] = colours[:, index]
    faces = np.zeros(len(mesh.faces), FACE)
    faces["count"], faces["corners"] = 3, mesh.faces
    header = [
        "ply",
        "format binary_little_endian 1.0",
        *(f"comment {line}" for line in comments),
        f"element vertex {len(vertices)}",
        *(f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in layout),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    with path.open("wb") as file:
        file.write(("\n".join(header) + "\n").encode("ascii"))
        file.write(vertices.tobytes())
        file.write(faces.tobytes())


def read_ply(path: Path) -> Mesh:
    """A mesh that `write_ply` wrote."""
    data = path.read_bytes()
    head, body = data.split(b"end_header\n", 1)
    lines = [line.split() for line in head.decode("ascii").splitlines()]
    counts = {line[1]: int(line[2]) for line in lines if line[0] == "element"}
    properties = [line for line in lines if line[0] == "property" and line[1] != "list"]
    layout = [(name, "<f4" if kind == "float" else "u1") for _, kind, name in properties]
    vertices = np.frombuffer(body, layout, counts["vertex"])
    faces = np.frombuffer(body, FACE, counts["face"], offset=vertices.nbytes)
    points = np.stack([vertices[name] for name in ("x", "y", "z")], axis=1).astype(np.float64)
    return Mesh(points, np.ascontiguousarray(faces["corners"], dtype=np.int32))
