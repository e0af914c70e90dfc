"""Times as the server reads and writes them: RFC 3339, UTC."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional, Union

Time = Union[datetime, str]


def written(time: Optional[Time]) -> Optional[str]:
    """A time as the server reads it; one without a zone is taken as UTC."""
    if not isinstance(time, datetime):
        return time
    if time.tzinfo is None:
        time = time.replace(tzinfo=timezone.utc)
    return time.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(datetime.now(timezone.utc).timestamp() * 1000)
