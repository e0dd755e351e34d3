"""Made-up headlines for training: one event told two ways, and two events told in one way.

Each group is a set of ways to tell one kind of event. The same filling told in two ways is one event; two fillings that
differ in a single slot are two, but for a toll, which grows while an event is told. None is a trap of tests/dedup/traps; the names of slots are ours.
"""

from __future__ import annotations

import random

SLOTS: dict[str, tuple[str, ...]] = {
    "company": (
        "Intel",
        "Nokia",
        "Siemens",
        "Walmart",
        "Adobe",
        "Ford",
        "Sony",
        "Philips",
        "Oracle",
        "Visa",
        "Ericsson",
        "Airbnb",
    ),
    "country": (
        "Poland",
        "Kenya",
        "Chile",
        "Vietnam",
        "Norway",
        "Egypt",
        "Portugal",
        "Malaysia",
        "Ecuador",
        "Latvia",
        "Ghana",
        "Nepal",
    ),
    "city": (
        "Lyon",
        "Osaka",
        "Denver",
        "Porto",
        "Quito",
        "Leeds",
        "Perth",
        "Busan",
        "Lagos",
        "Turin",
        "Izmir",
        "Cork",
    ),
    "team": (
        "Sevilla",
        "Lazio",
        "Ajax",
        "Leeds United",
        "Porto",
        "Napoli",
        "Benfica",
        "Wolves",
        "Lyon",
        "Torino",
        "Celtic",
        "Genk",
    ),
    "person": (
        "Maria Lopez",
        "James Carter",
        "Olga Ivanova",
        "Peter Schmidt",
        "Aiko Tanaka",
        "Samuel Okoro",
        "Anna Novak",
        "David Cohen",
    ),
    "quarter": ("Q1", "Q2", "Q3", "Q4"),
    "magnitude": ("5.2", "5.9", "6.3", "6.7", "7.0", "7.4"),
    "count": ("7", "9", "15", "18", "23", "31", "46", "64"),
    "toll": ("7", "8", "9", "15", "18", "20", "23", "31"),
    "percent": ("1.5", "2", "3", "4.2", "5", "7"),
    "basis": ("25", "50", "75"),
    "score": ("1-0", "2-0", "3-1", "4-2", "2-2", "3-2"),
    "weekday": ("Tuesday", "Wednesday", "Thursday", "Saturday", "Sunday"),
    "compass": ("northern", "southern", "eastern", "western"),
    "version": ("2.1", "3.4", "4.0", "5.2", "6.3", "8.0"),
    "number": ("5", "6", "8", "11", "12", "14"),
    "product": (
        "Orion phone",
        "Vega laptop",
        "Atlas tablet",
        "Nova browser",
        "Helix database",
    ),
    "gadget": (
        "Orion S20",
        "Orion Watch 4",
        "Orion Buds 2",
        "Vega Book 7",
        "Vega Fold 3",
        "Atlas Pad 9",
        "Nova Glass",
    ),
    "firm": (
        "Redwood Systems",
        "Blue Harbor Bank",
        "Quantix",
        "Northwind Games",
        "Lumen Biotech",
        "Kestrel Energy",
    ),
    "sum": ("2.4", "7.5", "12", "19.8", "33", "46"),
    "公司": (
        "美的",
        "格力",
        "京东",
        "网易",
        "中兴",
        "比亚迪",
        "宁德时代",
        "招商银行",
        "海尔",
        "联想",
        "顺丰",
        "万科",
    ),
    "省": (
        "云南",
        "甘肃",
        "湖北",
        "安徽",
        "江西",
        "贵州",
        "广西",
        "山东",
        "吉林",
        "陕西",
    ),
    "队": (
        "广东队",
        "辽宁队",
        "上海队",
        "山西队",
        "新疆队",
        "深圳队",
        "日本队",
        "韩国队",
        "泰国队",
        "美国队",
    ),
    "季": ("第一季度", "第二季度", "第三季度", "第四季度"),
    "数": ("3", "5", "8", "12", "16", "21", "35", "47"),
    "人数": ("3", "4", "5", "8", "12", "14", "16", "21"),
    "级": ("4.3", "5.1", "5.8", "6.2", "6.6", "7.3"),
    "人": ("陈伟", "林静", "周涛", "赵敏", "黄磊", "吴倩", "徐亮", "何洁"),
    "国": ("智利", "波兰", "秘鲁", "加纳", "韩国", "芬兰", "肯尼亚", "阿根廷"),
    "外": (
        "桑切斯",
        "科瓦奇",
        "奥马尔",
        "林德曼",
        "费尔南多",
        "伊万诺夫",
        "哈桑",
        "穆勒",
    ),
    "项": ("男单", "女单", "男双", "女双"),
    "机": ("星河5", "星河6 Pro", "蓝鲸3", "蓝鲸4 Max", "云雀2", "云雀9"),
    "基点": ("25", "50", "75"),
    "比分": ("3比0", "3比1", "2比1", "1比0", "4比2"),
    "日": ("1月4日", "2月11日", "4月19日", "6月23日", "8月15日", "10月30日"),
    "序": ("三", "五", "六", "八", "九", "十二"),
}

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("en", ("{company} posts record {quarter} profit", "Record profit for {company} in {quarter}", "{company} reports best-ever {quarter} earnings")),
    ("en", ("{company} to cut {count}00 jobs", "{company} says it will lay off {count}00 workers", "{company} announces {count}00 layoffs")),
    ("en", ("{company} shares jump {percent}% after results", "{company} stock up {percent}% on strong results")),
    ("en", ("{company} shares fall {percent}% after results", "{company} stock down {percent}% on weak results")),
    ("en", ("{company} names {person} chief executive", "{person} appointed CEO of {company}", "{company} picks {person} as new CEO")),
    ("en", ("Magnitude {magnitude} earthquake strikes {compass} {country}", "{magnitude}-magnitude quake hits {compass} {country}", "Strong {magnitude} earthquake shakes {compass} {country}")),
    ("en", ("Train derails near {city}, {toll} dead", "At least {toll} killed in train derailment near {city}", "{toll} people die as train derails outside {city}")),
    ("en", ("Fire at {city} hotel kills {toll}", "{toll} dead in {city} hotel blaze", "Hotel fire in {city} leaves {toll} dead")),
    ("en", ("{team} beat {team} {score}", "{team} {score} {team}: match report")),
    ("en", ("{team} sign {person} on loan", "{person} joins {team} on loan deal", "{team} complete loan signing of {person}")),
    ("en", ("{country} central bank raises rates by {basis} basis points", "{country} lifts interest rates {basis} bps")),
    ("en", ("{country} central bank cuts rates by {basis} basis points", "{country} lowers interest rates {basis} bps")),
    ("en", ("{country} inflation rises to {percent}%", "Inflation in {country} climbs to {percent}%")),
    ("en", ("{country} inflation falls to {percent}%", "Inflation in {country} eases to {percent}%")),
    ("en", ("{person} wins election in {country}", "{country} election: {person} declared winner", "Voters in {country} elect {person} president")),
    ("en", ("{person} resigns as mayor of {city}", "{city} mayor {person} steps down")),
    ("en", ("{country} expels ambassador of {country}", "{country} orders {country} ambassador to leave")),
    ("en", ("{company} launches {product} {number}", "{company} unveils the {product} {number}", "New {product} {number} announced by {company}")),
    ("en", ("{product} {version} released", "{product} {version} is out", "Version {version} of {product} released with fixes")),
    ("en", ("Evening briefing for {weekday}: the news in five minutes", "Evening briefing: {weekday}'s news in five minutes")),
    ("en", ("Crossword {count}3{number}: answers for {weekday}",)),
    ("en", ("{company} unveils {gadget}", "{company} launches {gadget}", "{gadget} unveiled by {company}")),
    ("en", ("{company} to buy {firm} for ${sum} billion", "{company} acquires {firm} in ${sum}bn deal", "{company} agrees ${sum} billion takeover of {firm}")),
    ("zh", ("{公司}{季}净利润同比增长{数}%", "{公司}发布财报：{季}净利增{数}%", "净利增长{数}%，{公司}公布{季}业绩")),
    ("zh", ("{公司}{季}净利润同比下降{数}%", "{公司}发布财报：{季}净利降{数}%")),
    ("zh", ("{公司}宣布裁员{数}00人", "{公司}将裁减{数}00名员工")),
    ("zh", ("{省}发生{级}级地震", "{级}级地震袭击{省} 多地有震感", "{省}突发{级}级地震 暂无人员伤亡报告")),
    ("zh", ("{省}一煤矿发生事故致{人数}人死亡", "{省}煤矿事故已造成{人数}人遇难")),
    ("zh", ("{省}一客车侧翻致{人数}人死亡", "{省}发生客车侧翻事故 {人数}人遇难")),
    ("zh", ("{队}{比分}战胜{队}", "{队}{比分}击败{队}取得开门红")),
    ("zh", ("央行下调利率{基点}个基点", "利率下调{基点}个基点 央行宣布降息")),
    ("zh", ("央行上调利率{基点}个基点", "利率上调{基点}个基点 央行宣布加息")),
    ("zh", ("{公司}发布新款{序}代手机", "{公司}新款{序}代手机正式发布", "{公司}第{序}代手机来了")),
    ("zh", ("{日}《晚间新闻》节目主要内容",)),
    ("zh", ("{日}全国疫情：新增本土病例{数}例", "全国{日}新增本土病例{数}例")),
    ("en", ("{company} unveils {product} {number} with bigger screen", "{product} {number} unveiled: {company} goes for a bigger screen")),
    ("en", ("{person} wins {city} Open", "{city} Open: {person} takes the title", "{person} crowned champion at {city} Open")),
    ("en", ("{team} sack coach {person}", "{person} dismissed as {team} coach")),
    ("zh", ("天梭{序}号货运飞船发射成功", "天梭{序}号成功发射 进入预定轨道", "我国成功发射天梭{序}号货运飞船")),
    ("zh", ("台风“海燕”登陆{省}沿海", "台风海燕在{省}登陆 狂风暴雨来袭")),
    ("zh", ("{外}赢得{国}总统选举", "{国}总统选举：{外}获胜", "{外}当选{国}总统", "{外}胜选 将出任{国}总统")),
    ("zh", ("{外}辞去{国}总理职务", "{国}总理{外}宣布辞职")),
    ("zh", ("{人}夺得羽毛球{项}冠军", "羽毛球{项}决赛：{人}夺冠", "{人}羽毛球{项}摘金")),
    ("zh", ("{公司}悄然推出{机}手机", "{公司}{机}手机悄然开卖", "{公司}{机}悄悄上架")),
    ("zh", ("{公司}宣布收购{公司}", "{公司}将收购{公司}全部股份")),
    ("zh", ("{公司}正式发布{机}手机", "{公司}{机}手机正式发布 起售价公布", "{公司}{机}手机今日正式开售")),
    ("zh", ("{日}《财经早报》要闻汇总",)),
    ("zh", ("《长风》第{数}集剧情介绍", "电视剧《长风》第{数}集分集剧情")),
)  # fmt: skip

