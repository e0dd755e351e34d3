"""Small word lists, written for this project: stop words, concepts, opposite directions, units.

They are data: `words`, `facts` and `features` give them meaning. A concept is one idea of news language in several
languages; its words become one token, so that "dies" and "dead", or "earthquake" and "terremoto", meet.
Words are written folded (no accents, lower case); entries for Chinese are bigrams in simplified characters.
"""

from __future__ import annotations

from collections.abc import Iterator

_STOP_WORDS = """
a about after against al am amid an and are as at au auf aus aux avec be been before bei but by can ce cette com con
could cua da dans das de del dem den der des die do dos down du e ein eine einem einen el em en es est et for from fur
had has have he her his how i im in into is ist it its la las le les lo los may might mit more most na nach nas new no
nos not o of off on or os our out over par para por pour que qui sa said say says se ses she should sind son sont su
sur sus than that the their these they this those to trong um uma un una und under une up va von vor was we were what
when where who why will with would y you your zu zum zur был была были в для до его ее за и из их к как на не о об от
по при с у что это
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

_CONCEPTS = """
die: die dies died dead death deaths dying muere mueren murio muerto muertos muerte morre morreu morto mortos morte
    mort morts meurt decede deces stirbt gestorben tot tote toten tod умер умерла умерли погиб погибли погибла
    скончался скончалась смерть 死亡 去世 逝世 身亡 遇难 病逝
kill: kill kills killed killing slain mata matan mato mataron tue tues tuer getotet убит убита убиты убили убил 杀害
injured: injured injures wounded wounds hurt heridos herido feridos ferido blesse blesses verletzt verletzte
    пострадали ранен ранены раненых 受伤 伤者
quake: quake quakes earthquake earthquakes temblor terremoto terremotos sismo sismos tremor seisme erdbeben
    землетрясение 地震
win: win wins won winning winner victory gana gano ganan victoria ganador vence venceu vitoria ganha ganhou gagne
    remporte victoire gewinnt gewann sieg siegt выиграл выиграла победа победил победила 获胜 夺冠 击败 战胜 险胜
    首胜 取胜 完胜
lose: lose loses lost loss defeat defeated beaten pierde perdio derrota perde perdeu perd defaite verliert niederlage
    проиграл проиграла поражение 失利 不敌 告负 惜败 首败 落败
gold: gold oro ouro or золото золотую золотои 金牌
silver: silver plata prata argent silber серебро 银牌
bronze: bronze bronce бронза бронзу 铜牌
medal: medal medals medalla medallas medalha medalhas medaille medailles medaillen медаль медали 奖牌
final: final finals finale финал финале финала 决赛
record: record records recorde recordes rekord рекорд 纪录
fire: fire fires blaze blazes ablaze wildfire wildfires incendio incendios incendie incendies feuer brand waldbrand
    waldbrande brennt brennen пожар пожары пожаре горит горят загорелся загорелась сгорел 火灾 大火 起火
explosion: explosion explosions blast blasts explodes explosao explosione взрыв взрывы 爆炸
crash: crash crashes crashed accidente acidente accident unfall absturz авария катастрофа дтп 坠毁 坠机 车祸
flood: flood floods flooding inundaciones inundacion enchentes inondations inondation hochwasser наводнение 洪水 洪灾
sink: sink sinks sank sunk sinking capsize capsizes capsized capsizing hundimiento naufragio naufraga naufragou naufrage
    chavire kentert gekentert затонул затонула опрокинулось 沉没 翻沉 倾覆 翻船
storm: storm storms tormenta tempestade tempete sturm шторм 暴风
arrest: arrest arrests arrested detained detains detenido detenidos arresta preso presos arrete arretes festgenommen
    verhaftet задержан задержаны арестован 逮捕 被捕 拘捕
