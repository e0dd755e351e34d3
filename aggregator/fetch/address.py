"""Addresses as they are put on the wire: of the feed, and of each redirect.

Rules: only http and https; the path and query are sent as written, except for what HTTP cannot carry (blanks, control
characters, `"<>`, and characters beyond ASCII, which are percent-encoded as UTF-8); names are sent in their ASCII form
(IDN); a host written as a number becomes the address it means; a fragment is not sent; user and password are taken off.
What a Location says is resolved as browsers do (WHATWG URL; RFC 3986 section 5.2 where that reads it): the feed's own
address was written by someone who tried it, a Location often by a program that joins texts.
Pure but for the C library's reading of numeric hosts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

from aggregator.fetch.guard import literal_address
from aggregator.hosts import ADDRESSES_KEPT, ascii_host

_SENT_AS_WRITTEN = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"<>')
_NOT_IN_A_HOST = '%<>"\\^`{|}#?@\x7f'
_ENDS_IN_A_NUMBER = re.compile(r"(?:\A|\.)(?:[0-9]+|0x[0-9a-f]*)\Z")
_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_BEFORE_PATH = re.compile(r"[^:/?#]+://[^/?#]*")
_PATH = re.compile(r"[^?#]*")
_OUTER_BLANKS = "".join(map(chr, range(0x21)))
_LINE_PARTS = str.maketrans("", "", "\t\r\n")
_DOT = re.compile(r"\.|%2e", re.IGNORECASE)
"""A percent sign hides no dot: `%2e%2e` leads up, as for browsers and curl."""


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
        """In its ASCII form; an IPv6 address without brackets."""
        return self.origin[1]

    @property
    def place(self) -> str:
        """Host and port as the URL has them: what a Host header says."""
        return self.url.split("/", 3)[2]

    @property
    def resource(self) -> str:
        """Path and query as the URL has them: what a GET asks for."""
        return "/" + self.url.split("/", 3)[3]


@lru_cache(maxsize=ADDRESSES_KEPT)
def target_of(url: str) -> Target:
    """The address to ask for `url`. Raises BadUrl."""
    try:
        parts = urlsplit(url.strip())
        name = parts.hostname or ""
        port = parts.port
    except ValueError as error:
        raise BadUrl(f"the address cannot be read ({error})") from None
    scheme = parts.scheme.lower()
    if scheme not in _PORTS:
        stated = scheme[:20] or "an address without a scheme"
        raise BadUrl(f"only http and https are fetched, not {stated}")
    host = _wire_host(name)
    number = port or _PORTS[scheme]
    place = f"[{host}]" if ":" in host else host
    if number != _PORTS[scheme]:
        place = f"{place}:{number}"
    path = _sent(parts.path or "/")
    query = ""
    before_fragment, _, _ = url.partition("#")
    # An empty query is sent, too: `/feed?` may be another address than `/feed`.
    if "?" in before_fragment:
        query = f"?{_sent(parts.query)}"
    return Target(
        f"{scheme}://{place}{path}{query}",
        (scheme, host, number),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
    )


def _sent(part: str) -> str:
    """A path or query as HTTP can carry it; half a surrogate pair, which JSON can spell, has no bytes."""
    try:
        return quote(part, safe=_SENT_AS_WRITTEN)
    except UnicodeEncodeError:
        raise BadUrl("the address holds half a character") from None


def _wire_host(name: str) -> str:
    host = ascii_host(name)
    # After IDNA, which turns ² and other digits into plain ones.
    address = literal_address(host)
    if address is not None:
        return str(address)
    # No name ends in a number (WHATWG URL): `..127.0.0.1` and `1.2.3.4.5` are asked of no name server.
    if _ENDS_IN_A_NUMBER.search(host):
        raise BadUrl("the address has a host that is no name and no number")
    has_bad_character = any(c <= " " or c in _NOT_IN_A_HOST for c in host)
    if not host or not host.isascii() or has_bad_character:
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
    target = target_of(joined(base.url, text))
    return Target(target.url, target.origin)


def joined(base: str, reference: str) -> str:
    """Where `reference` leads from `base`, an address of ours (http or https); not yet checked to be one."""
    text = reference.strip(_OUTER_BLANKS).translate(_LINE_PARTS)
    base_scheme, _, _ = base.partition(":")
    stated = _SCHEME.match(text)
    scheme = base_scheme
    if stated is not None:
        scheme = stated[1].lower()
        if scheme not in _PORTS:
            return text
        text = text[stated.end() :]
    text = _with_slashes(text)
    # `https:/a` of a page of https is a path of its own host; of any other it can only have lost a slash.
    has_host = text.startswith("//") or scheme != base_scheme
    if has_host:
        text = f"{scheme}://{text.lstrip('/')}"
        place = _BEFORE_PATH.match(text)
        if place is None:
            # No host: the address says so.
            return text
        return place[0] + _without_dots(text[place.end() :])
    place = _BEFORE_PATH.match(base)
    assert place is not None, "an address of ours has a host"
    rest, _, _ = base[place.end() :].partition("#")
    path, _, _ = rest.partition("?")
    if not text or text.startswith("#"):
        return place[0] + rest
    if text.startswith("?"):
        return place[0] + path + text
    if not text.startswith("/"):
        folder, _, _ = path.rpartition("/")
        text = f"{folder}/{text}"
    return place[0] + _without_dots(text)


def _with_slashes(text: str) -> str:
    """Backslashes of the path as slashes, as browsers take them."""
    path = _PATH.match(text)
    end = path.end() if path else 0
    return text[:end].replace("\\", "/") + text[end:]


def _without_dots(text: str) -> str:
    """The path, whatever follows it, without `.` and `..` (RFC 3986 section 5.2.4); empty segments stay."""
    path = _PATH.match(text)
    end = path.end() if path else 0
    segments = text[:end].split("/")
    kept = segments[:1]
    for segment in segments[1:]:
        dots = _DOT.sub(".", segment)
        if dots == ".." and len(kept) > 1:
            kept.pop()
        if dots not in (".", ".."):
            kept.append(segment)
    # What ends in dots is a folder.
    if _DOT.sub(".", segments[-1]) in (".", ".."):
        kept.append("")
    return "/".join(kept) + text[end:]


def may_have_credentials(first: Target, hop: Target) -> bool:
    """Whether what is meant for the feed's own origin may go to `hop`: the same one, or its step from http to https."""
    if hop.origin == first.origin:
        return True
    if first.origin != ("http", first.host, 80):
        return False
    return hop.origin == ("https", first.host, 443)
