"""The readings of a name that a person chooses from, and what the choice means for the device's later names.

Only for names that `names.decode` is not sure of. Must never call a reading certain that has a plausible rival: a
choice made for the device guides, it does not force.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from app.intake import names
from app.intake.names import BIG5, GB18030, LATIN_1, UTF_8, Candidate, Decoded

_TRADITIONAL_SURNAMES = frozenset(
    "張劉陳楊黃趙吳孫馬羅鄭謝許韓鄧馮彭肖潘蔣餘蘇呂盧鐘譚陸範廖賈韋鄒閻龍萬龔錢湯賴陶賀顧嚴武莊詹簡連蕭葉蘭歐顏於鄔溫莫華單衛紀駱麥齊聶關閔喬畢藍塗穆"
)
_TRADITIONAL_DOUBLE = ("歐陽", "司馬", "諸葛", "東方", "尉遲", "公孫")
TITLES = {GB18030: "GB18030", UTF_8: "UTF-8", BIG5: "Big5 繁体", LATIN_1: "Latin-1 西文"}
"""What can be chosen for a device, in the order of the dialog, and how it is called on screen."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to read the bytes. `text` "": they can't be read so; `why` says what speaks for or against it."""

    charset: str
    title: str
    text: str
    groups: tuple[str, ...]
    """The bytes in hex, character by character; where reading fails the byte that does not fit, with a cross."""
    is_good: bool
    why: str


def title_of(charset: str) -> str:
    """How a character set is called on screen; "" for one that is known to nobody."""
    return TITLES.get(charset) or (charset if names.codec_of(charset) else "")


def readings(raw: bytes, declared: str) -> list[Reading]:
    """Every reading that may be chosen, the likeliest first: four, and the declared one where it is another."""
    terms = [GB18030, UTF_8, BIG5, LATIN_1]
    given = declared.split("\\")[0].strip()
    if names.codec_of(given) and names.codec_of(given) not in [names.codec_of(term) for term in terms]:
        terms.insert(3, given)
    likeliest = names.decode(raw, declared)
    first = likeliest.candidates[0].charset if likeliest.candidates else ""
    found = [_reading(raw, term) for term in terms]
    own = names.codec_of(first)
    return sorted(
        found, key=lambda one: (not one.is_good, not surname_of(one.text), names.codec_of(one.charset) != own)
    )


def guided(raw: bytes, declared: str, chosen: str) -> Decoded:
    """As `names.decode`, but in doubt the reading that a person chose for the device, if that has a surname."""
    found = names.decode(raw, declared)
    text = "" if found.certain or not chosen else read_as(raw, chosen)
    if not text or not surname_of(text) or not _looks_like_a_name(text, raw, chosen):
        return found
    rivals = [each for each in found.candidates if names.codec_of(each.charset) != names.codec_of(chosen)]
    if any(names.is_rival(each, raw) for each in rivals):
        return found
    reading = Candidate(charset=chosen, text=text)
    return Decoded(text=text, charset_used=chosen, certain=True, candidates=(reading,))


def read_as(raw: bytes, charset: str) -> str:
    """The bytes read strictly so, "" where they are not."""
    try:
        return raw.rstrip(b" \0").decode(names.codec_of(charset) or "ascii")
    except UnicodeDecodeError:
        return ""


def _looks_like_a_name(text: str, raw: bytes, charset: str) -> bool:
    """Chinese characters, all of them common ones, whole to the last byte; in traditional script a known surname."""
    chinese = [character for character in text if names.is_ideograph(character)]
    if not chinese or not text.isprintable():
        return False
    if charset == BIG5:  # Chinese of the mainland read so often gives characters that are common there
        return bool(surname_of(text)) and all(_is_level_one_of_big5(character) for character in chinese)
    whole = names.is_good(Candidate(charset=charset, text=text), raw.rstrip(b" \0"))
    return whole and all(names.is_common(character) for character in chinese)


def _is_level_one_of_big5(character: str) -> bool:
    """One of the 5401 frequently used characters (A440 to C67E)."""
    try:
        encoded = character.encode("big5")
    except UnicodeEncodeError:
        return False
    return len(encoded) == 2 and 0xA4 <= encoded[0] <= 0xC6


def _reading(raw: bytes, charset: str) -> Reading:
    plain, codec = raw.rstrip(b" \0"), names.codec_of(charset)
    try:
        text = plain.decode(codec)
    except UnicodeDecodeError as error:
        return Reading(
            charset=charset,
            title=title_of(charset),
            text="",
            groups=tuple(_failed_groups(plain, codec, error.start)),
            is_good=False,
            why=f"第 {error.start + 1} 个字节就不符合规则",
        )
    good = charset != LATIN_1 and _looks_like_a_name(text, plain, charset)
    return Reading(
        charset=charset,
        title=title_of(charset),
        text="".join(each if each.isprintable() else "□" for each in names.person_name(text)[0]),
        groups=tuple(_groups(text, codec)),
        is_good=good,
        why=_why(text, charset, good=good),
    )


def _groups(text: str, codec: str) -> Iterator[str]:
    for character in text:
        if not character.isascii():
            yield character.encode(codec).hex().upper()


def _failed_groups(raw: bytes, codec: str, start: int) -> Iterator[str]:
    yield from _groups(raw[:start].decode(codec, "ignore"), codec)
    yield f"{raw[start]:02X} ×"


def _why(text: str, charset: str, *, good: bool) -> str:
    chinese = [character for character in text if names.is_ideograph(character)]
    if not chinese:
        return "没有汉字，像乱码"
    if not text.isprintable():
        return "有读不成字的字节"
    surname = surname_of(text)
    if good:
        return f"都是常用字，姓氏表里有“{surname}”" if surname else "都是常用字"
    rare = not all(names.is_common(character) for character in chinese)
    if rare:
        return "有生僻字" if surname else "生僻字，姓氏表里没有"
    return "夹着别的符号" if surname else "姓氏表里没有"


def surname_of(text: str) -> str:
    """The known Chinese surname a name begins with, "" for none."""
    spoken = names.person_name(text)[0]
    double = next((each for each in (*names.COMPOUND_SURNAMES, *_TRADITIONAL_DOUBLE) if spoken.startswith(each)), "")
    return double or (spoken[:1] if spoken[:1] in names.SURNAMES | _TRADITIONAL_SURNAMES else "")
