"""The libraries of the wires, loaded whole by one thread before others use them.

Their modules import each other in circles: of two threads that enter a package at different modules, each waits for the
other's lock, and Python gives one of them half a module.
"""

from __future__ import annotations


def load() -> None:
    """Call it before a thread is started that sends or receives."""
    import pynetdicom
    import requests

    assert all(library.__name__ for library in (pynetdicom, requests))
