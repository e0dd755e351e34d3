"""What sanitising would swallow, in words it keeps: formulas, drawings, controls, frames, objects, film and sound.

HTML calls most of these replaced elements: what they show comes from elsewhere, and none of it may stand in a
document. A post without them says less, or something else ("Growth is per day"), so each leaves what it says behind:

- a formula its TeX (`alttext`, an annotation, MathJax' scripts), else its text;
- a check box ☑ or ☐, any other control its words: a button its label, a text area its text, a list its choices;
- a drawing the words in it;
- an object, film and sound of other hosts the link inside them, else a link to them; so does a frame that is a player
  by its address, any other without a link inside only where the post shows nothing else, since most frames beside a
  text are advertisements;
- tiny and hidden ones, counters and buttons of networks nothing.

Works on tokens, in time linear in their number; what comes out is sanitised after all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from html import escape, unescape
from typing import NamedTuple

from aggregator.entry.edits import shown_source
from aggregator.entry.images import (
    is_counter,
    is_of_counting_service,
    is_tiny,
    shows_media,
)
from aggregator.entry.safety import MEDIA, is_embeddable
from aggregator.entry.text import plain_text
from aggregator.entry.tokens import Attribute, Piece, Token, attributes, tokens

_WORTH = re.compile(
    r"<(?:iframe|video|audio|object|applet|embed|math|input|script|button|textarea|select|svg|datalist)\b",
    re.IGNORECASE,
)
_BUTTONS = re.compile(
    r"//(?:[\w-]+\.)*(?:facebook\.com/plugins/(?!video|post)|platform\.twitter\.com/widgets|plusone\.google\.com|"
    r"googletagmanager\.com|googlesyndication\.com|amazon-adsystem\.com|addthis\.com|disqus\.com)",
    re.IGNORECASE,
)
_PLAYER = re.compile(
    r"//(?:[\w-]+\.)*(?:embed|player|w)\.[^/?#]+/|/(?:embed|embeds|embedded|embeddedplayer|player|players|oembed|videoembed|video_ext)\b"
    r"|/plugins/(?:video|post)\.php|[?&](?:embed|video|podcast|episode)[\w-]*=",
    re.IGNORECASE,
)
"""SoundCloud, Bandcamp, Odysee, Spotify, PeerTube, maps: what such a frame shows is what the post is about."""
_LINKED = re.compile(r"<a\s[^>]*\bhref\s*=", re.IGNORECASE)
_TEX_SCRIPT = re.compile(
    r"math/(?:tex|latex|asciimath)\b(?P<display>[^\"']*mode\s*=\s*display)?",
    re.IGNORECASE,
)
_TEX_ANNOTATION = re.compile(
    r"<annotation\b[^>]*\bencoding\s*=\s*[\"']?(?:application/x-tex|latex|tex)\b[^>]*>(?P<tex>[^<]*)<",
    re.IGNORECASE,
)
_ANNOTATION = re.compile(
    r"<annotation(?:-xml)?\b.*?(?:</annotation(?:-xml)?\s*>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TOLD = -(10**6)
"""Depth of a fraction whose first part is told: no further end tag brings it to none."""
_KATEX = re.compile(r"\bkatex-mathml\b[^<>]*>\s*\Z")
"""KaTeX' MathML is hidden beside the same formula in HTML."""
_KATEX_HTML = re.compile(r"(?:</[a-z]+>\s*)*<span[^<>]*\bkatex-html\b", re.IGNORECASE)
"""That HTML is boxes put in place by KaTeX' style sheet: without it `1/2` reads `21`, so the TeX is told instead."""


def without_replaced(
    html: str,
    *,
    embeds: Collection[str],
) -> str:
    """The markup with every replaced element that may not stay said in other words."""
    if not _WORTH.search(html):
        return html
    return _Telling(html, embeds).told()


@dataclass(slots=True)
class _Open:
    """An object not yet closed: what it shows, and whether something inside it is shown in its place."""

    address: str
    has_fallback: bool = False


class _Step(NamedTuple):
    """What stands in place of the tokens from the present one on, and at which to go on."""

    text: str
    next: int


_CHOICES = frozenset({"select", "option", "optgroup"})
_HIDEABLE = frozenset({"button", "select"})
_LETTER = re.compile(r"[^\W\d_]")
_AROUND_SIGNS = frozenset({"b", "i", "path", "span", "strong", "svg"})
_MOST_OF_A_BUTTON = 40
_LABELLED = ("submit", "button", "reset")
"""Kinds of `<input>` that show their value as a button does."""
_DRAWN_WORDS = frozenset({"text", "foreignobject"})
_FEWEST_DRAWN = 2
_NOT_DRAWN = frozenset(
    {
        "clippath",
        "defs",
        "desc",
        "marker",
        "mask",
        "metadata",
        "pattern",
        "symbol",
        "template",
    }
)
"""Parts of a drawing that show nothing where they stand."""
_STEPS = {Piece.START: 1, Piece.END: -1}


