"""A server that is slow, full, read-only, restarted, gone or locked: nothing half done, nothing twice, plain words."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.poll_store import Claims
from aggregator.engine.scripts import Engine, script_text
from aggregator.engine.store import Store
from aggregator.errors import EngineDown, EngineRefused
from aggregator.model import KnownEntry, Notice, Queue
from tests.engine import making
from tests.engine.making import (
    LEASE,
    NOW,
    SPACING,
    claimed,
    commit,
    contents,
    entry,
    leading,
    length,
    publication,
    waiting,
)

STALL_S = 0.7
"""Longer than the impatient client's first two tries, shorter than all of them."""


@pytest.fixture
async def impatient(own_server: EmbeddedServer) -> AsyncIterator[Store]:
    """A store whose client gives up on an answer after 0.25 s and asks again, twice. The server knows all scripts
    already, so that what it is sent twice it also does twice."""
    store = Store(connect(f"{own_server.url}?socket_timeout=0.25"))
    for name in ("claim", "commit", "publish", "lead"):
        await store.engine.command("SCRIPT LOAD", script_text(name))
    yield store
    await store.close()


@pytest.fixture
async def own_store(own_server: EmbeddedServer) -> AsyncIterator[Store]:
    store = Store(connect(own_server.url))
    yield store
    await store.close()


def stall(server: EmbeddedServer) -> None:
    """The server stands still for STALL_S and then does all it was sent."""
    pid = server.running.pid
    os.kill(pid, signal.SIGSTOP)
    asyncio.get_running_loop().call_later(STALL_S, os.kill, pid, signal.SIGCONT)


# --- commands that redis-py repeats ---


async def test_the_fault_is_real_a_plain_write_is_applied_more_than_once(
    impatient: Store, own_server: EmbeddedServer
) -> None:
    await impatient.engine.command("PING")
    stall(own_server)
    await impatient.engine.command("XADD", "agg:events", "*", "a", "b")
    assert await length(impatient, "agg:events") > 1


async def test_a_repeated_commit_is_written_once(
    impatient: Store, own_server: EmbeddedServer
) -> None:
    claim = await claimed(impatient)
    stall(own_server)
    whole = replace(
        commit(claim, entry(1), entry(2)),
        notices=(Notice("gone", "f0", "", "410"),),
        result="ok",
    )
    await impatient.polls.commit(whole)
    assert await impatient.events.waiting_count() == 2
    assert len(await impatient.watch.trouble(making.EPOCH)) == 1
    assert (await impatient.watch.totals(await impatient.server_time())).polls == {
        "ok": 1
    }


DENIED = ("-xadd", "-publish", "-hset", "-hincrby", "-pexpire", "-hdel", "-zadd")


@pytest.mark.parametrize("rule", DENIED)
async def test_a_right_that_is_missing_leaves_no_half_of_a_commit(
    own_store: Store, own_server: EmbeddedServer, rule: str
) -> None:
    """The state was written, with the validators, before XADD was refused: the entries never came."""
    claim = await claimed(own_store)
    acl = own_store.engine.command
    await acl("ACL", "SETUSER", "some", "on", ">pw", "~*", "&*", "+@all", rule)
    url = own_server.url.replace("unix://", "unix://some:pw@")
    some = Store(connect(url))
    notices = (Notice("gone", "f0", "", "410"),)
    whole = replace(commit(claim, entry(1)), notices=notices, result="ok")
    with contextlib.suppress(EngineRefused):
        await some.polls.commit(whole)
    done = await own_store.engine.command("HGET", "agg:feed:f0", "done")
    waiting_count = await own_store.events.waiting_count()
    assert (done is not None) <= (waiting_count == 1)
    await acl("ACL", "SETUSER", "some", "+@all")
    await some.polls.commit(whole)
    assert await own_store.events.waiting_count() >= 1
    # A notice may be missing where the script could not ask (Redis 6.2).
    can_ask = await acl("EVAL", "return redis.acl_check_cmd and 1", 0)
    notice_count = len(await own_store.watch.trouble(making.EPOCH))
    assert notice_count == 1 or not can_ask
    await some.close()


