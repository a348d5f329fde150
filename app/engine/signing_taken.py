"""Takes what the clinic's own system signed for a report, when it holds and is about this report, and only then."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from app.delivery import signature as outgoing
from app.delivery.converse import Courier
from app.delivery.record import ReportView, View
from app.delivery.target import Target
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
from app.store import Tx, signings

Doctor = Callable[[str, str], Json]
"""The doctor of the staff list by name and code, see `Face.signing`."""


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
        done = [self._take(view, one, exam_key, given) for view, one in fitting]
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

    def _take(self, view: View, report: ReportView, exam_key: str, given: object) -> Session:
        target, now, key = view.target, self._house.clock.now(), report.report.report_key
        found = signature_from(target.region, given)
        texts = {name: value.text for name, value in report.values.items()}
        to_sign = ToSign(
            text=report.text,
            doctor_name=texts.get("audit_doctor_name", ""),
            doctor_code=texts.get("audit_doctor_code", ""),
        )
        signer_id = str(self._doctor(to_sign.doctor_name, to_sign.doctor_code)["signer_id"])
        signer = signer_key(signer_id, to_sign.doctor_name)
        at, checks, is_new = self._checked(target, found, to_sign.doctor_name, signer, report, now)
        self._verified_there(target, found)

        def change(tx: Tx) -> Session:
            id = signings.imported(
                tx, target.name, exam_key, key, to_sign, found, checks, signer_id=signer_id, stamped_at=at, now=now
            )
            if is_new:
                signings.know_signer(tx, target.name, signer, found.certificate, now=now)
            outgoing.attach(tx, target, exam_key, key, report.text, found, now=now)
            self._house.follow(tx, exam_key)
            kept = signings.session(tx.conn, id)
            assert kept is not None
            return kept

        return self._house.store.write(change)

    def _checked(
        self, target: Target, found: Signature, doctor: str, signer: str, report: ReportView, now: datetime
    ) -> tuple[datetime, tuple[Check, ...], bool]:
        """When it was stamped, all that was looked at, and whether the certificate is one to know from now on."""
        trust = trust_of(self._house)
        kind = target.region.label_of("sign_type", found.sign_type)
        try:
            signed, stamped = check_whole(found, kind, trust, now=now, standing_at=now)
            who = check_doctor(doctor, signed.certificate)
            known = signings.known_signers(self._house.store.read(), target.name).get(signer)
            is_new = check_same_signer(known, signed.certificate, doctor, trusted=bool(trust.roots), at=stamped.at)
        except NotGood as why:
            raise Rejected(why.hitch.title, why.hitch.advice, details=why.hitch.details) from why
        about = _is_about(found.original, report)
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


def _is_about(original: str, report: ReportView) -> Check:
    """The clinic's own system signs a text of its own. Raises Rejected for one that says something else."""
    conclusion = report.values["conclusion"].text if "conclusion" in report.values else ""
    if original == report.text:
        return Check(title="签名原文", ok=True, words="和这份报告一字不差")
    if conclusion and _letters(conclusion) in _letters(original):
        return Check(title="签名原文", ok=True, words="里面有这份报告的诊断结论")
    if any("\u4e00" <= one <= "\u9fff" for one in original):
        raise Rejected(
            "签名原文里没有这份报告的诊断结论",
            "没有收下。请核对是不是这份报告的签名；签好以后改过报告的，要重新签再导入",
        )
    return Check(title="签名原文", ok=None, words="是一串摘要，看不出是哪份报告的，请核对是不是这份")


def _letters(text: str) -> str:
    """Without blanks and marks, in half width."""
    return "".join(one for one in unicodedata.normalize("NFKC", text) if one.isalnum())
