"""Whether another program still has a file open for writing. Only Windows can say; elsewhere resting must do.

Explorer gives a copy its full size at once and fills it afterwards: size and time rest while it grows.
"""

from __future__ import annotations

import sys

_GENERIC_READ, _SHARE_READ, _SHARE_DELETE, _OPEN_EXISTING = 0x80000000, 1, 4, 3
_SHARING_VIOLATION = 32


def is_being_written(path: str) -> bool:
    """True while somebody holds the file for writing; False where that can't be told or the file is gone."""
    if sys.platform != "win32":
        return False
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.CreateFileW.restype = wintypes.HANDLE
    kernel.CreateFileW.argtypes = [
        wintypes.LPCWSTR,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.LPVOID,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.HANDLE,
    ]
    kernel.CloseHandle.argtypes = [wintypes.HANDLE]
    handle = kernel.CreateFileW(path, _GENERIC_READ, _SHARE_READ | _SHARE_DELETE, None, _OPEN_EXISTING, 0, None)
    if handle == wintypes.HANDLE(-1).value:
        return ctypes.get_last_error() == _SHARING_VIOLATION
    kernel.CloseHandle(handle)
    return False
