"""Tags that a text speaks of: `inject a <script> element` is a sentence, no script.

Tools that write feeds put plain text where HTML is due. A browser then takes `<title>` in it for the tag, hides all
that follows, and shows nothing of `<T>` or `<changelog>`. Such a `<` is written as a reference before anything else
reads the text; what comes out is judged and sanitised as any other body. The rules:

- what no element is written like is text everywhere: a name with signs in it (`a<b$`, `<me@x.example>`), words where
  attributes would stand (`if a<b and c>d`, `Box<dyn Error>`);
- where nothing else is markup, so is a tag that nothing closes (`_is_meant` tells what is markup);
- where markup and such text meet, the doubt is for markup, which stands byte for byte: an unclosed tag is text only in
  the midst of a sentence, and only when it would swallow, or is of no element and bare. Of a script, a style, a comment
  and what has attributes more markup has to follow: at the end of a text it is a real one, cut off.

Works on tokens, in time linear in the text: it is read anew behind each tag that swallows, but so often at most.
"""

from __future__ import annotations

import re

from aggregator.entry.edits import Edit, applied
from aggregator.entry.text import BLOCKS, KNOWN_ELEMENTS
from aggregator.entry.tokens import RAW_TEXT, Piece, Token, attributes, tokens
from aggregator.entry.word_set import word_set

_MAX_CHARS = 1 << 17
"""Who writes more than that writes markup."""
_MOST_READINGS = 64
"""Each reads the rest of the text once more."""
_SWALLOWING = RAW_TEXT | word_set(
    "applet audio button datalist dialog form frameset head math object plaintext select svg template video"
)
"""Elements that hide what follows them, or are taken out with it."""
_CODE = word_set("script style")
_HIDING = RAW_TEXT | word_set("math svg template")
"""Those of which nothing is seen, whatever attributes they have: `a crafted <svg onload=x()> in the name`."""
_NEVER_CLOSED = word_set(
    "br hr wbr p li dt dd tr td th thead tbody tfoot col area source"
)
"""What real markup leaves open without meaning anything by it."""
_ELEMENTS = KNOWN_ELEMENTS | word_set(
    "canvas data datalist dir figure frame hgroup image keygen legend listing meter optgroup output progress rb rtc "
    "search slot track"
)
_BOOLEAN = word_set(
    "allowfullscreen async autofocus autoplay checked compact controls default defer disabled hidden inert ismap loop "
    "multiple muted nohref noshade novalidate nowrap open playsinline readonly required reversed selected"
)
_NAME = re.compile(r"</?([a-zA-Z][^\t\n\f\r />]*)")
_END = re.compile(r"</([a-zA-Z][a-zA-Z0-9:_.-]*)")
_WRITTEN_LIKE_AN_ELEMENT = re.compile(r"[a-z][a-z0-9:_.-]*")
_SENTENCE_BEFORE = re.compile(
    r"(?:[^\s<>]\s?|<(?:code|tt|kbd|samp|b|i|em|strong)>)\Z", re.IGNORECASE
)
_SENTENCE_AFTER = re.compile(
    r"[ \t]\n?[\w(\"'“‘«&<]|[.,;:!?)\]}\"'’”»…`/\u3000-\u9fff\uac00-\ud7af\uff00-\uffef-]|</"
)
_LONGEST_BEFORE = 10
_BLANK = re.compile(r"\s*+")
_BEGUN = re.compile(
    r"</?[a-z][a-z0-9]*(?:\s+[a-z-]+=|\s+(?:href|src|class|style|title|target|rel|alt|width|height|id)?\Z|/?\Z)",
    re.IGNORECASE,
)
"""A tag that the end cuts off: its name is whole, and what follows begins an attribute."""
_FURTHER_TAG = re.compile(r"</?[a-zA-Z]")
_MEANT_NAMES = _ELEMENTS - _SWALLOWING - {"html", "body"}
_ALL_WELL_FORMED = re.compile(
    r"[^<]*+(?:</?[a-z][a-z0-9]*+(?:\s++[a-z][a-z0-9:_-]*+=(?:\"[^\"<>]*+\"|'[^'<>]*+'))*+\s*+/?>[^<]*+)*+",
    re.IGNORECASE,
)
_TAG_NAMES = re.compile(r"</?([a-zA-Z0-9]++)")
_SOMETHING_MEANT = re.compile(
    rf"</|<(?:{'|'.join(sorted(_NEVER_CLOSED))})[\s/>]|<[^<>]+=", re.IGNORECASE
)


