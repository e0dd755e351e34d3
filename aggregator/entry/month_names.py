"""The names of the months, as feeds write them.

One paragraph for each month from January: names in 60 languages, wide and abbreviated, of Unicode CLDR (by babel) and
of glibc's locales (what C and PHP programs write), abbreviations of WordPress and forms seen in feeds, folded by
`date_words.folded`. A word stands for one month in all of these languages, but for those of `_DIFFERING`, which mean
another month in another language, or two in their own.
"""

from __future__ import annotations

from aggregator.entry.date_words import DateWords, folded

_NAMES = (
    """
    ean eanair ene enero gen gener gennaio gn ian ianuarie ion ionawr jaan jaanuar jaanuaril jan janar janeir
    janeiro janner januar januara januari januarie january janv janvari janvaris janvier led leden ledna oca ocak
    ock sau saus sausio sausis sij sijec sijecanj sijecnja sty styczen stycznia tam tammi tammikuu tammikuuta urt
    urtarrila urtarrilak urtarrilaren xan xaneiro yan yanvar ιαν ιανουαριοσ ιανουαριου сту студ студзень студзеня
    січ січень січня ян янв январь января яну януари јан јануар јануари қаң қаңтар հնվ հունվար հունվարի ינו ינואר
    جنوری ينا يناير ژانویه ژانویهٔ जनवरी जन॰ जाने जानेवारी জানু জানুয়ারি জানুয়ারী ਜਨ ਜਨਵਰੀ જાન્યુ જાન્યુઆરી ஜன
    ஜனவரி జన జనవరి ಜನ ಜನವರಿ ജനു ജനുവരി มกราคม มค იან იანვარი 一月
    """,
    """
    chw chwef chwefror fbr feabh feabhra feb febbraio feber febr febreiro febrer febrero februar februara februari
    februarie februaris february fev fevereiro fevr fevral fevrier hel helmi helmikuu helmikuuta lut lutego luty
    ots otsaila otsailak otsailaren peb pebruari shk shkurt sub subat uno unor unora vas vasario vasaris vebr veeb
    veebr veebruar veebruaril vel velj veljaca veljace φεβ φεβρ φεβρουαριοσ φεβρουαριου ақп ақпан лют лютага лютии
    лютого люты феб фебруар фев февр февраль февраля февруари փետ փետր փետրվար փետրվարի փտվ փտր פבר פברו פברואר
    فبر فبراير فروری فوریه فوریهٔ फ़रवरी फ़र॰ फेब्रु फेब्रुवारी ফেব ফেব্রুয়ারি ফেব্রুয়ারী ਫ਼ਰ ਫ਼ਰਵਰੀ ફેબ્રુ
    ફેબ્રુઆરી பிப் பிப்ரவரி ఫిబ్ర ఫిబ్రవరి ಫೆಬ್ರ ಫೆಬ್ರವರಿ ഫെബ്രു ഫെബ്രുവരി กพ กุมภาพันธ์ თებ თებერვალი 二月
    """,
    """
    bre brez brezen brezna kov kovas kovo maa maalis maaliskuu maaliskuuta maart mac mar marc marca march marcius
    marco marec maret mars mart marta martie marts martsil martxoa martxoak martxoaren marz marzec marzo maw
    mawrth mrt mrz mær ozu ozujak ozujka μαρ μαρτιοσ μαρτιου бер березень березня мар март марта нау наурыз сак
    сакавік сакавіка մար մարտ մարտի մրտ מרס מרץ مار مارس مارچ मार्च মার্চ ਮਾਰਚ માર્ચ மார் மார்ச் మార్చి ಮಾರ್ಚ್ മാർ
    മാർച്ച് มีค มีนาคม მარ მარტი 三月
    """,
    """
    abl abr abril aib aibrean api apirila apirilak apirilaren apr aprel april aprila aprile aprili aprilie aprilis
    aprill aprillil avr avril bal balan balandis balandzio dabr dabril dub duben dubna ebr ebrill huh huhti
    huhtikuu huhtikuuta kwi kwie kwiecien kwietnia nis nisan pri prill tra travanj travnja απρ απριλιοσ απριλιου
    апр апрель апреля април кві квіт квітень квітня кра крас красавік красавіка сәу сәуір ապր ապրիլ ապրիլի אפר
    אפריל آوریل أبر أبريل اپریل अप्रैल एप्रि एप्रिल এপ্রি এপ্রিল ਅਪ੍ਰੈ ਅਪ੍ਰੈਲ એપ્રિલ ஏப் ஏப்ரல் ఏప్రి ఏప్రిల్
    ಏಪ್ರಿ ಏಪ್ರಿಲ್ ഏപ്രി ഏപ്രിൽ เมย เมษายน აპრ აპრილი 四月
    """,
    """
    beal bealtaine geg geguze geguzes kve kvet kveten kvetna mag maggio mai maiatza maiatzak maiatzaren maig maija
    maijs mail maio maj maja majus may mayis mayo mei svi svib svibanj svibnja tou touko toukokuu toukokuuta μαι
    μαιοσ μαιου маи мам мамыр мая мај тра трав травень травня մայ մայիս մայիսի մյս מאי مئی مايو مه مهٔ मई मे মে ਮਈ
    મે மே మే ಮೇ മേയ് พค พฤษภาคม მაი მაის მაისი 五月
    """,
    """
    bir birz birzelio birzelis cen cerv cerven cervna cvn cze czer czerwca czerwiec eka ekaina ekainak ekainaren
    giu giugno haz haziran iun iunie iyn iyun juin jun juna june junho juni junie junij junija junijs junio junius
    juny juun juuni juunil kes kesa kesakuu kesakuuta lipanj lipnja meh mehefin meith meitheamh qer qersh qershor
    xun xuno ιουν ιουνιοσ ιουνιου июн июнь июня мау маусым чер черв червень червня чэр чэрв чэрвень чэрвеня юн юни
    јун јуни հնս հունիս հունիսի יונ יוני جون يون يونيو ژوئن जून জুন ਜੂਨ જૂન ஜூன் జూన్ ಜೂನ್ ജൂൺ มิถุนายน มิย ივნ
    ივნისი 六月
    """,
    """
    cec cervence cervenec cvc gor gorff gorffennaf hei heina heinakuu heinakuuta iuil iul iulie iyl iyul juil
    juillet jul jula julai julho juli julie julij julija julijs julio juliol julius july juul juuli juulil kor
    korr korrik lie liep liepa liepos lipca lipiec lug luglio srpanj srpnja tem temmuz tmz uzt uztaila uztailak
    uztailaren xul xullo ιουλ ιουλιοσ ιουλιου июл июль июля лип липень липня ліп ліпе ліпень ліпеня шіл шілде юл
    юли јул јули հլս հուլ հուլիս հուլիսի יול יולי جولائی يول يوليو ژوئیه ژوئیهٔ जुलाई जुलै जुल॰ জুল জুলাই ਜੁਲਾ
    ਜੁਲਾਈ જુલાઈ ஜூலை జులై ಜುಲೈ ജൂലൈ กค กรกฎาคม ივლ ივლისი 七月
    """,
    """
    abu abuztua abuztuak abuztuaren ag ago agost agosto ags agt agu agus agust agustos agustus aou aout aug august
    augusta augusti augustil augusts augustus augusztus avg avgust avq avqust aws awst dag dagost elo elokuu
    elokuuta gsh gush gusht kol kolov kolovoz kolovoza lun lunasa ogo ogos rgp rugp rugpjucio rugpjutis sie sier
    sierpien sierpnia srpen srpna αυγ αυγουστοσ αυγουστου авг август августа жні жнівень жніуня сер серп серпень
    серпня там тамыз օգոս օգոստոս օգոստոսի օգս אוג אוגו אוגוסט أغس أغسطس اوت اگست अगस्त अग॰ ऑग ऑगस्ट আগ আগস্ট ਅਗ
    ਅਗਸਤ ઑગસ્ટ ஆக ஆகஸ்ட் ఆగ ఆగస్టు ಆಗ ಆಗಸ್ಟ್ ഓഗ ഓഗസ്റ്റ് สค สิงหาคม აგვ აგვი აგვისტო 八月
    """,
    """
    eyl eylul ira iraila irailak irailaren med medi mfomh rgs rugs rugsejis rugsejo ruj rujan rujna sen sent
    sentyabr sep sept septembar september septembra septembre septembri septembrie septembril septembris
    septiembre set setembre setembro setiembre sett settembre sht shtator stb syy syys syyskuu syyskuuta sze szep
    szept szeptember wrz wrze wrzesien wrzesnia zar zari σεπ σεπτ σεπτεμβριοσ σεπτεμβριου вер верас верасень
    верасня вересень вересня сен сент сентябрь сентября сеп септ септембар септември қыр қыркүиек սեպ սեպտ
    սեպտեմբեր սեպտեմբերի ספט ספטמ ספטמבר سبت سبتمبر ستمبر سپتامبر सप्टें सप्टेंबर सितंबर सित॰ সেপ সেপ্ট সেপ্টেম্বর
    ਸਤੰ ਸਤੰਬਰ સપ્ટે સપ્ટેમ્બર செப் செப்டம்பர் సెప్టెం సెప్టెంబర్ ಸೆಪ್ಟೆಂ ಸೆಪ್ಟೆಂಬರ್ സെപ്റ്റം സെപ്റ്റംബർ กย กันยายน
    სექ სექტ სექტემბერი 九月
    """,
    """
    dfomh doct doctubre eki ekim hyd hydref lok loka lokakuu lokakuuta oct october octobre octomb octombrie
    octubre okt oktobar oktober oktobra oktobri oktobris oktoober oktoobril oktyabr ott ottobre out outubro paz
    pazdz pazdziernik pazdziernika rij rijen rijna spa spal spalio spalis tet tetor urr urria urriak urriaren οκτ
    οκτωβριοσ οκτωβριου жов жовт жовтень жовтня кас кастрычнік кастрычніка окт октобар октомври октябрь октября
    қаз қазан հոկ հոկտ հոկտեմբեր հոկտեմբերի אוק אוקט אוקטובר أكت أكتوبر اكتبر اکتبر اکتوبر अक्टूबर अक्टू॰ अक्तूबर
    अक्तू॰ ऑक्टो ऑक्टोबर অক্টো অক্টোবর ਅਕਤੂ ਅਕਤੂਬਰ ઑક્ટો ઑક્ટોબર அக் அக்டோபர் అక్టో అక్టోబర్ ಅಕ್ಟೋ ಅಕ್ಟೋಬರ್ ഒക്ടോ
    ഒക്ടോബർ ตค ตุลาคม ოქტ ოქტომბერი 十月
    """,
    """
    aza azaroa azaroak azaroaren kas kasim lap lapk lapkr lapkricio lapkritis listopadu marras marraskuu
    marraskuuta nen nentor noi noie noiem noiembrie nop nopember nov novembar november novembra novembre novembri
    novembril novembris novembro noviembre noy noyabr nvb samh samhain stu stud studeni studenoga tach tachwedd
    νοε νοεμ νοεμβριοσ νοεμβριου лис лист листопад листопада ліс лістап лістапад лістапада нов новемб новембар ное
    ноем ноември ноя нояб ноябрь ноября қар қараша նմբ նոյ նոյեմբեր նոյեմբերի נוב נובמ נובמבר نوامبر نوف نوفمبر
    نومبر नवंबर नव॰ नोव्हें नोव्हेंबर নভে নভেম্বর ਨਵੰ ਨਵੰਬਰ નવે નવેમ્બર நவ நவம்பர் నవం నవంబర్ ನವೆಂ ನವೆಂಬರ್ നവം
    നവംബർ พย พฤศจิกายน ნოე ნოემ ნოემბერი 十一月
    """,
    """
    abe abendua abenduak abenduaren ara aralik dec decem decembar december decembra decembre decembri decembrie
    decembris decembro dek dekabr des desember desembre det dets detsember detsembril dez dezember dezembro dhj
    dhjetor dic dicembre diciembre dis disember dsb grd gru grudnia grudz grudzien gruod gruodis gruodzio jou
    joulu joulukuu joulukuuta noll nollaig pro pros prosinac prosinca prosince prosinec rha rhag rhagfyr δεκ
    δεκεμβριοσ δεκεμβριου гру груд грудень грудня дек декабрь декабря декем декември дец децем децембар жел
    желтоқсан сне снеж снежань снежня դեկ դեկտեմբեր դեկտեմբերի דצמ דצמבר دسامبر دسمبر ديس ديسمبر डिसें डिसेंबर
    दिसंबर दिस॰ ডিসে ডিসেম্বর ਦਸੰ ਦਸੰਬਰ ડિસે ડિસેમ્બર டிச டிசம்பர் డిసెం డిసెంబర్ ಡಿಸೆಂ ಡಿಸೆಂಬರ್ ഡിസം ഡിസംബർ ธค
    ธันวาคม დეკ დეკე დეკემბერი 十二月
    """,
)
_ARABIC = (
    "جانفي",
    "شباط فيفري",
    "آذار اذار",
    "نيسان أفريل افريل ابريل",
    "أيار ايار ماي",
    "حزيران جوان",
    "تموز جويلية يوليوز",
    "آب اب أوت غشت",
    "أيلول ايلول شتنبر",
    "اكتوبر",
    "نونبر",
    "دجنبر",
)
"""Of Syria, Lebanon, Iraq, Algeria, Tunisia and Morocco, and spellings without hamza."""
_AGREED = {
    folded(word): number
    for names in (_NAMES, _ARABIC)
    for number, words in enumerate(names, 1)
    for word in words.split()
}
# Hebrew writes "in" as the first letter of the word.
_AGREED |= {
    f"ב{word}": number
    for word, number in _AGREED.items()
    if "\u05d0" <= word < "\u05f0"
}
_DIFFERING = {
    "cer": {6: "cs", 7: "cs"},
    "jui": {6: "fr", 7: "fr"},
    "lip": {6: "bs hr", 7: "cs pl sk"},
    "lis": {10: "bs hr", 11: "cs pl sk"},
    "list": {10: "bs hr", 11: "cs pl sk"},
    "listopad": {10: "bs hr", 11: "cs pl sk"},
    "listopada": {10: "bs hr", 11: "cs pl sk"},
    "rug": {8: "lt", 9: "lt"},
    "srp": {7: "bs hr", 8: "cs pl sk"},
    "հուն": {1: "hy", 6: "hy"},
}
"""What words mean by the language. `listopad` is the fall of leaves: in October to Croats, in November to Czechs."""
MONTHS = DateWords(_AGREED, _DIFFERING)
"""Months from 1 to 12."""

TWO_WORDS = {
    "كانون الثاني": "يناير",
    "تشرين الأول": "أكتوبر",
    "تشرين الاول": "أكتوبر",
    "تشرين الثاني": "نوفمبر",
    "كانون الأول": "ديسمبر",
    "كانون الاول": "ديسمبر",
    "meán fómhair": "september",
    "mheán fómhair": "september",
    "deireadh fómhair": "october",
    "dheireadh fómhair": "october",
    "tháng mười một": "tháng 11",
    "tháng mười hai": "tháng 12",
    "tháng giêng": "tháng 1",
    "tháng chạp": "tháng 12",
    "tháng bẩy": "tháng 7",
    "tháng một": "tháng 1",
    "tháng hai": "tháng 2",
    "tháng ba": "tháng 3",
    "tháng tư": "tháng 4",
    "tháng năm": "tháng 5",
    "tháng sáu": "tháng 6",
    "tháng bảy": "tháng 7",
    "tháng tám": "tháng 8",
    "tháng chín": "tháng 9",
    "tháng mười": "tháng 10",
}
"""Months named by two words or three (of the Levant, Irish, Vietnamese), as others name them."""
