"""What a body's text repeats from entry to entry: left out of matching and of content hashes, never of documents.

Recognised are agency datelines at the head (`LONDON (AP) —`, `新华社北京2月13日电`), lines that stand by themselves
(share bars, credits, "read more", rights), tails of a line (`Continue reading →`, `[…]`) and counters. A pattern
takes a whole line or an anchored end, and only short ones, so that a sentence that speaks of a subscription stays.

Written from what the feeds of the corpora repeat: a phrase that is missed costs little, a sentence lost costs a match.
Each line of the tables is one pattern; every repetition in them is bounded, because the text is a stranger's.
"""

from __future__ import annotations

import re
from itertools import filterfalse

MAX_LINE_CHARS = 300
"""Longer lines are prose. A guess above the longest phrase here."""
_TAIL_CHARS = 400
_LAST_LINES = 3
_TAIL_SIGNS = "….]→»"
"""Tails stand at the end of the text, or are shown by their last sign: looking at every line took twice the time."""
MAX_COUNTED_CHARS = 120
"""Counters stand in short lines; in prose "3 days ago" is news."""

_AGENCY = (
    "(?:thomson )?reuters|ap|afp|dpa|upi|cnn|bbc|efe|ansa|apa|belga|tass|xinhua|kyodo(?: news)?|yonhap|bloomberg|cnbc|"
    "npr|pti|ani|ians|the conversation|associated press|agence france-presse|lusa|anp|ritzau|ntb|tt|sda|cp|aap|ips|"
    "тасс|рейтер|интерфакс|риа новости|укринформ"
)
_CHINESE_AGENCY = (
    "新华社|中新社|中新网|新華社|中央社|央视新闻|人民网|新华网|法新社|路透社|美联社|共同社|韩联社|财联社|IT之家|36氪|"
    "观察者网|澎湃新闻|界面新闻|环球网|環球網|央视网|中国新闻网|每经AI|每日经济新闻|证券时报|快科技"
)
_NAMES = {
    "AGENCY": _AGENCY,
    "CN_AGENCY": _CHINESE_AGENCY,
    "PLACE": r"(?-i:[A-ZÀ-ÞА-ЯЁ][\w.'’-]{1,20}(?:[ /-](?:[A-ZÀ-ÞА-ЯЁ][\w.'’-]{0,20}|de|la|of|the|el|am)){0,4})",
    "COUNT": r"(?:数|數|量|次数|수)?\s?[:：(（]?\s?\d[\d.,]{0,14}\s?[kKmM万萬千]?\+?[)）]?",
    "MONTH": r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?",
    "DASH": "[-\u2013\u2014\u2015]{1,2}",
    "SAID": "[讯訊电電]|报道|報道|報導|消息|快讯|快訊",
    "NUMBER": r"\d(?<![\d.,]\d)[\d.,]{0,14}\s?[kKmM万萬千]?\+?",
    "WORK": (
        "授权|授權|转载|轉載|来源|來源|来自|原载|版权|版權|所有|侵权|侵權|立场|立場|注明|註明|首发|首發|独家稿件|獨家"
    ),
    "ROLE": (
        "责任编辑|責任編輯|责编|責編|编辑|編輯|作者|来源|來源|文章来源|原标题|原標題|稿源|供稿|撰文|图源|圖源|图片来源|"
        "圖片來源|摄影|攝影|校对|校對|审核|审校|监制|主编|值班编辑|排版|翻译|編譯|编译|出品|通讯员"
    ),
    "MORE": (
        "continue reading|read more|read on|keep reading|read the rest|more|lire la suite|weiterlesen|leer más|"
        "leia mais|читать далее|lees meer|lees verder|続きを読む|阅读全文|閱讀全文|查看全文|查看原文|全文"
    ),
}


def _any_of(
    table: str,
    *,
    signs: str = "",
    end: str = "",
) -> re.Pattern[str]:
    """One pattern out of a table of them; `<NAME>` stands for an entry of `_NAMES`.

    `signs`: a class that the first character of each is of; where none stands no pattern is tried, one after the other.
    """
    lines = [line.strip() for line in table.splitlines() if line.strip()]
    joined = "|".join(lines)
    for name, value in _NAMES.items():
        joined = joined.replace(f"<{name}>", f"(?:{value})")
    start = f"(?={signs})" if signs else ""
    return re.compile(f"{start}(?:{joined}){end}", re.IGNORECASE)


