"""Reports that wait for their auditing doctors, for the page 电子签名: two of one doctor, one of another, 18 signed."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import segno

from app.errors import NeedsOperator

Json = dict[str, Any]
LIU, ZHANG = "刘慧", "张伟明"
MINUTES = 1440
DIGEST = "9f2c04ab7d1e5580c3a96b2f41d7e80a5bb2c6f39e04d871a2c5f6087b3971e0"
NO_ROOTS = {
    "kind": "roots",
    "tone": "you",
    "title": "还没有 CA 的根证书，签名的证书是谁发的没有核对",
    "advice": "签名照常收下、照常上传；请向 CA 机构要根证书，在设置里放上",
    "page": "trust",
}
CHANGED = {"title": "签好以后报告改过了，签名作废", "advice": f"请先提交上传，再请{LIU}医生签", "details": ""}
OTHER_DOCTOR = {
    "title": "扫码签名的不是 刘慧 医生",
    "advice": "签名没有收下。请换新码，让 刘慧 医生本人用自己的证书签。",
    "details": "要求 MSSP8801472 · 签名的是 MSSP8801508 · 签名值 01B5C0D2",
}
NO_ANSWER = "签名平台没有应答"
_NOW = datetime(2026, 11, 20, 6, 6, tzinfo=UTC)
_WAITING = (
    (101, LIU, "石秀兰", "胸部正侧位 DR", "DR2611200012", "13:30", "女 · 63 岁"),
    (102, LIU, "田志强", "腰椎 CT", "CT2611200029", "13:34", "男 · 51 岁"),
    (103, ZHANG, "雷春梅", "头颅 CT", "CT2611190024", "-12:05", "女 · 47 岁"),
)
_SIGNED = (
    ("13:12", ZHANG, "韩德胜", "胸部 CT"),
    ("11:48", LIU, "白玉芬", "乳腺 MG"),
    ("11:47", LIU, "侯建平", "腰椎 DR"),
    ("11:02", ZHANG, "任小燕", "胸部 DR"),
    ("10:41", LIU, "贺明亮", "膝关节 DR"),
    ("10:07", ZHANG, "郝秀英", "上腹部 CT"),
)
_WORDS = {"waiting": "待签名", "next": "待签名", "expired": "码已过期", "refused": "签名没有收下",
          "timestamping": "取时间戳", "finished": "已签名", "void": "要重新签", "postponed": "稍后再签"}  # fmt: skip
FINDINGS = (
    "胸廓对称，两肺纹理增多、稍紊乱，右下肺野可见少许斑片状密度增高影，边缘模糊。心影大小形态正常，双侧膈面光整。"
)


def utc(text: str) -> str:
    """13:30 of the invented day, -12:05 of the day before."""
    hour, minute = (int(part) for part in text.lstrip("-").split(":"))
    return (datetime(2026, 11, 19 if text[0] == "-" else 20, hour, minute, tzinfo=UTC) - timedelta(hours=8)).isoformat()


def a_doctor(name: str, *, known: bool = True) -> Json:
    numbers = {LIU: "MSSP8801472", ZHANG: "MSSP8801508"}
    return {"name": name, "signer_id": numbers.get(name, "") if known else "", "known": known and bool(name)}


def a_report(session: int, doctor: str, patient: str, what: str, number: str, since: str, state: str) -> Json:
    expires = {"waiting": utc("13:30"), "expired": utc("-12:05")}.get(state)
    return {
        "session": session,
        "uid": f"1.2.3.{session}",
        "exam_key": f"E{session}",
        "report_key": f"R{number}",
        "report": 0,
        "destination": "shanxi",
        "way": "qr",
        "doctor": a_doctor(doctor),
        "patient_name": patient,
        "what": what,
        "accession_number": number,
        "state": state,
        "state_words": _WORDS[state],
        "since": utc(since),
        "expires_at": _later(expires) if state == "waiting" else expires,
        "signed_at": None,
        "trouble": None,
        "timestamp_words": "",
        "job_state": "to_sign",
        "job_words": "待签名",
    }


def _later(at: str | None, minutes: int = MINUTES) -> str | None:
    return (datetime.fromisoformat(at) + timedelta(minutes=minutes)).isoformat() if at else None


class FakeSign:
    """The methods of 电子签名. Nobody signs here until `offer_signing`."""

    def __init__(self) -> None:
        self.signs = False
        self.lacking: list[str] = []
        """What the platform has not sent yet."""
        self.sign_rows: list[Json] = []
        self.signed_rows: list[Json] = []
        self.notices: list[Json] = []
        self.sign_text = _text
        self.code_version: int | None = None
        """The size of the next codes, None for as small as they can be."""
        self._renewed: dict[int, int] = {}
        self._abouts = {one[0]: one[6] for one in _WAITING}

    # -- help for tests ---------------------------------------------------------------------------------------------

    def offer_signing(self, *, waiting: bool = True) -> None:
        """This clinic's platform wants signatures; two doctors have something to sign."""
        self.signs = True
        states = ("waiting", "next", "expired")
        self.sign_rows = [
            a_report(*one[:6], state) for one, state in zip(_WAITING, states, strict=True)
        ] if waiting else []  # fmt: skip
        self.signed_rows = [
            self._signed(a_report(200 + n, doctor, name, what, f"CT26112000{n:02}", "09:00", "finished"), utc(time))
            for n, (time, doctor, name, what) in enumerate([*_SIGNED, *(_SIGNED[-1:] * 12)])
        ]

    def row_of(self, session: object) -> Json:
        found = next((one for one in self.sign_rows if one["session"] == session), None)
        if found is None:
            raise NeedsOperator("这份报告不用签了", "它可能已经签好，请刷新列表")
        return found

    def put_state(self, session: int, state: str, **more: Any) -> None:
        self.row_of(session).update(state=state, state_words=_WORDS[state], **more)

    def doctor_signs(self, session: int) -> None:
        """The phone was used: the signature is there and has its timestamp."""
        row = self.row_of(session)
        self.sign_rows.remove(row)
        row.update(job_state="queued", job_words="待上传")
        self.signed_rows.insert(0, self._signed(row, _NOW.isoformat()) | {"job_state": "queued", "job_words": "待上传"})

    def _signed(self, row: Json, at: str) -> Json:
        return row | {
            "state": "finished",
            "state_words": "已签名",
            "signed_at": at,
            "timestamp_words": "时间戳有效",
            "job_state": "acknowledged",
            "job_words": "平台已接收",
        }

    # -- the face ---------------------------------------------------------------------------------------------------

    def signing(self, day: str = "") -> Json:
        self._answer("signing", day)  # type: ignore[attr-defined]
        doctors: dict[str, list[Json]] = {}
        for one in self.sign_rows:
            doctors.setdefault(one["doctor"]["name"], []).append(copy.deepcopy(one))
        return {
            "able": self.signs,
            "lacking": list(self.lacking),
            "waiting": [{"doctor": rows[0]["doctor"], "reports": rows} for rows in doctors.values()],
            "signed": copy.deepcopy(self.signed_rows) if day in ("", "2026-11-20") else [],
            "notices": copy.deepcopy(self.notices),
            "minutes": MINUTES,
        }

    def sign_code(self, session: Any) -> Json:
        self._answer("sign_code", session)  # type: ignore[attr-defined]
        row = self.row_of(session)
        if row["state"] != "waiting" or row["expires_at"] <= _NOW.isoformat():
            self.put_state(session, "waiting", expires_at=_later(_NOW.isoformat()), trouble=None)
        text = f"https://ca.example.cn/mssp/sign?signDataId=SD20261120133{session}{self._renewed.get(session, 0)}&n=1"
        left = (datetime.fromisoformat(row["expires_at"]) - _NOW).total_seconds()
        own = [one for one in self.sign_rows if one["doctor"] == row["doctor"]]
        lines = self.sign_text(row)
        return {
            "session": session,
            "row": copy.deepcopy(row),
            "qr_text": text,
            "qr_picture": "",
            "modules": modules(text, self.code_version),
            "expires_at": row["expires_at"],
            "seconds_left": left,
            "minutes": MINUTES,
            "doctor": copy.deepcopy(row["doctor"]),
            "lines": lines,
            "text": "\n".join(f"{one['label']}：{one['value']}" for one in lines),
            "digest": DIGEST,
            "patient_name": row["patient_name"],
            "patient": f"{self._abouts[session]} · {row['what']}",
            "place": f"第 {own.index(row) + 1} 份，共 {len(own)} 份",
        }

    def renew_code(self, session: Any) -> Json:
        self._answer("renew_code", session)  # type: ignore[attr-defined]
        self._renewed[session] = self._renewed.get(session, 0) + 1
        self.put_state(session, "waiting", expires_at=_later(_NOW.isoformat()), trouble=None)
        return {}

    def postpone_signing(self, session: Any) -> Json:
        self._answer("postpone_signing", session)  # type: ignore[attr-defined]
        doctor = self.row_of(session)["doctor"]
        for one in self.sign_rows:
            if one["doctor"] == doctor:
                self.put_state(one["session"], "postponed")
        return {}

    def import_signed(self, uid: str, report: int = 0, path: Any = "") -> Json:
        self._answer("import_signed", uid, report, path)  # type: ignore[attr-defined]
        row = next((one for one in self.sign_rows if one["uid"] == uid), None)
        if row is None:
            raise NeedsOperator("不知道这是哪份报告的签名", "请先选中左边的报告，再导入")
        self.doctor_signs(row["session"])
        return copy.deepcopy(self.signed_rows[0])

    def import_all_signed(self, path: str) -> Json:
        self._answer("import_all_signed", path)  # type: ignore[attr-defined]
        first = self.sign_rows[0]["session"]
        self.doctor_signs(first)
        left = {
            "name": "b.json",
            "title": "认不出是哪份报告的签名",
            "advice": "没有收下。请在列表里选中那份报告，单独导入",
        }
        return {"taken": [copy.deepcopy(self.signed_rows[0])], "left": [left]}

    def signature(self, uid: str, report: int = 0) -> Json:
        self._answer("signature", uid, report)  # type: ignore[attr-defined]
        row = next(one for one in [*self.sign_rows, *self.signed_rows] if one["uid"] == uid)
        lines = _text(row)
        return {
            "doctor": copy.deepcopy(row["doctor"]),
            "patient_name": row["patient_name"],
            "patient": f"女 · 63 岁 · {row['what']}",
            "signed_at": row["signed_at"],
            "lines": lines,
            "text": "\n".join(f"{one['label']}：{one['value']}" for one in lines),
            "digest": DIGEST,
            "certificate": {
                "subject": row["doctor"]["name"],
                "issuer": "山西省医疗卫生电子认证 SM2 CA",
                "serial": "1A2B3C4D5E6F708192A3B4C5D6E7F801",
                "from": "2025-12-01",
                "to": "2027-12-01",
            },
            "sign_type_words": "PKCS1",
            "timestamp_at": row["signed_at"],
            "timestamp_words": row["timestamp_words"],
            "checks": [
                {"title": "签名与全文一致", "ok": True, "words": "SM2 · SM3"},
                {"title": "证书可信、在有效期内", "ok": True, "words": "到 2027-12-01"},
                {"title": "证书没有吊销", "ok": None, "words": "吊销列表的地址连不上，平台会再查"},
                {"title": "时间戳有效", "ok": True, "words": "2026-11-20 13:12:08"},
            ],
        }


