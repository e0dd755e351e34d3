"""One GET, as politely as it can be made, with every way it can fail as a value.

Rules (politeness.md 2, 3, 6, 7, 9, 10; situations 9, 11, 22, 23, 26, 30):
- The exact URL, no cookies, no Referer, one honest User-Agent, never a second try: each request has a connection of its
  own, because a server may close a kept one at any time, and whether it worked on the request cannot be known then.
- What browsers and curl read is read (`fetch.tolerant`); what is refused is told in words.
- A GET is made by `fetch.direct`; through a proxy, and to send a form, the HTTP library's session is used.
- Redirects are followed here, at most MOST_HOPS, each hop checked: scheme, address, loop. Validators go only to the
  address that gave them; credentials and a feed's own headers only to the feed's own origin.
- The time limit covers all hops; waiting for a host's slot (`fetch.slots`) has a limit of its own.
- Bodies are decoded as they arrive and never beyond the allowed size (`fetch.decoding`).
- Header values are one character for each byte (latin-1), so that an ETag that is no text comes back unchanged.

The module decides nothing about schedules; what an answer means for the next poll is `schedule`'s business.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import TracebackType

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from aggregator.errors import ConfigError, Problem
from aggregator.fetch.address import (
    BadUrl,
    Target,
    may_have_credentials,
    redirected,
    target_of,
)
from aggregator.fetch.botwall import LOOKED_AT_BYTES
from aggregator.fetch.caching import caching_of
from aggregator.fetch.credentials import (
    MissingCredentials,
    authorization,
    basic_authorization,
)
from aggregator.fetch.decoding import BadEncoding, CutShort, TooLarge
from aggregator.fetch.direct import DirectConnections
from aggregator.fetch.exchange import (
    BODIES,
    Answer,
    ExactRequest,
    answer_of,
    joined_fields,
)
from aggregator.fetch.failures import (
    EXPECTED_ERRORS,
    Failure,
    failure_of_error,
    failure_of_status,
)
from aggregator.fetch.guard import (
    Guard,
    GuardedResolver,
    Lookup,
    PrivateAddress,
    literal_address,
    system_lookup,
)
from aggregator.fetch.slots import HostBusy, HostSlots
from aggregator.fetch.tolerant import MAX_HEAD_BYTES, MAX_HEADERS, TolerantConnector
from aggregator.fetch.websub import keeps_secrets, links_of
from aggregator.model import (
    Caching,
    FailureKind,
    Fetched,
    FetchFailed,
    FetchResult,
    FetchSettings,
    NotModified,
    PollRequest,
    Redirect,
    Validators,
)

MOST_HOPS = 5
ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, "
    "application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.5"
)
_NOT_IN_A_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})
"""Redirects that ask for the same request again, with its method and body (RFC 9110 section 15.4)."""
_NOT_CONFIGURABLE = frozenset(
    {
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "te",
        "upgrade",
        "accept-encoding",
        "referer",
    }
)


Exchange = Callable[[], Awaitable[Answer]]


class _Failed(Exception):
    """Carries a failure out of the hops; never leaves this module."""

    def __init__(
        self,
        failure: Failure,
        *,
        status: int | None = None,
        caching: Caching | None = None,
    ) -> None:
        super().__init__(failure.detail)
        self.failure = failure
        self.status = status
        self.caching = caching or Caching()


class Fetcher:
    """Fetches feeds; an asynchronous context manager that owns its connections.

    `lookup` resolves names (the system's own by default).
    """

    def __init__(
        self,
        settings: FetchSettings,
        *,
        contact: str,
        version: str,
        lookup: Lookup = system_lookup,
    ) -> None:
        self._settings = settings
        self._user_agent = f"aggregator/{version}"
        if contact:
            self._user_agent += f" (+{contact})"
        self._guard = Guard(
            allow_private=settings.allow_private_networks,
            allowed=settings.allowed_networks,
        )
        self._connecting = self._guard
        if settings.proxy:
            # It is the operator's own choice, and it alone is connected to; it does the resolving.
            self._connecting = Guard(allow_private=True)
        self._lookup = lookup
        self._slots = HostSlots(interval=settings.per_host_interval)
        self._session: aiohttp.ClientSession | None = None
        self._direct: DirectConnections | None = None
        """None where a proxy is in between."""
        self._resolver: GuardedResolver | None = None

    async def __aenter__(self) -> Fetcher:
        settings = self._settings
        self._resolver = GuardedResolver(
            self._connecting,
            threads=settings.concurrency,
            lookup=self._lookup,
        )
        tls = _tls(settings.ca_file)
        if not settings.proxy:
            self._direct = DirectConnections(
                resolver=self._resolver,
                guard=self._guard,
                tls=tls,
                limit=settings.concurrency,
            )
        connector = TolerantConnector(
            resolver=self._resolver,
            socket_factory=self._connecting.socket,
            ssl=tls,
            limit=settings.concurrency,
            use_dns_cache=False,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            request_class=ExactRequest,
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
            max_field_size=MAX_HEAD_BYTES,
            max_headers=MAX_HEADERS,
        )
        # There is no public switch; see the rules above.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()
        if self._resolver is not None:
            await self._resolver.close()

    async def fetch(self, request: PollRequest) -> FetchResult:
        """Make the request. Every expected failure is an answer; only our own errors are raised."""
        return await _Fetch(self, request).result()

    async def post(self, url: str, form: Mapping[str, str]) -> int | FetchFailed:
        """Send a form, as a WebSub subscriber does, inside the host's slot; the answer's status, or why there is none.

        A 307 or 308 is followed, as W3C WebSub asks, with the same form; other redirects are not. What is said where
        nobody else listens is not said again where everyone does: the form may hold a secret.
        """
        return await _Fetch(self, PollRequest("", url, Validators())).posted(form)

    async def _post(
        self,
        target: Target,
        headers: CIMultiDict[str],
        form: Mapping[str, str],
    ) -> Answer:
        assert self._session is not None, "use `async with Fetcher(...)`"
        url = URL(target.url, encoded=True)
        async with self._session.post(
            url,
            data=dict(form),
            headers=headers,
            allow_redirects=False,
            proxy=self._settings.proxy,
        ) as response:
            # The head says it all: what a hub writes behind it is not waited for.
            return Answer(response.status, joined_fields(response.raw_headers), b"", 0)

    async def _get(
        self,
        target: Target,
        headers: CIMultiDict[str],
        limit: int,
        seconds: float,
    ) -> Answer:
        """One hop, inside its host's slot, for which there are so many seconds."""
        deadline = asyncio.get_running_loop().time() + seconds
        if self._direct is not None:
            return await self._direct.get(target, headers, limit, deadline=deadline)
        assert self._session is not None, "use `async with Fetcher(...)`"
        url = URL(target.url, encoded=True)
        async with self._session.get(
            url,
            headers=headers,
            allow_redirects=False,
            proxy=self._settings.proxy,
            skip_auto_headers=("User-Agent",),
        ) as response:
            return await answer_of(response, limit, deadline=deadline)


def _tls(ca_file: str | None) -> ssl.SSLContext:
    """The system's authorities, and the operator's own beside them. Raises ConfigError."""
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(ca_file)
    except OSError as error:  # ssl.SSLError is one
        reason = error.strerror or "it holds no certificate"
        words = f"{ca_file} cannot be used ({reason})"
        raise ConfigError(Problem(words, key="fetch.ca_file")) from error
    return context


class _Fetch:
    """One request on its way through its redirects."""

    def __init__(self, fetcher: Fetcher, request: PollRequest) -> None:
        self._fetcher = fetcher
        self._request = request
        self._left = fetcher._settings.timeout.total_seconds()
        self._used = 0.0
        self._redirects: list[Redirect] = []
        self._at = request.url
        if "@" in request.url:
            # What comes before it may be a password, and the address is logged.
            _, _, self._at = request.url.partition("@")

    async def result(self) -> FetchResult:
        """The answer to a GET, or why there is none."""
        try:
            first = target_of(self._request.url)
            self._at = first.url
            return await self._followed(first, self._authorization(first))
        except BadUrl as error:
            return self._failed(Failure(FailureKind.BAD_URL, str(error)))
        except MissingCredentials as error:
            return self._failed(Failure(FailureKind.CREDENTIALS, str(error)))
        except _Failed as error:
            return self._failed_as(error)

    async def posted(self, form: Mapping[str, str]) -> int | FetchFailed:
        """The status that a POST is answered with, or why there is none."""
        try:
            target = target_of(self._request.url)
            self._at = target.url
            return await self._posted(target, form)
        except BadUrl as error:
            return self._failed(Failure(FailureKind.BAD_URL, str(error)))
        except _Failed as error:
            return self._failed_as(error)

    async def _posted(self, target: Target, form: Mapping[str, str]) -> int:
        headers = CIMultiDict({"User-Agent": self._fetcher._user_agent})
        seen = {target.url}
        while True:
            exchange = partial(self._fetcher._post, target, headers, form)
            answer = await self._slotted(target, exchange)
            is_redirect = answer.status in _SAME_METHOD
            if not is_redirect or "location" not in answer.headers:
                return answer.status
            following = self._next(target, answer, seen)
            if keeps_secrets(target.url) and not keeps_secrets(following.url):
                words = f"{target.host} redirects to an address where everyone can read what is sent"
                raise _Failed(Failure(FailureKind.BAD_URL, words), status=answer.status)
            target = following

    def _authorization(self, first: Target) -> str:
        if self._request.auth is not None:
            return authorization(self._request.auth)
        if first.user or first.password:
            return basic_authorization(first.user, first.password)
        return ""

    async def _followed(self, first: Target, authorization: str) -> FetchResult:
        target = first
        seen = {first.url}
        while True:
            validators = self._validators_for(target, first)
            headers = self._headers_for(
                target,
                first,
                authorization,
                validators,
            )
            answer = await self._hop(target, headers)
            if answer.status not in _REDIRECTS:
                is_conditional = validators != Validators()
                return self._answered(target, answer, conditional=is_conditional)
            target = self._next(target, answer, seen)

    def _next(
        self,
        target: Target,
        answer: Answer,
        seen: set[str],
    ) -> Target:
        status = answer.status
        if "location" not in answer.headers:
            words = f"{target.host} redirects ({status}) without saying where"
            raise self._refusal(target, answer, words)
        following = redirected(target, answer.headers["location"])
        self._redirects.append(Redirect(status, following.url))
        # Loops and chains without end are seen in the field (miniflux/v2#1512, liferea#903).
        if following.url in seen:
            words = f"{target.host} redirects in a circle"
            raise self._lost(answer, words)
        if len(self._redirects) > MOST_HOPS:
            words = f"more than {MOST_HOPS} redirects, the last at {target.host}"
            raise self._lost(answer, words)
        seen.add(following.url)
        self._at = following.url
        return following

    @staticmethod
    def _lost(answer: Answer, words: str) -> _Failed:
        failure = Failure(FailureKind.TOO_MANY_REDIRECTS, words)
        # A redirect, too, may ask with Retry-After for quiet.
        caching = caching_of(answer.headers, now=datetime.now(UTC))
        return _Failed(failure, status=answer.status, caching=caching)

    # --- what is sent ---

    def _validators_for(self, target: Target, first: Target) -> Validators:
        """Only to the address that gave them: another one's 304 would speak of another document."""
        validators = self._request.validators
        owner = first.url
        if validators.url not in ("", self._request.url):
            try:
                owner = target_of(validators.url).url
            except BadUrl:
                return Validators()
        if owner != target.url:
            return Validators()
        etag = _sendable(validators.etag)
        return Validators(etag, _sendable(validators.last_modified))

    def _headers_for(
        self,
        target: Target,
        first: Target,
        authorization: str,
        validators: Validators,
    ) -> CIMultiDict[str]:
        user_agent = self._request.user_agent or self._fetcher._user_agent
        headers = CIMultiDict(
            {
                "User-Agent": _as_bytes(user_agent),
                "Accept": ACCEPT,
                "Accept-Encoding": "gzip, br, zstd",
                # RFC 3229: a server may send only the items that are new, as a 226.
                "A-IM": "feed",
            }
        )
        # A redirect must not hand a feed's credentials to a stranger.
        if may_have_credentials(first, target):
            for name, value in self._request.headers:
                if name.lower() not in _NOT_CONFIGURABLE:
                    headers[name] = _as_bytes(value)
            if authorization:
                headers["Authorization"] = authorization
        if validators.etag is not None:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified is not None:
            headers["If-Modified-Since"] = validators.last_modified
        return headers

    # --- one hop ---

    async def _hop(self, target: Target, headers: CIMultiDict[str]) -> Answer:
        limit = self._request.max_body_bytes
        return await self._slotted(
            target,
            lambda: self._fetcher._get(target, headers, limit, self._left),
        )

    async def _slotted(self, target: Target, exchange: Exchange) -> Answer:
        """The exchange, when its host's slot is free."""
        self._check_literal(target)
        try:
            # The claim holds the slot of the feed's own host; a redirect leads to hosts that nobody claimed.
            async with self._fetcher._slots.slot(target.host):
                return await self._timed(target, exchange)
        except HostBusy:
            words = f"{target.host} was kept busy by our own other requests"
            raise _Failed(Failure(FailureKind.BUSY, words)) from None

    def _check_literal(self, target: Target) -> None:
        """Refuse a private address named in the URL itself, also where a proxy would do the connecting."""
        address = literal_address(target.host)
        if address is not None and not self._fetcher._guard.allows(address):
            failure = failure_of_error(PrivateAddress(address), target.host)
            assert failure is not None
            raise _Failed(failure)

    async def _timed(self, target: Target, exchange: Exchange) -> Answer:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._left):
                return await exchange()
        except TooLarge:
            limit = self._request.max_body_bytes
            words = f"the body is larger than {limit:,} bytes"
            raise _Failed(Failure(FailureKind.TOO_LARGE, words)) from None
        except BadEncoding as error:
            raise _Failed(Failure(FailureKind.BAD_ENCODING, str(error))) from None
        except CutShort:
            words = f"{target.host} sent a compressed body without its end"
            raise _Failed(Failure(FailureKind.RESET, words)) from None
        except EXPECTED_ERRORS as error:
            failure = failure_of_error(error, target.host)
            if failure is None:
                raise
            raise _Failed(failure) from error
        except ValueError:
            # aiohttp's refusal to write a header with a control character.
            words = "a header of this feed holds characters that HTTP does not allow"
            raise _Failed(Failure(FailureKind.BAD_URL, words)) from None
        finally:
            spent = time.monotonic() - started
            self._used += spent
            self._left = max(0.0, self._left - spent)

    # --- what comes back ---

    def _answered(
        self,
        target: Target,
        answer: Answer,
        *,
        conditional: bool,
    ) -> FetchResult:
        headers = answer.headers
        caching = caching_of(headers, now=datetime.now(UTC))
        elapsed = timedelta(seconds=self._used)
        # An empty field tells of no version; sent back, it would ask for one that has none.
        validators = Validators(
            headers.get("etag") or None,
            headers.get("last-modified") or None,
            target.url,
        )
        if answer.status == 304 and conditional:
            return NotModified(
                target.url,
                validators,
                caching,
                tuple(self._redirects),
                elapsed,
            )
        self._check_is_feed(target, answer)
        return Fetched(
            url=target.url,
            status=answer.status,
            body=answer.body,
            content_type=headers.get("content-type"),
            validators=validators,
            caching=caching,
            redirects=tuple(self._redirects),
            links=links_of(headers.get("link", ""), base_url=target.url),
            partial=answer.status == 226,
            elapsed=elapsed,
            sent_bytes=answer.sent_bytes,
        )

    def _check_is_feed(self, target: Target, answer: Answer) -> None:
        """Raises _Failed for an answer that holds no feed, as far as status and headers tell."""
        status = answer.status
        if status not in BODIES:
            raise self._refusal(target, answer)
        start = answer.body[:LOOKED_AT_BYTES]
        wall = failure_of_status(
            status,
            answer.headers,
            start,
            target.host,
        )
        # Walls answer with 200, too.
        if wall.kind is FailureKind.BOT_WALL:
            caching = caching_of(answer.headers, now=datetime.now(UTC))
            raise _Failed(wall, status=status, caching=caching)
        if status == 226 and not _is_feed_delta(answer):
            words = f"{target.host} sent a difference that we did not ask for (226)"
            raise self._refusal(target, answer, words)
        if status == 206 and not _is_whole(answer):
            words = (
                f"{target.host} sent a part of the feed that we did not ask for (206)"
            )
            raise self._refusal(target, answer, words)
        # Of an empty 200 the reader says what is wrong.
        if status != 200 and not answer.body:
            words = f"{target.host} sent no feed with its answer ({status})"
            raise self._refusal(target, answer, words)

    def _refusal(
        self,
        target: Target,
        answer: Answer,
        words: str = "",
    ) -> _Failed:
        failure = Failure(FailureKind.HTTP_STATUS, words)
        if not words:
            failure = failure_of_status(
                answer.status,
                answer.headers,
                answer.body,
                target.host,
            )
        caching = caching_of(answer.headers, now=datetime.now(UTC))
        return _Failed(failure, status=answer.status, caching=caching)

    def _failed_as(self, error: _Failed) -> FetchFailed:
        return self._failed(error.failure, status=error.status, caching=error.caching)

    def _failed(
        self,
        failure: Failure,
        *,
        status: int | None = None,
        caching: Caching | None = None,
    ) -> FetchFailed:
        return FetchFailed(
            url=self._at,
            kind=failure.kind,
            detail=failure.detail,
            status=status,
            caching=caching or Caching(),
            redirects=tuple(self._redirects),
            elapsed=timedelta(seconds=self._used),
            ours=failure.ours,
        )


def _is_feed_delta(answer: Answer) -> bool:
    stated = answer.headers.get("im", "feed").split(",")
    methods = {name.strip().lower() for name in stated}
    return "feed" in methods and methods <= {"feed", "gzip", "identity"}


def _is_whole(answer: Answer) -> bool:
    """Whether a 206 holds all there is; without a Content-Range it says nothing else (RFC 9110 section 14.4)."""
    stated = answer.headers.get("content-range", "")
    part = re.fullmatch(r"bytes[ =]*0-(\d+)/(\d+|\*)", stated.strip(), re.IGNORECASE)
    if part is None:
        return not stated
    last, whole = part.groups()
    if whole == "*":
        return True
    return int(whole) == int(last) + 1


def _as_bytes(text: str) -> str:
    """Configured text as the characters of its UTF-8 bytes (the module's rule for header values)."""
    return text.encode("utf-8").decode("latin-1")


def _sendable(value: str | None) -> str | None:
    """A stored validator, unless it cannot go into a header; then the request is made without it."""
    if not value or _NOT_IN_A_HEADER.search(value):
        return None
    return value
