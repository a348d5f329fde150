"""Secrets come back, fit the smallest vault, and never fall back to a file unasked."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked

from app.crypto.keys import WrongKey
from app.errors import NeedsOperator
from app.system.paths import Home
from app.system.secrets import FileStore, KeyringStore, SecretStore, secret_store


@pytest.fixture(params=["keyring", "file"])
def store(request: pytest.FixtureRequest, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return secret_store(request.param, home)


def test_a_secret_comes_back_until_it_is_deleted(store: SecretStore) -> None:
    assert store.get("destination-1/sm4") is None
    store.set("destination-1/sm4", "密钥-1")
    store.set("destination-1/sm4", "密钥-2")
    store.set("destination-2/sm4", "other")
    assert store.get("destination-1/sm4") == "密钥-2"
    store.delete("destination-1/sm4")
    store.delete("destination-1/sm4")
    assert store.get("destination-1/sm4") is None
    assert store.get("destination-2/sm4") == "other"


def test_two_homes_do_not_share_a_key_ring_entry(home: Home, tmp_path: Path) -> None:
    KeyringStore(home).set("sm4", "ours")
    assert KeyringStore(Home(root=tmp_path / "other")).get("sm4") is None


def test_each_secret_has_a_service_of_its_own(home: Home, memory_keyring: KeyringBackend) -> None:
    store = KeyringStore(home)
    store.set("a", "1")
    store.set("b", "2")
    assert len({service for service, _ in memory_keyring.data}) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", ["x" * 1280, "𠮷" * 640])
def test_the_longest_value_that_windows_takes_is_kept(home: Home, value: str) -> None:
    store = KeyringStore(home)
    store.set("long", value)
    assert store.get("long") == value


@pytest.mark.parametrize("value", ["x" * 1281, "𠮷" * 641])
def test_a_value_too_long_for_windows_is_refused_on_every_system(home: Home, value: str) -> None:
    with pytest.raises(NeedsOperator, match="1280"):
        KeyringStore(home).set("long", value)


def test_without_a_key_ring_the_person_is_told_how_to_name_the_file_store(home: Home) -> None:
    keyring.set_keyring(NoKeyring())
    store = KeyringStore(home)
    for use in (lambda: store.get("sm4"), lambda: store.set("sm4", "x"), lambda: store.delete("sm4")):
        with pytest.raises(NeedsOperator, match='store = "file"'):
            use()
    assert not (home.root / "secrets.json").exists()


class LockedKeyring(KeyringBackend):
    priority = 1  # type: ignore[assignment]

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(1312, "A specified logon session does not exist")


def test_a_locked_key_ring_is_no_reason_to_lose_a_secret(home: Home) -> None:
    keyring.set_keyring(LockedKeyring())
    with pytest.raises(NeedsOperator, match="打不开"):
        KeyringStore(home).get("sm4")
    with pytest.raises(NeedsOperator, match="打不开"):
        KeyringStore(home).set("sm4", "x")


def test_windows_is_told_to_keep_the_secret_on_this_machine(home: Home, memory_keyring: KeyringBackend) -> None:
    memory_keyring.persist = "enterprise"  # type: ignore[attr-defined]
    KeyringStore(home).set("sm4", "x")
    assert memory_keyring.persist == "local machine"  # type: ignore[attr-defined]


def test_the_sealed_file_is_private_and_shows_no_value(home: Home, tmp_path: Path) -> None:
    FileStore(home, tmp_path / "machine.key").set("sm4", "2a77be8ebc9c90cd25ccd1d31dce7a77")
    written = home.root / "secrets.json"
    assert "2a77be8e" not in written.read_text(encoding="utf-8")
    assert [path.name for path in home.root.glob("secrets*")] == ["secrets.json"]
    if sys.platform != "win32":
        assert {stat.S_IMODE(path.stat().st_mode) for path in (written, tmp_path / "machine.key")} == {0o600}


def test_a_home_carried_to_another_machine_does_not_open(home: Home, tmp_path: Path) -> None:
    FileStore(home, tmp_path / "here.key").set("sm4", "secret")
    with pytest.raises(WrongKey, match="重新填写"):
        FileStore(home, tmp_path / "there.key").get("sm4")


def test_values_cannot_be_swapped_between_names(home: Home, tmp_path: Path) -> None:
    store = FileStore(home, tmp_path / "machine.key")
    store.set("first", "1")
    written = home.root / "secrets.json"
    written.write_text(written.read_text(encoding="utf-8").replace("first", "other"), encoding="utf-8")
    with pytest.raises(WrongKey):
        store.get("other")


@pytest.mark.parametrize("damage", ["{", "[]", ""])
def test_a_damaged_file_is_told_in_plain_words(home: Home, tmp_path: Path, damage: str) -> None:
    (home.root / "secrets.json").write_text(damage, encoding="utf-8")
    with pytest.raises(NeedsOperator, match="读不出来"):
        FileStore(home, tmp_path / "machine.key").get("sm4")


def test_an_unknown_store_is_refused_by_name(home: Home) -> None:
    with pytest.raises(NeedsOperator, match="cloud"):
        secret_store("cloud", home)
