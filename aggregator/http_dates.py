"""Dates as HTTP writes them, whoever wrote them: a server in an answer's headers, a reader in a request's. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(text: str) -> datetime | None:
    """An HTTP date in any of its three forms, as aware UTC; None where it is none."""
    try:
        at = parsedate_to_datetime(text.strip())
        # "-0000" and the asctime form: both mean UTC.
        if at.tzinfo is None:
            return at.replace(tzinfo=UTC)
        # The last hour of 9999, west of Greenwich, lies beyond the calendar.
        return at.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
