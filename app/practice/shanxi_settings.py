"""What the Shanxi platform demands, how it reconciles, signs and fetches: the options a tester changes."""

from __future__ import annotations

from dataclasses import dataclass

from app.practice.collector import FetchSettings
from app.practice.settings import option

SAMPLE_KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
"""The key of the document's Java sample (三(八)), used until another is set."""
PRACTICE_APP = "APP_PRACTICE"
PRACTICE_CODE = "PRACTICE-SECURE-CODE"


@dataclass(kw_only=True)
class ShanxiSettings(FetchSettings):
    """Uploads and reconciliation first, then signing (四(二)4), then the image modes (四(二)2)."""

    ae_title: str = option("SXCLOUD", "本平台的 AE")
    hospital_code: str = option("", "只接收这个医院编号；不填则都接收")
    demand_signature: bool = option(True, "不要求电子签名字段", flag="--no-signature")
    check_signature: bool = option(True, "要求电子签名字段，但不验真假")
    demand_seal: bool = option(False, "报告 PDF 没有完好的电子签章就退回")
    demand_exam: bool = option(True, "不要求报告所属的检查已经上传")
    early_exams: bool = option(False, "登记了还没做的检查也收，那时没有 studyUid、checkFinishTime 等")
    file_access: bool = option(True, "平台访问不到机构提供的文件地址（pdf_path、FILEPATH）")
    exact_length: bool = option(False, "证书、签名和时间戳超过印着的长度就退回（真的都超过）")
    reconcile_by: str = option("risStudyId", "对账的检查 ID 是什么", choices=("risStudyId", "studyUid"))
    reconcile_shape: str = option("object", '对账回答：{"study_uids": [...]} 或只有数组', choices=("object", "array"))
    reconcile_empty: str = option("encrypted", "不缺时回答空数组的密文或空字符串", choices=("encrypted", "blank"))
    window_seconds: int = option(300, "timestamp 与平台时间最多相差的秒数")
    sm4_key: str = option(SAMPLE_KEY, "SM4 密钥，32 位十六进制", secret=True, pattern="[0-9A-Fa-f]{32}")

    ca_app_id: str = option(PRACTICE_APP, "协同签名的 appId")
    secure_code: str = option(PRACTICE_CODE, "协同签名的安全码 secureCode", secret=True, pattern=".+")
    sign_algo: str = option("any", "签名请求的 signAlgo 只认哪个", choices=("any", "HMAC", "HmacSHA256"))
    timestamps: str = option("RSA", "时间戳用 RSA/SHA-256 还是 SM2/SM3", choices=("RSA", "SM2"))
    offer_crl: bool = option(True, "证书里写的吊销列表地址取不到")

    pull: str = option("off", "收下检查或报告后，按检查号去机构的 PACS 取影像", choices=("off", "exam", "report"))
    pull_ae: str = option("", "机构 PACS 的 AE")
    pull_host: str = option("127.0.0.1", "机构 PACS 的地址")
    pull_port: int = option(0, "机构 PACS 的 DICOM 端口")
