"""Photos of one scene with different exposures: what a camera recorded about its exposure explains their brightness."""

from __future__ import annotations

import torch
from torch import Tensor, nn

FIRST_RESPONSE = 0.45
"""1 / 2.2: how stored values follow the light where a camera does no more than encode for a screen."""


class ExposureResponse(nn.Module):
    """Brightness as a power of the exposure, one exponent for each channel (as in Debevec and Malik 1997, with the
    response curve reduced to a power). The exponents are learnt with the scene; the exposures are known."""

    def __init__(self) -> None:
        super().__init__()
        self.exponents = nn.Parameter(torch.full((3,), FIRST_RESPONSE))

    def forward(self, log_exposures: Tensor) -> Tensor:
        """Factors [N, 3] for colours at the natural logarithms of their exposures [N, 1]."""
        return torch.exp(log_exposures * self.exponents)
