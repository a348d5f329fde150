"""A face with invented studies for the tests of the desktop: keeps what it is told, remembers every call."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.errors import AgentError, NeedsOperator
from app.gui import words
from tests.gui.fake_arrange import FakeArrange, a_report
from tests.gui.fake_day import FakeDay
from tests.gui.fake_devices import FakeDevices
from tests.gui.fake_fill import FakeFill
from tests.gui.fake_his import FakeHis
from tests.gui.fake_log import FakeLog
from tests.gui.fake_papers import FakePapers
from tests.gui.fake_pictures import FakePictures
from tests.gui.fake_queue import FakeQueue
from tests.gui.fake_reports import FakeReports
from tests.gui.fake_retrieve import FakeRetrieve
from tests.gui.fake_setup import FakeSetup
from tests.gui.fake_several import said_by
from tests.gui.fake_sign import FakeSign
from tests.gui.fake_stamp import FakeStamp, stamp_problem
from tests.gui.fake_trust import FakeTrust

Json = dict[str, Any]
NOW = datetime(2026, 11, 20, 6, 6, tzinfo=UTC)
UMBRELLAS = {
    "fill": {"to_fill", "ready", "check"},
    "uploading": {"queued", "sending", "waiting"},
    "attention": {"held", "rejected"},
    "confirmed": {"acknowledged", "reconciled"},
}
WORDS = {
    "receiving": "接收中",
    "check": "待核对",
    "to_fill": "待填报",
    "ready": "可提交",
    "rejected": "已退回",
    "held": "待处理",
    "waiting": "等待重试",
    "sending": "上传中",
    "queued": "待上传",
    "paused": "已暂停",
    "acknowledged": "已上传",
    "reconciled": "已对账",
    "cancelled": "已取消",
    "withdrawn": "已撤回",
    "to_sign": "待签名",
}
CODES = {
    "sex": [("1", "男性"), ("2", "女性"), ("9", "其他")],
    "exam_way": [("1", "平扫"), ("2", "增强"), ("3", "CTA"), ("10", "平扫增强")],
    "id_type": [("01", "居民身份证"), ("03", "护照")],
    "patient_type": [("1", "门诊"), ("2", "急诊"), ("3", "住院")],
    "radiology_code": [
        ("B029ZYZZZ", "垂体CT普通扫描(平扫)"),
        ("B710ZYZZZ", "胸部CT普通扫描(平扫)"),
        ("B71010ZZZ", "胸部CT平扫加增强扫描"),
        ("B719ZYZZZ", "胸部CT低剂量普通扫描(平扫)"),
        ("B71910ZZZ", "胸部CT高分辨率扫描(薄层)"),
    ],
    "yes_no": [("0", "否"), ("1", "是")],
}


def at(hour: int, minute: int, day: int = 20) -> str:
    """A time of the China Standard Time day as UTC ISO text."""
    return (datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=8)).isoformat()


def a_field(key: str, label: str, group: str, **more: Any) -> Json:
    text = str(more.pop("text", ""))
    plain = {
        "key": key,
        "label": label,
        "noun": "exam",
        "row": 0,
        "group": group,
        "type": "text",
        "table": "",
        "level": "must",
        "required_when": "",
        "max_length": 50,
        "help": "",
        "only": "",
        "doubt": "",
        "text": text,
        "shown": text,
        "source": "dicom" if text else "",
        "source_words": "设备" if text else "",
        "value_doubt": "",
        "problem": None,
    }
    return {**plain, **more}


def exam_fields(name: str, accession: str, *, filled: bool) -> list[Json]:
    by_hand = {"source": "default", "source_words": "机构默认"}
    return [
        a_field("patient_name", "姓名", "患者", text=name, type="name"),
        a_field(
            "id_type", "证件类型", "患者", type="code", table="id_type", text="01", shown="01 居民身份证", **by_hand
        ),
        a_field(
            "id_number",
            "证件号",
            "患者",
            type="id_number",
            help="居民身份证为 18 位，末位可能是 X",
            text="140928198005124320" if filled else "",
        ),
        a_field("sex", "性别", "患者", type="code", table="sex", text="1", shown="1 男性"),
        a_field("birth_date", "出生日期", "患者", type="date", text="1980-05-12", level="if_known"),
        a_field("age", "年龄", "患者", type="number", text="46", level="if_known"),
        a_field(
            "phone", "手机号", "患者", type="phone", text="13800000000", source="last_exam", source_words="上次检查"
        ),
        a_field("current_address", "居住地址", "患者", level="if_known"),
        a_field("clinic_name", "机构名称", "机构", text="惠康综合门诊部", **by_hand),
        a_field("clinic_uscc", "统一社会信用代码", "机构", type="uscc", text="91140100MA0GT12X3Y", **by_hand),
        a_field(
            "apply_doctor_name",
            "申请医师姓名",
            "申请",
            type="name",
            text="张伟明" if filled else "",
            help="开单医师的姓名",
        ),
        a_field(
            "applied_at",
            "开单时间",
            "申请",
            type="datetime",
            text="2026-11-20 09:12:00",
            source="his",
            source_words="HIS",
        ),
        a_field(
            "body_part_code",
            "检查部位编码",
            "检查",
            type="codes",
            table="radiology_code",
            help="可输入名称或拼音首字母查找，例：xbct；多个部位逐个选",
            text="B710ZYZZZ" if filled else "",
            shown="B710ZYZZZ 胸部CT普通扫描(平扫)" if filled else "",
        ),
        a_field(
            "exam_way",
            "检查方式",
            "检查",
            type="codes",
            table="exam_way",
            text="1",
            shown="1 平扫",
            source="derived",
            source_words="推算",
        ),
        a_field("modality", "设备类型", "检查", type="identifier", text="CT"),
        a_field(
            "patient_source", "患者来源", "就诊", type="code", table="patient_type", text="1", shown="1 门诊", **by_hand
        ),
        a_field("clinical_diagnosis", "临床诊断", "诊断", type="long_text", level="if_known"),
        a_field("examined_at", "检查时间", "检查执行", type="datetime", text="2026-11-20 13:38:21"),
        a_field("exam_doctor_id_type", "检查执行医师证件类型", "检查执行", type="code", table="id_type", level="may"),
        a_field("device_code", "检查设备编码", "检查执行", type="identifier", text="CT-1"),
        a_field("accession_number", "检查号", "影像", type="identifier", text=accession),
        a_field(
            "study_instance_uid",
            "影像唯一号",
            "影像",
            type="uid",
            text="1.2.840.113619.2.278.3.717616.5.20261120133821.5580000000000.1",
        ),
        a_field("settlements", "结算信息", "费用", type="rows", table="settlement"),
    ]


def report_fields(*, filled: bool) -> list[Json]:
    noun = {"noun": "report"}
    return [
        a_field("report_doctor_name", "报告医师姓名", "报告", text="刘慧", type="name", **noun),
        a_field("reported_at", "报告时间", "报告", text="2026-11-20 13:55:00", type="datetime", **noun),
        a_field("findings", "影像所见", "报告", type="long_text", text="两肺纹理清晰，未见实变影。", **noun),
        a_field("conclusion", "诊断结论", "报告", type="long_text", text="胸部 CT 平扫未见明显异常。", **noun),
        a_field("positive_mark", "阴阳性", "报告", type="code", table="yes_no", text="0", shown="0 否", **noun),
        a_field("audit_doctor_name", "审核医师姓名", "审核", text="刘慧", type="name", **noun),
        a_field("sign_value", "签名值", "签名", type="opaque", level="may", **noun),
    ]


def settlement_row(number: int, *, text: str = "") -> list[Json]:
    noun = {"noun": "settlement", "row": number}
    return [
        a_field("settlement_id", "结算号", "费用", type="identifier", text=text or "0" * 20, **noun),
        a_field("catalogue_code", "医疗目录编码", "费用", type="identifier", text=text or "002104030010000", **noun),
        a_field("fee_detail_number", "费用明细流水号", "费用", type="identifier", text=text or "0" * 18, **noun),
    ]


TROUBLES: dict[str, Json] = {
    "held": {
        "title": "证件号码与姓名不一致",
        "advice": "请对照身份证改“证件号”或“姓名”，改好后会自动重新上传。",
        "turn": "technician",
        "turn_words": "您",
        "code": "0",
        "words": "检查登记失败：证件号码与姓名不匹配",
        "step": "登记检查",
        "items": [],
        "page": "",
    },
    "rejected": {
        "title": "平台解不开我们加密的内容",
        "advice": "重试没有用。请找工程师核对 SM4 密钥，改好后点“重新上传”。",
        "turn": "engineer",
        "turn_words": "工程师",
        "code": "0",
        "words": "数据解密失败",
        "step": "登记检查",
        "items": [],
        "page": "",
    },
    "waiting": {
        "title": "平台繁忙，稍后自动再试",
        "advice": "不用您做什么。影像已存盘，不会丢。",
        "turn": "automatic",
        "turn_words": "自动",
        "code": "A700",
        "words": "Refused: Out of Resources",
        "step": "上传影像",
        "items": [],
        "page": "",
    },
}

STUDIES: tuple[tuple[str, str, str, str, int, str, tuple[int, int]], ...] = (
    ("to_fill", "赵明轩", "胸部 CT", "CT2611200037", 312, "CT", (13, 41)),
    ("to_fill", "李桂芳", "胸部正侧位 DR", "DR2611200018", 2, "DR", (13, 52)),
    ("check", "", "左腕 DR", "DR2611200020", 2, "DR", (13, 58)),
    ("ready", "韩德胜", "腹部 CT 平扫", "CT2611200038", 164, "CT", (14, 1)),
    ("held", "陈建国", "腹部 CT", "CT2611200031", 188, "CT", (13, 20)),
    ("sending", "孙玉梅", "头颅 CT", "CT2611200036", 312, "CT", (13, 36)),
    ("waiting", "周海涛", "腰椎 DR", "DR2611200017", 4, "DR", (13, 31)),
    ("queued", "吴秀英", "膝关节 MR", "MR2611200006", 186, "MR", (13, 29)),
    ("rejected", "苗秀珍", "胸部 CT", "CT2611200021", 290, "CT", (9, 58)),
    ("paused", "石俊峰", "胸部正位 DR", "DR2611200008", 2, "DR", (11, 8)),
    ("acknowledged", "郑国强", "胸部正侧位 DR", "DR2611200019", 2, "DR", (14, 2)),
    ("acknowledged", "冯丽娟", "头颅 CT", "CT2611200035", 288, "CT", (13, 57)),
    ("acknowledged", "何志远", "腰椎 DR", "DR2611200016", 4, "DR", (13, 46)),
    ("acknowledged", "罗春燕", "乳腺 MG", "MG2611200004", 4, "MG", (13, 43)),
    ("reconciled", "许文博", "鼻窦 CT", "CT2611200034", 164, "CT", (13, 30)),
    ("reconciled", "马慧敏", "胸部 DR", "DR2611200015", 2, "DR", (13, 24)),
    ("withdrawn", "温建平", "腰椎 CT", "CT2611200025", 96, "CT", (10, 36)),
    ("cancelled", "蒋玉兰", "头颅 CT", "CT2611200027", 280, "CT", (10, 25)),
    ("receiving", "雷春梅", "头颅 CT", "CT2611200039", 41, "CT", (14, 5)),
)


class FakeFace(
    FakeDay,
    FakeFill,
    FakeHis,
    FakeReports,
    FakeDevices,
    FakePictures,
    FakeSetup,
    FakeQueue,
    FakeLog,
    FakeRetrieve,
    FakeSign,
    FakeStamp,
    FakePapers,
    FakeTrust,
    FakeArrange,
):
    """Answers like an engine with a busy afternoon; `calls` holds (method, arguments) in order."""

    def __init__(self) -> None:
        FakeSetup.__init__(self)
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.listeners: list[Callable[[Json], None]] = []
        self.fail: dict[str, AgentError] = {}
        self.rows = [self._row(number, *row) for number, row in enumerate(STUDIES)]
        self.forms = {str(row["uid"]): self._first_form(row) for row in self.rows}
        self.look, self.sentence = "needs-you", "7 件事等您处理"
        self.paused_until: str | None = None
        self.trouble = ""
        self.practice = False
        self.can_answer = True
        FakeDevices.__init__(self)
        FakeRetrieve.__init__(self)
        FakeSign.__init__(self)
        FakeTrust.__init__(self)

    # -- help for tests ---------------------------------------------------------------------------------------------

    def tell(self, event: str, **ids: str) -> None:
        for listener in list(self.listeners):
            listener({"event": event, **ids})

    def called(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for method, arguments in self.calls if method == name]

    def empty(self) -> None:
        self.rows.clear()
        self.device_rows.clear()
        self.look, self.sentence = "confirmed", "全部确认"

    def _row(
        self,
        number: int,
        state: str,
        name: str,
        what: str,
        accession: str,
        images: int,
        modality: str,
        time: tuple[int, int],
    ) -> Json:
        problems = {"to_fill": ["证件号", "申请医师姓名", "检查部位编码"], "held": ["证件号码与姓名不一致"]}.get(
            state, []
        )
        return {
            "uid": f"1.2.3.{number}",
            "exam_key": f"E{number:04}",
            "state": state,
            "state_words": WORDS[state],
            "patient_name": name,
            "accession_number": accession,
            "modality": modality,
            "description": what,
            "exam_day": "2026-11-20",
            "received_at": at(*time),
            "image_count": images,
            "report_count": 1,
            "problem_count": len(problems),
            "problems": problems,
            "changed": False,
            "submitted_at": None if state in ("to_fill", "check", "ready", "receiving") else at(*time),
            "late": name == "罗春燕",
        }

    def _first_form(self, row: Json) -> Json:
        filled = row["state"] not in ("to_fill",)
        doubt = row["state"] == "check"
        study = {
            "uid": row["uid"],
            "doubt": "name" if doubt else "",
            "doubt_words": "姓名怎么读，请您看一眼" if doubt else "",
            "candidates": [["GB18030", "王小满"], ["Big5", "卼苤雛"], ["ISO 8859-1", "ÍõÐ¡Âú"]] if doubt else [],
            "raw_hex": "cd f5 d0 a1 c2 fa" if doubt else "",
        }
        return {
            "uid": row["uid"],
            "exam_key": row["exam_key"],
            "patient_name": row["patient_name"],
            "state": row["state"],
            "state_words": row["state_words"],
            "destinations": ["shanxi"],
            "studies": [study],
            "fields": exam_fields(row["patient_name"], row["accession_number"], filled=filled),
            "no_report": False,
            "ahead_words": "",
            "registered": [],
            "reports": [a_report("R1", report_fields(filled=filled))],
            "settlements": [settlement_row(0)],
        }

    def _answer(self, name: str, *arguments: Any) -> None:
        self.calls.append((name, arguments))
        if name in self.fail:
            raise self.fail[name]

    def _of(self, uid: str) -> Json:
        return next(row for row in self.rows if uid in (row["uid"], row["exam_key"], row["accession_number"]))

    def _judged(self, form: Json) -> Json:
        """The form with its problems: what is required and empty, and an ID number that is not 18 long."""
        made = copy.deepcopy(form)
        nouns = [made["fields"], *(report["fields"] for report in made["reports"]), *made["settlements"]]
        problems = []
        for field in (field for fields in nouns for field in fields):
            field["problem"] = self._problem(field)
            if field["problem"]:
                problems.append(
                    {
                        "key": field["key"],
                        "label": field["label"],
                        **field["problem"],
                        "destination": "",
                        "noun": field["noun"],
                        "row": field["row"],
                    }
                )
        doubt = any(study["doubt"] for study in made["studies"])
        why = [f"还差 {len(problems)} 项"] if problems else ["姓名还没有核对"] if doubt else []
        return {**made, "problems": problems, "problem_count": len(problems), "ready": not why, "ready_why_not": why}

    @staticmethod
    def _problem(field: Json) -> Json | None:
        if field["key"] == "settlements":
            return None
        if field["type"] == "pdf":
            return stamp_problem(field)
        if said := said_by(field):
            return said
        if field["level"] == "must" and not field["text"]:
            return {"title": f"还没有填{field['label']}", "advice": field["help"] or "请填写"}
        return None

    def _entered(self, form: Json, values: Json) -> Json:
        made = copy.deepcopy(form)
        number = values.get("id_number", "")
        if number and len(number) != 18:
            raise NeedsOperator(
                f"证件号：少 {18 - len(number)} 位", f"身份证号应为 18 位，现在 {len(number)} 位", fields=("id_number",)
            )
        for field in (*made["fields"], *(field for report in made["reports"][:1] for field in report["fields"])):
            if field["key"] in values:
                field.update(
                    text=values[field["key"]], shown=values[field["key"]], source="technician", source_words="手工"
                )
        return made

    # -- the face ---------------------------------------------------------------------------------------------------

    def status(self) -> Json:
        count = {state: sum(row["state"] == state for row in self.rows) for state in WORDS}
        sums = {name: sum(count[state] for state in states) for name, states in UMBRELLAS.items()}
        return self.day_status() | {
            "look": self.look,
            "sentence": self.sentence,
            "tooltip": f"{self.sentence}\n平台最近确认 14:03",
            "last_confirmed_at": at(14, 3),
            "paused_until": self.paused_until,
            "counts": {
                "to_fill": sums["fill"] - count["ready"],
                "ready": count["ready"],
                "uploading": sums["uploading"],
                "attention": sums["attention"],
                "confirmed": sums["confirmed"] + 24 * bool(self.rows),
                "receiving": count["receiving"],
                "all": len(self.rows),
                "to_sign": len(self.sign_rows),
                "to_fetch": 0,
            },
            "needs_you": [*self._needs_you(), *self.more_needs],
            "destinations": [
                {
                    "name": "shanxi",
                    "title": "山西省影像云",
                    "region": "shanxi",
                    "base_url": "http://192.0.2.80:8081",
                    "last_ok_at": at(14, 3),
                    "trouble": self.trouble,
                    "trouble_since": at(13, 54) if self.trouble else None,
                    "clock_offset_seconds": 0.4,
                    "clock_warning": "",
                    "capabilities": ["upload_exam", "withdraw", "reconcile"],
                    "practice": self.practice,
                },
                {
                    "name": "index",
                    "title": "医保影像索引",
                    "region": "index",
                    "base_url": "http://192.0.2.81",
                    "last_ok_at": at(13, 59),
                    "trouble": "",
                    "trouble_since": None,
                    "clock_offset_seconds": 1.0,
                    "clock_warning": "",
                    "capabilities": ["upload_exam"],
                    "practice": self.practice,
                },
            ],
            "dicom": {"ae_title": "CLINIC_AGENT", "port": 11112, "listening": True, "trouble": ""},
            "folders": [
                {"path": "D:/影像/DR-2", "ok": True, "trouble": ""},
                {"path": "D:/报告", "ok": False, "trouble": "文件夹不见了"},
            ],
            "files": {"listening": True, "base_url": "http://192.0.2.7:8180", "trouble": ""},
            "clinic": {"name": "惠康综合门诊部", "uscc": "91140100MA0GT12X3Y", "fixmedins_code": "H14010000001"},
            "set_up": True,
            "version": "0.1.0",
            "home": "C:/ProgramData/影像云上传助手",
        }

    def _needs_you(self) -> list[Json]:
        def need(row: Json, why: str, turn: str, action: str, who: str = "", since: str = "") -> Json:
            who, when = who or str(row["patient_name"]), words.clock(row["received_at"], NOW)
            return {
                "uid": row["uid"],
                "exam_key": row["exam_key"],
                "state": row["state"],
                "title": f"{who} {row['description']}",
                "who": who,
                "what": f"{words.what(row)} · {when if since else words.images(row)}",
                "why": why,
                "since": since or row["received_at"],
                "since_is": "trouble" if since else "received",
                "turn": turn,
                "action": action,
            }

        if not self.rows:
            return []
        by = {row["accession_number"]: row for row in self.rows}
        return [
            need(
                by["CT2611200021"],
                "平台解不开我们加密的内容。请找工程师核对 SM4 密钥",
                "engineer",
                "open",
                since=at(10, 2),
            ),
            need(
                by["CT2611200031"],
                "平台：证件号码与姓名不一致。改好后会自动重新上传",
                "technician",
                "fill",
                since=at(13, 40),
            ),
            {
                "uid": "2026-11-19",
                "exam_key": "",
                "day": "2026-11-19",
                "state": "missing",
                "title": "昨天对账缺 1 例",
                "who": "昨天对账缺 1 例",
                "what": "11 月 19 日",
                "since_is": "",
                "turn": "engineer",
                "action": "reconcile",
                "why": "高文涛 胸部 CT 已自动补传 2 次，平台仍查不到，需要工程师",
                "since": at(8, 4),
            },
            need(by["CT2611200037"], "缺 3 项：证件号、申请医师姓名、检查部位编码", "technician", "fill"),
            need(by["DR2611200018"], "缺 3 项：证件号、申请医师姓名、检查部位编码", "technician", "fill"),
            need(by["DR2611200020"], "设备 DR-2 的姓名编码不明，请您看一眼", "technician", "fill", "姓名待核对"),
            need(by["CT2611200038"], "都填好了，点“提交上传”就传", "technician", "fill"),
        ]

    def studies(self, state: str = "", day: str = "", text: str = "", limit: int = 200, offset: int = 0) -> Json:
        self._answer("studies", state, day, text)
        states = UMBRELLAS.get(state, {state})
        found = [
            row
            for row in self.rows
            if (not state or row["state"] in states)
            and (not day or row["exam_day"] == day)
            and (not text or text in row["patient_name"] or text in row["accession_number"])
        ]
        return {"total": len(found), "studies": copy.deepcopy(found[offset : offset + limit])}

    def study(self, uid: str) -> Json:
        self._answer("study", uid)
        row, form = self._of(uid), self._judged(self.forms[self._of(uid)["uid"]])
        state = str(row["state"])
        return {
            "uid": row["uid"],
            "exam_key": row["exam_key"],
            "state": state,
            "state_words": row["state_words"],
            "studies": form["studies"],
            "fields": form["fields"],
            "reports": form["reports"],
            "settlements": form["settlements"],
            "problems": form["problems"],
            "instances": [
                {
                    "sop_instance_uid": f"{row['uid']}.{n}",
                    "modality": row["modality"],
                    "series_number": str(1 + n % 3),
                    "instance_number": str(n),
                    "size_bytes": 524_300,
                    "data_set_sha256": "0" * 64,
                    "path": "",
                    "current": True,
                    "source": "ae:CT-1",
                }
                for n in range(row["image_count"])
            ],
            "jobs": self._jobs(row),
            "receipts": [],
            "journal": [],
            "versions": [],
            "timeline": self._timeline(row),
        }

    def _jobs(self, row: Json) -> list[Json]:
        state = str(row["state"])
        if row["submitted_at"] is None:
            return []
        done = "acknowledged" if state in ("sending", "waiting") else state
        plan = [("exam", "检查记录", done), ("report", "检查报告", done), ("images", "影像", state)]
        if state in ("held", "rejected"):
            plan = [("exam", "检查记录", state), ("report", "检查报告", "queued"), ("images", "影像", "queued")]
        return [
            {
                "id": number,
                "destination": "shanxi",
                "destination_title": "山西省影像云",
                "part": part,
                "part_words": words,
                "report_key": "",
                "version": 1,
                "state": job,
                "state_words": WORDS[job],
                "round": 1,
                "attempts": 2 if job == "waiting" else 1,
                "step": {"exam": "登记检查", "report": "上传报告"}.get(part, "上传影像"),
                "done": {"sending": 186, "waiting": 2}.get(job, 0) if part == "images" else 0,
                "total": row["image_count"] if part == "images" else 0,
                "due_at": at(14, 10) if job == "waiting" else None,
                "trouble": TROUBLES.get(job),
                "late": False,
                "withdraws": False,
                "submitted_at": row["submitted_at"],
                "changed_at": row["submitted_at"],
            }
            for number, (part, words, job) in enumerate(plan, 1)
        ]

    def _timeline(self, row: Json) -> list[Json]:
        entries = [
            ("image_received", "接收", f"CT-1 · {row['image_count']} 幅"),
            ("study_completed", "收齐", "60 秒没有新图"),
        ]
        if row["submitted_at"]:
            entries.append(("submitted", "提交上传", "手填 3 项"))
        if row["state"] == "waiting":
            entries.append(("job_waiting", "等待重试", "平台繁忙，已试 2 次"))
        if row["state"] in ("acknowledged", "reconciled"):
            entries.append(("job_acknowledged", "平台已接收", "检查、报告、影像"))
        return [
            {
                "at": at(13, 24 + 2 * n),
                "what": what,
                "words": words,
                "detail": detail,
                "who": "宋佳" if what == "submitted" else "",
            }
            for n, (what, words, detail) in enumerate(entries)
        ]

    def form(self, uid: str) -> Json:
        self._answer("form", uid)
        return self._judged(self.forms[self._of(uid)["uid"]])

    def check(self, uid: str, values: Json) -> Json:
        self._answer("check", uid, values)
        return self._judged(self._entered(self.forms[self._of(uid)["uid"]], values))

    def search_codes(self, table: str, text: str, limit: int = 50) -> Json:
        self._answer("search_codes", table, text)
        codes = []
        for code, label in CODES.get(table, []):
            start = label.upper().find(text.upper())
            if text and start < 0 and not code.startswith(text) and text != "xbct":
                continue
            hit = [0, 4] if text == "xbct" else [start, start + len(text)]
            if text == "xbct" and "胸部CT" not in label:
                continue
            codes.append(
                {
                    "code": code,
                    "label": label,
                    "spans": [hit] if (text and start >= 0) or text == "xbct" else [],
                    "doubt": "",
                }
            )
        return {"codes": codes[:limit]}

    def fields(self, destination: str) -> Json:
        self._answer("fields", destination)
        names = ("key", "label", "noun", "level", "type", "table", "doubt")
        return {"fields": [{name: field[name] for name in names} for field in settlement_row(0)]}

    def set_asides(self) -> Json:
        return {"files": []}

    def fill(
        self, uid: str, values: Json, settlements: list[Json] | None = None, reports: list[Json] | None = None
    ) -> Json:
        self._answer("fill", uid, values, settlements, reports)
        key = self._of(uid)["uid"]
        form = self._entered(self.forms[key], {**values, **(reports[0] if reports else {})})
        if settlements is not None:
            form["settlements"] = [settlement_row(number) for number in range(len(settlements))]
            for fields, row in zip(form["settlements"], settlements, strict=True):
                for field in fields:
                    field["text"] = field["shown"] = str(row.get(field["key"], ""))
        self.forms[key] = form
        return self._judged(form)

    def attach(self, uid: str, path: str, report: int = 0) -> Json:
        self._answer("attach", uid, path, report)
        self.forms[self._of(uid)["uid"]]["reports"][report]["pdf"] = True
        return self.form(uid)

    def settle(self, uid: str, decision: str, detail: str = "") -> Json:
        self._answer("settle", uid, decision, detail)
        form = self.forms[self._of(uid)["uid"]]
        form["studies"][0].update(doubt="", doubt_words="", candidates=[])
        form["patient_name"] = form["fields"][0]["text"] = form["fields"][0]["shown"] = detail
        return self._judged(form)

    def submit(self, uid: str = "", destination: str = "", ready: bool = False) -> Json:
        self._answer("submit", uid)
        self._of(uid).update(state="queued", state_words="待上传", submitted_at=at(14, 6))
        return {"submitted": [uid], "skipped": [], "jobs": 3}

    def resend(self, uid: str = "", failed: bool = False, day: str = "", destination: str = "") -> Json:
        self._answer("resend", uid, failed)
        return {"resent": [uid], "jobs": 1, "skipped": []}

    def withdraw(self, uid: str, destination: str = "") -> Json:
        return self._act("withdraw", uid, "withdrawn")

    def hold(self, uid: str, destination: str = "") -> Json:
        return self._act("hold", uid, "paused")

    def release(self, uid: str, destination: str = "") -> Json:
        return self._act("release", uid, "queued")

    def cancel(self, uid: str, destination: str = "") -> Json:
        return self._act("cancel", uid, "cancelled")

    def send_now(self, uid: str) -> Json:
        return self._act("send_now", uid, "to_fill")

    def _act(self, name: str, uid: str, state: str) -> Json:
        self._answer(name, uid)
        self._of(uid).update(state=state, state_words=WORDS[state])
        return {}

    def pause(self, minutes: int = 0) -> Json:
        self._answer("pause", minutes)
        self.look, self.sentence, self.paused_until = "paused", "已暂停", ""
        return {}

    def resume(self) -> Json:
        self._answer("resume")
        self.look, self.sentence, self.paused_until = "working", "正在上传 3 例", None
        return {}

    def import_paths(self, paths: list[str]) -> Json:
        self._answer("import_paths", paths)
        return {"images": 0, "again": 0, "reports": 0, "aside": 0, "studies": []}

    def backfill(self, day_from: str, source: str = "", stop: bool = False) -> Json:
        return {}

    def backfill_status(self) -> Json:
        return {}

    def check_self(self) -> Json:
        self._answer("check_self")
        return {
            "ok": False,
            "checks": [
                {"name": "sm", "ok": True, "title": "国密算法算得对", "advice": "", "details": ""},
                {"name": "dicom", "ok": True, "title": "DICOM 端口 11112 在听", "advice": "", "details": ""},
                {
                    "name": "folder",
                    "ok": False,
                    "title": "报告文件夹不见了",
                    "advice": "请把 D:/报告 建回来，或在设置里改路径",
                    "details": "ENOENT",
                },
            ],
        }

    def settings(self) -> Json:
        return {"clinic": {"name": "惠康综合门诊部"}, "secrets": {"shanxi": ["sm4_key", "sign_key"]}}

    def quit(self) -> Json:
        self._answer("quit")
        return {}

    def subscribe(self, callback: Callable[[Json], None]) -> Callable[[], None]:
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)