@pytest.mark.parametrize("rule", [*DENIED[:5], "-set", "resetchannels"])
async def test_a_right_that_is_missing_loses_no_publication(
    own_store: Store, own_server: EmbeddedServer, rule: str
) -> None:
    """The gate was written, and then a message was refused: the event was taken for published."""
    acl = own_store.engine.command
    if not await acl("EVAL", "return redis.acl_check_cmd and 1", 0):
        pytest.skip("before Redis 7 a script cannot ask what it may do")
    ((stream_id, report),) = await waiting(own_store, entry(1))
    token = await leading(own_store)
    await acl("ACL", "SETUSER", "some", "on", ">pw", "~*", "&*", "+@all", rule)
    url = own_server.url.replace("unix://", "unix://some:pw@")
    some = Store(connect(url))
    with pytest.raises(EngineRefused, match="ACL"):
        await some.events.publish(token, [publication(stream_id, report)])
    assert await length(own_store, "agg:events") == 0
    await acl("ACL", "SETUSER", "some", "+@all", "&*")
    await some.events.publish(token, [publication(stream_id, report)])
    assert await length(own_store, "agg:events") == 1
    await some.close()


async def test_claims_whose_answer_was_lost_are_answered_at_the_next_call(
    impatient: Store, own_server: EmbeddedServer
) -> None:
    """They would stand until they lapse, and their feeds wait as long."""
    hosts = {f"f{number}": f"{number}.example" for number in range(3)}
    await impatient.polls.register(dict.fromkeys(hosts, NOW))

    async def claim() -> Claims:
        return await impatient.polls.claim(2, hosts=hosts, lease=LEASE, spacing=SPACING)

    pid = own_server.running.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(EngineDown):
            await claim()
    finally:
        os.kill(pid, signal.SIGCONT)
    first = await claim()
    assert len(first.claims) == 2
    second = await claim()
    assert len(second.claims) == 1
    assert {one.feed_id for one in (*first.claims, *second.claims)} == set(hosts)
    assert (await claim()).claims == ()


async def test_a_repeated_publication_is_written_once(
    impatient: Store, own_server: EmbeddedServer
) -> None:
    impatient.use(
        retention=impatient.engine.retention, queues=[Queue("l", kind="list")]
    )
    ((stream_id, report),) = await waiting(impatient, entry(1))
    token = await leading(impatient)
    stall(own_server)
    one = publication(stream_id, report)
    await impatient.events.publish(
        token, [replace(one, queued=(("l", one.messages[0]),))]
    )
    assert await length(impatient, "agg:events") == 1
    assert await length(impatient, "agg:fingerprints") == 1
    assert await impatient.engine.command("LLEN", "agg:queue:l") == 1


async def test_a_repeated_claim_answers_with_what_the_first_took(
    impatient: Store, own_server: EmbeddedServer
) -> None:
    hosts = {f"f{number}": f"h{number}" for number in range(5)}
    await impatient.polls.register(dict.fromkeys(hosts, NOW))
    stall(own_server)
    found = await impatient.polls.claim_these(hosts, lease=LEASE, spacing=SPACING)
    assert sorted(claim.feed_id for claim in found.claims) == sorted(hosts)
    for claim in found.claims:
        await impatient.polls.commit(commit(claim))


async def test_a_repeated_lead_gives_one_token_that_holds(
    impatient: Store, own_server: EmbeddedServer
) -> None:
    await impatient.engine.command("PING")
    stall(own_server)
    token = await impatient.events.lead("a", LEASE)
    assert token is not None
    await impatient.events.renew(token, LEASE)


# --- out of memory: all or nothing ---


async def full(store: Store) -> None:
    await store.engine.command("CONFIG", "SET", "maxmemory", 1)


async def roomy(store: Store) -> None:
    await store.engine.command("CONFIG", "SET", "maxmemory", 0)


async def test_a_full_server_takes_nothing_of_a_commit_and_all_of_it_later(
    own_store: Store,
) -> None:
    claim = await claimed(own_store, host="h0")
    whole = replace(
        commit(claim, entry(1), host="h0", due_at=NOW + LEASE),
        known={"a": KnownEntry("h", NOW)},
        notices=(Notice("gone", "f0", "h0", "410"),),
        host_hold_until_at=NOW + timedelta(days=9000),
        result="ok",
    )
    before = await contents(own_store)
    await full(own_store)
    with pytest.raises(EngineDown, match="out of memory"):
        await own_store.polls.commit(whole)
    assert await contents(own_store) == before
    await roomy(own_store)
    await own_store.polls.commit(whole)
    assert await own_store.events.waiting_count() == 1


