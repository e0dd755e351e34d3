"""Text of an XML feed, mended so far that a strict parser can read it.

Well-formed text is given back as it is. What is mended is what real feeds get wrong, and only where the meaning is
certain: characters and character references XML forbids (dropped; a reference to each half of a surrogate pair
becomes the character), text before the document, entities of HTML, bare ampersands, name-space prefixes nobody
declared. Comments go (the loose parser is quadratic in them); CDATA sections are left alone.

Entity declarations are how a small document becomes a huge one or reads a local file. Harmless ones (internal, short,
without references to others) are expanded here; the declarations themselves never reach the parser, and a document
that declares any other kind and is not plainly harmless is refused.
"""

from __future__ import annotations

import html.entities
import re
from dataclasses import dataclass

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_FORBIDDEN_CONTROLS = bytes(
    {*range(0x20)}
    - {
        0x09,
        0x0A,
        0x0D,
    }
)
_FORBIDDEN_ENDS = ("\ufffe".encode(), "\uffff".encode())
_REFERENCE = re.compile(r"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
"""Without its semicolon, too: feedparser's parser of what is no XML reads it so, and fails at what is no character."""
_MOST_DIGITS = 8
_SURROGATES = re.compile(
    r"&#(?:x([dD][89abAB][0-9a-fA-F]{2})|(5[56]\d{3}));&#(?:x([dD][c-fC-F][0-9a-fA-F]{2})|(5[67]\d{3}));"
)
_SUSPECT_REFERENCE = re.compile(
    r"&#(?:0*(?:[0-9]|[12][0-9]|3[01]|5[5-7]\d{3}|6553[45])(?!\d)|\d{7}"
    r"|[xX]0*(?:1?[0-9a-fA-F](?![0-9a-fA-F])|[dDfF])|[xX][0-9a-fA-F]{6}|X)"
)
_OPAQUE = re.compile(r"(<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))", re.DOTALL)
_AMPERSAND = re.compile(
    r"&(?:([A-Za-z][A-Za-z0-9]{0,31});|(?!#\d{1,7};|#x[0-9a-fA-F]{1,6};))"
)
_XML_NAMES = frozenset({"amp", "lt", "gt", "quot", "apos"})

_ENTITY = re.compile(
    r"<!ENTITY\s+(%\s+)?([\w.-]+)\s+(?:\"([^\"]*)\"|'([^']*)'|(SYSTEM|PUBLIC)\b[^>]*)\s*>"
)
_HARMLESS_CHARS = 200
"""Longest value of an entity that is expanded. A guess: the longest in the corpora has 44 characters."""
_HARMLESS_COUNT = 1000
"""Most entities a document may declare; HTML has 253 that people copy into feeds."""

_PREFIX = re.compile(r"<([A-Za-z_][\w.-]*):|\s([A-Za-z_][\w.-]*):[\w.-]+\s*=\s*[\"']")
_DECLARED = re.compile(r"\sxmlns:([A-Za-z_][\w.-]*)\s*=")
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]*)")
_NAMESPACES = {
    "atom": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "feedburner": "http://rssnamespace.org/feedburner/ext/1.0",
    "georss": "http://www.georss.org/georss",
    "itunes": "http://www.itunes.com/dtds/podcast-1.0.dtd",
    "media": "http://search.yahoo.com/mrss/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "slash": "http://purl.org/rss/1.0/modules/slash/",
    "sy": "http://purl.org/rss/1.0/modules/syndication/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
    "xhtml": "http://www.w3.org/1999/xhtml",
    "xlink": "http://www.w3.org/1999/xlink",
}


_EXTENSIONS = frozenset(_NAMESPACES.values()) - {_NAMESPACES["atom"]}
_RSS_ROOT = re.compile(
    r"(<rss\b[^>]*?)\sxmlns\s*=\s*[\"']([^\"'>]*)[\"']", re.IGNORECASE
)
_HEAD_CHARS = 4096


@dataclass(frozen=True, slots=True)
class Prepared:
    """Text without forbidden characters and without entity declarations. `danger`: why it is refused, or ''."""

    text: str
    entities: dict[str, str]
    danger: str = ""


def prepared(text: str) -> Prepared:
    """What any parser may be given: document type gone, its harmless entities in `entities`; `text` is clean already
    (`without_forbidden`)."""
    text = _without_foreign_default(text)
    start, end = _document_type(text)
    if start < 0:
        return Prepared(text, {})
    declarations = text[start:end]
    if "<!ENTITY" not in declarations:
        return Prepared(text[:start] + text[end:], {})
    entities, danger = _entities(declarations)
    return Prepared(
        text[:start] + text[end:],
        entities,
        danger,
    )


def _without_foreign_default(text: str) -> str:
    """Without a default name space on `<rss>` that is an extension's: RSS has none, and all would be read as that."""
    root = _RSS_ROOT.search(text, 0, _HEAD_CHARS)
    if root is None or root[2] not in _EXTENSIONS:
        return text
    return text[: root.end(1)] + text[root.end() :]


def mended(prepared: Prepared) -> str:
    """The text with unknown entities, bare ampersands and undeclared prefixes made right; starts at its first tag."""

    def ampersand(match: re.Match[str]) -> str:
        return _ampersand(match, prepared.entities)

    text = prepared.text[max(prepared.text.find("<"), 0) :]
    declaration = text.find("<?xml ")
    if 0 < declaration < 4096:
        # A warning of PHP stands before the document, with its own line breaks and bold words.
        before = text[:declaration].replace("<br", "").replace("<b>", "")
        if not _ROOT.search(before):
            text = text[declaration:]
    parts = _OPAQUE.split(text)
    for position in range(0, len(parts), 2):
        parts[position] = _AMPERSAND.sub(ampersand, parts[position])
    for position in range(1, len(parts), 2):
        parts[position] = _without_comment(parts[position])
    plain = "".join(parts[::2])
    return _with_prefixes("".join(parts), plain)


