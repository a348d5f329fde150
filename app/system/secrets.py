"""Where keys and passwords rest: the system's key ring, or, only when the settings name it, a sealed file.

The only door to keyring. Never logs a value and never falls back from one store to the other by itself.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from pathlib import Path
from typing import Protocol

import keyring
import platformdirs
from keyring.errors import KeyringError, NoKeyringError, PasswordDeleteError

from app.crypto import seal
from app.errors import NeedsOperator
from app.system.disk import durable_replace
from app.system.paths import APP_NAME, Home

if sys.platform == "win32":
    from win32ctypes.pywin32.pywintypes import error as VaultError

    _KEY_RING_ERRORS = (KeyringError, OSError, VaultError)
else:
    _KEY_RING_ERRORS = (KeyringError, OSError)

UTF16_UNIT_LIMIT = 1280  # Windows: CRED_MAX_CREDENTIAL_BLOB_SIZE, 2560 bytes
USER = "imaging-agent"
PRIVATE_FILE = 0o600


class SecretStore(Protocol):
    """Secrets by name, such as `destination-1/sm4`."""

    def get(self, name: str) -> str | None:
        """The secret, None when there is none of that name."""

    def set(self, name: str, value: str) -> None:
        """Keeps `value` under `name`, in place of an older one."""

    def delete(self, name: str) -> None:
        """Forgets `name`; safe to repeat."""


class KeyringStore:
    """The user's key ring. Each secret has a service name of its own, which also names the home.

    NeedsOperator when the machine has no key ring, when it is locked, or for a value of over 1280 UTF-16 units.
    """

    def __init__(self, home: Home) -> None:
        self._prefix = f"{APP_NAME} {home.mark}"

    def get(self, name: str) -> str | None:
        try:
            return keyring.get_password(self._service(name), USER)
        except _KEY_RING_ERRORS as error:
            raise _no_key_ring(error) from error

    def set(self, name: str, value: str) -> None:
        if len(value.encode("utf-16-le")) // 2 > UTF16_UNIT_LIMIT:
            raise NeedsOperator(
                f"这项内容太长，系统密码库最多存 {UTF16_UNIT_LIMIT} 个字符",
                "请核对是否粘贴了多余的内容",
                details=name,
                page="settings",
            )
        backend = keyring.get_keyring()
        if hasattr(backend, "persist"):
            backend.persist = "local machine"  # Windows' default would let it roam through the domain
        try:
            keyring.set_password(self._service(name), USER, value)
        except _KEY_RING_ERRORS as error:
            raise _no_key_ring(error) from error

    def delete(self, name: str) -> None:
        try:
            keyring.delete_password(self._service(name), USER)
        except PasswordDeleteError:
            return
        except _KEY_RING_ERRORS as error:
            raise _no_key_ring(error) from error

    def _service(self, name: str) -> str:
        return f"{self._prefix} {name}"


class FileStore:
    """`secrets.json` in the home, each value sealed with a key kept outside the home, in the user's own settings.

    It protects a copy of the home - a backup, a memory stick, a help bundle - and, on Linux, against other users of
    the machine (mode 0600; on Windows the profile's rights). It does NOT protect against programs of the same user
    or an administrator: whoever reads both files has the secrets. The key ring is better wherever there is one.
    """

    def __init__(self, home: Home, machine_key: Path | None = None) -> None:
        self._file = home.root / "secrets.json"
        self._machine_key = machine_key or machine_key_file()

    def get(self, name: str) -> str | None:
        sealed = self._sealed().get(name)
        if sealed is None:
            return None
        return seal.unseal(self._key(), base64.b64decode(sealed), name.encode()).decode()

    def set(self, name: str, value: str) -> None:
        sealed = seal.seal(self._key(), value.encode(), name.encode())
        self._write(self._sealed() | {name: base64.b64encode(sealed).decode()})

    def delete(self, name: str) -> None:
        sealed = self._sealed()
        if sealed.pop(name, None) is not None:
            self._write(sealed)

    def _sealed(self) -> dict[str, str]:
        try:
            loaded = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise _damaged(self._file) from error
        if not isinstance(loaded, dict):
            raise _damaged(self._file)
        return loaded

    def _write(self, sealed: dict[str, str]) -> None:
        _write_private(self._file, json.dumps(sealed, indent=1, ensure_ascii=False).encode())

    def _key(self) -> bytes:
        if not self._machine_key.exists():
            self._machine_key.parent.mkdir(parents=True, exist_ok=True)
            _write_private(self._machine_key, seal.new_key())
        return self._machine_key.read_bytes()


def secret_store(kind: str, home: Home) -> SecretStore:
    """The store that `[secrets] store` in the settings names: `keyring` or `file`."""
    if kind == "keyring":
        return KeyringStore(home)
    if kind == "file":
        return FileStore(home)
    raise NeedsOperator(
        f"设置里的密钥存放方式“{kind}”认不出",
        '请在 settings.toml 的 [secrets] 里写 store = "keyring" 或 store = "file"',
    )


def machine_key_file() -> Path:
    """The sealing key of this user on this machine, outside every home."""
    return Path(platformdirs.user_config_dir(APP_NAME, appauthor=False)) / "machine.key"


def _write_private(path: Path, content: bytes) -> None:
    """Written beside and renamed, so a power cut leaves the old file or the new one; private from its first byte."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    with os.fdopen(
        os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), PRIVATE_FILE), "wb"
    ) as out:
        out.write(content)
    durable_replace(part, path)


def _no_key_ring(error: Exception) -> NeedsOperator:
    if isinstance(error, NoKeyringError):
        return NeedsOperator(
            "这台电脑没有可用的系统密码库，密钥没有地方存放",
            '要改存到文件，请在 settings.toml 的 [secrets] 里写 store = "file"，再启动一次',
            details=type(error).__name__,
            page="settings",
        )
    return NeedsOperator(
        "系统密码库打不开", "请解锁系统密码库或重新登录电脑，再试一次", details=type(error).__name__, page="settings"
    )


def _damaged(path: Path) -> NeedsOperator:
    return NeedsOperator(
        "保存密钥的文件读不出来", "请删掉它，再到设置里重新填写密钥和密码", details=path.name, page="settings"
    )