TOLLS = {"toll", "人数"}


def pairs(*, seed: int, rounds: int) -> list[tuple[str, str, str, bool]]:
    """(language, headline, headline, same): for each group and round, one event told twice and one slot changed."""
    chance = random.Random(seed)
    found: list[tuple[str, str, str, bool]] = []
    for lang, ways in GROUPS:
        for _ in range(rounds):
            one, other = chance.choice(ways), chance.choice(ways)
            first = _filled(one, chance)
            if one != other:
                found.append(
                    (lang, _told(one, first), _told(other, _later(first, chance)), True)
                )
            changed = _later(first, chance)
            slot = chance.choice(sorted(set(first) - TOLLS))
            changed[slot] = _another(slot, first, chance)
            found.append((lang, _told(one, first), _told(other, changed), False))
    return found


def _parts(way: str) -> list[str]:
    """The slots of a way in order, a repeated one numbered: company, team, team#2."""
    names: list[str] = []
    for piece in way.split("{")[1:]:
        name = piece.partition("}")[0]
        names.append(name if name not in names else f"{name}#2")
    return names


def _filled(way: str, chance: random.Random) -> dict[str, str]:
    filled: dict[str, str] = {}
    for slot in _parts(way):
        filled[slot] = _another(slot, filled, chance)
    return filled


def _later(filled: dict[str, str], chance: random.Random) -> dict[str, str]:
    """A filling told again, when a toll may have changed."""
    return {
        slot: _another(slot, {}, chance) if slot in TOLLS else value
        for slot, value in filled.items()
    }


def _another(slot: str, taken: dict[str, str], chance: random.Random) -> str:
    return chance.choice(
        [
            value
            for value in SLOTS[slot.partition("#")[0]]
            if value not in taken.values()
        ]
    )


def _told(way: str, filled: dict[str, str]) -> str:
    text = way
    for slot in _parts(way):
        text = text.replace("{" + slot.partition("#")[0] + "}", filled[slot], 1)
    return text
