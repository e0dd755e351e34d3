"""`aggregator status`: how feeds, stages and consumers are."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from aggregator import __version__
from aggregator.cli import engines, options
from aggregator.cli.console import console
from aggregator.cli.waits import Waits, address_of, waits
from aggregator.config_problems import nearest
from aggregator.daemon import files
from aggregator.daemon.files import Loaded
from aggregator.engine.back_pressure import BackPressure
from aggregator.engine.embedded import attach
from aggregator.engine.retention import GroupLag
from aggregator.engine.store import Store
from aggregator.errors import ConfigError, Problem
from aggregator.model import Feed, Health, PollState
from aggregator.redaction import redacted
from aggregator.watch.wording import counted, roughly

DAY = timedelta(hours=24)
_COLUMNS = (
    ("feed", 0),
    ("health", 0),
    ("last", 0),
    ("next", 0),
    ("every", 76),
    ("fails", 76),
    ("entries", 76),
    ("why", 110),
)
"""Each column of the table of feeds, and from which width on it is there: at 60 columns all of them at once cut ids and
reasons into pieces of five letters."""
_LETTERS = {
    "n": "n with news",
    "u": "u without",
    "f": "f failed",
}
_OUTCOMES = {
    ("polls", "new"): "with news",
    ("polls", "unchanged"): "without",
    ("reports", "new_event"): "made an event",
    ("reports", "joined_event"): "joined one",
}
_STYLES = {
    Health.OK: "green",
    Health.NEW: "dim",
    Health.FAILING: "red",
    Health.GONE: "red",
    Health.QUARANTINED: "yellow",
    Health.OFFLINE: "yellow",
}


_TROUBLE = (Health.GONE, Health.QUARANTINED, Health.FAILING, Health.OFFLINE)
"""Health of feeds in trouble, what needs somebody first."""


@click.command()
@click.argument("names", nargs=-1, metavar="[ID]...")
@click.option("--failing", is_flag=True, help="Only feeds in trouble.")
@click.option(
    "--secrets",
    is_flag=True,
    help="Show the users and passwords of [server] listen.",
)
@options.config
@options.as_json
def status(
    names: tuple[str, ...],
    failing: bool,
    config_file: str | None,
    as_json: bool,
    secrets: bool,
) -> None:
    """Feeds: health, last and next poll and why then, failures, entries; totals of a day; lag of every consumer group.

    Feeds in trouble come first. With ids (or URLs): everything that is known of these feeds.
    """
    read = files.loaded(config_file)
    chosen = _chosen(read.configuration.feeds, names)
    facts = asyncio.run(_status(read, chosen, secrets=secrets))
    if failing:
        feeds = facts["feeds"]
        facts["feeds"] = [feed for feed in feeds if Health(feed["health"]) in _TROUBLE]
    if as_json:
        click.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    elif names:
        _print_whole(facts)
    else:
        _print(facts)


def _chosen(
    feeds: Sequence[Feed],
    names: Sequence[str],
) -> list[Feed]:
    """The feeds of these ids or URLs, or all that are on. Raises ConfigError for one that is not there."""
    if not names:
        return [feed for feed in feeds if feed.enabled]
    by_name: dict[str, Feed] = {}
    for feed in feeds:
        by_name.setdefault(feed.feed_id, feed)
        by_name.setdefault(feed.url, feed)
    chosen = []
    for name in names:
        if name not in by_name:
            known = nearest(name, [feed.feed_id for feed in feeds])
            raise ConfigError(Problem(f'no feed has the id "{name}"{known}'))
        chosen.append(by_name[name])
    return chosen


async def _status(
    read: Loaded,
    feeds: list[Feed],
    *,
    secrets: bool,
) -> dict[str, Any]:
    async with engines.attached_engine(read) as engine:
        store = engine.store
        now = await store.server_time()
        states = await store.polls.states([feed.feed_id for feed in feeds])
        back_pressure = await store.back_pressure.standing()
        polls = await waits(store, feeds, states, back_pressure)
        rows = [_feed(feed, states.get(feed.feed_id), polls) for feed in feeds]
        facts: dict[str, Any] = {
            "version": __version__,
            "config": str(read.file.resolve()),
            "redis": engine.place,
            "now": now,
            "feeds": _trouble_first(rows),
            "unregistered": sorted(polls.unregistered),
            **await _totals(store, now, back_pressure),
        }
    if secrets or read.configuration.settings.server_listen:
        facts["server"] = await _server(read, secrets=secrets)
    return facts


def _trouble_first(feeds: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that need somebody before the others, each group in the file's order."""
    ranks = {health.value: rank for rank, health in enumerate(_TROUBLE)}
    return sorted(feeds, key=lambda feed: ranks.get(feed["health"], len(ranks)))


