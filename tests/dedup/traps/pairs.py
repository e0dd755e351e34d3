"""The pairs, each (language, one report, another): a report is a headline, or "headline || body".

`DIFFERENT` must stay apart and `SAME` should come together in `balanced`. They were looked at while features and numbers were
chosen: regression tests, no measure of quality.
"""

from __future__ import annotations

Pair = tuple[str, str, str]

DIFFERENT: tuple[Pair, ...] = (
    ("en", "M5.1 quake hits north Japan", "M6.8 quake hits south Japan"),
    ("en", "Apple posts record Q2", "Google posts record Q2"),
    ("en", "Fed raises 25 bp", "Fed cuts 50 bp"),
    # sports
    (
        "en",
        "Arsenal beat Chelsea 2-1 in London derby",
        "Arsenal beat Everton 3-0 at the Emirates",
    ),
    ("en", "Celtics win Game 3 against Heat", "Celtics lose Game 4 against Heat"),
    (
        "en",
        "Novak Djokovic wins Australian Open men's final",
        "Iga Swiatek wins French Open women's final",
    ),
    (
        "en",
        "Lakers sign veteran guard on one-year deal",
        "Bucks sign veteran centre on two-year deal",
    ),
    (
        "en",
        "Norway wins gold in men's biathlon relay",
        "Germany wins gold in women's luge",
    ),
    (
        "en",
        "Kenya's Kiprop wins Boston Marathon",
        "Ethiopia's Bekele wins Berlin Marathon",
    ),
    (
        "en",
        "Real Madrid sack coach after defeat",
        "Valencia appoint new coach after promotion",
    ),
    ("zh", "中国女排3比0战胜日本队", "中国女排1比3不敌巴西队"),
    ("zh", "湖人主场击败勇士取得三连胜", "火箭客场不敌雷霆遭遇五连败"),
    ("zh", "樊振东夺得乒乓球男单冠军", "孙颖莎夺得乒乓球女单冠军"),
    ("zh", "国足客场0比2负于韩国", "国足主场2比1战胜泰国"),
    # markets and companies
    ("en", "Oil prices rise 3% on supply fears", "Oil prices fall 2% on weak demand"),
    (
        "en",
        "Tesla shares jump after earnings beat",
        "Nike shares slump after earnings miss",
    ),
    (
        "en",
        "Toyota recalls 1.2 million cars over airbags",
        "Honda recalls 500,000 cars over brakes",
    ),
    ("en", "Netflix Q3 revenue tops estimates", "Spotify Q3 revenue misses estimates"),
    (
        "en",
        "European Central Bank raises rates by 25 basis points",
        "Bank of Japan keeps rates unchanged",
    ),
    (
        "en",
        "Wall Street closes higher as tech rallies",
        "Wall Street closes lower as banks slide",
    ),
    (
        "en",
        "Pfizer to buy biotech Seagen for $43 billion",
        "Merck to buy biotech Prometheus for $11 billion",
    ),
    (
        "en",
        "Boeing wins order for 50 jets from Ryanair",
        "Airbus wins order for 70 jets from IndiGo",
    ),
    ("zh", "美联储宣布加息25个基点", "美联储宣布降息50个基点"),
    ("zh", "沪指收涨1.2% 两市成交额突破万亿", "沪指收跌0.8% 北向资金净流出百亿"),
    ("zh", "茅台一季度净利润增长15%", "五粮液三季度净利润下降8%"),
    ("zh", "腾讯发布第二季度财报", "百度发布第二季度财报"),
    ("zh", "国内油价今日上调 加满一箱多花10元", "国内油价今日下调 加满一箱少花8元"),
    # disasters
    (
        "en",
        "Magnitude 7.1 earthquake strikes off Chile",
        "Magnitude 5.6 earthquake strikes off Indonesia",
    ),
    (
        "en",
        "Bus crash kills 12 in northern India",
        "Bus crash kills 25 in southern Peru",
    ),
    (
        "en",
        "Wildfire forces evacuations in Greece",
        "Wildfire forces evacuations in Canada",
    ),
    ("en", "Typhoon Mawar nears Guam", "Hurricane Idalia nears Florida"),
    ("en", "Fire at Mumbai high-rise kills six", "Fire at Cairo church kills 41"),
    (
        "en",
        "Floods displace thousands in Bangladesh",
        "Floods displace thousands in Nigeria",
    ),
    ("zh", "四川泸定发生6.8级地震", "青海玛多发生7.4级地震"),
    ("zh", "台风杜苏芮登陆福建晋江", "台风苏拉登陆广东珠海"),
    ("zh", "河南一工厂发生火灾致38人遇难", "浙江一工厂发生火灾致11人遇难"),
    # elections and politics
    (
        "en",
        "Lula wins presidential election in Brazil",
        "Petro wins presidential election in Colombia",
    ),
    ("en", "Senate approves infrastructure bill", "Senate blocks voting rights bill"),
    (
        "en",
        "Boris Johnson resigns as prime minister",
        "Liz Truss resigns as prime minister",
    ),
    (
        "en",
        "Court upholds ban on foreign funding",
        "Court overturns ban on assault rifles",
    ),
    ("en", "Finland votes to join NATO", "Sweden votes in general election"),
    ("en", "Germany expels Russian diplomats", "Austria expels Iranian diplomats"),
    ("zh", "马克龙赢得法国总统选举", "埃尔多安赢得土耳其总统选举"),
    ("zh", "参议院通过基础设施法案", "参议院否决移民改革法案"),
    # products and versions
    (
        "en",
        "Apple releases iOS 17.4 with new emoji",
        "Apple releases iOS 16.7 security update",
    ),
    ("en", "Python 3.12 released", "Python 3.13 released"),
    ("en", "Samsung unveils Galaxy S24", "Samsung unveils Galaxy Watch 6"),
    ("en", "OpenAI launches GPT-4", "Google launches Gemini"),
    (
        "en",
        "SpaceX launches Falcon 9 with Starlink satellites",
        "SpaceX launches Starship on test flight",
    ),
    (
        "en",
        "Linux 6.5 released with new drivers",
        "Linux 6.9 released with new scheduler",
    ),
    ("zh", "华为发布Mate 60手机", "小米发布14 Ultra手机"),
    ("zh", "苹果推送iOS 17.4正式版", "苹果推送iOS 16.7安全更新"),
    ("zh", "神舟十五号载人飞船发射成功", "神舟十七号载人飞船发射成功"),
    # recurring templates
    ("zh", "3月5日《新闻联播》节目主要内容", "3月6日《新闻联播》节目主要内容"),
    ("zh", "31省份新增本土病例27例", "31省份新增本土病例103例"),
    (
        "en",
        "Morning briefing: what you need to know on Monday",
        "Morning briefing: what you need to know on Friday",
    ),
    (
        "en",
        "Wordle 812 hints and answer for September 9",
        "Wordle 845 hints and answer for October 12",
    ),
    # one outlet's or one agency's wording for two events
    (
        "en",
        "M7.1 quake strikes off Luzon || A magnitude 7.1 earthquake struck off the coast of Luzon, the geological survey said. No tsunami warning has been issued. No damage was reported at once.",
        "M6.4 quake strikes off Hokkaido || A magnitude 6.4 earthquake struck off the coast of Hokkaido, the geological survey said. No tsunami warning has been issued. No damage was reported at once.",
    ),
    (
        "en",
        "7.1 quake off Luzon, no tsunami warning",
        "6.4 quake off Hokkaido, no tsunami warning",
    ),
    (
        "en",
        "Strong quake rattles Vanuatu; no tsunami alert",
        "Strong quake rattles Guatemala; no tsunami alert",
    ),
    (
        "en",
        "Ferry capsizes on Lake Victoria, dozens missing",
        "Ferry capsizes off Sulawesi, dozens missing",
    ),
    (
        "en",
        "Hershey reports third-quarter results",
        "Kellogg reports third-quarter results",
    ),
    (
        "en",
        "Kellogg reports second-quarter results",
        "Kellogg reports third-quarter results",
    ),
    (
        "en",
        "Weather forecast for Boston: sunny, high of 24",
        "Weather forecast for Seattle: rain, high of 13",
    ),
    (
        "en",
        "Gunman kills three at Ohio shopping mall",
        "Gunman kills five at Texas church",
    ),
    (
        "en",
        "Denmark beat Austria to reach hockey semi-final",
        "Slovakia beat Sweden to reach hockey semi-final",
    ),
    (
        "en",
        "Judge sentences ex-banker to 8 years for fraud",
        "Judge sentences ex-senator to 5 years for bribery",
    ),
    ("en", "Bitcoin tops $60,000 for first time", "Bitcoin falls below $50,000"),
    (
        "es",
        "Un terremoto de magnitud 5,8 sacude el sur de Perú",
        "Un terremoto de magnitud 6,9 sacude el norte de Chile",
    ),
    (
        "de",
        "Bahn streicht Züge zwischen Köln und Bonn",
        "Bahn streicht Züge zwischen Kiel und Lübeck",
    ),
    ("fr", "Le Stade Rennais s'impose 2-0 à Nantes", "Le RC Lens s'impose 3-1 à Brest"),
    (
        "ru",
        "Пожар на складе в Самаре, погибли трое",
        "Пожар на заводе в Омске, погибли восемь",
    ),
    ("zh", "贵州一客车坠崖致11人死亡", "湖南一客车坠崖致7人死亡"),
    ("zh", "今日黄金价格查询 每克580元", "今日白银价格查询 每克7.4元"),
    ("zh", "中国男篮不敌塞尔维亚 小组赛首战失利", "中国男篮险胜安哥拉 小组赛取得首胜"),
    ("zh", "双色球第2024031期开奖结果", "双色球第2024058期开奖结果"),
    ("ja", "北海道で震度5弱の地震 津波の心配なし", "熊本で震度4の地震 津波の心配なし"),
    ("ko", "삼성전자 2분기 영업이익 10조원", "LG전자 3분기 영업이익 1조원"),
    (
        "pt",
        "Palmeiras vence Santos por 2 a 0 no Brasileirão",
        "Flamengo vence Bahia por 3 a 1 no Brasileirão",
    ),
)

