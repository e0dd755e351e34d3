"""Secrets that stand in addresses and headers, hidden. Pure."""

from __future__ import annotations

import re

HIDDEN = "***"

_USERINFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#\"'<>\\]*@")
_SECRET_PARAMETER = re.compile(
    r"(?i)([?&;](?:[a-z0-9_.-]*(?:token|secret|password|passwd|pwd|signature)[a-z0-9_.-]*"
    r"|(?:[a-z0-9_.-]*[_.-]|api|auth|access|feed|rss|private|user)?(?:key|auth|sig|session))=)"
    r"[^&;#\s\"'<>\\]+"
)
"""`rss_key`, `authkey`, `access_token`, `X-Amz-Signature`; not `monkey` and `keyboard`."""
_AUTHORIZATION = re.compile(
    r"((?i:\b(?:proxy-)?authorization['\"]?\s*[:=]\s*['\"]?(?:(?:basic|bearer|digest)\s+)?)"
    r"|\bB(?:earer|asic) (?=\S{16}))"
    r"[^\s,'\"]+"
)


def redacted(text: str) -> str:
    """The text without URL userinfo, values of secret query parameters, and Authorization values."""
    if "@" in text:
        text = _USERINFO.sub(rf"\1{HIDDEN}@", text)
    if "=" in text:
        text = _SECRET_PARAMETER.sub(rf"\1{HIDDEN}", text)
    if (
        "uthorization" in text
        or "Bearer " in text
        or "Basic " in text
        or "AUTHORIZATION" in text
    ):
        text = _AUTHORIZATION.sub(rf"\1{HIDDEN}", text)
    return text
