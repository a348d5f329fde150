"""Read Chinese text out of DICOM bytes whose declared character set may be missing or wrong.

Says how certain a reading is and which others are possible. Must never rewrite the stored value, and never call a
reading certain that has a plausible rival.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

UTF_8 = "ISO_IR 192"
GB18030 = "GB18030"
LATIN_1 = "ISO_IR 100"
BIG5 = "Big5"
ASCII = "ISO_IR 6"
GB_2312_EXTENSION = "ISO 2022 IR 58"

# Defined terms of PS3.3 C.12.1.1.2 without "_", "-" and blanks, and what devices write instead -> (our term, codec).
_CHARSETS: Mapping[str, tuple[str, str]] = {
    "ISOIR192": (UTF_8, "utf-8"),
    "UTF8": (UTF_8, "utf-8"),
    "GB18030": (GB18030, "gb18030"),
    "GBK": ("GBK", "gb18030"),
    "GB2312": ("GBK", "gb18030"),
    "ISO2022GBK": ("GBK", "gb18030"),
    "ISO2022IR58": (GB_2312_EXTENSION, "gb18030"),
    "ISOIR58": (GB_2312_EXTENSION, "gb18030"),
    "ISO202258": (GB_2312_EXTENSION, "gb18030"),
    "BIG5": (BIG5, "big5"),  # no term of the standard, yet written by devices from Taiwan
    "ISOIR100": (LATIN_1, "latin-1"),
    "ISO2022IR100": (LATIN_1, "latin-1"),
    "ISOIR101": ("ISO_IR 101", "iso8859-2"),
    "ISO2022IR101": ("ISO_IR 101", "iso8859-2"),
    "ISOIR109": ("ISO_IR 109", "iso8859-3"),
    "ISO2022IR109": ("ISO_IR 109", "iso8859-3"),
    "ISOIR110": ("ISO_IR 110", "iso8859-4"),
    "ISO2022IR110": ("ISO_IR 110", "iso8859-4"),
    "ISOIR144": ("ISO_IR 144", "iso8859-5"),
    "ISO2022IR144": ("ISO_IR 144", "iso8859-5"),
    "ISOIR127": ("ISO_IR 127", "iso8859-6"),
    "ISO2022IR127": ("ISO_IR 127", "iso8859-6"),
    "ISOIR126": ("ISO_IR 126", "iso8859-7"),
    "ISO2022IR126": ("ISO_IR 126", "iso8859-7"),
    "ISOIR138": ("ISO_IR 138", "iso8859-8"),
    "ISO2022IR138": ("ISO_IR 138", "iso8859-8"),
    "ISOIR148": ("ISO_IR 148", "iso8859-9"),
    "ISO2022IR148": ("ISO_IR 148", "iso8859-9"),
    "ISOIR166": ("ISO_IR 166", "iso8859-11"),
    "ISO2022IR166": ("ISO_IR 166", "iso8859-11"),
    "ISOIR13": ("ISO_IR 13", "shift_jis"),
    "ISO2022IR13": ("ISO_IR 13", "shift_jis"),
    "ISO2022IR149": ("ISO 2022 IR 149", "euc_kr"),
}
# Escape sequences of PS3.3 tables C.12-3 and C.12-4 -> (codec, whether the codec wants to see the sequence itself).
_ESCAPES: Mapping[bytes, tuple[str, bool]] = {
    b"\x1b(B": ("ascii", False),
    b"\x1b(J": ("ascii", False),
    b"\x1b)I": ("shift_jis", False),
    b"\x1b$)A": ("gb2312", False),
    b"\x1b$)C": ("euc_kr", False),
    b"\x1b$B": ("iso2022_jp", True),
    b"\x1b$@": ("iso2022_jp", True),
    b"\x1b$(D": ("iso2022_jp_2", True),
    b"\x1b-A": ("latin-1", False),
    b"\x1b-B": ("iso8859-2", False),
    b"\x1b-C": ("iso8859-3", False),
    b"\x1b-D": ("iso8859-4", False),
    b"\x1b-L": ("iso8859-5", False),
    b"\x1b-G": ("iso8859-6", False),
    b"\x1b-F": ("iso8859-7", False),
    b"\x1b-H": ("iso8859-8", False),
    b"\x1b-M": ("iso8859-9", False),
    b"\x1b-T": ("iso8859-11", False),
}
_ESCAPE = re.compile(rb"(\x1b(?:\$\)[AC]|\$\(D|\$[B@]|\([BJ]|\)I|-[A-DF-HLMT]))")

SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金韦贾夏付方"
    "邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔牛岳齐梅庄辛管祝左涂谷祁倪温葛游冉柯洪季芦安樊申米晋靳柴解卫郎"
    "甄景霍翟兰骆裴鲁聂焦鲍骞娄苗路耿席尚栾项阮纪柳关车詹房欧华宁盛凌吉霍童颜巩原亢郄郜荆逯逄单盖褚臧麻邢师刁曲冀"
)
COMPOUND_SURNAMES = ("欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "夏侯")
# Characters of given names that stand outside the 3755 most common ones (level 1 of GB 2312).
_OF_NAMES = frozenset(
    "婷鑫璐晗闫玥昕萱琪瑶煜烨晔骏钰珺珂玮琦琳璇璟瑾瑜瑞瑗璞璋璨婧娅娟婕嫣妍娜姝娴嫒媛婵娉妤妮昊旻昱晟晖晨晞暄曦昶旭杰桐梓楠榕槿樱栩柠檬沁沐泓洺淇淼渝"
    "湘湉溪滢漪潇澜濛灏炜炫炀煊熙熠燊焱琰琬琮珏玘玙珩珞珈瑛璎旖颖颢颉馨馥骁骞骅鸿鹏鹤麒麟黛懿翊翎翔翌芊芃芮苒茜茗荃莹莉菁菲萌萍葳蓓蓉蔓蕾薇薏藜蘅钊钧铉铭锴锟"
    "镕铄铖锦阳隽霖霏雯霁韬赟赓赫轩轶辉辰逸逍遥邈郁郗郓郦邢邸邬邱邳郄郜郏祎祯祺禧禾稷笙筠箐纾绮缨缇羿耘聪肇膑臻舜舫艺亓仉佟佘佶侃俪倩倬偲傅僖冕冼凇凯刈"
    "劭勐卞卓厉叡喆嘏嘉囡垚埕培堃堉塬壬夙奕妘宓宸寅寰屹岑岚峥崟崴嵘嵩巍巽帆帷庚廷弈弋彤彦彧彬徵忻怿恺恬恽悦惇愫慜戈戎扬抒拓捷掣揆敏斌斐旎旌昀昙杞杨杲枫柏栎桀桢"
    "桦梵楚榛槐樾欣歆毅毓汐汶沅沣沛泾洛洵浚浩涓涵淏淑淳渊渺湛溥滕滟漩漾澄澍澎潞濮瀚瀛烁烽煦犇猗玎珑珊珍珠琅琛琨琼瑄瑭瑷璀璁璘璜瓒甫畅皓皎盈睿瞿矜砚硕磊礼缪褚"
    "嵇蔺莘蔚艾茹荀荔蕊蕴虔虞袆覃訾诩谌谙谧谯贇邝逄郇郅郯鄢鄯鄞酆钏铠锜镡闵阚隗雒靓鞠頔颀飏骊鲲鸽鸾黠龚龙峤崚昇淦湦滦潆濂烜燚瓅甯畲竑竺筱箬粲绫缃罡翀翾聿脩"
    "偉劼妃姗娣婳嫦怡憬懋斓旸晁暻炘焯玺珣珮珲琥瑨璧瓊眸砥砺祐祚秭筝翦翩胤芙芸莞莺菀菡葆蓥蕙薰裘褀诠赉轼钗铎铛铮陟霆骐骢骥鹭"
)
_PUNCTUATION = frozenset(" ^=\\·•・‧∙･.,-()'（）　、，。：；/[]【】+")
_DOTS = str.maketrans(dict.fromkeys("•・‧∙･", "·"))
_WIDE: dict[int, int] = {0x3000: 0x20, **{wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}}


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One possible reading: the DICOM term of the charset it was read in, and the text."""

    charset: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Decoded:
    """The best reading. Not `certain`: show it for confirmation together with all `candidates`, best first.

    `charset_used` is a DICOM defined term, "" when nothing reads these bytes (then unreadable ones stand as U+FFFD).
    """

    text: str
    charset_used: str
    certain: bool
    candidates: tuple[Candidate, ...]


