"""The names of the months, as feeds write them.

One paragraph for each month from January: wide and abbreviated names in 45 languages (Unicode CLDR, and forms seen in
feeds), folded as `dates` folds words: lower case, without dots and accents. A word stands for one month in all of these
languages, but for those of `CROATIAN`, which mean another month in Polish or Czech.
"""

from __future__ import annotations

_NAMES = (
    """
    ean eanair ene enero gen gener gennaio ian ianuarie ion ionawr jaan jaanuar jan janar janeir janeiro
    janner januar januara januari january janv janvaris janvier led leden ledna oca ocak saus sausio sausis
    sij sijecanj sijecnja sty styczen stycznia tammi tammikuu tammikuuta urt urtarrila xan xaneiro yan yanvar
    ιαν ιανουαριοσ ιανουαριου сту студзень студзеня січ січень січня янв январь января яну януари јан јануар
    јануари қаң қаңтар հնվ հունվար հունվարի ינואר ינו׳ يناير ژانویه ژانویهٔ जनवरी जन॰ জানু জানুয়ারী ஜன ஜனவரி
    มกราคม มค იან იანვარი 一月
    """,
    """
    chw chwef chwefror feabh feabhra feb febbraio febr febreiro febrer febrero februar februara februari
    februarie februaris february fev fevereiro fevr fevral fevrier helmi helmikuu helmikuuta lut lutego luty
    ots otsaila shk shkurt sub subat uno unor unora vas vasario vasaris veebr veebruar velj veljaca veljace
    φεβ φεβρουαριοσ φεβρουαριου ақп ақпан лют лютага лютии лютого люты феб фебруар фев февр февраль февраля
    февруари փետրվար փետրվարի փտվ פברואר פבר׳ فبراير فوریه فوریهٔ फ़रवरी फ़र॰ ফেব ফেব্রুয়ারী பிப் பிப்ரவரி กพ
    กุมภาพันธ์ თებ თებერვალი 二月
    """,
    """
    bre brezen brezna kov kovas kovo maalis maaliskuu maaliskuuta maart mac mar marc marca march marcius marco
    marec maret mars mart marta martie marts martxoa marz marzec marzo maw mawrth mrt mær ozu ozujak ozujka
    μαρ μαρτιοσ μαρτιου бер березень березня мар март марта нау наурыз сак сакавік сакавіка մարտ մարտի մրտ מרץ
    مارس मार्च মার্চ மார் மார்ச் มีค มีนาคม მარ მარტი 三月
    """,
    """
    abr abril aib aibrean api apirila apr aprel april aprila aprile aprilie aprilis aprill avr avril bal
    balandis balandzio dub duben dubna d’abr d’abril ebr ebrill huhti huhtikuu huhtikuuta kwi kwiecien
    kwietnia nis nisan pri prill tra travanj travnja απρ απριλιοσ απριλιου апр апрель апреля април квіт
    квітень квітня кра красавік красавіка сәу сәуір ապր ապրիլ ապրիլի אפריל אפר׳ آوریل أبريل अप्रैल এপ্রি
    এপ্রিল ஏப் ஏப்ரல் เมย เมษายน აპრ აპრილი 四月
    """,
    """
    beal bealtaine geg geguze geguzes kve kveten kvetna mag maggio mai maiatza maig maijs maio maj maja majus
    may mayo mayıs mei svi svibanj svibnja touko toukokuu toukokuuta μαι μαιοσ μαιου маи мам мамыр мая мај
    трав травень травня մայիս մայիսի մյս מאי مايو مه مهٔ मई মে மே พค พฤษภาคม მაი მაისი 五月
    """,
    """
    birz birzelio birzelis cerven cervna cvn cze czerwca czerwiec eka ekaina giu giugno haz haziran iun iunie
    iyn iyun juin jun juna june junho juni junij junijs junio junius juny juuni kesa kesakuu kesakuuta lipanj
    lipnja meh mehefin meith meitheamh qer qershor xuno ιουν ιουνιοσ ιουνιου июн июнь июня мау маусым черв
    червень червня чэр чэрвень чэрвеня юни јун јуни հնս հունիս հունիսի יוני يونيو ژوئن जून জুন ஜூன் มิถุนายน
    มิย ივნ ივნისი 六月
    """,
    """
    cervence cervenec cvc gor gorff gorffennaf heina heinakuu heinakuuta iuil iul iulie iyl iyul juil juillet
    jul jula julai julho juli julij julijs julio juliol julius july juuli korr korrik liep liepa liepos lipca
    lipiec lug luglio srpanj srpnja tem temmuz uzt uztaila xul xullo ιουλ ιουλιοσ ιουλιου июл июль июля лип
    липень липня ліп ліпень ліпеня шіл шілде юли јул јули հլս հուլիս հուլիսի יולי يوليو ژوئیه ژوئیهٔ जुलाई
    जुल॰ জুল জুলাই ஜூலை กค กรกฎาคม ივლ ივლისი 七月
    """,
    """
    abu abuztua ag ago agost agosto agu agust agustos agustus aout aug august augusta augusti augusts augustus
    augusztus avg avgust avq avqust awst d’ag d’agost elo elokuu elokuuta gush gusht kol kolovoz kolovoza lun
    lunasa ogo ogos rugp rugpjucio rugpjutis sie sierpien sierpnia srpen srpna αυγ αυγουστοσ αυγουστου авг
    август августа жні жнівень жніуня серп серпень серпня там тамыз օգոստոս օգոստոսի օգս אוגוסט אוג׳ أغسطس اوت
    अगस्त अग॰ আগ আগস্ট ஆக ஆகஸ்ட் สค สิงหาคม აგვ აგვისტო 八月
    """,
    """
    eyl eylul ira iraila medi mfomh rugs rugsejis rugsejo ruj rujan rujna sen sentyabr sep sept september
    septembra septembre septembrie septembris septiembre set setembre setembro sett settembre sht shtator syys
    syyskuu syyskuuta szept szeptember wrz wrzesien wrzesnia zar zari σεπ σεπτεμβριοσ σεπτεμβριου вер верасень
    верасня вересень вересня сент сентябрь сентября сеп септембар септември қыр қыркүиек սեպ սեպտեմբեր
    սեպտեմբերի ספטמבר ספט׳ سبتمبر سپتامبر सितंबर सित॰ সেপ সেপ্টেম্বর செப் செப்டம்பர் กย กันยายน სექ სექტემბერი
    九月
    """,
    """
    dfomh d’oct d’octubre eki ekim hyd hydref loka lokakuu lokakuuta oct october octobre octombrie octubre okt
    oktober oktobra oktobris oktoober oktyabr ott ottobre out outubro paz pazdziernik pazdziernika rij rijen
    rijna spal spalio spalis tet tetor urr urria οκτ οκτωβριοσ οκτωβριου жовт жовтень жовтня кас кастрычнік
    кастрычніка окт октобар октомври октябрь октября қаз қазан հոկ հոկտեմբեր հոկտեմբերի אוקטובר אוק׳ أكتوبر
    اکتبر अक्टूबर अक्टू॰ অক্টো অক্টোবর அக் அக்டோபர் ตค ตุลาคม ოქტ ოქტომბერი 十月
    """,
    """
    aza azaroa kas kasım lapkr lapkricio lapkritis listopadu marras marraskuu marraskuuta nen nentor noiembrie
    nov november novembra novembre novembris novembro noviembre noy noyabr samh samhain stu studeni studenoga
    tach tachwedd νοε νοεμβριοσ νοεμβριου лист листопад листопада ліс лістапад лістапада нов новембар ное
    ноември нояб ноябрь ноября қар қараша նոյ նոյեմբեր նոյեմբերի נובמבר נוב׳ نوامبر نوفمبر नवंबर नव॰ নভে
    নভেম্বর நவ நவம்பர் พย พฤศจิกายน ნოე ნოემბერი 十一月
    """,
    """
    abe abendua ara aralık dec december decembra decembre decembrie decembris decembro dek dekabr des desember
    desembre dets detsember dez dezember dezembro dhj dhjetor dic dicembre diciembre dis disember gru grudnia
    grudzien gruod gruodis gruodzio joulu joulukuu joulukuuta noll nollaig pro prosinac prosinca prosince
    prosinec rhag rhagfyr δεκ δεκεμβριοσ δεκεμβριου груд грудень грудня дек декабрь декабря декември дец
    децембар жел желтоқсан сне снежань снежня դեկ դեկտեմբեր դեկտեմբերի דצמבר דצמ׳ دسامبر ديسمبر दिसंबर दिस॰
    ডিসে ডিসেম্বর டிச டிசம்பர் ธค ธันวาคม დეკ დეკემბერი 十二月
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
MONTHS = {
    word: number
    for names in (_NAMES, _ARABIC)
    for number, words in enumerate(names, 1)
    for word in words.split()
}
MONTHS |= {
    f"ב{word}": number for word, number in MONTHS.items() if "\u05d0" <= word < "\u05f0"
}
"""Word to number of the month, 1 to 12. Hebrew writes "in" as the first letter of the word."""
TWO_WORDS = {
    "كانون الثاني": "يناير",
    "تشرين الأول": "أكتوبر",
    "تشرين الاول": "أكتوبر",
    "تشرين الثاني": "نوفمبر",
    "كانون الأول": "ديسمبر",
    "كانون الاول": "ديسمبر",
}
"""Months of the Levant named by two words, as the others name them."""

CROATIAN = {
    "listopada": 10,
    "listopad": 10,
    "lis": 10,
    "lip": 6,
    "srp": 7,
}
"""What these words mean in Croatian."""
CZECH_OR_POLISH = {
    "listopada": 11,
    "listopad": 11,
    "lis": 11,
    "lip": 7,
    "srp": 8,
}
"""What they mean in Czech or Polish."""
