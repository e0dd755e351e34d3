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
        self._allowed: tuple[Network, ...] = tuple(
            ip_network(text, strict=False) for text in allowed
        )

    def allows(self, address: Address) -> bool:
        if self._allow_private:
            return True
        meant = [address, *_inner(address)]
        return all(
            _is_public(one) or any(one in network for network in self._allowed)
            for one in meant
        )

    def check(self, address: Address) -> None:
        """Raise PrivateAddress unless the address may be connected to."""
        if not self.allows(address):
            raise PrivateAddress(address)

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """A socket for one `getaddrinfo` tuple: aiohttp's socket factory, the last point before the connection."""
        family, kind, proto, _, target = info
        self.check(ip_address(str(target[0]).partition("%")[0]))
        return socket.socket(family, kind, proto)


def _is_public(address: Address) -> bool:
    if (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or not address.is_global
    ):
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
    found: list[Address] = [
        a for a in (address.ipv4_mapped, address.sixtofour) if a is not None
    ]
    if address.teredo is not None:
        found.extend(address.teredo)
    if address in _NAT64 or address in _COMPATIBLE:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if (int(address) >> 32) & 0xFFFFFFFF in _ISATAP:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return found


def literal_address(host: str) -> Address | None:
    """The address that `host` is, in any spelling that a C library takes (2130706433, 0x7f.1, 0177.0.0.1, [::1])."""
    bare = host.strip("[]").partition("%")[0]
    try:
        return ip_address(bare)
    except ValueError:
        pass
    if not bare or not (
        bare[-1].isdigit() or bare.rpartition(".")[2].lower().startswith("0x")
    ):
        return None
    try:
        return IPv4Address(socket.inet_aton(bare))
    except (OSError, ValueError):  # ValueError: not ASCII, or a NUL in it
        return None


Lookup = Callable[[str, int, int], list[tuple[Any, ...]]]


def system_lookup(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
    """The system's own answer; raises socket.gaierror."""
    return list(socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM))


class GuardedResolver(AbstractResolver):
    """Names to allowed addresses, in threads of its own: a slow name server holds up no other work of the process.

    A name with no allowed address raises PrivateAddress.
    """

    def __init__(
        self, guard: Guard, *, threads: int, lookup: Lookup = system_lookup
    ) -> None:
        self._guard = guard
        self._lookup = lookup
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        infos = await loop.run_in_executor(
            self._executor, self._lookup, host, port, int(family)
        )
        results = [self._result(host, info) for info in infos]
        allowed = [r for r in results if self._guard.allows(ip_address(r["host"]))]
        if results and not allowed:
            raise PrivateAddress(ip_address(results[0]["host"]))
        return allowed

    @staticmethod
    def _result(host: str, info: tuple[Any, ...]) -> ResolveResult:
        family, _, proto, _, target = info
        return ResolveResult(
            hostname=host,
            host=str(target[0]).partition("%")[0],
            port=target[1],
            family=family,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