SAME: tuple[Pair, ...] = (
    (
        "en",
        "Magnitude 6.8 earthquake strikes Morocco, hundreds dead",
        "Hundreds killed as 6.8-magnitude quake hits Morocco",
    ),
    (
        "en",
        "Arsenal beat Chelsea 2-1 in London derby",
        "Chelsea lose 2-1 to Arsenal in London derby",
    ),
    (
        "en",
        "Fed raises rates by 25 basis points, signals pause",
        "Federal Reserve lifts rates 25 bps and signals a pause",
    ),
    (
        "en",
        "Microsoft to buy Activision Blizzard for $69 billion",
        "Microsoft acquires Activision Blizzard in $68.7bn deal",
    ),
    (
        "en",
        "Boris Johnson resigns as UK prime minister",
        "UK prime minister Boris Johnson announces resignation",
    ),
    (
        "en",
        "Lula defeats Bolsonaro to win Brazil presidency",
        "Brazil election: Lula beats Bolsonaro in presidential runoff",
    ),
    (
        "en",
        "Apple unveils iPhone 15 with USB-C port",
        "iPhone 15 unveiled: Apple switches to USB-C",
    ),
    (
        "en",
        "SpaceX Starship explodes minutes after launch",
        "Starship explodes after launch on SpaceX test flight",
    ),
    (
        "en",
        "Ever Given container ship blocks Suez Canal",
        "Suez Canal blocked by giant container ship Ever Given",
    ),
    (
        "en",
        "Notre-Dame cathedral in Paris on fire",
        "Huge fire engulfs Notre-Dame cathedral in Paris",
    ),
    (
        "en",
        "Typhoon Doksuri makes landfall in Fujian",
        "Typhoon Doksuri slams into China's Fujian province",
    ),
    (
        "en",
        "Bus crash in northern India kills 12",
        "At least 14 dead as bus crashes in northern India",
    ),
    (
        "en",
        "Tesla recalls 2 million cars over Autopilot",
        "Tesla to recall two million vehicles to fix Autopilot",
    ),
    (
        "en",
        "Djokovic beats Medvedev to win US Open",
        "US Open: Djokovic defeats Medvedev in final",
    ),
    ("zh", "四川泸定发生6.8级地震", "四川甘孜州泸定县发生6.8级地震 震感强烈"),
    ("zh", "神舟十七号载人飞船发射成功", "神舟十七号成功发射 三名航天员升空"),
    ("zh", "华为突然发布Mate 60 Pro手机", "华为Mate 60 Pro手机突然开售"),
    ("zh", "美联储宣布加息25个基点", "美联储加息25个基点 符合市场预期"),
    ("zh", "马克龙赢得法国总统选举 成功连任", "法国总统选举结果揭晓:马克龙成功连任"),
    ("zh", "台风杜苏芮登陆福建晋江", "台风“杜苏芮”在福建晋江沿海登陆"),
    ("zh", "臺積電宣布赴德國設廠", "台积电宣布赴德国设厂 投资百亿欧元"),
    # other words for one thing, other scripts, other names
    (
        "en",
        "President of Peru resigns after weeks of protests",
        "Peru president steps down amid protests",
    ),
    (
        "en",
        "President of Peru resigns hours before impeachment vote",
        "Peru president steps down ahead of impeachment vote",
    ),
    ("zh", "英國首相辛偉誠宣布七月四日舉行大選", "英国首相苏纳克宣布7月4日提前大选"),
    ("zh", "特朗普赢得美国总统大选", "川普當選美國總統"),
    ("zh", "人民银行宣布下调存款准备金率0.5个百分点", "央行降准0.5个百分点"),
    (
        "en",
        "Denmark's queen Margrethe to abdicate",
        "Queen Margrethe of Denmark announces abdication",
    ),
    (
        "en",
        "Passenger jet catches fire on runway at Tokyo's Haneda airport",
        "Plane in flames at Haneda after collision on runway",
    ),
    (
        "en",
        "Ferry capsizes on Lake Victoria, dozens missing",
        "Dozens feared drowned as ferry sinks in Lake Victoria",
    ),
    (
        "es",
        "Muere el expresidente chileno Sebastián Piñera en un accidente de helicóptero",
        "Sebastián Piñera, expresidente de Chile, fallece al caer su helicóptero",
    ),
    (
        "de",
        "Lokführer der Bahn streiken ab Mittwoch",
        "Bahnstreik: Lokführer legen ab Mittwoch Arbeit nieder",
    ),
    (
        "fr",
        "Gabriel Attal nommé Premier ministre",
        "Emmanuel Macron nomme Gabriel Attal à Matignon",
    ),
    (
        "ru",
        "В Самаре горит склад, погибли три человека",
        "Три человека погибли при пожаре на складе в Самаре",
    ),
    (
        "pt",
        "Palmeiras vence Santos por 2 a 0 no Brasileirão",
        "Brasileirão: Palmeiras bate o Santos por 2 a 0",
    ),
    ("zh", "贵州一客车坠崖致11人死亡", "贵州客车坠崖事故已致11人遇难"),
    ("ja", "北海道で震度5弱の地震 津波の心配なし", "北海道で震度5弱 津波なし"),
    ("en", "Kellogg reports second-quarter results", "Kellogg posts Q2 earnings"),
)