def modules(text: str, version: int | None = None) -> list[str]:
    """A QR code as rows of 0 and 1, without its quiet zone."""
    code = segno.make(text, error="m", micro=False, boost_error=False, version=version)
    return ["".join("1" if module else "0" for module in line) for line in code.matrix]


def _text(row: Json) -> list[Json]:
    said = (
        ("报告编号", f"{row['report_key']} · 检查号 {row['accession_number']}"),
        ("检查时间", f"2026-11-20 13:18 · {row['what']} · 影像 2 幅"),
        ("影像所见", FINDINGS),
        ("诊断意见", "右下肺少许炎症可能，建议复查。"),
        ("报告医师", "张伟明 2026-11-20 13:28"),
        ("审核医师", f"{row['doctor']['name']} 2026-11-20 13:30"),
    )
    return [{"label": label, "value": value} for label, value in said]


def a_long_text(row: Json) -> list[Json]:
    """As long as a findings text of a CT with many organs is."""
    lines = _text(row)
    lines[2] = {"label": "影像所见", "value": "\n".join(f"{n}. {FINDINGS}" for n in range(1, 15))}
    return lines


def a_real_text(row: Json) -> list[Json]:
    """Line by line as the program makes it of an exam."""
    said = (
        ("报告唯一标识", "R7B3AA453258A87E6CAE301"), ("检查号", row["accession_number"]),
        ("机构名称", "太原市小店区平安诊所"), ("姓名", row["patient_name"]), ("性别", "女性"), ("年龄", "63"),
        ("年龄单位", "年"), ("设备类型", "DR"), ("检查部位", "胸部"), ("院内检查项目名称", "胸部正侧位"),
        ("检查时间", "2026-11-20 13:18:00"), ("影像所见", FINDINGS), ("诊断结论", "右下肺少许炎症可能，建议复查。"),
        ("阴阳性", "阳性"), ("报告医师姓名", "张伟明"), ("报告时间", "2026-11-20 13:28:00"),
        ("审核医师姓名", row["doctor"]["name"]), ("审核时间", "2026-11-20 13:30:00"),
    )  # fmt: skip
    return [{"label": label, "value": value} for label, value in said]
