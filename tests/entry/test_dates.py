"""Dates: judged right, or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry import zones
from aggregator.entry.dates import instant
from aggregator.entry.month_names import MONTHS
from aggregator.entry.weekday_names import WEEKDAYS

AT = datetime(2022, 2, 13, 10, 2, 17, tzinfo=UTC)
MINUTE = AT.replace(second=0)
DAY = datetime(2022, 2, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    [
        "Sun, 13 Feb 2022 10:02:17 GMT",
        "Sun, 13 Feb 2022 10:02:17 Z",
        "Sun, 13 Feb 2022 05:02:17 EST",
        "Sun, 13 Feb 2022 18:02:17 +0800",
        "Sun, 13 Feb 2022 06:32:17 -0330",
        "Sun, 13 Feb 2022 02:02:17 -800",
        "Sun Feb 13 2022 18:02:17 GMT+0800 (China Standard Time)",
        "Sun Feb 13 10:02:17 UTC 2022",
        "  Sun ,  13  Feb  2022   10:02:17   GMT ",
        "13 Feb 22 10:02:17 UT",
        "13-Feb-2022 10:02:17 GMT",
        "2022-02-13T10:02:17Z",
        "2022-02-13T10:02:17.999999999Z",
        "2022-02-13t18:02:17+08:00",
        "2022-02-13 18:02:17 +0800 CST",
        "2022-02-13 18:02:17 Asia/Shanghai",
        "2022-02-13T10:02:17-00:00",
        "2022-02-13 19:02:17 GMT+9",
        "20220213T100217",
        "20220213100217",
        "1644746537",
        "1644746537000",
        "1644746537.25",
        "February 13, 2022 10:02:17 AM",
        "2022-02-13T10:02:17Z2022-02-13T10:02:17Z",
        "Вс, 13 фев 2022 13:02:17 +0300",
        "dim., 13 févr. 2022 11:02:17 +0100",
        "vr, 13 feb 2022 11:02:17 +0100",
        "So, 13 Feb 2022 11:02:17 MEZ",
        "dom, 13 fev 2022 07:02:17 -0300",
    ],
)
def test_a_stated_zone_gives_one_instant_in_every_form(raw: str) -> None:
    found = instant(raw, language=None)
    assert found is not None
    assert found.replace(microsecond=0) == AT


@pytest.mark.parametrize(
    ("raw", "language", "expected"),
    [
        ("2022/2/13 18:02:17", "zh-cn", AT),
        ("2022年02月13日 18:02", "zh-CN", MINUTE),
        ("2022年02月13日 18:02", "zh_Hans_CN", MINUTE),
        ("2022/02/13 18:02", "cn", MINUTE),
        ("2022年2月13日 下午6:02", "zh", MINUTE),
        ("2022年2月13日 星期日 18时02分17秒", "zh", AT),
        ("Sun, 13 2月 2022 18:02:17", "zh", AT),
        ("Sun, 13 Feb 2022 18:02:17 CST", "zh-cn", AT),
        ("Sun, 13 Feb 2022 04:02:17 CST", "en-us", AT),
        ("2022年2月13日 19時02分", "ja", MINUTE),
        ("2022/02/13 19:02", "ja", MINUTE),
        ("2022년 2월 13일 오후 7:02", "ko", MINUTE),
        ("２０２２年２月１３日　１９：０２", "ja", MINUTE),
        ("13 février 2022 à 10h02", "fr", MINUTE),
        ("Sonntag, 13. Februar 2022, 10:02 Uhr", "de", MINUTE),
        ("13 de fevereiro de 2022 às 10:02", "pt-br", MINUTE),
        ("mar, 13 feb 2022 10:02", "es", MINUTE),
        ("domenica 13 febbraio 2022 10:02", "it", MINUTE),
        ("13 февраля 2022 г., 10:02", "ru", MINUTE),
        ("13 lutego 2022 10:02", "pl", MINUTE),
        ("13 Şubat 2022 10:02", "tr", MINUTE),
        ("13 tháng 2 2022 10:02", "vi", MINUTE),
        ("13 ก.พ. 2565 10:02", "th", MINUTE),
        ("13.02.2022 10:02", "de", MINUTE),
        ("13/02/2022 10:02", None, MINUTE),
        ("02/13/2022 10:02 am", None, MINUTE),
        ("2022-02-13", None, DAY),
        ("2022-02-13", "zh", DAY - timedelta(hours=8)),
        ("2022-W06-7", None, DAY),
        ("2022-044", None, DAY),
        ("Sunday 13th February 2022", "en", DAY),
        ("٢٠٢٢-٠٢-١٣", "ar", DAY),
        ("13 Feb 2022 24:00:00 GMT", None, DAY + timedelta(days=1)),
        ("13 Feb 2022 10:01:60 GMT", None, MINUTE),
        ("Fri, 05/03/2019 - 15:21", "en", datetime(2019, 5, 3, 15, 21, tzinfo=UTC)),
        ("05/03/2019", "en-us", datetime(2019, 5, 3, tzinfo=UTC)),
        ("05/03/2019", "en-gb", datetime(2019, 3, 5, tzinfo=UTC)),
        ("05/03/2019", "fr", datetime(2019, 3, 5, tzinfo=UTC)),
        ("07.02.2025", "tr", datetime(2025, 2, 7, tzinfo=UTC)),
        ("10 listopada 2022", "pl", datetime(2022, 11, 10, tzinfo=UTC)),
        ("10 listopada 2022", "hr", datetime(2022, 10, 10, tzinfo=UTC)),
        ("12:30 AM, 13 Feb 2022 GMT", "en", datetime(2022, 2, 13, 0, 30, tzinfo=UTC)),
        (
            "13 Feb 2022 12:30 pm EDT",
            "en-us",
            datetime(2022, 2, 13, 16, 30, tzinfo=UTC),
        ),
        ("13 Feb 2022 15:32:17 IST", "en-in", AT),
        ("令和4年2月13日 19:02", "ja", MINUTE),
        ("平成元年5月1日", "ja", datetime(1989, 4, 30, 15, 0, tzinfo=UTC)),
        ("民國111年2月13日 18:02", "zh-tw", MINUTE),
        ("13. helmikuuta 2022 10.02", "fi", MINUTE),
        ("13.2.2022 klo 10.02", "fi", MINUTE),
        ("13.02.2022 10.02 Uhr", "de", MINUTE),
        ("Minggu, 13 Februari 2022 17.02 WIB", "id", MINUTE),
        ("Sun, 13 Feb 2022 10.02.17 +0000", None, AT),
        ("13 شباط 2022 10:02", "ar", MINUTE),
        ("13 فيفري 2022 10:02", "ar", MINUTE),
        ("13 كانون الثاني 2022", "ar", datetime(2022, 1, 13, tzinfo=UTC)),
        ("الأحد 13 تشرين الأول 2019", "ar", datetime(2019, 10, 13, tzinfo=UTC)),
        ("13 غشت 2022", "ar", datetime(2022, 8, 13, tzinfo=UTC)),
        ("יום ראשון, 13 בפברואר 2022 10:02", "he", MINUTE),
        ("01 Jan 99 00:00 GMT", None, datetime(1999, 1, 1, tzinfo=UTC)),
    ],
)
def test_forms_of_the_world_mean_what_their_writers_mean(
    raw: str, language: str | None, expected: datetime
) -> None:
    found = instant(raw, language=language)
    assert found == expected


@pytest.mark.parametrize(
    ("raw", "language"),
    [
        ("", None),
        ("   ", None),
        ("yesterday", "en"),
        ("just now", "en"),
        ("2022", None),
        ("2022-02", None),
        ("Feb 2022", "en"),
        ("February 2022", None),
        ("févr. 2022", "fr"),
        ("2月13日 10:02", "zh"),
        ("05/03/2019", "en"),
        ("05/03/2019", None),
        ("05/03/2019", "zh"),
        ("10 listopada 2022", None),
        ("Sun, 30 Feb 2022 10:02:17 GMT", None),
        ("Sat, 00 Jan 0000 00:00:00 GMT", None),
        ("0000-00-00T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        ("1899-12-30T00:00:00Z", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Wed, 31 Dec 1969 23:59:59 GMT", None),
        ("01 Jan 70 01:00:00 +0100", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("+292277026596-12-04T15:30:08Z", None),
        ("-2022-02-13T10:02:17Z", None),
        ("2022-13-01", None),
        ("2005-26-12T20:00:00Z", None),
        ("Sun, 13 Feb 2022 10:02:17 +2500", None),
        ("Sun, 13 Feb 2022 10:02:17 -9999", None),
        ("Sun, 13 Feb 2022 10:02:17 XYZ", None),
        ("Sun, 13 Feb 2022 10:02:17 IST", None),
        ("Sun, 13 Feb 2022 25:00:00 GMT", None),
        ("13 Feb 2022 13:00 AM", "en"),
        ("13 Feb 2022 - 15 Feb 2022", "en"),
        ("99999999999999999999", None),
        ("9" * 3000, None),
        ("13 Feb", "en"),
    ],
)
def test_what_is_no_sure_instant_is_refused(raw: str, language: str | None) -> None:
    assert instant(raw, language=language) is None


@given(st.text(max_size=120), st.sampled_from([None, "zh", "en-us", "fr", "hr", ""]))
def test_any_text_gives_an_aware_instant_or_none(
    raw: str, language: str | None
) -> None:
    found = instant(raw, language=language)
    assert found is None or (found.tzinfo is UTC and 1901 <= found.year <= 2200)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2150, 1, 1)),
    st.integers(-12 * 4, 14 * 4),
    st.sampled_from([None, "zh-cn", "en-us", "de", "ja"]),
)
def test_standard_forms_come_back_whatever_the_language(
    naive: datetime, quarters: int, language: str | None
) -> None:
    at = naive.replace(microsecond=0, tzinfo=UTC)
    local = at + timedelta(minutes=15 * quarters)
    sign, minutes = "-" if quarters < 0 else "+", abs(15 * quarters)
    offset = f"{sign}{minutes // 60:02}:{minutes % 60:02}"
    assert (
        instant(local.strftime("%Y-%m-%dT%H:%M:%S") + offset, language=language) == at
    )
    assert (
        instant(
            local.strftime("%Y/%m/%d %H:%M:%S ") + offset.replace(":", ""),
            language=language,
        )
        == at
    )
    assert (
        instant(
            format_datetime(local)[:-5] + offset.replace(":", ""), language=language
        )
        == at
    )


@pytest.mark.parametrize(
    ("raw", "language", "at"),
    [
        ("20220213T100217Z", None, AT),
        ("20220213T1002Z", "en", MINUTE),
        ("20220213T180217+0800", None, AT),
        ("20220213T180217+08:00", None, AT),
        ("20220213T180217+08", None, AT),
        ("20220213 100217Z", None, AT),
        ("20220213t100217.25z", None, AT),
        ("2022-02-13T100217Z", None, AT),
        ("20220213Z", None, DAY),
        ("20220213T100217 GMT", None, AT),
        ("20221313T100217Z", None, None),
        ("20220213T250217Z", None, None),
        ("Sun, 13 Feb 2565 17:02:17 +0700", "th", AT),
        ("Sun, 13 Feb 2565 17:02:17 +0700", "th-TH", AT),
        ("2565-02-13T17:02:17+07:00", "th", AT),
        ("13/02/2565 17:02 +0700", "th", MINUTE),
        ("25650213T100217Z", "th", None),
        ("13 กุมภาพันธ์ 2565", "th", DAY),
        ("Sun, 13 Feb 2022 17:02:17 +0700", "th", AT),
        ("Sun, 13 Feb 2565 17:02:17 +0700", "en", None),
        ("Sun, 13 Feb 2565 17:02:17 +0700", None, None),
    ],
)
def test_basic_iso_forms_and_buddhist_years_of_thai_feeds(
    raw: str, language: str | None, at: datetime | None
):
    assert instant(raw, language=language) == at


@pytest.mark.parametrize(
    ("raw", "hour"),
    [
        *(
            ("凌晨12:30", 0),
            ("凌晨3:30", 3),
            ("清晨5:30", 5),
            ("早上8:30", 8),
            ("上午10:30", 10),
            ("上午12:30", 0),
        ),
        *(
            ("中午11:30", 11),
            ("中午12:30", 12),
            ("中午1:30", 13),
            ("正午12:30", 12),
            ("午间11:30", 11),
        ),
        *(
            ("下午12:30", 12),
            ("下午3:30", 15),
            ("下午15:30", 15),
            ("傍晚5:30", 17),
            ("晚上8:30", 20),
            ("晚间11:30", 23),
        ),
        *(
            ("深夜11:30", 23),
            ("深夜2:30", 2),
            ("半夜1:30", 1),
            ("夜间10:30", 22),
            ("晚上20:30", 20),
        ),
        *(
            ("午前10:30", 10),
            ("午後0:30", 12),
            ("午後3:30", 15),
            ("未明2:30", 2),
            ("早朝5:30", 5),
            ("朝8:30", 8),
        ),
        *(
            ("昼11:30", 11),
            ("昼1:30", 13),
            ("夕方5:30", 17),
            ("夜9:30", 21),
            ("深夜0:30", None),
        ),
        *(
            ("오전 10:30", 10),
            ("오후 3:30", 15),
            ("새벽 2:30", 2),
            ("아침 8:30", 8),
            ("낮 12:30", 12),
            ("낮 1:30", 13),
        ),
        *(("정오 12:30", 12), ("저녁 7:30", 19), ("밤 10:30", 22), ("심야 11:30", 23)),
        *(
            ("晚上1:30", None),
            ("上午15:30", None),
            ("中午8:30", None),
            ("午夜12:30", None),
        ),
    ],
)
def test_words_for_parts_of_the_day_name_the_hour(raw: str, hour: int | None):
    """中午11:30 is half past eleven in the morning. What people write of either of two days is no date."""
    is_korean = any("가" <= letter <= "힣" for letter in raw)
    day = "2026년 11월 22일" if is_korean else "2026年11月22日"
    found = instant(f"{day} {raw}", language="ko" if is_korean else "zh")
    if hour is None:
        assert found is None
        return
    minute = int(raw[-2:])
    assert found == datetime(
        2026,
        11,
        22,
        hour,
        minute,
        tzinfo=timezone(timedelta(hours=9 if is_korean else 8)),
    )


def test_midnight_of_an_evening_is_the_one_that_follows():
    assert instant("2026年11月22日晚上12:00", language="zh") == datetime(
        2026, 11, 22, 16, 0, tzinfo=UTC
    )


@given(
    st.sampled_from(["", "Mon, ", "Sun, "]),
    st.tuples(
        st.integers(0, 32),
        st.sampled_from(["Jan", "Feb", "Apr", "Jun", "Dec"]),
        st.integers(1978, 2101),
    ),
    st.tuples(st.integers(0, 25), st.integers(0, 61), st.integers(0, 61)),
    st.sampled_from(["GMT", "+0000", "-0330", "+1245", "+1300", "-1159", "+0860"]),
    st.sampled_from([None, "zh-CN", "en-US", "th"]),
)
def test_the_commonest_form_is_read_as_all_others_are(
    weekday: str,
    day: tuple[int, str, int],
    time: tuple[int, int, int],
    zone: str,
    language: str | None,
) -> None:
    written = f"{weekday}{day[0]:02} {day[1]} {day[2]} {time[0]:02}:{time[1]:02}:{time[2]:02} {zone}"
    # a space in front is taken out on the long way alone
    assert instant(written, language=language) == instant(
        f" {written}", language=language
    )


ABBREVIATIONS = """
ru янв фев мар апр мая июн июл авг сен окт ноя дек
uk січ лют бер кві тра чер лип сер вер жов лис гру
he ינו פבר מרץ אפר מאי יונ יול אוג ספט אוק נוב דצמ
be сту лют сак кра тра чэр ліп жні вер кас ліс сне
ro ian feb mar apr mai iun iul aug sep oct noi dec
de Jan Feb Mrz Apr Mai Jun Jul Aug Sep Okt Nov Dez
de Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez
cs led úno bře dub kvě čen čec srp zář říj lis pro
cs led úno bře dub kvě čvn čvc srp zář říj lis pro
hr sij velj ožu tra svi lip srp kol ruj lis stu pro
bs sij vel ožu tra svi lip srp kol ruj lis stu pro
hu jan feb már ápr máj jún júl aug sze okt nov dec
id Jan Feb Mar Apr Mei Jun Jul Agt Sep Okt Nov Des
id Jan Feb Mar Apr Mei Jun Jul Agu Sep Okt Nov Des
ms Jan Feb Mac Apr Mei Jun Jul Ogo Sep Okt Nov Dis
fr janv févr mars avr mai juin juil aoû sept oct nov déc
fr jan fév mar avr mai juin juil aou sep oct nov dec
lt sau vas kov bal geg bir lie rgp rgs spa lap gru
lt saus vas kov bal geg birž liep rugp rugs spal lapkr grd
sq Jan Shk Mar Pri Maj Qer Kor Gsh Sht Tet Nën Dhj
pl sty lut mar kwi maj cze lip sie wrz paź lis gru
tr Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara
pt jan fev mar abr mai jun jul ago set out nov dez
es ene feb mar abr may jun jul ago sep oct nov dic
it gen feb mar apr mag giu lug ago set ott nov dic
ca gen febr març abr mai jun jul ago set oct nov des
gl xan feb mar abr mai xuñ xul ago set out nov dec
eu urt ots mar api mai eka uzt abu ira urr aza abe
sv jan feb mars apr maj juni juli aug sep okt nov dec
da jan feb mar apr maj jun jul aug sep okt nov dec
nb jan feb mar apr mai jun jul aug sep okt nov des
is jan feb mar apr maí jún júl ágú sep okt nóv des
fi tammi helmi maalis huhti touko kesä heinä elo syys loka marras joulu
et jaan veebr märts apr mai juuni juuli aug sept okt nov dets
lv janv febr marts apr maijs jūn jūl aug sept okt nov dec
sl jan feb mar apr maj jun jul avg sep okt nov dec
sk jan feb mar apr máj jún júl aug sep okt nov dec
bg яну фев мар апр май юни юли авг сеп окт ное дек
sr јан феб мар апр мај јун јул авг сеп окт нов дец
mk јан фев мар апр мај јун јул авг сеп окт ное дек
el Ιαν Φεβ Μάρ Απρ Μαΐ Ιούν Ιούλ Αύγ Σεπ Οκτ Νοέ Δεκ
el Ιανουάριος Φεβρουάριος Μάρτιος Απρίλιος Μάιος Ιούνιος Ιούλιος Αύγουστος Σεπτέμβριος Οκτώβριος Νοέμβριος Δεκέμβριος
ka იან თებ მარ აპრ მაი ივნ ივლ აგვ სექ ოქტ ნოე დეკ
hy հնվ փտվ մրտ ապր մյս հնս հլս օգս սեպ հոկ նոյ դեկ
az yan fev mar apr may iyn iyl avq sen okt noy dek
kk қаң ақп нау сәу мам мау шіл там қыр қаз қар жел
"""
"""Of the months from January, as glibc, PHP, WordPress and CLDR write them."""


@pytest.mark.parametrize("line", ABBREVIATIONS.split("\n")[1:-1])
@pytest.mark.parametrize(
    "form",
    ["10 {} 2025", "10 {}. 2025", "lun, 10 {} 2025", "{} 10, 2025", "10-{}-2025"],
)
def test_abbreviations_of_months_are_read_in_their_language(
    line: str, form: str
) -> None:
    language, *names = line.split()
    for month, name in enumerate(names, 1):
        for written in (form.format(name), form.format(name).upper()):
            assert instant(written, language=language) == datetime(
                2025, month, 10, tzinfo=UTC
            )


@pytest.mark.parametrize("line", ABBREVIATIONS.split("\n")[1:-1])
def test_without_a_language_a_month_is_right_or_none(line: str) -> None:
    for month, name in enumerate(line.split()[1:], 1):
        found = instant(f"10 {name} 2025", language=None)
        assert found is None or found.month == month


@pytest.mark.parametrize("mark", ["׳", "'", "’", "."])
def test_hebrew_months_may_have_a_geresh_and_an_in(mark: str) -> None:
    november = datetime(2025, 11, 10, tzinfo=UTC)
    assert instant(f"10 נוב{mark} 2025", language="he") == november
    assert instant(f"10 בנוב{mark} 2025", language="he") == november


@pytest.mark.parametrize(
    ("month", "name"),
    [
        (1, "Một"),
        (1, "Giêng"),
        (2, "Hai"),
        (3, "Ba"),
        (4, "Tư"),
        (5, "Năm"),
        (6, "Sáu"),
        (7, "Bảy"),
        (8, "Tám"),
        (9, "Chín"),
        (10, "Mười"),
        (11, "Mười Một"),
        (12, "Mười Hai"),
    ],
)
def test_vietnamese_months_in_words(month: int, name: str) -> None:
    for form in ("Thứ Hai, 10 Tháng {}, 2025", "Tháng {} 10, 2025"):
        assert instant(form.format(name), language="vi") == datetime(
            2025, month, 10, tzinfo=UTC
        )


@pytest.mark.parametrize(
    ("raw", "language", "month_and_day"),
    [
        ("lun, 10 noi 2025 09:00:00 +0200", "ro", (11, 10)),
        ("mar, 11 noi 2025 09:00:00 +0200", "ro", (11, 11)),
        ("Mar, 12 Aou 2025 09:00:00 +0200", "fr", (8, 12)),
        ("Mar, 12 aoû 2025 09:00:00 +0200", "fr", (8, 12)),
        ("Sub, 8 stu 2025", "hr", (11, 8)),
        ("Paz, 12 Eki 2025", "tr", (10, 12)),
        ("Sen, 10 Nop 2025", "id", (11, 10)),
        ("sht, 8 nën 2025", "sq", (11, 8)),
        ("Maw, 11 Tach 2025", "cy", (11, 11)),
        ("Sze, 10 sze 2025", "hu", (9, 10)),
        ("2025, lun 10 noi", "ro", (11, 10)),
        ("lun noi 10 09:00:00 2025", "ro", (11, 10)),
        ("mar 11 mar 2025", "es", (3, 11)),
        ("10 mar 2025, lun", "es", (3, 10)),
        ("Mar 10, 2025 lun", "es", (3, 10)),
        ("Mar 12th, 2025", "en", (3, 12)),
        ("March the 12th, 2025", "en", (3, 12)),
        # No other word stands where the month stands, or an unknown one does.
        ("lun, 10 xyz 2025", "ro", None),
        ("mar, 11 xyz 2025 09:00:00 +0200", None, None),
        ("mar xyz 11 2025", None, None),
        ("10 xyz 2025, lun", None, None),
        ("2025 xyz 10, mar", None, None),
        ("Sen, 10 xyz 2025", "id", None),
        # The 12th of March was a Wednesday.
        ("Mar 12, 2025 lun", "es", None),
        # Elsewhere weekdays are often wrong.
        ("Mon, 12 mar 2025", "en", (3, 12)),
    ],
)
def test_a_weekday_is_no_month(
    raw: str, language: str | None, month_and_day: tuple[int, int] | None
) -> None:
    found = instant(raw, language=language)
    if month_and_day is None:
        assert found is None
        return
    assert found is not None
    assert (found.year, found.month, found.day) == (2025, *month_and_day)


@pytest.mark.parametrize(
    ("raw", "language", "month"),
    [
        ("10 lis 2025", "pl", 11),
        ("10 lis 2025", "hr", 10),
        ("10 lis 2025", "sh", 10),
        ("10 lis 2025", None, None),
        ("10 lis 2025", "en", None),
        ("Pon, 10 lis 2025", None, 11),
        ("Fri, 10 lis 2025", None, 10),
        ("Sun, 10 lis 2025", None, None),
        ("10 srp 2025", "cs-CZ", 8),
        ("10 srp 2025", "hr-HR", 7),
        ("10 lip 2025", "pl", 7),
        ("10 lip 2025", "bs", 6),
        # November has no 31st.
        ("31 lis 2025", None, 10),
        ("10 rug 2025", "lt", None),
        ("Wed, 10 rug 2025", "lt", 9),
        ("10 jui 2025", "fr", None),
        ("jeu, 10 jui 2025", "fr", 7),
    ],
)
def test_a_word_for_two_months_is_decided_by_language_or_weekday(
    raw: str, language: str | None, month: int | None
) -> None:
    found = instant(raw, language=language)
    assert (found and found.month) == month


@pytest.mark.parametrize(
    ("raw", "language"),
    [
        ("2025 жылғы 10 қараша", "kk"),
        ("2025. gada 10. novembrī", "lv"),
        ("2025 m. lapkričio 10 d.", "lt"),
        ("2025(e)ko azaroaren 10a", "eu"),
        ("2025. nov. 10., hétfő", "hu"),
        ("10 KASIM 2025 PAZARTESİ", "tr"),
        ("10 d'octubre de 2025", "ca"),
        ("10 Deireadh Fómhair 2025", "ga"),
        ("بدھ، 10 نومبر، 2025", "ur"),
    ],
)
def test_whole_dates_of_the_worlds_calendars(raw: str, language: str) -> None:
    found = instant(raw, language=language)
    assert found is not None
    assert (found.year, found.day) == (2025, 10)
    assert found.month in (10, 11)


def test_words_mean_one_thing_or_are_told_apart_by_language() -> None:
    """The tables' own rules: numbers in range, no word in both halves, two meanings for each that differs."""
    for words, numbers in ((MONTHS, range(1, 13)), (WEEKDAYS, range(7))):
        assert set(words.agreed.values()) == set(numbers)
        assert not words.agreed.keys() & words.differing.keys()
        assert all(len(meanings) > 1 for meanings in words.differing.values())


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("ET", 5, 4),
        ("CT", 6, 5),
        ("MT", 7, 6),
        ("PT", 8, 7),
        ("(ET)", 5, 4),
        ("Eastern", 5, 4),
        ("Eastern Time", 5, 4),
        ("(Eastern Time)", 5, 4),
        ("US Pacific Time", 8, 7),
        ("Eastern Standard Time", 5, 5),
        ("Eastern Daylight Time", 4, 4),
        ("Central European Summer Time", -2, -2),
        ("Beijing Time", -8, -8),
        ("Greenwich Mean Time", 0, 0),
        ("UTC time", 0, 0),
        ("Europe/Berlin", -1, -2),
        ("[Europe/Berlin]", -1, -2),
        ("America/Argentina/Buenos_Aires", 3, 3),
        ("Etc/GMT+8", 8, 8),
        ("US/Eastern", 5, 4),
        ("Uhr MEZ", -1, -1),
        ("Uhr (MEZ)", -1, -1),
        ("Thursday EST", 5, 5),
        ("мск", -3, -3),
        ("по мск", -3, -3),
    ],
)
def test_names_of_zones_follow_the_rules_of_the_date(
    zone: str, winter: int, summer: int
) -> None:
    for month, hours in ((1, winter), (7, summer)):
        expected = datetime(2026, month, 30, 11, 15, tzinfo=UTC) + timedelta(
            hours=hours
        )
        for written in (
            f"30 {'Jan' if month == 1 else 'Jul'} 2026 11:15:00 {zone}",
            f"2026-{month:02}-30T11:15:00 {zone}",
            f"2026-{month:02}-30 11:15{zone}",
        ):
            if zone[0].isalpha() and written.endswith(f"15{zone}"):
                continue
            assert instant(written, language="en") == expected


