"""Why a fetch failed: from an exception or a status to the class an operator acts on, with one sentence.

Rules: the sentence names the host, never the path, query, user or a header's value, any of which may hold a secret.
`ours` is set only where the failure itself shows that our own side is at fault. Nothing is caught here.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from aggregator.fetch.botwall import bot_wall
from aggregator.fetch.guard import PrivateAddress
from aggregator.fetch.tolerant import BadAnswer
from aggregator.model import FailureKind


@dataclass(frozen=True, slots=True)
class Failure:
    """The class of a failure, and its sentence."""

    kind: FailureKind
    detail: str
    ours: bool = False


_MOST_CAUSES = 8
_NO_NAME_SERVER = frozenset({socket.EAI_AGAIN, socket.EAI_FAIL, socket.EAI_SYSTEM})
_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})
_OUT_OF_FILES = "this process may open no more files or connections: raise its limit (`ulimit -n`, LimitNOFILE=)"
_OUR_OWN = {
    errno.EMFILE: _OUT_OF_FILES,
    errno.ENFILE: "this machine can open no more files or connections",
    errno.ENOMEM: "this machine has no memory left for a connection",
    errno.ENOBUFS: "this machine has no memory left for a connection",
    errno.EPERM: "this machine's own firewall or sandbox forbids the connection",
}
"""What the kernel says of us, whatever host was asked."""
_BY_ERRNO = {
    errno.ECONNREFUSED: (FailureKind.CONNECT, "refuses the connection"),
    errno.EHOSTUNREACH: (FailureKind.CONNECT, "cannot be reached (no route to it)"),
    errno.ETIMEDOUT: (FailureKind.TIMEOUT, "does not answer in time"),
    errno.ECONNRESET: (FailureKind.RESET, "broke the connection off"),
    errno.EPIPE: (FailureKind.RESET, "broke the connection off"),
}
_BY_STATUS = {
    401: (
        FailureKind.UNAUTHORIZED,
        "wants credentials (401): set `auth` for this feed",
    ),
    404: (FailureKind.NOT_FOUND, "has no such page (404)"),
    410: (FailureKind.GONE, "says that this feed is gone for good (410)"),
    429: (FailureKind.THROTTLED, "asks us to slow down (429)"),
}


def failure_of_error(error: BaseException, host: str) -> Failure | None:
    """The class of an exception of a request to `host`; None: no expected one, so it must be raised further."""
    for cause in _causes(error):
        if isinstance(cause, PrivateAddress):
            return Failure(
                FailureKind.PRIVATE_ADDRESS,
                _private_words(host, str(cause.address)),
            )
    own = _own_fault(error)
    if own is not None:
        return own
    for kinds, failure in _BY_ERROR:
        if isinstance(error, kinds):
            return failure(error, host)
    return None


def _private_words(host: str, address: str) -> str:
    place = f"{address}, an address of a private network,"
    # Of a host that is an address itself there is nothing to look up.
    if host.strip("[]") == address:
        place = "an address of a private network"
        return f"{host} is {place}, and those are not allowed"
    return f"{host} leads to {place} and those are not allowed"


def _own_fault(error: BaseException) -> Failure | None:
    for cause in _causes(error):
        if isinstance(cause, (ssl.SSLError, aiohttp.ClientSSLError)):
            # Its number is OpenSSL's: SSL_ERROR_SSL is 1, as EPERM is.
            return None
        if not isinstance(cause, OSError):
            continue
        words = _OUR_OWN.get(cause.errno or 0)
        if words is not None:
            return Failure(FailureKind.INTERNAL, words, ours=True)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_CAUSES):
        if error is None:
            return
        yield error
        # aiohttp keeps the system's error beside its own, not always as its cause.
        error = error.__cause__ or getattr(error, "os_error", None)


def _dns_failure(error: OSError, host: str) -> Failure:
    # aiohttp keeps the resolver's error inside its own.
    inner = getattr(error, "os_error", error)
    if inner.errno in _NO_NAME_SERVER:
        words = f"no name server tells where {host} is"
        return Failure(FailureKind.DNS, words, ours=True)
    return Failure(FailureKind.DNS, f"there is no host named {host}")


def _os_failure(error: OSError, host: str) -> Failure:
    number = error.errno
    if number in _NO_ROUTE:
        words = f"no route to {host}: is the network up?"
        return Failure(FailureKind.CONNECT, words, ours=True)
    unknown = (FailureKind.CONNECT, f"cannot be reached ({_os_words(error)})")
    kind, words = _BY_ERRNO.get(number or 0, unknown)
    return Failure(kind, f"{host} {words}")


def _os_words(error: BaseException) -> str:
    inner = getattr(error, "os_error", error)
    return str(getattr(inner, "strerror", None) or type(inner).__name__)[:200]


def _tls_words(error: BaseException) -> str:
    for cause in _causes(error):
        inner = getattr(cause, "certificate_error", cause)
        if isinstance(inner, ssl.SSLCertVerificationError):
            return inner.verify_message
        # aiohttp's own kind has no reason.
        reason = getattr(inner, "reason", None)
        if isinstance(inner, ssl.SSLError) and reason:
            return str(reason).replace("_", " ").lower()
    return "the TLS handshake failed"


def _proxy_down(error: BaseException, host: str) -> Failure:
    return Failure(
        FailureKind.CONNECT,
        f"the proxy cannot be reached ({_os_words(error)})",
        ours=True,
    )


def _proxy_refusal(error: BaseException, host: str) -> Failure:
    status = getattr(error, "status", "no status")
    return Failure(
        FailureKind.CONNECT, f"the proxy refused to connect to {host} ({status})"
    )


def _tls_failure(error: BaseException, host: str) -> Failure:
    words = f"no safe connection to {host}: {_tls_words(error)}"
    return Failure(FailureKind.TLS, words)


def _bad_answer(error: BaseException, host: str) -> Failure:
    return Failure(FailureKind.RESET, f"{host} {error}")


def _sentence(kind: FailureKind, words: str) -> Callable[[BaseException, str], Failure]:
    return lambda error, host: Failure(kind, words.format(host=host))


_BY_ERROR: tuple[
    tuple[
        type[BaseException] | tuple[type[BaseException], ...],
        Callable[[Any, str], Failure],
    ],
    ...,
] = (
    (TimeoutError, _sentence(FailureKind.TIMEOUT, "{host} did not answer in time")),
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), _dns_failure),
    (
        (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError, ssl.SSLError),
        _tls_failure,
    ),
    (aiohttp.ClientProxyConnectionError, _proxy_down),
    (aiohttp.ClientHttpProxyError, _proxy_refusal),
    (
        aiohttp.ClientPayloadError,
        _sentence(FailureKind.RESET, "{host} sent less than it announced"),
    ),
    (
        aiohttp.ServerDisconnectedError,
        _sentence(FailureKind.RESET, "{host} closed the connection without an answer"),
    ),
    (aiohttp.InvalidURL, _sentence(FailureKind.BAD_URL, "the address cannot be asked")),
    (BadAnswer, _bad_answer),
    (
        aiohttp.ClientResponseError,
        _sentence(FailureKind.RESET, "{host} sent an answer that cannot be read"),
    ),
    (OSError, _os_failure),
)
"""Exception → what it means, the first that fits."""


def failure_of_status(
    status: int,
    headers: Mapping[str, str],
    start: bytes,
    host: str,
) -> Failure:
    """The class of an answer that is no feed by its status; `start` is the first part of its decoded body."""
    wall = bot_wall(status, headers, start)
    # A 429 that says until when is kept like any other, whoever sends it.
    if wall and not (status == 429 and "retry-after" in headers):
        words = f"{host} shows programs a challenge of {wall} ({status}): ask its operator, or set `user_agent`"
        return Failure(FailureKind.BOT_WALL, words)
    if status == 503 and "retry-after" in headers:
        words = f"{host} asks us to come back later (503)"
        return Failure(FailureKind.THROTTLED, words)
    unknown = (FailureKind.HTTP_STATUS, f"answered with status {status}")
    kind, words = _BY_STATUS.get(status, unknown)
    return Failure(kind, f"{host} {words}")


EXPECTED_ERRORS = (aiohttp.ClientError, OSError, asyncio.TimeoutError)
"""What a request may raise without anything being wrong with us."""
