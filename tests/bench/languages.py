"""Prints what the matching does with reports in two languages: pairs written for this bench, and the same pairs shifted.

    python -m tests.bench.languages [--meaning]

A pair tells one event in English and in another language; a report beside the next pair's counterpart tells of two.
Each is judged alone, with the shipped prior. What is to be seen: nothing of two events joins; what of one joins without
`--meaning` is a gift, since only names in the same letters, numbers and the words of `lexicon` are shared.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from aggregator.dedup.backtest import entry_of
from aggregator.dedup.meaning import prints_of
from aggregator.dedup.similarity import compared, is_same
from aggregator.model import DedupSettings

PAIRS: tuple[tuple[str, str, str], ...] = (
    ("zh", "Magnitude 6.2 earthquake kills 118 in Gansu, China", "甘肃发生6.2级地震 已致118人遇难"),
    ("zh", "Putin wins Russian presidential election with 87%", "普京以87%得票率赢得俄罗斯总统选举"),
    ("zh", "TSMC to build second fab in Kumamoto, Japan", "台积电将在日本熊本建第二座工厂"),
    ("zh", "Nvidia market value tops $3 trillion", "英伟达市值突破3万亿美元"),
    ("zh", "Fed cuts interest rates by 50 basis points", "美联储宣布降息50个基点"),
    ("zh", "China's Chang'e 6 lands on far side of the Moon", "嫦娥六号成功着陆月球背面"),
    ("zh", "Zheng Qinwen wins Olympic tennis gold in Paris", "郑钦文夺得巴黎奥运会网球女单金牌"),
    ("zh", "Boeing 737 MAX loses door plug mid-air, Alaska Airlines grounds fleet", "阿拉斯加航空波音737 MAX客机舱门脱落 紧急停飞"),
    ("zh", "South Korean president Yoon declares martial law", "韩国总统尹锡悦宣布紧急戒严"),
    ("zh", "OpenAI unveils GPT-4o model", "OpenAI发布GPT-4o模型"),
    ("zh", "Baltimore bridge collapses after ship collision", "货轮撞击致巴尔的摩大桥坍塌"),
    ("zh", "Typhoon Yagi makes landfall in Hainan", "台风摩羯登陆海南"),
    ("zh", "Alibaba founder Jack Ma returns to China", "阿里巴巴创始人马云回国"),
    ("zh", "Gold price hits record high above $2,500", "金价突破2500美元创历史新高"),
    ("ru", "Fire at warehouse in Saint Petersburg kills six", "Пожар на складе в Санкт-Петербурге: шесть человек погибли"),
    ("ru", "Bank of Russia raises key rate to 19%", "Банк России повысил ключевую ставку до 19%"),
    ("ru", "Trump and Putin to meet in Alaska on Friday", "Трамп и Путин встретятся на Аляске в пятницу"),
    ("ru", "Magnitude 8.8 earthquake strikes off Kamchatka, tsunami warning issued", "Землетрясение магнитудой 8,8 у берегов Камчатки, объявлена угроза цунами"),
    ("ru", "Daniil Medvedev reaches Australian Open final", "Даниил Медведев вышел в финал Australian Open"),
    ("ru", "Apple presents iPhone 16 Pro", "Apple представила iPhone 16 Pro"),
    ("ru", "Passenger plane crashes in Kazakhstan near Aktau, 38 dead", "Пассажирский самолет разбился под Актау в Казахстане, погибли 38 человек"),
    ("ru", "Gazprom posts first annual loss since 1999", "Газпром получил первый годовой убыток с 1999 года"),
    ("ru", "Spain beat England 2-1 to win Euro 2024", "Испания обыграла Англию 2:1 и выиграла Евро-2024"),
    ("ru", "Moon lander Luna-25 crashes", "Станция Луна-25 разбилась о поверхность Луны"),
    ("ru", "Google fined 3.6 billion rubles in Russia", "Google оштрафован в России на 3,6 млрд рублей"),
    ("ru", "Armenia and Azerbaijan sign peace deal", "Армения и Азербайджан подписали мирный договор"),
    ("es", "Sebastián Piñera, former Chilean president, dies in helicopter crash", "Muere el expresidente chileno Sebastián Piñera en un accidente de helicóptero"),
    ("es", "Claudia Sheinbaum elected Mexico's first female president", "Claudia Sheinbaum, elegida primera presidenta de México"),
    ("es", "Real Madrid beat Borussia Dortmund 2-0 to win Champions League", "El Real Madrid vence 2-0 al Borussia Dortmund y gana la Champions"),
    ("es", "Floods in Valencia kill at least 95", "Las inundaciones en Valencia dejan al menos 95 muertos"),
    ("es", "Javier Milei wins Argentina's presidential election", "Javier Milei gana las elecciones presidenciales de Argentina"),
    ("es", "Kylian Mbappé signs for Real Madrid", "Kylian Mbappé ficha por el Real Madrid"),
    ("es", "Ecuador's Noboa declares state of emergency after prison escape", "Noboa declara el estado de excepción en Ecuador tras la fuga de un preso"),
    ("es", "Carlos Alcaraz beats Novak Djokovic in Wimbledon final", "Carlos Alcaraz derrota a Novak Djokovic en la final de Wimbledon"),
    ("es", "Cuba hit by island-wide blackout", "Un apagón general deja sin luz a toda Cuba"),
    ("es", "BBVA launches hostile bid for Sabadell", "BBVA lanza una opa hostil sobre el Sabadell"),
    ("es", "Peru's ex-president Alberto Fujimori dies at 86", "Fallece a los 86 años el expresidente peruano Alberto Fujimori"),
    ("es", "Fire in Viña del Mar kills 112", "Incendios en Viña del Mar dejan 112 muertos"),
    ("es", "Volkswagen to cut 35,000 jobs by 2030", "Volkswagen recortará 35.000 empleos hasta 2030"),
    ("es", "Spain's Rodri wins Ballon d'Or", "El español Rodri gana el Balón de Oro"),
)  # fmt: skip
Judged = tuple[str, str, str, bool]


def same(settings: DedupSettings) -> Iterator[Judged]:
    """(language, English headline, the other, whether joined) of one event."""
    yield from _judged(PAIRS, settings)


def different(settings: DedupSettings) -> Iterator[Judged]:
    """The same of two events of one language's list: each headline beside all others' counterparts."""
    crossed = [
        (lang, english, other)
        for i, (lang, english, _) in enumerate(PAIRS)
        for j, (other_lang, _, other) in enumerate(PAIRS)
        if i != j and lang == other_lang
    ]
    yield from _judged(crossed, settings)


def _judged(
    pairs: Sequence[tuple[str, str, str]], settings: DedupSettings
) -> Iterator[Judged]:
    english = prints_of(
        [entry_of({"id": "a", "lang": "en", "title": title}) for _, title, _ in pairs],
        settings,
    )
    others = prints_of(
        [
            entry_of({"id": "b", "lang": lang, "title": title})
            for lang, _, title in pairs
        ],
        settings,
    )
    for told, one, other in zip(pairs, english, others, strict=True):
        yield *told, is_same(compared(one, other), settings)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--meaning",
        action="store_true",
        help="with `[dedup] meaning` on; needs the extra",
    )
    settings = DedupSettings(meaning=parser.parse_args().meaning)
    one, two = list(same(settings)), list(different(settings))
    for name, judged in (("one event", one), ("two events", two)):
        for lang in ("zh", "ru", "es"):
            joined = [j[3] for j in judged if j[0] == lang]
            print(f"{name:10} en-{lang}: {sum(joined):3} of {len(joined):3} joined")
    for _, english, other, wrong in two:
        if wrong:
            print(f"wrong: {english} | {other}")


if __name__ == "__main__":
    main()
