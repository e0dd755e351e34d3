"""`[[notify]]`: what a queue would hold arrives, signed, at least once and in order, whoever dies in between."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from aggregator.config import configuration
from aggregator.daemon.clock import Clock
from aggregator.daemon.delivering import MOST_REFUSALS, UNDELIVERED, Deliveries
from aggregator.engine.client import Client
from aggregator.engine.store import Store
from aggregator.errors import ConfigError
from aggregator.model import EPOCH, Match, Notify
from aggregator.watch.senders import Mail, signature
from tests.engine import making
from tests.engine.making import entry


@dataclass
class Receiver:
    """Remembers what it was sent; `statuses` are its next answers, 200 when there are none left."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        self.headers.append(request.headers.copy())
        status = self.statuses.pop(0) if self.statuses else 200
        if status < 300:
            self.taken.append(json.loads(body).get("id") or json.loads(body)["title"])
        return web.Response(status=status, text="told so")

    @asynccontextmanager
    async def listening(self, port: int = 0) -> AsyncIterator[Receiver]:
        application = web.Application()
        application.router.add_post("/{rest:.*}", self.answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def deliveries(
    store: Store, directory: Path, secret: str | None = "s3cret"
) -> Deliveries:
    return Deliveries(
        store,
        leads=lambda: True,
        clock=Clock(),
        directory=directory,
        read_secret=lambda _notify: secret,
        first_pause=timedelta(milliseconds=5),
    )


@asynccontextmanager
async def running(made: Deliveries, *notifies: Notify) -> AsyncIterator[None]:
    made.use(notifies)
    task = asyncio.create_task(made.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def acknowledged(store: Store, notify: Notify) -> bool:
    lags = {
        (group.stream, group.group): group for group in await store.retention.groups()
    }
    group = lags.get((f"queue:{notify.queue.name}", "notify"))
    return group is not None and group.waiting_count + group.pending_count == 0


async def until_acknowledged(store: Store, notify: Notify) -> None:
    async with asyncio.timeout(20):
        while not await acknowledged(store, notify):
            await asyncio.sleep(0.01)


async def told(store: Store, notify: Notify, *numbers: int) -> list[str]:
    """Publishes events of which the notify's queue is told; answers with the ids of its messages."""
    store.engine.queues = {notify.queue.name: notify.queue}
    waiting = await making.waiting(store, *(entry(number) for number in numbers))
    made = [making.publication(stream_id, one) for stream_id, one in waiting]
    whole = [
        replace(one, queued=((notify.queue.name, one.messages[0]),)) for one in made
    ]
    await store.events.publish(await making.leading(store), whole)
    return [one.messages[0].id for one in made]


@pytest.fixture
async def store(redis_client: Client) -> Store:
    return Store(redis_client, prefix="{agg}")


async def test_every_message_arrives_in_order_signed(
    store: Store, tmp_path: Path
) -> None:
    async with Receiver().listening() as receiver:
        notify = Notify("desk", f"{receiver.url}/hook")
        before = await told(store, notify, 1, 2)
        async with running(deliveries(store, tmp_path), notify):
            await until(lambda: len(receiver.taken) == 2)
            after = await told(store, notify, 3)
            await until(lambda: len(receiver.taken) == 3)
            await until_acknowledged(store, notify)
    assert receiver.taken == [*before, *after]
    for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
        right = "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
        assert headers["X-Aggregator-Signature"] == right == signature("s3cret", body)
        assert headers["X-Aggregator-Delivery"] == json.loads(body)["id"]
        assert json.loads(body)["document"], (
            "the whole message, as a list queue holds it"
        )


async def test_a_receiver_that_is_down_is_waited_for(
    store: Store, tmp_path: Path
) -> None:
    receiver = Receiver()
    async with receiver.listening():
        notify = Notify("desk", f"{receiver.url}/hook")
    ids = await told(store, notify, 1, 2, 3)
    async with running(deliveries(store, tmp_path), notify):
        await asyncio.sleep(0.05)  # it is refused meanwhile
        assert receiver.taken == []
        async with receiver.listening(int(receiver.url.rpartition(":")[2])):
            await until(lambda: len(receiver.taken) == 3)
    assert receiver.taken == ids
    assert await store.watch.trouble(EPOCH) == []


@pytest.mark.parametrize("status", [500, 503, 429, 408])
async def test_a_receiver_in_trouble_gets_it_again_under_the_same_id(
    store: Store, tmp_path: Path, status: int
) -> None:
    receiver = Receiver(statuses=[status] * (MOST_REFUSALS + 2))
    async with receiver.listening():
        notify = Notify("desk", f"{receiver.url}/hook")
        [message_id] = await told(store, notify, 1)
        async with running(deliveries(store, tmp_path), notify):
            await until(lambda: receiver.taken)
    assert receiver.taken == [message_id]
    assert {json.loads(body)["id"] for body in receiver.bodies} == {message_id}


@pytest.mark.parametrize("status", [400, 404, 410, 302])
async def test_what_is_refused_is_told_in_trouble_and_stops_nothing(
    store: Store, tmp_path: Path, status: int
) -> None:
    receiver = Receiver(statuses=[status] * MOST_REFUSALS)
    async with receiver.listening():
        notify = Notify("desk", f"{receiver.url}/hook")
        refused, taken = await told(store, notify, 1, 2)
        async with running(deliveries(store, tmp_path), notify):
            await until(lambda: receiver.taken)
            await until_acknowledged(store, notify)
    assert receiver.taken == [taken]
    [trouble] = await store.watch.trouble(EPOCH)
    assert trouble.notice.kind == UNDELIVERED
    assert refused in trouble.notice.detail
    assert str(status) in trouble.notice.detail


async def test_a_death_before_the_acknowledgement_sends_again_and_loses_nothing(
    store: Store, tmp_path: Path
) -> None:
    """What the kill leaves: read in the group, sent, not acknowledged."""
    async with Receiver().listening() as receiver:
        notify = Notify("desk", f"{receiver.url}/hook")
        assert (
            await store.deliveries.undelivered(notify.queue.name, count=1, fresh=True)
            == []
        )
        ids = await told(store, notify, 1, 2)
        assert (
            len(
                await store.deliveries.undelivered(
                    notify.queue.name, count=1, fresh=True
                )
            )
            == 1
        )
        async with running(deliveries(store, tmp_path), notify):
            await until(lambda: len(receiver.taken) == 2)
            await until_acknowledged(store, notify)
    assert receiver.taken == ids


async def test_a_queue_that_is_lost_begins_anew(store: Store, tmp_path: Path) -> None:
    async with Receiver().listening() as receiver:
        notify = Notify("desk", f"{receiver.url}/hook")
        async with running(deliveries(store, tmp_path), notify):
            await told(store, notify, 1)
            await until(lambda: len(receiver.taken) == 1)
            await store.engine.command("FLUSHALL")
            await told(store, notify, 2)
            await until(lambda: len(receiver.taken) == 2)


async def test_a_secret_is_made_for_us_only_and_stays(
    store: Store, tmp_path: Path
) -> None:
    made = deliveries(store, tmp_path / "notify", secret=None)
    notify = Notify("desk", "https://example.org/hook")
    secret = made.secret_of(notify)
    assert len(secret) == 64
    assert made.secret_of(notify) == secret
    assert (tmp_path / "notify" / "desk.secret").stat().st_mode & 0o077 == 0
    assert made.secret_of(replace(notify, to="ntfy://ntfy.sh/topic")) == "", (
        "ntfy signs nothing"
    )


async def test_ntfy_is_told_title_sources_and_link(
    store: Store, tmp_path: Path
) -> None:
    async with Receiver().listening() as receiver:
        host = receiver.url.removeprefix("http://")
        notify = Notify("phone", f"ntfy://{host}/news?secure=false")
        await told(store, notify, 1)
        async with running(deliveries(store, tmp_path, secret="tk_1"), notify):
            await until(lambda: receiver.taken)
    note = json.loads(receiver.bodies[0])
    assert note["topic"] == "news"
    assert note["title"] == entry(1).title
    assert receiver.headers[0]["Authorization"] == "Bearer tk_1"


def test_one_mail_tells_of_all_that_wait() -> None:
    messages = [
        making.message(making.Kind.NEW, entry(number), "e" + f"{number:020x}")
        for number in (1, 2)
    ]
    notify = Notify("mail", "mailto:me@example.org", sender="agg@example.org")
    mail = Mail(notify, secret=lambda: "").mail_of(messages)
    assert mail["To"] == "me@example.org"
    assert mail["Subject"].endswith("and 1 more")
    text = mail.get_content()
    assert all(message.title in text for message in messages)
    assert (
        mail["Message-ID"]
        == Mail(notify, secret=lambda: "").mail_of(messages)["Message-ID"]
    )


async def test_mail_goes_by_smtp(store: Store, tmp_path: Path) -> None:
    received: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                received.append(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    notify = Notify(
        "mail",
        "mailto:me@example.org",
        smtp=f"smtp://127.0.0.1:{port}",
        every=timedelta(milliseconds=1),
    )
    await told(store, notify, 1, 2)
    async with running(deliveries(store, tmp_path), notify):
        await until(lambda: received)
        await until_acknowledged(store, notify)
    server.close()
    [mail] = received
    assert b"To: me@example.org" in mail


# --- feeds.toml -----------------------------------------------------------------------------------------------

HOOK = '[[notify]]\nname = "desk"\nto = "{to}"\n'


def test_a_notify_is_a_queue_of_its_own_with_the_same_filters() -> None:
    text = (
        HOOK.format(to="https://example.org/hook")
        + 'min_sources = 3\nmatch = { languages = ["zh"] }\n'
    )
    settings = configuration(text).settings
    [notify] = settings.notifies
    assert notify.match == Match(languages=("zh",))
    [queue] = settings.queues
    assert (queue.kind, queue.deliver, queue.min_sources, queue.match) == (
        "stream",
        "events",
        3,
        notify.match,
    )
    assert queue.name == notify.queue.name == "notify.desk", (
        "no [[queue]] can have this name"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HOOK.format(to="gopher://x"), "https://"),
        (HOOK.format(to="ntfy://ntfy.sh"), "topic"),
        (HOOK.format(to="mailto:nobody"), "mailto:"),
        (HOOK.format(to="https://example.org/a") * 2, "desk"),
        (
            HOOK.format(to="https://example.org/a")
            + 'match = { feeds = ["nowhere"] }\n',
            "nowhere",
        ),
        (
            HOOK.format(to="https://example.org/a")
            + 'secret = { environment = "A", file = "b" }\n',
            "either",
        ),
        ('[[notify]]\nname = "desk"\n', "to"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        configuration(text)
