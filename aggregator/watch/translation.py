"""The languages of the page: English, and Chinese for those whose browser asks for it. Pure.

Rules: a text is named by its English wording, which stands in the templates; what has no translation is shown in
English, and a test says that there is none. Counted things have a unit in Chinese and a plural in English.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta, tzinfo

from aggregator.model import Digest, DigestEvent, Event, FailureKind, Totals
from aggregator.watch import sentences, wording
from aggregator.watch.clock import spread_of

TONGUES = ("en", "zh")

CHINESE: Mapping[str, str] = {
    "Skip to content": "跳到正文",
    "Pages": "页面",
    "Events": "事件",
    "Feeds": "订阅源",
    "Statistics": "统计",
    "Digests": "摘要",
    "aggregator: events": "aggregator：事件",
    "Times are in {zone}.": "时间均为 {zone}。",
    "For programs": "程序接口",
    "Metrics": "指标",
    "Readiness": "就绪状态",
    "Events of the last {hours} hours": "最近 {hours} 小时的事件",
    "Not ready.": "尚未就绪。",
    "New events and further reports over the last {hours} hours": "最近 {hours} 小时的新事件与后续报道",
    "{at}: {new} new, {joined} joined": "{at}：新事件 {new}，后续 {joined}",
    "new events": "新事件",
    "further reports": "后续报道",
    "events": "事件",
    "event": "事件",
    "reports": "报道",
    "report": "报道",
    "duplicates saved": "省去重复",
    "feeds": "订阅源",
    "feed": "订阅源",
    "in trouble": "有故障",
    "Filter": "筛选",
    "Language": "语言",
    "Category": "分类",
    "All": "全部",
    "Sources": "来源数",
    "{number} or more": "{number} 个以上",
    "Time": "时间",
    "{number} hours": "{number} 小时",
    "{number} days": "{number} 天",
    "Order": "排序",
    "Most sources": "来源最多",
    "Newest": "最新",
    "Words": "词语",
    "by meaning": "按意思",
    "In other words": "换一种说法",
    "Nothing else means the same.": "没有其他意思相同的事件。",
    "Show": "显示",
    "Reset": "重置",
    "Subscribe": "订阅此列表",
    "No event matches.": "没有符合的事件。",
    "Show all of the last 24 hours": "显示最近 24 小时的全部事件",
    "No events yet. The first ones appear here by themselves once feeds have been polled.": (
        "还没有事件。抓取订阅源之后，事件会自动出现在这里。"
    ),
    "Previous": "上一页",
    "Next": "下一页",
    "Page {page} of {pages}": "第 {page} 页，共 {pages} 页",
    "Pages of events": "事件翻页",
    "Pages of feeds": "订阅源翻页",
    "Live": "实时",
    "Reconnecting": "正在重连",
    "new": "条新内容",
    "first": "首发",
    "independent": "独立报道",
    "copy": "转载",
    "again": "再次报道",
    "edited": "已修改",
    "the first report of this event": "此事件的首篇报道",
    "the first that was seen": "最先抓取到的报道",
    "the publisher changed the report": "发布者修改了报道",
    "links to the same page": "链接到同一页面",
    "tells the same in other words": "用不同的文字讲述同一件事",
    "repeats the text of an earlier report": "与先前报道的文字相同",
    "a newer version of an earlier report": "先前报道的更新版本",
    "joined by the operator": "由管理员合并",
    "Reports": "报道",
    "{count} no longer kept.": "另有 {count} 已不再保存。",
    "Earlier events it follows up": "它所跟进的先前事件",
    "Who was first": "首发",
    "Who copied": "转载",
    "On their own": "独立报道",
    "{name} at {time}": "{name}，{time}",
    "{span} later": "晚 {span}",
    "The operator's word": "管理员的裁定",
    "made one": "合并为同一事件",
    "moved {count} out": "移出 {count}",
    "by {name}": "{name}",
    "When it is wrong": "如果有误",
    "Two events are one:": "两个事件其实是同一件：",
    "A report is of something else:": "某篇报道说的是另一件事：",
    "Why two reports are, or are not, one event:": "为何两篇报道是（或不是）同一事件：",
    "Identifiers": "标识",
    "Event": "事件",
    "(no title)": "（无标题）",
    "Read at {host}": "在 {host} 阅读",
    "All {count}": "全部 {count}",
    "{count}, the first at {first}, the newest at {newest}": "{count}，首篇 {first}，最新 {newest}",
    "Find a feed": "查找订阅源",
    "No feed matches.": "没有符合的订阅源。",
    "Show all": "显示全部",
    "No feed is configured yet:": "尚未配置订阅源：",
    "Feed": "订阅源",
    "Health": "状态",
    "Newest polls": "最近抓取",
    "Entries": "条目",
    "Asked": "上次抓取",
    "Interval": "间隔",
    "{new} with news, {unchanged} without, {failed} failed": "{new} 次有更新，{unchanged} 次没有，{failed} 次失败",
    "{span} ago": "{span}前",
    "in {span}": "{span}后",
    "never": "从不",
    "now": "现在",
    "ok": "正常",
    "failing": "失败",
    "gone": "已失效",
    "quarantined": "已隔离",
    "offline": "离线",
    "Address": "地址",
    "Some of the address is not shown: it may be a key.": "地址的一部分未显示，可能是密钥。",
    "Next poll": "下次抓取",
    "Last poll": "上次抓取",
    "Last success": "上次成功",
    "Last change": "上次变化",
    "Polls": "抓取次数",
    "What is wrong": "问题所在",
    "What to do": "处理办法",
    "Newest entries": "最新条目",
    "No entry of the last 7 days is kept.": "没有保存最近 7 天的条目。",
    "in an event of {count}": "所属事件有 {count}",
    "No feed of this id is configured.": "没有此标识的订阅源。",
    "When which feed reports": "各订阅源的报道时间",
    "{name}: {count}": "{name}：{count}",
    "Who is first": "谁最先报道",
    "Of the events with more than one report. Ahead: the median time until the next report.": (
        "只计多篇报道的事件。领先：到下一篇报道的中位时间。"
    ),
    "First": "首发",
    "Of": "参与",
    "Ahead": "领先",
    "Who copies whom": "谁转载谁",
    "{copier} from {origin}": "{copier} 转载 {origin}",
    "No copies in this time.": "这段时间没有转载。",
    "Languages": "语言",
    "Duplicates saved": "省去的重复",
    "{saved} of {reports} told what another had told: {share} % less to read.": (
        "{reports}中有 {saved} 篇讲的是别家已报道的事：少读 {share}%。"
    ),
    "No reports in this time.": "这段时间没有报道。",
    "No event was told by more than one report in this time.": "这段时间没有多篇报道的事件。",
    "unknown": "未知",
    "No digest has been written yet.": "还没有摘要。",
    "No event of this id is kept.": "没有保存此标识的事件。",
    "Not Found": "页面不存在",
    "There is no such day.": "没有这一天。",
    "No digest of this day is kept.": "没有保存这一天的摘要。",
    "There is no such file.": "没有此文件。",
    "The Redis server does not answer. The page is back as soon as it is.": "Redis 服务器没有应答，恢复后页面即恢复。",
    "Page not found": "页面不存在",
    "New entries": "有新内容",
    "{minutes} min": "{minutes} 分钟",
    "Events (Atom)": "事件（Atom）",
    "Events (JSON Feed)": "事件（JSON Feed）",
    "{count} saved": "省去 {count}",
    "joined": "后续报道",
    "seen": "已读过",
    "{count} in trouble": "{count}有故障",
    "Slowest hosts": "最慢的主机",
    "BCP 47; `zh` takes every kind of Chinese": "BCP 47 标签；zh 包括所有中文",
    "one level of an event's categories": "事件分类中的任一级",
    "independent sources, as `min_sources` of a queue counts them": "独立来源数，与队列的 min_sources 计法相同",
    "all of them in titles or lead; README, Words": "标题或导语中须全部出现；见 README 的 Words 一节",
    "a report seen since: `24h`, `7d`, `2026-11-22` or ISO 8601": "自何时起有报道：24h、7d、2026-11-22 或 ISO 8601",
    "events in one answer": "一次应答的事件数",
}

CHINESE_LANGUAGES: Mapping[str, str] = {
    "ar": "阿拉伯语", "bn": "孟加拉语", "cs": "捷克语", "da": "丹麦语", "de": "德语", "el": "希腊语", "en": "英语",
    "es": "西班牙语", "fa": "波斯语", "fi": "芬兰语", "fr": "法语", "he": "希伯来语", "hi": "印地语", "hu": "匈牙利语",
    "id": "印尼语", "it": "意大利语", "ja": "日语", "ko": "韩语", "ms": "马来语", "nl": "荷兰语", "no": "挪威语",
    "pl": "波兰语", "pt": "葡萄牙语", "ro": "罗马尼亚语", "ru": "俄语", "sv": "瑞典语", "th": "泰语", "tr": "土耳其语",
    "uk": "乌克兰语", "vi": "越南语", "zh": "中文",
}  # fmt: skip

_UNITS: Mapping[str, str] = {
    "report": "{n} 篇报道",
    "older report": "{n} 篇较早报道",
    "event": "{n} 个事件",
    "source": "{n} 个来源",
    "failure": "{n} 次失败",
    "feed": "{n} 个订阅源",
    "entry": "{n} 条",
    "duplicate": "{n} 条重复",
}
_PLURALS = {"entry": "entries"}
_SPAN_UNITS = {
    "d": "天",
    "h": "小时",
    "min": "分钟",
    "s": "秒",
}


def tongue_of(accept_language: str) -> str:
    """The page's language that a browser likes best (RFC 9110, 12.5.4): `en` unless Chinese comes first."""
    best = "en"
    weight = 0.0
    # Bounded: a header may have 8 kB, and every page reads it.
    for part in accept_language[:500].split(","):
        tag, _, parameter = part.strip().partition(";")
        primary = tag.strip().lower().partition("-")[0]
        asked = _weight(parameter)
        # Of two that are liked alike the first.
        if primary in TONGUES and asked > weight:
            best = primary
            weight = asked
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0