def _of_small_letters(pattern: re.Pattern[str]) -> re.Pattern[str]:
    """The pattern for texts in lower case: it is written so, and takes a third of the time."""
    return re.compile(pattern.pattern)


_OTHER_CASES = re.compile("[\u0130\u0131\u017f\u1c80-\u1c85]")
"""Letters that patterns take for others in any case and `lower` leaves alone: dotless i, long s, old Cyrillic."""


def _in_small_letters(line: str) -> str:
    """The line in lower case, as long as it was; '' where that says less than a pattern for any case."""
    if line.isascii():
        return line.lower()
    return "" if _OTHER_CASES.search(line) else line.lower()


_DATELINE = _any_of(r"""
    (?:<PLACE>(?:,\s[^()\n]{1,40})?\s?)?\(\s?<AGENCY>(?:\s?/\s?<AGENCY>)?\s?\)\s?(?:[:.]|<DASH>)?
    (?-i:[A-Z][A-Z .'’-]{2,30}),\s<MONTH>\s\d{1,2}\s?(?:\(?<AGENCY>\)?)?\s?<DASH>\s
    (?-i:[А-ЯЁ][А-ЯЁ -]{2,30})(?:,\s\d{1,2}\s\w{3,9}\.?)?\s?(?:\.|<DASH>)\s?/?(?:риа новости|тасс|интерфакс)/?[.,]?
    [(（\[【]\s?[^()（）\[\]【】\n]{1,20}?(?:<SAID>|综合|綜合|专电|專電)\s?[)）\]】]
    据?<CN_AGENCY>[^\n，。,：:]{0,20}?<SAID>\s?[（(][^（()）\n]{1,40}[)）]
    据?<CN_AGENCY>[^\n，。,：:]{0,20}?<SAID>[，,：:\s]
    【[^】\n]{1,12}】(?=.)
""")

