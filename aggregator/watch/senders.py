"""How a message leaves for a person or a service: a signed webhook, ntfy, or mail.

Rules: a sender tries once and answers with what became of it (`Sent`, `Refused`, `Failed`); when to try again is
`daemon.delivering`'s business. A redirect is not followed: what is signed for one address goes to no other. The address
is the operator's own word, so it may lie in a private network. Secrets are read at the time of sending.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import aiohttp
import orjson

from aggregator.model import Message, Notify
from aggregator.watch.links import safe_link

SIGNATURE = "X-Aggregator-Signature"
TIMEOUT_SECONDS = 15.0
TOLD_BYTES = 300
"""How much of a refusal's text is told to the operator."""
_AGAIN = frozenset({408, 421, 423, 425, 429})
"""Statuses below 500 that say: later (RFC 9110, RFC 6585, RFC 8470)."""
_TEXT_CHARS = 3800
"""ntfy turns longer texts into attachments (4,096 bytes)."""


@dataclass(frozen=True, slots=True)
class Sent:
    """It has arrived."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The receiver does not want this message: another try would be refused, too."""

    detail: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It did not arrive now; `after_s`: the receiver asks for so many seconds."""

    detail: str
    after_s: float | None = None


Result = Sent | Refused | Failed
Secret = Callable[[], str]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message with its JSON, as a list queue holds it."""

    message: Message
    body: bytes


class Sender(Protocol):
    """`batch`: how many messages it takes at once."""

    batch: int

    async def send(self, parcels: Sequence[Parcel]) -> Result:
        """Hand the parcels over. What goes wrong is in the answer, never raised."""
        ...


def sender_of(
    notify: Notify, *, secret: Secret, session: aiohttp.ClientSession
) -> Sender:
    """The sender for an address of `[[notify]]`; the configuration has checked its scheme."""
    scheme = urlsplit(notify.to).scheme
    if scheme == "mailto":
        return Mail(notify, secret=secret)
    if scheme == "ntfy":
        return Ntfy(notify.to, secret=secret, session=session)
    return Webhook(notify.to, secret=secret, session=session)


def signature(secret: str, body: bytes) -> str:
    """What stands in `X-Aggregator-Signature`: `sha256=` and HMAC-SHA256 of the raw body, in hex (as GitHub's)."""
    return (
        "sha256="
        + hmac.new(
            secret.encode(),
            body,
            hashlib.sha256,
        ).hexdigest()
    )


class Webhook:
    """POSTs the message as JSON, signed."""

    batch = 1

    def __init__(
        self, url: str, *, secret: Secret, session: aiohttp.ClientSession
    ) -> None:
        self._url = url
        self._secret = secret
        self._session = session

    async def send(self, parcels: Sequence[Parcel]) -> Result:
        """POST one message, signed."""
        [parcel] = parcels
        headers = {
            "Content-Type": "application/json",
            SIGNATURE: signature(self._secret(), parcel.body),
            "X-Aggregator-Delivery": parcel.message.id,
            "X-Aggregator-Kind": parcel.message.kind,
        }
        return await _posted(
            self._session,
            self._url,
            parcel.body,
            headers,
        )


class Ntfy:
    """Publishes to an ntfy server: `ntfy://host/topic`, with `?secure=false` by http."""

    batch = 1

    def __init__(
        self, address: str, *, secret: Secret, session: aiohttp.ClientSession
    ) -> None:
        parts = urlsplit(address)
        is_plain = parse_qs(parts.query).get("secure") == ["false"]
        scheme = "http" if is_plain else "https"
        # Userinfo is no part of where it is sent: the token is the secret.
        place = parts.netloc.rpartition("@")[2]
        self._url = f"{scheme}://{place}/"
        self._topic = parts.path.strip("/")
        self._secret = secret
        self._session = session

    async def send(self, parcels: Sequence[Parcel]) -> Result:
        """Publish one message to the topic."""
        [parcel] = parcels
        headers = {"Content-Type": "application/json"}
        # A topic of ntfy.sh needs none.
        token = self._secret()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = orjson.dumps(self._note(parcel.message))
        return await _posted(self._session, self._url, body, headers)

    def _note(self, message: Message) -> Mapping[str, Any]:
        others = [f"{source.feed_id}: {source.title}" for source in message.sources]
        note = {
            "topic": self._topic,
            "title": (message.title or "(no title)")[:250],
            "message": "\n".join(others)[:_TEXT_CHARS] or message.title,
            "click": safe_link(message.url),
        }
        return {name: value for name, value in note.items() if value}