election: election elections elecciones eleccion eleicao eleicoes wahl wahlen выборы выборов 选举 大选
vote: vote votes voted voting voto votos votacion votacao abstimmung голосование 投票
president: president presidente elysee президент президента 总统
minister: minister ministers ministro ministra ministre matignon министр 部长 大臣
government: government gobierno governo gouvernement regierung правительство 政府
police: police policia polizei полиция полиции 警方 警察
court: court tribunal corte gericht суд суда 法院
war: war guerra guerre krieg воина воины 战争
attack: attack attacks attacked ataque ataques attaque attaques angriff anschlag атака нападение 袭击 攻击
strike: strike strikes greve huelga streik streiks streiken streikt забастовка 罢工
protest: protest protests protesters protestas protestos manifestation manifestations proteste протест 抗议
rise: rise rises rose rising gain gains gained jump jumps jumped climb climbs climbed surge surges surged soar soars
    sube suben subio aumenta alta hausse augmente steigt steigen gestiegen вырос выросли рост 上涨 上升 大涨 增长
fall: fall falls fell falling drop drops dropped decline declines declined slide slides slump slumps plunge plunges
    plunged tumble tumbles tumbled baja bajan bajo cae caen cai caem queda baisse chute sinkt fallt fallen gesunken
    упал упали снизился снижение 下跌 下降 大跌 下滑
vaccine: vaccine vaccines vaccination vaccinations vacuna vacunas vacunacion vacina vacinas vacinacao vaccin vaccins
    impfung impfungen impfstoff вакцина вакцины вакцинация 疫苗 接种
covid: covid coronavirus corona virus коронавирус коронавируса ковид 新冠
olympics: olympics olympic olympia olympiade olimpicos olimpiadas olimpiada olympiques olympischen
    olympische олимпиада олимпиады олимпиискии олимпииских олимпиаде 奥运
tokyo: tokyo tokio toquio токио 东京
japan: japan japanese japon japao japonais япония японии 日本
china: china chinese chine chino chinois китаи китая 中国
usa: usa u.s us america eeuu eua сша 美国
russia: russia russian rusia russie russland россия россии 俄罗
ukraine: ukraine ukrainian ucrania украина украины 乌克
germany: germany german alemania alemanha allemagne deutschland германия германии 德国
france: france french francia franca frankreich франция франции 法国
uk: uk britain british bretagne grossbritannien британия 英国
launch: launch launches launched unveils unveil lanza lanca lance startet запуск запустил 发布 推出
buy: buy buys bought acquire acquires acquired acquisition compra comprar rachete kauft купил покупает 收购
quit: quit quits
sentence: sentenced sentence jailed jail prison condenado condena condamne verurteilt приговор приговорен 判处 判刑
test: test tests tested testing positive positivo positif
suspend: suspend suspends suspended suspendido suspensa suspenso suspendu gesperrt отстранен 停赛 暂停
resign: resign resigns resigned resignation dimite dimitio renuncia demissionne demission rucktritt отставка отставку
    辞职 请辞
"""
"""A concept at the start of a line, then its words; an indented line goes on with them."""

_OPPOSITES = """
amount: rise rises rose rising raise raises raised hike hikes hiked increase increases increased gain gains gained
    jump jumps jumped climb climbs climbed surge surges surged soar soars soared up higher rally rallies rebound
    rebounds boosts sube suben subio aumenta aumentan aumento alta hausse augmente augmentation steigt steigen erhoht
    gestiegen вырос выросла выросли рост повысил повысила повышение подорожал подорожала поднял 上涨 上升 大涨
    增长 加息 上调 涨价
    走高 收涨 提高 涨停 飙升 暴涨 | fall falls fell falling cut cuts lower lowers lowered drop drops dropped
    decline declines
    declined decrease decreases decreased slide slides slid slump slumps plunge plunges plunged tumble tumbles tumbled
    down slash slashes sink sinks baja bajan bajo cae caen cayo recorta reduce cai caem caiu queda corta baisse chute
    reduit sinkt sinken fallt senkt gesunken упал упала упали снизил снизила снижение подешевел подешевела 下跌
    下降 大跌 下滑
    降息 下调 降价 走低 收跌 降低 跌停 暴跌 减少
