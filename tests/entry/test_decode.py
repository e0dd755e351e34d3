"""Bytes to text: what is believed when marks, header, declaration and bytes disagree."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.decode import decoded

CHINESE = "央行宣布下调存款准备金率，释放长期资金约一万亿元"
RUSSIAN = "Министр финансов рассказал о новом бюджете"
JAPANESE = "首相は記者会見で新しい経済対策を発表した"


def feed(title: str, declared: str | None = None) -> str:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return f"{declaration}<rss><channel><title>{title}</title></channel></rss>"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_wins_over_header_and_declaration(mark: bytes, encoding: str) -> None:
    text = feed(CHINESE, "gb2312")
    assert decoded(mark + text.encode(encoding), "text/xml; charset=iso-8859-1").text == text


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_are_known_without_a_mark(encoding: str) -> None:
    text = feed(CHINESE, "utf-16")
    assert decoded(text.encode(encoding), None).text == text


@pytest.mark.parametrize("claim", ["iso-8859-1", "windows-1252", "gb2312", "big5", "shift_jis", "us-ascii", "koi8-r"])
def test_bytes_that_are_utf8_are_utf8_whatever_is_claimed(claim: str) -> None:
    text = feed(CHINESE + RUSSIAN, claim)
    assert decoded(text.encode(), f"text/xml; charset={claim}").text == text


@pytest.mark.parametrize(
    "title", ["Además, según él, ¿qué pasará mañana en España?", CHINESE, "“Quotes” – and £5 – “again” – “more”"]
)
def test_utf8_that_was_encoded_twice_is_decoded_twice(title: str) -> None:
    twice = "".join(
        chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else bytes([byte]).decode("cp1252") for byte in title.encode()
    )
    assert decoded(feed(twice).encode(), None).text == feed(title)


@pytest.mark.parametrize("title", ["Ã©", "café\u00a0© 2026", "Â¿Ã©" * 4 + " und ü", "naïve café, déjà vu, où ça"])
def test_latin_text_that_is_not_twice_encoded_stays(title: str) -> None:
    assert decoded(feed(title).encode(), None).text == feed(title)


def test_gb2312_and_gbk_are_read_as_gb18030() -> None:
    text = feed("镕㐀𠀀", "gb2312")
    found = decoded(text.encode("gb18030"), "text/xml; charset=GBK")
    assert (found.text, found.encoding) == (text, "gb18030")


@pytest.mark.parametrize(
    ("title", "encoding", "label"),
    [
        (CHINESE, "big5", "Big5"),
        (JAPANESE, "cp932", "Shift_JIS"),
        (JAPANESE, "euc_jp", "EUC-JP"),
        (RUSSIAN, "koi8_r", "KOI8-R"),
        (RUSSIAN, "cp1251", "windows-1251"),
        ("“Café” – naïve", "cp1252", "ISO-8859-1"),
        ("한국어 뉴스 속보", "cp949", "ks_c_5601-1987"),
    ],
)
def test_a_declaration_is_followed_as_its_superset(title: str, encoding: str, label: str) -> None:
    text = feed(title.replace("宣布下调", "").replace("释放长期资金约", "") if encoding == "big5" else title, label)
    assert decoded(text.encode(encoding, "ignore"), None).text == text.encode(encoding, "ignore").decode(encoding)


def test_the_http_charset_wins_over_the_declaration() -> None:
    text = feed(RUSSIAN, "windows-1251")
    assert decoded(text.encode("koi8_r"), 'application/rss+xml; charset="KOI8-R"').text == text


def test_latin1_in_the_header_is_a_servers_default_and_comes_after_the_declaration() -> None:
    text = feed(RUSSIAN, "windows-1251")
    assert decoded(text.encode("cp1251"), "text/xml; charset=ISO-8859-1").text == text


def test_one_bad_byte_costs_one_character() -> None:
    text = feed(CHINESE * 3, "utf-8")
    body = bytearray(text.encode())
    at = body.index("央".encode()) + 1
    body[at] = 0xFF
    found = decoded(bytes(body), "text/xml; charset=utf-8")
    assert found.text == text.replace("央", "\ufffd", 1)
    assert (found.encoding, found.replaced_count) == ("utf-8", 1)


def test_one_bad_byte_in_a_legacy_encoding_costs_one_character_too() -> None:
    text = feed(CHINESE * 3, "gbk")
    body = text.encode("gb18030").replace("央".encode("gb18030"), b"\xff\xff", 1)
    found = decoded(body, None)
    assert (found.encoding, found.replaced_count) == ("gb18030", 1)
    assert found.text == text.replace("央", "\ufffd", 1)


def test_the_language_a_feed_states_helps_to_read_a_single_title() -> None:
    text = "<rss><channel><language>zh-cn</language><title>首相辞职</title></channel></rss>"
    assert decoded(text.encode("gb18030"), None).text == text


def test_a_transfer_cut_inside_a_character_stays_utf8() -> None:
    found = decoded(b"<rss><title>ok</title>" + "央".encode()[:2], None)
    assert found.text == "<rss><title>ok</title>\ufffd"


@pytest.mark.parametrize(
    ("title", "encoding"), [(CHINESE, "gb18030"), (RUSSIAN, "cp1251"), (RUSSIAN, "koi8_r"), (JAPANESE, "euc_jp")]
)
def test_undeclared_encodings_are_detected(title: str, encoding: str) -> None:
    text = feed(title)
    assert decoded(text.encode(encoding), "text/xml").text == text


def test_a_false_declaration_of_utf8_is_seen_through() -> None:
    text = feed(CHINESE, "utf-8")
    assert decoded(text.encode("gb18030"), None).text == text


@pytest.mark.parametrize("name", ["x-no-such-thing", "utf-9", "rot13", "zlib", "hex", "idna", "undefined", "punycode"])
def test_names_of_no_text_encoding_count_as_no_claim(name: str) -> None:
    assert decoded(feed(CHINESE, name).encode(), f"text/xml; charset={name}").text == feed(CHINESE, name)


def test_two_characters_in_a_claimed_chinese_encoding_are_not_taken_for_utf8() -> None:
    assert "联通" in decoded(feed("联通", "gb2312").encode("gb18030"), None).text


@given(
    st.binary(max_size=400), st.sampled_from([None, "text/xml; charset=gbk", "text/html;charset=utf-16", "charset="])
)
def test_any_bytes_give_some_text(body: bytes, content_type: str | None) -> None:
    found = decoded(body, content_type)
    assert isinstance(found.text, str)
    assert found.replaced_count >= 0


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff\0"), max_size=200))
def test_utf8_text_comes_back_as_it_was(text: str) -> None:
    assert decoded(text.encode(), None).text == text
