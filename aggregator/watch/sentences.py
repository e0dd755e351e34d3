"""Sentences that other parts wrote in English, in Chinese for the page: why a feed is asked when, why a poll failed.

Rules: a sentence is known by its pattern, as it is stored and shown to programs in English; what no pattern knows stays
as it is, marked as English by the template. The class of a failure is closed, so it always has its words. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from aggregator.model import FailureKind

FAILURES: Mapping[FailureKind, str] = {
    FailureKind.DNS: "找不到主机",
    FailureKind.CONNECT: "无法连接",
    FailureKind.TLS: "无法建立安全连接",
    FailureKind.TIMEOUT: "没有及时应答",
    FailureKind.RESET: "连接中断",
    FailureKind.TOO_LARGE: "文档过大",
    FailureKind.TOO_MANY_REDIRECTS: "重定向过多",
    FailureKind.PRIVATE_ADDRESS: "指向内部网络",
    FailureKind.BAD_URL: "地址无效",
    FailureKind.HTTP_STATUS: "服务器返回错误状态",
    FailureKind.THROTTLED: "服务器要求减少请求",
    FailureKind.BOT_WALL: "被反爬虫页面拦截",
    FailureKind.UNAUTHORIZED: "需要凭据",
    FailureKind.NOT_FOUND: "页面不存在",
    FailureKind.GONE: "已永久移除",
    FailureKind.BAD_ENCODING: "编码有误",
    FailureKind.BUSY: "目标主机暂时繁忙",
    FailureKind.NOT_A_FEED: "不是订阅源",
    FailureKind.UNPARSABLE: "无法解析",
    FailureKind.PARSER_KILLED: "解析超出限制",
    FailureKind.CREDENTIALS: "凭据无法读取",
    FailureKind.INTERNAL: "程序内部错误",
}

_SENTENCES: tuple[tuple[str, str], ...] = (
    ("first poll", "首次抓取"),
    (r"own interval of (.+)", "自身间隔 {0}"),
    ("cron", "按 cron 设定"),
    ("cache headers", "服务器的缓存设置"),
    ("Retry-After", "服务器的 Retry-After"),
    ("ttl of the document", "文档的 ttl"),
    ("sy:updatePeriod of the document", "文档的 sy:updatePeriod"),
    ("skipHours or skipDays", "避开 skipHours、skipDays"),
    ("quarantined: asked as seldom as allowed", "已隔离：按最长间隔抓取"),
    (
        r"its hub delivers: asked every (.+) as a net",
        "由 hub 推送，另每 {0} 抓取一次以防遗漏",
    ),
    ("failed once: backing off", "失败 1 次，正在退避"),
    (r"failed (\d+) times: backing off", "连续失败 {0} 次，正在退避"),
    (
        "a fault of ours: tried again after min_interval",
        "程序自身的问题：min_interval 之后重试",
    ),
    ("our own delay: tried again in a minute", "程序自身的延误：一分钟后重试"),
    (r"offline: tried again in (.+)", "网络不通：{0}后重试"),
    (
        "the adopted address is gone: the configured one is asked again",
        "新地址已失效：重新使用配置的地址",
    ),
    (
        "gone: not asked again unless its URL changes or it is released",
        "已失效：更改地址或解除之前不再抓取",
    ),
    ("released by the operator", "由管理员解除隔离"),
    ("starting", "正在启动"),
    (r"poll has not moved for (\d+) s", "抓取阶段已有 {0} 秒没有进展"),
    (r"loop has not moved for (\d+) s", "主循环已有 {0} 秒没有进展"),
    (r"event has not moved for (\d+) s", "事件阶段已有 {0} 秒没有进展"),
    (r"the event stage waits: (.+)", "事件阶段在等待：{0}"),
)
_PATTERNS = tuple((re.compile(pattern), chinese) for pattern, chinese in _SENTENCES)
_JOINTS = re.compile(r", then |, (?=Retry-After$|cache headers$)")
_SPANS = ((r"\bmin\b", "分钟"), (r"\bh\b", "小时"), (r"\bs\b", "秒"))


def in_chinese(text: str) -> str | None:
    """The sentence in Chinese, its parts one by one; None where a part of it is not known."""
    parts = [_part(part) for part in _JOINTS.split(text)]
    known = [part for part in parts if part is not None]
    return "，".join(known) if len(known) == len(parts) else None


def _part(text: str) -> str | None:
    for pattern, chinese in _PATTERNS:
        found = pattern.fullmatch(text)
        if found:
            return chinese.format(*map(_spans, found.groups()))
    return None


def _spans(text: str) -> str:
    """`35 min` as `35 分钟`."""
    for unit, chinese in _SPANS:
        text = re.sub(rf"(?<=\d) {unit}", f" {chinese}", text)
    return text
