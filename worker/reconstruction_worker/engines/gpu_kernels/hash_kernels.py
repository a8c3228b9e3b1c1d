"""The kernels of the hash encoding for GPUs, in NVIDIA Warp; imported on first use, for the import takes a second.

They do what `rays.hash_kernels` does on the CPU, and can run there too, in one thread: so they are tested. Arrays are
float32: `points` [N] of 3 in [0, 1], `table` and its gradient [L * T] of 2 with T a power of two, `scales` [L] (cells
a side), `features` and their gradient [N, L] of 2. A thread is one point at one level; neighbouring threads are points
of the same level, so that what they read of its table is near.
"""

# Warp reads annotations as values and gives `tid` as many results as are asked for.
# pyright: reportInvalidTypeForm=false, reportAssignmentType=false, reportGeneralTypeIssues=false
# pyright: reportArgumentType=false

import warp as wp

wp.set_module_options({"enable_backward": False})

SECOND = wp.constant(wp.uint32(2654435761))
THIRD = wp.constant(wp.uint32(805459861))


@wp.func
def corner(low: wp.vec3, position: wp.vec3, c: int, mask: wp.uint32):  # pragma: no cover - compiled
    """Row within the level's table, and trilinear weight, of corner `c` (0 to 7) of the cell from `low`."""
    within = position - low
    i, j, k = c & 1, (c >> 1) & 1, (c >> 2) & 1
    row = (
        wp.uint32(wp.int32(low[0]) + i)
        ^ (wp.uint32(wp.int32(low[1]) + j) * SECOND)
        ^ (wp.uint32(wp.int32(low[2]) + k) * THIRD)
    )
    weight = (
        wp.where(i == 1, within[0], 1.0 - within[0])
        * wp.where(j == 1, within[1], 1.0 - within[1])
        * wp.where(k == 1, within[2], 1.0 - within[2])
    )
    return wp.int32(row & mask), weight


@wp.func
def cell(position: wp.vec3) -> wp.vec3:  # pragma: no cover - compiled
    return wp.vec3(wp.floor(position[0]), wp.floor(position[1]), wp.floor(position[2]))


@wp.kernel
def encode(
    points: wp.array(dtype=wp.vec3),
    table: wp.array(dtype=wp.vec2),
    scales: wp.array(dtype=float),
    rows: int,
    features: wp.array2d(dtype=wp.vec2),
):  # pragma: no cover - compiled
    """Fill `features`; `rows` is T."""
    level, n = wp.tid()
    position = points[n] * scales[level]
    low = cell(position)
    found = wp.vec2(0.0, 0.0)
    for c in range(8):
        row, weight = corner(low, position, c, wp.uint32(rows - 1))
        found += weight * table[level * rows + row]
    features[n, level] = found


@wp.kernel
def scatter(
    points: wp.array(dtype=wp.vec3),
    d_features: wp.array2d(dtype=wp.vec2),
    scales: wp.array(dtype=float),
    rows: int,
    d_table: wp.array(dtype=wp.vec2),
):  # pragma: no cover - compiled
    """Add the gradient of the features into that of the table, in no fixed order."""
    level, n = wp.tid()
    slope = d_features[n, level]
    if slope[0] != 0.0 or slope[1] != 0.0:
        position = points[n] * scales[level]
        low = cell(position)
        for c in range(8):
            row, weight = corner(low, position, c, wp.uint32(rows - 1))
            wp.atomic_add(d_table, level * rows + row, weight * slope)
