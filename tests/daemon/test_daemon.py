"""The daemon's own part: what runs beside the jobs, reload, stopping, what it says of itself."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from aggregator.config import Configuration
from aggregator.daemon import daemon as daemon_module
from aggregator.daemon.changes import config_changes
from aggregator.daemon.daemon import Daemon, Parts
from aggregator.daemon.watching import DigestMaker, Watching
from aggregator.engine.client import connect
from aggregator.engine.embedded import EmbeddedServer
from aggregator.engine.store import Store
from aggregator.errors import AggregatorError, ConfigError, Problem
from aggregator.model import DedupSettings, DigestSettings, RetentionSettings, Settings
from aggregator.watch.digest_files import DigestFiles
from aggregator.watch.http import StatusServer
from aggregator.watch.metrics import Metrics
from aggregator.watch.notify import Notifier
from aggregator.watch.progress import Progress
from tests.daemon.stages import Stages
from tests.daemon.test_stages import BUDGET, QUAKE, feed, rss
from tests.watch.test_metrics import series

HALF_HOUR = timedelta(minutes=30)


class File:
    """A feeds.toml that the test writes by setting `now`, and what the daemon said of it."""

    def __init__(self, configuration: Configuration) -> None:
        self.now: Configuration | ConfigError = configuration
        self.told: list[tuple[str, str]] = []
        self.readers: set[threading.Thread] = set()

    def changed(self) -> bool:
        return False

    def read(self) -> Configuration:
        self.readers.add(threading.current_thread())
        if isinstance(self.now, ConfigError):
            raise self.now
        return self.now

    def report(self, result: str, detail: str) -> None:
        self.told.append((result, detail))


class Server:
    """A supervisor that breaks the first time."""

    trouble = ""

    def __init__(self) -> None:
        self.starts = 0

    async def supervise(self) -> None:
        self.starts += 1
        if self.starts == 1:
            raise PermissionError(13, "the lock may not be opened")
        await asyncio.Event().wait()


def parts(stages: Stages, folder: Path, **more: Any) -> tuple[Parts, File]:
    file = File(Configuration(stages.settings, tuple(stages.poll_stage.feeds.values())))
    digests = DigestMaker(store=stages.store, files=DigestFiles(folder), feed_ids=list)
    given: dict[str, Any] = {
        "poll": stages.poll_stage,
        "event": stages.event_stage,
    } | more
    made = Parts(
        store=stages.store,
        metrics=Metrics(),
        progress=Progress(
            {name: timedelta(hours=1) for name in ("poll", "event", "loop")}
        ),
        notifier=Notifier(),
        source=file,
        digests=digests,
        clock=stages.clock,
        **given,
    )
    return made, file


@asynccontextmanager
async def running(daemon: Daemon) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(daemon.run())
    try:
        await until(lambda: daemon._scheduler.running)
        yield task
    finally:
        daemon.stop()
        async with asyncio.timeout(10):
            await task


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_breaks_beside_the_jobs_is_told_and_started_again(
    store: Store, tmp_path: Path
):
    server = Server()
    made, file = parts(Stages(store), tmp_path, server=server)
    assert isinstance(file.now, Configuration)
    with capture_logs() as lines:
        async with running(Daemon(made, file.now, start_again=timedelta(seconds=0.01))):
            await until(lambda: server.starts == 2)
    [told] = [line for line in lines if line["event"] == "part_broke"]
    assert told["part"] == "server"
    assert isinstance(told["exc_info"], PermissionError)


async def test_a_state_directory_that_is_gone_is_why_the_daemon_is_not_ready(
    store: Store, tmp_path: Path
):
    server = EmbeddedServer(tmp_path / "state")
    await server.start()
    made, file = parts(Stages(store), tmp_path, server=server)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    async with running(daemon):
        await until(lambda: daemon.troubles() == [])
        (tmp_path / "state").rename(tmp_path / "elsewhere")
        await until(lambda: daemon.troubles() != [])
        [reason] = daemon.troubles()
        assert "was removed or moved while its server runs" in reason
        (tmp_path / "elsewhere").rename(tmp_path / "state")
        await until(lambda: daemon.troubles() == [])
    await server.stop()


async def test_a_status_port_that_is_taken_is_told_in_words_and_leaves_nothing_running(
    store: Store, tmp_path: Path
):
    stages = Stages(store)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = taken.getsockname()
        watching = Watching(
            store=store,
            feeds=list,
            troubles=list,
            progress=Progress({}),
            clock=stages.clock,
        )
        made, file = parts(
            stages,
            tmp_path,
            status=StatusServer(watching, metrics=Metrics()),
            status_address=place,
        )
        assert isinstance(file.now, Configuration)
        with pytest.raises(AggregatorError, match="if another aggregator runs here"):
            await Daemon(made, file.now).run()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_workers_of_one_machine_share_the_status_port_one_after_the_other(
    store: Store, tmp_path: Path
):
    """Both read the same feeds.toml: the second goes on without the port, and has it when the first has ended."""
    stages = Stages(store, feed("a"))

    def worker(port: int, **role: Any) -> Daemon:
        watching = Watching(
            store=store,
            feeds=list,
            troubles=list,
            progress=Progress({}),
            clock=stages.clock,
        )
        status = StatusServer(watching, metrics=Metrics())
        made, file = parts(
            stages, tmp_path, status=status, status_address=("127.0.0.1", port), **role
        )
        assert isinstance(file.now, Configuration)
        return Daemon(made, file.now)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    second = worker(port, event=None)
    async with running(worker(port, poll=None)), running(second):
        assert not second.port.is_open
    with socket.create_server(("127.0.0.1", port), reuse_port=False) as other:
        third = worker(port, poll=None)
        async with running(third):
            other.close()
            await third.port.open()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert (await reader.readline()).split()[1] == b"200"
            writer.close()
            await writer.wait_closed()


async def test_the_housekeeping_job_leads_to_a_round(store: Store, tmp_path: Path):
    made, file = parts(Stages(store), tmp_path)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    async with running(daemon):
        await daemon._scheduler.get_job("housekeeping").func()
        name = "aggregator_last_active_timestamp_seconds"
        await until(lambda: series(made.metrics, name).get("housekeeping", 0) > 0)


async def test_an_event_worker_says_that_its_server_is_away(
    own_server: EmbeddedServer, tmp_path: Path
):
    client = connect(own_server.url)
    made, file = parts(Stages(Store(client)), tmp_path, poll=None)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    async with running(daemon):
        await until(lambda: made.event is not None and made.event.leads)
        assert daemon.troubles() == []
        await own_server.stop()
        await until(daemon.troubles)
        await own_server.start()
        await until(lambda: not daemon.troubles())
    await client.aclose()


async def test_a_reload_takes_over_feeds_and_settings_and_tells_how_it_went(
    store: Store, tmp_path: Path
):
    stages = Stages(store, feed("a"))
    stages.bodies = {"a": rss(("1", QUAKE)), "b": rss(("2", BUDGET), site="b")}
    made, file = parts(stages, tmp_path)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    async with running(daemon):
        file.now = Configuration(
            Settings(dedup=DedupSettings(window=timedelta(hours=71))), (feed("b"),)
        )
        await daemon._reload()
        assert await store.polls.feed_ids() == ["b"]
        file.now = ConfigError(Problem("no good"))
        await daemon._reload()
    assert [result for result, _ in file.told] == ["applied", "refused"]
    assert threading.current_thread() not in file.readers, (
        "100,000 feeds take 4 s, in which the lead must be kept"
    )


@pytest.mark.parametrize(
    "changed", [{"min_interval": timedelta(seconds=5)}, {"cron": "30 12 * * *"}]
)
async def test_a_reload_sets_the_due_time_that_its_bounds_lead_to(
    store: Store, tmp_path: Path, changed: dict[str, Any]
):
    slow = replace(feed("a"), min_interval=timedelta(hours=2))
    stages = Stages(store, slow)
    await stages.run("a", rss(("1", QUAKE)))
    made, file = parts(stages, tmp_path)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    await daemon._register_if_up()
    assert (await store.polls.due_times(["a"]))["a"] >= stages.now + timedelta(hours=2)
    file.now = Configuration(Settings(), (replace(slow, **changed),))
    async with running(daemon):
        await daemon._reload()
        due = (await store.polls.due_times(["a"]))["a"]
    assert stages.now < due <= stages.now + timedelta(minutes=45)


async def test_a_poll_in_flight_during_a_reload_ends_with_the_due_time_of_the_new_bounds(
    store: Store,
):
    slow = replace(feed("a"), min_interval=timedelta(hours=2))
    stages = Stages(store, slow)
    answer = asyncio.Event()

    async def fetch(request):
        await answer.wait()
        return await stages._fetch(request)

    stages.poll_stage._fetch = fetch
    stages.bodies["a"] = rss(("1", QUAKE))
    await stages.poll_stage.register(at_once=True)
    assert await stages.poll_stage.round() == 1
    stages.poll_stage.use(
        Settings(),
        (replace(slow, min_interval=timedelta(minutes=1), max_interval=HALF_HOUR),),
    )
    await stages.poll_stage.register()
    answer.set()
    await asyncio.gather(*stages.poll_stage._running)
    due = (await store.polls.due_times(["a"]))["a"]
    assert stages.now < due <= stages.now + HALF_HOUR


async def test_a_clock_that_is_set_sets_jobs_and_due_times_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Against the wall clock of the module, since APScheduler keeps its jobs by the machine's."""
    stages = Stages(store, feed("a"))
    await stages.run("a", rss(("1", QUAKE)))
    made, file = parts(stages, tmp_path)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    async with running(daemon):
        before = (await store.polls.due_times(["a"]))["a"]
        job = daemon._scheduler.get_job("housekeeping")
        stages.now -= timedelta(hours=1)
        real = time.time
        monkeypatch.setattr(
            daemon_module, "time", SimpleNamespace(time=lambda: real() - 3600)
        )
        await until(
            lambda: daemon._scheduler.get_job("housekeeping").trigger is not job.trigger
        )
        async with asyncio.timeout(10):
            while (await store.polls.due_times(["a"]))["a"] == before:
                await asyncio.sleep(0.05)
        assert (await store.polls.due_times(["a"]))["a"] == before - timedelta(hours=1)