def spoken_escaped(html: str) -> str:
    """The markup with the tags it speaks of as text."""
    if "<" not in html or len(html) > _MAX_CHARS or _is_surely_meant(html):
        return html
    pieces, odd = _read_through(html)
    unclosed = _unclosed(html, pieces, odd)
    surely_text = unclosed & odd
    is_markup = any(
        _is_meant(html, token, unclosed)
        for token in pieces
        if token.start not in surely_text
    )
    changes: list[Edit] = []
    for token in pieces:
        if token.start not in unclosed:
            continue
        is_spoken = token.start in odd
        if not is_spoken and is_markup:
            is_spoken = _is_in_a_sentence(html, token)
        elif not is_spoken:
            is_spoken = not _leads_into_text(html, token)
        if is_spoken:
            changes += _escaped(html, token)
    return applied(html, changes)


def _is_surely_meant(html: str) -> bool:
    """Whether all of it is well-formed tags of elements that swallow nothing, as of nine in ten bodies: in a tenth of
    the time that their tokens take."""
    if not _ALL_WELL_FORMED.fullmatch(html) or not _SOMETHING_MEANT.search(html):
        return False
    names = set(_TAG_NAMES.findall(html))
    return all(name.lower() in _MEANT_NAMES for name in names)


def _read_through(html: str) -> tuple[list[Token], set[int]]:
    """The tags and comments, those too that stand behind one that swallows or is none, and where such are that are
    written like none; nothing if they are too many."""
    found: list[Token] = []
    odd: set[int] = set()
    ended = frozenset(name.lower() for name in _END.findall(html))
    at = 0
    for _ in range(_MOST_READINGS):
        for token in tokens(html, at):
            if token.piece in (Piece.TEXT, Piece.RAW):
                continue
            is_cut = token.piece is Piece.UNCLOSED
            # The start tag of what is cut here has been read.
            if is_cut and token.name:
                at = token.start
                break
            found.append(token)
            if _is_odd(html, token, ended):
                odd.add(token.start)
            if is_cut or token.start in odd:
                at = token.start + 1
                break
        else:
            return found, odd
    return [], set()


def _name(
    html: str,
    token: Token,
) -> str:
    """The name of a tag, of one that the end cuts off too."""
    named = _NAME.match(html, token.start)
    return named[1].lower() if named else ""


def _is_odd(
    html: str,
    token: Token,
    ended: frozenset[str],
) -> bool:
    """Whether a tag is written like none; `ended` are the elements that some end tag ends."""
    name = _name(html, token)
    if token.piece is Piece.COMMENT or not name:
        return False
    if not _WRITTEN_LIKE_AN_ELEMENT.fullmatch(name):
        # `<br<p>` is a slip.
        return name.partition("<")[0] not in _ELEMENTS
    # An address as mails and Markdown write it.
    if name in ("http:", "https:", "mailto:"):
        return True
    # `<script nomodule>…</script>` and `<my-card wide>…</my-card>` are no words.
    if name in ended or html.startswith("</", token.start):
        return False
    held = attributes(html, token._replace(name=name))
    if token.piece is Piece.UNCLOSED and _BEGUN.match(html, token.start):
        return name not in _ELEMENTS
    if any(one.place for one in held):
        return False
    return any(one.name not in _BOOLEAN and "-" not in one.name for one in held)


def _unclosed(
    html: str,
    pieces: list[Token],
    odd: set[int],
) -> set[int]:
    """Where the tags stand that have no partner, and the comments that have no end or are none."""
    left: set[int] = set()
    open_tags: dict[str, list[int]] = {}
    for token in pieces:
        if token.piece is Piece.START and token.start not in odd:
            open_tags.setdefault(token.name, []).append(token.start)
        elif token.piece is Piece.END and open_tags.get(token.name):
            open_tags[token.name].pop()
        elif token.piece is not Piece.COMMENT or _is_no_comment(html, token):
            left.add(token.start)
    for starts in open_tags.values():
        left.update(starts)
    return left