contest: win wins won beat beats defeats defeat triumph triumphs victory thrash gana gano vence venceu ganha ganhou
    bate gagne bat remporte gewinnt siegt schlagt выиграл выиграла победил победила обыграл обыграла 获胜 夺冠
    击败 战胜 力克 大胜 险胜 首胜 取胜 完胜
    晋级 | lose loses lost falls-to eliminated knocked-out pierde perdio cae perde perdeu perd s'incline verliert
    unterliegt проиграл проиграла уступил уступила 失利 不敌 告负 惨败 惜败 首败 落败 出局 淘汰
expectation: beats beat tops top exceeds exceeded surpasses outperforms 超预 好于 高于 超出 | misses missed miss
    disappoints
    below 不及 低于 逊于
verdict: approves approved approve passes passed accepts accepted acquitted innocent backs upholds wins aprueba aprova
    approuve одобрил одобрила принял 通过 批准 无罪 同意 获批 | rejects rejected reject blocks blocked denies
    denied vetoes veto
    convicted guilty strikes-down overturns rechaza rejeita rejette отклонил отклонила отверг 否决 驳回 有罪 拒绝 被拒
beginning: opens opened open starts started start begins began launches launched reopens resumes abre inicia ouvre
    reprend eroffnet открылся открыла начался начал 开幕 启动 开始 开业 复工 开工 恢复 上线 | closes closed close
    ends ended end stops
    stopped shuts halts suspends suspended cancels cancelled cancela cierra termina ferme закрылся закрыла завершил
    остановил 闭幕 停止 结束 关闭 停产 暂停 取消 下线 停工
north-south: north northern norte nord norden северныи север севере 北部 | south southern sur sul sud suden южныи юг юге
    南部
east-west: east eastern este leste est osten восточныи восток востоке 东部 | west western oeste ouest westen западныи
    запад западе 西部
employment: hires hired hire appoints appointed names named joins joined signs signed re-signs 任命 加盟 签约 就任
    上任 续约 |
    fires fired sacks sacked dismisses resigns resigned quits quit leaves leaving departs ousted axed retires 辞职
    离任 离职
    解雇 下课 卸任 退役 离队
gender: men men's mens hombres masculino masculin messieurs manner herren мужчин мужская 男子 男单 男双 男足 男篮
    男排 | women
    women's womens mujeres femenino feminino feminin dames frauen damen женщин женская 女子 女单 女双 女足 女篮 女排
"""
"""A pair at the start of a line, then the words of one side, a bar, and those of the other."""


def _lines(text: str) -> list[tuple[str, str]]:
    """(name, words) of each line, the indented ones joined to the line they go on."""
    joined = text.strip().replace("\n    ", " ").split("\n")
    parts = [line.partition(": ") for line in joined]
    return [(name, words) for name, _, words in parts]


_MONTHS = """
january jan enero janeiro janvier januar января gennaio ocak januari січня stycznia يناير जनवरी ינואר ιανουαρίου
february feb febrero fevereiro fevrier februar февраля febbraio şubat februari лютого lutego فبراير
    फरवरी פברואר φεβρουαρίου
march mar marzo marco mars marz марта mart maret maart березня مارس मार्च מרץ μαρτίου
april apr abril avril апреля aprile nisan квітня kwietnia أبريل ابريل अप्रैल אפריל απριλίου
may mayo maio mai мая maggio mayıs mei травня maja maj مايو मई מאי μαΐου
june jun junio junho juin juni июня giugno haziran червня czerwca يونيو जून יוני ιουνίου
july jul julio julho juillet juli июля luglio temmuz липня lipca يوليو जुलाई יולי ιουλίου
august aug agosto aout августа ağustos agustus augustus augusti серпня sierpnia أغسطس अगस्त אוגוסט αυγούστου
september sep sept septiembre setembro septembre сентября settembre eylül вересня września سبتمبر
    सितंबर ספטמבר σεπτεμβρίου