def _without_comment(part: str) -> str:
    """CDATA as it is, nothing for a comment; of one without an end only its mark goes, the rest is the document."""
    if not part.startswith("<!--"):
        return part
    if part.endswith("-->"):
        return ""
    return part[4:].replace("<!--", "")


def without_forbidden(text: str) -> str:
    """The text without the characters XML forbids, and without references to them."""
    if not _is_allowed(text):
        text = _FORBIDDEN.sub("", text)
    # One character is looked for in a twentieth of the time of two, and many documents do not hold it.
    has_references = "#" in text and "&#" in text
    if has_references and _SUSPECT_REFERENCE.search(text):
        text = _REFERENCE.sub(_reference, _SURROGATES.sub(_pair, text))
    return text


def _is_allowed(text: str) -> bool:
    """Whether XML forbids none of the characters: its bytes tell in a fifth of the time that a pattern takes."""
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        # Half of a surrogate pair.
        return False
    if not text.isascii() and any(end in octets for end in _FORBIDDEN_ENDS):
        return False
    return len(octets.translate(None, _FORBIDDEN_CONTROLS)) == len(octets)


def is_truncated(text: str) -> bool:
    """Whether the end of the document is missing: its root element is never closed."""
    bare = re.sub(
        r"<!--.*?-->|<\?.*?\?>",
        "",
        text[:20_000],
        flags=re.DOTALL,
    )
    root = _ROOT.search(bare)
    if root is None:
        return False
    name = re.escape(root.group(1))
    return not re.search(rf"</{name}\s*>|<{name}[^<>]*/>", text)


def _reference(match: re.Match[str]) -> str:
    hexadecimal, decimal = match.groups()
    digits = (hexadecimal or decimal).lstrip("0")
    if len(digits) > _MOST_DIGITS:
        # No character has such a number, and Python refuses to read one of more than 4,300 digits.
        return ""
    point = int(digits or "0", 16 if hexadecimal else 10)
    is_control = point < 0x20 and point not in (9, 10, 13)
    is_half = 0xD800 <= point < 0xE000
    if is_control or is_half or point in (0xFFFE, 0xFFFF) or point > 0x10FFFF:
        return ""
    return match.group(0)


def _pair(match: re.Match[str]) -> str:
    high_hex, high, low_hex, low = match.groups()
    first = int(high_hex, 16) if high_hex else int(high)
    second = int(low_hex, 16) if low_hex else int(low)
    if not (0xD800 <= first < 0xDC00 <= second < 0xE000):
        return ""
    return chr(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))


def _ampersand(
    match: re.Match[str],
    entities: dict[str, str],
) -> str:
    name = match.group(1)
    if name is None:
        return "&amp;"
    if name in _XML_NAMES:
        return match.group(0)
    value = entities.get(name) or html.entities.html5.get(f"{name};")
    if value is None:
        return "&amp;" + match.group(0)[1:]
    return "".join(f"&#{ord(character)};" for character in value)


def _document_type(text: str) -> tuple[int, int]:
    """Start and end of the document type declaration before the root element; (-1, -1) if there is none."""
    root = _ROOT.search(text, 0, 100_000)
    start = text.find("<!DOCTYPE", 0, root.start() if root else 100_000)
    if start < 0:
        return -1, -1
    bracket = text.find("[", start)
    close = text.find(">", start)
    if close >= 0 and not 0 <= bracket < close:
        return start, close + 1
    # Declarations stand in brackets; where these do not end, all behind them is doubtful.
    end = _END_OF_SUBSET.search(text, bracket)
    if end is None or bracket < 0:
        return start, len(text)
    return start, end.end()


_END_OF_SUBSET = re.compile(r"\]\s*>")


def _entities(declarations: str) -> tuple[dict[str, str], str]:
    """The harmless entities, expanded, and why the document is refused ('' if it is not)."""
    entities: dict[str, str] = {}
    if declarations.count("<!ENTITY") > _HARMLESS_COUNT:
        return {}, "it declares too many entities"
    for parameter, name, double, single, outside in _ENTITY.findall(declarations):
        # Never fetched, never expanded: a reference to it stays as literal text.
        if parameter or outside:
            continue
        value = double or single
        # One that refers to others is how a small document becomes a huge one.
        is_plain = re.fullmatch(r"(?:&#\w+;|[^&%])*", value) is not None
        expanded = html.unescape(value)
        if not is_plain or len(expanded) > _HARMLESS_CHARS:
            danger = f"its entity declarations ({name}) could expand without limit"
            return {}, f"{danger}; they are forbidden"
        entities[name] = expanded
    return entities, ""


def _with_prefixes(text: str, plain: str) -> str:
    used = {first or second for first, second in _PREFIX.findall(plain)}
    missing = (
        used
        - set(_DECLARED.findall(plain))
        - {
            "xml",
            "xmlns",
        }
    )
    root = _ROOT.search(text) if missing else None
    if root is None:
        return text
    added = ""
    for name in sorted(missing):
        address = _NAMESPACES.get(name, f"urn:undeclared:{name}")
        added += f' xmlns:{name}="{address}"'
    return text[: root.end()] + added + text[root.end() :]
