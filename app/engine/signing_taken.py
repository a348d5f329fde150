"""Takes what the clinic's own system signed for a report, when it holds and is about this report, and only then."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.delivery import signature as outgoing
from app.delivery.converse import Courier
from app.delivery.record import ReportView, View
from app.delivery.target import Target
from app.domain.job import JobState
from app.domain.signing import Check, Session, Signature, ToSign
from app.engine.face import Json
from app.engine.house import House
from app.engine.signing_import import several, signature_from
from app.engine.signing_notices import signer_key
from app.engine.signing_trust import trust_of
from app.errors import AgentError, NeedsOperator, Rejected
from app.regions.conversation import SignedText
from app.signing.checks import NotGood, check_doctor, check_same_signer, check_whole
from app.signing.service import Service
from app.store import Reader, Tx, signings

Doctor = Callable[[str, str], Json]
"""The doctor of the staff list by name and code, see `Face.signing`."""


@dataclass(frozen=True, kw_only=True)
class _Good:
    """One destination's part of an import, looked at and not kept yet. `signer`: how its certificate is known."""

    target: Target
    to_sign: ToSign
    signature: Signature
    checks: tuple[Check, ...]
    signer_id: str
    signer: str
    is_new: bool
    stamped_at: datetime
    has_gone: bool
    """Under a signature that counts no more: this one goes with the next version."""


class Taking:
    """One house's imports."""

    def __init__(self, house: House, courier: Callable[[str], Courier], doctor: Doctor) -> None:
        self._house, self._courier, self._doctor = house, courier, doctor

    def take(self, exam_key: str, report_key: str, given: object) -> Session:
        """Raises NeedsOperator or Rejected for what does not hold; then nothing is kept."""
        stored = self._house.known(exam_key)
        wanting = [
            (view, one)
            for view in self._house.views(stored)
            if view.target.demands_signature
            for one in view.reports
            if one.report.report_key == report_key
        ]
        if not wanting:
            raise NeedsOperator("这例的平台不要电子签名", "不用导入签名")
        fitting = [(view, one) for view, one in wanting if one.text]
        if not fitting:
            raise NeedsOperator("这份报告还不能导入签名", "请先填好报告；报告里已经手工填了签名的，先清空那几项")
        conn = self._house.store.read()
        open_ = [(view, one) for view, one in fitting if not _gone(conn, view, one, exam_key)]
        if not open_:
            raise _too_late(_gone(conn, *fitting[0], exam_key))
        good = [self._looked_at(view, one, exam_key, given) for view, one in open_]

        def change(tx: Tx) -> list[Session]:
            kept = [self._keep(tx, exam_key, report_key, one) for one in good]
            self._house.follow(tx, exam_key)
            return kept

        done = self._house.store.write(change)
        self._house.refresh(exam_key)
        return done[0]

    def take_all(self, path: str, waiting: Sequence[Session]) -> tuple[list[Session], list[Json]]:
        """A folder of many: what was taken, and {"name", "title", "advice"} of what was not. Raises NeedsOperator."""
        taken: list[Session] = []
        left: list[Json] = []
        for one in several(path):
            open_ = [each for each in waiting if each.report_key not in {done.report_key for done in taken}]
            try:
                whose = self._whose(one, open_)
                taken.append(self.take(whose.exam_key, whose.report_key, str(one)))
            except AgentError as error:
                left.append({"name": one.name, "title": error.title, "advice": error.advice})
        return taken, left

    def _whose(self, place: Path, waiting: Sequence[Session]) -> Session:
        """The one report that waits for it, by the original or by the accession number in the name."""
        fitting = [one for one in waiting if self._fits(place, one)]
        if len(fitting) == 1:
            return fitting[0]
        title = "几份报告都像，认不出是哪一份的签名" if fitting else "认不出是哪份报告的签名"
        raise NeedsOperator(title, "没有收下。请在列表里选中那份报告，单独导入")

    def _fits(self, place: Path, session: Session) -> bool:
        target, stored = self._house.targets.get(session.destination), self._house.known(session.exam_key)
        if target is None:
            return False
        original = signature_from(target.region, str(place)).original
        if original == session.text or (stored.accession_number and stored.accession_number in place.stem):
            return True
        (view,) = (one for one in self._house.views(stored) if one.target.name == target.name)
        (report,) = (one for one in view.reports if one.report.report_key == session.report_key)
        told = (view.exam.get("patient_name"), report.values.get("conclusion"))
        return all(one and one.text and _letters(one.text) in _letters(original) for one in told)

    def _looked_at(self, view: View, report: ReportView, exam_key: str, given: object) -> _Good:
        """Raises NeedsOperator or Rejected for what this destination can't be given."""
        target, key = view.target, report.report.report_key
        found = signature_from(target.region, given)
        texts = {name: value.text for name, value in report.values.items()}
        to_sign = ToSign(
            text=report.text,
            doctor_name=texts.get("audit_doctor_name", ""),
            doctor_code=texts.get("audit_doctor_code", ""),
        )
        signer_id = str(self._doctor(to_sign.doctor_name, to_sign.doctor_code)["signer_id"])
        signer = signer_key(signer_id, to_sign.doctor_name)
        at, checks, is_new = self._checked(view, found, to_sign.doctor_name, signer, report)
        conn = self._house.store.read()
        if signings.is_anothers(conn, key, found.sign_value):
            raise Rejected("这个签名已经是另一份报告的了", "没有收下。请核对是不是这份报告的签名")
        self._verified_there(target, found)
        return _Good(
            target=target,
            to_sign=to_sign,
            signature=found,
            checks=checks,
            signer_id=signer_id,
            signer=signer,
            is_new=is_new,
            stamped_at=at,
            has_gone=outgoing.gone(conn, target, exam_key, key, report.text) is not None,
        )

    def _keep(self, tx: Tx, exam_key: str, key: str, good: _Good) -> Session:
        """Raises NeedsOperator when the report went meanwhile."""
        target, text, now = good.target, good.to_sign.text, self._house.clock.now()
        state = outgoing.gone(tx.conn, target, exam_key, key, text)
        if state is JobState.SENDING or (state and not good.has_gone):
            raise _too_late(state)
        id = signings.imported(
            tx,
            target.name,
            exam_key,
            key,
            good.to_sign,
            good.signature,
            good.checks,
            signer_id=good.signer_id,
            stamped_at=good.stamped_at,
            now=now,
        )
        if good.is_new:
            signings.know_signer(tx, target.name, good.signer, good.signature.certificate, now=now)
        outgoing.attach(tx, target, exam_key, key, text, good.signature, now=now)
        kept = signings.session(tx.conn, id)
        assert kept is not None
        return kept

    def _checked(
        self, view: View, found: Signature, doctor: str, signer: str, report: ReportView
    ) -> tuple[datetime, tuple[Check, ...], bool]:
        """When it was stamped, all that was looked at, and whether the certificate is one to know from now on."""
        target, now = view.target, self._house.clock.now()
        trust = trust_of(self._house)
        kind = target.region.label_of("sign_type", found.sign_type)
        try:
            signed, stamped = check_whole(found, kind, trust, now=now, standing_at=now)
            who = check_doctor(doctor, signed.certificate)
            known = signings.known_signers(self._house.store.read(), target.name).get(signer)
            is_new = check_same_signer(known, signed.certificate, doctor, trusted=bool(trust.roots), at=stamped.at)
        except NotGood as why:
            raise Rejected(why.hitch.title, why.hitch.advice, details=why.hitch.details) from why
        about = _is_about(found.original, view, report)
        return stamped.at, (who, about, *signed.checks, *stamped.checks), is_new

    def _verified_there(self, target: Target, found: Signature) -> None:
        if target.can("verify"):
            Service(target, self._courier(target.name), self._house.clock).verify(
                SignedText(
                    text=found.original.encode("utf-8"),
                    sign_type=found.sign_type,
                    sign_value=found.sign_value,
                    certificate=found.certificate,
                    tsa_token=found.tsa_token,
                )
            )


