"""Link headers (RFC 8288) as (rel, URL) pairs, for WebSub. Pure."""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import urljoin

_LINK = re.compile(r"<([^<>]{0,2000})>((?:\s*;\s*[^\s=;,]{1,60}\s*(?:=\s*(?:\"[^\"]{0,500}\"|[^\s;,\"]{0,500}))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]*))", re.IGNORECASE)
_MOST = 20
_MOST_LINKS = 200
_READ_CHARS = 20_000


def links_of(header: str, *, base_url: str) -> tuple[tuple[str, str], ...]:
    """Each relation of each link, in order, with its absolute URL; at most 20."""
    found: list[tuple[str, str]] = []
    for link in islice(_LINK.finditer(header[:_READ_CHARS]), _MOST_LINKS):
        target, parameters = link.groups()
        rel = _REL.search(parameters)
        for name in (rel[1] or rel[2]).lower().split() if rel else []:
            found.append((name, _absolute(base_url, target)))
    return tuple((name, url) for name, url in found if url)[:_MOST]


def _absolute(base_url: str, target: str) -> str:
    try:
        url = urljoin(base_url, target.strip())
    except ValueError:
        return ""
    return url if url.startswith(("http://", "https://")) else ""
