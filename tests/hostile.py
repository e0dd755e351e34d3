"""Publishers who mean harm, one kind a function: what each serves at its address, for benches of the whole daemon.

Rules: every answer is made of our own words and of nothing random, so that two runs meet the same. `variant` numbers the
feeds of one kind: no two serve the same bytes, since a body that was once too long for its parser is remembered by its
hash. The crafted files of ../shared join them where they are present.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.origin import Answer, moved, throttled

ITEMS_OF_A_SLOW_DOCUMENT = 2000
"""So many items whose pictures all load late take a parser 20 s, four times what one may use (measured)."""
LATE_PICTURES = "<img data-src=//e.example/x srcset='a 1x, b 2x'>" * 110
BOMB_BYTES = 200_000_000
Make = Callable[[int], Answer]


def document(*bodies: str, title: str = "T") -> bytes:
    """An RSS document whose items are these bodies, in CDATA."""
    items = [
        f"<item><guid>{title}-{number}</guid><title>{title} {number}</title>"
        f"<description><![CDATA[{body}]]></description></item>"
        for number, body in enumerate(bodies)
    ]
    head = f"<rss version='2.0'><channel><title>{title}</title>"
    return f"{head}{''.join(items)}</channel></rss>".encode()


def slow(variant: int) -> Answer:
    """Takes its parser's whole time."""
    bodies = [LATE_PICTURES] * ITEMS_OF_A_SLOW_DOCUMENT
    return Answer(body=document(*bodies, title=f"slow {variant}"), stubborn=True)


def interim_without_end(variant: int) -> Answer:
    heads = b"HTTP/1.1 103 Early\r\nLink: </x>\r\n\r\n" * 200_000
    return Answer(status=103, body=heads, unsized=True, content_type=None)


def crumbs(variant: int) -> Answer:
    """A body of one-byte chunks."""
    body = b"1\r\nx\r\n" * 300_000
    return Answer(body=body, unsized=True, headers=(("Transfer-Encoding", "chunked"),))


def links(variant: int) -> Answer:
    """A Link header whose reading was quadratic."""
    header = "<" * 20_000 + str(variant)
    return Answer(body=document("x"), headers=(("Link", header),))


def orders_in_headers(variant: int) -> Answer:
    """Escapes for the terminal of whoever looks at the failure."""
    order = "\x1b]52;c;cm0gLXJm\x07\u202e"
    return Answer(
        body=b"x",
        content_type=f"text/xml{order}",
        etag=f'"{order}{variant}"',
        headers=(("Content-Encoding", order),),
    )


def bomb(variant: int) -> Answer:
    """200 MB in 200 kB."""
    packer = zlib.compressobj(wbits=31)
    zeros = b"\0" * 1_000_000
    parts = [packer.compress(zeros) for _ in range(BOMB_BYTES // len(zeros))]
    body = b"".join(parts) + packer.flush()
    return Answer(body=body, headers=(("Content-Encoding", "gzip"),))


def drips(variant: int) -> Answer:
    """Eight pieces, six seconds apart: never whole in 30 s."""
    return Answer(body=document("x" * 500), trickle=6.0)


def silent(variant: int) -> Answer:
    return Answer(body=document("x"), delay=60.0)


def cut_short(variant: int) -> Answer:
    return Answer(body=document("x" * 5000), cut=700)


def resets(variant: int) -> Answer:
    return Answer(reset=True)


def nests(variant: int) -> Answer:
    return Answer(body=document("<div>" * 100_000 + str(variant)))


def entities(variant: int) -> Answer:
    rows = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10)]
    head = f'<!DOCTYPE r [<!ENTITY e0 "x{variant}">{"".join(rows)}]>'
    return Answer(
        body=f"{head}<rss><channel><title>&e9;</title></channel></rss>".encode()
    )


def waits_for_ever(variant: int) -> Answer:
    return throttled("99999999999")


def circles(variant: int) -> Answer:
    return moved(f"?{variant}")


def scripts(variant: int) -> Answer:
    """Bodies that are script in one reading or another."""
    bodies = (
        '<a title="\n\n<img src=x onerror=alert(1)>\n\n" href=x>y</a>',
        "[x](javascript:alert(1))",
        '<p style="--x:fixed;position:var(--x);inset:0">x</p>',
        "<svg><script>alert(1)</script>",
    )
    return Answer(body=document(*bodies, title=f"scripts {variant}"))


def floods(variant: int) -> Answer:
    """As many entries as a body may hold, and 100,000 categories in the first."""
    bodies = ["x"] * 20_000
    body = document(*bodies, title=f"flood {variant}")
    many = b"<category>c</category>" * 100_000
    return Answer(body=body.replace(b"<title>", many + b"<title>", 2))


KINDS: Sequence[Make] = (
    slow, interim_without_end, crumbs, links, orders_in_headers, bomb, drips, silent, cut_short, resets, nests, entities,
    waits_for_ever, circles, scripts, floods,
)  # fmt: skip


def crafted(shared: Path) -> list[Answer]:
    """The hostile files of ../shared, as their manifest says they are served; none where the folder is absent."""
    manifest = shared / "corpus" / "hostile" / "manifest.jsonl"
    if not manifest.exists():
        return []
    answers: list[Answer] = []
    lines = manifest.read_text(encoding="utf-8").strip().split("\n")
    for line in map(json.loads, lines):  # not splitlines: titles hold U+2028
        body = (manifest.parent / line["file"]).read_bytes()
        headers = tuple(line.get("headers", {}).items())
        if line["stored_gzipped"] and "serve_as" in line:
            headers += (("Content-Encoding", "gzip"),)
        elif line["stored_gzipped"]:
            body = gzip.decompress(body)
        answers.append(Answer(body=body, headers=headers))
    for path in sorted((shared / "cases" / "hostile").glob("*.[xj]*")):
        answers.append(Answer(body=path.read_bytes()))
    return answers


def publishers(count: int, shared: Path) -> list[Answer]:
    """So many hostile answers: the crafted ones first, then the kinds in turn."""
    answers = crafted(shared)[:count]
    number = 0
    while len(answers) < count:
        make = KINDS[number % len(KINDS)]
        answers.append(make(number // len(KINDS)))
        number += 1
    return answers
