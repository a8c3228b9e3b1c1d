"""The kernel of the visual hull for GPUs, in NVIDIA Warp: what `hull_kernels` does on the CPU, one thread a ray."""

# Warp reads annotations as values and gives `tid` as many results as are asked for.
# pyright: reportInvalidTypeForm=false, reportAssignmentType=false, reportGeneralTypeIssues=false
# pyright: reportArgumentType=false

import warp as wp

wp.set_module_options({"enable_backward": False})


@wp.func
def cell(value: float, low: float, cells_a_unit: float, side: int) -> int:  # pragma: no cover - compiled
    return wp.clamp(wp.int32((value - low) * cells_a_unit), 0, side - 1)


@wp.func
def occupied_at(
    place: wp.vec3, cells: wp.array3d(dtype=wp.uint8), low: wp.vec3, cells_a_unit: wp.vec3
) -> bool:  # pragma: no cover - compiled
    side = cells.shape[0]
    x = cell(place[0], low[0], cells_a_unit[0], side)
    y = cell(place[1], low[1], cells_a_unit[1], side)
    z = cell(place[2], low[2], cells_a_unit[2], side)
    return cells[x, y, z] != wp.uint8(0)


@wp.kernel
def narrow(
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    near: wp.array(dtype=float),
    far: wp.array(dtype=float),
    cells: wp.array3d(dtype=wp.uint8),
    box: wp.array(dtype=wp.vec3),
    steps: int,
    result: wp.array(dtype=wp.vec2),
):  # pragma: no cover - compiled
    """Fill `result` with the ends of the rays' intervals; `box` has the lowest corner and the cells a unit."""
    n = wp.tid()
    start = near[n]
    step = wp.max(far[n] - start, 0.0) / float(steps)
    first = steps
    last = -1
    if step > 0.0:
        for i in range(steps):
            place = origins[n] + directions[n] * (start + step * (float(i) + 0.5))
            if occupied_at(place, cells, box[0], box[1]):
                first = wp.min(first, i)
                last = i
    ends = wp.vec2(start, start)
    if last >= 0:
        ends = wp.vec2(start + step * float(first), start + step * float(last + 1))
    result[n] = ends
