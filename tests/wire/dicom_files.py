"""DICOM files and peers for the tests: invented patients, opaque pixels."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, generate_uid

from app.wire.part10 import read_file_head
from tests.wire.peers import free_port

CT = "1.2.840.10008.5.1.4.1.1.2"
PRIVATE = "1.2.40.0.13.1.5.77.1"
IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
JPEG_LS, RLE, J2K = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.90"
EVERY_SYNTAX = (IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN, JPEG_LS, RLE, J2K, "1.2.40.0.13.1.5.99.7")
WITHOUT_NAGLE = {**os.environ, "TCP_NODELAY": "1"}  # DCMTK leaves Nagle on: 40 ms per answer


def a_file(folder: Path, *, sop_class: str = CT, syntax: str = EXPLICIT, pixels: int = 4096) -> Path:
    """A Part 10 file whose data set a real peer can read; compressed pixels are noise."""
    instance = generate_uid()
    path = folder / f"{instance}.dcm"
    data = Dataset()
    data.SOPClassUID, data.SOPInstanceUID = sop_class, instance
    data.PatientName, data.PatientID = "Test^Wang", "T0001"
    data.StudyInstanceUID, data.SeriesInstanceUID = generate_uid(), generate_uid()
    data.StudyDate, data.Modality = "20261120", "CT"
    data.Rows = data.Columns = 4
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 8, 8, 7, 0
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    known = UID(syntax)
    compressed = known.is_transfer_syntax and known.is_compressed and syntax != DEFLATED
    data.PixelData = encapsulate([os.urandom(pixels)]) if compressed else os.urandom(pixels)
    data["PixelData"].VR = "OB"
    if compressed:
        data["PixelData"].is_undefined_length = True
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = UID(syntax)
    data.file_meta.MediaStorageSOPClassUID, data.file_meta.MediaStorageSOPInstanceUID = sop_class, instance
    if known.is_transfer_syntax:
        dcmwrite(path, data, enforce_file_format=True)
    else:
        dcmwrite(path, data, implicit_vr=False, little_endian=True, enforce_file_format=True)
    return path


def data_set_digest(path: Path) -> str:
    """SHA-256 of what follows group 0002."""
    with path.open("rb") as file:
        file.seek(read_file_head(file).data_set_offset)
        return hashlib.file_digest(file, "sha256").hexdigest()


def a_tool(name: str) -> str:
    """A program of DCMTK, or the reason why the test cannot run."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} (DCMTK) is not installed")
    return found


def run_tool(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [a_tool(name), *map(str, arguments)], capture_output=True, text=True, timeout=60, env=WITHOUT_NAGLE, check=False
    )


@contextmanager
def a_storescp(folder: Path, *options: str) -> Iterator[int]:
    """DCMTK's storescp, writing bit for bit into `folder`. Gives the port."""
    port = free_port()
    command = [a_tool("storescp"), "--fork", "-od", str(folder), "+B", "+xa", *options, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=WITHOUT_NAGLE)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while run_tool("echoscu", "-to", 1, "127.0.0.1", port).returncode:
        assert time.monotonic() < deadline, "the peer did not start"


def inflated(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(read_file_head(file).data_set_offset)
        return zlib.decompress(file.read(), -zlib.MAX_WBITS)
