"""A triangle mesh and what can be measured on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Vectors = NDArray[np.float64]
Indices = NDArray[np.int32]


@dataclass(frozen=True)
class Mesh:
    """Triangles, counter-clockwise seen from outside."""

    vertices: Vectors  # [V, 3] world units
    faces: Indices  # [F, 3]

    def area(self) -> float:
        """Sum of the triangles' areas in square world units."""
        return float(np.linalg.norm(face_cross(self), axis=1).sum() / 2)

    def bounds(self) -> Vectors:
        """Lower and upper corner. [2, 3]"""
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    def is_watertight(self) -> bool:
        """Whether every edge is shared by exactly two triangles."""
        return len(self.faces) > 0 and bool((edge_counts(self)[1] == 2).all())


def face_cross(mesh: Mesh) -> Vectors:
    """Cross product of two edges of each face: its normal times twice its area. [F, 3]"""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    return np.cross(b - a, c - a)


def face_normals(mesh: Mesh) -> Vectors:
    """Unit normals; zero for a triangle without area. [F, 3]"""
    return _unit(face_cross(mesh))


def vertex_normals(mesh: Mesh) -> Vectors:
    """Unit normals, the mean of the adjacent faces' weighted by area. [V, 3]

    Always of length one, as file formats ask for: where faces cancel each other out (a fold) one of them decides, and
    where there is no area at all the normal is up.
    """
    total = np.zeros_like(mesh.vertices)
    cross = face_cross(mesh)
    for corner in range(3):
        np.add.at(total, mesh.faces[:, corner], cross)
    result = _unit(total)
    for fallback in (_some_face_normal(mesh, cross), np.broadcast_to([0.0, 0.0, 1.0], result.shape)):
        missing = np.linalg.norm(result, axis=1) < 0.5
        result[missing] = fallback[missing]
    return result


def _some_face_normal(mesh: Mesh, cross: Vectors) -> Vectors:
    """The unit normal of one of each vertex's faces. [V, 3]"""
    result = np.zeros_like(mesh.vertices)
    unit = _unit(cross)
    solid = np.linalg.norm(unit, axis=1) > 0.5
    for corner in range(3):
        result[mesh.faces[solid, corner]] = unit[solid]
    return result


def half_edges(mesh: Mesh) -> Indices:
    """The directed edges of all faces, face by face. [3 F, 2]"""
    return mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)


def edge_counts(mesh: Mesh) -> tuple[Indices, NDArray[np.int64]]:
    """Undirected edges [E, 2] (lower index first) and how many faces share each [E]."""
    keys, counts = np.unique(_edge_keys(mesh), return_counts=True)
    size = max(len(mesh.vertices), 1)
    return np.stack([keys // size, keys % size], axis=1).astype(np.int32), counts


def boundary_edges(mesh: Mesh) -> Indices:
    """Directed edges that belong to one face only, in that face's direction. [B, 2]"""
    _, inverse, counts = np.unique(_edge_keys(mesh), return_inverse=True, return_counts=True)
    return half_edges(mesh)[counts[inverse] == 1]


def component_labels(mesh: Mesh) -> tuple[int, Indices]:
    """Number of pieces that share no edge, and the piece of each face. [F]"""
    count = len(mesh.faces)
    _, edge = np.unique(_edge_keys(mesh), return_inverse=True)
    face = np.repeat(np.arange(count), 3)
    size = count + 3 * count  # a face and the edges it touches are nodes of one graph
    graph = coo_matrix((np.ones(3 * count, np.int8), (face, count + edge)), shape=(size, size))
    used, compact = np.unique(connected_components(graph, directed=False)[1][:count], return_inverse=True)
    return len(used), compact.astype(np.int32)


def piece_areas(mesh: Mesh) -> tuple[Vectors, Indices]:
    """Area of each piece that shares no edge with another one [N], in square world units, and the piece of each face
    [F]."""
    count, labels = component_labels(mesh)
    return np.bincount(labels, weights=np.linalg.norm(face_cross(mesh), axis=1), minlength=count) / 2, labels


def with_faces(mesh: Mesh, keep: NDArray[np.bool_]) -> Mesh:
    """The mesh with only the chosen faces [F] and the vertices they use."""
    return compacted(Mesh(mesh.vertices, mesh.faces[keep]))


def compacted(mesh: Mesh) -> Mesh:
    """The mesh without vertices that no face uses."""
    used, faces = np.unique(mesh.faces, return_inverse=True)
    return Mesh(mesh.vertices[used], faces.reshape(-1, 3).astype(np.int32))


def _edge_keys(mesh: Mesh) -> NDArray[np.int64]:
    """One number for each undirected edge of each face: lower index times V plus higher index. [3 F]"""
    edges = np.sort(half_edges(mesh), axis=1).astype(np.int64)
    return edges[:, 0] * len(mesh.vertices) + edges[:, 1]


def _unit(vectors: Vectors) -> Vectors:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-20)
