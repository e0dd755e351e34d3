"""Hostile bodies without end, by kinds: each is a way in which HTML and Markdown, or two readers of either, differ.

A body is drawn from one kind's frame, whose holes are filled from the others' pieces: what is harmless alone is so often
hostile inside something else. The same seed gives the same bodies.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<svg onload=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](javascript:alert(1))",
    "<javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=\"java\nscript:alert(1)\">x</a>",
    "<a href='&#106;avascript&colon;alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<details open ontoggle=alert(1)>x</details>",
    "<input autofocus onfocus=alert(1)>",
    "<p style='position:fixed;inset:0'>x</p>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<a href='https://h.example/' style='--a:x;position:var(--a)'>x</a>",
)  # fmt: skip
BREAKS = (
    "\n\n", "\n \n", "\n\t\n", "\r\r", "\r\n\r\n", "\n\f\n", "\n\v\n", "\n\u00a0\n", "\n\u2028\n", "\u2028\u2028",
    "\u0085\u0085", "\n\u3000\n", "&#10;&#10;", "\n&#32;\n", "\n<!-- -->\n", "\n\u200b\n", "\n\ufeff\n", "\n\x1c\n",
)  # fmt: skip
OPENERS = (
    "", "<p>", "<div>", "<pre>", "<pre><code>", "<blockquote>", "<ul><li>", "<table><tr><td>", "<details><summary>",
    "<ins>", "<span>", "<x-y>", "<section markdown=1>", "<div markdown='block'>", "<center>", "<dl><dd>", "<h2>", "<hr>",
)  # fmt: skip
KINDS: Mapping[str, Sequence[str]] = {
    "a value": (
        '<a title="B P B" href="https://h.example/">x</a>', "<p title='B P B'>x</p>", "<img alt=\"B P\" src=x>",
        '<td data-x="B P B">x</td>', "<p title=\"a\nP\">x</p>", '<a\nB\ntitle="P">x</a>', "<p title=`B P`>x</p>",
        '<p title=x title="B P B">x</p>', '<img srcset="B P 1x" src=x>', '<a title="B" rel="P" class="B P">x</a>',
    ),
    "setext": ("x\n===\nP", "P\n---\nB P", "<p>x\n---\nP</p>", "x\nB===\nP", "O x\n  ===\nP"),
    "references": (
        "O [r]B[r]: javascript:alert(1)", "[r]: javascript:alert(1) 'B P'B[r]", "[r][]B[r]:\njavascript:alert(1)",
        "O ![r]B[r]: <javascript:alert(1)> \"P\"", "[`a`]: x\n[`a`]P", "[r]: //h.example \"onmouseover=alert(1) P\"B[r]",
    ),
    "footnotes": (
        "x[^1]B[^1]: P", "O x^[P]B", "[^1]: xB    P\nB[^1]", "*[HTML]: PBHTML", "[^<img src=x onerror=alert(1)>]B",
    ),
    "autolinks": (
        "<javascript:alert(1)>", "<http://h.example/\"onmouseover=alert(1)>", "www.h.example/\"onmouseover=alert(1)//",
        "http://h.example/<P>", "<a@h.example\"onmouseover=alert(1)>", "mailto:a@h.example?x=<P>B", "<x:P>", "<data:text/html,P>",
    ),
    "tables": (
        "a|b\n-|-\nP|P", "|a|B|-|B|P|", "O\na | b\n:-: | :-:\n`P` | \\|P", "<table><tr><td>a|b\n-|-\nP|P</table>",
    ),
    "fences": (
        "```\nP\n```", "~~~ P\nx\n~~~", "O```html\nP\n```B P", "<p title=\"\n```\nP\n```\n\">x</p>", "    ```\n    P",
        "> ```\n> P\n> ```", "- ~~~\n  P\n  ~~~", "```P```", "``` `P` ```", "<!--\n```\n-->P<!--\n```\n-->", "````\n```\nP\n````",
        "``\nP\n``", "<code>\n```\n</code>P", "{% raw %}P{% endraw %}", "\u00a0```\nP\n```", "\u2028```\nP\n\u2028```",
    ),
    "blocks": (
        "<!-- B P B -->", "<!-->P-->", "<!--->P-->", "<!-- --!>P-->", "<?B P ?>", "<!X B P >", "<![CDATA[B P ]]>", "<!doctype B P>",
        "<style>B P</style>", "<textarea>B P</textarea>", "<script>B P", "<title>P</title>B", "<pre>B P B</pre>P",
        "</p>B P", "</div>B P", "<div>B P", "<x-y>B P</x-y>", "<p>B</div></div>P", "<template>B P</template>", "<noscript>B P</noscript>",
        "<xmp>B P</xmp>", "<plaintext>B P", "<listing>B P B</listing>",
    ),
    "lists": ("- xB  P", "1. xB   P", "* * *\nP", "+ [ ] P", "> xB> P", "# P", "x  \nP", "x\\\nP", ": xB P", "O- xB P"),
    "spans": (
        "`P`", "`` ` P``", "**P**", "~~P~~", "==P==", "^P^", "_P_", "\\P", "\\<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;",
        "&amp;lt;img&amp;gt;", "<b>P</i>B", "<a href=x>P</a>", "<em>B P", ":smile: P", "$P$", "$$\nP\n$$", "[[P]]", "[P](x 'P')", "[x](<P>)",
    ),
    "signs of builders": (
        "<!-- more -->P", "<!--more-->B P", "\ufffc0P", "<!--code\ufffc0-->", "<hexoPostRenderCodeBlock>P</hexoPostRenderCodeBlock>",
        "<!-- _hexo -->P", "{{ P }}", "{% P %}", "{: onclick=alert(1)}\nP", "{::nomarkdown}P{:/}", "[TOC]B P", "!!! note\n    P",
        "??? x\n    P", "::: x\nP\n:::", "/// x\nP\n///", "=== \"P\"\n    P", "--8<-- \"x\"\nP", "%%P%%", "+++\nP\n+++", "---\nP\n---",
        "<p class='line'>P</p>", "<a data-href='javascript:alert(1)' href=x>P</a>", "<a title='href=\"' href=x>P</a>", "<%= P %>",
    ),
    "styles": (
        "<p style='S;S'>x</p>", "<div style=\"S;S;S\">x<p style='S'>y</p></div>", "<img src=x style='S;S' width=9999>", "<td style='S'>x</td>",
        "<p style='--a:S;S'>x</p>", "<p style='S/**/;/*;*/S'>x</p>", "<table style='S;S'><tr><td style='S'>P</table>", "<a href=x style='S;S;S'>P</a>",
        "<ul style='S'><li style='S;S'>x</ul>", "<p style='s\\70 osition:fixed;S'>x</p>", "<svg style='S;S' width=9999 height=9999></svg>",
    ),
    "tags read two ways": (
        "<a/href=x/title='P'>x</a>", "<p =x title='P'>x</p>", "<p title=a>b title='P'>x</p>", "<p title='a>b P'>x</p>", "<p 'a=\"P\">x</p>",
        "<p title\n=\n'P'>x</p>", "<p\x0ctitle='P'>x</p>", "<p title=\"x\"title2='P'>x</p>", "<P\u00a0title='P'>x</P>", "</p title='P'>", "<p a='x'P>",
        "<p <b>P", "<p title=&quot;P&quot;>", "<a href=x\\>P</a>", "<img src=\"x\" alt=\"a\" / P>", "<br/ P>", "<p x:y='P' @z='P' [w]='P'>x</p>", "< img src=x onerror=alert(1)>",
    ),
}  # fmt: skip


STYLES = (
    "position:fixed", "position:sticky", "position:absolute", "POSITION:\\66ixed", "position:var(--x,fixed)", "pos/**/ition:fixed", "inset:0", "top:-9999px",
    "left:-99em", "margin:-999px", "margin-top:-9e3px", "margin-left:-50vw", "transform:scale(99)", "transform:translate(-999px,-999px)",
    "translate:-999px -999px", "scale:99", "rotate:45deg", "zoom:50", "offset-path:path('M-999 -999')", "width:9999px", "height:99999px", "min-height:100vh",
    "font-size:999px", "line-height:999", "letter-spacing:-999px", "text-indent:-9999px", "word-spacing:999em", "float:left", "display:flex", "display:contents",
    "z-index:2147483647", "box-shadow:0 0 0 9999px red", "outline:9999px solid red", "border:999px solid", "filter:drop-shadow(-999px -999px red)",
    "backdrop-filter:blur(9px)", "mix-blend-mode:difference", "clip-path:none", "content:url(//e.example)", "background:url(//e.example/x)",
    "background-image:image-set('//e.example' 1x)", "cursor:url(//e.example),auto", "list-style:url(//e.example)", "mask:url(//e.example)", "behavior:url(x)",
    "-moz-binding:url(x)", "animation:a 1s", "transition:all 1s", "animation-name:spin", "shape-outside:url(//e.example)", "border-image:url(//e.example) 1",
    "all:unset", "anchor-name:--a", "position-anchor:--a", "position-area:top", "view-transition-name:root", "contain:none", "will-change:transform",
    "text-shadow:-999px -999px red", "perspective:1px", "grid-area:-9/-9", "order:-9", "columns:99", "direction:rtl", "unicode-bidi:bidi-override",
    "writing-mode:vertical-rl", "user-select:none", "pointer-events:all", "overflow:visible", "height:0", "visibility:visible", "color:red", "text-align:center",
    "background:red", "padding:999px", "padding:-1px", "margin:calc(-1*999px)", "margin:min(-999px,0px)", "inset-inline-start:-999px", "margin-block:-999px",
    "scroll-margin:-9px", "border-spacing:999px", "text-underline-offset:-999px", "vertical-align:999px", "vertical-align:-99em", "text-decoration:underline 999px",
)  # fmt: skip


def drawn_bodies(count: int, *, seed: int) -> list[str]:
    """So many bodies, the kinds in turn."""
    chance = random.Random(seed)
    kinds = list(KINDS)
    return [_body(chance, kinds[number % len(kinds)], 2) for number in range(count)]


def _body(chance: random.Random, kind: str, depth: int) -> str:
    frame = chance.choice(KINDS[kind])
    parts: list[str] = []
    for sign in frame:
        is_hole = sign in "BPO" or (sign == "S" and kind == "styles")
        parts.append(_filled(chance, sign, depth) if is_hole else sign)
    opener = chance.choice(OPENERS)
    lead = chance.choice(("", "text", "<p>text</p>"))
    return f"{lead}{chance.choice(BREAKS)}{opener}{''.join(parts)}{chance.choice(BREAKS)}<p>end</p>"


def _filled(chance: random.Random, hole: str, depth: int) -> str:
    """B a break, O an element that opens, S a style, P a payload or now and then another body."""
    if hole == "S":
        return chance.choice(STYLES)
    if hole == "B":
        return chance.choice(BREAKS)
    if hole == "O":
        return chance.choice(OPENERS)
    if depth and chance.random() < 0.35:
        return _body(chance, chance.choice(list(KINDS)), depth - 1)
    return chance.choice(PAYLOADS)