def _gone(conn: Reader, view: View, report: ReportView, exam_key: str) -> JobState | None:
    """How far it went under a signature that is not replaced any more; None while this one may still go along."""
    state = outgoing.gone(conn, view.target, exam_key, report.report.report_key, report.text)
    return state if state is JobState.SENDING or report.signature else None


def _too_late(state: JobState | None) -> NeedsOperator:
    if state is JobState.SENDING:
        return NeedsOperator("这份报告正在上传", "没有收下。等它传完再看，一般不到一分钟")
    return NeedsOperator("这份报告已经连同签名上传了", "不用再导入。报告要改的，改好以后再导入新的签名")


def _is_about(original: str, view: View, report: ReportView) -> Check:
    """The clinic's own system signs a text of its own. Raises Rejected for one that says something else."""
    conclusion = report.values["conclusion"].text if "conclusion" in report.values else ""
    if original == report.text:
        return Check(title="签名原文", ok=True, words="和这份报告一字不差")
    patient = view.exam["patient_name"].text if "patient_name" in view.exam else ""
    missing = [
        what
        for what, told in (("诊断结论", conclusion), ("患者姓名", patient))
        if not told or _letters(told) not in _letters(original)
    ]
    if not missing:
        return Check(title="签名原文", ok=True, words="里面有患者姓名和这份报告的诊断结论")
    if any("\u4e00" <= one <= "\u9fff" for one in original):
        raise Rejected(
            f"签名原文里没有这份报告的{missing[0]}",
            "没有收下。请核对是不是这份报告的签名；签好以后改过报告的，要重新签再导入",
        )
    return Check(title="签名原文", ok=None, words="是一串摘要，看不出是哪份报告的，请核对是不是这份")


def _letters(text: str) -> str:
    """Without blanks and marks, in half width."""
    return "".join(one for one in unicodedata.normalize("NFKC", text) if one.isalnum())
