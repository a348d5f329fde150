"""What happens in the rehearsal (演练), act by act: devices send, HIS and reports fill, what is whole goes up.

Everything goes through the doors that a clinic has: the DICOM port, the watched folders, the face. Nothing is written
into the store from here.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from app.domain.job import PART_WORDS
from app.domain.times import CST
from app.engine.face import Face, Json
from app.engine.rehearsal_platform import look, signed_by_phone, tell
from app.engine.rehearsal_script import id_number_of
from app.errors import NeedsOperator
from app.system.autostart import own_command

NO_WINDOW = getattr(subprocess, "CREATE_NO_WINDOW", 0)
_WAIT_SECONDS = 60.0
_MOVING = ("receiving", "queued", "sending", "waiting")
_LEDGER = (("exam", "检查"), ("report", "报告"), ("image", "影像"))


class Story:
    """One walk over the exams of a script. `folder` gets the folders of HIS and reports, and what the devices send."""

    def __init__(self, face: Face, script: Json, platforms: list[Json], folder: Path) -> None:
        """`platforms`: see `rehearsal_platform`; the first one refuses and loses what the script says."""
        self._face = face
        self._script = script
        self._exams: list[Json] = script["exam"]
        self._platforms = platforms
        self._folder = folder
        self._uids: dict[str, str] = {}
        """Patient name in the script -> exam."""

    def scenes(self) -> Iterator[str]:
        """One sentence per step. Raises `NeedsOperator` when a step does not come to its end."""
        for at in self._platforms:
            port = f"（DICOM 端口 {at['dicom_port']}）" if at["ae_title"] else ""
            yield f"演练平台已打开：{self._of(at)}{at['base_url']}{port}"
        yield from self._devices_send()
        yield from self._his_exports()
        yield from self._reports_come()
        yield from self._send(("done", "lost", "sign"))
        yield from self._platform_fetches()
        days = self._days_over() if self._can_answer() else []
        if days:
            yield from self._platform_loses()
            yield from self._ask_again(days)
        yield from self._send(("refused",))
        if self._can_answer():
            yield from self._reconciled(days or self._days())
        else:
            yield "对账：平台没有对账接口，以回执为准"
        for at in self._platforms:
            yield self._ledger(at)
        yield from self._looked_up()

    # -- what comes in ----------------------------------------------------------------------------------------------

    def _devices_send(self) -> Iterator[str]:
        """Every device is a process of its own, and they send at the same time."""
        port = self._face.status()["dicom"]
        devices = list(dict.fromkeys(exam["device"] for exam in self._exams))
        running = [(device, self._device(device, port)) for device in devices]
        for device, process in running:
            _, said = process.communicate(timeout=_WAIT_SECONDS)
            if process.returncode != 0:
                raise NeedsOperator("演练设备没有把影像传过来", "请再试一次", details=said[-500:])
            own = [exam for exam in self._exams if exam["device"] == device]
            images = sum(exam["images"] for exam in own)
            yield f"演练设备 {device} 传来 {len(own)} 例、{images} 张（DICOM 端口 {port['port']}）"
        until(self._all_complete)
        for exam in self._exams:
            if not exam["accession"]:
                number = self._face.form(self._uids[exam["patient_name"]])["accession_number"]
                yield f"影像收齐：{exam['patient_name']} 没有检查号，编了 {number}"

    def _device(self, name: str, port: Json) -> subprocess.Popen[str]:
        worklist = self._folder / f"{name}.json"
        studies = [self._study(exam) for exam in self._exams if exam["device"] == name]
        worklist.write_text(json.dumps(studies, ensure_ascii=False), encoding="utf-8")
        return subprocess.Popen(
            [
                *program(),
                *("practice", "modality", "--worklist", str(worklist), "--calling", name),
                *("--to", f"127.0.0.1:{port['port']}", "--aet", port["ae_title"]),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=code_folder(),
            creationflags=NO_WINDOW,
        )

    def _study(self, exam: Json) -> Json:
        named = ("kind", "images", "patient_name", "patient_id", "sex", "birth", "charset")
        report = {
            "path": str(self._report_file(exam)),
            "findings": exam["findings"],
            "conclusion": exam["conclusion"],
            "doctor": self._script["doctors"]["report"],
            "auditor": self._script["doctors"]["audit"],
        }
        when = _examined(exam).replace(tzinfo=None).isoformat(timespec="seconds")
        own = {name: exam[name] for name in named}
        return own | {"accession": exam["accession"] or None, "when": when, "report": report}

    def _report_file(self, exam: Json) -> Path:
        """Into the watched folder under the accession number; without one a person has to attach it."""
        if exam["accession"]:
            return Path(self._script["folders"]["reports"]) / f"{exam['accession']}.pdf"
        return self._folder / f"{exam['patient_name']}.pdf"

    def _all_complete(self) -> bool:
        rows = self._face.studies(limit=1000)["studies"]
        found = {self._named(row): str(row["exam_key"]) for row in rows if row["state"] not in _MOVING}
        self._uids = {name: uid for name, uid in found.items() if name}
        return len(self._uids) == len(self._exams)

    def _named(self, row: Json) -> str:
        """Who it is in the script: by accession number, else by the name."""
        return next(
            (
                str(exam["patient_name"])
                for exam in self._exams
                if row["accession_number"] == exam["accession"] or row["patient_name"] == exam["patient_name"]
            ),
            "",
        )

    def _his_exports(self) -> Iterator[str]:
        """HIS writes what it knows of the day into the watched folder, in GBK as most do."""
        columns = ["检查号", "姓名", "检查日期"]
        columns += list(
            dict.fromkeys(column for exam in self._exams for column in exam["his"] if column not in columns)
        )
        common = self._script["his"]["everybody"]
        rows = [
            {"检查号": exam["accession"], "姓名": exam["patient_name"], "检查日期": f"{_examined(exam):%Y-%m-%d}"}
            | common
            | exam["his"]
            for exam in self._exams
        ]
        columns += [column for column in common if column not in columns]
        part = self._folder / "his.part"
        with part.open("w", encoding="gbk", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        part.replace(Path(self._script["folders"]["his"]) / f"收费明细 {datetime.now(CST):%Y-%m-%d}.csv")
        yield f"HIS 导出 {len(rows)} 行（GBK 编码的 CSV），放进 HIS 文件夹"
        last = until(lambda: self._face.his()["last"])
        yield f"HIS：{last['sentence']}"

    def _reports_come(self) -> Iterator[str]:
        """What lies in the folder is found by its name; what has no number a person attaches."""
        for exam in self._exams:
            if not exam["accession"]:
                self._face.attach(self._uids[exam["patient_name"]], str(self._report_file(exam)))
        until(lambda: all(self._is_read(uid) for uid in self._uids.values()))
        yield f"{len(self._uids)} 份报告 PDF 已附上，所见、诊断、医师和时间是从 PDF 里读出来的"

    def _is_read(self, uid: str) -> bool:
        reports = self._face.form(uid)["reports"]
        return any(field["key"] == "findings" and field["text"] for report in reports for field in report["fields"])

    # -- what goes out ----------------------------------------------------------------------------------------------

    def _send(self, ends: tuple[str, ...]) -> Iterator[str]:
        """Fill and submit these exams, have them signed where that is asked, then wait for the platform."""
        own = [exam for exam in self._exams if exam["ends"] in ends]
        if not own:
            return
        if "refused" in ends:
            for exam in own:
                tell(
                    self._platforms[0],
                    "fault",
                    where="exam",
                    what="code0",
                    match=exam["accession"],
                    **self._script["refusal"],
                )
        jobs, parts = 0, set[str]()
        for exam in own:
            uid = self._uids[exam["patient_name"]]
            missing = self._face.form(uid)["problem_count"]
            form = self._face.fill(uid, exam["values"])
            yield f"填报 {exam['patient_name']}：原来缺 {missing} 项，填好后还缺 {form['problem_count']} 项"
            if form["problem_count"]:
                named = "、".join(problem["label"] for problem in form["problems"])
                raise NeedsOperator("演练的检查没有填齐", f"还缺：{named}")
            jobs += self._face.submit(uid)["jobs"]
            parts |= {job["part"] for job in self._face.study(uid)["jobs"]}
        named = "、".join(words for part, words in PART_WORDS.items() if part.value in parts)
        yield f"提交上传：{len(own)} 例、{jobs} 个任务（{named}）"
        yield from self._doctors_sign([exam for exam in own if exam["ends"] != "sign"])
        for exam in own:
            yield from self._answer_to(exam)

    def _doctors_sign(self, own: list[Json]) -> Iterator[str]:
        rows = signed_by_phone(self._face, self._platforms, {self._uids[exam["patient_name"]] for exam in own})
        if not rows:
            return
        until(lambda: not self._wait_to_be_signed() & {row["session"] for row in rows})
        doctors = "、".join(dict.fromkeys(row["doctor"]["name"] for row in rows))
        yield f"电子签名：{doctors} 医生用演练手机扫码，签了 {len(rows)} 份报告，签名和时间戳都验过"

    def _wait_to_be_signed(self) -> set[Any]:
        return {row["session"] for group in self._face.signing()["waiting"] for row in group["reports"]}

    def _answer_to(self, exam: Json) -> Iterator[str]:
        uid, name = self._uids[exam["patient_name"]], exam["patient_name"]
        until(lambda: self._face.form(uid)["state"] not in _MOVING)
        study = self._face.study(uid)
        if exam["ends"] == "refused" and study["state"] == "held":
            words = next(job["trouble"]["words"] for job in study["jobs"] if job["trouble"])
            yield f"{self._title(self._platforms[0])}退回了 {name}（约好的）：{words}"
            return
        if exam["ends"] == "sign" and study["state"] == "to_sign":
            until(lambda: self._is_done_but_for_its_signature(uid))
            yield f"留给您签名：{name} 的检查记录和影像平台已接收，报告等医生签"
            return
        if study["state"] not in ("acknowledged", "reconciled"):
            raise NeedsOperator("演练平台没有全部接收", f"现在是：{study['state_words']}")
        for at in self._platforms:
            own = [job for job in study["jobs"] if job["destination"] == at["name"]]
            pushed = [job["done"] for job in own if job["part"] == "images"]
            files = f"报告 1 份，影像 {sum(pushed)} 张" if pushed else "报告和影像由平台来取"
            yield f"{self._title(at)}已接收 {name}：记录 1 份，{files}"

    def _is_done_but_for_its_signature(self, uid: str) -> bool:
        return {job["state"] for job in self._face.study(uid)["jobs"]} <= {"to_sign", "acknowledged", "reconciled"}

    def _platform_fetches(self) -> Iterator[str]:
        """What the records name by address, if they do, the platform comes for."""
        until(lambda: all(one["state"] != "waiting" for one in self._fetched()))
        files = self._fetched()
        if files:
            images = sum(one.get("images", 0) for one in files)
            fetched = sum(one["state"] == "fetched" for one in files)
            yield f"演练平台来取文件：{len(files)} 个地址取到 {fetched} 个，影像一共 {images} 张"

    def _fetched(self) -> list[Json]:
        """What the platform has come for, or will."""
        return [one for at in self._platforms for one in look(at, "ledger?fields=0")["fetched"]]

    # -- exams of other hospitals -----------------------------------------------------------------------------------

    def _looked_up(self) -> Iterator[str]:
        """Where the platform answers: what other hospitals did with a patient, and the images of the newest of it."""
        places = self._face.retrieve_places()["places"]
        if not places:
            return
        for one in self._script.get("elsewhere", ()):
            name, number = one["patient_name"], id_number_of(self._script, one["patient_name"])
            known = {"name": name, "id_number": number, "exams": one["exams"], "images": one["images"]}
            tell(self._platforms[0], "seed", **known)
            place = places[0]
            asked = (place["destination"], place["id_types"][0]["code"], number)
            found = self._face.look_up(*asked, reason=place["reasons"][0])
            yield f"调阅 {name}：{found['words']}"
            theirs = next(exam for exam in found["exams"] if not exam["exam_key"])
            begun = self._face.start_download(found["lookup"], theirs["index_code"])["id"]
            done = until(partial(self._downloaded, begun))
            yield f"取回 {theirs['clinic_name']} {theirs['exam_date']} 的影像：{done['checked']} 张，都打开核对过"

    def _downloaded(self, identity: Any) -> Json | None:
        """The download once it is over."""
        rows = (one for one in self._face.downloads()["downloads"] if one["id"] == identity)
        return next((one for one in rows if one["state"] in ("done", "failed")), None)

    # -- whether both sides agree -----------------------------------------------------------------------------------

    def _can_answer(self) -> bool:
        """Whether the platform can be asked what it has."""
        return any(self._answering(self._face.reconciliation(day)) for day in self._days())

    def _answering(self, told: Json) -> list[Json]:
        """Of a day, the destinations that can be asked."""
        return [one for one in told["destinations"] if one["can_answer"]]

    def _days(self, ends: tuple[str, ...] = ("done", "lost")) -> list[str]:
        keys = {self._uids[exam["patient_name"]] for exam in self._exams if exam["ends"] in ends}
        rows = self._face.studies(limit=1000)["studies"]
        return sorted({row["exam_day"] for row in rows if row["exam_key"] in keys})

    def _days_over(self) -> list[str]:
        """Days that a clinic would ask for by now: today is asked tomorrow morning."""
        return [day for day in self._days() if day < f"{datetime.now(CST):%Y-%m-%d}"]

    def _platform_loses(self) -> Iterator[str]:
        for exam in self._exams:
            if exam["ends"] == "lost":
                tell(self._platforms[0], "lose", exam=self._ledger_key(exam))
                yield f"演练平台弄丢了 {exam['patient_name']} 的检查（约好的）"

    def _ledger_key(self, exam: Json) -> str:
        """Under what the first platform has this exam."""
        exams = look(self._platforms[0], "ledger?fields=0")["exams"]
        return next(str(one["key"]) for one in exams if one["accession"] == exam["accession"])

    def _ask_again(self, days: list[str]) -> Iterator[str]:
        for day in days:
            for destination in self._answering(self._face.reconcile(day)):
                yield f"对账 {day}：第一次问，{destination['agreed']} 例双方一致，缺的过一会儿再问一次"

    def _reconciled(self, days: list[str]) -> Iterator[str]:
        """Asked until both agree: what the platform lost is sent again by the program itself."""
        for day in days:
            if not any(one["questions"] for one in self._answering(self._face.reconciliation(day))):
                self._face.reconcile(day)
        until(lambda: all(self._agrees(day) for day in days))
        for day in days:
            for one in self._answering(self._face.reconciliation(day)):
                again = f"，其中 {len(one['missing'])} 例是自动补传的" if one["missing"] else ""
                yield f"对账 {day}：{one['state_words']}，{one['agreed']} 例双方一致{again}"

    def _agrees(self, day: str) -> bool:
        return all(one["state"] == "agreed" for one in self._answering(self._face.reconciliation(day)))

    def _ledger(self, at: Json) -> str:
        """What it got and kept of each kind; what it fetched itself was never received."""
        counts = look(at, "ledger?fields=0")["counts"]
        told = []
        for kind, words in _LEDGER:
            one = counts.get(kind, {})
            got = f"收到 {one.get('received', 0)} " if one.get("received", 0) or not one.get("kept", 0) else ""
            told.append(f"{words} {got}存下 {one.get('kept', 0)}")
        return f"演练平台的账本：{self._of(at)}{'，'.join(told)}"

    # -- the platforms ----------------------------------------------------------------------------------------------

    def _title(self, at: Json) -> str:
        return str(at["title"]) if len(self._platforms) > 1 else "平台"

    def _of(self, at: Json) -> str:
        return f"{at['title']} " if len(self._platforms) > 1 else ""


def _examined(exam: Json) -> datetime:
    return datetime.now(CST) - timedelta(days=exam["days_ago"])


def program() -> tuple[str, ...]:
    """The program with a console to speak to: a frozen one has it under a name of its own, beside the windowed one."""
    if getattr(sys, "frozen", False):
        console = Path(sys.executable).with_name("imaging-agent-cli" + Path(sys.executable).suffix)
        return (str(console),) if console.exists() else own_command()
    return (sys.executable, "-m", "app")


def code_folder() -> Path | None:
    """Where `-m app` finds the program; a frozen one needs no folder."""
    return None if getattr(sys, "frozen", False) else Path(__file__).resolve().parents[2]


def until(done: Callable[[], Any]) -> Any:
    """Look again until there is something; raises `NeedsOperator` after a minute."""
    end = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < end:
        found = done()
        if found:
            return found
        time.sleep(0.2)
    raise NeedsOperator("演练停在半路了", "请再试一次；仍不行请把日志发给工程师")
