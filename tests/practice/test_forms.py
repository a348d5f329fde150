"""Forms as they come in: any cut of the stream gives the same parts, broken ones leave no file, big ones no memory."""

from __future__ import annotations

import hashlib
import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from app.practice.forms import BadForm, read_form


def _encoded(parts: dict[str, str | tuple[str, bytes]]) -> tuple[bytes, str]:
    body, content_type = urllib3.encode_multipart_formdata(parts)
    return body, content_type


def _pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    return [body[start:end] for start, end in itertools.pairwise(places) if start < end]


@given(
    content=st.binary(max_size=300) | st.sampled_from([b"\r\n--", b"--\r\n", b"\r\n" * 20]),
    value=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    cuts=st.lists(st.integers(0, 2000), max_size=12),
)
def test_any_cut_of_the_stream_gives_the_same_parts(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, value: str, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("form")
    body, content_type = _encoded({"索引": value, "dicom": ("一张.dcm", content)})
    form = read_form(content_type, _pieces(body, cuts), folder)
    assert form.values == {"索引": value}
    file = form.files["dicom"]
    assert (file.path.read_bytes(), file.size, file.name) == (content, len(content), "一张.dcm")
    assert file.md5 == hashlib.md5(content).hexdigest().upper()
    form.throw_away()
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.99])
def test_half_a_form_is_refused_and_leaves_no_file(tmp_path: Path, keep: float) -> None:
    body, content_type = _encoded({"a": "1", "dicom": ("x.dcm", b"x" * 5000), "b": "2"})
    with pytest.raises(BadForm, match="不是完整的"):
        read_form(content_type, [body[: int(len(body) * keep)]], tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data", "", "multipart/mixed; boundary=x"])
def test_another_kind_of_body_is_refused_and_read_to_its_end(tmp_path: Path, content_type: str) -> None:
    stream = iter([b"--x", b"--x"])
    with pytest.raises(BadForm, match="multipart/form-data"):
        read_form(content_type, stream, tmp_path)
    assert list(stream) == []


def test_a_value_is_no_place_for_a_file(tmp_path: Path) -> None:
    body, content_type = _encoded({"a": "x" * 100_000})
    with pytest.raises(BadForm, match="太长"):
        read_form(content_type, [body], tmp_path)


def test_a_line_that_breaks_leaves_no_file(tmp_path: Path) -> None:
    body, content_type = _encoded({"dicom": ("x.dcm", b"x" * 5000)})

    def breaking() -> Iterator[bytes]:
        yield body[:3000]
        raise ConnectionError

    with pytest.raises(ConnectionError):
        read_form(content_type, breaking(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_big_file_is_never_held_in_memory(tmp_path: Path) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="dicom"; filename="x"\r\n\r\n'
    block = bytes(1 << 18)

    def stream() -> Iterator[bytes]:
        yield head
        for _ in range(200):
            yield block
        yield b"\r\n--b--\r\n"

    tracemalloc.start()
    form = read_form("multipart/form-data; boundary=b", stream(), tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert form.files["dicom"].size == 200 << 18
    assert peak < 8 << 20
    form.throw_away()
