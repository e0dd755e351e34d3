"""Every text of the pages has its Chinese wording, and the reader's browser chooses."""

from __future__ import annotations

import re
from datetime import timedelta
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.model import FailureKind, Health
from aggregator.watch import translation
from aggregator.watch.page import REASONS, TEMPLATES
from aggregator.watch.remedies import remedy_of
from aggregator.watch.translation import CHINESE, counted, span, tongue_of, translated

from .sample import feeds_of_day

TEXTS = re.compile(r"""\bt\("((?:[^"\\]|\\.)*)\"""")
COUNTED = re.compile(r'counted\("([a-z ]+)"\)')


def texts() -> set[str]:
    return {text for path in TEMPLATES.glob("*.html") for text in TEXTS.findall(path.read_text(encoding="utf-8"))}


def test_the_templates_say_nothing_that_is_not_translated():
    assert len(texts()) > 60
    assert texts() - set(CHINESE) == set()
    assert set(REASONS.values()) - set(CHINESE) == set()
    assert {str(health) for health in Health if health is not Health.NEW} - set(CHINESE) == set()


def test_a_translation_has_the_places_of_its_text():
    for english, chinese in CHINESE.items():
        places = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)]
        assert places[0] == places[1], english


def test_whatever_is_counted_has_a_unit():
    nouns = {noun for path in TEMPLATES.glob("*.html") for noun in COUNTED.findall(path.read_text(encoding="utf-8"))}
    assert nouns
    assert all("{n}" not in counted(3, noun, "zh") and "3" in counted(3, noun, "zh") for noun in nouns)
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
    assert translated("Page {page} of {pages}", "zh", page=2, pages=3) == "第 2 页，共 3 页"
    assert translated("nobody translated this", "zh") == "nobody translated this"


@pytest.mark.parametrize("tongue", ["en", "zh"])
def test_every_failure_has_a_remedy_and_health_has_none(tongue):
    healthy, *_, troubled, gone = feeds_of_day()
    assert remedy_of(healthy, tongue) == ""
    for kind in FailureKind:
        state = type(troubled)(
            **{name: getattr(troubled, name) for name in troubled.__dataclass_fields__} | {"failure_kind": kind}
        )
        assert remedy_of(state, tongue)
    assert remedy_of(gone, tongue) != remedy_of(troubled, tongue)
