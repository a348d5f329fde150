"""Where one agent keeps its things: a home folder that only its user can read. Never decides what is in the files."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import platformdirs

APP_NAME = "ImagingAgent"
PRIVATE_FOLDER = 0o700
UNIX_SOCKET_BYTES = 100  # the kernel's limit is 108 with the closing zero; some headroom for other systems


@dataclass(frozen=True, kw_only=True)
class Home:
    """The folders and files under one `root`. Two agents on one machine have two roots."""

    root: Path

    @property
    def mark(self) -> str:
        """16 hex digits that tell this home from others of the same machine and user."""
        return hashlib.sha256(os.path.normcase(self.root).encode()).hexdigest()[:16]

    @property
    def settings_file(self) -> Path:
        """What the clinic has set, TOML."""
        return self.root / "settings.toml"

    @property
    def database_file(self) -> Path:
        """The one truth, SQLite."""
        return self.root / "agent.db"

    @property
    def spool(self) -> Path:
        """影像暂存区: received files, whole and on the disk."""
        return self.root / "spool"

    @property
    def parts(self) -> Path:
        """Files still being received; whatever lies here at start-up was never acknowledged."""
        return self.root / "parts"

    @property
    def logs(self) -> Path:
        """Log files, masked."""
        return self.root / "logs"

    @property
    def aside(self) -> Path:
        """Files that could not be read and wait for a person."""
        return self.root / "aside"

    @property
    def retrieved(self) -> Path:
        """Downloaded images of other hospitals (调阅), only to look at; made when it is needed."""
        return self.root / "retrieved"

    @property
    def trust(self) -> Path:
        """Copies of the certificates and revocation lists that the clinic trusts; made when it is needed."""
        return self.root / "trust"

    @property
    def revocation(self) -> Path:
        """Revocation lists as addresses gave them; made when it is needed."""
        return self.root / "revocation"

    @property
    def lock_file(self) -> Path:
        """Held by the one running engine."""
        return self.root / "engine.lock"

    @property
    def key_file(self) -> Path:
        """The secret that the engine's socket asks for."""
        return self.root / "engine.key"

    @property
    def socket_address(self) -> str:
        """What `multiprocessing.connection` listens on: a named pipe on Windows, else a socket file.

        A home too deep for a socket file gets one in the temporary folder, named by the home's path.
        """
        if sys.platform == "win32":
            return rf"\\.\pipe\imaging-agent-{self.mark}"
        beside = str(self.root / "engine.sock")
        if len(os.fsencode(beside)) <= UNIX_SOCKET_BYTES:
            return beside
        return str(Path(tempfile.gettempdir()) / f"imaging-agent-{self.mark}.sock")

    def make(self) -> Home:
        """Makes the missing folders, readable by this user only, and returns itself. Safe to repeat.

        On Windows the folders inherit the rights of the user's profile; nothing is set here.
        """
        for folder in (self.root, self.spool, self.parts, self.logs, self.aside):
            folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            if sys.platform != "win32":
                folder.chmod(PRIVATE_FOLDER)
        return self


def home_at(folder: str | Path | None = None) -> Home:
    """The home in `folder` (`--home DIR`), else the user's own: %LOCALAPPDATA% or ~/.local/share. Makes nothing."""
    if folder is None:
        return Home(root=Path(platformdirs.user_data_dir(APP_NAME, appauthor=False)).resolve())
    return Home(root=Path(folder).expanduser().resolve())
