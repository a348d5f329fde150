"""What lies in a folder: every file below it with size and time. Looks at names only, opens nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass

NEVER = frozenset({"thumbs.db", "desktop.ini", ".ds_store", "autorun.inf"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Lying:
    """One file where it lies; the two numbers tell whether it changed since the last look."""

    path: str
    size_bytes: int
    modified_ns: int


def files_below(root: str, troubles: list[OSError], leave_out: Collection[str] = ()) -> Iterator[Lying]:
    """Every file below `root`. A folder that can't be read is added to `troubles` and the rest goes on.

    Linked folders are followed, each folder once only; `leave_out` holds normalised paths of folders not to enter.
    Raises OSError when `root` itself can't be read.
    """
    visited: set[object] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            if _was_here(folder, visited):
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.lower() in NEVER:
                        continue
                    found = _look(entry, troubles)
                    if found is not None:
                        yield found
                    elif _is_folder(entry) and os.path.normcase(entry.path) not in leave_out:
                        waiting.append(entry.path)
        except OSError as error:
            if folder == root:
                raise
            if not isinstance(error, FileNotFoundError):  # removed meanwhile
                troubles.append(error)


def lying(path: str) -> Lying:
    """The file as it is this moment. Raises OSError.

    A directory listing may be older than that: Windows updates it only when the writer closes the file.
    """
    now = os.stat(path)  # noqa: PTH116 - the string is what the index of seen files is kept by
    return Lying(path=path, size_bytes=now.st_size, modified_ns=now.st_mtime_ns)


def _look(entry: os.DirEntry[str], troubles: list[OSError]) -> Lying | None:
    try:
        if not entry.is_file():
            return None
        found = entry.stat()
    except FileNotFoundError:  # gone again, or a link to nothing
        return None
    except OSError as error:
        if not entry.is_symlink():  # else a link that leads in a circle
            troubles.append(error)
        return None
    return Lying(path=entry.path, size_bytes=found.st_size, modified_ns=found.st_mtime_ns)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _was_here(folder: str, visited: set[object]) -> bool:
    """Folders are told apart by what they are, so that a link back to one above ends there."""
    found = os.stat(folder)  # noqa: PTH116
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(folder)
    mark: object = (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(folder)
    if mark in visited:
        return True
    visited.add(mark)
    return False
