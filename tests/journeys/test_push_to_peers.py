"""Our push to other people's programs: what DCMTK and Orthanc have afterwards is what the device sent."""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from app.system.paths import Home
from tests.builders import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    JPEG_BASELINE,
    a_dicom_file,
    a_uid,
)
from tests.journeys import inside
from tests.journeys.inside import Agent, an_agent
from tests.practice.clinic import PracticeProcess
from tests.wire.dicom_files import a_storescp
from tests.wire.peers import free_port

platform_process = inside.platform_process
platform = inside.platform
SYNTAXES = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED_LITTLE, JPEG_BASELINE)


def data_set(file: bytes) -> str:
    """SHA-256 of what follows group 0002, whose length stands at 140 (PS3.10 7.1)."""
    return hashlib.sha256(file[144 + int.from_bytes(file[140:144], "little") :]).hexdigest()


def unpacked(file: bytes) -> str:
    """As `data_set`, of what was deflated before it was deflated: Orthanc packs it anew."""
    start = 144 + int.from_bytes(file[140:144], "little")
    if DEFLATED_LITTLE.encode() not in file[:start]:
        return data_set(file)
    return hashlib.sha256(zlib.decompress(file[start:], -zlib.MAX_WBITS)).hexdigest()


def a_mixed_study(agent: Agent, folder: Path) -> tuple[str, dict[str, Path]]:
    """A ready study with two images of every transfer syntax; (its UID, SOP instance UID -> file as it came)."""
    uid, series = a_uid(), a_uid()
    made = [
        a_dicom_file(
            folder, study_uid=uid, series_uid=series, number=number, rows=64, columns=64, transfer_syntax_uid=syntax
        )
        for number, syntax in enumerate(SYNTAXES * 2, start=1)
    ]
    agent.engine.import_paths([str(folder)])
    agent.engine.send_now(uid)
    agent.make_ready(uid)
    return uid, {path.stem: path for path in made}


def test_dcmtk_has_every_data_set_as_the_device_sent_it(platform: PracticeProcess, home: Home, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    with a_storescp(inbox) as port, an_agent(platform, home, tmp_path, dicom_port=port) as agent:
        uid, sent = a_mixed_study(agent, tmp_path / "mixed")
        agent.engine.submit(uid)
        agent.until_done(uid)
        arrived = sorted(data_set(path.read_bytes()) for path in inbox.iterdir())
        assert arrived == sorted(data_set(path.read_bytes()) for path in sent.values())
        assert len(arrived) == 10


def test_orthanc_has_every_data_set_as_the_device_sent_it(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    with (
        an_orthanc(tmp_path / "orthanc") as (port, dicom_port),
        an_agent(platform, home, tmp_path, dicom_port=dicom_port) as agent,
    ):
        uid, sent = a_mixed_study(agent, tmp_path / "mixed")
        agent.engine.submit(uid)
        agent.until_done(uid)
        arrived = {
            row["MainDicomTags"]["SOPInstanceUID"]: unpacked(_got(port, f"/instances/{row['ID']}/file"))
            for row in json.loads(_got(port, "/instances?expand"))
        }
        assert arrived == {key: unpacked(path.read_bytes()) for key, path in sent.items()}


def test_orthanc_that_is_shut_for_a_while_gets_each_image_once(
    platform: PracticeProcess, home: Home, tmp_path: Path
) -> None:
    ports = (free_port(), free_port())
    with an_agent(platform, home, tmp_path, dicom_port=ports[1]) as agent:
        uid, sent = a_mixed_study(agent, tmp_path / "mixed")
        agent.engine.submit(uid)
        agent.until(lambda: agent.job(uid, "images")["state"] == "waiting")
        with an_orthanc(tmp_path / "orthanc", ports) as (port, _):
            agent.until_done(uid)
            assert len(json.loads(_got(port, "/instances"))) == len(sent)


@contextmanager
def an_orthanc(folder: Path, ports: tuple[int, int] | None = None) -> Iterator[tuple[int, int]]:
    """A running Orthanc that accepts everything; (HTTP port, DICOM port). Skips where the program is missing."""
    program = shutil.which("Orthanc") or pytest.skip("Orthanc is not installed")
    port, dicom_port = ports or (free_port(), free_port())
    folder.mkdir()
    configuration: dict[str, Any] = {
        "Name": "PEER",
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "Plugins": [],
        "HttpPort": port,
        "DicomPort": dicom_port,
        "DicomAet": "PEER",
        "DicomCheckCalledAet": False,
        "UnknownSopClassAccepted": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(file)], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            _wait_for(port, process)
            yield port, dicom_port
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            _got(port, "/system")
            return
        except OSError:
            assert process.poll() is None, "Orthanc ended"
            time.sleep(0.1)
    pytest.fail("Orthanc does not answer")


def _got(port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        reply = connection.getresponse()
        assert reply.status == 200, path
        return reply.read()
    finally:
        connection.close()