def decode(raw: bytes, charset: str) -> Decoded:
    """Read `raw` (padding may be left on) under the declared Specific Character Set.

    `charset` is as declared: one term, several parted by a backslash (PS3.3 C.12.1.1.2), "" for none. Certain is only
    pure ASCII, or a declared reading that is valid and plausible while no other valid reading is plausible.
    """
    declared = [_known(term) for term in charset.split("\\")]
    if b"\x1b" in raw:
        escaped = _decode_escapes(raw, declared)
        if escaped is not None:
            return escaped
    elif raw.isascii():
        return _sure(Candidate(charset=ASCII, text=raw.decode("ascii")))
    ours = {term for term, _ in declared if term}
    readings = sorted(_readings(raw, declared), key=lambda reading: _rank(reading, raw, ours))
    if not readings:
        return Decoded(text=raw.decode("ascii", "replace"), charset_used="", certain=False, candidates=())
    best, rivals = readings[0], readings[1:]
    if best.charset in ours and is_good(best, raw) and not any(is_rival(reading, raw) for reading in rivals):
        return _sure(best)
    return Decoded(text=best.text, charset_used=best.charset, certain=False, candidates=tuple(readings))


def person_name(decoded_text: str) -> tuple[str, str]:
    """(the name as a person writes it, the alphabetic group or "") of a decoded PN value (PS3.5 6.2.1).

    `Wang^XiaoDong=王^小东=` gives ("王小东", "Wang XiaoDong"): a group with Chinese characters goes first.
    """
    groups = [_spoken(group) for group in decoded_text.split("=")]
    first = groups[0]
    ordered = [*groups[1:2], first, *groups[2:]]
    display = next((group for group in ordered if _has_ideograph(group)), "")
    display = display or next((group for group in groups if group), "")
    return display, first if first.isascii() else ""