async def _totals(
    store: Store,
    now: datetime,
    back_pressure: BackPressure,
) -> dict[str, Any]:
    due = await store.polls.due_counts()
    totals = await store.watch.totals(now - DAY)
    lead = await store.watch.leader()
    leader = None
    if lead is not None:
        leader = {"worker": lead.worker, "until": lead.lapses_at}
    return {
        "risks": await store.watch.server_risks(),
        "due": {
            "total": due.total_count,
            "due": due.due_count,
            "stopped": due.parked_count,
        },
        "waiting_entries": back_pressure.waiting_count,
        "waiting_words": await store.rulings.asked_count(),
        "holds": {
            "polling": back_pressure.slow_consumer,
            "events": back_pressure.event_stage,
        },
        "leader": leader,
        "last_24h": {
            "polls": totals.polls,
            "entries": totals.entries,
            "reports": totals.reports,
        },
        "groups": list(map(_group, await store.retention.groups())),
    }


def _group(lag: GroupLag) -> dict[str, Any]:
    return {
        "stream": lag.stream,
        "group": lag.group,
        "waiting": lag.waiting_count,
        "pending": lag.pending_count,
    }


async def _server(
    read: Loaded,
    *,
    secrets: bool,
) -> dict[str, Any]:
    if read.configuration.settings.redis_url:
        return {}
    running = await attach(read.state_dir)
    users: dict[str, str] = {}
    # Our own user may do everything: its password is for nobody else.
    for name in ("operator", "consumer"):
        if name in running.users:
            users[name] = running.users[name] if secrets else "hidden; see --secrets"
    return {"listen": running.listen, "users": users}


def _feed(
    feed: Feed,
    state: PollState | None,
    polls: Waits,
) -> dict[str, Any]:
    facts = {
        "id": feed.feed_id,
        # The addresses of private feeds are their passwords.
        "url": redacted(address_of(feed, state)),
        "next_poll_at": polls.next_poll_at(feed.feed_id),
        "waits": polls.why(feed, state),
    }
    if state is None:
        return facts | {"health": Health.NEW.value, "detail": ""}
    clock_error_s = None
    if state.clock_error:
        clock_error_s = state.clock_error.total_seconds()
    return facts | {
        "health": state.health.value,
        "last_poll_at": state.last_poll_at,
        "last_success_at": state.last_success_at,
        "last_change_at": state.last_change_at,
        "why_then": state.next_poll_reason,
        "interval_s": state.interval.total_seconds(),
        "failures": state.failure_count,
        "failure": state.failure_kind,
        "detail": state.failure_detail,
        "polls": state.poll_count,
        "entries": state.entry_count,
        "title": state.title,
        "language": state.language,
        "identity": {"by": state.identity.ladder, "reason": state.identity.reason},
        "clock_error_s": clock_error_s,
        "beyond_max_entries": state.dropped_count,
        "history": "".join(state.history),
    }


# --- for people -----------------------------------------------------------------------------------------------


