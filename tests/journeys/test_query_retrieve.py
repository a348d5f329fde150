"""Journey: the front-end machine pulls from the clinic (Q/R) - with DCMTK and with Orthanc, from a running program."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from app.engine.engine import Engine
from app.system.paths import Home
from tests.builders import EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, JPEG_BASELINE, a_dicom_file, a_uid
from tests.journeys.test_push_to_peers import an_orthanc, data_set
from tests.wire.dicom_files import a_storescp, run_tool
from tests.wire.peers import free_port

Json = dict[str, Any]
SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, JPEG_BASELINE)
CT = "1.2.840.10008.5.1.4.1.1.2"


class Clinic:
    """A running program without a platform of its own; `port` is its DICOM port."""

    def __init__(self, home: Home, folder: Path, query: Json, dicom: Json) -> None:
        self.folder, self.port = folder, free_port()
        self.engine = Engine(home)
        self.engine.setup(
            {
                "dicom": {"port": self.port, "bind": "127.0.0.1", **dicom},
                "secrets": {"store": "file"},
                "query": {"on": True, "callers": ["FRONT_END"], **query},
            }
        )

    def study(self, accession: str, **elements: Any) -> tuple[str, dict[str, Path]]:
        """A complete study with two images of each syntax: its UID, SOP instance UID -> the file as it came."""
        uid, series, folder = a_uid(), (a_uid(), a_uid()), self.folder / accession
        made = [
            a_dicom_file(
                folder,
                study_uid=uid,
                series_uid=series[number % 2],
                number=number,
                rows=64,
                columns=64,
                accession=accession,
                transfer_syntax_uid=syntax,
                **{"name": "李建国", **elements},
            )
            for number, syntax in enumerate(SYNTAXES * 2, start=1)
        ]
        self.engine.import_paths([str(folder)])
        self.engine.send_now(uid)
        return uid, {path.stem: path for path in made}

    def ask(self, tool: str, *arguments: object, ae_title: str = "FRONT_END", root: str = "-S") -> str:
        """What a program of DCMTK says; Study Root (-S) or Patient Root (-P)."""
        done = run_tool(tool, "-v", root, "-aet", ae_title, "-aec", "CLINIC_AGENT", *arguments, "127.0.0.1", self.port)
        return done.stdout + done.stderr

    def pulled(self, uid: str) -> list[str]:
        return [one["detail"] for one in self.engine.study(uid)["timeline"] if one["what"] == "pulled"]


@contextmanager
def a_clinic(home: Home, folder: Path, *destinations: str, dicom: Json | None = None, **query: Any) -> Iterator[Clinic]:
    clinic = Clinic(home, folder, {"destinations": list(destinations), **query}, dicom or {})
    clinic.engine.start()
    try:
        yield clinic
    finally:
        clinic.engine.stop()


def keys(level: str, **wanted: str) -> list[str]:
    return [part for key, value in {"QueryRetrieveLevel": level, **wanted}.items() for part in ("-k", f"{key}={value}")]


def series_of(sent: dict[str, Path]) -> dict[str, str]:
    """SOP instance UID -> series instance UID."""
    read = {name: dcmread(path, stop_before_pixels=True) for name, path in sent.items()}
    return {name: str(found.SeriesInstanceUID) for name, found in read.items()}


def digests(folder: Path) -> list[str]:
    return sorted(data_set(path.read_bytes()) for path in folder.iterdir())


def until(claim: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := claim()):
        assert time.monotonic() < deadline, "it did not become so"
        time.sleep(0.05)
    return found


@pytest.mark.warns
def test_dcmtk_finds_a_study_and_has_it_sent_by_its_number_and_by_its_uid(home: Home, tmp_path: Path) -> None:
    inbox, archive = tmp_path / "inbox", tmp_path / "archive"
    inbox.mkdir()
    archive.mkdir()
    with (
        a_storescp(inbox) as port,
        a_storescp(archive) as second,
        a_clinic(home, tmp_path, f"FRONT_END@127.0.0.1:{port}", f"ARCHIVE@127.0.0.1:{second}") as clinic,
    ):
        uid, sent = clinic.study("CT2601050001")
        other, _ = clinic.study("CT2601050002")
        wanted = {"PatientName": "李*", "AccessionNumber": "CT2601050001", "StudyInstanceUID": ""}
        wanted |= {"NumberOfStudyRelatedInstances": "", "SpecificCharacterSet": "ISO_IR 192"}
        told = clinic.ask("findscu", *keys("STUDY", **wanted))
        assert uid in told and other not in told and "李建国" in told and "[8 ]" in told
        assert told.count("(Pending)") == 1
        series = clinic.ask("findscu", *keys("SERIES", StudyInstanceUID=uid, SeriesInstanceUID=""))
        images = clinic.ask("findscu", *keys("IMAGE", StudyInstanceUID=uid, SOPInstanceUID=""))
        assert (series.count("(Pending)"), images.count("(Pending)")) == (2, 8)
        whole = sorted(data_set(path.read_bytes()) for path in sent.values())
        for wanted in ({"AccessionNumber": "CT2601050001"}, {"StudyInstanceUID": uid}):
            assert "Success" in clinic.ask("movescu", "-aem", "FRONT_END", *keys("STUDY", **wanted))
            assert digests(inbox) == whole
            for path in inbox.iterdir():
                path.unlink()
        until(lambda: clinic.pulled(uid) == ["16 张 · FRONT_END"])
        assert clinic.pulled(other) == []
        unknown = clinic.ask("movescu", "-aem", "NOBODY", *keys("STUDY", StudyInstanceUID=uid))
        assert "MoveDestinationUnknown" in unknown.replace(" ", "")
        _comes_in_every_other_way(clinic, archive, uid, sent)
        assert list(inbox.iterdir()) == []


def _comes_in_every_other_way(clinic: Clinic, archive: Path, uid: str, sent: dict[str, Path]) -> None:
    """Patient Root, each level, a list of images: to the second destination, and nothing but what was named."""
    patient, series = "P0001", series_of(sent)
    some = list(sent)[:3]
    below = {"PatientID": patient, "StudyInstanceUID": uid}
    ways: list[tuple[str, list[str], list[str]]] = [
        ("-P", keys("STUDY", **below), list(sent)),
        (
            "-P",
            keys("SERIES", **below, SeriesInstanceUID=series[some[0]]),
            [one for one in sent if series[one] == series[some[0]]],
        ),
        ("-P", keys("IMAGE", **below, SeriesInstanceUID=series[some[1]], SOPInstanceUID=some[1]), some[1:2]),
        ("-S", keys("IMAGE", StudyInstanceUID=uid, SOPInstanceUID="\\".join(some)), some),
        ("-S", keys("IMAGE", SOPInstanceUID=some[2]), some[2:]),
    ]
    for root, wanted, names in ways:
        assert "Success" in clinic.ask("movescu", "-aem", "ARCHIVE", *wanted, root=root), wanted
        assert digests(archive) == sorted(data_set(sent[name].read_bytes()) for name in names), wanted
        for path in archive.iterdir():
            path.unlink()
    named = {"PatientID": patient, "PatientName": "", "SpecificCharacterSet": "ISO_IR 192"}
    told = clinic.ask("findscu", *keys("PATIENT", **named), root="-P")
    assert told.count("(Pending)") == 1 and "李建国" in told


def test_dcmtk_takes_a_study_back_on_its_own_line(home: Home, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with a_clinic(home, tmp_path) as clinic:
        uid, sent = clinic.study("CT2601050001")
        told = clinic.ask("getscu", "+B", "-od", inbox, *keys("STUDY", StudyInstanceUID=uid))
        # one syntax a class is negotiated: what is stored in another stays, is counted, and can be had by C-MOVE
        taken = [name for name, path in sent.items() if data_set(path.read_bytes()) in digests(inbox)]
        assert len(taken) == len(list(inbox.iterdir())) == 2
        assert f"Failed Suboperations    : {len(sent) - 2}" in told
        for path in inbox.iterdir():
            path.unlink()
        clinic.ask(
            "getscu", "+B", "-od", inbox, *keys("STUDY", AccessionNumber="CT2601050001", PatientID="P0001"), root="-P"
        )
        assert digests(inbox) == sorted(data_set(sent[name].read_bytes()) for name in taken)
        told = clinic.ask("getscu", "+B", "-od", inbox, *keys("STUDY"))
        assert "Error: DataSetDoesNotMatchSOPClass" in told  # nothing was named


def test_who_is_not_named_is_refused_and_shown_to_the_clinic(home: Home, tmp_path: Path) -> None:
    with a_clinic(home, tmp_path) as clinic:
        clinic.study("CT2601050001")
        assert "Rejected" in clinic.ask("findscu", *keys("STUDY"), ae_title="STRANGER")
        [refused] = until(lambda: clinic.engine.devices()["refused"])
        assert (refused["ae_title"], refused["why"]) == ("STRANGER", "想来取影像，但不在允许来取的名单里")
        assert not refused["can_allow"]
        checks = {one["name"]: one for one in clinic.engine.check_self()["checks"]}
        assert checks["query"]["title"] == "平台可以来取影像：FRONT_END；没有填可以送到哪里，只能当场取回"
        clinic.engine.setup({"query": {"on": False, "callers": ["FRONT_END"]}})
        assert "Rejected" in clinic.ask("findscu", *keys("STUDY"))
        assert "query" not in {one["name"] for one in clinic.engine.check_self()["checks"]}


def test_bad_questions_leave_no_trace_but_a_refusal(
    home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with a_clinic(home, tmp_path) as clinic:
        uid, _ = clinic.study("CT2601050001")
        for text in ("' OR 1=1 --", "%", "*?*?*?*" * 8):
            assert "(Pending)" not in clinic.ask("findscu", *keys("STUDY", AccessionNumber=text))
        several = "\\".join(f"1.2.826.0.1.3680043.10.1433.{number}" for number in range(2000))
        assert "(Pending)" not in clinic.ask("findscu", *keys("STUDY", StudyInstanceUID=several))
        assert "(Pending)" not in clinic.ask("findscu", *keys("PATIENT", PatientID="P0001"))
        assert uid in clinic.ask("findscu", *keys("STUDY", StudyInstanceUID=""))
    assert "李建国" not in caplog.text and "CT2601050001" not in caplog.text and uid not in caplog.text


# -- Orthanc as the front-end machine ---------------------------------------------------------------------------------


def rest(port: int, method: str, path: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body if isinstance(body, str) else json.dumps(body))
        reply = connection.getresponse()
        content = reply.read()
        assert reply.status == 200, (path, content)
        return content if path.endswith("/file") else json.loads(content) if content[:1] in (b"{", b"[") else None
    finally:
        connection.close()


def test_orthanc_pulls_a_study_by_its_number_and_asks_what_is_kept(home: Home, tmp_path: Path) -> None:
    if shutil.which("Orthanc") is None:
        pytest.skip("Orthanc is not installed")
    with an_orthanc(tmp_path / "orthanc") as (port, dicom_port):
        query: Json = {"callers": ["PEER"], "dicom": {"commitment": True}}
        with a_clinic(home, tmp_path, f"PEER@127.0.0.1:{dicom_port}", **query) as clinic:
            rest(port, "PUT", "/modalities/clinic", {"AET": "CLINIC_AGENT", "Host": "127.0.0.1", "Port": clinic.port})
            rest(port, "PUT", "/tools/default-encoding", "Chinese")
            uid, sent = clinic.study("CT2601050001")
            clinic.study("CT2601050002", name="王小雨")
            wanted = {"Level": "Study", "Query": {"AccessionNumber": "CT2601050001", "PatientName": "李*"}}
            asked = rest(port, "POST", "/modalities/clinic/query", wanted)
            assert rest(port, "GET", f"/queries/{asked['ID']}/answers") == ["0"]
            found = rest(port, "GET", f"/queries/{asked['ID']}/answers/0/content?simplify")
            assert (found["StudyInstanceUID"], found["PatientName"]) == (uid, "李建国")
            rest(port, "POST", f"/queries/{asked['ID']}/answers/0/retrieve", {"TargetAet": "PEER", "Synchronous": True})
            assert arrived(port) == {key: data_set(path.read_bytes()) for key, path in sent.items()}
            _pulls_by_uid(port, uid, sent)
            _is_told_what_is_kept(port, next(iter(sent)))


def arrived(port: int) -> dict[str, str]:
    """SOP instance UID -> data set of everything that Orthanc has."""
    return {
        row["MainDicomTags"]["SOPInstanceUID"]: data_set(rest(port, "GET", f"/instances/{row['ID']}/file"))
        for row in rest(port, "GET", "/instances?expand")
    }


def _pulls_by_uid(port: int, uid: str, sent: dict[str, Path]) -> None:
    """Orthanc names what it wants without asking first: one image, then the whole study."""
    one = next(iter(sent))
    image = {"StudyInstanceUID": uid, "SeriesInstanceUID": series_of(sent)[one], "SOPInstanceUID": one}
    for level, resource, names in (("Instance", image, [one]), ("Study", {"StudyInstanceUID": uid}, list(sent))):
        for study in rest(port, "GET", "/studies"):
            rest(port, "DELETE", f"/studies/{study}")
        wanted = {"Level": level, "Resources": [resource], "TargetAet": "PEER", "Synchronous": True}
        rest(port, "POST", "/modalities/clinic/move", wanted)
        assert arrived(port) == {name: data_set(sent[name].read_bytes()) for name in names}


def _is_told_what_is_kept(port: int, kept: str) -> None:
    """Orthanc asks, says goodbye, and hears the report on its own port."""
    instances = [{"SOPClassUID": CT, "SOPInstanceUID": uid} for uid in (kept, "1.2.3")]
    asked = rest(port, "POST", "/modalities/clinic/storage-commitment", {"DicomInstances": instances})

    def report() -> Any:
        found = rest(port, "GET", f"/storage-commitment/{asked['ID']}")
        return found if found["Status"] != "Pending" else None

    found = until(report)
    assert found["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in found["Success"]] == [kept]
    assert [one["SOPInstanceUID"] for one in found["Failures"]] == ["1.2.3"]


def test_digests_are_of_data_sets_only() -> None:
    """The comparison of this file can fail: another byte is another digest."""
    file = bytes(128) + b"DICM" + b"\x02\0\0\0UL\x04\0" + (0).to_bytes(4, "little") + b"data"
    assert data_set(file) == hashlib.sha256(b"data").hexdigest() != data_set(file[:-1] + b"b")
