"""SOG, version 2: Gaussians as lossless WebP pictures in a ZIP archive (PlayCanvas, "The SOG Format"). Written here,
checked with OpenCV's decoder.

Each pixel is a Gaussian, neighbours in space beside each other. Coordinates are those of the format: right-handed, y
up. Positions have 16 bits an axis, on a scale that is finer near the origin; sizes and colours are indices into lists
of 256 numbers; the harmonics above the constant ones are indices into a palette of at most 4,096 rows.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from reconstruction_api.formats import ExportFormat

from ..geometry.gaussian_sets import chosen, z_order
from ..geometry.gaussians import Gaussians
from ..geometry.harmonics import DEGREES
from .checking import Content, reading, require
from .codebook import codebook, nearest, palette
from .exporter import Exporter
from .gaussian_values import Rounding, compare_gaussians, log_scales, y_up
from .smallest_three import LIMIT, completed, kept
from .smallest_three import rounding as turn_rounding

FILE = ExportFormat.SOG.file
GENERATOR: Final = "reconstruction-operator"
PALETTE: Final = 4096
"""Rows of harmonics at most. The format allows 65,536, which take a GPU to find."""
PALETTE_COLUMNS: Final = 64
FIRST_MODE: Final = 252
"""Alpha of a rotation whose first number is left out."""
_STEPS: Final = 65535
_EFFORT: Final = {"lossless": True, "quality": 80, "method": 4, "exact": True}
"""Of WebP; `exact` keeps the colours of transparent pixels."""


def write(gaussians: Gaussians, folder: Path) -> list[Path]:
    """Write `splats.sog`, y up. `gaussians` are z up."""
    stored = _storable(gaussians)
    curved = _curve(stored.means)
    low, high = curved.min(axis=0), curved.max(axis=0)
    positions = np.rint((curved - low) / np.maximum(high - low, 1e-12) * _STEPS).astype(np.uint16)
    largest, others = kept(stored.rotations)
    sizes, colours = log_scales(stored), stored.harmonics[:, 0]
    size_book, colour_book = codebook(sizes), codebook(colours)
    pictures = {
        "means_l.webp": _picture(positions & 0xFF),
        "means_u.webp": _picture(positions >> 8),
        "quats.webp": _picture(np.c_[np.rint((others / LIMIT + 1) / 2 * 255), largest + FIRST_MODE]),
        "scales.webp": _picture(nearest(sizes, size_book)),
        "sh0.webp": _picture(np.c_[nearest(colours, colour_book), np.rint(stored.opacities * 255)]),
    }
    meta = {
        "version": 2,
        "asset": {"generator": GENERATOR},
        "count": len(stored),
        "antialias": stored.antialiased,
        **({"model": "antialiased"} if stored.antialiased else {}),  # as SplatTransform 3 says it
        "means": {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]},
        "scales": {"codebook": size_book.tolist(), "files": ["scales.webp"]},
        "quats": {"files": ["quats.webp"]},
        "sh0": {"codebook": colour_book.tolist(), "files": ["sh0.webp"]},
    }
    if stored.harmonics.shape[1] > 1:
        meta["shN"], more = _harmonics(stored.harmonics[:, 1:])
        pictures |= more
    path = folder / FILE
    with zipfile.ZipFile(path, "w") as archive:  # pictures are compressed already
        for name, picture in pictures.items():
            archive.writestr(zipfile.ZipInfo(name), _webp(picture))
        archive.writestr(zipfile.ZipInfo("meta.json"), json.dumps(meta, separators=(",", ":")))
    return [path]


def check(gaussians: Gaussians, folder: Path) -> Content:
    """Open `splats.sog` again. Raises ExportFailed."""
    meant = _storable(gaussians)
    with reading(FILE), zipfile.ZipFile(folder / FILE) as archive:
        found, meta = _read(archive)
    curved = _curve(meant.means)
    rounding = Rounding(
        position=np.ptp(curved, axis=0) / _STEPS * 0.55 * np.exp(np.abs(curved)) + 1e-6 * np.abs(meant.means).max(),
        log_scale=_distance(log_scales(meant), meta["scales"]["codebook"]),
        turn=turn_rounding(2 * LIMIT / 255),
        opacity=0.51 / 255,
        colour=_distance(meant.harmonics[:, :1], meta["sh0"]["codebook"]),
        harmonics=float(np.ptp(meant.harmonics[:, 1:])) if meant.harmonics.shape[1] > 1 else 0.0,
    )
    content = compare_gaussians(FILE, found, meant, rounding)
    off, all_of = (found.harmonics - meant.harmonics)[:, 1:], meant.harmonics[:, 1:]
    near = float((off**2).sum()) <= float(((all_of - all_of.mean(axis=0)) ** 2).sum()) + 1e-6 * all_of.size
    require(FILE, near, "its colours by direction are farther from those meant than their mean is")
    return content


def _storable(gaussians: Gaussians) -> Gaussians:
    """Upright, in the file's order."""
    upright = y_up(gaussians)
    return chosen(upright, z_order(upright.means))


