"""The photos as ingest left them: pixels and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..ingest.dataset import Dataset, DatasetImage


def read_dataset(workspace: Path) -> Dataset:
    """`ingest/dataset.json`."""
    return Dataset.model_validate_json((workspace / "ingest" / "dataset.json").read_bytes())


def read_rgb(workspace: Path, image: DatasetImage) -> NDArray[np.uint8]:
    """Colours [H, W, 3]; meaningless where the photo is transparent."""
    with Image.open(workspace / image.file) as file:
        return np.asarray(file.convert("RGBA") if file.mode in ("RGBA", "LA", "P") else file.convert("RGB"))[..., :3]


def read_mask(workspace: Path, image: DatasetImage) -> NDArray[np.uint8] | None:
    """Coverage [H, W] by the object, 0 to 255: the photo's alpha, else its mask file, else None."""
    if image.has_alpha:
        with Image.open(workspace / image.file) as file:
            return np.asarray(file.convert("RGBA").getchannel("A"))
    if image.mask is not None:
        with Image.open(workspace / image.mask) as file:
            return np.asarray(file.convert("L"))
    return None