_LINE = _any_of(r"""
    (?:continue reading|keep reading|read more|read the (?:full|rest|entire)|read full|full (?:story|article|text))\b.*
    (?:view (?:entire|full|original|this post)|click here|learn more|you (?:may|might) also like)\b.*
    (?:see also|related|more on this)\s?(?::.*)?
    related (?:articles?|stories|posts?|links?|news|content|reading|topics?)\s?(?::.*)?
    the post .* (?:appeared first on|first appeared (?:on|in)) .*
    (?:this|the) (?:article|post|story|piece) (?:was |has been )?(?:originally|first) (?:published|appeared|posted)\b.*
    (?:originally published|cross-?posted) (?:at|by|in|on|from)\b.*
    (?:share|tweet|e-?mail|print|facebook|twitter|whatsapp|linkedin|pinterest|reddit|telegram|[,·|/\s]|\bon\b|\bx\b)+
    (?:copy link|save|like|pin|flipboard|weibo|wechat|bluesky|threads|mastodon|[,·|/\s])+
    (?:share (?:this|on|via|with)|follow us|subscribe (?:to our|now|here))\b.*
    (?:sign up (?:for (?:our|the)|to (?:our|receive)|here)|get (?:our|the) (?:free )?(?:app|newsletter))\b.*
    (?:download (?:our|the) app|support (?:us|our (?:work|journalism)))\b.*
    (?:advertisement|sponsored|sponsored content|promoted|ad|skip (?:to|past) .*|(?:story|article) continues\b.*)\W*
    (?:photo|image|picture|video|illustration|photograph)s? ?(?:credits?\b|by\b|courtesy\b|:).{0,120}
    (?:file photo|cover image|credit|source|via)s? ?:.{0,120}
    \(?(?:editing|reporting|writing|additional reporting|compiled|edited) by\b.*
    our standards:.*|\(?with (?:agency )?inputs? from\b.*
    copyright(?: ©| \(c\))? ?\d{4}.*|©.*|.{0,80}all rights reserved\.?
    submitted by .*|\[link\](?: ?\[comments\])?|\[comments\]|(?:article|comments) url:.*|(?:points|# ?comments):? ?\d*
    (?:lire (?:la suite|aussi|plus)|en savoir plus|à lire aussi)\b.*
    (?:weiterlesen|mehr (?:dazu|lesen|zum thema)|lesen sie auch)\b.*
    (?:(?:seguir|sigue|continuar|continúa) leyendo|leer más|lee también|leia (?:mais|também)|saiba mais)\b.*
    (?:continua(?:re)? a leggere|leggi (?:anche|tutto)|lees (?:meer|verder|ook))\b.*
    (?:devam[ıi]n[ıi] oku|xem thêm|đọc thêm)\b.*
    (?:czytaj (?:też|więcej|dalej)|läs (?:mer|också)|les (?:mer|også)|læs (?:mere|også))\b.*
    (?:читать? (?:далее|также|полностью)|читайте (?:также|нас)|подпис(?:ывайтесь|ывайся|аться) на|ещё по теме)\b.*
    l['’]article .* est apparu en premier sur .*|der beitrag .* erschien zuerst auf .*
    la entrada .* (?:se publicó primero|aparece primero) en .*|o post .* apareceu primeiro em .*
    l['’]articolo .* (?:proviene da|sembra essere il primo su) .*|het bericht .* verscheen eerst op .*
    сообщение .* появил\w+ сначала на .*
    (?:crédit(?: photo)?s?|foto|bild|quelle|fuente|fonte|фото|источник|źródło) ?:.{0,120}
    .{0,80}(?:tous droits réservés|alle rechte vorbehalten|todos los derechos reservados|все права защищены)\.?
    (?:本文|本稿|文章|此文|该文|以上内容|轉載|转载|版权|版權|原创|声明|聲明|免责|特别声明|注：本).{0,40}<WORK>.*
    [（(\[【]?\s?<ROLE>\s?[:：丨|｜/].{0,60}
    [（(]?(?:文|图|圖|摄)\s?[丨|｜/].{1,40}
    (?:点击|點擊|长按|長按|扫码|掃碼|扫描|掃描|戳).{0,30}(?:查看|阅读|閱讀|大图|大圖|原文|全文|关注|關注|下载|下載).*
    (?:点击|點擊|长按|長按|扫码|掃碼|扫描|掃描|戳).{0,30}(?:二维码|进入|進入|播放|链接|观看|收藏).*
    (?:阅读|閱讀|查看|浏览|展开)?(?:全文|原文|更多|詳情|详情|余下全文)[\s>»→…]*
    (?:相关|相關|推荐|推薦|延伸|更多|往期|热门|熱門)(?:阅读|閱讀|新闻|新聞|文章|报道|報導|推荐|链接|連結|回顾)(?:\s?[:：].*)?
    (?:分享到?|转发|收藏|点赞|在看|评论|举报|微信|微博|朋友圈|qq空间|好友|复制链接|打印|字号|大中小|[\s|·/、:：])+
    (?:更多精彩|欢迎(?:关注|订阅|下载|添加)|歡迎(?:關注|訂閱)|关注我们|關注我們|广告|廣告|海量资讯、精准解读).*
    [（(]?(?:完|全文完|未完待续|end|the end)[)）]?
    (?:続きを読む|もっと見る|全文を読む|関連記事|関連リンク|【関連|この記事.{0,20}(?:シェア|共有)).{0,60}
    (?:提供|写真|画像)\s?[:：＝=].{0,60}
    (?:무단 ?전재|저작권자|기사 ?제보|관련 ?기사|더 ?보기|사진 ?=|ⓒ|▶).{0,80}|[가-힣]{2,4} ?기자(?: [\w.+-]+@[\w.-]+)?
    \[?(?:…|\.\.\.|&hellip;)\]?|(?:[-_=*·•—–~]\s?){2,}|https?://\S+
""")

_TAIL = _any_of(
    r"""
    \s{0,9}\[?(?:…|\.\.\.|&hellip;)\]?\s?(?:<MORE>\b.{0,120})?
    \s{0,9}(?:continue reading|read more|read full (?:story|article))(?:\s?[.…:>»→].{0,40}|\s?at\s.{1,60})?
    \s{0,9}the post\s.{1,200}\s(?:appeared first on|first appeared on)\s.{1,100}
    \s{0,9}[(（【\[]\s?(?:责任编辑|責任編輯|责编|編輯|编辑|来源|來源|完|原标题|作者)[^()（）\[\]【】]{0,60}[)）】\]]
    \s{0,9}(?:责任编辑|責任編輯|责编|責編)\s?[:：].{0,30}
    \s{0,9}(?:阅读|閱讀|查看)(?:全文|原文|更多)\s?[>»→]{0,3}
    \s{0,9}本文(?:系|来自|来源于|由)[^\n。]{0,80}(?:授权|转载|供稿|发布)[^\n]{0,60}
    \s{0,9}(?:→|»|&raquo;)
""",
    end=r"\s{0,9}$",
)

