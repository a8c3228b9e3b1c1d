"""Builders of photos, good and bad."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.stages import StageName
from reconstruction_api.worker import Progress
from reconstruction_worker.ingest.dataset import Dataset, DatasetImage
from reconstruction_worker.ingest.limits import Limits
from reconstruction_worker.stage import StageContext, StageOutput
from reconstruction_worker.stages import ingest


def picture(seed: int = 0, width: int = 320, height: int = 240, mode: str = "RGB") -> Image.Image:
    """A picture with detail at several scales, another one for each seed."""
    random = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(random.integers(0, 256, (cells, cells, 3), np.uint8)).resize((width, height)), np.float32
        )
        for cells in (4, 16, 64)
    ]
    image = Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))
    if mode == "RGBA":
        alpha = Image.new("L", image.size, 0)
        alpha.paste(255, (width // 4, height // 4, width * 3 // 4, height * 3 // 4))
        image.putalpha(alpha)
        return image
    return image.convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def write_photos(folder: Path, count: int, form: str = "JPEG", suffix: str = "jpg", first_seed: int = 0) -> None:
    """`count` different photos p0, p1, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        (folder / f"p{index}.{suffix}").write_bytes(encoded(picture(first_seed + index), form))


class Ingested:
    """The ingest stage, run in this process. The engine is one whose bounds are not known here."""

    def __init__(self, folder: Path, photos: Path | None, limits: Limits | None = None, **spec: Any):
        self.workspace = folder / "workspace"
        self.reports: list[Progress] = []
        context = StageContext(
            name=StageName.INGEST,
            workspace=self.workspace,
            spec=ReconstructionJobSpec.model_validate({"source": {"uri": "photos"}, "engine": "elsewhere", **spec}),
            report=self.reports.append,
            stop_requested=lambda: False,
            source=photos,
        )
        self.output: StageOutput = ingest.run(context, limits)
        self.dataset = Dataset.model_validate_json((self.workspace / "ingest" / "dataset.json").read_bytes())

    @property
    def images(self) -> list[DatasetImage]:
        return self.dataset.images

    @property
    def dropped(self) -> dict[str, str]:
        """Codes of dropped photos by name."""
        return {item.name: item.code for item in self.dataset.dropped}

    def open(self, index: int = 0) -> Image.Image:
        with Image.open(self.workspace / self.images[index].file) as image:
            image.load()
            return image
