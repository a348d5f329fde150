"""The fake face's day: closing, health, last confirmations, reconciliation. Part of `FakeFace`."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

Json = dict[str, Any]
TODAY = date(2026, 11, 20)
_ZEROS = f"{'0' * 13}-{'0' * 9}"
_NOT_AT_HAND = "平台没有缓存这例的影像 · 无法核对"
_NAMES = ("石俊峰", "温建平", "苗秀珍", "蒋玉兰", "马慧敏", "许文博", "罗春燕", "何志远", "冯丽娟", "郑国强")


def at(hour: int, minute: int, day: int = 20) -> str:
    return (datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)).isoformat()


class FakeDay:
    """Its numbers agree with each other: 38 exams yesterday, 36 agreed, one missing, one not sent to the end."""

    rows: list[Json]
    can_answer: bool
    closing_due = ""
    closing_left = 1
    snoozed_until: str | None = None
    seconds_left: float | None = 55.0
    two_destinations = True
    unfetched = ""
    lists_images = False
    """The first destination is asked patient by patient, and for the image lists that it has at hand."""

    def _answer(self, name: str, *arguments: Any) -> None: ...

    # -- today ------------------------------------------------------------------------------------------------------

    def day_status(self) -> Json:
        """What `status` says of the day."""
        states: dict[str, int] = {}
        for row in self.rows:
            states[row["state"]] = states.get(row["state"], 0) + 1
        confirmed = states.get("acknowledged", 0) + states.get("reconciled", 0)
        gone = states.get("cancelled", 0) + states.get("withdrawn", 0)
        return {
            "states": states,
            "oldest_to_fill_at": at(13, 41) if states.get("to_fill") else None,
            "today": {"day": TODAY.isoformat(), "received": len(self.rows) - gone, "confirmed": confirmed},
            "closing_due": self.closing_due,
            "snoozed_until": self.snoozed_until,
            "seconds_left": self.seconds_left,
        }

    def health(self, day: str = "") -> Json:
        self._answer("health", day)
        if not self.rows:
            return {"day": TODAY.isoformat(), "destinations": []}
        busy = [1, 1, *([3] * 19), 2, 2, 3, 3, *([0] * 15)]
        index = [1, 1, 3, 3, 1, 3, 1, 3, 3, 1, 1, 3, 3, 1, 3, 1, 3, 3, 1, 3, 1, 3, 3, 1, 3, *([0] * 15)]
        found = [
            {
                "name": "shanxi",
                "title": "山西省影像云",
                "slots": busy,
                "last_ok_at": at(14, 3),
                "average_seconds": 1.8,
                "sentence": "13:10–13:35 平台没有收下，已自动重试，未丢任务",
                "unfetched": {"count": 0, "since": None, "sentence": ""},
            },
            {
                "name": "index",
                "title": "医保影像索引",
                "slots": index,
                "last_ok_at": at(13, 59),
                "average_seconds": 0.6,
                "sentence": "今天 12 例，平台都有回执",
                "unfetched": {"count": 0, "since": None, "sentence": self.unfetched},
            },
        ]
        return {"day": TODAY.isoformat(), "destinations": found if self.two_destinations else found[:1]}

    def recently_confirmed(self, limit: int = 5) -> Json:
        self._answer("recently_confirmed", limit)
        done = [row for row in self.rows if row["state"] in ("acknowledged", "reconciled")]
        times = ((14, 3), (13, 59), (13, 47), (13, 44), (13, 30), (13, 24))
        exams = [
            {
                "uid": row["uid"],
                "exam_key": row["exam_key"],
                "patient_name": row["patient_name"],
                "modality": row["modality"],
                "description": row["description"],
                "state": row["state"],
                "acknowledged_at": at(*time),
                "index_code": "111-140928198005124320-20261120135812-0000000000000" if number == 1 else "",
            }
            for number, (row, time) in enumerate(zip(done, times, strict=False))
        ]
        return {"exams": exams[:limit]}

    def closing(self, day: str = "") -> Json:
        self._answer("closing", day)
        words = "今天" if day in ("", TODAY.isoformat()) else "昨天"
        left = self._closing_rows()[: self.closing_left]
        said = f"{words} 37 例：{37 - len(left)} 例已确认，" + "，".join(
            ("1 例缺证件号码", f"另 {len(left) - 1} 例还没完")[: len(left)]
        )
        return {
            "day": day or TODAY.isoformat(),
            "received": 37,
            "confirmed": 37 - len(left),
            "to_fill": sum(row["action"] == "fill" for row in left),
            "open": left,
            "sentence": said if left else f"{words} 37 例，平台全部确认",
            "may_shut_down_words": "可以关机：影像和任务都已存盘，下次开机自动接着传，再对今天的账",
            "closing_at": "17:30",
            "closing": True,
        }

    @staticmethod
    def _closing_rows() -> list[Json]:
        def row(number: int, state: str, name: str, what: str, why: str, action: str) -> Json:
            key = f"E{number:04}"
            shown = {"uid": f"1.2.3.{number}", "exam_key": key, "patient_name": name, "what": what}
            return shown | {"state": state, "received_at": at(13, 58), "why": why, "action": action}

        return [
            row(2, "to_fill", "王小满", "左腕 DR", "缺证件号码", "fill"),
            row(8, "rejected", "苗秀珍", "胸部 CT", "平台解不开我们加密的内容", "open"),
            row(5, "sending", "孙玉梅", "头颅 CT", "正在上传", "open"),
            row(4, "held", "陈建国", "腹部 CT", "证件号码与姓名不一致", "fill"),
            row(6, "waiting", "周海涛", "腰椎 DR", "平台没有收下，正在自动重试", "open"),
            row(7, "queued", "吴秀英", "膝关节 MR", "正在排队，轮到就传", "open"),
        ]

    def closing_shown(self, day: str, remind: bool = False) -> Json:
        self._answer("closing_shown", day, remind)
        self.closing_due = ""
        return {"day": day, "remind_at": None}

    def set_closing(self, on: bool, at: str = "") -> Json:
        self._answer("set_closing", on, at)
        return {"closing": on, "closing_at": at or "17:30"}

    def snooze(self, minutes: int) -> Json:
        self._answer("snooze", minutes)
        self.snoozed_until = at(15, 6) if minutes else None
        return {"snoozed_until": self.snoozed_until}

    # -- reconciliation ---------------------------------------------------------------------------------------------

    def reconcile(self, day: str, destination: str = "") -> Json:
        self._answer("reconcile", day, destination)
        return self.reconciliation(day)

    def reconciliation(self, day: str) -> Json:
        self._answer("reconciliation", day)
        if not self.rows:
            return {"day": day, "destinations": []}
        found = [self._shanxi_day(day), self._index_day()] if self.two_destinations else [self._shanxi_day(day)]
        return {"day": day, "destinations": found if self.can_answer else [self._index_day()]}

    def _shanxi_day(self, day: str) -> Json:
        plain = {"name": "shanxi", "title": "山西省影像云", "can_answer": True, "ask_again_at": None, "trouble": ""}
        plain |= {"says": "山西省影像云只回答缺哪些检查", "says_more": "影像幅数、报告它不回答，不分堆"}
        plain |= {"can_answer_images": False, "lacking": [], "unchecked": 0}
        if self.lists_images:
            return plain | self._listed_day(day)
        which = date.fromisoformat(day)
        if which.weekday() == 6:
            none: Json = {"state": "open", "state_words": "还没对账", "all": 0, "sent": 0, "agreed": 0, "received": 0}
            return plain | none | {"missing": [], "unsolved": 0, "unsent": [], "questions": []}
        if which == TODAY:
            now: Json = {"state": "open", "state_words": "还没对账", "all": 34, "sent": 30, "agreed": 0}
            unsent = [self._unsent("to_fill", "赵明轩", "CT2611200037", "还没有上传", "缺证件号、申请医师")]
            return plain | now | {"received": 30, "missing": [], "unsolved": 0, "unsent": unsent, "questions": []}
        if which < TODAY - timedelta(days=1):
            good: Json = {"state": "agreed", "state_words": "已齐", "all": 31, "sent": 31, "agreed": 31, "received": 0}
            asked = [{"asked_at": at(7, 30), "asked_count": 31, "missing": [], "failed": "", "images": {}}]
            return plain | good | {"missing": [], "unsolved": 0, "unsent": [], "questions": asked}
        return plain | {
            "state": "engineer",
            "state_words": "补传两次仍缺，需要工程师",
            "all": 38,
            "sent": 37,
            "agreed": 36,
            "received": 0,
            "unsolved": 1,
            "missing": [
                self._missing("高文涛", "胸部 CT", "CT2611190022", 2, solved=False),
                self._missing("邓雅琴", "腰椎正侧位 DR", "DR2611190011", 1, solved=True),
            ],
            "unsent": [
                self._unsent("to_sign", "雷春梅", "CT2611190024", "检查记录、影像 280 幅已接收", "报告还没有上传")
            ],
            "questions": [
                {
                    "asked_at": at(7, 30),
                    "asked_count": 38,
                    "missing": ["E900", "E901", "E902"],
                    "failed": "",
                    "images": {},
                },
                {"asked_at": at(7, 40), "asked_count": 38, "missing": ["E900", "E901"], "failed": "", "images": {}},
                {"asked_at": at(7, 52), "asked_count": 38, "missing": ["E900"], "failed": "", "images": {}},
                {"asked_at": at(8, 4), "asked_count": 38, "missing": ["E900"], "failed": "", "images": {}},
            ],
        }

    def asks_for_lists(self) -> None:
        self.lists_images, self.two_destinations = True, False

    def _listed_day(self, day: str) -> Json:
        ago = (TODAY - date.fromisoformat(day)).days
        total = 0 if ago == 0 else 36
        plain = {
            "title": "贵州省医保影像云",
            "says": "按患者查索引，再查影像清单",
            "says_more": "平台没有缓存的影像无法核对，不算缺；慢慢问，一秒一次",
            "can_answer_images": True,
            "state": "agreed" if ago else "open",
            "state_words": "已齐" if ago else "还没对账",
            "all": 38 if ago else 30,
            "sent": 38 if ago else 30,
            "agreed": total,
            "received": 0 if ago else 30,
            "missing": [],
            "unsolved": 0,
            "unsent": [],
            "unchecked": total // 3,
            "questions": [],
        }
        if ago != 1:
            return plain
        asked = {"asked_count": 38, "missing": [], "failed": ""}
        return plain | {
            "lacking": [
                self._part_listed("高文涛", "胸部 CT", "CT2611190022", resent=False),
                self._part_listed("邓雅琴", "头颅 CT", "CT2611190011", resent=True),
            ],
            "questions": [
                asked | {"asked_at": at(2, 0), "images": {"whole": 23, "unknown": 12, "lacking": 3}},
                asked | {"asked_at": at(2, 13), "asked_count": 0, "images": {"whole": 1, "lacking": 2}},
            ],
        }

    @staticmethod
    def _part_listed(name: str, what: str, accession: str, *, resent: bool) -> Json:
        return {
            "uid": "1.2.11" if resent else "1.2.9",
            "exam_key": "E901" if resent else "E900",
            "patient_name": name,
            "accession_number": accession,
            "modality": "CT",
            "description": what,
            "parts_words": "检查记录、影像 312 幅、检查报告",
            "acknowledged_at": at(10, 31, 19),
            "listed": 308,
            "lacking": 4,
            "lacking_uids": [f"1.2.9.{number}" for number in range(4)],
            "since": at(2, 0),
            "asked_count": 2,
            "resent": resent,
        }

    @staticmethod
    def _missing(name: str, what: str, accession: str, resends: int, *, solved: bool) -> Json:
        return {
            "uid": "1.2.9" if not solved else "1.2.10",
            "exam_key": "E900" if not solved else "E901",
            "patient_name": name,
            "accession_number": accession,
            "modality": accession[:2],
            "description": what,
            "parts_words": "检查记录、报告、影像 312 幅",
            "acknowledged_at": at(10, 31, 19),
            "first_seen_at": at(7, 30),
            "confirmed_at": at(7, 40),
            "resend_count": resends,
            "asked_count": 4 if not solved else 2,
            "solved_at": at(7, 52) if solved else None,
            "words": "已自动补传" if solved else "已自动补传 2 次，平台仍查不到，需要工程师",
        }

    @staticmethod
    def _unsent(state: str, name: str, accession: str, done: str, left: str) -> Json:
        return {
            "uid": "1.2.3.4",
            "exam_key": "E0004",
            "patient_name": name,
            "accession_number": accession,
            "modality": "CT",
            "description": "头颅 CT",
            "state": state,
            "state_words": {"to_sign": "待签名", "to_fill": "待填报"}[state],
            "done_words": done,
            "left_words": left,
            "action": "fill" if state == "to_fill" else "open",
        }

    @staticmethod
    def _index_day() -> Json:
        return {
            "name": "index",
            "title": "医保影像索引",
            "can_answer": False,
            "can_answer_images": False,
            "says": "平台无对账接口 · 以回执为准",
            "says_more": "平台收下每一例时都给了回执；它不能事后再问一遍，所以这些天停在空心勾，不会变成实心勾",
            "lacking": [],
            "unchecked": 0,
            "state": "open",
            "state_words": "还没对账",
            "all": 12,
            "sent": 12,
            "agreed": 0,
            "received": 12,
            "missing": [],
            "unsolved": 0,
            "unsent": [],
            "questions": [],
            "ask_again_at": None,
            "trouble": "",
        }

    def reconciled(self, day: str, destination: str, limit: int = 200, offset: int = 0) -> Json:
        self._answer("reconciled", day, destination, limit, offset)
        shanxi = destination == "shanxi"
        total = 36 if shanxi else 12
        rows = [
            {
                "uid": f"1.2.7.{number}",
                "exam_key": f"E7{number:02}",
                "patient_name": _NAMES[number % len(_NAMES)],
                "accession_number": f"CT26111900{number:02}",
                "modality": "CT",
                "description": ("胸部 CT", "头颅 CT", "腰椎正侧位 DR")[number % 3],
                "images_words": _NOT_AT_HAND if self.lists_images and shanxi and number % 3 == 1 else "",
                "state": "reconciled"
                if shanxi and not (self.lists_images and number % 3 == 1) and day < TODAY.isoformat()
                else "acknowledged",
                "parts_words": f"检查记录、报告、影像 {100 + number} 幅",
                "acknowledged_at": at(9 + number % 8, number, 19),
                "index_code": ""
                if shanxi and not self.lists_images
                else f"111-14092819800512432{number % 10}-202611191014{number:02}-{_ZEROS}",
            }
            for number in range(total)
        ]
        return {"total": total, "rows": rows[offset : offset + limit]}

    def reconciliation_days(self, limit: int = 31, until: str = "") -> Json:
        self._answer("reconciliation_days", limit, until)
        last = date.fromisoformat(until) if until else TODAY
        days = []
        for back in range(limit if self.rows else 0):
            day = last - timedelta(days=back)
            if day.weekday() == 6:
                continue
            ago = (TODAY - day).days
            sent = 24 + (ago * 7) % 17
            plain = {"day": day.isoformat(), "state_words": "", "lacking": 0}
            state = {0: "open", 1: "engineer"}.get(ago, "agreed")
            shanxi = {"destination": "shanxi", "can_answer": True, "state": state, "sent": sent if ago else 30}
            shanxi |= {
                "agreed": 0 if not ago else 36 if ago == 1 else sent,
                "received": 0 if ago else 30,
                "missing": int(ago == 1),
                "unsent": 1 if ago < 2 else 0,
            }
            if self.lists_images:
                shanxi |= {
                    "missing": 0,
                    "unsent": 0,
                    "state": "agreed" if ago else "open",
                    "lacking": 2 if ago == 1 else 0,
                }
            index = {"destination": "index", "can_answer": False, "state": "open", "sent": sent // 3, "agreed": 0}
            index |= {"received": sent // 3, "missing": 0, "unsent": 0}
            if self.can_answer:
                days.append(plain | shanxi)
            if self.two_destinations or not self.can_answer:
                days.append(plain | index)
        return {"days": days}

    def export_reconciliation(self, path: str, day_from: str, day_to: str) -> Json:
        self._answer("export_reconciliation", path, day_from, day_to)
        return {"path": path, "rows": 38}
