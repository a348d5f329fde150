"""The first set-up with the keyboard alone: from an empty home to 今天, with a device's test image."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.engine.reach import home_at
from app.engine.settings import read_settings

from .conftest import NewPractice
from .screen import Program, Screen
from .world import SM4_KEY, Agent, Modality, Practice, a_study, free_port

MOST_KEYS = 400
"""Letters and digits that the clinic has to type are most of them; pasted Chinese counts letter by letter."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A clinic in a region: what it types, and the same as answers of a file."""

    region: str
    title: str
    clinic: dict[str, str]
    keys: Callable[[Practice], dict[str, str]]
    row: Callable[[Practice], dict[str, object]]


SHANXI = Place(
    region="shanxi",
    title="山西省影像云",
    clinic={
        "name": "太原市小店区平安诊所",
        "uscc": "52140000MJ00000075",
        "fixmedins_code": "H14010500123",
        "fixmedins_name": "太原市小店区平安诊所",
        "admdvs": "140105",
    },
    keys=lambda practice: {
        "前置机地址": practice.base_url,
        "影像推送地址": "127.0.0.1",
        "影像推送端口": str(practice.dicom_port),
        "平台的 AE 标题": practice.ae_title,
        "SM4 密钥": SM4_KEY,
    },
    row=lambda practice: {
        "options": {
            "dicom_host": "127.0.0.1",
            "dicom_port": practice.dicom_port,
            "dicom_ae_title": practice.ae_title,
        },
        "secrets": {"sm4_key": SM4_KEY},
    },
)
GUIZHOU = Place(
    region="guizhou",
    title="贵州省医保影像云",
    clinic={
        "name": "贵阳市云岩区平安诊所",
        "uscc": "52520103MJ0000012R",
        "fixmedins_code": "H52010300123",
        "fixmedins_name": "贵阳市云岩区平安诊所",
        "admdvs": "520103",
    },
    keys=lambda practice: {"前置机地址": practice.base_url, "接口密钥 key": "PRACTICE-KEY-GUIZHOU"},
    row=lambda _practice: {"secrets": {"key": "PRACTICE-KEY-GUIZHOU"}},
)
CLINIC = {
    "name": "机构名称",
    "uscc": "统一社会信用代码",
    "fixmedins_code": "医保机构编码",
    "fixmedins_name": "医保机构名称",
    "admdvs": "医保区划",
}
"""Setting -> its label."""


class Keyboard:
    """What a person does without a mouse; counts every key."""

    def __init__(self, screen: Screen, program: Program) -> None:
        self._screen, self._program = screen, program
        self.count = 0

    def press(self, key: str) -> None:
        self.count += 1
        self._screen.key(key)

    def enter(self, text: str) -> None:
        """Over whatever stands there. Chinese comes by the clipboard, as an input method needs no test here."""
        self._screen.key("ctrl+a")
        self.count += 1 + len(text)
        if text.isascii():
            self._screen.type(text)
        else:
            self._screen.copy(text)
            self._screen.key("ctrl+v")
        self._program.wait(lambda: self._is_there(text), what=f"“{text}” in the field")

    def _is_there(self, text: str) -> bool:
        focused = [one for one in self._program.things() if one["focus"]]
        return any(one["text"] == text or "●" in one["text"] or set(one["text"]) == {"•"} for one in focused)

    def go_to(self, label: str) -> None:
        """Tab until this field or button has the keyboard."""
        now = self._program.focus_at_rest()
        for _ in range(40):
            if now == label:
                return
            self.press("Tab")
            now = self._program.wait(lambda before=now: self._another_than(before), what=f"what follows {now}")
        raise AssertionError(f"no way to {label} by Tab")

    def _another_than(self, before: str) -> str:
        now = self._program.focused()
        return now if now != before else ""

    def fill(self, values: dict[str, str]) -> None:
        for label, text in values.items():
            self.go_to(label)
            self.enter(text)

    def on(self, title: str) -> None:
        """Enter, and the page of that title is there."""
        self.press("Return")
        self._program.wait_for_text(title, kind="label", seconds=60)


