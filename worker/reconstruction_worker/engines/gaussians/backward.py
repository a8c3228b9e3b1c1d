"""From the slopes of a loss by the tiles' pixels to those by flat Gaussians.

The pass walks from front to back like the drawing itself: what lies behind a Gaussian is the pixel's final colour less
what was passed before. So nothing but the picture and each tile's last pair is kept of the drawing. Each pair has a row
of its own for its sums; they are added up Gaussian by Gaussian in one order, whatever the threads did.
"""

import numpy as np

from ...compiled import threaded
from .conventions import LEAST_ALPHA, MOST_ALPHA, TILE, TILE_PIXELS
from .forward import covered_rows, place_pixels
from .kernel_math import F, exp
from .projection import BLUE, CONIC_A, CONIC_B, CONIC_C, GREEN, OPACITY, RED, X, Y

SUMS = 11
"""Of a pair: slopes by red, green and blue; sums over the pixels of q, q dx, q dy, q dx^2, q dx dy and q dy^2, where q
is alpha times the slope by alpha; the error of the pixels as far as the Gaussian shows them, and the light that it
gives."""


@threaded(vectorised=True)
def slopes_of_pairs(
    begin, end, flat, starts, order, lasts, across, width, height, colours, rests, by_colours, by_rests, errors, sums
):  # pragma: no cover - compiled
    """Fill `sums` [pairs, SUMS]. `by_colours` and `by_rests` are the loss's slopes, like `colours` and `rests` of
    `draw`; `errors` [T, TILE_PIXELS] is what is wrong with each pixel."""
    state = np.empty(8 * TILE_PIXELS, np.float32)  # rest, slope of all behind, slopes by r, g, b, x, y, error
    for tile in range(begin, end):
        columns = width - (tile % across) * TILE
        rows = height - (tile // across) * TILE
        for i in range(TILE_PIXELS):  # nothing is shown outside of the picture
            state[i] = F(1) if i % TILE < columns and i // TILE < rows else F(0)
        place_pixels(state, 5 * TILE_PIXELS, 6 * TILE_PIXELS, tile, across)
        for i in range(TILE_PIXELS):
            behind = rests[tile, i] * by_rests[tile, i]
            for channel in range(3):
                state[(2 + channel) * TILE_PIXELS + i] = by_colours[tile, channel, i]
                behind += colours[tile, channel, i] * by_colours[tile, channel, i]
            state[TILE_PIXELS + i] = behind
            state[7 * TILE_PIXELS + i] = errors[tile, i]
        sums[lasts[tile] : starts[tile + 1]] = F(0)
        for pair in range(starts[tile], lasts[tile]):
            k = order[pair]
            first, last = covered_rows(flat, k, tile, across)
            s = state[first * TILE :]
            px, py = flat[k, X], flat[k, Y]
            a, b, c = F(-0.5) * flat[k, CONIC_A], -flat[k, CONIC_B], F(-0.5) * flat[k, CONIC_C]
            opacity, red, green, blue = flat[k, OPACITY], flat[k, RED], flat[k, GREEN], flat[k, BLUE]
            by_red = F(0)
            by_green = F(0)
            by_blue = F(0)
            q_1 = F(0)
            q_x = F(0)
            q_y = F(0)
            q_xx = F(0)
            q_xy = F(0)
            q_yy = F(0)
            wrong = F(0)
            light = F(0)
            for i in range((last - first) * TILE):
                dx = s[i + 5 * TILE_PIXELS] - px
                dy = s[i + 6 * TILE_PIXELS] - py
                whole = opacity * exp(max(dx * (a * dx + b * dy) + c * dy * dy, F(-80)))
                alpha = min(whole, MOST_ALPHA)
                alpha = alpha if alpha >= LEAST_ALPHA else F(0)
                rest = s[i]
                weight = rest * alpha
                slope_red = s[i + 2 * TILE_PIXELS]
                slope_green = s[i + 3 * TILE_PIXELS]
                slope_blue = s[i + 4 * TILE_PIXELS]
                own = red * slope_red + green * slope_green + blue * slope_blue
                behind = s[i + TILE_PIXELS] - weight * own
                s[i + TILE_PIXELS] = behind
                s[i] = rest - weight
                by_red += weight * slope_red
                by_green += weight * slope_green
                by_blue += weight * slope_blue
                wrong += weight * s[i + 7 * TILE_PIXELS]
                light += weight
                q = alpha * (rest * own - behind / (F(1) - alpha))
                q = q if whole <= MOST_ALPHA else F(0)
                q_1 += q
                q_x += q * dx
                q_y += q * dy
                q_xx += q * dx * dx
                q_xy += q * dx * dy
                q_yy += q * dy * dy
            row = sums[pair]
            row[0] = by_red
            row[1] = by_green
            row[2] = by_blue
            row[3] = q_1
            row[4] = q_x
            row[5] = q_y
            row[6] = q_xx
            row[7] = q_xy
            row[8] = q_yy
            row[9] = wrong
            row[10] = light
