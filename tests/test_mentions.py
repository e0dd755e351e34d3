"""What `words` mean: one table for queues, the page and search. Each line: language, item, text, whether it is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import mentions
from aggregator.mentions import Report

CASES = r"""
en | earthquake | Two earthquakes shake the coast | yes
en | earthquakes | An earthquake shakes the coast | yes
en | EARTHQUAKE | Earthquake of magnitude 6 | yes
en | Earthquake | EARTHQUAKE OF MAGNITUDE 6 | yes
en | quak | Earthquake, a quake | no
en | quake | An earthquake hits | no
en | earthquake | The earthquake's toll rises | yes
en | city | Cities under water | yes
en | crisis | Two crises at once | yes
en | wolf | Wolves return to the valley | yes
en | woman | Women march in the capital | yes
en | church | Churches burn | yes
en | new | News of the day | no
en | organ | The organization meets | no
en | universe | The university opens | no
en | art | A party starts | no
en | WHO | Who leads the talks? | no
en | WHO | The WHO warns of measles | yes
en | WHO | (WHO) warns of measles | yes
en | who | The WHO warns | yes
en | US | Tell us more about it | no
en | US | US strikes a deal | yes
en | US | The U.S. strikes a deal | yes
en | US | The US's new tariffs | yes
en | IT | It rains in Rome | no
en | IT | IT outage grounds planes | yes
en | UN | The UN's envoy | yes
en | NATO | Nato chief in Kyiv | yes
en | NATO | NATO chief in Kyiv | yes
en | AIDS | The road aids trade | no
en | NGO | NGOs leave the region | yes
en | AI | A.I. writes songs | yes
en | AI | He said so | no
en | climate change | Climate  change at sea | yes
en | climate change | On climate\nchange and cities | yes
en | climate change | Climate policy change | no
en | climate change | They spoke of the climate. Change comes slowly | no
en | "climate change" | climate-change talks | yes
en | New York | A new York shire | yes
en | =New York | A new York shire | no
en | O'Brien | Mr O’Brien resigns | yes
en | O’Brien | Mr O'Brien resigns | yes
en | don't | They don’t pay | yes
en | cafe | A café opens | yes
en | café | A cafe opens | yes
en | Erdoğan | Erdogan meets Putin | yes
en | Zurich | Zürich votes | yes
en | COVID | Covid-19 returns | yes
en | covid-19 | COVID‑19 returns | yes
en | 5G | 5G towers | yes
en | 5G | 15G towers | no
en | C++ | C++ turns forty | yes
en | C | C++ turns forty | no
en | AT&T | AT&T buys a rival | yes
en | 7.5 | A 7.5 magnitude quake | yes
en | quake* | The quakes of May | yes
en | quake* | Quakers meet | yes
en | quake* | An earthquake | no
en | =Apple | Apple shows a phone | yes
en | =Apple | An apple a day | no
en | =Apple | Apples fall | no
en | =résumé | He sent a resume | no
en | #climate | Join #climate now | yes
en | 🔥 | Sale 🔥 today | yes
en | ship | A ship-\nping line | yes
en | Iran | Iranian talks | no
zh | 地震 | 日本发生强烈地震 | yes
zh | 台湾 | 台灣地震 | yes
zh | 台灣 | 台湾地震 | yes
zh | 臺灣 | 台湾地震 | yes
zh | AI | 东京发布AI模型 | yes
zh | ai | 东京发布AI模型 | yes
zh | AI模型 | 发布 AI 模型 | yes
zh | AI | 发布OpenAI模型 | no
zh | 人工智能 | 人工 智能大会 | yes
zh | 北京 | 南京地震 | no
zh | ＡＩ | AI大会 | yes
zh | 台湾 地震 | 台湾发生地震 | no
zh | iPhone | 苹果iPhone发布 | yes
zh | iPhone | 苹果iPhones发布 | yes
ja | 地震 | 能登半島で地震 | yes
ja | テスト | コンテストの結果 | no
ja | テスト | 新しいテストを発表 | yes
ja | ﾃｽﾄ | 新しいテストを発表 | yes
ja | サッカー | サッカーチーム優勝 | yes
ja | 東京 | 東京で会議 | yes
ja | NATO | NATO首脳会議 | yes
ko | 지진 | 지진이 발생했다 | yes
ko | 지진 | 일본 지진은 강했다 | yes
ko | 지진 | 지진으로 다친 사람들 | yes
ko | AI | AI가 쓴 소설 | yes
ko | 인도 | 인도네시아 대통령 | no
ko | 대통령 | 대통령의 연설 | yes
ko | 대통령 | 대통령들이 만났다 | yes
ko | 서울 | 서울에서는 비가 | yes
ru | землетрясение | Землетрясения в Японии | yes
ru | землетрясение | После землетрясений в Чили | yes
ru | Путин | Встреча с Путиным | yes
ru | Путин | О Путине говорят | yes
ru | США | Встреча в США | yes
ru | Москва | В Москве дождь | yes
ru | Россия | Из России | yes
ru | елка | Новогодняя ёлка | yes
ru | суд | Судно затонуло | no
ru | Львов | Львы в зоопарке | no
uk | Київ | У Києві дощ | yes
uk | Харків | У Харкові тихо | yes
uk | Зеленський | Слова Зеленського | yes
uk | Україна | В Україні дощ | yes
uk | Харків | Мешканці Харків | yes
uk | м'яч | М’яч у грі | yes
de | Erdbeben | Das Erdbebengebiet | yes
de | Wahl | Die Bundestagswahl | yes
de | Wahl | Eine große Auswahl | no
de | Wahl | Wahlen in Hessen | yes
de | Streik | Der Bahnstreik endet | yes
de | Streik | Streikende blockieren | yes
de | Krise | Die Krisen der Welt | yes
de | Strasse | Die Straße ist frei | yes
de | München | In Munchen | yes
de | Band | Drei Bände | yes
de | Land | Deutschland gewinnt | no
de | Regen | Regensburg feiert | no
de | EU | Das neue Gesetz | no
fr | séisme | Deux séismes en Italie | yes
fr | seisme | Un séisme en Italie | yes
fr | Iran | L’Iran répond | yes
fr | Iran | l'Iran répond | yes
fr | journal | Les journaux | yes
fr | élection | Les Élections | yes
fr | eau | Le bureau | no
fr | OTAN | Le chef de l’Otan | yes
es | terremoto | Dos terremotos | yes
es | eleccion | La elección del año | yes
es | elección | Las elecciones | yes
es | ano | El año nuevo | no
es | año | Años de sequía | yes
es | voz | Las voces | yes
es | México | Mexico gana | yes
pt | eleição | As eleições de outubro | yes
pt | Sao Paulo | São Paulo vence | yes
pt | hospital | Os hospitais | yes
pt | homem | Os homens | yes
it | terremoto | I terremoti | yes
it | Italia | L'Italia vince | yes
it | banca | Le banche | yes
it | città | Le citta | yes
ar | زلزال | الزلزال يضرب | yes
ar | الزلزال | زلزال يضرب | yes
ar | زلزال | بالزلزال والحرب | yes
ar | إيران | ايران ترد | yes
ar | حكومة | الحكومة الجديدة | yes
ar | محمد | مُحَمَّد | yes
ar | مصر | المصرف المركزي | no
fa | کتاب | كتاب‌ها | yes
he | ממשלה | הממשלה החדשה | yes
he | ישראל | בישראל | yes
hi | राम | रामायण का पाठ | no
hi | राम | राम का मंदिर | yes
hi | भूकंप | भूकंपों से तबाही | yes
hi | चुनाव | चुनावों में | yes
vi | ma | má và mạ | no
vi | động đất | Động đất ở Nhật | yes
vi | dong dat | Động đất ở Nhật | no
tr | deprem | Depremde ölenler | yes
tr | İstanbul | istanbul'da yağmur | yes
tr | seçim | Seçimler yarın | yes
tr | Erdoğan | Erdoğan’ın konuşması | yes
pl | wybory | Po wyborach | yes
pl | Kraków | W Krakowie | yes
nl | verkiezing | De verkiezingen | yes
nl | staking | De treinstaking | yes
sv | val | Riksdagsval i höst | no
sv | jordbävning | Jordbävningen i Chile | yes
el | σεισμός | Δύο σεισμοί | yes
el | σεισμός | ΣΕΙΣΜΟΣ στην Κρήτη | yes
th | แผ่นดินไหว | เกิดแผ่นดินไหวที่ญี่ปุ่น | yes
th | รถ | รถไฟชนกัน | yes
id | gempa | Gempanya kuat | yes
fi | vaali | Vaaleissa voitti | yes
hu | választás | A választásokban | yes
en | man | Two men arrested | yes
en | child | Children rescued | yes
en | mouse | Mice overrun the farms | yes
en | Oman | An omen of spring | no
en | e-mail | Email leak | yes
en | wi-fi | WiFi is down | yes
en | health-care | A healthcare bill | yes
en | F-16 | F16 jets | yes
en | F16 | F-16 jets | yes
en | G7 | G-7 leaders meet | yes
en | A4 | A 4% rise | no
en | covid19 | Covid 19 is back | yes
en | covid | Covid19 is back | yes
en | MI | The head of MI5 | no
en | =Covid | Covid19 is back | no
zh | iPhone | iPhone17发布 | yes
zh | iPhone 17 | iPhone17发布 | yes
nl | huis | Nieuwe huizen | yes
nl | bom | Drie bommen | yes
nl | boot | Twee boten | yes
nl | brief | De brieven | yes
nl | stad | Grote steden | yes
cs | Praha | V Praze prší | yes
cs | volby | Po skončení voleb | yes
cs | povodeň | Povodně na Moravě | yes
pl | Polska | W Polsce | yes
sk | ministerka | Reč ministerke | yes
ru | рынок | На рынке нефти | yes
ru | отец | Дом отца | yes
ru | девушка | Пять девушек | yes
ru | Белый дом | Глава Белого дома | yes
ru | новый год | После Нового года | yes
fa | زلزله | زلزله‌ها | yes
he | צה"ל | דובר צה״ל | yes
he | צה״ל | דובר צה"ל | yes
hi | हिंदी | हिन्दी दिवस | yes
hi | भूकंप | भूकम्प से तबाही | yes
und | earthquake | Two earthquakes | yes
und | землетрясение | Землетрясения | yes
""".strip().splitlines()


def case(line: str) -> tuple[str, str, str, bool]:
    lang, item, text, found = (
        part.strip() for part in line.replace("\\n", "\n").split(" | ")
    )
    return lang, item, text, found == "yes"


TABLE = [case(line) for line in CASES]


@pytest.mark.parametrize(
    ("lang", "item", "text", "found"),
    TABLE,
    ids=[f"{c[0]} {c[1]} in {c[2]}" for c in TABLE],
)
def test_an_item_is_found_where_a_reader_expects_it(
    lang: str, item: str, text: str, found: bool
):
    assert mentions.any_of([item], Report(text, lang=lang)) is found
    assert mentions.all_of([item], Report("Other", text, lang)) is found


def test_the_table_is_as_long_and_wide_as_promised():
    assert len(TABLE) >= 120
    assert len({lang for lang, *_ in TABLE}) >= 13


# --- more than one item ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "any_found", "all_found"),
    [
        ((), True, True),
        (("earthquake", "flood"), True, False),
        (("earthquake", "coast"), True, True),
        (("earthquake", "-coast"), False, False),
        (("-flood",), True, True),
        (("-coast",), False, False),
        (("title:earthquake",), True, True),
        (("title:coast",), False, False),
        (("title:earthquake", "-title:coast"), True, True),
        (("-title:=earthquake", "coast"), True, True),
        (("-title:=Earthquake", "coast"), False, False),
        (("Title: earthquake",), True, True),
        (("earthquake coast",), False, False),
    ],
)
def test_items_are_joined_and_title_and_without_are_kept_to(
    items: tuple[str, ...], any_found: bool, all_found: bool
):
    report = Report("Earthquake", "It shook the coast", "en")
    assert mentions.any_of(items, report) is any_found
    assert mentions.all_of(items, report) is all_found


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ('quake "climate change" -drill', ("quake", '"climate change"', "-drill")),
        ('title:"climate change"', ('title:"climate change"',)),
        ("  地震　海啸 ", ("地震", "海啸")),
        ("“typed so” =US", ("“typed so”", "=US")),
        ('"climate chang"*', ('"climate chang"*',)),
        ('an "open quote', ("an", '"open', "quote")),
        ("", ()),
    ],
)
def test_a_search_field_is_split_at_white_space_but_not_in_quotes(
    query: str, items: tuple[str, ...]
):
    assert mentions.split(query) == items


@pytest.mark.parametrize(
    "item", ["", " ", "-", "=", "*", "title:", "-title:=", '""', "-*"]
)
def test_an_item_that_asks_for_nothing_is_known(item: str):
    assert mentions.is_empty(item)


@pytest.mark.parametrize("item", ["a", "-a", "🔥", "C#", "=US", '"x"', "地"])
def test_an_item_that_asks_for_something_is_known(item: str):
    assert not mentions.is_empty(item)


@given(
    st.text(max_size=30),
    st.text(max_size=80),
    st.sampled_from(["en", "de", "zh-TW", "ko", "ar", "ru", "und", ""]),
)
def test_any_item_may_be_asked_of_any_text(item: str, text: str, lang: str):
    found = mentions.any_of([item], Report("", text, lang))
    assert isinstance(found, bool)
    if not item.strip().startswith("-"):
        assert not found or mentions.all_of([item], Report("", text, lang))


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzäöüß", min_size=1, max_size=12))
def test_a_word_is_found_in_itself(word: str):
    for lang in ("en", "de", "fr", "ru", "tr", "und"):
        assert mentions.any_of([word], Report(f"The {word}, again", lang=lang))
