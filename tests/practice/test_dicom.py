"""The DICOM port and the practice modality: what is sent is kept byte for byte, and every ordered fault comes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from app.practice.modality import CHARSETS, KINDS, Patient, SendResult, make_report_pdf, make_study, send

from .clinic import ROOT, PracticeProcess, an_exam


def _data_set(path: Path) -> bytes:
    """What follows group 0002 of a file, found by pydicom's own reading of the file meta information."""
    with path.open("rb") as opened:
        opened.seek(140)
        length = int.from_bytes(opened.read(4), "little")
        opened.seek(144 + length)
        return opened.read()


def _sent(platform: PracticeProcess, paths: list[Path], called: str = "SXCLOUD") -> SendResult:
    return send(paths, platform.host, platform.dicom_port, called, "CT01")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_study_is_kept_byte_for_byte(platform: PracticeProcess, tmp_path: Path, kind: str) -> None:
    paths = make_study(tmp_path, kind=kind, images=2, size=64, accession="ACC77")
    result = _sent(platform, paths)
    assert (len(result.stored), result.failed) == (2, ())
    for path, key in zip(paths, result.stored, strict=True):
        kept = platform.kept("image", key)
        assert kept["sha256"] == hashlib.sha256(_data_set(path)).hexdigest()
        assert (kept["accession"], kept["modality"], kept["received"]) == ("ACC77", KINDS[kind].modality, 1)
        answer = platform.ask("GET", f"/practice/image?sop={key}")
        (tmp_path / "back.dcm").write_bytes(answer.body)
        assert _data_set(tmp_path / "back.dcm") == _data_set(path)
        assert dcmread(tmp_path / "back.dcm").PatientName == dcmread(path).PatientName


def test_the_same_image_again_is_received_twice_and_kept_once(platform: PracticeProcess, tmp_path: Path) -> None:
    paths = make_study(tmp_path, images=1, size=32)
    key = _sent(platform, paths * 2).stored[0]
    kept = platform.kept("image", key)
    assert (kept["received"], kept["version"]) == (2, 1)


def test_images_are_counted_with_their_exam(platform: PracticeProcess, tmp_path: Path) -> None:
    exam = an_exam("WITH-IMAGES")
    platform.exam(exam)
    _sent(platform, make_study(tmp_path, images=3, size=32, study_uid=exam["studyUid"]))
    assert platform.kept("exam", "WITH-IMAGES")["images"] == 3


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("what", "status"),
    [("out_of_resources", 0xA700), ("cannot_understand", 0xC000), ("warning", 0xB000)],
)
def test_a_status_comes_at_the_nth_instance(
    platform: PracticeProcess, tmp_path: Path, what: str, status: int, when: str
) -> None:
    platform.fault(where="dicom", when=when, what=what, at=2)
    paths = make_study(tmp_path, images=3, size=32)
    keys = [str(dcmread(path).SOPInstanceUID) for path in paths]
    result = _sent(platform, paths)
    assert result.failed == (() if what == "warning" else ((keys[1], status),))
    assert (platform.kept("image", keys[1]) is not None) == (when == "after")
    assert platform.kept("image", keys[2]) is not None


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["abort", "drop", "hang"])
def test_the_association_ends_at_the_nth_instance(
    platform: PracticeProcess, tmp_path: Path, what: str, when: str
) -> None:
    platform.fault(where="dicom", when=when, what=what, at=2, seconds=0.2)
    paths = make_study(tmp_path, images=3, size=32)
    keys = [str(dcmread(path).SOPInstanceUID) for path in paths]
    result = _sent(platform, paths)
    assert result.stored == (keys[0],)
    assert result.failed == ((keys[1], -1),)
    assert (platform.kept("image", keys[1]) is not None) == (when == "after")
    assert len(_sent(platform, paths).stored) == 3


def test_a_slow_port_still_keeps_the_image(platform: PracticeProcess, tmp_path: Path) -> None:
    platform.fault(where="dicom", when="before", what="slow", seconds=0.3)
    assert len(_sent(platform, make_study(tmp_path, images=1, size=32)).stored) == 1


@pytest.mark.parametrize(
    ("what", "told"),
    [("reject_transient", "2/3/1"), ("reject_permanent", "1/1/1"), ("unknown_ae", "1/1/7")],
)
def test_an_association_is_rejected_as_ordered(platform: PracticeProcess, tmp_path: Path, what: str, told: str) -> None:
    platform.fault(where="dicom", what=what)
    paths = make_study(tmp_path, images=1, size=32)
    assert told in _sent(platform, paths).rejected
    assert platform.received()[-1]["fault"] == f"before:{what}"
    assert len(_sent(platform, paths).stored) == 1


def test_a_strict_platform_knows_only_its_own_title(platform: PracticeProcess, tmp_path: Path) -> None:
    paths = make_study(tmp_path, images=1, size=32)
    assert len(_sent(platform, paths, called="WHOEVER").stored) == 1
    platform.control("options", strict_ae=True)
    assert "1/1/7" in _sent(platform, paths, called="WHOEVER").rejected
    assert len(_sent(platform, paths).stored) == 1
    last = [row for row in platform.received() if row["verdict"] == "refused" and row["kind"] == "association"]
    assert "WHOEVER" in last[-1]["reason"]


def test_a_fault_can_wait_for_one_study(platform: PracticeProcess, tmp_path: Path) -> None:
    platform.fault(where="dicom", what="out_of_resources", match="1.2.77", times=0)
    assert len(_sent(platform, make_study(tmp_path / "a", images=1, size=32)).stored) == 1
    assert _sent(platform, make_study(tmp_path / "b", images=1, size=32, study_uid="1.2.77")).stored == ()