class _Telling:
    """One pass over the tokens of a body."""

    def __init__(
        self,
        html: str,
        embeds: Collection[str],
    ) -> None:
        self._html = html
        self._embeds = embeds
        self._tokens = list(tokens(html))
        self._objects: list[_Open] = []
        self._frames: list[str] = []
        """Links to the frames that go."""
        self._dropping = ""
        """The film or sound of another host that is open: of it only the text inside stays."""
        self._by_name: dict[str, Callable[[int, Token], _Step]] = {
            "math": self._formula,
            "script": self._script,
            "iframe": self._frame,
            "svg": self._drawing,
            "textarea": self._text_area,
            "datalist": self._without,
        }
        """Element → what tells it with all that it holds."""
        self._in_link = False
        self._never_closed: set[str] = set()
        self._has_choice = False
        """Whether the list of choices that is open has told one."""
        self._drawn_to = 0
        """The token up to which the words of drawings are told."""
        self._told_katex = False
        """Whether the next HTML of KaTeX repeats a formula that is told."""

    def told(self) -> str:
        parts: list[str] = []
        at = 0
        while at < len(self._tokens):
            step = self._step(at)
            if step.text.strip():
                self._note_fallback()
            parts.append(step.text)
            at = step.next
        while self._objects:
            parts.append(self._closed_object())
        said = "".join(parts)
        # Most frames beside a text are advertisements; one alone is the post.
        if not self._frames or plain_text(said) or shows_media(said):
            return said
        return said + "".join(self._frames)

    def _step(self, at: int) -> _Step:
        token = self._tokens[at]
        if token.piece is Piece.END:
            return self._end(at, token)
        if token.piece is not Piece.START:
            return _Step(self._text(token), at + 1)
        told = self._by_name.get(token.name)
        if told is not None:
            return told(at, token)
        if token.name in _HIDEABLE and self._says_nothing(at, token):
            return self._without(at, token)
        if token.name == "span" and self._repeats_katex(token):
            return _Step("", self._closing(at) + 1)
        return _Step(self._instead(token), at + 1)

    def _instead(self, token: Token) -> str:
        """What stands in place of one start tag."""
        self._in_link = self._in_link or token.name == "a"
        match token.name:
            case "input":
                return self._input(token)
            case "button":
                return ""
            case "select" | "option" | "optgroup":
                return self._choice(token)
            case "object" | "applet" | "param" | "embed":
                return self._object(token)
            case "video" | "audio" | "source" | "track":
                return self._media(token)
            case _:
                return self._text(token)

    def _end(self, at: int, token: Token) -> _Step:
        if token.name in ("object", "applet") and self._objects:
            return _Step(self._closed_object(), at + 1)
        if token.name == "a":
            self._in_link = False
        if token.name in _CHOICES:
            return _Step(" " if token.name == "select" else "", at + 1)
        if (
            token.name in ("embed", "param", "input", "button")
            or token.name == self._dropping
        ):
            self._dropping = "" if token.name == self._dropping else self._dropping
            return _Step("", at + 1)
        if self._dropping and token.name in ("source", "track"):
            return _Step("", at + 1)
        return _Step(self._text(token), at + 1)

    def _text(self, token: Token) -> str:
        return self._html[token.start : token.end]

    def _held(self, token: Token) -> dict[str, Attribute]:
        return {one.name: one for one in attributes(self._html, token)}

    def _closing(self, at: int) -> int:
        """The place of the end tag that closes the element which begins here; the last token where none does."""
        name = self._tokens[at].name
        depth = 0
        for place in range(at, len(self._tokens)):
            token = self._tokens[place]
            if token.name == name:
                depth += _STEPS.get(token.piece, 0)
            if depth == 0:
                return place
        return len(self._tokens) - 1

    # --- formulas, drawings and controls ---

    def _formula(self, at: int, token: Token) -> _Step:
        end = self._closing(at)
        inside = self._html[token.end : self._tokens[end].start]
        if _KATEX.search(self._html, max(0, token.start - 200), token.start):
            is_repeated = _KATEX_HTML.match(
                self._html,
                self._tokens[end].end,
            )
            self._told_katex = is_repeated is not None
            if not self._told_katex:
                return _Step("", end + 1)
        said = self._said_by(token, inside)
        return _Step(
            escape(" ".join(said.split()), quote=False),
            end + 1,
        )

    def _said_by(self, token: Token, inside: str) -> str:
        """A formula as its writer wrote it, else its signs in a row."""
        held = self._held(token)
        if "alttext" in held and held["alttext"].value:
            return held["alttext"].value
        annotated = _TEX_ANNOTATION.search(inside)
        tex = unescape(annotated["tex"]) if annotated else ""
        return tex or _formula_text(inside)

    def _repeats_katex(self, token: Token) -> bool:
        if not self._told_katex or "katex-html" not in self._text(token):
            return False
        self._told_katex = False
        return True

    def _script(self, at: int, token: Token) -> _Step:
        """MathJax keeps TeX in scripts; any other script is left to the sanitiser."""
        kind = _TEX_SCRIPT.match(_address(self._held(token), "type"))
        content = self._following(at)
        if kind is None or content.piece is not Piece.RAW:
            return _Step(self._text(token), at + 1)
        tex = escape(self._text(content).strip(), quote=False)
        formula = f"\\[{tex}\\]" if kind["display"] else f"\\({tex}\\)"
        return _Step(formula, self._closing(at) + 1)

    def _following(self, at: int) -> Token:
        """The next token; of the last one itself."""
        return self._tokens[min(at + 1, len(self._tokens) - 1)]

    def _drawing(
        self,
        at: int,
        token: Token,
    ) -> _Step:
        """The words in a drawing, in front of it: it goes with all that it holds."""
        drawing = self._text(token)
        if at < self._drawn_to or is_tiny(self._held(token)):
            return _Step(drawing, at + 1)
        end = self._drawn_to = self._closing(at)
        said = self._drawn_words(at, end)
        # One letter is a sign, as of a site.
        if len(said) < _FEWEST_DRAWN:
            return _Step(drawing, at + 1)
        return _Step(f"{said} {drawing}", at + 1)

    def _drawn_words(
        self,
        start: int,
        end: int,
    ) -> str:
        words: list[str] = []
        shown = 0
        silent = 0
        for part in self._tokens[start + 1 : end]:
            step = _STEPS.get(part.piece, 0)
            is_empty = self._html[part.end - 2] == "/"
            if step and not is_empty:
                if part.name in _DRAWN_WORDS:
                    shown = max(0, shown + step)
                elif part.name in _NOT_DRAWN:
                    silent = max(0, silent + step)
            if not shown:
                # The next words stand elsewhere in the drawing.
                words.append(" ")
            elif part.piece is Piece.TEXT and not silent:
                words.append(self._text(part))
        said = unescape("".join(words))
        return escape(
            " ".join(said.split()),
            quote=False,
        )

    def _says_nothing(
        self,
        at: int,
        token: Token,
    ) -> bool:
        """Whether a control is hidden, or a button of a player (`▶`, `1×`). In a link a price is what it says."""
        if is_tiny(self._held(token)):
            return True
        if token.name != "button" or self._in_link:
            return False
        for part in self._tokens[at + 1 : at + _MOST_OF_A_BUTTON]:
            if part.piece is Piece.END and part.name == "button":
                return True
            if part.piece is Piece.TEXT and _LETTER.search(unescape(self._text(part))):
                return False
            # What it shows may be a picture.
            if part.piece is Piece.START and part.name not in _AROUND_SIGNS:
                return False
        return False

    def _without(
        self,
        at: int,
        token: Token,
    ) -> _Step:
        """Past an element that shows nothing; one that nothing closes is left to the sanitiser."""
        if token.name not in self._never_closed:
            end = self._closing(at)
            last = self._tokens[end]
            if last.piece is Piece.END and last.name == token.name:
                return _Step("", end + 1)
            # Looked for once, however many are open.
            self._never_closed.add(token.name)
        return _Step(self._text(token), at + 1)

    def _text_area(
        self,
        at: int,
        token: Token,
    ) -> _Step:
        """Its text, which is none of markup; the lines of it are shown as lines."""
        content = self._following(at)
        is_hidden = is_tiny(self._held(token))
        if is_hidden or content.piece is not Piece.RAW:
            return _Step(self._text(token), at + 1)
        text = self._text(content).replace("<", "&lt;").replace(">", "&gt;")
        if "\n" in text.strip():
            text = f"<pre>{text}</pre>"
        return _Step(text, self._closing(at) + 1)

    def _choice(self, token: Token) -> str:
        """Where a choice begins, which is a line of its own."""
        if token.name == "select":
            self._has_choice = False
            return ""
        words = ""
        if token.name == "optgroup":
            words = escape(_address(self._held(token), "label"), quote=False)
            if not words:
                return ""
        line_end = "<br>" if self._has_choice else ""
        self._has_choice = True
        return line_end + words

    def _input(self, token: Token) -> str:
        held = self._held(token)
        kind = _address(held, "type").lower()
        # Elsewhere it sends a form, which is gone.
        if kind in _LABELLED and self._in_link and not is_tiny(held):
            return escape(_address(held, "value"), quote=False)
        if kind != "checkbox":
            return self._text(token)
        mark = "☑" if "checked" in held else "☐"
        is_apart = self._html[token.end : token.end + 1].isspace()
        return mark if is_apart else f"{mark} "

    # --- frames, objects, film and sound ---

    def _frame(self, at: int, token: Token) -> _Step:
        if self._is_shown(token):
            return _Step(self._text(token), at + 1)
        inside = self._following(at)
        has_content = inside.piece is Piece.RAW
        content = self._text(inside) if has_content else ""
        if not _LINKED.search(content):
            content = self._link(token)
            # It is told at the end, if nothing else is.
            if not _PLAYER.search(content):
                self._frames.append(content)
                content = ""
        return _Step(content, at + 1 + has_content)

    def _object(self, token: Token) -> str:
        """The tags of an object go, what they hold stays; without any a link to the object is put at its end."""
        held = self._held(token)
        if token.name == "embed":
            return self._link(token)
        if token.name in ("object", "applet"):
            address = "" if is_tiny(held) else _address(held, "data")
            self._objects.append(_Open(address))
        elif self._objects and _address(held, "name").lower() in _OF_FLASH:
            latest = self._objects[-1]
            latest.address = latest.address or _address(held, "value")
        return ""

    def _closed_object(self) -> str:
        closed = self._objects.pop()
        if closed.has_fallback:
            return ""
        text = _link(closed.address, closed.address)
        # What an inner object shows is shown in place of the outer one.
        if text:
            self._note_fallback()
        return text

    def _note_fallback(self) -> None:
        for each in self._objects:
            each.has_fallback = True

    def _media(self, token: Token) -> str:
        if token.name in MEDIA and not self._dropping and not self._is_shown(token):
            self._dropping = token.name
            return self._link(token)
        if self._dropping and token.name == "source":
            return self._link(token)
        if self._dropping and token.name in (self._dropping, "track"):
            return ""
        return self._text(token)

    def _is_shown(self, token: Token) -> bool:
        held = self._held(token)
        return "src" in held and is_embeddable(secured(held["src"].value), self._embeds)

    def _link(self, token: Token) -> str:
        held = self._held(token)
        address = shown_source(held)
        if is_tiny(held) or _counts(token, address) or _BUTTONS.search(address):
            return ""
        # Of a frame the title is what it shows; of a film it is the tooltip.
        title = _address(held, "title") if token.name == "iframe" else ""
        return _link(address, title or address)


