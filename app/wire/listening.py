"""Open a listening socket, or say in plain words why the port cannot be had; and who may knock."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Callable, Sequence

from app.errors import NeedsOperator

_TAKEN = (errno.EADDRINUSE, 10048)
_FORBIDDEN = (errno.EACCES, errno.EPERM, 10013)
_SET_ACK_FREQUENCY = 0x98000017  # SIO_TCP_SET_ACK_FREQUENCY of mstcpip.h
Networks = tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]


def open_listener(address: str, port: int, *, name: str, page: str, backlog: int = 64) -> socket.socket:
    """`name` is what the port is for. Raises NeedsOperator for `page` of the settings."""
    listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        _take_alone(listener)
        listener.bind((address, port))
        listener.listen(backlog)
    except (OSError, OverflowError) as error:
        listener.close()
        raise _refused(error, address, port, name, page) from error
    return listener


def acknowledgement(line: socket.socket) -> Callable[[], None]:
    """To be called after each read of an accepted line: TCP's acknowledgement goes out now instead of 40 ms later.

    A sender that leaves Nagle on (most machines, DCMTK) writes the head of a PDU, then waits for it with the rest; it
    costs each image those 40 ms (up to 200 on Windows). Only a wish: a system that knows none of this is slower.
    """
    if sys.platform == "linux" and line.family in (socket.AF_INET, socket.AF_INET6):
        return lambda: line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # holds for a while only
    if sys.platform == "win32":
        _acknowledge_every_segment(line)
    return lambda: None


def parse_networks(texts: Sequence[str], *, page: str) -> Networks:
    """Addresses and networks ("192.168.1.5", "192.168.1.0/24"). Raises NeedsOperator for a text that is neither."""
    try:
        return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts)
    except ValueError as error:
        raise NeedsOperator("允许的地址写得不对", "请写成 192.168.1.5 或 192.168.1.0/24 这样", page=page) from error


def is_allowed(address: str, networks: Networks) -> bool:
    """An empty list lets everyone in."""
    if not networks:
        return True
    try:
        host = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(host, "ipv4_mapped", None) or host
    return any(mapped in network for network in networks)


def _take_alone(listener: socket.socket) -> None:
    """On Windows SO_REUSEADDR would let two programs share one port silently; elsewhere it only skips TIME_WAIT."""
    if os.name == "nt":
        listener.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_EXCLUSIVEADDRUSE", -5), 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def _acknowledge_every_segment(line: socket.socket) -> None:
    """Windows keeps it for the line; Python's own ioctl() does not let this code through."""
    if sys.platform == "win32":
        import ctypes

        every, done = ctypes.c_ulong(1), ctypes.c_ulong(0)
        ctypes.windll.ws2_32.WSAIoctl(
            ctypes.c_size_t(line.fileno()), _SET_ACK_FREQUENCY, ctypes.byref(every), ctypes.sizeof(every),
            None, 0, ctypes.byref(done), None, None,
        )  # fmt: skip


def _refused(error: Exception, address: str, port: int, name: str, page: str) -> NeedsOperator:
    code = getattr(error, "winerror", None) or getattr(error, "errno", None)
    details = f"{type(error).__name__} {code} · {address}:{port}"
    if code in _TAKEN:
        return NeedsOperator(
            f"{name}的端口 {port} 已被别的程序占用",
            "请退出占用它的程序，或在设置里换一个端口",
            details=details,
            page=page,
        )
    if code in _FORBIDDEN:
        return NeedsOperator(
            f"系统不让我们用端口 {port}", "请在设置里换一个 1024 以上的端口", details=details, page=page
        )
    return NeedsOperator(f"{name}的端口 {port} 打不开", "请在设置里核对地址和端口", details=details, page=page)
