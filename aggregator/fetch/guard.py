"""The private-network guard: which addresses may be connected to, checked where the connection is made.

Rules (situation 30): an address that is not public (loopback, private, link-local, CGNAT, multicast, reserved,
unspecified) is refused, and so is one that carries such an address inside (IPv4-mapped, IPv4-compatible, NAT64, 6to4,
Teredo), unless it lies in an allowed network. The check stands in the resolver and again in the socket factory, which
sees the very address that is connected to: a name that resolves differently the second time gains nothing. Hosts
written as one number, octal or hexadecimal are turned into the address they mean before anything else looks at them.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from aggregator.hosts import ADDRESSES_KEPT

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NAT64 = IPv6Network("64:ff9b::/96")
"""The well-known prefix. The local-use one (64:ff9b:1::/48) may hide an address in other bits and counts as private."""
_COMPATIBLE = IPv6Network("::/96")
_SHARED = (
    IPv4Network("100.64.0.0/10"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
)
_SITE_LOCAL = IPv6Network("fec0::/10")
_NOT_PUBLIC = (
    IPv4Network("168.63.129.16/32"),  # Azure's own services answer their guests there
    IPv6Network("3fff::/20"),  # documentation, RFC 9637; Python 3.11 does not know it
    IPv6Network("5f00::/16"),  # segment routing, RFC 9602
    IPv6Network("100:0:0:1::/64"),  # dummy prefix, RFC 9780
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
"""RFC 5214: the second half of an address that carries an IPv4 one behind it."""


class PrivateAddress(OSError):
    """A connection to an address of a private network was asked for; `address` is the one refused."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"{address} is an address of a private network")
        self.address = address


class Guard:
    """Says of an address whether it may be connected to."""

    def __init__(self, *, allow_private: bool, allowed: Sequence[str] = ()) -> None:
        self._allow_private = allow_private
        networks = [ip_network(text, strict=False) for text in allowed]
        self._allowed: tuple[Network, ...] = tuple(networks)

    def allows(self, address: Address) -> bool:
        """Whether it is public, or in an allowed network, and so is every address inside it."""
        if self._allow_private:
            return True
        addresses = [address, *_inner(address)]
        return all(_is_public(a) or self._is_allowed(a) for a in addresses)

    def _is_allowed(self, address: Address) -> bool:
        return any(address in network for network in self._allowed)

    def check(self, address: Address) -> None:
        """Raise PrivateAddress unless the address may be connected to."""
        if not self.allows(address):
            raise PrivateAddress(address)

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for one `getaddrinfo` tuple: aiohttp's socket factory, the last point before the connection."""
        family, kind, proto, _, target = info
        self.check(_address(_without_zone(target[0])))
        return socket.socket(family, kind, proto)


def _is_public(address: Address) -> bool:
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return _is_carrier(address)
    if not address.is_global:
        return _is_carrier(address)
    if any(address in network for network in _NOT_PUBLIC):
        return False
    if isinstance(address, IPv6Address):
        return address not in _SITE_LOCAL
    return not any(address in network for network in _SHARED)


def _is_carrier(address: Address) -> bool:
    """Whether the address counts only for the IPv4 address inside it, which is checked by itself."""
    if isinstance(address, IPv4Address):
        return False
    return address.ipv4_mapped is not None or address in _NAT64


def _inner(address: Address) -> list[Address]:
    """The IPv4 addresses inside an IPv6 address."""
    if isinstance(address, IPv4Address):
        return []
    inner: list[Address] = []
    if address.ipv4_mapped is not None:
        inner.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        # Both of its server and of its client.
        inner.extend(address.teredo)
    last = IPv4Address(int(address) & 0xFFFFFFFF)
    # `::` and `::1` lie in that range and carry nothing (RFC 4291 section 2.5.3); neither is public by itself.
    is_compatible = address in _COMPATIBLE and int(address) > 1
    if address in _NAT64 or is_compatible:
        inner.append(last)
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        inner.append(last)
    return inner


def _without_zone(host: object) -> str:
    """The address without the interface that a link-local one names (fe80::1%eth0)."""
    bare, _, _ = str(host).partition("%")
    return bare


def _address(text: str) -> Address:
    """The address that `text` writes out. Raises ValueError.

    Of four numbers the C library makes the same as `ip_address`, in a tenth of the time: it is asked four times a poll.
    """
    try:
        return IPv4Address(socket.inet_pton(socket.AF_INET, text))
    except (OSError, ValueError):
        # ValueError: not ASCII, or a NUL in it.
        return ip_address(text)


@lru_cache(maxsize=ADDRESSES_KEPT)
def literal_address(host: str) -> Address | None:
    """The address that `host` is, in any spelling that a C library takes (2130706433, 0x7f.1, 0177.0.0.1, [::1])."""
    bare = _without_zone(host.strip("[]"))
    ends_like_number = bare[-1:].isdigit()
    if ends_like_number or ":" in bare:
        try:
            return _address(bare)
        except ValueError:
            pass
    # The C library is asked only of what ends like a number: a name never does (WHATWG URL, "ends in a number").
    _, _, last = bare.rpartition(".")
    if not ends_like_number and not last.lower().startswith("0x"):
        return None
    try:
        return IPv4Address(socket.inet_aton(bare))
    except (OSError, ValueError):
        # ValueError: not ASCII, or a NUL in it.
        return None


Lookup = Callable[[str, int, int], list[tuple[Any, ...]]]


def system_lookup(
    host: str,
    port: int,
    family: int,
) -> list[tuple[Any, ...]]:
    """The system's own answer; raises socket.gaierror."""
    return list(
        socket.getaddrinfo(
            host,
            port,
            family=family,
            type=socket.SOCK_STREAM,
        )
    )


class GuardedResolver(AbstractResolver):
    """Names to allowed addresses, in threads of its own: a slow name server holds up no other work of the process.

    A name with no allowed address raises PrivateAddress.
    """

    def __init__(
        self,
        guard: Guard,
        *,
        threads: int,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._guard = guard
        self._lookup = lookup
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        """The allowed addresses of a name. Raises PrivateAddress, socket.gaierror."""
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(
            self._executor,
            self._lookup,
            host,
            port,
            int(family),
        )
        allowed: list[ResolveResult] = []
        for info in infos:
            result = self._result(host, info)
            if self._guard.allows(ip_address(result["host"])):
                allowed.append(result)
        if infos and not allowed:
            refused = self._result(host, infos[0])
            raise PrivateAddress(ip_address(refused["host"]))
        return allowed

    @staticmethod
    def _result(host: str, info: tuple[Any, ...]) -> ResolveResult:
        family, _, proto, _, target = info
        return ResolveResult(
            hostname=host,
            host=_without_zone(target[0]),
            port=target[1],
            family=family,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )

    async def close(self) -> None:
        """Wait for no lookup: one may take a minute."""
        self._executor.shutdown(wait=False, cancel_futures=True)