def translated(text: str, tongue: str, **values: object) -> str:
    """The text in the page's language, with the values in their places."""
    if tongue == "zh":
        text = CHINESE.get(text, text)
    # A text without places may hold braces of its own.
    if not values:
        return text
    return text.format(**values)


def counted(
    number: int,
    noun: str,
    tongue: str,
) -> str:
    """`1 report`, `12,000 reports`, `3 篇报道`."""
    if tongue == "zh":
        return _UNITS.get(noun, "{n} " + noun).format(n=f"{number:,}")
    return wording.counted(number, noun, _PLURALS.get(noun))


def span(length: timedelta, tongue: str) -> str:
    """`2 h 5 min`, `2 小时 5 分钟`."""
    text = wording.span(length)
    if tongue != "zh":
        return text
    return " ".join(_SPAN_UNITS.get(word, word) for word in text.split(" "))


def sentence(text: str, tongue: str) -> str:
    """What another part wrote in English, in the page's language where it is known."""
    if tongue != "zh":
        return text
    # A later version's sentence may have no translation yet: English says more than nothing.
    return sentences.in_chinese(text) or text


def failure(kind: FailureKind | str, tongue: str) -> str:
    """The class of a failure in words."""
    if tongue == "zh":
        return sentences.FAILURES[FailureKind(kind)]
    return str(kind).replace("_", " ")


