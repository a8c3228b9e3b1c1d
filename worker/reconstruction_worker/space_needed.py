"""About how many bytes a stage writes into the workspace, as far as the set tells beforehand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from reconstruction_api.job import ReconstructionJobSpec
from reconstruction_api.mesh import TextureSource
from reconstruction_api.stage_table import BY_NAME
from reconstruction_api.stages import StageName

from .ingest.larger import FEATURES_SIDE

_STORED_BYTES: Final = 0.4
"""A pixel of a square about a photo, as JPEG."""
_FEATURE_BYTES: Final = 8192 * (128 + 24)
"""Of a photo in COLMAP's database: so many SIFT features at most, a descriptor and a keypoint each."""
_MATCH_BYTES: Final = 300_000
"""Of a photo: some 20 pairs with a thousand matches each, raw and verified."""
_UNDISTORTED_BYTES: Final = 1.5
"""A pixel of the copies without distortion: 1.0 to 2.0 were measured on photos of five sets."""
_LARGER_BYTES: Final = 600_000
"""Of a photo of 1,600 pixels as JPEG, which is kept for the cameras where those that are trained on are smaller."""
_TEXTURE_BYTES: Final = 12
"""A texel: the image with its mask, and what is exported of it."""
_SCRATCH_BYTES: Final = 9
"""A texel of several pages while they are made: its colours in each of three ways of blending."""


def bytes_needed(stage: StageName, workspace: Path, spec: ReconstructionJobSpec) -> int:
    """0 where the set says nothing about it."""
    match stage:
        case StageName.POSES:
            pixels = _photos(workspace)
            return round(sum(_UNDISTORTED_BYTES * each + _FEATURE_BYTES + _MATCH_BYTES for each in pixels))
        case StageName.TEXTURE | StageName.EXPORT:
            pages = spec.mesh.chosen_texture_pages
            each = _TEXTURE_BYTES + (_SCRATCH_BYTES if pages > 1 and stage is StageName.TEXTURE else 0)
            return each * pages * spec.mesh.texture_size**2
        case _:
            return 0


def bytes_of_photos(spec: ReconstructionJobSpec, sizes: Sequence[int]) -> int:
    """What ingest writes of photos whose files have so many bytes: those that are trained on, of which a file tells no
    more than that they are hardly smaller where they need no change; and the originals, where the texture wants them.
    """
    small = spec.images.max_side_pixels < FEATURES_SIDE
    kept = sum(sizes) if spec.mesh.chosen_texture_source is TextureSource.ORIGINAL else 0
    stored = sum(min(size, round(_STORED_BYTES * spec.images.max_side_pixels**2)) for size in sizes)
    return kept + stored + (sum(min(size, _LARGER_BYTES) for size in sizes) if small else 0)


def _photos(workspace: Path) -> list[int]:
    """Pixels of each photo that ingest has kept; none where its document can't be read, which its own check tells."""
    try:
        images = json.loads((workspace / StageName.INGEST / BY_NAME[StageName.INGEST].document).read_bytes())["images"]
        return [int(image["width"]) * int(image["height"]) for image in images]
    except (OSError, ValueError, KeyError, TypeError):
        return []