async def test_a_stage_that_is_stuck_is_told_once(store: Store, tmp_path: Path):
    made, file = parts(Stages(store), tmp_path)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(
        replace(
            made, progress=Progress({"poll": timedelta(0), "loop": timedelta(hours=1)})
        ),
        file.now,
    )
    daemon._parts.progress.beat("poll", -1.0)
    with capture_logs() as lines:
        for _ in range(3):
            await daemon._pulse()
        daemon._parts.progress.beat("poll", asyncio.get_running_loop().time() + 60)
        await daemon._pulse()
    assert [line["event"] for line in lines] == ["stuck", "moves_again"]


async def test_a_reload_that_breaks_is_told_and_changes_nothing(
    store: Store, tmp_path: Path
):
    async def refuse(_settings: Settings) -> None:
        raise OSError(24, "Too many open files")

    stages = Stages(store, feed("a"))
    made, file = parts(stages, tmp_path, renew_fetching=refuse)
    assert isinstance(file.now, Configuration)
    daemon = Daemon(made, file.now)
    async with running(daemon):
        fetch = replace(Settings().fetch, concurrency=3)
        file.now = Configuration(Settings(fetch=fetch), (feed("b"),))
        with pytest.raises(OSError, match="Too many"):
            await daemon._reload()
        assert file.told[0][0] == "failed"
        assert await store.polls.feed_ids() == ["a"]
        assert list(stages.poll_stage.feeds) == ["a"]


