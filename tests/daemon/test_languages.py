"""Reports in Hindi, Arabic and Korean on their way through the real program."""

from __future__ import annotations

from pathlib import Path

from tests.daemon.program import Program, feeds_of, until
from tests.daemon.test_program import rss
from tests.origin import Answer, Origin

Told = tuple[str, str]

FIRST: dict[str, Told] = {
    "hi": (
        "जयपुर में बस पलटी, 12 यात्री घायल",
        "जयपुर के पास सोमवार सुबह एक निजी बस पलट गई। हादसे में 12 यात्री घायल हुए, जिन्हें अस्पताल में भर्ती कराया गया।",
    ),
    "ar": (
        "حريق في مصنع بالإسكندرية يصيب 9 عمال",
        "أصيب 9 عمال في حريق اندلع صباح الاثنين في مصنع للنسيج بمدينة الإسكندرية، وسيطرت قوات الدفاع المدني على النيران.",
    ),
    "ko": (
        "대전 시내버스 노조 28일 첫차부터 파업",
        "대전 시내버스 노조가 임금 협상이 결렬됨에 따라 28일 첫차부터 파업에 들어간다고 밝혔다.",
    ),
}
AGAIN: dict[str, Told] = {
    "hi": (
        "जयपुर के पास बस पलटने से 12 यात्री घायल",
        "जयपुर में सोमवार को यात्रियों से भरी निजी बस पलट गई। पुलिस के मुताबिक हादसे में घायल 12 यात्रियों को अस्पताल भेजा गया।",
    ),
    "ar": (
        "إصابة 9 عمال في حريق بمصنع في الإسكندرية",
        "اندلع حريق في مصنع للنسيج في الإسكندرية صباح الاثنين، وأصيب 9 عمال قبل أن تسيطر قوات الدفاع المدني على النيران.",
    ),
    "ko": (
        "대전 시내버스 28일 파업…노조 협상 결렬",
        "대전 시내버스 노사의 임금 협상이 결렬돼 노조가 28일 첫차부터 파업에 들어간다.",
    ),
}
LOOKALIKE: dict[str, Told] = {
    "hi": (
        "पटना में बस पलटी, 7 यात्री घायल",
        "पटना के पास सोमवार शाम एक स्कूल बस पलट गई। हादसे में 7 बच्चे घायल हुए।",
    ),
    "ar": (
        "النيران تلتهم سوقا قديما في دمشق",
        "اندلعت النيران مساء الأحد في سوق قديم وسط دمشق، والتهمت عشرات المحلات دون وقوع ضحايا.",
    ),
    "ko": (
        "부산 지하철 노조 30일 첫차부터 파업",
        "부산 지하철 노조가 인력 협상이 결렬됨에 따라 30일 첫차부터 파업에 들어간다고 밝혔다.",
    ),
}


def test_reports_of_one_event_are_joined_and_a_lookalike_is_not_in_three_scripts(
    tmp_path: Path,
):
    feeds = {
        "first": (*LOOKALIKE.values(), *FIRST.values()),
        "again": (*AGAIN.values(),),
    }
    with Origin.in_thread() as origin:
        for name, told in feeds.items():
            body = rss(*told, site=name)
            origin.script(f"/{name}", Answer(body=body, etag='"1"'))
        urls = [origin.url(f"/{name}", n) for n, name in enumerate(feeds, 1)]
        program = Program(tmp_path, feeds_of(*urls))
        with program.running():
            client = program.client()
            until(lambda: client.xlen("agg:reports") == 9, what="nine reports")
            reports = [fields for _, fields in client.xrange("agg:reports")]
    event_of = {fields["title"]: fields["event_id"] for fields in reports}
    languages = {fields["title"]: fields["lang"] for fields in reports}
    for lang, (title, _) in FIRST.items():
        assert languages[title] == lang
        assert event_of[title] == event_of[AGAIN[lang][0]], lang
        assert event_of[title] != event_of[LOOKALIKE[lang][0]], lang
    assert len(set(event_of.values())) == 6
