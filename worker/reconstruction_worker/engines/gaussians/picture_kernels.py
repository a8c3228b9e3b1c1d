"""What a drawn picture is compared with its photo by: L1 and structural similarity (SSIM), with their slopes.

Pictures are planes of colours with a border of zeros as wide as half of SSIM's window: [3, H + 2 BORDER, W + 2 BORDER].
"""

import numpy as np

from ...compiled import inlined, threaded
from .conventions import TILE
from .kernel_math import F

WINDOW = 11
BORDER = WINDOW // 2
C1, C2 = F(0.01**2), F(0.03**2)
"""SSIM's constants for values in 0..1 (Wang et al. 2004)."""


@threaded(vectorised=True)
def compose(
    begin, end, across, width, height, colours, rests, planes, alphas, background, gains, ours, theirs
):  # pragma: no cover - compiled
    """From tiles to pictures over a background [3]: what was drawn at the photo's exposure (`gains` [3]) in `ours`, the
    photo in `theirs`. `planes` [3, H, W] (uint8) are the photo's, premultiplied with `alphas` [H, W] (uint8)."""
    unit = F(1 / 255)
    for tile in range(begin, end):
        top = (tile // across) * TILE
        left = (tile % across) * TILE
        columns = min(TILE, width - left)
        for channel in range(3):
            behind = background[channel]
            gain = gains[channel]
            for row in range(min(TILE, height - top)):
                first = row * TILE
                x = ours[channel, top + row + BORDER, left + BORDER : left + BORDER + columns]
                y = theirs[channel, top + row + BORDER, left + BORDER : left + BORDER + columns]
                drawn = colours[tile, channel, first : first + columns]
                rest = rests[tile, first : first + columns]
                seen = planes[channel, top + row, left : left + columns]
                alpha = alphas[top + row, left : left + columns]
                for i in range(columns):
                    x[i] = gain * drawn[i] + rest[i] * behind
                    y[i] = F(seen[i]) * unit + (F(1) - F(alpha[i]) * unit) * behind


@inlined
def smooth(values, smoothed, window, width):  # pragma: no cover - compiled
    """Fill `smoothed` [W] with the weighted means of `values` [W + 2 BORDER] in windows along the row."""
    for i in range(width):
        smoothed[i] = (
            window[0] * (values[i] + values[i + 10])
            + window[1] * (values[i + 1] + values[i + 9])
            + window[2] * (values[i + 2] + values[i + 8])
            + window[3] * (values[i + 3] + values[i + 7])
            + window[4] * (values[i + 4] + values[i + 6])
            + window[5] * values[i + 5]
        )


@threaded(vectorised=True)
def similarity(begin, end, height, width, ours, theirs, window, slopes, values):  # pragma: no cover - compiled
    """SSIM around each pixel. Rows are those of three planes, one after the other. Fills `slopes` [3, 3, ...] with its
    derivatives by a window's mean, mean square and mean product, and `values` [3 H] with the sum over each row."""
    down = np.empty((5, width + 2 * BORDER), np.float32)
    means = np.empty((5, width), np.float32)
    for row in range(begin, end):
        channel = row // height
        r = row % height
        b0, b1, b2, b3, b4 = down[0], down[1], down[2], down[3], down[4]
        down[:] = F(0)
        for k in range(WINDOW):
            weight = window[k]
            x = ours[channel, r + k]
            y = theirs[channel, r + k]
            for i in range(width + 2 * BORDER):
                u = x[i] * weight
                v = y[i] * weight
                b0[i] += u
                b1[i] += v
                b2[i] += u * x[i]
                b3[i] += v * y[i]
                b4[i] += u * y[i]
        for m in range(5):
            smooth(down[m], means[m], window, width)
        by_mean = slopes[0, channel, r + BORDER]
        by_square = slopes[1, channel, r + BORDER]
        by_product = slopes[2, channel, r + BORDER]
        total = F(0)
        for i in range(width):
            mine = means[0, i]
            other = means[1, i]
            a1 = F(2) * mine * other + C1
            a2 = F(2) * (means[4, i] - mine * other) + C2
            b1_ = mine * mine + other * other + C1
            b2_ = means[2, i] - mine * mine + means[3, i] - other * other + C2
            inverse = F(1) / (b1_ * b2_)
            ssim = a1 * a2 * inverse
            total += ssim
            by_mean[i + BORDER] = F(2) * (other * (a2 - a1) - ssim * mine * (b2_ - b1_)) * inverse
            by_square[i + BORDER] = -ssim / b2_
            by_product[i + BORDER] = F(2) * a1 * inverse
        values[row] = total


@threaded(vectorised=True)
def slopes_of_picture(
    begin, end, height, width, ours, theirs, window, slopes, by_l1, by_ssim, by_ours, differences
):  # pragma: no cover - compiled
    """Fill `by_ours` [3, H, W] with the slopes of by_l1 |ours - theirs| - by_ssim SSIM by the pixels, and `differences`
    [3 H, 2] with each row's sums of absolute and squared differences."""
    down = np.empty((3, width + 2 * BORDER), np.float32)
    means = np.empty((3, width), np.float32)
    for row in range(begin, end):
        channel = row // height
        r = row % height
        x = ours[channel, r + BORDER, BORDER : BORDER + width]
        y = theirs[channel, r + BORDER, BORDER : BORDER + width]
        slope = by_ours[channel, r]
        absolute = F(0)
        squared = F(0)
        for i in range(width):
            difference = x[i] - y[i]
            absolute += abs(difference)
            squared += difference * difference
            slope[i] = by_l1 if difference > 0 else -by_l1
        differences[row, 0] = absolute
        differences[row, 1] = squared
        if by_ssim > 0:
            b0, b1, b2 = down[0], down[1], down[2]
            down[:] = F(0)
            for k in range(WINDOW):
                weight = window[k]
                s0 = slopes[0, channel, r + k]
                s1 = slopes[1, channel, r + k]
                s2 = slopes[2, channel, r + k]
                for i in range(width + 2 * BORDER):
                    b0[i] += weight * s0[i]
                    b1[i] += weight * s1[i]
                    b2[i] += weight * s2[i]
            for m in range(3):
                smooth(down[m], means[m], window, width)
            m0, m1, m2 = means[0], means[1], means[2]
            for i in range(width):
                slope[i] -= by_ssim * (m0[i] + F(2) * x[i] * m1[i] + y[i] * m2[i])


@threaded(vectorised=True)
def into_tiles(
    begin, end, across, width, height, ours, theirs, by_ours, background, gains, drawn, by_colours, by_rests, errors,
    by_gains,
):  # fmt: skip # pragma: no cover - compiled
    """The way back from pictures to tiles: slopes by what was drawn, by what passed it, and by the gains (`by_gains`
    [T, 3], each tile's share); `errors` [T, TILE_PIXELS] are the absolute differences of the channels, added up."""
    for tile in range(begin, end):
        top = (tile // across) * TILE
        left = (tile % across) * TILE
        columns = min(TILE, width - left)
        by_colours[tile] = F(0)
        by_rests[tile] = F(0)
        errors[tile] = F(0)
        for channel in range(3):
            behind = background[channel]
            gain = gains[channel]
            by_gain = F(0)
            for row in range(min(TILE, height - top)):
                first = row * TILE
                slope = by_ours[channel, top + row, left : left + columns]
                x = ours[channel, top + row + BORDER, left + BORDER : left + BORDER + columns]
                y = theirs[channel, top + row + BORDER, left + BORDER : left + BORDER + columns]
                colour = drawn[tile, channel, first : first + columns]
                by_colour = by_colours[tile, channel, first : first + columns]
                by_rest = by_rests[tile, first : first + columns]
                error = errors[tile, first : first + columns]
                for i in range(columns):
                    by_colour[i] = slope[i] * gain
                    by_rest[i] += slope[i] * behind
                    error[i] += abs(x[i] - y[i])
                    by_gain += slope[i] * colour[i]
            by_gains[tile, channel] = by_gain