async def test_a_full_server_takes_nothing_of_a_publication_and_all_of_it_later(
    own_store: Store,
) -> None:
    found = await waiting(own_store, entry(1), entry(2))
    token = await leading(own_store)
    publications = [publication(*one) for one in found]
    before = await contents(own_store)
    await full(own_store)
    with pytest.raises(EngineDown, match="out of memory"):
        await own_store.events.publish(token, publications)
    assert await contents(own_store) == before
    await roomy(own_store)
    assert [
        one.repeated for one in await own_store.events.publish(token, publications)
    ] == [False, False]


async def test_a_full_server_gives_out_no_claim(own_store: Store) -> None:
    await own_store.polls.register({"f0": NOW})
    before = await contents(own_store)
    await full(own_store)
    with pytest.raises(EngineDown, match="out of memory"):
        await own_store.polls.claim(1, hosts={"f0": "h0"}, lease=LEASE, spacing=SPACING)
    assert await contents(own_store) == before


async def test_a_full_server_can_still_be_trimmed_and_what_went_is_counted(
    own_store: Store,
) -> None:
    await making.published(
        own_store, *(entry(number, document="d" * 5000) for number in range(300))
    )
    own_store.use(
        retention=replace(own_store.engine.retention, max_stream_bytes=512 * 1024),
        queues=(),
    )
    await full(own_store)
    with pytest.raises(EngineDown, match="out of memory"):
        await own_store.retention.trim()  # the notice has no room, the counts have
    assert await length(own_store, "agg:reports") < 300
    await roomy(own_store)
    await (
        own_store.retention.trim()
    )  # one more message may go: the server's own estimate of a message's bytes moves
    left = await length(own_store, "agg:reports")
    details = [one.notice.detail for one in await own_store.watch.trouble(making.EPOCH)]
    assert f"agg:reports: {300 - left} messages dropped by the size limit" in details


# --- a server that takes no writes, goes away, comes back ---


async def test_a_read_only_replica_is_told_from_a_primary_and_works_again(
    own_store: Store,
) -> None:
    claim = await claimed(own_store)
    before = await contents(own_store)
    await own_store.engine.command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(EngineDown, match="read-only replica"):
        await own_store.polls.commit(commit(claim, entry(1)))
    assert await contents(own_store) == before
    await own_store.engine.command("REPLICAOF", "NO", "ONE")
    await own_store.polls.commit(commit(claim, entry(1)))
    assert await own_store.events.waiting_count() == 1


async def test_a_restarted_server_is_reached_again_by_the_same_client(
    own_server: EmbeddedServer, own_store: Store
) -> None:
    claim = await claimed(own_store)
    await own_store.polls.commit(commit(claim, entry(1)))
    os.kill(own_server.running.pid, signal.SIGKILL)
    await ended(own_server.running.pid)
    with pytest.raises(EngineDown, match="does not answer"):
        await own_store.events.waiting_count()
    await restarted(own_server)
    await own_store.polls.commit(commit(claim, entry(1)))
    assert await own_store.events.waiting_count() == 1
    ((stream_id, report),) = (await own_store.events.next_entries(10)).entries
    token = await leading(own_store)
    assert (
        len(await own_store.events.publish(token, [publication(stream_id, report)]))
        == 1
    )


