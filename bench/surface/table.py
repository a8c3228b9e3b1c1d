"""The results in words: a table of all sets, those of what they were compared with, and which bars they meet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..bar import Bar
from .beside import beside_earlier, beside_peers

OBJECTS = ("monstree", "dino")
"""Real sets whose surface is to be good in minutes."""
CONFIRMED, MAIN_PIECE = 0.60, 0.95
"""Least shares of the objects' surface that photos confirm, and that hangs together."""
MOST_TILT_DEGREES = 10.0
"""Between the model's up and the one seen by hand in a photo."""
F_AT_1_PERCENT, F_AT_2_PERCENT, NORMALS_DEGREES = 0.85, 0.95, 20.0
"""What surfaces of known shapes have to reach."""
BETTER_DB = 1.5
"""How much better than an earlier commit's mesh today's is to show photos that its colours were made without."""


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown; rows as they are in the results."""
    lines = [
        "| photos | confirmed | main piece | coverage | textured mesh | FLIP of views | F at 1 %, 2 % | normals off by "
        "| verdict | training | all stages, wall / processor | memory | load before |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        known = row["known"]
        cells = (
            row["set"],
            percent(row["confirmed_share"]),
            percent(row["main_piece_share"]),
            percent(row["mesh_coverage"]),
            "" if row["mesh_psnr"] is None else f"{row['mesh_psnr']:.1f} dB, SSIM {row['mesh_ssim']:.2f}",
            "" if row["held_out_flip"] is None else f"{row['held_out_flip']:.2f}",
            "" if known is None else f"{known['f_at_1_percent']:.3f}, {known['f_at_2_percent']:.3f}",
            "" if known is None else f"{known['normals_degrees']:.1f}°",
            row["verdict"] or "",
            f"{row['engine']}, {row['budget_seconds']} s at {row['side']} px",
            f"{row['seconds']:.0f} s / {row['cpu_seconds']:.0f} s",
            f"{row['peak_rss_mib']:.0f} MiB",
            f"{row['machine']['load_average_before']:g}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    compared = [part for part in (beside_peers(rows), beside_earlier(rows)) if part]
    return "\n".join(
        [*lines, *(f"\n{part}" for part in compared), "", *(bar.line() for row in rows for bar in bars(row))]
    )


def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def bars(row: dict[str, Any]) -> Iterable[Bar]:
    """Those that concern a set."""
    name, known = row["set"], row["known"]
    if name in OBJECTS:
        confirmed, piece = row["confirmed_share"], row["main_piece_share"]
        yield Bar(
            f"{name}: photos confirm {CONFIRMED:.0%} of the surface",
            (confirmed or 0.0) >= CONFIRMED,
            percent(confirmed) or "photos were not compared",
        )
        yield Bar(f"{name}: one piece has {MAIN_PIECE:.0%} of the surface", piece >= MAIN_PIECE, f"{piece:.1%}")
    tilt = row.get("up_degrees")
    if tilt is not None:
        yield Bar(f"{name}: up within {MOST_TILT_DEGREES:.0f} degrees", tilt <= MOST_TILT_DEGREES, f"{tilt:.1f}°")
    if "earlier" in row:
        yield _better_than(row["earlier"], name)
    if known is None:
        yield Bar(f"{name}: the verdict is pass or warn", row["verdict"] in ("pass", "warn"), row["verdict"] or "none")
        return
    first, second, angle = known["f_at_1_percent"], known["f_at_2_percent"], known["normals_degrees"]
    yield Bar(
        f"{name}: F at 1 % of {F_AT_1_PERCENT} and at 2 % of {F_AT_2_PERCENT}",
        first >= F_AT_1_PERCENT and second >= F_AT_2_PERCENT,
        f"{first:.3f} and {second:.3f}",
    )
    yield Bar(
        f"{name}: normals within {NORMALS_DEGREES:.0f} degrees on average", angle <= NORMALS_DEGREES, f"{angle:.1f}°"
    )
    for peer in row.get("peers", ()):
        yield _ahead_of(peer, name, known)


def _ahead_of(peer: dict[str, Any], name: str, known: dict[str, Any]) -> Bar:
    """In all that is measured of a known shape."""
    theirs = peer["known"]
    shares = [known[key] - theirs[key] for key in ("f_at_1_percent", "f_at_2_percent")]
    turned = known["normals_degrees"] - theirs["normals_degrees"]
    return Bar(
        f"{name}: ahead of {peer['method']}",
        min(shares) > 0 and turned < 0,
        f"F {shares[0]:+.3f} at 1 %, {shares[1]:+.3f} at 2 %, normals {turned:+.1f}°",
    )


def _better_than(earlier: dict[str, Any], name: str) -> Bar:
    better = earlier["now"]["psnr"] - earlier["mesh"]["psnr"]
    text = f"{name}: the mesh shows photos {BETTER_DB} dB better than that of {earlier['commit']}"
    return Bar(text, better >= BETTER_DB, f"{better:+.1f} dB")
