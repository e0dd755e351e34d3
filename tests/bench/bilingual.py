"""Made-up headlines for training, in two languages: one event told in both, and two events of one kind or one place.

The names of slots and the ways to tell are ours; none of the pairs is one of tests/bench/languages.
"""

from __future__ import annotations

import random
from itertools import permutations

LANGUAGES = ("en", "zh", "ru", "es")

SLOTS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "country": (
        ("Poland", "波兰", "Польша", "Polonia"),
        ("Kenya", "肯尼亚", "Кения", "Kenia"),
        ("Chile", "智利", "Чили", "Chile"),
        ("Vietnam", "越南", "Вьетнам", "Vietnam"),
        ("Norway", "挪威", "Норвегия", "Noruega"),
        ("Egypt", "埃及", "Египет", "Egipto"),
        ("Portugal", "葡萄牙", "Португалия", "Portugal"),
        ("Turkey", "土耳其", "Турция", "Turquía"),
        ("Nepal", "尼泊尔", "Непал", "Nepal"),
        ("Hungary", "匈牙利", "Венгрия", "Hungría"),
        ("Thailand", "泰国", "Таиланд", "Tailandia"),
        ("Brazil", "巴西", "Бразилия", "Brasil"),
    ),
    "city": (
        ("Osaka", "大阪", "Осака", "Osaka"),
        ("Lyon", "里昂", "Лион", "Lyon"),
        ("Lagos", "拉各斯", "Лагос", "Lagos"),
        ("Jakarta", "雅加达", "Джакарта", "Yakarta"),
        ("Warsaw", "华沙", "Варшава", "Varsovia"),
        ("Cairo", "开罗", "Каир", "El Cairo"),
        ("Lima", "利马", "Лима", "Lima"),
        ("Athens", "雅典", "Афины", "Atenas"),
        ("Nairobi", "内罗毕", "Найроби", "Nairobi"),
        ("Shenyang", "沈阳", "Шэньян", "Shenyang"),
    ),
    "company": (
        ("Intel", "英特尔", "Intel", "Intel"),
        ("Sony", "索尼", "Sony", "Sony"),
        ("Siemens", "西门子", "Siemens", "Siemens"),
        ("Toyota", "丰田", "Toyota", "Toyota"),
        ("Microsoft", "微软", "Microsoft", "Microsoft"),
        ("Amazon", "亚马逊", "Amazon", "Amazon"),
        ("Nokia", "诺基亚", "Nokia", "Nokia"),
        ("Tencent", "腾讯", "Tencent", "Tencent"),
        ("Airbus", "空客", "Airbus", "Airbus"),
        ("Tesla", "特斯拉", "Tesla", "Tesla"),
    ),
    "person": (
        ("Petrescu", "彼得雷斯库", "Петреску", "Petrescu"),
        ("Lindqvist", "林德奎斯特", "Линдквист", "Lindqvist"),
        ("Okonkwo", "奥孔科沃", "Оконкво", "Okonkwo"),
        ("Fernandez", "费尔南德斯", "Фернандес", "Fernández"),
        ("Kowalski", "科瓦尔斯基", "Ковальский", "Kowalski"),
        ("Tanaka", "田中", "Танака", "Tanaka"),
        ("Haddad", "哈达德", "Хаддад", "Haddad"),
        ("Meyer", "迈耶", "Майер", "Meyer"),
    ),
    "team": (
        ("Sevilla", "塞维利亚", "Севилья", "Sevilla"),
        ("Lazio", "拉齐奥", "Лацио", "Lazio"),
        ("Ajax", "阿贾克斯", "Аякс", "Ajax"),
        ("Porto", "波尔图", "Порту", "Oporto"),
        ("Napoli", "那不勒斯", "Наполи", "Nápoles"),
        ("Celtic", "凯尔特人", "Селтик", "Celtic"),
        ("Galatasaray", "加拉塔萨雷", "Галатасарай", "Galatasaray"),
    ),
    "thing": (
        ("phone", "手机", "смартфон", "teléfono"),
        ("electric car", "电动汽车", "электромобиль", "coche eléctrico"),
        ("chip", "芯片", "чип", "chip"),
        ("laptop", "笔记本电脑", "ноутбук", "portátil"),
        ("satellite", "卫星", "спутник", "satélite"),
    ),
    "dead": tuple((n,) * 4 for n in ("7", "9", "15", "18", "23", "31", "46")),
    "number": tuple((n,) * 4 for n in ("2", "3", "5", "8", "12", "20", "30")),
    "magnitude": tuple((n,) * 4 for n in ("5.4", "5.9", "6.3", "6.7", "7.1")),
    "points": tuple((n,) * 4 for n in ("25", "50", "75")),
    "score": tuple(
        (f"{a}-{b}", f"{a}比{b}", f"{a}:{b}", f"{a}-{b}")
        for a, b in ((1, 0), (2, 1), (3, 0), (3, 2))
    ),
}

