"""The names of the days of the week, as feeds write them: made as those of the months are (`month_names`).

One paragraph for each day from Monday. Of abbreviations of two letters only those are here that are no other word of
some language: `on` is Wednesday to Swedes, and what "on 05/03/2019" begins with.
"""

from __future__ import annotations

from aggregator.entry.date_words import DateWords

_NAMES = (
    """
    astelehena ber dilluns dl ertəsi esmaspaev hen hene hetfo isn isnin ll llu llun luain luan lun lundi lunedi
    lunes luni luns maanantai maanantaina maandag man mandag manudagur mo mon monday montag pazartesi pirmadienis
    pirmd pirmdiena pon pondeli pondelok ponedeljak ponedeljek ponedjeljak poniedziałek pr pzt seg segunda sen
    senin δε δευ δευτερα дс дүисенбі пан панядзелак пн пон понеделник понедельник понедељак понеділок եկ երկ
    երկուշաբթի שני إثنين الإثنين الاثنين دوشنبه پير پیر सो सोम सोमवार সোঃ সোম সোমবার ਸੋਮ ਸੋਮਵਾਰ સો સોમ સોમવાર தி
    திங் திங்கள் సోమ సోమవారం ಸೋ ಸೋಮ ಸೋಮವಾರ തി തിങ്കളാഴ്ച തിങ്കള് തിങ്കൾ จันทร์ วันจันทร์ ორ ორშ ორშაბათი
    """,
    """
    antradienis asteartea di dienstag dimarts dinsdag dt kedd mairt mar mardi marte martedi martes marti maw
    mawrth otrd otrdiena sal sali sel selasa teisipaev ter terca tiistai tiistaina tir tirs tirsdag tis tisdag
    torek tue tues tuesday tysdag utery uto utorak utorok wt wto wtorek þr þri þriðjudagur τρ τρι τριτη аут
    ауторак вт вто вторник вівторок сеисенбі сс уто уторак երեքշաբթի երք եք שלישי الثلاثاء ثلاثاء سهشنبه منگل मं
    मंगल मंगलवार मंगळ मंगळवार মঃ মঙ্গল মঙ্গলবার ਮੰਗ ਮੰਗਲ ਮੰਗਲਵਾਰ મં મંગળ મંગળવાર செ செவ் செவ்வாய் మం మంగళ మంగళవారం
    ಮಂ ಮಂಗಳ ಮಂಗಳವಾರ ചൊ ചൊവ്വ ചൊവ്വാഴ്ച วันอังคาร อังคาร სამ სამშაბათი სმ
    """,
    """
    asteazkena car carsamba cead ceadaoin crs cər dc dimecres keskiviikko keskiviikkona kolmapaev mer mercher
    mercoledi mercores mercredi merkure mi mie miercoles miercuri mittwoch mið miðvikudagur ons onsdag qua quarta
    rab rabu sr sre sreda sri srijeda sro sroda streda sze szerda tr treciadienis tresd tresdiena wed wednesday
    woensdag τε τετ τεταρτη серада середа ср срд сре среда сряда сәрсенбі չորեքշաբթի չրք չք רביעי أربعاء الأربعاء
    بدھ چهارشنبه बु बुध बुधवार বুঃ বুধ বুধবার ਬੁੱਧ ਬੁੱਧਵਾਰ બુ બુધ બુધવાર பு புத புதன் బుధ బుధవారం ಬು ಬುಧ ಬುಧವಾರ ബു
    ബുധനാഴ്ച ബുധന് ബുധൻ พุธ วันพุธ ოთ ოთხ ოთხშაბათი
    """,
    """
    cet cetrtek ceturtd ceturtdiena cetvrtak cs csutortok ctvrtek czw czwartek dear deardaoin dijous dj donderdag
    donnerstag enj enjte fim fimmtudagur gio giovedi iau jeu jeudi joi jue jueves kam kamis ketvirtadienis kh kha
    khamis kt neljapaev osteguna per persembe prs qui quinta stvrtok thu thur thurs thursday tors torsdag torstai
    torstaina xov xoves πε πεμ πεμπτη беисенбі бс чацвер чет четвер четверг четвртак четврток четвъртък чт чц чцв
    հգ հինգշաբթի հնգ חמישי الخميس جمعرات خميس پنجشنبه गु गुरु गुरुवार বৃঃ বৃহঃ বৃহস্পতি বৃহস্পতিবার ਵੀਰ ਵੀਰਵਾਰ ગુ
    ગુરુ ગુરુવાર வி வியா வியாழன் గురు గురువారం ಗು ಗುರು ಗುರುವಾರ വ്യാ വ്യാഴം വ്യാഴാഴ്ച พฤ พฤหัส พฤหัสบดี วันพฤหัสบดี
    ხთ ხუთ ხუთშაბათი
    """,
    """
    aoine cum cuma divendres dv fos fostudagur fr fre fredag freitag fri friday gw gwe gwen gwener haoine jum
    jumaat jumat ostirala patek penktadienis pentek perjantai perjantaina pet petak petek pia piatek piatok piektd
    piektdiena pk pn pre premte reede sex sexta ven vendredi venerdi venres vie viernes vin vineri vr vrijdag
    vrydag πα παρ παρασκευη жм жұма пет петак петок петък пт пят пятница пятниця пятніца ու ուր ուրբաթ שישי الجمعة
    الجمعـة جمعة جمعه جمعہ शु शुक्र शुक्रवार শুঃ শুক্র শুক্রবার ਸ਼ੁੱਕ ਸ਼ੁੱਕਰ ਸ਼ੁੱਕਰਵਾਰ શુ શુક્ર શુક્રવાર வெ வெள்
    வெள்ளி శుక్ర శుక్రవారం ಶು ಶುಕ್ರ ಶುಕ್ರವಾರ വെ വെള്ളി വെള്ളിയാഴ്ച วันศุกร์ ศุกร์ პარ პარასკევი პრ
    """,
    """
    cmt cts cumartesi dissabte ds larunbata lau lauantai lauantaina laugardagur laupaev laurdag lor lordag lr lø
    lør lørdag sab sabado sabato sabtu sad sadwrn sam sambata samedi samstag sat saterdag sath sathairn saturday
    sb sestadienis sestd sestdiena sht shtune snb sob sobota sub subota szo szombat sənbə zaterdag σα σαβ σαββατο
    саб сабота сб сенбі суб суббота субота събота շաբաթ շբ շբթ שבת السبت سبت شنبه هفته ہفتہ शनि शनिवार শনি শনিবার
    ਸ਼ਨਿੱਚਰ ਸ਼ਨਿੱਚਰਵਾਰ ਸ਼ਨੀ ਸ਼ਨੀਵਾਰ શનિ શનિવાર சனி శని శనివారం ಶನಿ ಶನಿವಾರ ശനി ശനിയാഴ്ച วันเสาร์ เสาร์ შაბ შაბათი
    შბ
    """,
    """
    ahad ahd baz dg die diel dim dimanche diumenge dom domenica domh domhnaigh domingo dum duminica gunu igandea
    min minggu ned nedela nedele nedelja nedjelja nie niedz niedziela paz pazar puhapaev sekmadienis sk son sondag
    sonntag sul sun sundag sunday sunnudagur sunnuntai sunnuntaina sv svetd svetdiena sø søn søndag vasarnap
    zondag κυ κυρ κυριακη воскресенье вс жексенбі жк жс нд нед недела неделя недеља неділя няд нядзеля կիր կիրակի
    կր կրկ ראשון أحد اتوار الأحد یکشنبه रवि रविवार রঃ রবি রবিবার ਐਤ ਐਤਵਾਰ રવિ રવિવાર ஞா ஞாயி ஞாயிறு ఆది ఆదివారం
    ಭಾನು ಭಾನುವಾರ ರವಿವಾರ ഞാ ഞായര് ഞായറാഴ്ച ഞായർ วันอาทิตย์ อา อาทิตย์ კვ კვი კვირა
    """,
)
_AGREED = {
    word: number for number, words in enumerate(_NAMES) for word in words.split()
}
_DIFFERING = {
    "axsami": {1: "az", 3: "az"},
    "bazar": {0: "az", 6: "az"},
    "cax": {1: "az", 3: "az"},
    "cumə": {3: "az", 4: "az"},
    "cərsənbə": {1: "az", 2: "az"},
    "pt": {0: "tr", 4: "pl"},
    "sa": {1: "tr", 5: "af cy de en es fr ga gl ms ro"},
    "so": {5: "cs sk", 6: "af de sv"},
    "tor": {1: "sl", 3: "da nb sv"},
}
"""What words mean by the language; Azerbaijani names two days by two words of which one is the same."""
WEEKDAYS = DateWords(_AGREED, _DIFFERING)
"""Days from 0, Monday, to 6, Sunday."""
