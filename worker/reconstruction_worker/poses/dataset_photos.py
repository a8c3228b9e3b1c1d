"""The photos as ingest left them: pixels and masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.stages import StageName

from ..ingest.dataset import FILE, Dataset, DatasetImage
from ..stage import folder_of


def dataset_file(workspace: Path) -> Path:
    """Where ingest leaves the list of photos."""
    return folder_of(workspace, StageName.INGEST) / FILE


def read_dataset(workspace: Path) -> Dataset:
    """`ingest/dataset.json`."""
    return Dataset.model_validate_json(dataset_file(workspace).read_bytes())


def source_names(workspace: Path) -> dict[str, str]:
    """What the source calls the photos, by the names of their files without suffix: an undistorted picture has its
    photo's name with another one. None where there is no `ingest/dataset.json`."""
    if not dataset_file(workspace).exists():
        return {}
    return {Path(photo.name).stem: photo.original.name for photo in read_dataset(workspace).images}


def read_rgb(workspace: Path, image: DatasetImage) -> NDArray[np.uint8]:
    """Colours [H, W, 3]; meaningless where the photo is transparent."""
    with Image.open(workspace / image.file) as file:
        return np.asarray(file.convert("RGBA") if file.mode in ("RGBA", "LA", "P") else file.convert("RGB"))[..., :3]


def read_mask(workspace: Path, image: DatasetImage) -> NDArray[np.uint8] | None:
    """Coverage [H, W] by the object, 0 to 255, as large as `image`: its alpha, else its mask file, else None."""
    if image.has_alpha:
        with Image.open(workspace / image.file) as file:
            return np.asarray(file.convert("RGBA").getchannel("A"))
    if image.mask is not None:
        with Image.open(workspace / image.mask) as file:
            mask = file.convert("L")
        size = image.width, image.height
        return np.asarray(mask if mask.size == size else mask.resize(size, Image.Resampling.BILINEAR))
    return None
