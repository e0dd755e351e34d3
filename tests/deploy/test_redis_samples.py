"""The settings and users for a Redis or Valkey server of one's own, on a real server started with them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
import redis

from aggregator.engine.client import connect
from aggregator.engine.store import Store
from aggregator.model import Digest, Totals
from tests.server import servers_to_try

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "redis"
PASSWORDS = {"aggregator": "one", "consumer": "two", "operator": "three"}


@dataclass
class Server:
    socket: str

    def user(self, name: str, password: str | None = None) -> redis.Redis:
        return redis.Redis(
            unix_socket_path=self.socket,
            username=name,
            password=password or PASSWORDS[name],
            decode_responses=True,
        )


@pytest.fixture(
    scope="module", params=servers_to_try(), ids=lambda program: Path(program).name
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server with our settings included in its configuration, and our users with passwords as README.md makes them."""
    folder = tmp_path_factory.mktemp("r")
    users = (SAMPLES / "users.acl").read_text()
    for name, password in PASSWORDS.items():
        users = users.replace(
            f"HASH_OF_{name.upper()}_PASSWORD", sha256(password.encode()).hexdigest()
        )
    assert "HASH_OF" not in users
    (folder / "users.acl").write_text(users)
    (folder / "redis.conf").write_text(
        f"port 0\nunixsocket {folder}/s\ndir {folder}\naclfile {folder}/users.acl\ninclude {SAMPLES}/aggregator.conf\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [request.param, folder / "redis.conf"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 20
        while not (folder / "s").exists():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the server does not open its socket"
            time.sleep(0.02)
        yield Server(str(folder / "s"))
    finally:
        process.terminate()
        process.wait(20)


def test_the_server_takes_every_setting(server):
    with server.user("operator") as operator:
        assert operator.ping()
        assert operator.info("memory")["maxmemory_policy"] == "noeviction"
        assert operator.info("persistence")["aof_enabled"] == 1


async def everything_the_daemon_asks(store: Store) -> None:
    now = datetime.now(UTC)
    await store.polls.register({"feed": now - timedelta(seconds=1)})
    await store.registration.mark_installation("", (), at=now)
    await store.registration.standing()
    await store.registration.unregistered(["feed"])
    await store.watch.server_risks()
    await store.retention.tell_slips()
    await store.polls.states(["feed"])
    await store.polls.due_times(["feed"])
    await store.polls.next_due_at()
    await store.polls.known("feed")
    await store.polls.hold_host("host.example", now + timedelta(seconds=5))
    await store.polls.held_hosts(["host.example"])
    await store.server_time()
    await store.events.waiting_count()
    token = await store.events.lead("worker", timedelta(seconds=10))
    assert token is not None
    await store.events.renew(token, timedelta(seconds=10))
    await store.events.next_entries(10)
    await store.watch.events_since(now - timedelta(days=1))
    await store.watch.totals(now - timedelta(days=1), until=now)
    await store.retention.groups()
    await store.retention.trim()
    await store.retention.trim_fingerprints(now)
    await store.retention.forget_known()
    await store.retention.forget_merged()
    await store.watch.append_digest(
        Digest(
            "d" + "0" * 20, now - timedelta(hours=1), now, (), 0, Totals(), (), (), 0
        )
    )
    await store.watch.digests(now - timedelta(days=1))
    await store.watch.last_ids(["reports"])
    await store.events.resign(token)


def test_the_daemons_user_may_do_all_that_the_daemon_does(server):
    async def ask() -> None:
        client = connect(f"unix://aggregator:one@{server.socket}")
        store = Store(client, prefix="agg")
        try:
            await everything_the_daemon_asks(store)
        finally:
            await store.close()

    asyncio.run(ask())


@pytest.mark.parametrize(
    "command",
    [
        "FLUSHALL",
        "CONFIG GET *",
        "ACL LIST",
        "SHUTDOWN",
        "KEYS *",
        "GET other:key",
        "SET other 1",
    ],
)
def test_the_daemons_user_may_do_no_more(server, command):
    with (
        server.user("aggregator") as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.execute_command(*command.split())


def test_a_consumer_reads_in_a_group_of_its_own_and_subscribes(server):
    with server.user("aggregator") as daemon, server.user("consumer") as consumer:
        daemon.xadd("agg:events", {"v": "1"})
        consumer.xgroup_create("agg:events", "mine", "0")
        ((_, rows),) = _pairs(consumer.xreadgroup("mine", "me", {"agg:events": ">"}))
        assert consumer.xack("agg:events", "mine", *[row[0] for row in rows]) == 1
        with consumer.pubsub() as listener:
            listener.psubscribe("agg:ch:event:new:zh:*")
            assert listener.get_message(timeout=5)["type"] == "psubscribe"
            assert daemon.publish("agg:ch:event:new:zh:feed", "{}") == 1
            assert listener.get_message(timeout=5)["data"] == "{}"
        daemon.lpush("agg:queue:world", "{}")
        assert consumer.brpop(["agg:queue:world"], timeout=5)[1] == "{}"


def test_a_consumer_takes_from_a_list_queue_so_that_a_crash_loses_nothing(server):
    with server.user("aggregator") as daemon, server.user("consumer") as consumer:
        daemon.lpush("agg:queue:todo", "one", "two")
        assert consumer.type("agg:queue:todo") == "list"
        assert (
            consumer.lmove(
                "agg:queue:todo", "agg:queue:todo:mine", src="RIGHT", dest="LEFT"
            )
            == "one"
        )
        assert (
            consumer.blmove(
                "agg:queue:todo", "agg:queue:todo:mine", 5, src="RIGHT", dest="LEFT"
            )
            == "two"
        )
        assert consumer.lindex("agg:queue:todo:mine", -1) == "one"
        assert consumer.lrem("agg:queue:todo:mine", -1, "one") == 1
        assert consumer.exists("agg:queue:todo", "agg:queue:todo:mine") == 1


def test_what_a_consumer_can_make_is_bounded_to_queues(server):
    """LMOVE makes its target and XGROUP CREATE … MKSTREAM its stream; no rule of Redis tells those from what is promised."""
    with server.user("aggregator") as daemon, server.user("consumer") as consumer:
        consumer.xgroup_create("agg:queue:made", "mine", mkstream=True)
        assert daemon.xlen("agg:queue:made") == 0
        for command in (
            "XADD agg:queue:made * a b",
            "DEL agg:queue:made",
            "LPUSH agg:queue:made x",
            "RENAME agg:queue:made agg:queue:x",
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                consumer.execute_command(*command.split())
        for command in (
            "XGROUP CREATE agg:other mine $ MKSTREAM",
            "XGROUP CREATE agg:entries mine $",
            "LMOVE agg:queue:todo agg:entries LEFT LEFT",
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                consumer.execute_command(*command.split())


def test_a_consumer_leaves_by_quit_and_destroys_its_group(server):
    with server.user("aggregator") as daemon, server.user("consumer") as consumer:
        daemon.xadd("agg:reports", {"v": "1"})
        consumer.xgroup_create("agg:reports", "leaving", "0")
        assert consumer.xgroup_destroy("agg:reports", "leaving") == 1
        assert consumer.execute_command("QUIT")


def _pairs(answer: object) -> list[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """A reply of XREADGROUP in either protocol's shape."""
    pairs = list(answer.items()) if isinstance(answer, dict) else list(answer)  # type: ignore[call-overload]
    return [
        (name, rows[0] if rows and isinstance(rows[0], list) else rows)
        for name, rows in pairs
    ]


@pytest.mark.parametrize(
    "command",
    [
        "GET agg:token",
        "HGETALL agg:feed:x",
        "XADD agg:events * a b",
        "DEL agg:events",
        "XTRIM agg:events MAXLEN 0",
        "KEYS *",
        "PUBLISH agg:ch:digest x",
        "LPUSH agg:queue:world x",
        "LMOVE agg:queue:world agg:stolen RIGHT LEFT",
        "LREM agg:known:x 1 y",
    ],
)
def test_a_consumer_changes_nothing_and_sees_nothing_else(server, command):
    with (
        server.user("consumer") as consumer,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        consumer.execute_command(*command.split())


def test_without_a_password_nothing_is_served(server):
    with (
        redis.Redis(unix_socket_path=server.socket) as anyone,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        anyone.ping()


def test_the_sample_rules_are_those_of_the_embedded_server(server):
    embedded = (
        Path(__file__).resolve().parents[2]
        / "aggregator"
        / "engine"
        / "server_config.py"
    ).read_text()
    (consumer,) = re.findall(
        r"^user consumer .*$", (SAMPLES / "users.acl").read_text(), re.MULTILINE
    )
    for group in re.findall(r'"(\+x[^"]*|\+subscribe[^"]*)"', embedded):
        assert set(group.split()) <= set(consumer.split())