def _print(facts: dict[str, Any]) -> None:
    out = console()
    feeds = facts["feeds"]
    for name, words in _facts(facts):
        out.print(Text.assemble(f"{name:<8} ", words), soft_wrap=True)
    if feeds:
        out.print()
        out.print(_table(feeds, facts["now"], width=out.width))
    if out.width < dict(_COLUMNS)["why"]:
        _print_reasons(feeds, out)


def _print_whole(facts: dict[str, Any]) -> None:
    """All facts of each feed, one a line."""
    out = console()
    now = facts["now"]
    for position, feed in enumerate(facts["feeds"]):
        if position:
            out.print()
        out.print(
            Text(feed["id"], style="bold"),
            soft_wrap=True,
        )
        for name, value in _whole(feed, now):
            out.print(
                Text.assemble((f"  {name:<9} ", "dim"), value),
                soft_wrap=True,
            )


def _whole(
    feed: dict[str, Any],
    now: datetime,
) -> Iterator[tuple[str, str | Text]]:
    yield "url", feed["url"]
    if feed.get("title"):
        yield "title", feed["title"]
    yield "health", Text(feed["health"], style=_STYLES[Health(feed["health"])])
    if _what(feed):
        yield "because", _what(feed)
    yield "last poll", _ago(feed.get("last_poll_at"), now)
    yield "success", _ago(feed.get("last_success_at"), now)
    yield "change", _ago(feed.get("last_change_at"), now)
    ahead = _ahead(feed["next_poll_at"], now)
    because = _why_then(feed)
    yield "next poll", f"{ahead} ({because})" if because else ahead
    if feed.get("interval_s"):
        yield "every", roughly(timedelta(seconds=feed["interval_s"]))
    if "polls" in feed:
        polls = counted(feed["polls"], "poll")
        entries = counted(feed["entries"], "entry", "entries")
        yield "polls", f"{polls}, {entries}"
    if feed.get("failures"):
        yield "failures", f"{feed['failures']} in a row"
    if feed.get("identity", {}).get("by"):
        yield "entries", f"told apart by {feed['identity']['by']}"
    if feed.get("history"):
        yield "history", _history(feed["history"])


def _facts(facts: dict[str, Any]) -> Iterator[tuple[str, str | Text]]:
    """(name, words) of each line above the table. The words may hold what others chose, such as a group's name."""
    yield "version", f"aggregator {facts['version']}"
    yield "config", facts["config"]
    yield "server", facts["redis"]
    yield from _listening(facts.get("server") or {})
    leader = facts["leader"]
    if leader:
        yield "events", f"led by {leader['worker']}"
    else:
        yield "events", "nobody leads the event stage now"
    yield from _feeds_facts(facts)
    for risk in facts["risks"]:
        yield "risk", Text(risk, style="yellow")
    for name, counts in facts["last_24h"].items():
        numbers = [_number(name, word, counts[word]) for word in sorted(counts)]
        yield name, f"{', '.join(numbers) or 'none'} (24 h)"
    yield from _waiting(facts)
    for group in facts["groups"]:
        name = f"{group['group']} on {group['stream']}"
        lag = f"{group['waiting']} waiting, {group['pending']} pending"
        yield "group", f"{name}: {lag}"


def _number(of: str, outcome: str, count: int) -> str:
    """`15 with news`, `462 of new events`: how many polls, entries or reports came to this, as a person says it."""
    return f"{count:,} {_OUTCOMES.get((of, outcome), outcome)}"


def _history(polls: str) -> str:
    """The newest polls, a letter each, with what the letters mean that stand there."""
    present = [meaning for letter, meaning in _LETTERS.items() if letter in polls]
    return f"{polls} ({', '.join(present)}; newest last)"


def _waiting(facts: dict[str, Any]) -> Iterator[tuple[str, str | Text]]:
    if facts["waiting_entries"]:
        entries = counted(facts["waiting_entries"], "entry", "entries")
        yield "waiting", f"{entries} for the event stage"
    word_count = facts["waiting_words"]
    if word_count:
        yield "waiting", f"operators' words for the event stage: {word_count}"
    for stage, why in facts["holds"].items():
        if why:
            yield "held", Text.assemble((stage, "red"), f": {why}")


