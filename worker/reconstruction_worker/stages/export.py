"""Stage `export`: the textured model in the wanted formats, each opened again by another reader than its writer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reconstruction_api.job import Export
from reconstruction_api.stages import StageName

from ..exporters.registry import exporter_of
from ..exporters.textured_model import Model, load_model
from ..files import sha256_of
from ..geometry.scene import load_scene
from ..stage import StageContext, StageOutput


def run(context: StageContext) -> StageOutput:
    """Raises ExportFailed when a written file does not hold what it should."""
    scale = load_scene(context.workspace).metres_per_unit
    model = load_model(context.of(StageName.TEXTURE), scale)
    exports = []
    wanted = context.spec.exports
    for done, export in enumerate(wanted):
        context.advance(100 * done / len(wanted), f"writing {export.format}")
        exports.append(_export(export, model, context.folder))
    document = {"metric": model.metric, "exports": exports}
    (context.folder / "exports.json").write_text(json.dumps(document, indent=1), encoding="utf-8")
    size = sum(file["sizeBytes"] for export in exports for file in export["files"])
    names = ", ".join(export.format for export in wanted)
    return StageOutput(f"{names}: {size / 1e6:.1f} MB, each opened again")


def _export(export: Export, model: Model, folder: Path) -> dict[str, Any]:
    """One entry of `exports.json`."""
    exporter = exporter_of(export)
    paths = exporter.write(model, folder)
    content = exporter.check(model, folder)
    return {
        "format": export.format.value,
        "compression": export.compression.value,
        "up": exporter.up,
        "vertices": content.vertices,
        "faces": content.faces,
        "bounds": content.bounds.tolist(),
        "checkedBy": exporter.checked_by,
        "files": [
            {
                "name": path.name,
                "mediaType": exporter.media_types[path.name],
                "sizeBytes": path.stat().st_size,
                "sha256": sha256_of(path),
            }
            for path in paths
        ],
    }
