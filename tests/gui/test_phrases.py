"""The words on the screen: plain, calm, the fixed words in their places; every one of them can be listed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.gui.phrases import phrases, spoken

NEVER = ("请稍候", "操作成功", "操作失败", "异常", "非法", "暂无数据", "打印回执", "确认上传", "！", "!?")
ENGINEERS = re.compile(r"\b(?:job|payload|timeout|null|None|thread|socket|exception|traceback|JSON|SQL)\b")
BRACKETS = re.compile(r"[（）]")
EVERYTHING = phrases()
SPEECH = {text: at for text, at in EVERYTHING.items() if at[0].startswith("app/gui/")}


def test_a_phrase_is_found_with_its_place_and_without_what_is_put_in() -> None:
    assert any(place.startswith("app/gui/") for place in SPEECH["逐件处理"])
    assert "缺 {} 项" in SPEECH
    assert len(SPEECH) > 500


def test_what_is_not_said_is_not_listed(tmp_path: Path) -> None:
    file = tmp_path / "one.py"
    file.write_text('"""说明"""\nA = "说"  # 注\nB = f"共 {A} 例"\n', encoding="utf-8")
    assert list(spoken(file)) == [(2, "说"), (3, "共 {} 例")]


@pytest.mark.parametrize("word", NEVER)
def test_a_word_that_is_never_said_is_nowhere(word: str) -> None:
    assert {text: places for text, places in EVERYTHING.items() if word in text} == {}


def test_the_desktop_speaks_without_brackets_and_engineers_words() -> None:
    odd = {text: at for text, at in SPEECH.items() if BRACKETS.search(text) or ENGINEERS.search(text)}
    assert odd == {}
