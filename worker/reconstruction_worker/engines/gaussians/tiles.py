"""Which flat Gaussians touch which tiles of a picture, from front to back.

Tiles are numbered row by row. A Gaussian and a tile that it touches are a pair; pairs are kept in the order of tiles,
and within a tile in that of depth.
"""

import numpy as np

from ...compiled import compiled
from .conventions import LEAST_ALPHA, TILE
from .kernel_math import F
from .projection import CONIC_A, CONIC_B, CONIC_C, OPACITY, X, Y


@compiled
def pair_up(flat, tiles, across, splats, tile_of, starts, firsts, count):  # pragma: no cover - compiled
    """Pairs of Gaussians, sorted by depth, with the tiles that their ellipses touch. Fills `splats` and `tile_of` (rows
    of `flat` and tiles, Gaussian by Gaussian), `starts` [T + 1], which must be zero (pairs before each tile), `firsts`
    [N + 1] (pairs before each Gaussian), and `count` [1]: -1 where there is too little room."""
    found = 0
    count[0] = -1
    for k in range(len(flat)):
        firsts[k] = found
        px, py = flat[k, X], flat[k, Y]
        a, b, c = flat[k, CONIC_A], flat[k, CONIC_B], flat[k, CONIC_C]
        reach = F(2) * np.log(flat[k, OPACITY] / LEAST_ALPHA)
        x0, x1, y0, y1 = tiles[k, 0], tiles[k, 1], tiles[k, 2], tiles[k, 3]
        if found + (x1 - x0) * (y1 - y0) > len(splats):
            return
        for row in range(y0, y1):
            top = F(row * TILE) - py
            bottom = top + F(TILE)
            for column in range(x0, x1):
                left = F(column * TILE) - px
                right = left + F(TILE)
                least = F(0)  # of a x^2 + 2 b x y + c y^2 within the tile: on the edges that face the centre
                if x1 - x0 > 1 and y1 - y0 > 1 and not (left <= 0 <= right and top <= 0 <= bottom):
                    least = F(1e30)
                    if left > 0 or right < 0:
                        x = left if left > 0 else right
                        y = min(max(-b * x / c, top), bottom)
                        least = a * x * x + F(2) * b * x * y + c * y * y
                    if top > 0 or bottom < 0:
                        y = top if top > 0 else bottom
                        x = min(max(-b * y / a, left), right)
                        least = min(least, a * x * x + F(2) * b * x * y + c * y * y)
                if least <= reach:
                    splats[found] = k
                    tile_of[found] = row * across + column
                    starts[row * across + column + 1] += 1
                    found += 1
    firsts[len(flat)] = found
    for tile in range(len(starts) - 1):
        starts[tile + 1] += starts[tile]
    count[0] = found


@compiled
def sort_by_tile(count, splats, tile_of, starts, order, places):  # pragma: no cover - compiled
    """Counting sort, which keeps the order of depth: `order` gets the pairs' rows of `flat` tile by tile, `places`
    where there each pair of `pair_up` has gone."""
    cursor = starts[:-1].copy()
    for pair in range(count):
        place = cursor[tile_of[pair]]
        cursor[tile_of[pair]] = place + 1
        order[place] = splats[pair]
        places[pair] = place
