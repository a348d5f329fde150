"""Chinese names as devices really write them: decoded right, or flagged with the right reading on the list."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.intake.names import (
    ASCII,
    BIG5,
    GB18030,
    GB_2312_EXTENSION,
    LATIN_1,
    SURNAMES,
    UTF_8,
    decode,
    is_rival,
    person_name,
)
from app.intake.readings import guided, readings

COMMON = (
    "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉建华国庆志红玉梅春生海燕雪荣玲亮佳慧宇婷浩然子轩梓涵欣怡一诺思雨晨曦博文天宇俊杰家豪雅琪"
    "嘉怡诗涵依诺晓东小红大山永福德贵金凤银花水根土生立新学兵向阳春梅秋菊冬生夏莲长江黄河泰安宁静琳璐萱瑶鑫玥昊睿泽煜皓轩"
)
RARE = "喆堃赟昇淼犇骉劼旸翀玘龑㛃䶮"


def names(characters: str = COMMON) -> st.SearchStrategy[str]:
    surname = st.sampled_from(sorted(SURNAMES))
    return st.builds(str.__add__, surname, st.text(st.sampled_from(characters), min_size=1, max_size=3))


def iso_2022(text: str) -> bytes:
    """Components of a PN in the standard's own way: the escape sequence again after each delimiter (PS3.5 K.2)."""
    parts = [part.encode() if part.isascii() else b"\x1b$)A" + part.encode("gb2312") for part in text.split("^")]
    return b"^".join(parts)


@pytest.mark.parametrize(("charset", "codec"), [("GB18030", "gb18030"), ("GBK", "gbk"), ("ISO_IR 192", "utf-8")])
@given(name=names(), caret=st.booleans())
@settings(max_examples=200)
def test_a_truly_declared_common_name_is_read_right_whatever_else_it_may_mean(
    charset: str, codec: str, name: str, caret: bool
) -> None:
    text = f"{name[0]}^{name[1:]}" if caret else name
    found = decode(text.encode(codec), charset)
    assert found.text == text
    assert found.charset_used == charset


@given(name=names(), caret=st.booleans(), charset=st.sampled_from(["", "ISO_IR 100", "ISO_IR 6", "nonsense"]))
@settings(max_examples=300)
def test_gbk_under_a_false_or_missing_declaration_is_flagged_with_the_right_reading_first(
    name: str, caret: bool, charset: str
) -> None:
    text = f"{name[0]}^{name[1:]}" if caret else name
    found = decode(text.encode("gb18030"), charset)
    assert found.text == text
    assert not found.certain
    assert found.candidates[0].charset == GB18030


@given(name=names(COMMON + RARE), wrong=st.sampled_from(["", "ISO_IR 100", "GB18030", "GBK", r"\ISO 2022 IR 58"]))
@settings(max_examples=300)
def test_utf_8_under_another_name_is_never_called_certain_and_wrong(name: str, wrong: str) -> None:
    found = decode(name.encode(), wrong)
    assert found.text == name or not found.certain
    assert name in [candidate.text for candidate in found.candidates]


@given(name=names(COMMON + RARE), wrong=st.sampled_from(["", "ISO_IR 100", "ISO_IR 192", r"\ISO 2022 IR 58"]))
@settings(max_examples=300)
def test_gb18030_under_another_name_is_never_called_certain_and_wrong(name: str, wrong: str) -> None:
    found = decode(name.encode("gb18030"), wrong)
    assert found.text == name or not found.certain
    assert name in [candidate.text for candidate in found.candidates]


