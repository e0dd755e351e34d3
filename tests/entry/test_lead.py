from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.images import fallback_image, image_of
from aggregator.entry.lead import LEAD_CHARS, lead_of

SENTENCES = "The ferry sails again. " * 30
HAN = "滨海新区首条无人驾驶公交线今日开通，全程十二公里。" * 30


def test_a_short_text_is_its_own_lead():
    assert lead_of("A title", "One\n\n line   of text") == "One line of text"


def test_the_title_is_not_told_twice():
    assert (
        lead_of("Ferries sail", "Ferries sail — The ice is gone.") == "The ice is gone."
    )
    assert lead_of("Ferries sail", "Ferries sail") == ""


@pytest.mark.parametrize(("text", "end"), [(SENTENCES, "again."), (HAN, "公里。")])
def test_a_long_text_is_cut_after_a_sentence(text, end):
    lead = lead_of("", text)
    assert lead.endswith(end)
    assert 120 <= len(lead) <= LEAD_CHARS


def test_a_text_without_sentences_is_cut_after_a_word():
    lead = lead_of("", "word " * 200)
    assert lead.endswith("word…")
    assert LEAD_CHARS - 6 <= len(lead) <= LEAD_CHARS


def test_blanks_take_no_room_of_a_lead():
    spread = "The ferry sails again. ".replace(" ", " " * 12) * 30
    assert lead_of("", spread) == lead_of("", SENTENCES)
    title = "Ferry   " * 60
    assert lead_of(title, title + spread) == lead_of("", SENTENCES)


@given(st.text(), st.text(max_size=3000))
def test_a_lead_is_one_line_within_its_bound(title, text):
    lead = lead_of(title, text)
    assert len(lead) <= LEAD_CHARS
    assert "\n" not in lead


def test_the_picture_of_a_document_is_the_one_it_names():
    named = "\n---\ntitle: 'x'\nheadimg: 'https://a.example/b.jpg'\nauthor: x\n---\n"
    assert image_of(named) == "https://a.example/b.jpg"
    assert image_of(named.replace("https://a.example/b.jpg", "")) == ""
    assert (
        image_of(named.replace("https://a.example/b.jpg", fallback_image("0" * 20)))
        == ""
    )
    assert image_of("no front matter") == ""