def codec_of(term: str) -> str:
    """The Python codec of a character set by its DICOM term, "" for one that nobody knows."""
    return _known(term)[1]


def _known(term: str) -> tuple[str, str]:
    """(our term, Python codec) of a declared one; ("", "") for none and for what nobody knows."""
    return _CHARSETS.get(re.sub(r"[ _-]", "", term).upper(), ("", ""))


def _sure(reading: Candidate) -> Decoded:
    return Decoded(text=reading.text, charset_used=reading.charset, certain=True, candidates=(reading,))


def _readings(raw: bytes, declared: list[tuple[str, str]]) -> Iterator[Candidate]:
    """Every strict reading once: the declared ones, then UTF-8, GB18030 and (if it looks like a name) Latin-1."""
    seen: set[str] = set()
    for term, codec in (*declared, (UTF_8, "utf-8"), (GB18030, "gb18030"), (LATIN_1, "latin-1")):
        text = _strict(raw, codec)
        if text is None or text in seen:
            continue
        seen.add(text)
        if (term, codec) in declared or term != LATIN_1 or _plausible(text):
            yield Candidate(charset=term, text=text)


def _strict(raw: bytes, codec: str) -> str | None:
    """Strictly decoded; a last character that a length limit of the device cut in two is dropped."""
    if not codec:
        return None
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        start = error.start
    if codec not in ("utf-8", "gb18030") or not start or start < len(raw) - 3:
        return None
    try:
        return raw[:start].decode(codec)
    except UnicodeDecodeError:
        return None


def is_good(reading: Candidate, raw: bytes) -> bool:
    """Plausible, and nothing was cut off."""
    return _plausible(reading.text) and reading.text.encode(_known(reading.charset)[1], "replace") == raw


def is_rival(reading: Candidate, raw: bytes) -> bool:
    """Chinese or Latin: by chance many Chinese names are valid UTF-8 for a few Cyrillic or Arabic letters."""
    foreign = not _has_ideograph(reading.text) and any(ord(character) >= 0x250 for character in reading.text)
    return is_good(reading, raw) and not foreign


def _rank(reading: Candidate, raw: bytes, ours: set[str]) -> tuple[bool, float, bool, int]:
    """Sorts the likeliest first: whole and plausible, then common characters, then as declared, then the shorter."""
    text = reading.text
    return not is_good(reading, raw), -_commonness(text), reading.charset not in ours, len(text)


def _commonness(text: str) -> float:
    """Mean weight of the characters beyond ASCII (2 common, 1 other ideograph, below 0 no text); +1 for a surname."""
    strange = [character for character in text if not character.isascii()]
    if not strange:
        return 0.0
    weight = sum(_weight(character) for character in strange) / len(strange)
    return weight + (1.0 if _begins_with_surname(text) else 0.0)


