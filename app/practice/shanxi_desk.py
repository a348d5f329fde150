"""What a tester may see and wish at the Shanxi platform: doctors and certificates, jobs, the phone, the seal, pulls."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from app.practice.authority import CA_PATH, CRL_PATH, ROOT_PATH, RSA_ROOT_PATH, Authority, Doctor
from app.practice.certificates import Unsound
from app.practice.ledger import Ledger
from app.practice.pull import Puller
from app.practice.reading import word
from app.practice.seal import NotStampable, stamped
from app.practice.shanxi_ca import SigningService
from app.practice.shanxi_images import ImageLists

HELP = """POST /practice/false-miss  {"exam": risStudyId, "times": 1}：以后几次对账都说缺这一例
POST /practice/rekey       {"sm4_key": 32 位十六进制}、{"secure_code": 安全码}
POST /practice/phone       {"doctor": 姓名, "qr": 二维码内容, "how": "sign"}：医师用手机签；命令行是 practice phone
医生的手机  GET /practice/phone：浏览器里看要签的内容，点“签名”
POST /practice/certificate {"doctor": 姓名, "days": 20}：换一张 20 天后到期的证书；没有的医师就新发
POST /practice/revoke      {"doctor": 姓名}：吊销证书
POST /practice/trust       {"certificates": [Base64], "crls": [Base64]}：信任机构自己的 CA
POST /practice/seal        {"pdf": Base64}：盖演练章；签章工具是 practice stamper
POST /practice/pull        {"accession": 检查号}：去机构的 PACS 取影像（选项 pull_ae、pull_host、pull_port）
查看：GET /practice/doctors 医师和证书 · signings 签名任务 · series 影像地址 · pulls 取影像
证书：GET /ca/root.cer · /ca/ca.cer · /ca/tsa-root.cer · /ca/practice.crl"""


class Desk:
    """The wishes (POST /practice/<name>), views and pages (GET) of this region."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        authority: Authority,
        signing: SigningService,
        images: ImageLists,
        puller: Puller,
        address: Callable[[], str],
    ) -> None:
        self._ledger = ledger
        self._authority = authority
        self._signing = signing
        self._images = images
        self._puller = puller
        self._address = address

    def wishes(self) -> Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "false-miss": self._miss_falsely,
            "phone": self._signing.phone,
            "seal": self._stamp,
            "certificate": self._renew,
            "revoke": self._revoke,
            "trust": self._trust,
            "pull": self._pull,
        }

    def views(self) -> Mapping[str, Callable[[], dict[str, Any]]]:
        return {
            "doctors": self._doctors,
            "signings": lambda: {"signings": self._signing.jobs()},
            "series": lambda: {"series": self._images.shown()},
            "pulls": lambda: {"pulls": self._puller.shown()},
        }

    def pages(self) -> Mapping[str, Callable[[], str]]:
        return {"phone": self._signing.phone_page}

    def _doctors(self) -> dict[str, Any]:
        """The invented doctors and where a clinic finds the CA."""
        return {
            "doctors": [_shown_doctor(one) for one in self._authority.doctors()],
            "root": self._address() + ROOT_PATH,
            "ca": self._address() + CA_PATH,
            "crl": self._address() + CRL_PATH,
            "timestamp_root": self._address() + RSA_ROOT_PATH,
            "chain": self._authority.pem_chain(),
        }

    def _renew(self, wish: dict[str, Any]) -> dict[str, Any]:
        name, days = wish.get("doctor"), wish.get("days", 730)
        if not isinstance(name, str) or not name or not isinstance(days, int) or abs(days) > 3650:
            raise ValueError('应为 {"doctor": 姓名, "days": 证书还有几天到期，负数为已过期}')
        return _shown_doctor(self._authority.renew(name, days))

    def _revoke(self, wish: dict[str, Any]) -> dict[str, Any]:
        return _shown_doctor(self._authority.revoke(word(wish.get("doctor"))))

    def _trust(self, wish: dict[str, Any]) -> dict[str, Any]:
        certificates, lists = wish.get("certificates", []), wish.get("crls", [])
        if not isinstance(certificates, list) or not isinstance(lists, list):
            raise ValueError('应为 {"certificates": [Base64], "crls": [Base64]}')
        try:
            return {"trusted": self._authority.trust(certificates, lists)}
        except Unsound as error:
            raise ValueError(str(error)) from error

    def _stamp(self, wish: dict[str, Any]) -> dict[str, Any]:
        """The seal lies with the platform's test CA; the stamping tool asks for it here."""
        try:
            pdf = base64.b64decode(word(wish.get("pdf")), validate=True)
            made = stamped(pdf, self._authority.holder("seal"), self._authority.now())
        except NotStampable as error:
            raise ValueError(str(error)) from error
        except ValueError:
            raise ValueError("pdf 不是正确的 Base64") from None
        return {"pdf": base64.b64encode(made).decode()}

    def _pull(self, wish: dict[str, Any]) -> dict[str, Any]:
        accession = word(wish.get("accession"))
        if not accession:
            raise ValueError('应为 {"accession": 检查号}')
        self._puller.want(accession)
        return {"accession": accession}

    def _miss_falsely(self, wish: dict[str, Any]) -> dict[str, Any]:
        key, times = wish.get("exam"), wish.get("times", 1)
        if not isinstance(key, str) or not isinstance(times, int):
            raise ValueError('应为 {"exam": risStudyId, "times": 1}')
        self._ledger.miss_falsely(key, times)
        return {"exam": key, "times": times}


def _shown_doctor(doctor: Doctor) -> dict[str, Any]:
    certificate = doctor.holder.read
    return {
        "name": doctor.name,
        "mssp_id": doctor.mssp_id,
        "state": doctor.state,
        "not_after": certificate.not_valid_after.isoformat(),
        "serial": f"{certificate.serial_number:x}",
        "certificate": doctor.holder.base64,
    }
