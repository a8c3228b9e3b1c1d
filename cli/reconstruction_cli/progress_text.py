"""Texts as people read them."""

from __future__ import annotations

from reconstruction_api.readable import byte_size, duration
from reconstruction_api.worker import Progress, Trend


def details(progress: Progress) -> str:
    """The live numbers of a stage in one line."""
    parts: list[str] = []
    if progress.step is not None:
        parts.append(f"step {progress.step}" + (f" of {progress.total_steps}" if progress.total_steps else ""))
    elif progress.message:
        parts.append(progress.message)
    if progress.loss is not None:
        parts.append(f"loss {progress.loss:.4f}")
    if progress.psnr is not None:
        parts.append(f"PSNR {progress.psnr:.1f} dB")
    if progress.held_out_psnr is not None:
        levelled = ", levelled off" if progress.trend is Trend.LEVELLED_OFF else ""
        parts.append(f"held out {progress.held_out_psnr:.1f} dB{levelled}")
    if progress.memory_bytes:
        parts.append(byte_size(progress.memory_bytes))
    if progress.eta_seconds is not None:
        parts.append(f"{duration(progress.eta_seconds)} left")
    return " · ".join(parts)
