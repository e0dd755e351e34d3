"""The digest as one HTML file that needs nothing beside it: for mail, for a folder on a web server, for keeping."""

from __future__ import annotations

from datetime import UTC, tzinfo

from aggregator.model import Digest
from aggregator.watch.page import Look, Pages


def digest_html(
    record: Digest,
    *,
    zone: tzinfo = UTC,
) -> str:
    """The whole document, its style within; no script, nothing fetched. Times are told in `zone`."""
    return Pages(version="", has_digests=False).digest_file(
        Look(zone=zone),
        record,
    )
