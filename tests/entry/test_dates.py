"""Dates: judged right, or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.entry.dates import instant

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
