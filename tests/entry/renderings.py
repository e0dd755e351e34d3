"""Bodies that are harmless as HTML and hostile as Markdown, and trees to compare what two readers make of them."""

from __future__ import annotations

from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

SCRIPT = "<img src=x onerror=alert(1)>"
FENCED_ATTRIBUTE = f'<a title="\n```\nx\n```\n{SCRIPT}">x</a>'
ATTACKS = {
    "a blank line in a value": f'<p>A ship.</p>\n\n<a title="\n\n{SCRIPT}\n\n" href="https://h.example/">more</a>',
    "a blank line of blanks": f'<a title="\n \t \n{SCRIPT}\n\n">more</a>',
    "a blank line in a repeated attribute": f'<a title=x title="\n\n{SCRIPT}\n\n">more</a>',
    "a blank line between attributes": f'<a\n\nalt="{SCRIPT}">more</a>',
    "a blank line in a comment": f"<!--\n\n{SCRIPT}\n\n--><p>x</p>",
    "a blank line of CR": f'<p title="\r\r{SCRIPT}\r\n\r\n">x</p>',
    "a link": "<p>x</p>\n\n[Read on](javascript:alert(1))\n\n<p>end</p>",
    "a link by reference": "<p>x</p>\n\n[Read on]\n\n[Read on]: javascript:alert(1)\n\n<p>end</p>",
    "a link in pre": "<pre>a\n\n[x](javascript:alert(1))\n\n</pre>",
    "an attribute that opens Markdown": "<p markdown=1>[x](javascript:alert(1))</p>",
    "a scanner closes the wrapper in a cell": "<table><tr><td></div>[x](javascript:alert(1))</td></tr></table>",
    "a scanner closes the wrapper in an instruction": "a <?</div> [x](javascript:alert(1))",
    "a scanner closes the wrapper in a frame": "<iframe src=https://www.youtube.com/embed/x></div>[x](javascript:alert(1))</iframe>",
    "a scanner reads another comment": f'<!--><p title="-->{SCRIPT}">x</p>',
    "another reader takes the last address": '<a href="https://h.example/" HREF="javascript:alert(1)">x</a>',
    "a fence of code in a value": FENCED_ATTRIBUTE,
    "a fence of waves in a value": FENCED_ATTRIBUTE.replace("```", "~~~"),
    "a fence after the end of a tag": f'<a title="x"\n>``` a\nb\n```\n<i title="{SCRIPT}">x</i></a>',
    "a fence over the end of a comment": f'<!--\n```\n--><a title="\n```\n--> {SCRIPT}">x</a>',
    "Hexo's mark of an excerpt in a value": f'<p title="<!-- more -->{SCRIPT}">x</p>',
    "Hexo's links in a value": f"<p title=\"<a href='//h.example/x' >{SCRIPT}\">x</p>",
    "Hexo's links before the link": '<a title="href= autofocus tabindex=1 onfocus=alert(1) " href="//h.example/">x</a>',
    "Hexo's links and their relation": "<a title=\"rel=' autofocus tabindex=1 onfocus=alert(1) '\" href=\"//h.example/\">x</a>",
    "Hexo's links and an attribute like href": '<a data-href="javascript:alert(1)" href="//h.example/">x</a>',
    "Hexo's links and the other quote": "<a rel=\"x' autofocus tabindex=1 onfocus=alert(1) '\" href=\"//h.example/\">x</a>",
    "Hexo's links and the other quote in double": "<a rel='x\" autofocus tabindex=1 onfocus=alert(1) \"' href='https://h.example/'>x</a>",
    "Hexo's links and an attribute like rel": "<a data-rel=\"x' autofocus tabindex=1 onfocus=alert(1) '\" href=\"//h.example/\">x</a>",
    "Hexo's links and a relation in the address": "<a href=\"https://h.example/?rel='x' autofocus tabindex=1 onfocus=alert(1) '\">x</a>",
    "Hexo's links and a link in the address": '<a HREF="https://h.example/?href= autofocus autofocus tabindex=1 onfocus=alert(1) x">x</a>',
    "Hexo's links and a bare address": "<a href=https://h.example/?rel='x'/onfocus=alert(1)/tabindex=1/autofocus data-href='https://h.example/'>x</a>",
    "Hexo's own element": f"<<hexoPostRenderCodeBlock>{SCRIPT[1:]}</hexoPostRenderCodeBlock>",
    "Hexo's own element, its end": f'<a title="<hexoPostRenderCodeBlock>">x</a> <</hexoPostRenderCodeBlock>{SCRIPT[1:]}',
    "Hexo's own element in comments": f"<!-- -<hexoPostRenderCodeBlock>->{SCRIPT}--><!--</hexoPostRenderCodeBlock>-->",
    "Hexo's place holder": "<p>&lt;!--code\ufffc0--&gt; <!--swig\ufffc1--></p>",
}  # fmt: skip
TEXT_ATTACKS = {
    "links": "[x](javascript:alert(1)) ![y](javascript:alert(2)) <javascript:alert(3)>",
    "a reference": "a\n\n[x]\n\n[x]: javascript:alert(1)",
    "markup": f"a\n\n{SCRIPT}\n\n```\n{SCRIPT}\n```",
}
Tree = tuple[Any, ...]


def wrapped(body: str) -> str:
    """The body as it stands behind the front matter."""
    return f"\n<div>   \n{body}\n  \n</div>\n            "


def tree(html: str) -> Tree:
    """What a browser makes of the markup, white space between elements left out."""
    body = LexborHTMLParser(html).body
    assert body is not None
    return _branch(body)


def _branch(node: LexborNode) -> Tree:
    if node.tag == "-text":
        return ("text", " ".join((node.text_content or "").split()))
    below = [_branch(one) for one in node.iter(include_text=True)]
    held = sorted(
        (name, " ".join((value or "").split()))
        for name, value in (node.attributes or {}).items()
    )
    return (node.tag, held, [one for one in below if one != ("text", "")])
