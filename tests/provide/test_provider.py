"""What stands behind an address: fetched over real lines, cut, gone on with, withdrawn, counted."""

from __future__ import annotations

import hashlib
import io
import logging
import socket
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pydicom
import pytest

from app.domain.settings import FileService
from app.errors import NeedsOperator
from app.intake.carry import with_accession
from app.provide.provider import Provider, names
from app.store import exams, files, images
from app.store.files import Link
from app.wire.http_client import HttpClient, HttpReply
from tests.builders import a_study, a_uid, pdf_bytes
from tests.intake.clinic import Room, a_room, wait_until
from tests.wire.peers import free_port

MAIN = "main"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with a_room(tmp_path / "影像 home") as made:
        yield made


def a_provider(room: Room, *, carries: bool = False, allowed: tuple[str, ...] = (), port: int = 0) -> Provider:
    chosen = port or free_port()
    settings = FileService(
        public_base_url=f"http://127.0.0.1:{chosen}/", bind="127.0.0.1", port=chosen, allowed_addresses=allowed
    )
    parts = room.spool.root.parent / "parts"
    return Provider(
        room.store,
        room.clock,
        settings,
        path_of=room.spool.path,
        carried=lambda original, accession: with_accession(original, accession, parts),
        carries=lambda destination: carries,
    )


@contextmanager
def open_provider(room: Room, *, carries: bool = False, allowed: tuple[str, ...] = ()) -> Iterator[Provider]:
    provider = a_provider(room, carries=carries, allowed=allowed)
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


@pytest.fixture
def provider(room: Room) -> Iterator[Provider]:
    with open_provider(room) as made:
        yield made


def an_exam(room: Room, tmp_path: Path, images: int = 3, *, studies: int = 1, **elements: object) -> str:
    """An exam whose images came in, each of them in the order of its number, over two series."""
    uids = [a_uid() for _ in range(studies)]
    for uid in uids:
        for path in reversed(a_study(tmp_path / uid, images=images, series=2, study_uid=uid, **elements)):
            room.taker.take_file(path, "folder:/in")
    key = room.exam_of(uids[0])
    for uid in uids[1:]:
        room.store.write(lambda tx, uid=uid: exams.link_study(tx, key, uid))  # type: ignore[misc]
    return key


def a_report(room: Room) -> tuple[str, bytes]:
    content = pdf_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    relative = f"reports/{sha256[:2]}/{sha256}.pdf"
    room.spool.path(relative).parent.mkdir(parents=True, exist_ok=True)
    room.spool.path(relative).write_bytes(content)
    now = room.clock.now()
    room.store.write(lambda tx: files.keep_file(tx, sha256, "", len(content), relative, "report_pdf", now=now))
    return sha256, content


