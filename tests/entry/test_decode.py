"""Bytes to text: what is believed when marks, header, declaration and bytes disagree."""

from __future__ import annotations

import codecs
import unicodedata

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
def test_a_byte_order_mark_wins_over_header_and_declaration(
    mark: bytes, encoding: str
) -> None:
    text = feed(CHINESE, "gb2312")
    assert (
        decoded(mark + text.encode(encoding), "text/xml; charset=iso-8859-1").text
        == text
    )


@pytest.mark.parametrize(
    "encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]
)
def test_wide_encodings_are_known_without_a_mark(encoding: str) -> None:
    text = feed(CHINESE, "utf-16")
    assert decoded(text.encode(encoding), None).text == text


@pytest.mark.parametrize(
    "claim",
    ["iso-8859-1", "windows-1252", "gb2312", "big5", "shift_jis", "us-ascii", "koi8-r"],
)
def test_bytes_that_are_utf8_are_utf8_whatever_is_claimed(claim: str) -> None:
    text = feed(CHINESE + RUSSIAN, claim)
    assert decoded(text.encode(), f"text/xml; charset={claim}").text == text


@pytest.mark.parametrize(
    "title",
    [
        "Además, según él, ¿qué pasará mañana en España?",
        CHINESE,
        "“Quotes” – and £5 – “again” – “more”",
    ],
)
def test_utf8_that_was_encoded_twice_is_decoded_twice(title: str) -> None:
    twice = "".join(
        chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else bytes([byte]).decode("cp1252")
        for byte in title.encode()
    )
    assert decoded(feed(twice).encode(), None).text == feed(title)


@pytest.mark.parametrize(
    "title",
    ["Ã©", "café\u00a0© 2026", "Â¿Ã©" * 4 + " und ü", "naïve café, déjà vu, où ça"],
)
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
def test_a_declaration_is_followed_as_its_superset(
    title: str, encoding: str, label: str
) -> None:
    text = feed(
        title.replace("宣布下调", "").replace("释放长期资金约", "")
        if encoding == "big5"
        else title,
        label,
    )
    assert decoded(text.encode(encoding, "ignore"), None).text == text.encode(
        encoding, "ignore"
    ).decode(encoding)


def test_the_http_charset_wins_over_the_declaration() -> None:
    text = feed(RUSSIAN, "windows-1251")
    assert (
        decoded(text.encode("koi8_r"), 'application/rss+xml; charset="KOI8-R"').text
        == text
    )


def test_latin1_in_the_header_is_a_servers_default_and_comes_after_the_declaration() -> (
    None
):
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


TITLES = [
    ("he", "נפתח הגשר", "cp1255 iso8859_8"),
    ("ar", "افتتاح الجسر الجديد", "cp1256 iso8859_6"),
    ("fa", "پل تازه گشوده شد", "cp1256"),
    ("el", "Άνοιξε η γέφυρα", "cp1253 iso8859_7"),
    ("th", "เปิดสะพานใหม่", "cp874"),
    ("tr", "Köprü açıldı, şehir ışıl ışıl", "cp1254"),
    ("vi", "Cầu mới được mở", "cp1258"),
    ("pl", "Otwarto świeżą kładkę", "cp1250 iso8859_2"),
    ("cs", "Otevřen nový most, říká žák", "cp1250 iso8859_2"),
    ("sk", "Otvorili šťastný most", "cp1250 iso8859_2"),
    ("hu", "Megnyílt az új híd őszintén", "cp1250 iso8859_2"),
    ("ro", "Podul a fost deschis în oraş", "cp1250 iso8859_2"),
    ("hr", "Otvoren je šareni most", "cp1250 iso8859_2"),
    ("sl", "Odprli so čudovit most", "cp1250 iso8859_2"),
    ("lt", "Atidarytas šviežias tiltas", "cp1257 iso8859_13"),
    ("lv", "Atklāts jauns tilts pār upi", "cp1257 iso8859_13"),
    ("et", "Sild avati põhjas, rõõm", "cp1257"),
    ("fr", "Été à la plage", "cp1252"),
    ("de", "Brücke eröffnet", "cp1252"),
    ("ru", "Открыт новый мост через реку", "cp1251 koi8_r"),
    ("uk", "Відкрито новий міст, її чекали", "cp1251 koi8_u"),
    ("bg", "Отвориха новия мост над реката", "cp1251"),
    ("zh", "新码头下周一正式开放", "gb18030"),
    ("ja", "新しい橋がきのう開通した", "cp932 euc_jp"),
    ("ko", "새 다리가 오늘 열렸다고 한다", "cp949"),
]
CASES = [
    (language, title, encoding)
    for language, title, names in TITLES
    for encoding in names.split()
]


@pytest.mark.parametrize(("language", "title", "encoding"), CASES)
@pytest.mark.parametrize(
    "form",
    [
        "<rss><channel><language>{0}</language><item><title>{1}</title></item></channel></rss>",
        "<rss xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><dc:language><![CDATA[{0}-XX]]></dc:language><item><title>{1}</title></item></channel></rss>",
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{0}"><entry><title>{1}</title></entry></feed>',
        '{{"version": "https://jsonfeed.org/version/1.1", "title": "T", "language": "{0}", "items": [{{"id": "1", "title": "{1}"}}]}}',
    ],
    ids=["rss", "dc", "atom", "json"],
)  # fmt: skip
def test_one_short_item_is_read_by_the_language_the_feed_states(
    language: str, title: str, encoding: str, form: str
) -> None:
    text = form.format(language, title)
    body = (
        decomposed(text).encode("cp1258")
        if encoding == "cp1258"
        else text.encode(encoding)
    )
    assert decoded(body, "text/xml").text == text


