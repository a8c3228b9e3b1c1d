"""The compiled loops of the visual hull; imported on first use, and without closures, like `hash_kernels`."""

import numba
import numpy as np

from ...compiled import threaded


@threaded()
def look_up(begin, end, centres, pose, lens, mask, seen, outside):  # pragma: no cover - compiled
    """Add a photo's word on cells with `centres` [N, 3] to `seen` and `outside` [N]: the camera's `pose` is [4, 4], its
    `lens` fx, fy, cx, cy in pixels, its `mask` [H, W] (bool)."""
    height, width = mask.shape
    for cell in range(begin, end):
        x, y, z = centres[cell, 0] - pose[0, 3], centres[cell, 1] - pose[1, 3], centres[cell, 2] - pose[2, 3]
        depth = -(x * pose[0, 2] + y * pose[1, 2] + z * pose[2, 2])
        if depth <= 0:
            continue
        column = lens[2] + lens[0] * (x * pose[0, 0] + y * pose[1, 0] + z * pose[2, 0]) / depth
        row = lens[3] - lens[1] * (x * pose[0, 1] + y * pose[1, 1] + z * pose[2, 1]) / depth
        if 0 <= column < width and 0 <= row < height:
            seen[cell] += 1
            outside[cell] += not mask[int(row), int(column)]


@numba.njit(fastmath=True)
def occupied_at(origin, direction, distance, cells, low, cells_a_unit):  # pragma: no cover - compiled
    side = cells.shape[0]
    x = int((origin[0] + direction[0] * distance - low[0]) * cells_a_unit[0])
    y = int((origin[1] + direction[1] * distance - low[1]) * cells_a_unit[1])
    z = int((origin[2] + direction[2] * distance - low[2]) * cells_a_unit[2])
    return cells[min(max(x, 0), side - 1), min(max(y, 0), side - 1), min(max(z, 0), side - 1)]


@threaded(fastmath=True)
def narrow(
    begin, end, origins, directions, near, far, cells, low, cells_a_unit, result, steps
):  # pragma: no cover - compiled
    """Fill `result` [N, 2] with the ends of the rays' intervals; `steps` points of each ray are looked at."""
    for ray in range(begin, end):
        origin, direction = origins[ray], directions[ray]
        start, step = near[ray, 0], (far[ray, 0] - near[ray, 0]) / np.float32(steps)
        first, last = steps, -1
        if step > 0:
            for index in range(steps):
                if occupied_at(origin, direction, start + step * (index + 0.5), cells, low, cells_a_unit):
                    first = index
                    break
            for index in range(steps - 1, first - 1, -1):
                if occupied_at(origin, direction, start + step * (index + 0.5), cells, low, cells_a_unit):
                    last = index
                    break
        result[ray, 0] = start + step * first if last >= 0 else start
        result[ray, 1] = start + step * (last + 1) if last >= 0 else start
