"""Forms: whatever names and bytes go in come out at the other side, and the file is read while it is sent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.delivery.multipart import form
from app.domain.job import Job
from app.errors import Bug
from app.regions.conversation import FileRef, FormPart, ImageFile, ImageRef
from app.store import jobs
from tests.delivery.forms import Form, read_form
from tests.delivery.stage import Files, Stage, refs
from tests.store.samples import put


@pytest.fixture
def job(stage: Stage) -> Job:
    return jobs.job(stage.store.read(), put(stage.store))


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    yield Files(tmp_path)


def sent(parts: list[FormPart], job: Job, files: Files, block: int = 1000) -> Form:
    with form(parts, job, files) as (content_type, body):
        content = b"".join(iter(lambda: body.read(block), b""))
        assert len(content) == len(body), "the announced length is the true one"
    return read_form(content_type, content)


def an_image(uid: str = "1.1") -> ImageRef:
    return ImageRef(**refs(uid)[0])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=200) | st.sampled_from([b"\r\n--agent-", b"--agent-00--\r\n", b"\n", b"\r"]),
    before=st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=30),
    after=st.integers(0, 10**6),
    block=st.sampled_from([1, 7, 65536]),
)
def test_every_text_and_every_byte_comes_through(
    job: Job, files: Files, content: bytes, before: str, after: int, block: int
) -> None:
    (files.folder / "report").write_bytes(content)
    parts = [
        FormPart(name="前", value=before),
        FormPart(name="file", value=FileRef(sha256="report", encoding="bytes"), file_name="R1.pdf", content_type="a/b"),
        FormPart(name="after", value=after),
    ]
    found = sent(parts, job, files, block)
    assert list(found) == ["前", "file", "after"], "in the order of the document"
    assert (found["前"].text, found["after"].text) == (before, str(after))
    assert (found["file"].content, found["file"].file_name, found["file"].content_type) == (content, "R1.pdf", "a/b")
    assert found["after"].file_name == "", "a plain field is no file"


def test_the_md5_and_the_bytes_are_of_the_same_prepared_copy(job: Job, files: Files) -> None:
    (files.folder / "1.1").write_bytes(b"image")
    (files.folder / "report").write_bytes(b"%PDF-1.7")
    image = an_image()
    found = sent(
        [
            FormPart(name="lower", value=ImageFile(image=image, encoding="md5")),
            FormPart(name="upper", value=ImageFile(image=image, encoding="md5_upper")),
            FormPart(name="dicom", value=ImageFile(image=image), file_name="1.1.dcm"),
            FormPart(name="report", value=FileRef(sha256="report", encoding="md5_upper")),
        ],
        job,
        files,
    )
    assert found["dicom"].content == b"image"
    assert found["lower"].text == hashlib.md5(b"image").hexdigest() == found["upper"].text.lower()
    assert found["upper"].text == found["upper"].text.upper()
    assert found["report"].text == hashlib.md5(b"%PDF-1.7").hexdigest().upper()
    assert files.prepared == ["1.1"], "one copy, however often the form names it"


def test_an_md5_that_is_known_is_not_computed_again(job: Job, files: Files) -> None:
    (files.folder / "1.1").write_bytes(b"spoilt since")
    files.known_md5["1.1"] = hashlib.md5(b"as it came").hexdigest()
    image = an_image()
    parts = [
        FormPart(name="md5", value=ImageFile(image=image, encoding="md5_upper")),
        FormPart(name="file", value=ImageFile(image=image), file_name="1.1.dcm"),
    ]
    found = sent(parts, job, files)
    assert found["md5"].text == hashlib.md5(b"as it came").hexdigest().upper()
    assert found["file"].content == b"spoilt since", "and the platform sees that it is not what the device sent"


def test_a_form_without_a_file_is_complete(job: Job, files: Files) -> None:
    assert sent([FormPart(name="a", value="1")], job, files)["a"].text == "1"


def test_names_can_not_break_out_of_their_quotes(job: Job, files: Files) -> None:
    (files.folder / "report").write_bytes(b"x")
    ref = FileRef(sha256="report", encoding="bytes")
    with form([FormPart(name='a"\r\nX: 1', value=ref, file_name='b"\r\n.pdf')], job, files) as (kind, body):
        head = body.read(10_000).partition(b"\r\n\r\n")[0].decode("utf-8")
    assert head.count("\r\n") == 1
    assert head.endswith('name="a%22%0D%0AX: 1"; filename="b%22%0D%0A.pdf"')
    assert re.fullmatch(r"multipart/form-data; boundary=agent-[0-9a-f]{32}", kind)


def test_each_form_has_a_boundary_of_its_own(job: Job, files: Files) -> None:
    kinds = set()
    for _ in range(20):
        with form([FormPart(name="a", value="1")], job, files) as (kind, _body):
            kinds.add(kind)
    assert len(kinds) == 20


def test_two_files_in_one_form_are_our_own_mistake(job: Job, files: Files) -> None:
    for name in ("1.1", "1.2"):
        (files.folder / name).write_bytes(b"x")
    parts = [FormPart(name=name, value=ImageFile(image=an_image(name))) for name in ("1.1", "1.2")]
    with pytest.raises(Bug), form(parts, job, files):
        pass


def test_an_image_that_is_gone_or_locked_says_so(job: Job, files: Files) -> None:
    files.gone, files.locked = {"1.1"}, {"1.2"}
    with pytest.raises(FileNotFoundError), form([FormPart(name="a", value=ImageFile(image=an_image()))], job, files):
        pass
    with pytest.raises(PermissionError), form([FormPart(name="a", value=ImageFile(image=an_image("1.2")))], job, files):
        pass