@pytest.mark.parametrize(
    ("charset", "codec", "least_right", "least_certain"),
    [
        ("GB18030", "gb18030", 2000, 1990),
        ("ISO_IR 192", "utf-8", 2000, 1950),
        (r"\ISO 2022 IR 58", "gb2312", 2000, 1990),
        ("ISO_IR 100", "gb18030", 2000, 0),
        ("", "utf-8", 2000, 0),
        ("GB18030", "utf-8", 1990, 0),
        ("ISO_IR 192", "gb18030", 1990, 0),
    ],
)
def test_of_two_thousand_names_so_many_are_right_and_so_many_certain(
    charset: str, codec: str, least_right: int, least_certain: int
) -> None:
    dice = random.Random(20260105)
    surnames = sorted(SURNAMES)
    right = certain = wrong_and_certain = 0
    for _ in range(2000):
        name = dice.choice(surnames) + "".join(dice.choices(COMMON, k=dice.choice((1, 2, 2, 2))))
        name = name.replace("玥", "月") if "58" in charset else name  # not in GB 2312
        raw = iso_2022(f"{name[0]}^{name[1:]}") if "58" in charset else name.encode(codec)
        found = decode(raw, charset)
        is_right = found.text.replace("^", "") == name
        right += is_right
        certain += found.certain
        wrong_and_certain += found.certain and not is_right
    counted = f"{charset or 'none'} declared, {codec} stored: {right} right, {certain} certain of 2000"
    assert wrong_and_certain == 0, counted
    assert right >= least_right and certain >= least_certain, counted