_TAIL_MARK = re.compile(
    r"[…→»责責编編源完题者读讀看文]|\.\.\.|&hellip;|&raquo;|read|the post",
    re.IGNORECASE,
)
"""What every tail holds one of: looked for first, in a tenth of the time."""
_ASCII_TAIL_MARKS = ("...", "&hellip;", "&raquo;", "read", "the post")
"""Those of them that ASCII can write: in a tenth of that again."""

_COUNT_FIRST = _any_of(
    r"""
    <NUMBER>\s?(?:views?|reads?|comments?|likes?|shares?|votes?|points?|replies|reactions?|retweets?|plays?|downloads?)\b
    <NUMBER>\s?(?:min(?:utes?)? read|vues|commentaires|aufrufe|kommentare)\b
    <NUMBER>\s?(?:visitas|comentarios|visualizações|comentários)\b
    <NUMBER>\s?(?:просмотр|комментари)\w{0,4}\b
    <NUMBER>\s?(?:次|条|條|个|人)?(?:阅读|閱讀|浏览|瀏覽|评论|評論|点赞|播放|观看|收藏|转发)(?:量|数)?
    \d{1,4}\s(?:second|minute|hour|day|week|month)s?\sago\b|\d{1,4}\s?(?:秒|分钟|分鐘|小时|小時|天|日)前
""",
    signs=r"\d",
)
_NAME_FIRST = _any_of(
    r"""
    \b(?:views?|reads?|comments?|likes?|shares?)\s?[:(]\s?<NUMBER>\)?
    (?:点击|點擊|阅读|閱讀|浏览|瀏覽|评论|評論|点赞|讚|转发|收藏|热度|播放|조회)<COUNT>
""",
    signs="[vrcls点點阅閱浏瀏评評讚转收热播조]",
)

_DIGIT = re.compile(r"\d")
_SMALL_LINE = _of_small_letters(_LINE)
_SMALL_COUNT = _of_small_letters(_COUNT_FIRST)
_SMALL_NAME = _of_small_letters(_NAME_FIRST)


def matching_text(text: str) -> str:
    """The plain text (one line for each block) without what it repeats from entry to entry."""
    stripped = filter(None, map(str.strip, text.split("\n")))
    lines = list(filterfalse(is_boilerplate, stripped))
    last = len(lines) - _LAST_LINES
    for at, line in enumerate(lines):
        # "Read more" stands at the end of a text, or of a line that says so.
        if at >= last or line[-1] in _TAIL_SIGNS:
            cut = _without_tail(line)
            is_empty = cut != line and is_boilerplate(cut)
            lines[at] = "" if is_empty else cut
    lines = list(filter(None, lines))
    if lines:
        lines[0] = _without_dateline(lines[0])
    return "\n".join(filter(None, lines))


def is_boilerplate(line: str) -> bool:
    """Whether a line says nothing of the event."""
    if len(line) > MAX_LINE_CHARS:
        return False
    small = _in_small_letters(line)
    if small:
        return _SMALL_LINE.fullmatch(small) is not None
    return _LINE.fullmatch(line) is not None


def without_counters(text: str) -> str:
    """The text without the view, comment and share counts and "3 hours ago" of short lines: no edit changes them."""
    return "\n".join(map(_without_counts, text.split("\n")))


def _without_counts(line: str) -> str:
    # "300 people commented" in a paragraph is news.
    if len(line) > MAX_COUNTED_CHARS or not _DIGIT.search(line):
        return line
    small = _in_small_letters(line)
    if small and not _SMALL_COUNT.search(small) and not _SMALL_NAME.search(small):
        return line
    return _NAME_FIRST.sub(" ", _COUNT_FIRST.sub(" ", line))


def _may_have_tail(end: str) -> bool:
    if not end.isascii():
        return _TAIL_MARK.search(end) is not None
    lower = end.lower()
    return any(mark in lower for mark in _ASCII_TAIL_MARKS)


def _without_dateline(line: str) -> str:
    dateline = _DATELINE.match(line)
    if dateline is None:
        return line
    return line[dateline.end() :].lstrip(" -–—:：，,.")


def _without_tail(line: str) -> str:
    """The line without up to three recognised endings; only its last characters are looked at."""
    for _ in range(3):
        start = max(0, len(line) - _TAIL_CHARS)
        if not _may_have_tail(line[start:]):
            return line
        found = _TAIL.search(line, start)
        if not found or found.start() == found.end():
            return line
        line = line[: found.start()].rstrip()
    return line
