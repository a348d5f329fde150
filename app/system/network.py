"""This machine on the network: its name, its addresses, and whether a port can be had. Sends nothing."""

from __future__ import annotations

import errno
import socket
import sys

_ELSEWHERE = ("192.0.2.1", 9)  # RFC 5737: never assigned; asking for the way there sends no packet
_TAKEN = (errno.EADDRINUSE, errno.EACCES, 10048, 10013)  # the last two: WSAEADDRINUSE, WSAEACCES


def host_name() -> str:
    return socket.gethostname()


def own_addresses() -> tuple[str, ...]:
    """IPv4 addresses under which others may reach this machine, the one of the usual way out first."""
    found = [*_way_out(), *_named()]
    return tuple(dict.fromkeys(one for one in found if not one.startswith(("127.", "169.254."))))


def port_is_free(port: int, address: str = "0.0.0.0") -> bool:
    """Whether a server could listen there now. Raises OSError for an address that is not this machine's."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        if sys.platform != "win32":  # there it would mean: take the port away from whoever has it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
    return True


def _way_out() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return []  # no network at all
        return [str(probe.getsockname()[0])]


def _named() -> list[str]:
    try:
        found = socket.getaddrinfo(host_name(), None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []  # a machine whose own name nobody resolves
    return [str(one[4][0]) for one in found]
