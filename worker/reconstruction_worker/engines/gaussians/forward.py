"""Flat Gaussians drawn into tiles: colours, and depths.

SIMD runs over the pixels of a tile: for each of its Gaussians there is one flat loop, without branches, over the rows
of pixels that it covers. All that a tile remembers is one array with constant distances between its parts, by which
LLVM knows that nothing overlaps. Tiles are shared among threads; nothing is written by two.
"""

import numpy as np

from ...compiled import inlined, threaded
from .conventions import LEAST_ALPHA, MOST_ALPHA, OPAQUE_REST, TILE, TILE_PIXELS
from .kernel_math import F, exp
from .projection import (
    BLUE,
    CONIC_A,
    CONIC_B,
    CONIC_C,
    DEPTH,
    DEPTH_X,
    DEPTH_Y,
    GREEN,
    HALF_HEIGHT,
    OPACITY,
    RED,
    X,
    Y,
)

OPACITY_CHECKED_EVERY = 8
"""Gaussians of a tile after which it is looked at whether they are opaque; a power of two."""


@inlined
def place_pixels(state, x, y, tile, across):  # pragma: no cover - compiled
    """Fill the parts of `state` that begin at `x` and `y` with the centres of a tile's pixels."""
    for i in range(TILE_PIXELS):
        state[x + i] = F((tile % across) * TILE + i % TILE) + F(0.5)
        state[y + i] = F((tile // across) * TILE + i // TILE) + F(0.5)


@inlined
def covered_rows(flat, k, tile, across):  # pragma: no cover - compiled
    """First and last + 1 row of a tile's pixels that a Gaussian reaches."""
    top = (tile // across) * TILE
    first = np.int64(np.ceil(flat[k, Y] - flat[k, HALF_HEIGHT] - F(0.5))) - top
    last = np.int64(np.floor(flat[k, Y] + flat[k, HALF_HEIGHT] - F(0.5))) - top + 1
    return max(first, 0), min(last, TILE)


@threaded(vectorised=True)
def draw(begin, end, flat, starts, order, lasts, across, colours, rests):  # pragma: no cover - compiled
    """Fill `colours` [T, 3, TILE_PIXELS] (premultiplied), `rests` [T, TILE_PIXELS] (what passes all Gaussians) and
    `lasts` [T] (the pair before which the tile was opaque)."""
    state = np.empty(6 * TILE_PIXELS, np.float32)  # rest, red, green, blue, x, y
    for tile in range(begin, end):
        state[:TILE_PIXELS] = F(1)
        state[TILE_PIXELS : 4 * TILE_PIXELS] = F(0)
        place_pixels(state, 4 * TILE_PIXELS, 5 * TILE_PIXELS, tile, across)
        pair = starts[tile]
        while pair < starts[tile + 1]:
            k = order[pair]
            first, last = covered_rows(flat, k, tile, across)
            s = state[first * TILE :]
            px, py = flat[k, X], flat[k, Y]
            a, b, c = F(-0.5) * flat[k, CONIC_A], -flat[k, CONIC_B], F(-0.5) * flat[k, CONIC_C]
            opacity, red, green, blue = flat[k, OPACITY], flat[k, RED], flat[k, GREEN], flat[k, BLUE]
            for i in range((last - first) * TILE):
                dx = s[i + 4 * TILE_PIXELS] - px
                dy = s[i + 5 * TILE_PIXELS] - py
                alpha = min(opacity * exp(max(dx * (a * dx + b * dy) + c * dy * dy, F(-80))), MOST_ALPHA)
                alpha = alpha if alpha >= LEAST_ALPHA else F(0)
                weight = s[i] * alpha
                s[i] -= weight
                s[i + TILE_PIXELS] += weight * red
                s[i + 2 * TILE_PIXELS] += weight * green
                s[i + 3 * TILE_PIXELS] += weight * blue
            pair += 1
            if pair & (OPACITY_CHECKED_EVERY - 1) == 0 and state[:TILE_PIXELS].max() < OPAQUE_REST:
                break
        lasts[tile] = pair
        rests[tile] = state[:TILE_PIXELS]
        for channel in range(3):
            colours[tile, channel] = state[(channel + 1) * TILE_PIXELS : (channel + 2) * TILE_PIXELS]


@threaded(vectorised=True)
def draw_depths(begin, end, flat, starts, order, across, depths):  # pragma: no cover - compiled
    """Fill `depths` [T, TILE_PIXELS] with the z at which half of the light is held back, on the plane of the Gaussian
    that does it; where the Gaussians hold back less, 0."""
    state = np.empty(4 * TILE_PIXELS, np.float32)  # rest, z, x, y
    for tile in range(begin, end):
        state[:TILE_PIXELS] = F(1)
        state[TILE_PIXELS : 2 * TILE_PIXELS] = F(0)
        place_pixels(state, 2 * TILE_PIXELS, 3 * TILE_PIXELS, tile, across)
        for pair in range(starts[tile], starts[tile + 1]):
            k = order[pair]
            first, last = covered_rows(flat, k, tile, across)
            s = state[first * TILE :]
            px, py, opacity = flat[k, X], flat[k, Y], flat[k, OPACITY]
            a, b, c = F(-0.5) * flat[k, CONIC_A], -flat[k, CONIC_B], F(-0.5) * flat[k, CONIC_C]
            z, zx, zy = flat[k, DEPTH], flat[k, DEPTH_X], flat[k, DEPTH_Y]
            for i in range((last - first) * TILE):
                dx = s[i + 2 * TILE_PIXELS] - px
                dy = s[i + 3 * TILE_PIXELS] - py
                alpha = min(opacity * exp(max(dx * (a * dx + b * dy) + c * dy * dy, F(-80))), MOST_ALPHA)
                alpha = alpha if alpha >= LEAST_ALPHA else F(0)
                after = s[i] * (F(1) - alpha)
                here = s[i] > F(0.5) and after <= F(0.5)
                s[i + TILE_PIXELS] = z + zx * dx + zy * dy if here else s[i + TILE_PIXELS]
                s[i] = after
            if pair & (OPACITY_CHECKED_EVERY - 1) == 0 and state[:TILE_PIXELS].max() <= F(0.5):
                break
        depths[tile] = state[TILE_PIXELS : 2 * TILE_PIXELS]
