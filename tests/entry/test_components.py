"""AMP's elements and light players are shown as what they stand for."""

from __future__ import annotations

import time

import pytest

from aggregator.entry.components import without_components
from aggregator.entry.normalise import DocumentSettings
from aggregator.entry.safety import is_safe
from tests.entry.field import body, image, only
from tests.entry.test_pictures import item

POLICY = ' referrerpolicy="no-referrer"'
YOUTUBE = (
    '<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ" allowfullscreen></iframe>'
)
VIMEO = (
    '<iframe src="https://player.vimeo.com/video/76979871" allowfullscreen></iframe>'
)


def shown(markup: str) -> str:
    one = only(item(markup))
    assert is_safe(body(one), embeds=DocumentSettings().embeds)
    return body(one)


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<amp-img src="https://s.example/a.jpg" width=300 height=200></amp-img>', f'<img src="https://s.example/a.jpg" width=300 height=200{POLICY}>'),
        ('<amp-img src="https://s.example/a.jpg" alt="x"/>', f'<img src="https://s.example/a.jpg" alt="x"{POLICY}/>'),
        ('<AMP-ANIM src="/a.gif"></AMP-ANIM>', f'<img src="https://town.example/a.gif"{POLICY}>'),
        ('<amp-anim src="/a.gif"><amp-img placeholder src="/b.jpg"></amp-img></amp-anim>', f'<img src="https://town.example/a.gif"{POLICY}>'),
        ('<amp-video src="https://s.example/a.mp4"><p>A film</p></amp-video>', '<a href="https://s.example/a.mp4">https://s.example/a.mp4</a> <p>A film</p>'),
        ('<amp-audio src="https://s.example/a.mp3" />.', '<a href="https://s.example/a.mp3">https://s.example/a.mp3</a> .'),
        ('<amp-iframe src="https://player.example/embed/1" title="A map"><amp-img src="/p.jpg" placeholder></amp-img></amp-iframe>', '<a href="https://player.example/embed/1">A map</a>'),
        ('<p>See</p><amp-iframe src="https://ads.example/1"></amp-iframe>', "<p>See</p>"),
        ('<amp-youtube data-videoid="dQw4w9WgXcQ" width="480"></amp-youtube>', YOUTUBE),
        ('<lite-youtube videoid="dQw4w9WgXcQ"></lite-youtube>', YOUTUBE),
        ('<p>x</p><amp-vimeo data-videoid="76979871"></amp-vimeo>', f"<p>x</p>{VIMEO}"),
        ("<lite-vimeo videoid=76979871></lite-vimeo>", VIMEO),
        ('<lite-youtube videoid="dQw4w9WgXcQ"><a href="https://town.example/f">A film</a></lite-youtube>', f'{YOUTUBE}<a href="https://town.example/f">A film</a>'),
        ('<p>x</p><amp-twitter data-tweetid="17"></amp-twitter>', '<p>x</p><a href="https://twitter.com/i/status/17">https://twitter.com/i/status/17</a>'),
        ('<p>x</p><amp-facebook data-href="https://f.example/?a=1&amp;b=2"></amp-facebook>', '<p>x</p><a href="https://f.example/?a=1&amp;b=2">https://f.example/?a=1&amp;b=2</a>'),
    ],
)  # fmt: skip
def test_a_component_is_shown_as_what_it_stands_for(markup: str, said: str) -> None:
    assert shown(markup) == said


@pytest.mark.parametrize(
    "markup",
    [
        '<p>x</p><amp-img src="javascript:alert(1)" on="tap:x" onerror=alert(1)></amp-img>',
        "<p>x</p><amp-youtube data-videoid='\"><script>alert(1)</script>'></amp-youtube>",
        "<p>x</p><lite-youtube videoid='../../x?a=b'></lite-youtube>",
        "<p>x</p><amp-iframe srcdoc='<script>alert(1)</script>' src='javascript:x'></amp-iframe>",
        "<p>x</p><amp-facebook data-href='javascript:alert(1)'></amp-facebook>",
        "<p>x</p><amp-twitter data-tweetid='{}/../x'></amp-twitter>",
    ],
)
def test_a_hostile_component_opens_nothing(markup: str) -> None:
    said = shown(markup)
    assert "<p>x</p>" in said
    assert "alert" not in said.replace("&lt;script>alert", "")
    assert "javascript" not in said
    assert "iframe" not in said


def test_its_picture_stands_for_the_entry() -> None:
    markup = '<amp-img src="https://town.example/a.jpg" width=300 height=200></amp-img>'
    assert image(only(item(markup))) == "https://town.example/a.jpg"


@pytest.mark.parametrize("piece", ["<amp-img>", "<amp-x><lite-y>", "</amp-img>", "<amp-x></amp-x>", "<amp-x><amp-y></amp-z>"])  # fmt: skip
def test_many_of_them_cost_no_more_than_their_length(piece: str) -> None:
    started = time.process_time()
    without_components(piece * (200_000 // len(piece)))
    assert time.process_time() - started < 2