async def _posted(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]
) -> Result:
    limit = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with session.post(
            url, data=body, headers=headers, allow_redirects=False, timeout=limit
        ) as response:
            return await _result_of(response)
    # aiohttp raises it for the whole time limit.
    except TimeoutError:
        return Failed(f"no answer within {TIMEOUT_SECONDS:.0f} s")
    except (aiohttp.ClientError, OSError) as error:
        return Failed(str(error) or type(error).__name__)


async def _result_of(response: aiohttp.ClientResponse) -> Result:
    if 200 <= response.status < 300:
        return Sent()
    start = await response.content.read(TOLD_BYTES)
    text = start.decode("utf-8", "replace")
    detail = f"{response.status} {response.reason or ''} {text}".strip()
    if response.status < 500 and response.status not in _AGAIN:
        return Refused(detail)
    return Failed(
        detail,
        _seconds(response.headers.get("Retry-After", "")),
    )


def _seconds(retry_after: str) -> float | None:
    """Of `Retry-After`; None for what is no number of seconds."""
    is_number = retry_after.isascii() and retry_after.isdecimal()
    # More digits ask for weeks: the pause of our own is better.
    if not is_number or len(retry_after) > 6:
        return None
    return float(retry_after)


class Mail:
    """One mail for all messages that wait, by SMTP; its Message-ID follows from theirs."""

    batch = 200

    def __init__(
        self,
        notify: Notify,
        *,
        secret: Secret,
    ) -> None:
        self._to = unquote(urlsplit(notify.to).path)
        server = urlsplit(notify.smtp)
        self._host = server.hostname or "localhost"
        self._port = server.port or 25
        self._user = unquote(server.username or "")
        self._from = notify.sender or f"aggregator@{socket.getfqdn()}"
        self._secret = secret

    async def send(self, parcels: Sequence[Parcel]) -> Result:
        """One mail with all parcels."""
        mail = self.mail_of([parcel.message for parcel in parcels])
        try:
            await asyncio.to_thread(self._hand_over, mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            code = max(codes, default=550)
            return _mail_failure(code, f"the server refuses {self._to}")
        except smtplib.SMTPResponseException as error:
            return _mail_failure(error.smtp_code, str(error))
        except (smtplib.SMTPException, OSError) as error:
            return Failed(f"{self._host}:{self._port}: {error}")
        return Sent()

    def mail_of(self, messages: Sequence[Message]) -> EmailMessage:
        """The mail that tells of these messages."""
        # The same messages give the same id, so that a mail sent twice is known as one.
        ids = "\0".join(message.id for message in messages)
        digest = hashlib.sha256(ids.encode()).hexdigest()[:32]
        mail = EmailMessage()
        # On one line, since a header ends with it.
        first = " ".join(messages[0].title.split())[:120] or "(no title)"
        others = len(messages) - 1
        more = f" and {others} more" if others else ""
        mail["Subject"] = f"{first}{more}"
        mail["From"] = Address(display_name="aggregator", addr_spec=self._from)
        mail["To"] = self._to
        mail["Message-ID"] = f"<{digest}@aggregator>"
        # RFC 3834: no absence note answers it.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content("\n".join(_mailed(message) for message in messages))
        return mail

    def _hand_over(self, mail: EmailMessage) -> None:
        with smtplib.SMTP(
            self._host,
            self._port,
            timeout=TIMEOUT_SECONDS,
        ) as server:
            server.ehlo()
            # What the server says it can do is asked for again behind TLS (RFC 3207, 4.2).
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if self._user:
                server.login(self._user, self._secret())
            server.send_message(mail)


def _mail_failure(code: int, detail: str) -> Result:
    # RFC 5321, 4.2.1: 5xx is for good, 4xx for now.
    if code >= 500:
        return Refused(detail)
    return Failed(detail)


def _mailed(message: Message) -> str:
    """One message as lines of a mail."""
    lines = [message.title or "(no title)", safe_link(message.url)]
    for source in message.sources[1:6]:
        line = f"  - {source.feed_id}: {source.title} {safe_link(source.url)}"
        lines.append(line.rstrip())
    return "\n".join(filter(None, lines)) + "\n"
