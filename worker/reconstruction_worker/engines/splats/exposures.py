"""How bright, and in which white balance, each photo shows the scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .adam import EPSILON, FIRST, SECOND, correction

FIRST_RESPONSE = 0.45
"""1 / 2.2: how stored values follow the light where a camera does no more than encode for a screen."""
RATE, LAST_RATE = 0.02, 0.002
"""Of learning, at the beginning and at the end: a photo is looked at a few dozen times only."""
DECAY = 2e-3
"""Share of a photo's own factor that is given up at each step with it: what the scene can explain, it is to explain."""


class Exposures:
    """A photo is `exp(log_exposure * exponents + own)` times as bright as the scene, channel by channel. `log_exposure`
    is what its camera recorded (0 where nothing is known); the exponents, a camera's response (Debevec and Malik 1997,
    reduced to a power), and each photo's own deviation are learnt."""

    def __init__(self, log_exposures: Sequence[float]):
        count = len(log_exposures)
        self.log_exposures = np.array(log_exposures, np.float64)
        self.exponents = np.full(3, FIRST_RESPONSE)
        self.own = np.zeros((count, 3))
        self._moments = {"exponents": np.zeros((2, 3)), "own": np.zeros((2, count, 3))}
        self._steps = {"exponents": np.zeros(1, np.int64), "own": np.zeros(count, np.int64)}

    def gains(self, photo: int) -> NDArray[np.float32]:
        """Factors of a photo's channels. [3]"""
        return np.exp(self.log_exposures[photo] * self.exponents + self.own[photo]).astype(np.float32)

    def learn(self, photo: int, by_gains: NDArray[np.float64], share: float, factor: float) -> None:
        """A step of Adam by a loss's slopes. `share` of the training is over; the rate is multiplied with `factor`."""
        slope = by_gains * self.gains(photo)
        factor = factor * RATE * (LAST_RATE / RATE) ** share
        if self.log_exposures[photo] != 0:
            moments, steps = self._moments["exponents"], self._steps["exponents"]
            self.exponents -= factor * _step(moments, steps, slope * self.log_exposures[photo])
        moments, steps = self._moments["own"][:, photo], self._steps["own"][photo : photo + 1]
        self.own[photo] -= factor * _step(moments, steps, slope) + DECAY * self.own[photo]

    def learnt(self) -> dict[str, NDArray[np.float32]]:
        """What a field needs to show views at their exposures."""
        return {"exponents": self.exponents.astype(np.float32), "exposure": self.own.mean(axis=0).astype(np.float32)}

    def state(self) -> dict[str, Any]:
        return {
            "exponents": self.exponents.tolist(),
            "own": self.own.tolist(),
            "moments": {name: values.tolist() for name, values in self._moments.items()},
            "steps": {name: values.tolist() for name, values in self._steps.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.exponents, self.own = np.array(state["exponents"]), np.array(state["own"])
        self._moments = {name: np.array(values) for name, values in state["moments"].items()}
        self._steps = {name: np.array(values, np.int64) for name, values in state["steps"].items()}


def _step(moments: NDArray[np.float64], steps: NDArray[np.int64], slope: NDArray[np.float64]) -> NDArray[np.float64]:
    """What Adam takes off values with that slope [3]; moves their `moments` [2, 3] and count of `steps` [1]."""
    steps += 1
    moments[0] = FIRST * moments[0] + (1 - FIRST) * slope
    moments[1] = SECOND * moments[1] + (1 - SECOND) * slope**2
    return correction(int(steps[0])) * moments[0] / (np.sqrt(moments[1]) + EPSILON)
