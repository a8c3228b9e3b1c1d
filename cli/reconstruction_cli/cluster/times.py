"""Times of Kubernetes objects."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_time(text: str) -> datetime:
    """RFC 3339, as the API server writes it."""
    return datetime.fromisoformat(text)


def seconds_since(text: str | None, until: str | None = None) -> float | None:
    """From one moment to another, or to now; None without a beginning."""
    if text is None:
        return None
    end = parse_time(until) if until else datetime.now(UTC)
    return max(0.0, (end - parse_time(text)).total_seconds())


def clock(moment: datetime) -> str:
    """Local time of day."""
    return moment.astimezone().strftime("%H:%M:%S")