def _feeds_facts(facts: dict[str, Any]) -> Iterator[tuple[str, str | Text]]:
    healths = Counter(feed["health"] for feed in facts["feeds"])
    counts = [f"{count} {health}" for health, count in healths.most_common()]
    if counts:
        yield "feeds", f"{len(facts['feeds'])}: {', '.join(counts)}"
    else:
        yield "feeds", "none yet: `aggregator feeds add URL`"
    # A Redis that came back empty, or a configuration that no daemon has read yet.
    unknown = len(facts["unregistered"])
    if unknown:
        words = f"the server does not know {unknown} of them: `aggregator run` registers them"
        yield "feeds", Text(words, style="yellow")
    if healths[Health.OFFLINE.value]:
        down = ("our own network seems to be down", "yellow")
        rest = ": feeds are tried again, later each time, none is blamed"
        yield "network", Text.assemble(down, rest)


def _listening(server: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if server:
        # The port is opened at the server's start: a reload does not.
        closed = "no TCP port is open: start the daemon again"
        yield "listen", server["listen"] or closed
    for user, password in server.get("users", {}).items():
        yield "user", f"{user}: {password}"


def _table(
    feeds: list[dict[str, Any]],
    now: datetime,
    *,
    width: int,
) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    headings = [heading for heading, least in _COLUMNS if width >= least]
    for heading in headings:
        # Folded, not cut: an id is copied into the next command.
        is_folded = heading in ("feed", "why")
        is_number = heading in ("fails", "entries")
        table.add_column(
            heading,
            overflow="fold",
            no_wrap=not is_folded,
            justify="right" if is_number else "left",
        )
    for feed in feeds:
        cells = _cells(feed, now)
        table.add_row(*map(cells.__getitem__, headings))
    return table


def _cells(
    feed: dict[str, Any],
    now: datetime,
) -> dict[str, Text]:
    every = ""
    if feed.get("interval_s"):
        every = roughly(timedelta(seconds=feed["interval_s"]))
    return {
        "feed": Text(feed["id"]),
        "health": Text(feed["health"], style=_STYLES[Health(feed["health"])]),
        "last": Text(_ago(feed.get("last_poll_at"), now)),
        "next": Text(_ahead(feed["next_poll_at"], now)),
        "every": Text(every),
        "fails": Text(str(feed.get("failures") or "")),
        "entries": Text(str(feed.get("entries") or "")),
        "why": Text(_what(feed) or _why_then(feed)),
    }


def _print_reasons(
    feeds: list[dict[str, Any]],
    out: Console,
) -> None:
    """What a narrow table has no column for, a line for each feed that needs a word."""
    troubled = list(filter(_what, feeds))
    if troubled:
        out.print()
    for feed in troubled:
        name = (feed["id"], _STYLES[Health(feed["health"])])
        out.print(Text.assemble(name, f"  {_what(feed)}"), soft_wrap=True)


def _what(feed: dict[str, Any]) -> str:
    """What is wrong with the feed, or odd about it; '' for nothing."""
    if feed["detail"]:
        return str(feed["detail"])
    remarks: list[str] = []
    if feed.get("clock_error_s"):
        hours = feed["clock_error_s"] / 3600
        remarks.append(f"its clock is off by {hours:+g} h")
    if feed.get("beyond_max_entries"):
        count = f"{feed['beyond_max_entries']:,}"
        remarks.append(f"{count} old entries lie beyond max_entries")
    return "; ".join(remarks)


def _why_then(feed: dict[str, Any]) -> str:
    """What a poll that is due waits for, and why it is when it is."""
    return "; ".join(filter(None, (feed["waits"], feed.get("why_then"))))


def _ago(at: datetime | None, now: datetime) -> str:
    return f"{roughly(now - at)} ago" if at else "never"


def _ahead(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "-"
    return f"in {roughly(at - now)}" if at > now else "now"
