"""What sanitising must not swallow: formulas, check boxes, frames, objects; cases in our own bytes."""

from __future__ import annotations

from html import escape

import pytest

from aggregator.entry.normalise import DocumentSettings
from aggregator.entry.replaced import without_replaced
from aggregator.entry.safety import is_safe
from tests.entry.field import body, only, rss

EMBEDS = DocumentSettings().embeds


def shown(markup: str) -> str:
    one = only(
        rss(
            f"<title>A post</title><link>https://town.example/n/1</link><description>{escape(markup)}</description>"
        )
    )
    assert is_safe(body(one), embeds=EMBEDS)
    return body(one)


MATH = (
    "<math><msup><mi>e</mi><mrow><mo>-</mo><mn>3</mn><mi>t</mi></mrow></msup>{}</math>"
)
TEX = '<annotation encoding="application/x-tex">e^&lt;-3t</annotation>'


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        (MATH.format(""), "e-3t"),
        (MATH.format("").replace("<math>", '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block">'), "e-3t"),
        (MATH.format("").replace("<math>", '<math alttext="e^-3t &amp; more">'), "e^-3t &amp; more"),
        (f"<math><semantics>{MATH.format('')[6:-7]}{TEX}</semantics></math>", "e^&lt;-3t"),
        ("<math><mfrac><mi>a</mi><mrow><mi>b</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>", "a/b+1"),
        ("<math><mi>x</mi><mo>&lt;</mo><mn>5</mn></math>", "x&lt;5"),
        ("<MATH><MI>x</MI></MATH>", "x"),
        ("<math><mtext>as text</mtext><annotation-xml>no</annotation-xml></math>", "astext"),
        ('<script type="math/tex">e^-3t</script>', "\\(e^-3t\\)"),
        ('<script type="math/tex; mode=display">a &lt; b</script>', "\\[a &amp;lt; b\\]"),
        ('<script type="math/asciimath">e^-3t</script>', "\\(e^-3t\\)"),
        ('<span class="katex"><span class="katex-mathml"><math><mi>x</mi></math></span><span aria-hidden="true">x</span></span>', "<span>"),
        (f'<span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>e</mi></mrow>{TEX}</semantics></math></span><span class="katex-html" aria-hidden="true"><span>e</span><span>t3-</span></span></span>', '<span class="katex"><span class="katex-mathml">e^&lt;-3t</span></span>'),
    ],
)  # fmt: skip
def test_a_formula_keeps_what_it_says(markup: str, said: str) -> None:
    answer = shown(f"<p>Growth is {markup} a day.</p>")
    if said == "<span>":
        assert answer.count(">x<") == 1
    else:
        assert answer == f"<p>Growth is {said} a day.</p>"


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        (
            '<li><input type="checkbox" checked disabled> Oil the gate</li>',
            "<li>☑ Oil the gate</li>",
        ),
        (
            '<li><input type="checkbox" disabled=""> Paint it</li>',
            "<li>☐ Paint it</li>",
        ),
        ("<li><input type=checkbox checked=checked>Oil</li>", "<li>☑ Oil</li>"),
        (
            '<li><label><input disabled type="CHECKBOX"/> Oil</label></li>',
            "<li>☐ Oil</li>",
        ),
        ('<li><input type="text" value="q"> Oil</li>', "<li> Oil</li>"),
        ('<li><input type="radio" checked> Oil</li>', "<li> Oil</li>"),
    ],
)
def test_done_and_open_tasks_are_told_apart(markup: str, said: str) -> None:
    assert shown(f"<ul>{markup}</ul>") == f"<ul>{said}</ul>"


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<a href="https://q.example/buy"><button>Buy tickets</button></a>', '<a href="https://q.example/buy">Buy tickets</a>'),
        ('<a href="https://q.example/buy"><input type=submit value="Buy &amp; go"></a>', '<a href="https://q.example/buy">Buy &amp; go</a>'),
        ("<button onclick=x()>Go <b>on</b> <script>x()</script></button>", "Go <b>on</b>"),
        ("<p>x</p><button hidden>no</button><select style='display:none'><option>no</select><textarea hidden>no</textarea>", "<p>x</p>"),
        ("<p>x</p><datalist><option>no</option></datalist>", "<p>x</p>"),
        ("<p>x</p><button>Go", "<p>x</p>Go"),
        ("<p>x</p><button>▶</button> <button>1<span>×</span></button><button><svg><path/></svg></button>", "<p>x</p>"),
        ("<a href='https://q.example/'><button>$ 12</button></a>", '<a href="https://q.example/">$ 12</a>'),
        ("<p>x</p><form><input type=submit value=Subscribe></form><svg><text>W</text></svg>", "<p>x</p>"),
        ("<label>Pick <select><option>Red<option selected>Green</option></select></label>!", "Pick Red<br>Green !"),
        ("<select><optgroup label='Of &lt;the&gt; tree'><option>Pear</option></optgroup></select>", "Of &lt;the&gt; tree<br>Pear"),
        ("<p>See</p><textarea rows=2>if a &lt; b:\n    <b>x</b></textarea>", "<p>See</p><pre>if a &lt; b:\n    &lt;b&gt;x&lt;/b&gt;</pre>"),
        ("<p>See</p><textarea>one <script>alert(1)</script></textarea>", "<p>See</p>one &lt;script&gt;alert(1)&lt;/script&gt;"),
        ("<p>See</p><textarea>cut <b>", "<p>See</p>"),
        ("<p>x</p><svg><style>.a{}</style><title>no</title><defs><text>no</text></defs><text x=1>Sales up <tspan>40</tspan> percent</text><text>&lt;b> Q1</text><path/></svg><p>y</p>", "<p>x</p>Sales up 40 percent &lt;b&gt; Q1 <p>y</p>"),
        ("<p>x</p><svg><text/><script>alert(1)</script><foreignObject><p>Inner <b>words</b></p></foreignObject></svg>", "<p>x</p>Inner words"),
        ("<p>x</p><svg style='display:none'><text>no</text></svg><svg><path></svg>", "<p>x</p>"),
    ],
)  # fmt: skip
def test_controls_and_drawings_leave_their_words(markup: str, said: str) -> None:
    assert shown(markup) == said