october oct octubre outubro octobre oktober октября ottobre ekim жовтня października أكتوبر अक्टूबर
    אוקטובר οκτωβρίου
november nov noviembre novembro novembre ноября kasım листопада listopada نوفمبر नवंबर נובמבר νοεμβρίου
december dec diciembre dezembro decembre dezember декабря dicembre aralık desember грудня grudnia
    ديسمبر दिसंबर דצמבר δεκεμβρίου
"""
"""A line for each month: only beside a day's number is one of these words a date."""


_ORDINALS = """
first 1st premier primer primeiro erste[ns]? 1\\. первый первом первого
second 2nd deuxi[eè]me segundo zweite[ns]? 2\\. второй втором второго
third 3rd troisi[eè]me tercer terceiro dritte[ns]? 3\\. третий третьем третьего
fourth 4th quatri[eè]me cuarto quarto vierte[ns]? 4\\. четв[её]ртый четв[её]ртом четв[её]ртого
"""
"""A line for each quarter of a year, of patterns."""
HAN_PARTICLES = "的了在与和及被把等"
"""Small words of one character that Chinese writes between others, in simplified ones."""
HAN_DIGITS = {"一": "1", "二": "2", "三": "3", "四": "4"}

_VARIANTS = """
特朗普 川普
普京 普丁 蒲亭
泽连斯基 泽伦斯基
马克龙 马克宏
默克尔 梅克尔
朔尔茨 萧兹
苏纳克 辛伟诚
斯塔默 施凯尔 施纪贤
特鲁多 杜鲁道
奥巴马 欧巴马
布什 布希
内塔尼亚胡 纳坦雅胡 内坦亚胡
埃尔多安 艾尔多安 厄多安
博索纳罗 波索纳洛
冯德莱恩 范德赖恩
扎克伯格 祖克柏 朱克伯格
姆巴佩 麦巴比
德约科维奇 乔科维奇 祖高域
朝鲜 北韩
韩国 南韩
迪拜 杜拜
加沙 加萨
美联储 联准会
地铁 捷运
尼日利亚 尼日尔利亚
尼日尔 尼日尔尔
厄瓜多尔 厄瓜多尔尔
"""
"""A name as the mainland writes it, then as Taiwan or Hong Kong does, in simplified characters; OpenCC knows more, and
lengthens three that Hong Kong writes as the mainland does."""

_COMPOUND_HEADS = """
abstimmung angriff anschlag absturz brand erdbeben explosion feuer finale gericht hochwasser impfung krieg
medaille medaillen minister niederlage polizei proteste regierung rekord streik streiks sturm unfall wahl wahlen
"""
COMPOUND_HEADS = frozenset(_COMPOUND_HEADS.split())
"""Concepts that German, Dutch and Scandinavian compounds end in."""


CONCEPT_OF: dict[str, str] = {}
for _concept, _words in _lines(_CONCEPTS):
    CONCEPT_OF |= dict.fromkeys(_words.split(), _concept)


def _opposites() -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    for name, words in _lines(_OPPOSITES):
        one, _, other = words.partition(" | ")
        yield name, frozenset(one.split()), frozenset(other.split())


OPPOSITES = tuple(_opposites())
"""Names of the pairs, and the words of either side."""
MONTH_OF: dict[str, int] = {}
for _month, _names in enumerate(_MONTHS.strip().replace("\n    ", " ").split("\n"), 1):
    MONTH_OF |= dict.fromkeys(_names.split(), _month)
ORDINALS = tuple("|".join(line.split()) for line in _ORDINALS.strip().split("\n"))
"""A pattern for each quarter, of the words before "quarter"."""
VARIANTS: dict[str, str] = {}
for _line in _VARIANTS.strip().split("\n"):
    _name, *_variants = _line.split()
    VARIANTS |= dict.fromkeys(_variants, _name)
"""The name that stands for each variant."""