async def ended(pid: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
        await asyncio.to_thread(psutil.Process(pid).wait, 5)


async def restarted(server: EmbeddedServer) -> None:
    """Starts it again; the first try may find it just dead."""
    with contextlib.suppress(EngineDown):
        await server.start()
        return
    await server.start()


async def test_a_server_killed_under_load_has_each_entry_once(
    own_server: EmbeddedServer, own_store: Store
) -> None:
    names = {f"f{number}": "" for number in range(40)}
    await own_store.polls.register(dict.fromkeys(names, NOW))
    found = (
        await own_store.polls.claim_these(names, lease=LEASE, spacing=SPACING)
    ).claims
    done: list[str] = []
    restarting = (
        asyncio.Lock()
    )  # the second kill waits until the server is back from the first

    async def one(number: int) -> None:
        whole = commit(
            found[number],
            *(entry(number * 10 + part, feed_id=f"f{number}") for part in range(3)),
        )
        await until_up(lambda: own_store.polls.commit(whole))
        done.append(found[number].feed_id)
        if len(done) not in (5, 20):
            return
        async with restarting:
            os.kill(own_server.running.pid, signal.SIGKILL)
            await ended(own_server.running.pid)
            await restarted(own_server)

    await asyncio.gather(*(one(number) for number in range(40)))
    entries = [
        report.entry_id
        for _, report in (await own_store.events.next_entries(1000)).entries
    ]
    assert len(entries) == len(set(entries)) == 120


async def until_up(action: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(EngineDown):
                await action()
                return


async def test_a_server_that_is_not_there_is_reported_soon(free_port: int) -> None:
    engine = Engine(connect(f"redis://127.0.0.1:{free_port}"))
    async with asyncio.timeout(10):
        with pytest.raises(EngineDown, match="is it running"):
            await engine.command("PING")
    await engine.close()


# --- a server that will not let us in ---


async def test_a_missing_password_is_asked_for(
    own_server: EmbeddedServer, own_store: Store
) -> None:
    await own_store.engine.command("CONFIG", "SET", "requirepass", "secret word")
    stranger = Store(connect(own_server.url))
    with pytest.raises(EngineRefused, match="put it into redis_url"):
        await stranger.engine.command("PING")
    await stranger.close()
    await own_store.engine.command("CONFIG", "SET", "requirepass", "")


async def test_a_wrong_password_is_named(
    own_server: EmbeddedServer, own_store: Store
) -> None:
    await own_store.engine.command("CONFIG", "SET", "requirepass", "secret word")
    stranger = Store(
        connect(own_server.url.replace("unix://", "unix://default:wrong@"))
    )
    with pytest.raises(EngineRefused, match="user or password"):
        await stranger.engine.command("PING")
    await stranger.close()
    friend = Store(
        connect(own_server.url.replace("unix://", "unix://default:secret%20word@"))
    )
    assert await friend.engine.command("PING") is True
    await friend.close()
    await own_store.engine.command("CONFIG", "SET", "requirepass", "")


async def test_missing_rights_are_named(
    own_server: EmbeddedServer, own_store: Store
) -> None:
    await own_store.engine.command(
        "ACL",
        "SETUSER",
        "weak",
        "on",
        ">pw",
        "~agg:*",
        "&*",
        "+@read",
        "+@connection",
        "-hgetall",
    )
    weak = Store(connect(own_server.url.replace("unix://", "unix://weak:pw@")))
    with pytest.raises(EngineRefused, match="ACL"):
        await weak.polls.known("f0")
    with pytest.raises(EngineRefused, match="ACL"):
        await weak.polls.hold_host("h0", NOW)
    await weak.close()


async def test_a_user_without_dangerous_rights_suffices_for_us(
    own_server: EmbeddedServer, own_store: Store
) -> None:
    rules = (
        "~agg:*",
        "resetchannels",
        "&agg:ch:*",
        "+@all",
        "-@admin",
        "-@dangerous",
        "+client|setname",
    )
    await own_store.engine.command("ACL", "SETUSER", "worker", "on", ">pw", *rules)
    worker = Store(
        connect(own_server.url.replace("unix://", "unix://worker:pw@")),
        queues=[Queue("q")],
    )
    await making.published(worker, entry(1))
    await worker.retention.trim()
    await worker.retention.trim_fingerprints(NOW + LEASE)
    await worker.retention.forget_known()
    await worker.retention.forget_merged()
    await worker.retention.groups()
    await worker.polls.claim(1, hosts={"f0": "h0"}, lease=LEASE, spacing=SPACING)
    await worker.polls.due_counts()
    assert len(await worker.watch.tail({"events": "0-0"})) == 1
    await worker.close()


# --- TLS ---


@pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificate"
)
async def test_tls_by_url_checks_the_certificate(
    own_server: EmbeddedServer, tmp_path: Path, free_port: int
) -> None:
    """The wheel's server speaks no TLS: a small TLS front passes the bytes on."""
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    asked = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]
    subprocess.run(
        ["openssl", "req", "-x509", *asked, "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def front(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back = await asyncio.open_unix_connection(own_server.running.socket)
        await asyncio.gather(passed_on(reader, back[1]), passed_on(back[0], writer))

    listening = await asyncio.start_server(front, "localhost", free_port, ssl=context)
    store = Store(connect(f"rediss://localhost:{free_port}?ssl_ca_certs={certificate}"))
    await making.published(store, entry(1))
    assert await length(store, "agg:events") == 1
    await store.close()
    stranger = Store(connect(f"rediss://localhost:{free_port}"))
    with pytest.raises(EngineDown, match="certificate"):
        await stranger.engine.command("PING")
    await stranger.close()
    listening.close()


async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def test_a_key_of_another_type_is_named(store: Store) -> None:
    key = store.engine.keys.entries
    await store.engine.command("SET", key, "another program's")
    with pytest.raises(
        EngineRefused, match="another program uses this key_prefix"
    ) as told:
        await store.events.next_entries(1)
    assert str(told.value).endswith(f": {key}")
