"""What repeats from entry to entry is left out of matching; prose is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.boilerplate import is_boilerplate, matching_text, without_counters

SENTENCE = "The harbour was closed for two days."


@pytest.mark.parametrize(
    "head",
    ["LONDON (AP) — ", "(Reuters) - ", "TOKYO, Feb 13 (Reuters) - ", "Berlin (dpa) - ", "Washington (CNN)", "New York, N.Y. (AP) -- ", "МОСКВА, 13 фев — РИА Новости. ", "【环球时报报道】", "（观察者网讯）", "新华社北京2月13日电（记者 张三）", "中新网2月13日电 ", "央视新闻消息，", "据路透社报道，"],
)  # fmt: skip
def test_a_dateline_at_the_head_is_left_out(head: str) -> None:
    assert matching_text(head + SENTENCE) == SENTENCE
    assert matching_text(SENTENCE + " " + head.strip() + " said.").startswith(SENTENCE)


@pytest.mark.parametrize(
    "line",
    [
        "Continue reading", "Read more about the harbour", "The post Harbour closed appeared first on The Daily Example.", "Share Tweet Email", "Facebook | Twitter | WhatsApp",
        "Sign up for our newsletter to get more", "Advertisement", "Photo: A. Nyone / Agency", "Reporting by A in B; Editing by C", "© 2024 The Example. All rights reserved.",
        "submitted by /u/someone [link] [comments]", "Lire la suite", "Weiterlesen auf example.de", "Leer más", "Читать далее", "L'article X est apparu en premier sur Y.",
        "本文系示例网独家稿件，未经授权，不得转载。", "责任编辑：张三", "原标题：港口关闭", "来源：示例日报", "点击查看大图", "阅读全文 >>", "分享到：微信 微博", "更多精彩内容请关注", "（完）",
        "続きを読む", "写真：提供", "무단 전재 및 재배포 금지", "[…]", "* * *", "https://example.com/a?b=c",
    ],
)  # fmt: skip
def test_a_line_that_repeats_is_left_out(line: str) -> None:
    assert is_boilerplate(line)
    assert matching_text(f"{SENTENCE}\n{line}") == SENTENCE


@pytest.mark.parametrize(
    "line",
    [
        "Facebook and Twitter said they would share data.", "Copyright law changes next year, the minister said.", "Related companies fell as well.", "The photo shows the harbour.",
        "Support our troops, he said.", "Source code was published.", "记者：你怎么看这件事？", "文件指出，港口将关闭。", "More than ten people were hurt.", "Read is a verb.", "本文件要求港口关闭。", "图书馆关闭。",
    ],
)  # fmt: skip
def test_prose_stays(line: str) -> None:
    assert matching_text(f"{line}\n{SENTENCE}") == f"{line}\n{SENTENCE}"


@pytest.mark.parametrize(
    "tail",
    [
        " […]",
        "… Continue reading →",
        " Read more",
        "...",
        " The post Harbour appeared first on The Example.",
        " →",
        "（责任编辑：张三）",
        "阅读全文",
    ],
)
def test_a_tail_is_left_out(tail: str) -> None:
    assert matching_text(SENTENCE.rstrip(".") + tail) == SENTENCE.rstrip(".")


def test_counters_of_short_lines_are_no_text() -> None:
    one, other = (
        "1,204 views · 12 comments\n阅读(3021) 2小时前\n5 min read",
        "9 views · 1 comments\n阅读(1) 7小时前\n12 min read",
    )
    assert without_counters(one) == without_counters(other)
    prose = "Twelve ships were 3 hours away and 40 people made comments to the harbour board about it, which then wrote a long reply to each of them."
    assert without_counters(prose) == prose


@pytest.mark.parametrize(
    "name",
    [
        "views", "Reads", "comment", "Likes", "shares", "点击", "點擊", "阅读", "閱讀", "浏览", "瀏覽", "评论", "評論", "点赞", "讚",
        "转发", "收藏", "热度", "播放", "조회",
    ],
)  # fmt: skip
def test_every_kind_of_count_is_no_text(name: str) -> None:
    assert without_counters(f"A {name}: 12").split() == ["A"]
    if name not in ("点击", "點擊", "讚", "热度", "조회"):
        assert without_counters(f"A 1,2k {name}").split() == ["A"]


@given(st.text(max_size=400))
def test_matching_text_only_leaves_out(text: str) -> None:
    assert len(matching_text(text)) <= len(text)


@pytest.mark.parametrize(
    "piece",
    ["share ", "(", "....", "1", "1,", "阅读 ", "the post ", "A", "【", "- ", "[…] "],
)
def test_time_grows_no_faster_than_the_text(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    lines = "\n".join(piece * (250 // len(piece)) + "x" for _ in range(400))
    for one in (text, lines):
        assert len(without_counters(matching_text(one))) <= len(one)


@pytest.mark.parametrize(
    "tail",
    ["[…]", "...", " Continue reading at a.example", "Read more", "The post A appeared first on B.", "（责任编辑：张三）", "責編：李四", "阅读全文>>", "本文来自网络，转载", "→", "&raquo;", "[&hellip;]", "(来源：新华社)"],
)  # fmt: skip
def test_every_kind_of_tail_is_found_at_the_end_of_a_line(tail: str) -> None:
    assert matching_text(f"{SENTENCE} {tail}") == SENTENCE