@pytest.mark.parametrize("tool", ["storescu", "echoscu"])
def test_dcmtk_is_served(platform: PracticeProcess, tmp_path: Path, tool: str) -> None:
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} of DCMTK is not installed")
    paths = make_study(tmp_path, images=3, size=128)
    files = [str(path) for path in paths] if tool == "storescu" else []
    command = [program, "-aec", "SXCLOUD", platform.host, str(platform.dicom_port), *files]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    assert subprocess.run(command, capture_output=True, timeout=60, env=environment, check=False).returncode == 0
    for path in paths if files else []:
        dataset = dcmread(path)
        kept = platform.kept("image", str(dataset.SOPInstanceUID))
        assert kept["sha256"] == hashlib.sha256(_data_set(path)).hexdigest()


def test_a_compressed_data_set_is_kept_as_it_came(platform: PracticeProcess, tmp_path: Path) -> None:
    program = shutil.which("dcmcrle"), shutil.which("storescu")
    if None in program:
        pytest.skip("dcmcrle and storescu of DCMTK are not installed")
    (path,) = make_study(tmp_path, images=1, size=64)
    packed = tmp_path / "rle.dcm"
    subprocess.run([str(program[0]), str(path), str(packed)], check=True, timeout=60)
    command = [str(program[1]), "-xr", "-R", platform.host, str(platform.dicom_port), str(packed)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    kept = platform.kept("image", str(dcmread(packed).SOPInstanceUID))
    assert kept["transfer_syntax"] == "1.2.840.10008.1.2.5"
    assert kept["sha256"] == hashlib.sha256(_data_set(packed)).hexdigest()


@pytest.mark.parametrize("charset", sorted(set(CHARSETS) - {"ascii"}))
def test_names_are_written_in_the_wanted_character_set(tmp_path: Path, charset: str) -> None:
    (path,) = make_study(tmp_path, images=1, size=32, charset=charset, patient=Patient(name="张乾坤"))
    dataset = dcmread(path)
    if charset == "gbk-undeclared":
        assert "SpecificCharacterSet" not in dataset
        assert "张乾坤".encode("gbk") in path.read_bytes()
    elif charset == "iso2022-58":
        assert b"\x1b$)A" + "张乾坤".encode("gb2312") in path.read_bytes()
    else:
        assert str(dataset.PatientName) == "张乾坤"
    assert dataset.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


def test_a_study_can_lack_the_accession_number_and_mix_two_patients(tmp_path: Path) -> None:
    other = Patient(name="李娜", id="P0002", sex="F")
    paths = make_study(tmp_path, images=4, size=32, accession=None, second_patient=other)
    datasets = [dcmread(path) for path in paths]
    assert [one.PatientID for one in datasets] == ["P0001", "P0001", "P0002", "P0002"]
    assert len({one.StudyInstanceUID for one in datasets}) == 1
    assert len({one.SOPInstanceUID for one in datasets}) == 4
    assert not any("AccessionNumber" in one for one in datasets)


def test_the_same_study_again_has_the_same_uids_and_late_images_others(tmp_path: Path) -> None:
    first = make_study(tmp_path / "1", images=2, size=32, study_uid="1.2.9")
    again = make_study(tmp_path / "2", images=2, size=32, study_uid="1.2.9")
    late = make_study(tmp_path / "3", images=2, size=32, study_uid="1.2.9", first_number=3)
    uids = [[str(dcmread(path).SOPInstanceUID) for path in paths] for paths in (first, again, late)]
    assert uids[0] == uids[1]
    assert not set(uids[0]) & set(uids[2])


def test_images_differ_and_show_something(tmp_path: Path) -> None:
    datasets = [dcmread(path) for path in make_study(tmp_path, kind="ct", images=3, size=128)]
    assert len({one.PixelData for one in datasets}) == 3
    assert all(len(one.PixelData) == 2 * 128 * 128 for one in datasets)
    greys = memoryview(datasets[0].PixelData).cast("H")
    assert len(set(greys)) > 20
    assert max(greys) < 4096


def test_the_modality_command_sends_a_study(platform: PracticeProcess) -> None:
    to = f"{platform.host}:{platform.dicom_port}"
    command = ["modality", "--to", to, "--aet", "SXCLOUD", "--kind", "dr", "--size", "64", "--study-uid", "1.2.3.99"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "app.practice", *command],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert "对方已接收 2 张" in done.stdout.decode()
    assert sum(1 for one in platform.ledger()["images"] if one["study_uid"] == "1.2.3.99") == 2


def test_the_report_pdf_holds_its_chinese_text(tmp_path: Path) -> None:
    path = make_report_pdf(tmp_path / "r.pdf", patient="张伟", findings="双肺纹理清晰。" * 12, conclusion="未见异常。")
    text = path.read_bytes()
    assert text.startswith(b"%PDF-1.4") and text.endswith(b"%%EOF\n")
    start = int(text.rsplit(b"startxref\n", 1)[1].split()[0])
    assert text[start : start + 4] == b"xref"
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext of poppler is not installed")
    done = subprocess.run([program, "-enc", "UTF-8", str(path), "-"], capture_output=True, timeout=60, check=True)
    assert "姓名：张伟" in done.stdout.decode()
    assert "未见异常。" in done.stdout.decode()