def _is_no_comment(
    html: str,
    token: Token,
) -> bool:
    """Whether it is one to a browser alone: `<?php ?>`, `a </ b>`. At the head of a page stands its type."""
    is_written = html.startswith(("<!--", "<![", "<?xml"), token.start)
    return not is_written and not _is_at_head(html, token)


def _is_at_head(
    html: str,
    token: Token,
) -> bool:
    return _BLANK.fullmatch(html, 0, token.start) is not None


def _is_meant(
    html: str,
    token: Token,
    unclosed: set[int],
) -> bool:
    """Whether a piece is surely markup: a comment, an element that is closed or never is, one with attributes."""
    if token.start not in unclosed:
        return True
    name = _name(html, token)
    if not name:
        return False
    if html.startswith("</", token.start):
        return name in _ELEMENTS and name not in _SWALLOWING
    if token.piece is Piece.UNCLOSED:
        return False
    if _has_values(html, token):
        return name not in _SWALLOWING or not _is_within_words(html, token)
    if name in _NEVER_CLOSED:
        return True
    return name in BLOCKS - _SWALLOWING and not _is_within_words(html, token)


def _has_values(
    html: str,
    token: Token,
) -> bool:
    held = attributes(html, token._replace(name=_name(html, token)))
    return any(one.place for one in held)


def _is_within_words(
    html: str,
    token: Token,
) -> bool:
    before = html[max(0, token.start - _LONGEST_BEFORE) : token.start]
    end = token.end
    if token.piece is Piece.UNCLOSED:
        end = token.start + len("<!--")
    is_followed = _SENTENCE_AFTER.match(html, end) is not None
    return is_followed and _SENTENCE_BEFORE.search(before) is not None


def _is_in_a_sentence(
    html: str,
    token: Token,
) -> bool:
    """Whether an unclosed tag among markup is text all the same."""
    if token.piece is Piece.UNCLOSED:
        is_comment = html.startswith("<!--", token.start)
        is_end = not _FURTHER_TAG.search(html, token.end - 1)
        # A tag that the end cuts off is one; a comment swallows what can be looked into.
        is_end = is_end and not _FURTHER_TAG.search(html, token.start + 1)
        return is_comment and not is_end and _is_within_words(html, token)
    if token.piece is not Piece.START:
        return False
    has_values = _has_values(html, token)
    if has_values and token.name not in _HIDING:
        return False
    if token.name not in _ELEMENTS:
        # `Vec<T>`: a tag of one's own does not stand in a word.
        is_in_word = html[max(0, token.start - 1) : token.start].isalnum()
        is_bare = "/" not in html[token.start : token.end]
        return is_bare and (is_in_word or _is_within_words(html, token))
    if token.name not in _SWALLOWING or not _is_within_words(html, token):
        return False
    if token.name not in _CODE and not has_values:
        return True
    return bool(_FURTHER_TAG.search(html, token.end))


def _leads_into_text(
    html: str,
    token: Token,
) -> bool:
    """Whether a tag in a text without other markup begins an element that the end of the text cuts off.

    A writer who speaks of a tag leaves a space behind it; one that swallows is spoken of even so, but at the head.
    """
    if token.piece is Piece.UNCLOSED:
        return _name(html, token) in _ELEMENTS and bool(_BEGUN.match(html, token.start))
    if token.piece is not Piece.START or token.name not in _ELEMENTS:
        return False
    # Nothing is said of a tag that stands alone.
    if _BLANK.fullmatch(html, token.end) and _is_at_head(html, token):
        return True
    leads = html[token.end : token.end + 1].isalnum()
    if token.name in _SWALLOWING:
        leads = leads or not _SENTENCE_AFTER.match(html, token.end)
        return leads and _is_at_head(html, token)
    return leads


def _escaped(
    html: str,
    token: Token,
) -> list[Edit]:
    start, end = token.start, token.end
    changes: list[Edit] = [(start, start + 1, "&lt;")]
    # What stands in it may be a tag of its own, or go on to the end.
    is_whole = token.piece is not Piece.UNCLOSED and html[end - 1] == ">"
    if is_whole and "<" not in html[start + 1 : end]:
        changes.append((end - 1, end, "&gt;"))
    return changes