def _weight(character: str) -> int:
    if is_common(character):
        return 2
    if is_ideograph(character):
        return 1
    return 0 if character in _PUNCTUATION or _is_wide(character) else -3


def _plausible(text: str) -> bool:
    """Whether a person may have written this: Chinese with mostly common characters, or words of one alphabet."""
    strange = [character for character in text if not character.isascii() and character not in _PUNCTUATION]
    if not strange:
        return text.isprintable() or text.isascii()
    chinese = [character for character in strange if is_ideograph(character)]
    if not chinese:
        return _plausible_alphabet(text, strange)
    if any(not is_ideograph(character) and not _is_wide(character) for character in strange):
        return False
    common = sum(is_common(character) for character in chinese)
    return 3 * common >= 2 * len(chinese) or (2 * common >= len(chinese) and _begins_with_surname(text))


def _plausible_alphabet(text: str, strange: list[str]) -> bool:
    """Letters only, of one script; accented Latin ones in the minority (`ÕÅÈý` is no name)."""
    if not all(character.isalpha() for character in strange):
        return False
    if all(ord(character) < 0x250 for character in strange):
        return len(strange) <= sum(character.isascii() and character.isalpha() for character in text)
    return len({ord(character) >> 8 for character in strange}) == 1


def _begins_with_surname(text: str) -> bool:
    for group in text.split("="):
        start = group.lstrip(" 　")
        if start[:1] in SURNAMES or start.startswith(COMPOUND_SURNAMES):
            return True
    return False


def is_common(character: str) -> bool:
    if character in _OF_NAMES or character in SURNAMES:
        return True
    try:
        encoded = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(encoded) == 2 and 0xB0 <= encoded[0] <= 0xD7


def is_ideograph(character: str) -> bool:
    return (
        "一" <= character <= "\u9fff" or "\u3400" <= character <= "\u4dbf" or "\U00020000" <= character <= "\U0003ffff"
    )


def _has_ideograph(text: str) -> bool:
    return any(is_ideograph(character) for character in text)


def _is_wide(character: str) -> bool:
    return character == "\u3000" or "\uff01" <= character <= "\uff5e"


def _decode_escapes(raw: bytes, declared: list[tuple[str, str]]) -> Decoded | None:
    """ISO 2022 code extensions (PS3.5 6.1.2.5), which pydicom leaves in for GB 2312; None when they do not hold."""
    pieces = _ESCAPE.split(raw)
    codec, prefix = declared[0][1] or "gb18030", b""
    certain, text = True, ""
    for piece in pieces:
        if piece in _ESCAPES:
            codec, keeps = _ESCAPES[piece]
            prefix = piece if keeps else b""
            continue
        try:
            text += (prefix + piece).decode(codec)
        except UnicodeDecodeError:
            looser = _strict(piece, "gb18030")  # characters beyond GB 2312 behind its escape sequence
            if looser is None or codec not in ("gb2312", "ascii"):
                return None
            text, certain = text + looser, False
    if "\x1b" in text:
        return None
    reading = Candidate(charset=_extension(pieces), text=text)
    if certain and (text.isascii() or not _has_ideograph(text) or _plausible(text)):
        return _sure(reading)
    return Decoded(text=text, charset_used=reading.charset, certain=False, candidates=(reading,))


def _extension(pieces: list[bytes]) -> str:
    if b"\x1b$)A" in pieces:
        return GB_2312_EXTENSION
    if b"\x1b$)C" in pieces:
        return "ISO 2022 IR 149"
    if b"\x1b$B" in pieces or b"\x1b$@" in pieces:
        return "ISO 2022 IR 87"
    if b"\x1b$(D" in pieces:
        return "ISO 2022 IR 159"
    return "ISO 2022 IR 6"


def _spoken(group: str) -> str:
    """Family, given and middle name of one component group in the order of speech, without padding."""
    components = [part.translate(_WIDE).translate(_DOTS).strip(" \0") for part in group.split("^")]
    words = [word for part in components[:3] or components for word in part.split()] or " ".join(components).split()
    return _joined(words)


def _joined(words: list[str]) -> str:
    """Words with a blank between, but none beside a Chinese character."""
    text = ""
    for word in words:
        blank = text and not (is_ideograph(text[-1]) or is_ideograph(word[0]))
        text += f" {word}" if blank else word
    return text
