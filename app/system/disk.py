"""Free space, and a rename that survives a power cut. Never deletes anything."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def free_bytes(folder: Path) -> int:
    """Bytes this user may still write on the volume of `folder`, which must exist."""
    return shutil.disk_usage(folder).free


def durable_replace(part: Path, final: Path) -> None:
    """Moves a finished, closed `part` to `final` on the same volume; when it returns, a power cut cannot undo it.

    File flushed, renamed over whatever `final` was, folder flushed. OSError when the disk or the other program
    (Windows: an open file) says no; `part` is then still there.
    """
    synced_replace(part, final)
    sync_folder(final.parent)


def synced_replace(part: Path, final: Path) -> None:
    """The first half of `durable_replace`: the bytes are safe, the new name is not until `sync_folder`."""
    sync_file(part)
    os.replace(part, final)  # noqa: PTH105 - the name that people know for an atomic rename


def durable_folder(folder: Path) -> None:
    """Makes `folder` and what is missing above it; when it returns, a power cut cannot undo it. Safe to repeat."""
    if folder.is_dir():
        return
    durable_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_file(path: Path) -> None:
    """The file's bytes on the disk, not in a cache."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """The names in `folder` on the disk. Does nothing on Windows: NTFS journals names and offers no such call."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