def window(
    record: Digest,
    zone: tzinfo,
    tongue: str,
) -> str:
    """`2026-11-22 08:00 to 09:00 UTC`."""
    text = wording.window(record, zone)
    if tongue != "zh":
        return text
    return text.replace(" to ", " 至 ")


def outcomes(
    totals: Totals,
    tongue: str,
) -> list[tuple[str, int]]:
    """The four numbers of a window, named."""
    pairs = wording.outcomes(totals)
    return [(translated(name, tongue), number) for name, number in pairs]


def seen_spread(event: DigestEvent, tongue: str) -> str:
    """How long a digest's event was reported."""
    text = wording.spread(event)
    if not text or tongue != "zh":
        return text
    return f"历时 {span(event.last_seen_at - event.first_seen_at, tongue)}"


def spread(event: Event, tongue: str) -> str:
    """`over 3 h 10 min`, or '' for a single report."""
    length = spread_of(event)
    if event.source_count < 2 or length < wording.MINUTE:
        return ""
    before = "历时" if tongue == "zh" else "over"
    return f"{before} {span(length, tongue)}"


def sources(event: DigestEvent | Event, tongue: str) -> str:
    """`3 sources`, or `7 reports, 5 independent` where some are copies or by the same publisher."""
    if tongue != "zh":
        return wording.sources(event)
    if event.source_count == event.independent_count:
        return counted(event.source_count, "source", tongue)
    reports = counted(event.source_count, "report", tongue)
    return f"{reports}，{event.independent_count} 个独立来源"