@pytest.mark.parametrize(
    ("raw", "language"),
    [
        ("30 Oct 2026 11:15:00 Europe/Nowhere", None),
        ("30 Oct 2026 11:15:00 etc/passwd", None),
        ("30 Oct 2026 11:15:00 local time", "en"),
        ("30 Oct 2026 11:15:00 ET", "en-au"),
        ("30 Oct 2026 11:15:00 CT", "zh"),
        ("30 Oct 2026 11:15:00 Eastern Time", "en-au"),
        # Left out, and twice.
        ("2026-03-29T02:30:00 Europe/Berlin", None),
        ("2026-10-25T02:30:00 Europe/Berlin", None),
        ("1 Nov 2026 01:30 ET", "en-us"),
    ],
)
def test_an_unknown_zone_or_a_time_that_it_does_not_have_once_is_refused(
    raw: str, language: str | None
) -> None:
    assert instant(raw, language=language) is None


def test_polish_pt_is_friday_and_no_pacific_time() -> None:
    expected = datetime(2025, 12, 12, 9, tzinfo=UTC)
    assert instant("09:00 pt, 12 gru 2025", language="pl") == expected


def test_a_place_behind_an_offset_is_only_its_name() -> None:
    expected = datetime(2026, 10, 30, 10, 15, tzinfo=UTC)
    for place in ("[Europe/Berlin]", " Europe/Berlin", "[Europe/Berlin][u-ca=gregory]"):
        raw = f"2026-10-30T11:15:00+01:00{place}"
        assert instant(raw, language=None) == expected


