"""Six invented devices and one caller that was turned away, for the page 设备 and for name repair."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

from app.errors import NeedsOperator

Json = dict[str, Any]
TODAY = datetime(2026, 11, 20, tzinfo=UTC)
_DECODINGS = [("GB18030", "GB18030"), ("ISO_IR 192", "UTF-8"), ("Big5", "Big5 繁体"), ("ISO_IR 100", "Latin-1 西文")]
_WEEK = (62, 2, 44, 55, 30, 50, 38, 26, 1, 24, 46, 52, 40, 14)


def _at(hour: int, minute: int, day: int = 20) -> str:
    return (datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)).isoformat()


def a_device(name: str, place: str, last_at: str | None, **more: Any) -> Json:
    kind = "folder" if place.startswith("D:") else "dicom"
    ae, _, address = place.partition(" ")
    days = [
        {"day": (TODAY - timedelta(days=13 - number)).date().isoformat(), "count": count}
        for number, count in enumerate(more.pop("days", _WEEK))
    ]
    return {
        "source": f"{'folder' if kind == 'folder' else 'ae'}:{place if kind == 'folder' else ae}",
        "name": name,
        "kind": kind,
        "ae_title": "" if kind == "folder" else ae,
        "address": "" if kind == "folder" else address,
        "path": place if kind == "folder" else "",
        "last_at": last_at,
        "last_words": "",
        "days": days,
        "decoding": "GB18030",
        "decoding_chosen_by": "program",
        "decoding_chosen_at": None,
        "missing": [],
        "clock_offset_seconds": -4.0,
        "quiet": None,
        "watch_words": "工作日 8:00–18:00，超过 90 分钟提醒",
        "state": "fine",
        **more,
    }


def six_devices() -> list[Json]:
    quiet = {"since": _at(10, 40), "title": "上午 10:40 后没有来图", "usually": "平时这个时段每小时 4–6 幅"}
    person = [{"label": "身体部位", "filled_by": "person"}, {"label": "检查号", "filled_by": "program"}]
    return [
        a_device(
            "DR-2",
            "DRX_ROOM2 192.0.2.32",
            _at(10, 40),
            quiet=quiet,
            state="quiet",
            decoding_chosen_by="person",
            decoding_chosen_at=_at(9, 30, 3),
        ),
        a_device("CT-1", "CT_SCANNER 192.0.2.21", _at(13, 31), decoding="UTF-8"),
        a_device(
            "DR-1",
            "DR_MAIN 192.0.2.31",
            _at(14, 0),
            missing=[{"label": "检查号", "filled_by": "program"}],
            clock_offset_seconds=None,
        ),
        a_device("MR-1", "MR15T 192.0.2.41", _at(13, 22), decoding="ISO 2022 IR 58"),
        a_device("MG-1", "D:\\影像\\乳腺", _at(13, 40), missing=person, clock_offset_seconds=-432.0),
        a_device(
            "超声",
            "D:\\影像\\超声",
            _at(16, 2, 19),
            decoding="",
            decoding_chosen_by="",
            state="resting",
            last_words="周五通常不开机",
            days=(0, 0, 8, 0, 7, 0, 0, 0, 0, 18, 0, 17, 0, 0),
        ),
    ]


def a_refused_caller() -> Json:
    return {
        "source": "ae:NEW_DR",
        "ae_title": "NEW_DR",
        "address": "192.0.2.57",
        "at": _at(13, 50),
        "why": "它的 AE 标题不在允许的设备里",
        "can_allow": True,
    }


def others_alike() -> list[Json]:
    """Three more studies of the device whose names wait."""
    found = (("1.2.3.21", "李桂芳"), ("1.2.3.22", "周海涛"), ("1.2.3.23", "韩德胜"))
    about = {"description": "胸部 DR", "modality": "DR", "received_at": _at(13, 20)}
    return [{"uid": uid, "texts": {"GB18030": name}, **about} for uid, name in found]


def two_patients() -> Json:
    """A study with a doubt as a form tells it: whose images are these."""
    rows = [("姓名", "赵明轩", "李桂芳"), ("患者编号", "P0031", "P0032"), ("出生日期", "1980-05-12", "1980-05-12")]
    return {
        "doubt": "two_patients",
        "doubt_words": "同一个检查里有两位患者的影像，请核对是谁的",
        "compared": {
            "heads": ["先到的影像", "后到的影像"],
            "rows": [{"label": name, "values": [one, two], "differs": one != two} for name, one, two in rows],
        },
    }


class FakeDevices:
    """The part of a fake face that answers for devices; `answer_devices` may be changed by a test."""

    def __init__(self) -> None:
        self.device_rows = six_devices()
        self.refused_callers: list[Json] = []
        self.other_names: list[Json] = []

    def devices(self) -> Json:
        return copy.deepcopy(
            {
                "devices": self.device_rows,
                "refused": self.refused_callers,
                "listening": {
                    "ae_title": "CLINIC_AGENT",
                    "port": 11112,
                    "listening": True,
                    "trouble": "",
                    "addresses": ["192.0.2.10"],
                },
                "decodings": [{"charset": charset, "title": title} for charset, title in _DECODINGS],
                "quiet_seconds": 60.0,
            }
        )

    def _device(self, source: str) -> Json:
        found = next((one for one in self.device_rows if source in (one["source"], one["name"])), None)
        if found is None:
            raise NeedsOperator("没有这台设备", "请在设备页里看它的名称")
        return found

    def test_device(self, name: str) -> Json:
        self._answer("test_device", name)
        device = self._device(name)
        steps = [
            (True, "本机 DICOM 端口 11112 正在监听", "", _at(14, 6)),
            (True, "CT-1、DR-1、MR-1 今天都能发来影像", "说明本机接收正常", _at(14, 0)),
            (None, "上次从 192.0.2.32 发来，从这边问不到它", "设备只往外发，没有端口可问", None),
            (None, f"请您：到 {device['name']} 前看是否开机；已开机就在设备上点一次“发送测试”", "", None),
        ]
        return {
            "source": device["source"],
            "name": device["name"],
            "steps": [{"ok": ok, "title": title, "detail": detail, "at": at} for ok, title, detail, at in steps],
        }

    def name_device(self, source: str, name: str) -> Json:
        self._answer("name_device", source, name)
        self._device(source)["name"] = name or source.partition(":")[2]
        return self.devices()

    def mute_device(self, source: str) -> Json:
        self._answer("mute_device", source)
        self._device(source).update(quiet=None, state="resting", last_words="今天不用它")
        return self.devices()

    def choose_decoding(self, source: str, charset: str) -> Json:
        self._answer("choose_decoding", source, charset)
        title = dict(_DECODINGS).get(charset, "")
        by = "person" if charset else "program"
        self._device(source).update(decoding=title, decoding_chosen_by=by, decoding_chosen_at=_at(14, 6))
        return self.devices()

    def allow_caller(self, source: str) -> Json:
        self._answer("allow_caller", source)
        self.refused_callers = [one for one in self.refused_callers if one["source"] != source]
        return self.devices()

    def name_repair(self, uid: str) -> Json:
        readings = [
            ("GB18030", "GB18030", "王小满", ["CDF5", "D0A1", "C2FA"], True, "都是常用字，姓氏表里有“王”"),
            ("ISO_IR 192", "UTF-8", "", ["CD ×"], False, "第 1 个字节就不符合规则"),
            ("Big5", "Big5 繁体", "卼苤雛", ["CDF5", "D0A1", "C2FA"], False, "生僻字，姓氏表里没有"),
            ("ISO_IR 100", "Latin-1 西文", "ÍõÐ¡Âú", ["CD", "F5", "D0", "A1", "C2", "FA"], False, "没有汉字，像乱码"),
        ]
        return {
            "uid": uid,
            "exam_key": "E0002",
            "description": "左腕 DR",
            "modality": "DR",
            "received_at": _at(13, 58),
            "accession_number": "DR2611200020",
            "source": "ae:DRX_ROOM2",
            "device": "DR-2",
            "raw": ["CD", "F5", "D0", "A1", "C2", "FA"],
            "declared": "",
            "readings": [
                {
                    "charset": charset,
                    "title": title,
                    "text": text,
                    "groups": groups,
                    "good": good,
                    "recommended": good,
                    "why": why,
                }
                for charset, title, text, groups, good, why in readings
            ],
            "others": copy.deepcopy(self.other_names),
        }

    def repair_name(
        self, uid: str, charset: str = "", name: str = "", remember: bool = False, also: list[str] | None = None
    ) -> Json:
        self._answer("repair_name", uid, charset, name, remember, also or [])
        text = name or {"GB18030": "王小满", "Big5": "卼苤雛"}.get(charset, "")
        return self.settle(uid, "name", text) | {"mended": [uid, *(also or [])]}

    def _answer(self, name: str, *arguments: Any) -> None:
        raise NotImplementedError

    def settle(self, uid: str, decision: str, detail: str = "") -> Json:
        raise NotImplementedError