def test_the_standards_own_example_is_read_with_its_groups() -> None:
    found = decode(b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", r"\ISO 2022 IR 58")
    assert (found.text, found.certain) == ("Zhang^XiaoDong=张^小东=", True)
    assert found.charset_used == GB_2312_EXTENSION
    assert person_name(found.text) == ("张小东", "Zhang XiaoDong")


def test_the_utf_8_and_gb18030_examples_of_the_standard_are_read() -> None:
    text = "Wang^XiaoDong=王^小东="
    for charset, codec in (("ISO_IR 192", "utf-8"), ("GB18030", "gb18030")):
        found = decode(text.encode(codec), charset)
        assert (found.text, found.certain) == (text, True)


def test_bytes_that_other_tools_show_as_latin_letters_are_read_as_chinese_and_flagged() -> None:
    found = decode("Àî½¨¹ú".encode("latin-1"), "ISO_IR 100")
    assert (found.text, found.charset_used, found.certain) == ("李建国", GB18030, False)
    assert "李建国" in [candidate.text for candidate in found.candidates]


def test_a_second_escape_that_a_device_forgot_does_not_lose_the_name() -> None:
    found = decode(b"Zhang^San=\x1b$)A\xd5\xc5^\xc8\xfd", r"\ISO 2022 IR 58")
    assert found.text == "Zhang^San=张^三"


def test_gb_bytes_without_any_escape_under_the_escape_charset_are_read() -> None:
    assert decode("张三".encode("gb2312"), r"\ISO 2022 IR 58").text == "张三"


def test_pure_ascii_is_certain_under_any_declaration() -> None:
    for charset in ("", "ISO_IR 100", "GB18030", "ISO_IR 192", "nonsense"):
        found = decode(b"WANG^XIAODONG", charset)
        assert (found.text, found.certain, found.charset_used) == ("WANG^XIAODONG", True, ASCII)


def test_a_name_with_accents_stays_latin() -> None:
    found = decode("Müller^Jörg".encode("latin-1"), "ISO_IR 100")
    assert (found.text, found.charset_used, found.certain) == ("Müller^Jörg", LATIN_1, True)


def test_a_name_cut_in_the_middle_of_a_character_is_shown_without_it_and_flagged() -> None:
    found = decode("买买提·吐尔逊".encode()[:-1], "ISO_IR 192")
    assert (found.text, found.charset_used, found.certain) == ("买买提·吐尔", UTF_8, False)


def test_bytes_that_no_charset_reads_are_shown_as_unreadable_and_flagged() -> None:
    found = decode(b"Wang\xff\xff\xff\x80", "ISO_IR 192")
    assert not found.certain
    assert found.text.startswith("Wang")


@given(raw=st.binary(max_size=80), charset=st.text(max_size=30))
@settings(max_examples=500)
def test_any_bytes_under_any_declaration_give_a_text(raw: bytes, charset: str) -> None:
    found = decode(raw, charset)
    display, ascii_group = person_name(found.text)
    assert isinstance(display, str) and ascii_group.isascii()
    assert not found.certain or len(found.candidates) == 1


@pytest.mark.parametrize(
    ("stored", "display", "ascii_group"),
    [
        ("张^三", "张三", ""),
        ("张三^^^^", "张三", ""),
        ("Wang^XiaoDong=王^小东=", "王小东", "Wang XiaoDong"),
        ("Wang^XiaoDong=王小东", "王小东", "Wang XiaoDong"),
        ("王小东=Wang^XiaoDong", "王小东", ""),
        ("=王^小东", "王小东", ""),
        ("ZHANG SAN  ", "ZHANG SAN", "ZHANG SAN"),
        ("ZHANG^SAN^^Dr", "ZHANG SAN", "ZHANG SAN"),
        ("张　三　", "张三", ""),
        ("张 三 \0", "张三", ""),
        ("ＺＨＡＮＧ　ＳＡＮ", "ZHANG SAN", "ZHANG SAN"),
        ("买买提•吐尔逊", "买买提·吐尔逊", ""),
        ("欧阳^娜娜", "欧阳娜娜", ""),
        ("", "", ""),
        ("^^^^", "", ""),
    ],
)
def test_a_stored_name_is_shown_as_a_person_writes_it(stored: str, display: str, ascii_group: str) -> None:
    assert person_name(stored) == (display, ascii_group)


# -- what a person chooses from, and what the choice means afterwards ----------------------------------------------


def test_each_reading_says_what_speaks_for_or_against_it() -> None:
    found = {one.charset: one for one in readings("王小满".encode("gb18030"), "")}
    assert found[GB18030].is_good and found[GB18030].why == "都是常用字，姓氏表里有“王”"
    assert found[GB18030].groups == ("CDF5", "D0A1", "C2FA")
    assert (found[UTF_8].text, found[UTF_8].groups) == ("", ("CD ×",))
    assert found[UTF_8].why == "第 1 个字节就不符合规则"
    assert not found[BIG5].is_good and found[BIG5].text == "卼苤雛"
    assert found[LATIN_1].why == "没有汉字，像乱码"


@pytest.mark.parametrize("name", ["林志玲", "張學友", "歐陽菲菲"])
def test_a_traditional_name_is_offered_and_can_be_chosen_for_the_device(name: str) -> None:
    raw = name.encode("big5")
    best = readings(raw, "")[0]
    assert (best.charset, best.text, best.is_good) == (BIG5, name, True)
    found = guided(raw, "", BIG5)
    assert found.text == name or not found.certain  # read as GB18030 the last one is common characters too


@given(name=names(), chosen=st.sampled_from([GB18030, UTF_8, BIG5, LATIN_1]), written=st.sampled_from([GB18030, UTF_8]))
@settings(max_examples=300)
def test_a_choice_never_makes_a_wrong_name_certain(name: str, chosen: str, written: str) -> None:
    raw = name.encode("gb18030" if written == GB18030 else "utf-8")
    found = guided(raw, "", chosen)
    assert found.text == name or not found.certain or chosen == BIG5
    if chosen == written:
        assert found.text == name
        assert found.certain or any(is_rival(each, raw) for each in found.candidates[1:])


@given(st.binary(max_size=24), st.sampled_from(["", "GB18030", "ISO_IR 149", "x"]))
@settings(max_examples=300)
def test_any_bytes_have_readings_that_can_be_shown(raw: bytes, declared: str) -> None:
    found = readings(raw, declared)
    assert {one.charset for one in found} >= {GB18030, UTF_8, BIG5, LATIN_1}
    for one in found:
        assert one.title and one.why and one.text.isprintable()
        assert not one.is_good or one.text
        shown = "".join(one.groups).replace(" ×", "")
        assert shown in raw.hex().upper() or not raw.isascii()