def test_without_a_database_of_zones_names_are_refused_and_offsets_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(place: str) -> None:
        raise KeyError(place)

    monkeypatch.setattr(zones, "ZoneInfo", none)
    assert instant("30 Oct 2026 11:15:00 ET", language="en") is None
    assert instant("30 Oct 2026 11:15:00 Europe/Berlin", language="en") is None
    assert instant("30 Oct 2026 11:15:00 EST", language="en") is not None


@pytest.mark.parametrize(
    ("raw", "language", "at"),
    [
        ("Fri, 30 Oct 2026 9:5:3 GMT", None, (9, 5, 3)),
        ("30/10/2026 9:05:3", None, (9, 5, 3)),
        ("2026-10-30 9:5:03", None, (9, 5, 3)),
        ("2026-10-30T9:5:3Z", None, (9, 5, 3)),
        ("10/30/2026 9:5:3 am", None, (9, 5, 3)),
        ("2026年10月30日 17时5分3秒", "zh", (9, 5, 3)),
        ("2026年10月30日 18時5分", "ja", (9, 5, 0)),
        ("2026년 10월 30일 오후 6시 5분", "ko", (9, 5, 0)),
        # May be cut off.
        ("30 Oct 2026 9:5 GMT", None, None),
        ("2026-10-30T11:1", None, None),
        ("30 Oct 2026 9:61:3 GMT", None, None),
    ],
)
def test_times_may_lack_their_leading_zeros(
    raw: str, language: str | None, at: tuple[int, int, int] | None
) -> None:
    found = instant(raw, language=language)
    assert found == (at and datetime(2026, 10, 30, *at, tzinfo=UTC))