def _curve(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Coordinates on the scale on which they are stored."""
    return np.sign(positions) * np.log1p(np.abs(positions.astype(np.float64)))


def _harmonics(rest: NDArray[np.float32]) -> tuple[dict[str, Any], dict[str, NDArray[np.uint8]]]:
    """What `meta.json` says of the coefficients above the constant ones [N, K, 3], and their pictures."""
    count, coefficients, _ = rest.shape
    rows, labels = palette(rest.reshape(count, -1), PALETTE)
    book = codebook(rows)
    filled = np.zeros((-(-len(rows) // PALETTE_COLUMNS) * PALETTE_COLUMNS, coefficients, 3), np.uint8)
    filled[: len(rows)] = nearest(rows, book).reshape(-1, coefficients, 3)
    files = ["shN_centroids.webp", "shN_labels.webp"]
    meta = {"count": len(rows), "bands": DEGREES[coefficients + 1], "codebook": book.tolist(), "files": files}
    centroids = filled.reshape(-1, PALETTE_COLUMNS * coefficients, 3)
    label_rows = np.stack([labels & 0xFF, labels >> 8, np.zeros_like(labels)], axis=1)
    return meta, {files[0]: centroids, files[1]: _picture(label_rows)}


def _picture(rows: NDArray[Any]) -> NDArray[np.uint8]:
    """A pixel for each row, line by line, in a picture about as high as wide. [N, C] -> [H, W, C]"""
    count, channels = rows.shape
    width = 4 * math.ceil(math.sqrt(count) / 4)
    height = 4 * math.ceil(count / width / 4)
    pixels = np.zeros((height * width, channels), np.uint8)
    pixels[:count] = rows
    return pixels.reshape(height, width, channels)


def _webp(picture: NDArray[np.uint8]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "WEBP", **_EFFORT)
    return data.getvalue()


def _read(archive: zipfile.ZipFile) -> tuple[Gaussians, dict[str, Any]]:
    """The Gaussians as they lie, and `meta.json`."""
    meta = json.loads(archive.read("meta.json"))
    require(FILE, meta["version"] == 2, "it is not of version 2")

    def picture(kind: str, index: int = 0) -> NDArray[np.uint8]:
        encoded = np.frombuffer(archive.read(meta[kind]["files"][index]), np.uint8)
        decoded = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
        order = cv2.COLOR_BGRA2RGBA if decoded.shape[2] == 4 else cv2.COLOR_BGR2RGB
        return cv2.cvtColor(decoded, order).astype(np.uint8)

    def rows(kind: str, index: int = 0) -> NDArray[np.int64]:
        pixels = picture(kind, index)
        return pixels.reshape(-1, pixels.shape[2])[: meta["count"]].astype(np.int64)

    low, high = np.array(meta["means"]["mins"]), np.array(meta["means"]["maxs"])
    curved = low + (high - low) * (rows("means", 0)[:, :3] | rows("means", 1)[:, :3] << 8) / _STEPS
    quats, sh0 = rows("quats"), rows("sh0")
    require(FILE, bool((quats[:, 3] >= FIRST_MODE).all()), "a rotation has a mode that the format does not know")
    harmonics = np.array(meta["sh0"]["codebook"], np.float32)[sh0[:, None, :3]]
    if "shN" in meta:
        coefficients = (meta["shN"]["bands"] + 1) ** 2 - 1
        palette_rows = picture("shN")[..., :3].reshape(-1, coefficients, 3)
        labels = rows("shN", 1)
        label = labels[:, 0] | labels[:, 1] << 8
        require(FILE, int(label.max()) < meta["shN"]["count"], "it points behind its palette's last row")
        rest = np.array(meta["shN"]["codebook"], np.float32)[palette_rows[label]]
        harmonics = np.concatenate([harmonics, rest], axis=1)
    found = Gaussians(
        means=(np.sign(curved) * np.expm1(np.abs(curved))).astype(np.float32),
        scales=np.exp(np.array(meta["scales"]["codebook"], np.float32)[rows("scales")[:, :3]]),
        rotations=completed(quats[:, 3] - FIRST_MODE, (quats[:, :3] / 255 * 2 - 1) * LIMIT),
        opacities=(sh0[:, 3] / 255).astype(np.float32),
        harmonics=harmonics,
        antialiased=meta["antialias"],
    )
    return found, meta


def _distance(values: NDArray[np.floating], book: list[float]) -> NDArray[np.floating]:
    """From each value to the entry nearest to it, which the file has to point to."""
    entries = np.array(book, np.float32)
    return np.abs(values - entries[nearest(values, entries)]) + 1e-4


EXPORTER = Exporter(write, check, up="y", checked_by=f"OpenCV {cv2.__version__} and the rules of SOG 2")
