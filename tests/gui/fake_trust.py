"""Whom the invented clinic trusts: a CA of doctors, one of timestamps, a list that reads and one that can not."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from app.errors import NeedsOperator

Json = dict[str, Any]
CA = "山西省医疗卫生电子认证 SM2 CA"


def a_certificate(subject: str, issuer: str = "", *, kind: str = "SM2", to: str = "2041-05-01", **more: Any) -> Json:
    return {
        "subject": subject,
        "issuer": issuer or subject,
        "kind": kind,
        "root": not issuer,
        "from": "2021-05-01",
        "to": to,
        "ended": False,
    } | more


def a_list(place: str, **more: Any) -> Json:
    return {
        "place": place,
        "name": place.rpartition("/")[2] if not place.startswith("http") else place,
        "address": place.startswith("http"),
        "named": False,
        "read_at": "2026-11-20T01:02:00+00:00",
        "read_words": "2026-11-20 09:02",
        "until": "2026-11-27T01:00:00+00:00",
        "overdue": False,
        "trouble": "",
    } | more


class FakeTrust:
    """Mixed into the fake face: `self._answer(name, …)` remembers a call or raises what the test wants."""

    def __init__(self) -> None:
        self.trusted: Json = {"wanted": False, "roots": [], "lists": [], "doctors": []}

    def offer_trust(self, *, whole: bool = True) -> None:
        """A platform wants signatures; `whole`: everything that can stand in the section."""
        self.trusted["wanted"] = True
        if not whole:
            return
        chain = [a_certificate("国家根 CA"), a_certificate(CA, "国家根 CA", to="2031-05-01")]
        self.trusted["roots"] = [
            {"place": "/trust/ca.p7b", "name": "山西医疗CA证书链.p7b", "certificates": chain, "trouble": ""},
            {
                "place": "/trust/tsa.cer",
                "name": "tsa-root.cer",
                "certificates": [a_certificate("时间戳根证书", kind="RSA", to="2026-06-30", ended=True)],
                "trouble": "",
            },
        ]
        dead = a_list("http://crl.example.cn/sm2/doctor.crl", named=True, trouble="连不上吊销列表")
        self.trusted["lists"] = [a_list("/trust/doctor.crl"), dead]
        self.trusted["doctors"] = [
            {"doctor": "刘慧", "on": "2026-12-08", "days": 18, "words": "证书 2026-12-08 到期，还有 18 天"}
        ]

    def trust(self) -> Json:
        self._answer("trust")  # type: ignore[attr-defined]
        return copy.deepcopy(self.trusted)

    def add_trust(self, places: list[str]) -> Json:
        self._answer("add_trust", places)  # type: ignore[attr-defined]
        for place in places:
            name = Path(place).name
            if place.startswith("http") or name.endswith(".crl"):
                self.trusted["lists"].append(a_list(place))
            elif name.endswith((".cer", ".crt", ".pem", ".p7b")):
                root = {"place": place, "name": name, "certificates": [a_certificate(CA)], "trouble": ""}
                self.trusted["roots"].append(root)
            else:
                advice = "要的是 CA 的根证书或证书链，多是 .cer、.crt、.pem、.p7b 文件，请向 CA 机构要"
                raise NeedsOperator(f"“{name}”不是证书文件", advice, page="trust")
        return self.trust()

    def remove_trust(self, place: str) -> Json:
        self._answer("remove_trust", place)  # type: ignore[attr-defined]
        for key in ("roots", "lists"):
            self.trusted[key] = [one for one in self.trusted[key] if one["place"] != place]
        return self.trust()

    def read_revocation_lists(self) -> Json:
        self._answer("read_revocation_lists")  # type: ignore[attr-defined]
        for one in self.trusted["lists"]:
            one["trouble"] = ""
        return self.trust()
