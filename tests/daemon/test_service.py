"""The daemon among others: hubs that push to it, hosts it must spare, the digest it owes people every so often."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_program import HARBOUR, HARBOUR_TOO, SELDOM, rss
from tests.fetch.hub import Hub
from tests.origin import Answer, Origin


@contextmanager
def hub_in_thread() -> Iterator[tuple[Hub, Callable[[Coroutine[Any, Any, Any]], Any]]]:
    """A hub that serves from a thread of its own, and a way to have it do something."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, loop).result(30)

    hub = Hub()
    do(hub.__aenter__())
    try:
        yield hub, do
    finally:
        do(hub.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def test_a_feed_that_names_a_hub_is_subscribed_and_what_the_hub_sends_is_published(
    tmp_path: Path, free_port: int
):
    with Origin.in_thread() as origin, hub_in_thread() as (hub, do):
        links = f'<link rel="hub" href="{hub.url}" xmlns="http://www.w3.org/2005/Atom"/>'.encode()
        first = rss(HARBOUR, site="a").replace(
            b"<title>a</title>", b"<title>a</title>" + links, 1
        )
        origin.script("/a", Answer(body=first, etag='"a1"'))
        status = f'[http]\nlisten = "127.0.0.1:{free_port}"\npublic_url = "http://127.0.0.1:{free_port}"\n'
        program = Program(tmp_path, feeds_of(origin.url("/a"), **SELDOM) + status)
        with program.running():
            until(lambda: hub.subscribers, what="the subscription is verified")
            assert do(
                hub.publish(rss(("A lighthouse is lit", "It was lit"), site="a"))
            ) == [202]
            client = program.client()
            until(
                lambda: "lighthouse" in str(client.xrange("agg:events")),
                what="the delivered entry",
            )
            assert do(
                hub.publish(
                    rss(("A forgery", "of a stranger"), site="a"), secret="wrong"
                )
            ) == [202]
            until(
                lambda: program.logged("delivery_unsigned"),
                what="the forgery is noticed",
            )
            assert "forgery" not in str(client.xrange("agg:reports"))
            assert len(origin.seen("/a")) == 1


def test_feeds_of_one_host_are_asked_one_at_a_time_and_spaced(tmp_path: Path):
    with Origin.in_thread() as origin:
        for number in range(5):
            origin.script(
                f"/{number}", Answer(body=rss(HARBOUR, site=f"s{number}"), delay=0.1)
            )
        program = Program(
            tmp_path, feeds_of(*(origin.url(f"/{number}") for number in range(5)))
        )
        program.config.write_text(
            program.config.read_text().replace(
                'per_host_interval = "0s"', 'per_host_interval = "300ms"'
            )
        )
        assert program.command("run", "--once").returncode == 0
        assert len(origin.requests) == 5
        assert origin.peak("127.0.0.1") == 1
        times = sorted(request.at for request in origin.requests)
        assert min(later - earlier for earlier, later in pairwise(times)) >= 0.3


@pytest.mark.slow
def test_the_digest_comes_by_itself_to_log_stream_channel_and_files(tmp_path: Path):
    with Origin.in_thread() as origin:
        origin.script("/a", Answer(body=rss(HARBOUR, site="a")))
        origin.script("/b", Answer(body=rss(HARBOUR_TOO, site="b")))
        feeds = feeds_of(origin.url("/a"), origin.url("/b", 2), **SELDOM)
        program = Program(tmp_path, feeds + '[digest]\ncron = "* * * * *"\n')
        with program.running():
            client = program.client()
            listening = client.pubsub()
            listening.subscribe("agg:ch:digest")
            told = until(
                lambda: [row for row in program.logged("digest") if row["event_count"]],
                what="a digest",
                seconds=150,
            )
            assert told[0]["events"][0]["title"] in (HARBOUR[0], HARBOUR_TOO[0])
            rows = client.xrange("agg:digest")
            assert told[0]["digest_id"] in {fields["id"] for _, fields in rows}
            heard = [
                m
                for m in iter(lambda: listening.get_message(timeout=1), None)
                if m["type"] == "message"
            ]
            assert told[0]["digest_id"] in {
                json.loads(message["data"])["id"] for message in heard
            }
            [page] = (tmp_path / "state" / "digest").glob("*.md")
            assert told[0]["events"][0]["title"] in page.read_text(encoding="utf-8")
            assert list((tmp_path / "state" / "digest").glob("*.jsonl"))
