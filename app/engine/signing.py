"""Signing (电子签名) as the face offers it: who is waited for, codes, imports; and what goes on by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta

from app.delivery.converse import Courier
from app.delivery.stamps import needs_stamp
from app.delivery.target import Target
from app.domain.signing import Session, SessionState
from app.domain.times import CST
from app.engine import signing_shown as shown
from app.engine.face import Json
from app.engine.house import House
from app.engine.signing_notices import certificate_rows, need, notices
from app.engine.signing_taken import Taking
from app.engine.signing_trust import trust_of
from app.errors import NeedsOperator
from app.signing.before_sending import BeforeSending
from app.signing.service import Service
from app.signing.sessions import Pace, Sessions
from app.store import Tx, exams, signings
from app.store.times import kept

_PAGE = "signing"


class Signing:
    """One house's signings; `courier(name)` talks to a destination."""

    def __init__(self, house: House, courier: Callable[[str], Courier], pace: Pace | None = None) -> None:
        self._house, self._courier = house, courier
        self._taking = Taking(house, courier, self._doctor)
        self._sessions = {
            name: Sessions(
                house.store,
                target,
                Service(target, courier(name), house.clock),
                house.clock,
                lambda: trust_of(house),
                after=house.follow,
                stopping=house.stopping,
                pace=pace,
            )
            for name, target in house.targets.items()
            if target.signs_by_phone and target.can("sign")
        }

    def before_sending(self, name: str) -> BeforeSending:
        """What looks at each signed report of this destination once more before it goes."""
        house = self._house
        return BeforeSending(
            house.store,
            house.targets[name],
            self._courier(name),
            house.clock,
            lambda: trust_of(house),
            after=house.follow,
            stopping=house.stopping,
        )

    def start(self) -> None:
        """Codes that are out are asked about from now on."""
        for sessions in self._sessions.values():
            sessions.start()

    def join(self, timeout_seconds: float) -> None:
        for sessions in self._sessions.values():
            sessions.join(timeout_seconds)

    def run_once(self) -> int:
        """One round of everything that is due, here and now; returns how many that were."""
        return sum(sessions.run_once() for sessions in self._sessions.values())

    # -- what waits, what is signed -----------------------------------------------------------------------------------

    def listed(self, day: date) -> Json:
        """See `Face.signing`."""
        conn = self._house.store.read()
        since = datetime.combine(day, time(), CST)
        groups: dict[tuple[str, str], list[Session]] = defaultdict(list)
        for one in signings.waiting(conn):
            groups[(one.doctor_name, one.doctor_code)].append(one)
        return {
            "able": any(target.demands_signature for target in self._house.targets.values()),
            "waiting": [
                {"doctor": self._doctor(*key), "reports": [self._row(one) for one in group]}
                for key, group in groups.items()
            ],
            "signed": [self._row(one) for one in signings.signed(conn, since, since + timedelta(days=1))],
            "notices": notices(self._house),
            "minutes": max((self._minutes(target) for target in self._house.targets.values()), default=1440),
        }

    def waiting(self) -> int:
        """How many reports wait for a doctor who is there."""
        return len(self._waiting())

    def signature(self, exam_key: str, report: int) -> Json:
        """See `Face.signature`."""
        found = signings.of_report(self._house.store.read(), self._report_key(exam_key, report))
        live = [one for one in found if one.state is not SessionState.VOID] or found
        if not live:
            raise NeedsOperator("这份报告没有电子签名", "平台要签名时，提交上传以后就在“电子签名”里")
        return shown.signature(self._house, live[0], self._row(live[0]))

    def needs(self) -> list[Json]:
        """One row for all reports that wait for a doctor who is there, and one for each certificate that ends soon."""
        return [*self._reports_row(self._waiting()), *certificate_rows(self._house)]

    def _waiting(self) -> list[Session]:
        """What can be signed now: not what was put off, nor what has to be submitted first."""
        return [one for one in self._listed() if not one.postponed]

    def _reports_row(self, waiting: list[Session]) -> list[Json]:
        if not waiting:
            return []
        names = list(dict.fromkeys(one.doctor_name for one in waiting))
        phones = {name for name, target in self._house.targets.items() if target.signs_by_phone}
        by_phone = [one for one in waiting if one.destination in phones]
        who = f"{names[0]} 医生" if len(names) == 1 else f"{names[0]} 等 {len(names)} 位医生"
        unknown = [one.doctor_name for one in by_phone if not self._doctor(one.doctor_name, one.doctor_code)["known"]]
        why = "打开电子签名，请医生用手机扫码" if by_phone else "机构的签名系统签好以后，打开电子签名导入"
        if any(one.destination not in self._sessions for one in by_phone):
            why = "签名还没有备齐，打开电子签名看缺什么"
        elif unknown:
            why = f"{unknown[0]} 医生还没有签名平台编号，请在 设置 › 医生名单 里填"
        elif troubled := next((one for one in waiting if one.state is SessionState.REFUSED and one.hitch), None):
            why = f"{troubled.hitch.title if troubled.hitch else ''}，请重新签"
        said = f"{len(waiting)} 份报告等 {who} 签名"
        since = kept(min(one.created_at for one in waiting))
        return [need("sign", "to_sign", said, f"{len(waiting)} 份报告", f"等 {who} 签名", why, since, "sign")]

    # -- codes --------------------------------------------------------------------------------------------------------

    def code(self, id: int, *, afresh: bool = False) -> Json:
        """See `Face.sign_code`."""
        session = self._session(id)
        self._stamped_first(session)
        target = self._house.targets[session.destination]
        if session.destination not in self._sessions:
            raise _no_code(target)
        row = self._row(session)
        title = f"{row['patient_name']} {row['what']}".strip()[:100]
        description = " · ".join(filter(None, (self._house.settings.clinic.name, row["accession_number"])))
        session = self._sessions[session.destination].code(
            id, self._signer_id(session), title, description, afresh=afresh
        )
        return shown.code(self._house, session, self._row(session), self._place(session), self._minutes(target))

    def postpone(self, id: int) -> Json:
        """The doctor is not there: all reports that wait for this doctor."""
        session = self._session(id)
        same = [
            one
            for one in signings.waiting(self._house.store.read())
            if (one.doctor_name, one.doctor_code) == (session.doctor_name, session.doctor_code)
        ]

        def change(tx: Tx) -> None:
            for one in same:
                signings.postpone(tx, one.id)

        self._house.store.write(change)
        return {"postponed": len(same)}

    def _session(self, id: int) -> Session:
        session = signings.session(self._house.store.read(), id)
        if session is None or session.destination not in self._house.targets:
            raise NeedsOperator("这份报告不用签了", "它签好了、改过了，或者取消了；请看列表里现在的")
        if session.state is SessionState.VOID and any(
            one.id == id for one in signings.waiting(self._house.store.read())
        ):
            raise NeedsOperator("报告改过了，还没有提交", "请先提交上传，再请医生签")
        return session

    def _signer_id(self, session: Session) -> str:
        doctor = self._doctor(session.doctor_name, session.doctor_code)
        if not doctor["known"]:
            raise NeedsOperator(
                f"{session.doctor_name or '审核'}医生还没有签名平台编号",
                "请在 设置 › 医生名单 里填上这位医生的签名平台编号（MSSPID），再签",
                page=_PAGE,
            )
        return str(doctor["signer_id"])

    def _stamped_first(self, session: Session) -> None:
        """What is signed does not cover the PDF; all the same nobody signs a report that can't go yet."""
        own = exams.reports_of(self._house.store.read(), session.exam_key)
        report = next((one for one in own if one.report_key == session.report_key), None)
        if report is not None and needs_stamp(self._house.targets[session.destination].options, report):
            raise NeedsOperator(
                "先盖章，再签名",
                "这份报告的 PDF 换过，还没有盖章。盖好章、提交上传以后，再请医生签",
                fields=("report_pdf",),
                page=_PAGE,
            )

    def _place(self, session: Session) -> str:
        """第 1 份，共 2 份, of this doctor's."""
        same = [
            one.id
            for one in signings.waiting(self._house.store.read())
            if (one.doctor_name, one.doctor_code) == (session.doctor_name, session.doctor_code)
        ]
        return f"第 {same.index(session.id) + 1} 份，共 {len(same)} 份" if session.id in same else ""

    @staticmethod
    def _minutes(target: Target) -> int:
        return int(target.options.get("sign_minutes") or 1440)

    # -- who ----------------------------------------------------------------------------------------------------------

    def _doctor(self, name: str, code: str) -> Json:
        """By the name in the staff list; of several with one name by the code, else nobody is guessed."""
        staff, plain = self._staff(), name.replace(" ", "")
        by_name = [one for one in staff if plain and one.get("name", "").replace(" ", "") == plain]
        by_code = [one for one in by_name if code and one.get("code", "") == code]
        numbers = {one.get("mssp_id", "") for one in by_code} - {""} or {one.get("mssp_id", "") for one in by_name} - {
            ""
        }
        signer_id = numbers.pop() if len(numbers) == 1 else ""
        return {"name": name, "signer_id": signer_id, "known": bool(signer_id)}

    def _staff(self) -> list[Mapping[str, str]]:
        staff = self._house.settings.signing.get("staff", ())
        return [one for one in staff if isinstance(one, Mapping)] if isinstance(staff, list | tuple) else []

    def _row(self, session: Session) -> Json:
        doctor = self._doctor(session.doctor_name, session.doctor_code)
        return shown.row(self._house, session, doctor, shown.jobs_of(self._house, session.exam_key))

    def _report_key(self, exam_key: str, report: int) -> str:
        found = exams.reports_of(self._house.store.read(), exam_key)
        if not 0 <= report < len(found):
            raise NeedsOperator("没有这份报告", f"这例有 {len(found)} 份报告" if found else "请先附上报告")
        return found[report].report_key

    # -- the clinic's own signature system ----------------------------------------------------------------------------

    def import_signed(self, exam_key: str, report: int, given: object) -> Json:
        """See `Face.import_signed`."""
        return self._row(self._taking.take(exam_key, self._report_key(exam_key, report), given))

    def import_all_signed(self, path: str) -> Json:
        """See `Face.import_all_signed`."""
        taken, left = self._taking.take_all(path, self._listed())
        return {"taken": [self._row(one) for one in taken], "left": left}

    def _listed(self) -> list[Session]:
        found = signings.waiting(self._house.store.read())
        return [one for one in found if one.state is not SessionState.VOID]


def _no_code(target: Target) -> NeedsOperator:
    """Why no code can be asked for."""
    if not target.signs_by_phone:
        return NeedsOperator("这份报告由机构自己的签名系统签", "签好以后点“导入已签报告”")
    return NeedsOperator(
        "签名还没有备齐",
        "设置里还缺签名应用 ID 或安全码，平台审核申请材料以后发给机构；填好就能签，报告不用重新提交",
        page="papers",
    )
