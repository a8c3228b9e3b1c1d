"""FLIP: how different two pictures look to a person who flips between them, by its paper (Andersson, Nilsson,
Akenine-Möller, Oskarsson, Åström, Fairchild 2020, "FLIP: A Difference Evaluator for Alternating Images").

It needs no weights, so it is always there. 0 is equal, 1 as different as colours can be. Pictures are [H, W, 3], sRGB
values in 0..1, looked at as the paper does by default: on a monitor 0.7 m wide with 3840 pixels, from 0.7 m.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
Channel = NDArray[np.float64]

PIXELS_PER_DEGREE: Final = 0.7 * 3840 / 0.7 * math.pi / 180
COLOUR_EXPONENT: Final = 0.7
"""q_c of the paper."""
KNEE: Final = (0.4, 0.95)
"""p_c and p_t: colour differences up to 0.4 of the largest take 0.95 of the range."""
FEATURE_DEGREES: Final = 0.082
"""Width of the detector of edges and points."""
FEATURE_EXPONENT: Final = 0.5
"""q_f of the paper."""
XYZ: Final = np.array(
    [
        [10135552 / 24577794, 8788810 / 24577794, 4435075 / 24577794],
        [2613072 / 12288897, 8788810 / 12288897, 887015 / 12288897],
        [1425312 / 73733382, 8788810 / 73733382, 70074185 / 73733382],
    ]
)
"""From linear sRGB to CIE XYZ (D65)."""
WHITE: Final = XYZ.sum(axis=1)


@dataclass(frozen=True)
class _Gaussian:
    """One term of a contrast sensitivity function: `a exp(-b f^2)` over frequencies in cycles a degree."""

    a: float
    b: float


SENSITIVITY: Final = (
    (_Gaussian(1.0, 0.0047),),
    (_Gaussian(1.0, 0.0053),),
    (_Gaussian(34.1, 0.04), _Gaussian(13.5, 0.025)),
)
"""Of the eye for luminance, red against green and blue against yellow (table 1 of the paper)."""


def flip(picture: NDArray[np.floating], reference: NDArray[np.floating]) -> float:
    """Mean over the pixels."""
    return float(flip_map(picture, reference).mean())


def flip_map(picture: NDArray[np.floating], reference: NDArray[np.floating]) -> Channel:
    """The difference that is seen at each pixel, 0 to 1. [H, W]"""
    one, other = (_opponent(_linear(np.clip(np.asarray(each, np.float64), 0, 1))) for each in (picture, reference))
    return _colour_difference(one, other) ** (1 - _feature_difference(one[..., 0], other[..., 0]))


def _colour_difference(one: Picture, other: Picture) -> Channel:
    """Of what the eye resolves, redistributed to 0..1: large differences are all about equally bad."""
    difference = _hyab(_perceived(one), _perceived(other)) ** COLOUR_EXPONENT
    largest, (share, value) = _largest(), KNEE
    knee = share * largest
    return np.where(
        difference < knee,
        difference * (value / knee),
        value + (difference - knee) / (largest - knee) * (1 - value),
    ).clip(0, 1)


def _feature_difference(one: Channel, other: Channel) -> Channel:
    """Of edges and points, of which people see the smallest: the larger of the two. [H, W], 0 to 1"""
    first, second = ((luminance + 16) / 116 for luminance in (one, other))
    most = np.zeros(one.shape)
    for derivative in _detectors():
        strengths = [np.hypot(*_gradient(channel, derivative)) for channel in (first, second)]
        most = np.maximum(most, np.abs(strengths[0] - strengths[1]))
    return ((most / math.sqrt(2)) ** FEATURE_EXPONENT).clip(0, 1)


def _gradient(channel: Channel, derivative: NDArray[np.float64]) -> tuple[Channel, Channel]:
    smooth = _smooth_of(derivative)
    return _filtered(channel, derivative, smooth), _filtered(channel, smooth, derivative)


@cache
def _kernel_positions() -> tuple[NDArray[np.float64], float]:
    """Pixels along the feature detector, and its standard deviation."""
    deviation = 0.5 * FEATURE_DEGREES * PIXELS_PER_DEGREE
    radius = math.ceil(3 * deviation)
    return np.arange(-radius, radius + 1, dtype=np.float64), deviation


def _smooth_of(derivative: NDArray[np.float64]) -> NDArray[np.float64]:
    places, deviation = _kernel_positions()
    weights = np.exp(-(places**2) / (2 * deviation**2))
    assert len(weights) == len(derivative)
    return weights / weights.sum()


@cache
def _detectors() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """First and second derivative of a Gaussian; positive weights add up to 1 and negative ones to -1."""
    places, deviation = _kernel_positions()
    gaussian = np.exp(-(places**2) / (2 * deviation**2))
    return _balanced(-places * gaussian), _balanced((places**2 / deviation**2 - 1) * gaussian)


def _balanced(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    positive, negative = weights.clip(min=0), weights.clip(max=0)
    return positive / positive.sum() - negative / negative.sum()


def _perceived(opponent: Picture) -> Picture:
    """What is left of a picture at the distance it is seen from, in CIELAB with colours as weak as they look in the
    dark (Hunt effect)."""
    seen = np.stack([_seen(opponent[..., index], index) for index in range(3)], axis=-1)
    return _hunt(np.clip(_from_opponent(seen), 0, 1))


def _seen(channel: Channel, index: int) -> Channel:
    total = np.zeros(channel.shape)
    for kernel, weight in _sensitivity(index):
        total += weight * _filtered(channel, kernel, kernel)
    return total


@cache
def _sensitivity(index: int) -> tuple[tuple[NDArray[np.float64], float], ...]:
    """Filters of a channel along one side, each with its weight; they add up to 1."""
    widest = max(term.b for terms in SENSITIVITY for term in terms)
    radius = math.ceil(3 * math.sqrt(widest / (2 * math.pi**2)) * PIXELS_PER_DEGREE)
    degrees = np.arange(-radius, radius + 1) / PIXELS_PER_DEGREE
    kernels = [np.exp(-(math.pi**2) * degrees**2 / term.b) for term in SENSITIVITY[index]]
    weights = [
        term.a * math.sqrt(math.pi / term.b) * float(kernel.sum()) ** 2
        for term, kernel in zip(SENSITIVITY[index], kernels, strict=True)
    ]
    return tuple(
        (kernel / kernel.sum(), weight / sum(weights)) for kernel, weight in zip(kernels, weights, strict=True)
    )


def _filtered(channel: Channel, across: NDArray[np.float64], down: NDArray[np.float64]) -> Channel:
    """The border continues as it is."""
    # OpenCV correlates: a filter that is not symmetric is mirrored, which changes no difference of strengths.
    return np.asarray(cv2.sepFilter2D(channel, cv2.CV_64F, across, down, borderType=cv2.BORDER_REPLICATE), np.float64)


@cache
def _largest() -> float:
    """The difference of the two colours that are farthest apart."""
    green, blue = (_hunt(np.array([[colour]], np.float64)) for colour in ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
    return float(_hyab(green, blue)[0, 0]) ** COLOUR_EXPONENT


def _hyab(one: Picture, other: Picture) -> Channel:
    """Distance of colours that are far apart (Abasi, Amani Tehran, Fairchild 2020)."""
    difference = one - other
    return np.abs(difference[..., 0]) + np.hypot(difference[..., 1], difference[..., 2])


def _hunt(linear: Picture) -> Picture:
    """CIELAB of linear sRGB, its colours scaled by the lightness."""
    cube = _root(linear @ XYZ.T / WHITE)
    lightness = 116 * cube[..., 1] - 16
    colours = np.stack([500 * (cube[..., 0] - cube[..., 1]), 200 * (cube[..., 1] - cube[..., 2])], axis=-1)
    return np.concatenate([lightness[..., None], 0.01 * lightness[..., None] * colours], axis=-1)


def _root(ratio: Picture) -> Picture:
    edge = 6 / 29
    return np.where(ratio > edge**3, np.cbrt(ratio), ratio / (3 * edge**2) + 4 / 29)


def _linear(srgb: Picture) -> Picture:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _opponent(linear: Picture) -> Picture:
    """YCxCz: luminance, red against green, blue against yellow, linear in light."""
    x, y, z = np.moveaxis(linear @ XYZ.T / WHITE, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _from_opponent(opponent: Picture) -> Picture:
    luminance, red, blue = np.moveaxis(opponent, -1, 0)
    y = (luminance + 16) / 116
    return (np.stack([y + red / 500, y, y - blue / 200], axis=-1) * WHITE) @ np.linalg.inv(XYZ).T
