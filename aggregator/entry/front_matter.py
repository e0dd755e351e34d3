"""The document: front matter and body in exactly the form of schema.md.

Seven keys, always all, always in this order. Strings are written so that a YAML 1.1 and a YAML 1.2 reader get the
same string back; the tests hold that against PyYAML, ruamel.yaml, python-frontmatter, js-yaml and hexo-front-matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from aggregator.entry.short_texts import remembering

_NULL_OR_BOOL = re.compile(
    r"~|null|Null|NULL|[yYnN]|(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)|<<|="
)
_NUMBER = re.compile(
    r"""[-+]? (?: 0b[01_]+ | 0o?[0-7_]+ | 0x[0-9a-fA-F_]+
                | [0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?                 # sexagesimal, 1.1
                | (?: \.[0-9_]+ | [0-9][0-9_]*(?:\.[0-9_]*)? ) (?:[eE][-+]?[0-9]+)?
                | \.(?:inf|Inf|INF) )
      | [-+][0-9_]+ | \.(?:nan|NaN|NAN)""",
    re.VERBOSE,
)
"""Integers and floats of YAML 1.1, of the 1.2 core schema, and of the readers' own additions to them."""
_TIMESTAMP = re.compile(
    r"\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?"
)
_OPENS = re.compile(r"[,\[\]{}#&*!|>'\"%@`]|[-?:](?:\s|$)")
_BREAKS = re.compile(r":(?:\s|$)|\s#|[\t\n\r\x85\u2028\u2029\ufeff]|^\s|\s$")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a document says. Title and categories are clean lines, `headimg` a written URL or '', `body` safe HTML."""

    title: str
    categories: tuple[str, str, str]
    headimg: str
    author: str
    date: str
    body: str
    leading_newline: bool = True


def document(parts: FrontMatter) -> str:
    """The document of schema.md: no final newline, twelve spaces at its end."""
    image = f"'{parts.headimg}'"
    lines = [
        "---",
        f"title: {quoted_title(parts.title)}",
        "categories: ",
        *(f" - {plain_or_quoted(name)}" for name in parts.categories),
        f"headimg: {image}",
        f"author: {plain_or_quoted(parts.author)}",
        "comments: false",
        f"date: {parts.date}",
        f"thumbnail: {image}",
        "---",
    ]
    start = "\n" if parts.leading_newline else ""
    return (
        start
        + "\n".join(lines)
        + f"\n\n<div>   \n{parts.body}\n  \n</div>\n"
        + " " * 12
    )


def quoted_title(title: str) -> str:
    """The title between quotes: double ones when only those need no escape, else single ones, doubled inside."""
    if "'" in title and '"' not in title and "\\" not in title:
        return f'"{title}"'
    return "'" + title.replace("'", "''") + "'"


@remembering
def plain_or_quoted(name: str) -> str:
    """The name without quotes where every YAML reader takes it for that string, else single-quoted."""
    return name if _reads_as_itself(name) else "'" + name.replace("'", "''") + "'"


def stated_date(instant: datetime) -> str:
    """RFC 1123 with English names, in GMT: `Sun, 13 Feb 2022 10:02:17 GMT`. `instant` is aware UTC."""
    return format_datetime(instant, usegmt=True)


def first_seen_date(instant: datetime) -> str:
    """The other date form, which tells a reader that the publisher gave none: `2022-02-13 10:02:17`, UTC."""
    return instant.strftime("%Y-%m-%d %H:%M:%S")


def _reads_as_itself(name: str) -> bool:
    if not name or _OPENS.match(name) or _BREAKS.search(name):
        return False
    return not any(
        form.fullmatch(name) for form in (_NULL_OR_BOOL, _NUMBER, _TIMESTAMP)
    )