def ask(url: str, method: str = "GET", **headers: str) -> HttpReply:
    client = HttpClient(read_seconds=5)
    try:
        return client.send(method, url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    finally:
        client.close()


def link_of(room: Room, url: str) -> Link:
    found = files.find_link(room.store.read(), url.rpartition("/")[2].partition(".")[0])
    assert found is not None
    return found


def until(room: Room, url: str, so: Callable[[Link], bool]) -> Link:
    wait_until(lambda: so(link_of(room, url)), 5)
    return link_of(room, url)


def notes(room: Room, key: str) -> list[tuple[str, str]]:
    return [(note["what"], note["detail"]) for note in exams.timeline(room.store, key) if "fetch" in note["what"]]


# -- the images --------------------------------------------------------------------------------------------------------


def test_all_images_of_an_exam_come_as_one_zip_in_the_order_of_the_series(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key = an_exam(room, tmp_path, images=5)
    reply = ask(provider.zip_link(MAIN, key))
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/zip")
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    kept = room.image(key)
    with zipfile.ZipFile(io.BytesIO(reply.body)) as read:
        assert read.testzip() is None
        assert read.namelist() == [f"{n:04d}_{one.sop_instance_uid}.dcm" for n, one in enumerate(kept, 1)]
        for one, name in zip(kept, read.namelist(), strict=True):
            assert read.read(name) == room.spool.path(one.path).read_bytes()
    assert [one.series_number for one in kept] == ["1", "1", "1", "2", "2"]


def test_several_studies_have_a_folder_each(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=2, studies=2)
    with zipfile.ZipFile(io.BytesIO(ask(provider.zip_link(MAIN, key)).body)) as read:
        folders = [name.partition("/")[0] for name in read.namelist()]
        assert [name.partition("/")[2][:5] for name in read.namelist()] == ["0001_", "0002_"] * 2
    assert sorted(set(folders)) == sorted({one.study_instance_uid for one in room.image(key)})


def test_a_uid_that_is_none_names_no_folder_outside(room: Room, tmp_path: Path) -> None:
    from dataclasses import replace

    an = room.image(an_exam(room, tmp_path, images=1))[0]
    odd = [replace(an, sop_instance_uid=uid, study_instance_uid=uid) for uid in ("../../x", "", "1..2", "C:\\x", "1.2")]
    found = names(odd)
    assert all(name.isascii() and ".." not in name and "\\" not in name and name.count("/") == 1 for name in found)
    assert found[4] == "1.2/0001_1.2.dcm" and len(set(found)) == 5


def test_a_cut_line_goes_on_where_it_ended_and_counts_as_one_fetch(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key = an_exam(room, tmp_path, images=40, rows=200, columns=200)
    url = provider.zip_link(MAIN, key)
    where = urlsplit(url)
    with socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=5) as line:
        line.sendall(f"GET {where.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        got = b""
        while len(got) < 200_000:
            got += line.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    tag = next(row.partition(b": ")[2].decode() for row in head.split(b"\r\n") if row.lower().startswith(b"etag"))
    until(room, url, lambda link: link.sent_bytes > 0)
    assert not link_of(room, url).whole
    rest = ask(url, Range=f"bytes={len(body)}-", If_Range=tag)
    assert rest.status == 206
    with zipfile.ZipFile(io.BytesIO(body + rest.body)) as read:
        assert read.testzip() is None and len(read.namelist()) == 40
    link = until(room, url, lambda link: link.whole)
    assert (link.fetched_count, link.broken) == (1, "")
    assert notes(room, key) == [("fetched", f"{MAIN}/zip")]


def test_pieces_in_any_order_make_a_whole(room: Room, provider: Provider, tmp_path: Path) -> None:
    url = provider.zip_link(MAIN, an_exam(room, tmp_path))
    size = int(ask(url, "HEAD").headers["Content-Length"])
    middle = size // 2
    assert ask(url, Range=f"bytes={middle}-").status == 206
    until(room, url, lambda link: link.sent_bytes == size - middle)
    assert not link_of(room, url).whole
    assert ask(url, Range=f"bytes=0-{middle}").status == 206
    assert until(room, url, lambda link: link.whole).fetched_count == 1


def test_a_head_fetches_nothing_and_two_gets_count_two(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path)
    url = provider.zip_link(MAIN, key)
    assert ask(url, "HEAD").body == b""
    assert (link_of(room, url).sent_bytes, link_of(room, url).fetched_count) == (0, 0)
    room.clock.pass_(60)
    first_at = room.clock.now()
    ask(url)
    until(room, url, lambda link: link.fetched_count == 1)
    room.clock.pass_(60)
    size = len(ask(url).body)
    link = until(room, url, lambda link: link.fetched_count == 2)
    assert (link.first_fetched_at, link.last_fetched_at) == (first_at, room.clock.now())
    assert link.sent_bytes == 2 * size
    assert notes(room, key) == [("fetched", f"{MAIN}/zip")], "the second time is no news"


def test_the_address_stays_and_late_images_are_fetched_anew(room: Room, provider: Provider, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, images=2)
    url = provider.zip_link(MAIN, key)
    tag = ask(url).headers["ETag"]
    until(room, url, lambda link: link.whole)
    uid = room.image(key)[0].study_instance_uid
    for path in a_study(tmp_path / "late", images=1, study_uid=uid):
        room.taker.take_file(path, "folder:/in")
    assert provider.zip_link(MAIN, key) == url
    assert not link_of(room, url).whole
    more = ask(url, Range="bytes=0-99", If_Range=tag)
    assert (more.status, len(zipfile.ZipFile(io.BytesIO(more.body)).namelist())) == (200, 3)
    assert until(room, url, lambda link: link.whole).fetched_count == 2


def test_what_came_after_the_address_was_sent_is_offered_and_counted(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key = an_exam(room, tmp_path, images=2)
    url = provider.zip_link(MAIN, key)
    uid = room.image(key)[0].study_instance_uid
    for path in a_study(tmp_path / "late", images=1, study_uid=uid):
        room.taker.take_file(path, "folder:/in")
    assert len(zipfile.ZipFile(io.BytesIO(ask(url).body)).namelist()) == 3
    until(room, url, lambda link: link.whole)


def test_images_carry_a_minted_accession_number_where_the_destination_wants_it(room: Room, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path, accession="")
    minted = exams.exam(room.store.read(), key)
    assert minted is not None and minted.minted_accession
    with open_provider(room, carries=True) as provider:
        reply = ask(provider.zip_link(MAIN, key))
    with zipfile.ZipFile(io.BytesIO(reply.body)) as read:
        assert read.testzip() is None
        carried = [pydicom.dcmread(io.BytesIO(read.read(name))).AccessionNumber for name in read.namelist()]
    assert carried == [minted.minted_accession] * 3
    assert [pydicom.dcmread(room.spool.path(one.path)).AccessionNumber for one in room.image(key)] == [""] * 3
    assert not list((room.spool.root.parent / "parts").glob("carry-*")), "no copy is left behind"


def test_an_exam_without_images_has_no_address(room: Room, provider: Provider) -> None:
    key = room.store.write(lambda tx: exams.create_empty(tx, now=room.clock.now()))
    with pytest.raises(NeedsOperator) as caught:
        provider.zip_link(MAIN, key)
    assert caught.value.title == "这一例还没有影像"


def test_an_image_that_is_gone_is_told_before_the_address_is_sent(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key = an_exam(room, tmp_path)
    room.spool.path(room.image(key)[1].path).unlink()
    with pytest.raises(NeedsOperator) as caught:
        provider.zip_link(MAIN, key)
    assert (caught.value.title, caught.value.fields) == ("有影像文件找不到了", ("images",))


@pytest.mark.warns
def test_an_image_that_vanished_since_is_a_trouble_of_its_exam_until_it_is_back(
    room: Room, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = an_exam(room, tmp_path)
    url = provider.zip_link(MAIN, key)
    path = room.spool.path(room.image(key)[1].path)
    content = path.read_bytes()
    path.unlink()
    assert ask(url).status == 503
    link = until(room, url, lambda link: bool(link.broken))
    assert "影像文件找不到了" in link.broken and "重发一遍" in link.broken
    assert [one.exam_key for one in files.broken_links(room.store.read())] == [key]
    assert ask(url).status == 503
    assert notes(room, key) == [("fetch_broken", f"{MAIN}/zip")], "told once"
    assert str(path.parent) not in caplog.text and link.token not in caplog.text
    path.write_bytes(content)
    assert ask(url).status == 200
    assert until(room, url, lambda link: link.whole).broken == ""


@pytest.mark.warns
def test_an_image_that_vanishes_on_the_way_ends_the_transfer_incomplete(
    room: Room, provider: Provider, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = an_exam(room, tmp_path, images=30, rows=300, columns=300)
    url = provider.zip_link(MAIN, key)
    where = urlsplit(url)
    with caplog.at_level(logging.INFO), socket.socket() as line:
        line.settimeout(5)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)  # else all of it lies in the buffers at once
        line.connect((str(where.hostname), int(where.port or 0)))
        line.sendall(f"GET {where.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        first = line.recv(500)
        room.spool.path(room.image(key)[-1].path).unlink()
        got = len(first) + sum(len(block) for block in iter(lambda: line.recv(65536), b""))
        promised = int(first.partition(b"Content-Length: ")[2].partition(b"\r")[0])
        wait_until(lambda: "complete False" in caplog.text)
    assert got < promised
    link = until(room, url, lambda link: bool(link.broken))
    assert not link.whole and link.fetched_count == 0
    assert "file 30 of 30" in caplog.text and str(room.spool.root) not in caplog.text


# -- the report, and who may ask ---------------------------------------------------------------------------------------


def test_a_report_is_fetched_and_counted(room: Room, provider: Provider, tmp_path: Path) -> None:
    sha256, content = a_report(room)
    key = an_exam(room, tmp_path)
    url = provider.link(MAIN, key, sha256)
    reply = ask(url)
    assert (reply.body, reply.headers["Content-Type"]) == (content, "application/pdf")
    assert until(room, url, lambda link: link.whole).fetched_count == 1
    assert notes(room, key) == [("fetched", f"{MAIN}/pdf")]


def test_each_destination_and_exam_has_an_address_of_its_own(room: Room, provider: Provider, tmp_path: Path) -> None:
    keys = [an_exam(room, tmp_path / str(n)) for n in range(2)]
    urls = {provider.zip_link(where, key) for where in (MAIN, "other") for key in keys}
    assert len(urls) == 4
    assert all(len(url.rpartition("/")[2]) >= 43 + len(".zip") for url in urls)


@pytest.mark.parametrize(
    "path",
    ["/", "/z/", "/z/.zip", "/f/{zip}.pdf", "/z/{pdf}.zip", "/z/{zip}",
     "/z/%2e%2e/{zip}.zip", "/z/{zip}.zip/", "/p/", "/p/x", "/z/{zip}x.zip", "/f/..%2f..%2fagent.db"],
)  # fmt: skip
def test_nothing_else_is_there(room: Room, provider: Provider, tmp_path: Path, path: str) -> None:
    key, (sha256, _) = an_exam(room, tmp_path), a_report(room)
    url, pdf = provider.zip_link(MAIN, key), provider.link(MAIN, key, sha256)
    tokens = {"zip": url.rpartition("/")[2][:-4], "pdf": pdf.rpartition("/")[2][:-4]}
    base = url.partition("/z/")[0]
    status = ask(base + path.format(**tokens)).status
    assert status == 200 if path == "/z/{zip}" else status == 404


def test_an_address_ends_with_the_withdrawal_and_a_new_one_follows(
    room: Room, provider: Provider, tmp_path: Path
) -> None:
    key, (sha256, _) = an_exam(room, tmp_path), a_report(room)
    old = [provider.zip_link(MAIN, key), provider.link(MAIN, key, sha256)]
    room.store.write(lambda tx: files.withdraw_links(tx, MAIN, key, now=room.clock.now()))
    assert [ask(url).status for url in old] == [410, 410]
    new = provider.zip_link(MAIN, key)
    assert new != old[0] and (ask(new).status, ask(old[0]).status) == (200, 404)


def test_only_addresses_that_are_let_in_may_ask(room: Room, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path)
    with open_provider(room, allowed=("192.0.2.0/24",)) as provider:
        assert ask(provider.zip_link(MAIN, key)).status == 403
        assert provider.own_fetch() is False


# -- off, or not to be reached -----------------------------------------------------------------------------------------


def test_without_an_address_the_settings_are_named(room: Room, tmp_path: Path) -> None:
    provider = Provider(
        room.store,
        room.clock,
        FileService(),
        path_of=room.spool.path,
        carried=lambda path, accession: pytest.fail("nothing is carried"),
        carries=lambda destination: False,
    )
    provider.start()
    assert not provider.status()["listening"]
    for make in (lambda: provider.zip_link(MAIN, "E1"), lambda: provider.link(MAIN, "E1", "0")):
        with pytest.raises(NeedsOperator) as caught:
            make()
        assert caught.value.page == "files"


@pytest.mark.warns
def test_a_port_that_is_taken_keeps_addresses_from_being_sent(room: Room, tmp_path: Path) -> None:
    key = an_exam(room, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        provider = a_provider(room, port=taken.getsockname()[1])
        provider.start()
        with pytest.raises(NeedsOperator) as caught:
            provider.zip_link(MAIN, key)
    assert caught.value.page == "files" and "文件服务" in caught.value.advice


def test_it_fetches_from_itself_by_the_address_that_platforms_get(room: Room, provider: Provider) -> None:
    assert provider.own_fetch() is True
    assert not room.store.rows("SELECT 1 FROM links")


def test_an_address_that_leads_elsewhere_is_found_out(room: Room, provider: Provider) -> None:
    with a_room(room.spool.root.parent / "other") as other, open_provider(other) as theirs:
        wrong = FileService(public_base_url=theirs.status()["base_url"], bind="127.0.0.1", port=free_port())
        mine = Provider(
            room.store,
            room.clock,
            wrong,
            path_of=room.spool.path,
            carried=lambda path, accession: pytest.fail("nothing is carried"),
            carries=lambda destination: False,
        )
        mine.start()
        try:
            with pytest.raises(NeedsOperator) as caught:
                mine.own_fetch()
        finally:
            mine.stop()
    assert caught.value.title == "这个地址打开的不是本机的文件服务"


def test_images_of_a_split_study_are_those_of_the_patient_alone(room: Room, tmp_path: Path) -> None:
    """What is offered is what the exam has, not what its study has."""
    key = an_exam(room, tmp_path, images=2)
    uid = room.image(key)[0].study_instance_uid
    for path in a_study(tmp_path / "two", images=1, study_uid=uid, name="李四", patient_id="P2"):
        room.taker.take_file(path, "folder:/in")
    room.store.write(lambda tx: exams.part_patients(tx, uid, now=room.clock.now()))
    with open_provider(room) as provider:
        reply = ask(provider.zip_link(MAIN, key))
    assert len(zipfile.ZipFile(io.BytesIO(reply.body)).namelist()) == 2
    assert len(images.paths(room.store)) == 3