@pytest.mark.parametrize(
    ("language", "title", "encoding"),
    [case for case in CASES if case[0] not in ("fr", "de", "et")],
)
@pytest.mark.parametrize(
    "claim",
    [
        "text/xml; charset=ISO-8859-1",
        "text/xml; charset=utf-8",
        "text/xml; charset=us-ascii",
    ],
)
def test_the_language_outweighs_a_claim_that_cannot_be_right(
    language: str, title: str, encoding: str, claim: str
) -> None:
    text = f"<rss><channel><language>{language}</language><item><title>{title} {title} {title} {title}</title></item></channel></rss>"
    body = (
        decomposed(text).encode("cp1258")
        if encoding == "cp1258"
        else text.encode(encoding)
    )
    assert decoded(body, claim).text == text


@pytest.mark.parametrize(
    ("language", "title", "encoding"),
    [
        ("tr", "Iğdır'da köprü", "iso8859_9"),
        ("pl", "Kładka w środę", "iso8859_2"),
        ("cs", "Nový most, říká", "cp1250"),
        ("lt", "Šį rytą", "cp1257"),
    ],
)
def test_two_letters_are_evidence_where_the_script_is_latin(
    language: str, title: str, encoding: str
) -> None:
    text = f"<rss><channel><language>{language}</language><title>{title}</title></channel></rss>"
    found = decoded(text.encode(encoding), "text/xml; charset=iso-8859-1")
    assert found.text == text


@pytest.mark.parametrize("claim", [None, "text/xml", "text/xml; charset=utf-8"])
def test_japanese_in_seven_bits_is_known_by_its_shifts(claim: str | None) -> None:
    text = feed(JAPANESE)
    assert decoded(text.encode("iso2022_jp"), claim).text == text
    assert decoded(feed("cost: $B9 (B)").encode(), claim).encoding == "utf-8"


@pytest.mark.parametrize(
    "language", ["pl", "el", "he", "tr", "cs", "lt", "ru", "zh", "ko"]
)
def test_latin1_that_reads_as_latin1_stays_in_a_feed_of_any_language(
    language: str,
) -> None:
    text = f"<rss><channel><language>{language}</language><title>Café “Größe” — ©</title></channel></rss>"
    assert decoded(text.encode("cp1252"), "text/xml; charset=iso-8859-1").text == text


def decomposed(text: str) -> str:
    """Vietnamese as windows-1258 has it: tone marks apart, the other letters whole."""
    marks = "\u0300\u0301\u0303\u0309\u0323"
    parts = []
    for character in text:
        apart = unicodedata.normalize("NFD", character)
        tone = "".join(mark for mark in apart if mark in marks)
        letter = unicodedata.normalize(
            "NFC", "".join(mark for mark in apart if mark not in marks)
        )
        parts.append(letter + tone)
    return "".join(parts)


def test_a_transfer_cut_inside_a_character_stays_utf8() -> None:
    found = decoded(b"<rss><title>ok</title>" + "央".encode()[:2], None)
    assert found.text == "<rss><title>ok</title>\ufffd"


@pytest.mark.parametrize(
    ("title", "encoding"),
    [
        (CHINESE, "gb18030"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (JAPANESE, "euc_jp"),
    ],
)
def test_undeclared_encodings_are_detected(title: str, encoding: str) -> None:
    text = feed(title)
    assert decoded(text.encode(encoding), "text/xml").text == text


def test_a_false_declaration_of_utf8_is_seen_through() -> None:
    text = feed(CHINESE, "utf-8")
    assert decoded(text.encode("gb18030"), None).text == text


@pytest.mark.parametrize(
    "name",
    [
        "x-no-such-thing",
        "utf-9",
        "rot13",
        "zlib",
        "hex",
        "idna",
        "undefined",
        "punycode",
    ],
)
def test_names_of_no_text_encoding_count_as_no_claim(name: str) -> None:
    assert decoded(
        feed(CHINESE, name).encode(), f"text/xml; charset={name}"
    ).text == feed(CHINESE, name)


def test_two_characters_in_a_claimed_chinese_encoding_are_not_taken_for_utf8() -> None:
    assert "联通" in decoded(feed("联通", "gb2312").encode("gb18030"), None).text


@given(
    st.binary(max_size=400),
    st.sampled_from(
        [None, "text/xml; charset=gbk", "text/html;charset=utf-16", "charset="]
    ),
)
def test_any_bytes_give_some_text(body: bytes, content_type: str | None) -> None:
    found = decoded(body, content_type)
    assert isinstance(found.text, str)
    assert found.replaced_count >= 0


@given(
    st.text(
        alphabet=st.characters(
            exclude_categories=["Cs"], exclude_characters="\ufeff\0"
        ),
        max_size=200,
    )
)
def test_utf8_text_comes_back_as_it_was(text: str) -> None:
    assert decoded(text.encode(), None).text == text


def test_shifts_that_never_return_cost_their_length() -> None:
    body = b"\x1b$B" * 300_000
    assert decoded(body, None).encoding == "utf-8"