LINK = '<a href="https://band.example/lock">Lock by The Weirs</a>'


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        (f'<iframe src="https://player.example/1">{LINK}</iframe>', LINK),
        (f'<p>Hear it: <iframe src="https://player.example/1">{LINK}</iframe></p>', f"<p>Hear it: {LINK}</p>"),
        ('<iframe src="https://player.example/1"></iframe>', '<a href="https://player.example/1">https://player.example/1</a>'),
        ('<p><iframe src="https://show.example/1"></iframe></p>', '<p></p><a href="https://show.example/1">https://show.example/1</a>'),
        ('<p>New:</p><iframe src="https://w.sound.example/player/?url=x"></iframe>', '<p>New:</p><a href="https://w.sound.example/player/?url=x">https://w.sound.example/player/?url=x</a>'),
        ('<figure><iframe src="https://film.example/$/embed/1"></iframe></figure><p>Text.</p>', '<figure><a href="https://film.example/$/embed/1">https://film.example/$/embed/1</a> </figure><p>Text.</p>'),
        ('<p>Text.</p><iframe title="A map" src="https://maps.example/maps/embed?pb=1"></iframe>', '<p>Text.</p><a href="https://maps.example/maps/embed?pb=1">A map</a>'),
        ('<p>Text.</p><iframe src="about:blank" data-src="https://www.youtube.com/embed/e1"></iframe>', '<p>Text.</p><a href="https://www.youtube.com/embed/e1">https://www.youtube.com/embed/e1</a>'),
        ('<p>Text.</p><iframe width="1" height="1" src="https://t.example/embed/1"></iframe>', "<p>Text.</p>"),
        ('<p>Listen:</p><iframe src="https://open.music.example/embed/track/4uLU6hMC?utm_source=generator" width="100%" height="152"></iframe>', '<p>Listen:</p><a href="https://open.music.example/embed/track/4uLU6hMC?utm_source=generator">https://open.music.example/embed/track/4uLU6hMC?utm_source=generator</a>'),
        ('<p>Hear</p><iframe src="https://player.example/?url=https%3A%2F%2Fs.example%2F1&amp;a=b"></iframe>', '<p>Hear</p><a href="https://player.example/?url=https%3A%2F%2Fs.example%2F1&amp;a=b">https://player.example/?url=https%3A%2F%2Fs.example%2F1&amp;a=b</a>'),
        ('<p>Hear</p><audio src="https://s.example/track/17"></audio>', '<p>Hear</p><a href="https://s.example/track/17">https://s.example/track/17</a>'),
        ('<p>Text.</p><iframe src="https://ad.doubleclick.net/embed/1"></iframe>', "<p>Text.</p>"),
        ('<iframe src="https://t.example/track/1" height="0"></iframe>', "A post"),
        ('<iframe src="https://t.example/pixel"></iframe>', "A post"),
        ('<p>Text.</p><iframe src="https://www.facebook.com/plugins/like.php?href=x"></iframe>', "<p>Text.</p>"),
        ('<iframe title="The lock, a film" src="//player.example/1"></iframe>', '<a href="https://player.example/1">The lock, a film</a>'),
        ('<iframe data-src="https://player.example/1" src="about:blank"></iframe>', '<a href="https://player.example/1">https://player.example/1</a>'),
        ('<iframe src="/film/1"></iframe>', '<a href="https://town.example/film/1">/film/1</a>'),
        ('<iframe src="https://player.example/1">Your browser shows no frames.</iframe>', '<a href="https://player.example/1">https://player.example/1</a>'),
        ('<iframe src="https://player.example/1"></iframe><iframe src="https://player.example/2"></iframe>', '<a href="https://player.example/1">https://player.example/1</a> <a href="https://player.example/2">https://player.example/2</a>'),
        ('<p>Text.</p><iframe src="https://ads.example/1"></iframe>', "<p>Text.</p>"),
        ('<img src="https://town.example/e.jpg"><iframe src="https://ads.example/1"></iframe>', '<img src="https://town.example/e.jpg" referrerpolicy="no-referrer">'),
        ('<iframe src="https://ads.example/1" width="1" height="1"></iframe>', "A post"),
        ('<iframe src="https://www.facebook.com/plugins/like.php?href=x"></iframe>', "A post"),
        ('<iframe src="https://www.googletagmanager.com/ns.html?id=1"></iframe>', "A post"),
        ('<iframe src="about:blank"></iframe>', "A post"),
        ('<iframe src="javascript:x()"></iframe>', "A post"),
        ('<iframe src="https://www.youtube.com/embed/e1"></iframe>', '<iframe src="https://www.youtube.com/embed/e1"></iframe>'),
        (f'<object data="https://player.example/1.swf">{LINK}</object>', LINK),
        ('<object data="https://player.example/1.swf"><p>A map of the weirs</p></object>', "<p>A map of the weirs</p>"),
        ('<object data="/map.svg" type="image/svg+xml"><img src="/map.png"></object>', '<img src="https://town.example/map.png" referrerpolicy="no-referrer">'),
        ('<p>See</p><object data="https://player.example/1.swf"></object>', '<p>See</p><a href="https://player.example/1.swf">https://player.example/1.swf</a>'),
        ('<object><param name="movie" value="https://player.example/v/1"><param name="wmode" value="x"></object>', '<a href="https://player.example/v/1">https://player.example/v/1</a>'),
        ('<object><param name="movie" value="https://player.example/v/1"><embed src="https://player.example/v/1"></embed></object>', '<a href="https://player.example/v/1">https://player.example/v/1</a>'),
        ('<object data="https://player.example/1"><object data="https://player.example/2">Text</object></object>', "Text"),
        ('<p>See</p><embed src="https://player.example/1.swf">', '<p>See</p><a href="https://player.example/1.swf">https://player.example/1.swf</a>'),
        ('<object data="https://player.example/1"><embed src="https://player.example/2">', '<a href="https://player.example/2">https://player.example/2</a>'),
        ("<applet code=x.class><p>Text</p></applet>", "<p>Text</p>"),
        (f'<audio src="https://player.example/1.mp3">{LINK}</audio>', f'<a href="https://player.example/1.mp3">https://player.example/1.mp3</a> {LINK}'),
    ],
)  # fmt: skip
def test_frames_objects_and_films_leave_a_link_or_what_is_inside_them(
    markup: str, said: str
) -> None:
    assert shown(markup) == said


@pytest.mark.parametrize(
    "piece",
    [
        "<math>",
        "<object>",
        "<iframe>",
        "<math></math>",
        "<object data=x>",
        "<embed src=x>",
        "<script type=math/tex>",
        "<video><source src=x>",
        "<svg>",
        "<svg><text>x",
        "<svg></svg>",
        "<button hidden>",
        "<datalist><select hidden>",
        "<select><option>",
        "<textarea>",
    ],
)
def test_many_of_them_cost_no_more_than_their_length(piece: str) -> None:
    markup = piece * (400_000 // len(piece))
    assert isinstance(without_replaced(markup[: 400 * len(piece)], embeds=EMBEDS), str)
    assert isinstance(shown(markup), str)
