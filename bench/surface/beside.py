"""Tables of what the sets were compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def beside_peers(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown of our surfaces and nerfstudio's, scene by scene; empty where none was compared."""
    lines = []
    for row in (row for row in rows if row.get("peers")):
        ours = f"{row['engine']}, {row['budget_seconds']} s"
        lines.append(_line(row["set"], "recon", row["known"], row["faces"], ours, f"{row['mesh_seconds']:.0f} s"))
        for peer in row["peers"]:
            training = f"{peer['training_seconds']:.0f} s / {peer['training_cpu_seconds']:.0f} s, {peer['steps']} steps"
            export = f"{peer['export_seconds']:.0f} s / {peer['export_cpu_seconds']:.0f} s"
            lines.append(_line(row["set"], peer["method"], peer["known"], peer["faces"], training, export))
    if not lines:
        return ""
    head = (
        "| shape | method | F at 1 %, 2 % | normals off by | faces | training, wall / processor "
        "| mesh, wall / processor |"
    )
    return "\n".join([head, "|---|---|---|---|---|---|---|", *lines])


def _line(shape: str, method: str, known: dict[str, Any], faces: int, training: str, mesh: str) -> str:
    scores = f"{known['f_at_1_percent']:.3f}, {known['f_at_2_percent']:.3f}"
    return f"| {shape} | {method} | {scores} | {known['normals_degrees']:.1f}° | {faces:,} | {training} | {mesh} |"


def beside_earlier(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown of today's meshes and an earlier commit's, set by set; empty where none was compared."""
    lines = []
    for row in (row for row in rows if row.get("earlier")):
        earlier = row["earlier"]
        for code, shown, of in (
            ("today", earlier["now"], row),
            (earlier["commit"], earlier["mesh"], earlier),
            (f"{earlier['commit']}, its own colours", earlier["own_colours"], earlier),
        ):
            cells = (
                row["set"],
                code,
                f"{shown['psnr']:.1f} dB, SSIM {shown['ssim']:.2f}",
                f"{shown['coverage']:.0%}",
                str(earlier["photos"]),
                f"{of['faces']:,}",
                f"{of['main_piece_share']:.0%}",
                f"{of['seconds']:.0f} s / {of['cpu_seconds']:.0f} s",
            )
            lines.append(f"| {' | '.join(cells)} |")
    if not lines:
        return ""
    head = (
        "| photos | code of | textured mesh | coverage | photos judged by | faces | main piece "
        "| all stages, wall / processor |"
    )
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *lines])
