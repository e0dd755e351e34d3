"""Short forms for the poll tests: a request, and an answer's class checked and narrowed."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

from aggregator.fetch.guard import Lookup
from aggregator.model import (
    FailureKind,
    Fetched,
    FetchFailed,
    FetchResult,
    NotModified,
    PollRequest,
    Validators,
)

NO_VALIDATORS = Validators()


def asking(
    url: str, *, validators: Validators = NO_VALIDATORS, **more: Any
) -> PollRequest:
    return PollRequest("f", url, validators, **more)


def fetched(result: FetchResult) -> Fetched:
    assert isinstance(result, Fetched), result
    return result


def not_modified(result: FetchResult) -> NotModified:
    assert isinstance(result, NotModified), result
    return result


def failed(result: FetchResult, kind: FailureKind) -> FetchFailed:
    assert isinstance(result, FetchFailed), result
    assert result.kind is kind, result
    return result


def names(table: Mapping[str, str | list[str]]) -> Lookup:
    """A name service with these names; the addresses of a list are given one after another, as in DNS rebinding."""
    used: dict[str, int] = {}

    def lookup(host: str, port: int, family: int) -> list[tuple[Any, ...]]:
        if host not in table:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        known = table[host]
        addresses = known if isinstance(known, list) else [known]
        address = addresses[min(used.get(host, 0), len(addresses) - 1)]
        used[host] = used.get(host, 0) + 1
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(kind, socket.SOCK_STREAM, 6, "", (address, port))]

    return lookup
