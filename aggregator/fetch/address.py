"""Addresses as they are put on the wire: of the feed, and of each redirect.

Rules: only http and https; the path and query are sent as written, except for what HTTP cannot carry (blanks, control
characters, `"<>`, and characters beyond ASCII, which are percent-encoded as UTF-8); names are sent in their ASCII form
(IDN); a host written as a number becomes the address it means; a fragment is not sent; user and password are taken off.
Pure but for the C library's reading of numeric hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urljoin, urlsplit

from aggregator.fetch.guard import literal_address
from aggregator.hosts import ascii_host

_SENT_AS_WRITTEN = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"<>')
_NOT_IN_A_HOST = '%<>"\\^`{|}#?@\x7f'
_PORTS = {"http": 80, "https": 443}


class BadUrl(ValueError):
    """The text is no address that can be asked; it says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address to ask: `url` without user, password and fragment; `origin` is (scheme, host, port)."""

    url: str
    origin: tuple[str, str, int]
    user: str = ""
    password: str = ""

    @property
    def host(self) -> str:
        return self.origin[1]


def target_of(url: str) -> Target:
    """The address to ask for `url`. Raises BadUrl."""
    try:
        parts = urlsplit(url.strip())
        name, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadUrl(f"the address cannot be read ({error})") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        raise BadUrl(
            f"only http and https are fetched, not {scheme[:20] or 'an address without a scheme'}"
        )
    host = _wire_host(name)
    number = port or _PORTS[scheme]
    place = f"[{host}]" if ":" in host else host
    if number != _PORTS[scheme]:
        place = f"{place}:{number}"
    path = quote(parts.path or "/", safe=_SENT_AS_WRITTEN)
    query = (
        f"?{quote(parts.query, safe=_SENT_AS_WRITTEN)}"
        if "?" in url.partition("#")[0]
        else ""
    )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Target(
        f"{scheme}://{place}{path}{query}", (scheme, host, number), user, password
    )


def _wire_host(name: str) -> str:
    host = ascii_host(name)
    address = literal_address(
        host
    )  # after IDNA, which turns ² and other digits into plain ones
    if address is not None:
        return str(address)
    if (
        not host
        or not host.isascii()
        or any(c <= " " or c in _NOT_IN_A_HOST for c in host)
    ):
        raise BadUrl("the address has no usable host name")
    return host


def redirected(base: Target, location: str) -> Target:
    """Where `location` leads from `base`; user and password in it are not used. Raises BadUrl.

    `location` holds one character for each byte received; bytes that are UTF-8 are read as such.
    """
    try:
        text = location.encode("latin-1").decode("utf-8")
    except UnicodeError:
        text = location
    try:
        joined = urljoin(base.url, text.strip())
    except ValueError as error:
        raise BadUrl(f"the redirect leads nowhere ({error})") from None
    target = target_of(joined)
    return Target(target.url, target.origin)


def may_have_credentials(first: Target, hop: Target) -> bool:
    """Whether what is meant for the feed's own origin may go to `hop`: the same one, or its step from http to https."""
    upgraded = (
        first.origin[0] == "http"
        and first.origin[2] == 80
        and hop.origin == ("https", first.host, 443)
    )
    return hop.origin == first.origin or upgraded
