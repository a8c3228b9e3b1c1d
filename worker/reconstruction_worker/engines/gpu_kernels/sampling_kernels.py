"""Kernels that place rays and samples along them, and weigh samples, in NVIDIA Warp, one thread a ray; see `sampling`
and `weighing`."""

# Warp reads annotations as values and gives `tid` as many results as are asked for.
# pyright: reportInvalidTypeForm=false, reportAssignmentType=false, reportGeneralTypeIssues=false
# pyright: reportArgumentType=false, reportOperatorIssue=false

import warp as wp

wp.set_module_options({"enable_backward": False})


@wp.func
def occupied_at(
    place: wp.vec3, cells: wp.array3d(dtype=wp.bool), low: wp.vec3, unit: wp.vec3
) -> bool:  # pragma: no cover - compiled
    side = cells.shape[0]
    x = wp.clamp(wp.int32((place[0] - low[0]) * unit[0]), 0, side - 1)
    y = wp.clamp(wp.int32((place[1] - low[1]) * unit[1]), 0, side - 1)
    z = wp.clamp(wp.int32((place[2] - low[2]) * unit[2]), 0, side - 1)
    return cells[x, y, z]


@wp.kernel
def narrow(
    origins: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    cells: wp.array3d(dtype=wp.bool),
    box: wp.array(dtype=wp.vec3),
    steps: int,
    interval: wp.array(dtype=wp.vec2),
):  # pragma: no cover - compiled
    """Shrink each ray's `interval` to between its first and its last occupied cell; `box` has the lowest corner and the
    cells a unit."""
    n = wp.tid()
    start = interval[n][0]
    step = wp.max(interval[n][1] - start, 0.0) / float(steps)
    first = wp.int32(steps)
    last = wp.int32(-1)
    if step > 0.0:
        for i in range(steps):
            place = origins[n] + directions[n] * (start + step * (float(i) + 0.5))
            if occupied_at(place, cells, box[0], box[1]):
                first = wp.min(first, i)
                last = i
    ends = wp.vec2(start, start)
    if last >= 0:
        ends = wp.vec2(start + step * float(first), start + step * float(last + 1))
    interval[n] = ends


@wp.kernel
def redistribute(
    weights: wp.array2d(dtype=float),
    edges: wp.array2d(dtype=float),
    shifts: wp.array(dtype=float),
    padding: float,
    least: float,
    result: wp.array2d(dtype=float),
):  # pragma: no cover - compiled
    """Fill `result` [N, E] with edges of new samples, the denser the larger the `weights` [N, S] between the old
    `edges` [N, S + 1]: at shares (j + shift) / E of their sum. `padding` is added to each weight, and to all of them
    together what their sum lacks of `least`."""
    n = wp.tid()
    count = weights.shape[1]
    wanted = result.shape[1]
    total = wp.float32(0.0)
    for s in range(count):
        total += weights[n, s] + padding
    extra = wp.max(least - total, 0.0)
    total += extra
    each = padding + extra / float(count)
    s = wp.int32(0)
    low = wp.float32(0.0)
    high = wp.min(1.0, (weights[n, 0] + each) / total)
    for j in range(wanted):
        share = (float(j) + shifts[n]) / float(wanted)
        while high <= share and s < count - 1:
            s += 1
            low = high
            high = wp.min(1.0, high + (weights[n, s] + each) / total)
        within = wp.float32(0.0)
        if high > low:
            within = wp.clamp((share - low) / (high - low), 0.0, 1.0)
        result[n, j] = edges[n, s] + within * (edges[n, s + 1] - edges[n, s])


@wp.func
def optical_depth(density: float, length: float) -> float:  # pragma: no cover - compiled
    """Nothing where that is no number, such as an infinite density over no length, or where rounding has turned an
    interval around."""
    depth = density * length
    return wp.where(depth > 0.0, depth, 0.0)


@wp.kernel
def weigh(
    densities: wp.array2d(dtype=float),
    lengths: wp.array2d(dtype=float),
    weights: wp.array2d(dtype=float),
):  # pragma: no cover - compiled
    """Fill `weights` [N, S]: how much of the light of each interval, with its density and its length, arrives at the
    beginning of its ray (Max 1995)."""
    n = wp.tid()
    before = wp.float32(0.0)
    for s in range(densities.shape[1]):
        depth = optical_depth(densities[n, s], lengths[n, s])
        weights[n, s] = wp.exp(-before) * (1.0 - wp.exp(-depth))
        before += depth


@wp.kernel
def weigh_backward(
    densities: wp.array2d(dtype=float),
    lengths: wp.array2d(dtype=float),
    weights: wp.array2d(dtype=float),
    d_weights: wp.array2d(dtype=float),
    d_densities: wp.array2d(dtype=float),
):  # pragma: no cover - compiled
    """Fill `d_densities` [N, S], the gradient by the densities from that by the `weights`: more in an interval adds
    what of its own light is still missing, and hides what is behind it."""
    n = wp.tid()
    count = densities.shape[1]
    hidden = wp.float32(0.0)
    before = wp.float32(0.0)
    for s in range(count):
        hidden += weights[n, s] * d_weights[n, s]
    for s in range(count):
        depth = optical_depth(densities[n, s], lengths[n, s])
        before += depth
        hidden -= weights[n, s] * d_weights[n, s]
        d_densities[n, s] = lengths[n, s] * (wp.exp(-before) * d_weights[n, s] - hidden)
