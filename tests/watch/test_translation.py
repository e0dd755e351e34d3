"""Every text of the pages has its Chinese wording, and the reader's browser chooses."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import timedelta
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import Caching, FailureKind, Feed, FeedHints, FetchFailed, Health
from aggregator.schedule.bounds import Bound
from aggregator.schedule.due import due_of
from aggregator.schedule.excuse import not_its_fault
from aggregator.schedule.failure import failed
from aggregator.schedule.request import first_state
from aggregator.schedule.result import released
from aggregator.watch import sentences, translation
from aggregator.watch.page import REASONS, TEMPLATES
from aggregator.watch.remedies import remedy_of
from aggregator.watch.translation import CHINESE, counted, span, tongue_of, translated

from .sample import NOW, feeds_of_day

TEXTS = re.compile(r"""\bt\("((?:[^"\\]|\\.)*)\"""")
COUNTED = re.compile(r'counted\("([a-z ]+)"\)')


def texts() -> set[str]:
    return {
        text
        for path in TEMPLATES.glob("*.html")
        for text in TEXTS.findall(path.read_text(encoding="utf-8"))
    }


def test_the_templates_say_nothing_that_is_not_translated():
    assert len(texts()) > 60
    assert texts() - set(CHINESE) == set()
    assert set(REASONS.values()) - set(CHINESE) == set()
    assert {str(health) for health in Health if health is not Health.NEW} - set(
        CHINESE
    ) == set()


def test_a_translation_has_the_places_of_its_text():
    for english, chinese in CHINESE.items():
        places = [
            {name for _, name, _, _ in Formatter().parse(text) if name}
            for text in (english, chinese)
        ]
        assert places[0] == places[1], english


def test_whatever_is_counted_has_a_unit():
    nouns = {
        noun
        for path in TEMPLATES.glob("*.html")
        for noun in COUNTED.findall(path.read_text(encoding="utf-8"))
    }
    assert nouns
    assert all(
        "{n}" not in counted(3, noun, "zh") and "3" in counted(3, noun, "zh")
        for noun in nouns
    )
    assert all(not re.search("[a-z]", counted(3, noun, "zh")) for noun in nouns)


@pytest.mark.parametrize(
    ("header", "tongue"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("de,zh;q=0.5", "zh"),
        ("fr", "en"),
        ("zh;q=0", "en"),
        ("ZH-Hant-TW", "zh"),
        ("en;q=0.3, zh;q=0.7", "zh"),
        ("zh;q=high", "en"),
        ("*", "en"),
    ],
)
def test_the_browser_chooses_the_language(header, tongue):
    assert tongue_of(header) == tongue


@given(st.text())
def test_any_header_is_a_language(header):
    assert tongue_of(header) in translation.TONGUES


def test_numbers_and_spans_read_in_both_languages():
    assert counted(1, "report", "en") == "1 report"
    assert counted(12_000, "entry", "en") == "12,000 entries"
    assert counted(12_000, "report", "zh") == "12,000 篇报道"
    assert span(timedelta(hours=2, minutes=5), "zh") == "2 小时 5 分钟"
    assert (
        translated("Page {page} of {pages}", "zh", page=2, pages=3)
        == "第 2 页，共 3 页"
    )
    assert translated("nobody translated this", "zh") == "nobody translated this"


@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_every_failure_has_a_remedy_and_health_has_none(tongue):
    healthy, *_, troubled, gone = feeds_of_day()
    assert remedy_of(healthy, tongue) == ""
    for kind in FailureKind:
        state = type(troubled)(
            **{name: getattr(troubled, name) for name in troubled.__dataclass_fields__}
            | {"failure_kind": kind}
        )
        assert remedy_of(state, tongue)
    assert remedy_of(gone, tongue) != remedy_of(troubled, tongue)


def test_every_class_of_failure_has_chinese_words():
    assert set(sentences.FAILURES) == set(FailureKind)


def reasons_of_polls() -> set[str]:
    """The reasons for the next poll that the poll stage writes, by its own functions."""
    plain = Feed("a", "https://a.example/feed")
    by_cron = replace(plain, cron="0 * * * *")
    state = replace(first_state(plain, now=NOW), interval=timedelta(minutes=35))
    retry = Caching(retry_after=timedelta(hours=2))
    held, moved = (
        replace(state, health=Health.QUARANTINED),
        replace(state, url="https://b.example/feed"),
    )
    decisions = [released(plain, held, now=NOW)]
    for kind, before, caching in itertools.product(
        FailureKind, (state, held, moved), (Caching(), retry)
    ):
        before = replace(before, failure_count=4 if before is held else 0)
        result = FetchFailed(plain.url, kind, "why", caching=caching)
        decisions += [
            failed(plain, before, result, now=NOW),
            not_its_fault(plain, before, result, now=NOW),
        ]
    reasons = {
        state.next_poll_reason,
        *(decision.state.next_poll_reason for decision in decisions),
    }
    bounds = [
        None,
        *(
            Bound(NOW + timedelta(days=3), words)
            for words in ("Retry-After", "cache headers")
        ),
    ]
    hints = [
        FeedHints(),
        FeedHints(ttl=timedelta(days=2)),
        FeedHints(update_period=timedelta(days=2)),
    ]
    hints.append(FeedHints(skip_hours=frozenset(range(23))))
    for feed, before, bound, hint in itertools.product(
        (plain, by_cron), (state, held), bounds, hints
    ):
        for pushed in (False, True):
            due = due_of(
                feed,
                replace(before, hints=hint),
                bound,
                now=NOW,
                health=before.health,
                interval=before.interval,
                pushed=pushed,
            )
            reasons.add(due.reason)
    return reasons


def test_every_reason_for_the_next_poll_has_its_chinese_words():
    reasons = reasons_of_polls()
    assert len(reasons) > 15
    said = {reason: sentences.in_chinese(reason) for reason in reasons}
    known = re.compile(
        "skipHours|skipDays|hub|cron|ttl|Retry-After|sy:updatePeriod|min_interval"
    )
    assert {reason for reason, chinese in said.items() if not chinese} == set()
    assert {
        reason
        for reason, chinese in said.items()
        if re.search("[A-Za-z]", known.sub("", chinese or ""))
    } == set()


def test_a_sentence_that_nobody_knows_stays_as_it_is():
    assert sentences.in_chinese("the moon is full") is None
    assert translation.sentence("the moon is full", "zh") == "the moon is full"
    assert (
        translation.sentence("failed 3 times: backing off", "en")
        == "failed 3 times: backing off"
    )
    assert (
        translation.sentence("poll has not moved for 90 s", "zh")
        == "抓取阶段已有 90 秒没有进展"
    )