def _counts(
    token: Token,
    address: str,
) -> bool:
    """Whether what an element shows is there to count readers; of a player and of a film the form tells nothing."""
    if token.name == "iframe" and not _PLAYER.search(address):
        return is_counter(address)
    return is_of_counting_service(address)


def secured(url: str) -> str:
    """The address by https: the hosts of `embeds` all serve it, and old feeds name them by http."""
    return re.sub(r"^\s*http:", "https:", url, flags=re.IGNORECASE)


def _address(
    held: dict[str, Attribute],
    name: str,
) -> str:
    """The value of an attribute, '' where it is not there."""
    if name not in held:
        return ""
    return held[name].value.strip()


_NO_ADDRESS = ("about:", "javascript:", "data:", "#")
_OF_FLASH = ("movie", "src", "filename", "url")
"""Parameters by which plugins were told what to show."""


def _link(address: str, words: str) -> str:
    if not address or address.lower().startswith(_NO_ADDRESS):
        return ""
    return f'<a href="{escape(address)}">{escape(words)}</a> '


def _formula_text(inside: str) -> str:
    """The letters and signs of presentation MathML in a row, a fraction as `a/b`."""
    text = _ANNOTATION.sub("", inside)
    shown: list[str] = []
    open_parts: list[int] = []
    """For each open fraction how many elements are open in it; below none once its first part is told."""
    for token in tokens(text):
        if token.piece is Piece.TEXT:
            shown.append("".join(unescape(text[token.start : token.end]).split()))
        elif token.name == "mfrac" and token.piece is Piece.START:
            open_parts.append(0)
        elif token.name == "mfrac":
            del open_parts[-1:]
        elif token.piece is Piece.START and open_parts:
            open_parts[-1] += 1
        elif token.piece is Piece.END and open_parts:
            open_parts[-1] -= 1
            if open_parts[-1] == 0:
                shown.append("/")
                open_parts[-1] = _TOLD
    return "".join(shown)
