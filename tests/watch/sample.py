"""A day of news that never happened, in the daemon's own records: what the tests of the pages look at.

`SampleDay` implements `watch.http.Watched` over records held in memory; `publish` tells open pages of a message.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from aggregator.errors import EngineDown
from aggregator.model import (
    Event,
    FailureKind,
    Feed,
    Health,
    Kind,
    Message,
    PollState,
    Ruling,
    Source,
    Verdict,
)

NOW = datetime(2026, 3, 5, 18, 20, tzinfo=UTC)


def hex_id(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Told:
    """One report, as the sample writes it: minutes before NOW, feed, title, and what the event stage said."""

    minutes: int
    feed_id: str
    title: str
    reason: str = "similar"
    score: float = 0.9


Telling = tuple[str, tuple[str, ...], tuple[Told, ...]]

REPORTED: tuple[Telling, ...] = (
    (
        "en",
        ("News", "Science", "Space"),
        (
            Told(
                1120,
                "orbit-weekly",
                "Lunar relay station sends its first pictures from the far side",
                "new",
                0,
            ),
            Told(
                1085,
                "science-desk",
                "First far-side pictures arrive through the new lunar relay",
            ),
            Told(
                1032,
                "northern-post",
                "Relay satellite returns first images from far side of the Moon",
                "similar",
                0.87,
            ),
            Told(
                1030,
                "wire-copy",
                "Lunar relay station sends its first pictures from the far side",
                "copy",
                1.0,
            ),
            Told(
                840,
                "harbour-times",
                "What the far side looks like: the relay's first pictures",
                "similar",
                0.74,
            ),
            Told(
                396,
                "city-radio",
                "Astronomers pore over the far-side pictures",
                "similar",
                0.69,
            ),
            Told(
                95,
                "orbit-weekly",
                "Lunar relay: second set of pictures released",
                "update",
                0.78,
            ),
        ),
    ),
    (
        "zh",
        ("新闻", "滨海日报", "城市"),
        (
            Told(
                700,
                "binhai-ribao",
                "滨海新区首条无人驾驶公交线今日开通，全程 12 公里",
                "new",
                0,
            ),
            Told(655, "dongfang-keji", "12 公里、9 座车站:无人驾驶公交在滨海新区上路"),
            Told(
                610,
                "chengshi-zhisheng",
                "滨海新区开通首条无人驾驶公交线",
                "similar",
                0.93,
            ),
            Told(
                340,
                "nanfang-jiaotong",
                "乘坐 Binhai Line 1 是什么体验?记者首日实测无人驾驶公交",
                "similar",
                0.71,
            ),
            Told(
                335,
                "zhuanzai-wang",
                "滨海新区首条无人驾驶公交线今日开通，全程 12 公里",
                "copy",
                1.0,
            ),
        ),
    ),
    (
        "en",
        ("News", "Harbour Times", "Region"),
        (
            Told(
                540,
                "harbour-times",
                "Ferry service returns after the longest winter closure in a decade",
                "new",
                0,
            ),
            Told(
                480,
                "northern-post",
                "Ferries sail again as ice clears from the northern ports",
                "similar",
                0.81,
            ),
            Told(
                440, "city-radio", "Northern ferries are running again", "similar", 0.77
            ),
        ),
    ),
    (
        "zh",
        ("新闻", "东方科技", "芯片"),
        (
            Told(
                300,
                "dongfang-keji",
                "国产开源指令集芯片“青松二号”流片成功，能效提升 40%",
                "new",
                0,
            ),
            Told(
                262,
                "kaiyuan-zhoukan",
                "“青松二号”流片:一块 RISC-V 芯片背后的 300 个日夜",
                "similar",
                0.76,
            ),
            Told(150, "binhai-ribao", "青松二号芯片完成流片", "similar", 0.83),
        ),
    ),
    (
        "en",
        ("Technology", "Compiler Notes", "Releases"),
        (
            Told(
                205,
                "compiler-notes",
                "Typed templates land in the 4.2 release, with a third less memory",
                "new",
                0,
            ),
            Told(
                170,
                "dev-digest",
                "4.2 is out: typed templates and lower memory use",
                "same_url",
                1.0,
            ),
        ),
    ),
    (
        "ja",
        ("News", "港の新聞", "文化"),
        (Told(130, "minato-shimbun", "港町の灯台、百年ぶりに一般公開へ", "new", 0),),
    ),
    (
        "en",
        ("News", "City Radio", "Weather"),
        (
            Told(
                118,
                "city-radio",
                "Spring storm expected to reach the coast by Saturday morning",
                "new",
                0,
            ),
            Told(
                62,
                "harbour-times",
                "Coast prepares for Saturday's spring storm",
                "similar",
                0.8,
            ),
        ),
    ),
    (
        "zh",
        ("新闻", "城市之声", "文化"),
        (
            Told(
                76, "chengshi-zhisheng", "老城图书馆延长夜间开放时间至 23:00", "new", 0
            ),
        ),
    ),
    (
        "en",
        ("Science", "Science Desk", "Biology"),
        (
            Told(
                44,
                "science-desk",
                "Bees navigate by the river: a decade of tracking ends with a surprise",
                "new",
                0,
            ),
        ),
    ),
    (
        "de",
        ("News", "Nordkurier", "Wirtschaft"),
        (
            Told(
                21,
                "nordkurier",
                "Werft baut erstes Segelfrachtschiff seit neunzig Jahren",
                "new",
                0,
            ),
        ),
    ),
)


def source_of(told: Told) -> Source:
    name = f"{told.feed_id} {told.title}"
    return Source(
        feed_id=told.feed_id,
        entry_id=hex_id(name),
        url=f"https://{told.feed_id}.example/{hex_id(name)[:8]}",
        title=told.title,
        published_at=NOW - timedelta(minutes=told.minutes),
    )


def event_of_telling(telling: Telling) -> Event:
    lang, categories, reports = telling
    sources = tuple(source_of(told) for told in reports)
    independent = tuple(
        dict.fromkeys(told.feed_id for told in reports if told.reason != "copy")
    )
    times = [source.published_at or NOW for source in sources]
    return Event(
        event_id="e" + hex_id(sources[0].entry_id),
        lang=lang,
        title=reports[0].title,
        first_seen_at=min(times),
        last_seen_at=max(times),
        sources=sources,
        source_count=len(sources),
        independent_sites=independent,
        independent_count=len(independent),
        categories=categories,
    )


def messages_of(telling: Telling) -> list[Message]:
    event = event_of_telling(telling)
    return [
        Message(
            id=hex_id(source.entry_id + "message") + "0" * 12,
            kind=Kind.NEW if told.reason == "new" else Kind.JOINED,
            event_id=event.event_id,
            entry_id=source.entry_id,
            feed_id=told.feed_id,
            lang=event.lang,
            title=told.title,
            url=source.url,
            categories=event.categories,
            published_at=source.published_at,
            first_seen_at=source.published_at,
            sources=event.sources[: index + 1],
            source_count=index + 1,
            independent_count=len(
                {
                    earlier.feed_id
                    for earlier in telling[2][: index + 1]
                    if earlier.reason != "copy"
                }
            ),
            score=told.score,
            reason=told.reason,
        )
        for index, (told, source) in enumerate(
            zip(telling[2], event.sources, strict=True)
        )
    ]


def verdict_of(message: Message) -> Verdict:
    at = message.first_seen_at or NOW
    return Verdict(
        at,
        at,
        message.event_id,
        message.entry_id,
        message.feed_id,
        message.lang,
        message.kind,
        message.reason,
    )


def feeds_of_day() -> list[PollState]:
    names = dict.fromkeys(
        told.feed_id for _, _, reports in REPORTED for told in reports
    )
    states = [_healthy(index, feed_id) for index, feed_id in enumerate(names)]
    return [
        *states,
        _troubled(
            "quiet-valley",
            Health.FAILING,
            FailureKind.TIMEOUT,
            "no answer within 30 s",
            6,
        ),
        _gone(),
    ]


def _healthy(index: int, feed_id: str) -> PollState:
    history = tuple(
        "nuu"[(index * 7 + poll * poll) % 3] if (poll + index) % 17 else "f"
        for poll in range(48)
    )
    titles = {
        "binhai-ribao": "滨海日报",
        "dongfang-keji": "东方科技",
        "minato-shimbun": "港の新聞",
        "chengshi-zhisheng": "城市之声",
    }
    languages = {
        "binhai-ribao": "zh",
        "dongfang-keji": "zh",
        "minato-shimbun": "ja",
        "chengshi-zhisheng": "zh",
    }
    url = f"https://{feed_id}.example/feed.xml"
    return PollState(
        feed_id=feed_id,
        url=url,
        configured_url=url,
        title=titles.get(feed_id, feed_id.replace("-", " ").title()),
        language=languages.get(feed_id, "en"),
        health=Health.OK,
        poll_count=400 + index,
        entry_count=120 + 31 * index,
        interval=timedelta(minutes=15 + 5 * index),
        last_poll_at=NOW - timedelta(minutes=2 + index),
        last_success_at=NOW - timedelta(minutes=2 + index),
        next_poll_at=NOW + timedelta(minutes=13 + 4 * index),
        history=history,
    )


def _troubled(
    feed_id: str, health: Health, kind: FailureKind, detail: str, failures: int
) -> PollState:
    url = f"https://reader:hunter2@{feed_id}.example/feed.xml"
    return PollState(
        feed_id=feed_id,
        url=url,
        configured_url=url,
        title=feed_id.replace("-", " ").title(),
        health=health,
        failure_count=failures,
        failure_kind=kind,
        failure_detail=detail,
        entry_count=77,
        interval=timedelta(hours=2),
        last_poll_at=NOW - timedelta(minutes=50),
        next_poll_at=NOW + timedelta(hours=3),
        history=("n", "u", "u", "f", "f", "f", "f", "f", "f"),
    )


def _gone() -> PollState:
    return _troubled("closed-gazette", Health.GONE, FailureKind.GONE, "410 Gone", 3)


@dataclass
class SampleDay:
    """`Watched` over these records. Setting `down` makes what asks the Redis server fail as it does when away."""

    events_held: list[Event] = field(
        default_factory=lambda: [event_of_telling(telling) for telling in REPORTED]
    )
    messages: list[Message] = field(
        default_factory=lambda: [
            line for telling in REPORTED for line in messages_of(telling)
        ]
    )
    ruled: list[Ruling] = field(default_factory=list)
    states: list[PollState] = field(default_factory=feeds_of_day)
    near: dict[str, float] | None = None
    meant: list[str] = field(default_factory=list)
    configured: list[Feed] = field(default_factory=list)
    lags: dict[tuple[str, str], int] = field(
        default_factory=lambda: {("agg:events", "archive"): 3}
    )
    reasons: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    down: bool = False
    event_reads: int = 0
    readers: list[asyncio.Queue[Message]] = field(default_factory=list)

    async def events(self, *, since_at: datetime, limit: int) -> Sequence[Event]:
        self._ask()
        self.event_reads += 1
        newest = sorted(
            self.events_held, key=lambda event: event.last_seen_at, reverse=True
        )
        return [event for event in newest if event.last_seen_at >= since_at][:limit]

    async def event(self, event_id: str) -> Event | None:
        self._ask()
        return next(
            (event for event in self.events_held if event.event_id == event_id), None
        )

    async def verdicts(self, *, since_at: datetime) -> Sequence[Verdict]:
        self._ask()
        found = [verdict_of(message) for message in self.messages]
        return sorted(
            (one for one in found if one.told_at >= since_at),
            key=lambda one: one.told_at,
        )

    async def rulings(self, event_id: str) -> Sequence[Ruling]:
        self._ask()
        return [
            ruling
            for ruling in self.ruled
            if event_id in (ruling.event_id, ruling.other_id)
        ]

    async def reports(self, event_id: str) -> Sequence[Message]:
        self._ask()
        return [message for message in self.messages if message.event_id == event_id]

    async def feeds(self) -> Sequence[PollState]:
        self._ask()
        return self.states

    @property
    def has_meanings(self) -> bool:
        return self.near is not None

    async def likeness(self, query: str, *, since_at: datetime) -> Mapping[str, float]:
        self._ask()
        self.meant.append(query)
        return self.near or {}

    def subscriptions(self) -> Sequence[Feed]:
        return self.configured

    async def groups(self) -> Mapping[tuple[str, str], int]:
        self._ask()
        return self.lags

    async def live(self) -> AsyncIterator[Message]:
        queue: asyncio.Queue[Message] = asyncio.Queue()
        self.readers.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self.readers.remove(queue)

    def ready(self) -> tuple[bool, Sequence[str]]:
        return not self.reasons, self.reasons

    def stuck(self) -> Sequence[str]:
        return self.stages

    def publish(self, message: Message) -> None:
        for reader in self.readers:
            reader.put_nowait(message)

    def _ask(self) -> None:
        if self.down:
            raise EngineDown("no answer from the Redis server")
