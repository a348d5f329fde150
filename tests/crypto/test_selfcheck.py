"""The self check passes here and says so when a library disagrees."""

from __future__ import annotations

import pytest
from cryptography.exceptions import UnsupportedAlgorithm

from app.crypto import digests, selfcheck


def test_both_libraries_agree_on_this_machine() -> None:
    report = selfcheck.self_check()
    assert [line.name for line in report] == ["SM4 加密", "SM3 摘要", "SM2 签名"]
    assert all(line.passed for line in report)


def test_a_library_that_computes_wrongly_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "sm3", lambda data: bytes(32))
    failed = [line for line in selfcheck.self_check() if not line.passed]
    assert [line.name for line in failed] == ["SM3 摘要"]
    assert "重新安装" in failed[0].words


def test_a_library_without_the_algorithm_is_told_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(data: bytes) -> bytes:
        raise UnsupportedAlgorithm("no SM3 here")

    monkeypatch.setattr(digests, "sm3", missing)
    failed = [line for line in selfcheck.self_check() if not line.passed]
    assert failed
    assert "不支持国密" in failed[0].words