async def test_stopping_while_a_claim_is_asked_for_leaves_no_poll_behind(store: Store):
    """Whenever `stop` comes: a round under way begins nothing behind its back, and no feed stays claimed."""
    for turns in range(0, 40, 2):
        name = f"a{turns}"
        stages = Stages(store, feed(name))
        stages.bodies = {name: rss(("1", QUAKE))}
        await stages.poll_stage.register(at_once=True)
        going = asyncio.create_task(stages.poll_stage.round())
        for _ in range(turns):
            await asyncio.sleep(0)
        await stages.poll_stage.stop()
        await going
        assert not stages.poll_stage._running
        assert await store.polls.claimed([name], now=stages.now) == {}


SLOW_DOWN = RetentionSettings(max_stream_bytes=1, on_slow_consumer="slow_down")


async def test_a_slow_consumer_stops_the_poll_workers_of_all_machines_until_it_has_caught_up(
    store: Store, engine_url: str, tmp_path: Path
):
    """The leader finds out; another worker, that only polls and has a connection of its own, holds back."""
    leading = Stages(store, feed("a"), settings=Settings(retention=SLOW_DOWN))
    await store.engine.client.execute_command(
        "XGROUP", "CREATE", "agg:reports", "asleep", "0", "MKSTREAM"
    )
    await leading.run("a", rss(("1", QUAKE)))
    made, file = parts(leading, tmp_path, poll=None)
    assert isinstance(file.now, Configuration)
    leader = Daemon(made, file.now)
    elsewhere = Store(connect(engine_url))
    polling = Stages(elsewhere, feed("b"))
    polling.bodies["b"] = rss(("2", BUDGET), site="b")
    await polling.poll_stage.register(at_once=True)
    await leader.house.round()
    assert await polling.poll_stage.round() == 0
    assert (
        polling.poll_stage.paused_by
        == "a consumer group is behind on reports (on_slow_consumer)"
    )
    [(_, rows)] = (
        await store.engine.client.execute_command(
            "XREADGROUP", "GROUP", "asleep", "c", "STREAMS", "agg:reports", ">"
        )
    ).items()
    await store.engine.client.execute_command(
        "XACK", "agg:reports", "asleep", *(row[0] for row in rows)
    )
    await leader.house.round()
    assert await polling.poll_stage.round() == 1
    await polling.poll_stage.stop()
    await elsewhere.close()
    await leading.assign()
    assert [m.title for m in await leading.messages()] == [
        BUDGET
    ]  # the acknowledged one was over the cap


def test_a_reload_names_what_needs_a_restart():
    before = Configuration(Settings(), ())
    digest = DigestSettings(timezone="Asia/Shanghai", top=5)
    after = Configuration(
        Settings(
            archive_dir="/kept", http_public_url="https://a.example", digest=digest
        ),
        (),
    )
    changes = config_changes(before, after)
    assert changes["needs_restart"] == [
        "archive_dir",
        "http_public_url",
        "digest.timezone",
    ]
    only_top = Configuration(Settings(digest=DigestSettings(top=5)), ())
    assert "needs_restart" not in config_changes(before, only_top)