WAYS: tuple[tuple[str, str, str, str], ...] = (
    ("Magnitude {magnitude} earthquake strikes {country}", "{country}发生{magnitude}级地震", "{country}: землетрясение магнитудой {magnitude}", "Un terremoto de magnitud {magnitude} sacude {country}"),
    ("{company} to cut {number},000 jobs", "{company}将裁员{number}000人", "{company} сократит {number} тысяч сотрудников", "{company} recortará {number}.000 empleos"),
    ("{country} central bank raises rates by {points} basis points", "{country}央行加息{points}个基点", "{country}: центробанк повысил ставку на {points} базисных пунктов", "El banco central de {country} sube los tipos {points} puntos básicos"),
    ("{country} central bank cuts rates by {points} basis points", "{country}央行降息{points}个基点", "{country}: центробанк снизил ставку на {points} базисных пунктов", "El banco central de {country} baja los tipos {points} puntos básicos"),
    ("{person} wins presidential election in {country}", "{person}当选{country}总统", "{person} победил на президентских выборах, {country}", "{person} gana las elecciones presidenciales en {country}"),
    ("Prime minister of {country} resigns", "{country}总理宣布辞职", "{country}: премьер-министр ушел в отставку", "Dimite el primer ministro de {country}"),
    ("Fire in {city} apartment block kills {dead}", "{city}居民楼火灾致{dead}人死亡", "{city}: при пожаре в жилом доме погибли {dead} человек", "Un incendio en un edificio de {city} deja {dead} muertos"),
    ("Plane crashes near {city}, {dead} dead", "一架客机在{city}附近坠毁 {dead}人遇难", "{city}: разбился самолет, погибли {dead} человек", "Se estrella un avión cerca de {city}: {dead} muertos"),
    ("{company} unveils new {thing}", "{company}发布新款{thing}", "{company} представила новый {thing}", "{company} presenta su nuevo {thing}"),
    ("{company} fined {number} million euros", "{company}被罚款{number}00万欧元", "{company} оштрафована на {number} млн евро", "Multa de {number} millones de euros a {company}"),
    ("Floods in {country} kill {dead}", "{country}洪灾已致{dead}人死亡", "{country}: жертвами наводнения стали {dead} человек", "Las inundaciones en {country} dejan {dead} muertos"),
    ("{country} reopens its borders to tourists", "{country}重新向外国游客开放边境", "{country} вновь открывает границы для туристов", "{country} reabre sus fronteras a los turistas"),
    ("{team} beat {team} {score}", "{team}{score}击败{team}", "{team} обыграл {team} {score}", "{team} vence {score} a {team}"),
    ("{company} to buy {company} in record deal", "{company}将收购{company} 交易额创纪录", "{company} купит {company} за рекордную сумму", "{company} comprará {company} en una operación récord"),
    ("{person} elected mayor of {city}", "{person}当选{city}市长", "{person} избран мэром, {city}", "{person}, elegido alcalde de {city}"),
    ("Thousands protest in {city} against pension reform", "{city}数千人抗议养老金改革", "{city}: тысячи человек вышли на протест против пенсионной реформы", "Miles de personas protestan en {city} contra la reforma de las pensiones"),
    ("{country} expels ambassador of {country}", "{country}驱逐{country}大使", "{country} высылает посла: {country}", "{country} expulsa al embajador de {country}"),
    ("{company} posts record quarterly profit", "{company}季度利润创历史新高", "{company} получила рекордную квартальную прибыль", "{company} logra un beneficio trimestral récord"),
)  # fmt: skip

Told = tuple[str, str]


def pairs(*, seed: int, rounds: int) -> list[tuple[Told, Told, bool]]:
    """((language, headline), (language, headline), same): for each way, round and two languages, one event in both, the
    event with one slot changed, and another kind of event with the same names where there is one."""
    chance = random.Random(seed)
    found: list[tuple[Told, Told, bool]] = []
    for way in WAYS:
        for _ in range(rounds):
            one, other = chance.choice(list(permutations(range(len(LANGUAGES)), 2)))
            filled = _filled(way, chance)
            changed = dict(filled)
            slot = chance.choice(sorted(set(filled) - {"dead"}))
            changed[slot] = _another(slot, filled, chance)
            found.append((_told(way, filled, one), _told(way, filled, other), True))
            found.append((_told(way, filled, one), _told(way, changed, other), False))
            kin = [
                w
                for w in WAYS
                if w is not way and set(_filled(w, chance)) & set(filled)
            ]
            if kin:
                elsewhere = chance.choice(kin)
                filling = _filled(elsewhere, chance) | filled
                found.append(
                    (_told(way, filled, one), _told(elsewhere, filling, other), False)
                )
    return found


def _slots(way: tuple[str, ...]) -> list[str]:
    """The slots of a way, a repeated one numbered: team, team#2."""
    names: list[str] = []
    for piece in way[0].split("{")[1:]:
        name = piece.partition("}")[0]
        names.append(name if name not in names else f"{name}#2")
    return names


def _filled(way: tuple[str, ...], chance: random.Random) -> dict[str, int]:
    filled: dict[str, int] = {}
    for slot in _slots(way):
        filled[slot] = _another(slot, filled, chance)
    return filled


def _another(slot: str, taken: dict[str, int], chance: random.Random) -> int:
    name = slot.partition("#")[0]
    used = {value for other, value in taken.items() if other.partition("#")[0] == name}
    return chance.choice([i for i in range(len(SLOTS[name])) if i not in used])


def _told(way: tuple[str, ...], filled: dict[str, int], language: int) -> Told:
    text = way[language]
    for slot in _slots(way):
        name = slot.partition("#")[0]
        text = text.replace("{" + name + "}", SLOTS[name][filled[slot]][language], 1)
    return LANGUAGES[language], text