@pytest.fixture
def fresh(tmp_path: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of a user without a key ring; what starts with the session is this test's own."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "first home"


@pytest.mark.parametrize("place", [SHANXI, GUIZHOU], ids=lambda place: place.region)
def test_the_first_set_up_needs_no_mouse_and_equals_the_command_line(
    screen: Screen, fresh: Path, place: Place, new_practice: NewPractice, tmp_path: Path
) -> None:
    practice = new_practice(region=place.region)
    port = free_port()
    began = time.monotonic()
    with Program(screen, fresh) as program:
        program.wait_for_window("首次设置")
        keys = Keyboard(screen, program)
        program.wait_for_text("还没有选")
        keys.go_to(place.title)
        keys.press("space")
        program.wait_for_text(f"已选 1 个：{place.title}")
        keys.on("您的机构怎么登记的？")
        keys.fill({CLINIC[key]: text for key, text in place.clinic.items()})
        keys.go_to("医院等级")
        for _ in range(20):
            if program.find("无等级", kind="box", name="医院等级"):
                break
            before = program.find(kind="box", name="医院等级")
            keys.press("Down")
            program.wait(lambda before=before: program.find(kind="box", name="医院等级") != before, what="the next one")
        program.wait(lambda: program.find("下一步", kind="button"), what="the next step")
        wait_enabled(program)

        keys.on("平台给了您什么地址和密钥？")
        keys.fill(place.keys(practice))
        keys.go_to("存成这台电脑上的加密文件")
        keys.press("space")
        wait_enabled(program)

        keys.on("影像从哪里来？")
        keys.fill({"端口": str(port)})
        wait_enabled(program)
        send_test_image(program, port, tmp_path)
        program.wait_for_text("已收到")
        program.wait_for_text("张伟")
        if program.find("读对了", kind="button"):
            keys.go_to("读对了")
            keys.press("Return")
            program.wait(lambda: not program.find("读对了", kind="button"), what="the name to be taken")
        keys.go_to("端口")
        wait_enabled(program)

        keys.on("连接测试")
        program.wait(lambda: program.find("项通过", kind="label"), seconds=60, what="the test of the connection")
        assert not program.find("请您处理", kind="label") and not program.find("请找工程师", kind="label")
        program.wait(lambda: program.focused() == "下一步", what="Enter to go on")
        keys.on("先演练一例？")
        keys.press("Return")
        program.wait(lambda: program.find("演练完成"), seconds=90, what="the rehearsal")
        program.wait(lambda: program.focused() == "下一步", what="Enter to go on")
        keys.on("设置好了")
        keys.press("Return")
        program.wait(lambda: program.window("首次设置") is None, what="the end of the set-up")
        program.wait_for_window(place.clinic["name"])
        took = time.monotonic() - began
        print(f"first set-up: {took:.0f} s, {keys.count} keys")
        assert keys.count <= MOST_KEYS and took < 300
        assert list((tmp_path / "config" / "autostart").iterdir())
        program.pick("退出")
        assert program.ended() == 0

    by_command = Agent(tmp_path / "by command")
    by_command.set_up(told(place, practice, port))
    assert read_settings(home_at(fresh)) == read_settings(by_command.home)


def wait_enabled(program: Program) -> None:
    program.wait(
        lambda: next((one for one in program.things("下一步", "button") if one["enabled"]), None), what="下一步"
    )


def send_test_image(program: Program, port: int, folder: Path) -> None:
    """The device sends as soon as the port is open."""
    images = a_study(folder / "test image", images=1)
    program.wait(lambda: Modality(port).send(images).stored, seconds=40, what="the port to open")


def told(place: Place, practice: Practice, port: int) -> dict[str, object]:
    """The same answers as a file."""
    row = {"name": place.region, "region": place.region, "base_url": practice.base_url, **place.row(practice)}
    return {
        "clinic": {**place.clinic, "level": "11"},
        "dicom": {"port": port},
        "secrets": {"store": "file"},
        "destination": [row],
    }
