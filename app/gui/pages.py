"""The pages of the window by name; each is loaded and made when it is first wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from app.gui import words
from app.gui.page import Desk, Page


class Pages(Mapping[str, Page]):
    """`added(page)` hears of each page that was made. Reading a page makes it; names alone make none.

    `offered`: those of `OPTIONAL` that some platform makes possible; the others are left out of the rail and its keys.
    """

    def __init__(self, desk: Desk, added: Callable[[Page], None]) -> None:
        self._desk, self._added = desk, added
        self.made: dict[str, Page] = {}
        self.offered: frozenset[str] = frozenset()

    def __getitem__(self, name: str) -> Page:
        if name not in self.made:
            self.made[name] = _KINDS[name](self._desk)
            self._added(self.made[name])
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in _KINDS if name not in OPTIONAL or name in self.offered)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        return name in _KINDS


def _today(desk: Desk) -> Page:
    from app.gui.home import HomePage

    return HomePage(desk)


def _fill(desk: Desk) -> Page:
    from app.gui.fill import FillPage

    return FillPage(desk)


def _queue(desk: Desk) -> Page:
    from app.gui.queue import QueuePage

    return QueuePage(desk)


def _reconcile(desk: Desk) -> Page:
    from app.gui.reconcile import ReconcilePage

    return ReconcilePage(desk)


def _sign(desk: Desk) -> Page:
    from app.gui.sign import SignPage

    return SignPage(desk)


def _retrieve(desk: Desk) -> Page:
    from app.gui.retrieve import RetrievePage

    return RetrievePage(desk)


def _devices(desk: Desk) -> Page:
    from app.gui.devices import DevicesPage

    return DevicesPage(desk)


def _settings(desk: Desk) -> Page:
    from app.gui.settings import SettingsPage

    return SettingsPage(desk)


def _log(desk: Desk) -> Page:
    from app.gui.log import LogPage

    return LogPage(desk)


_KINDS: dict[str, Callable[[Desk], Page]] = {
    words.TODAY: _today,
    words.FILL: _fill,
    words.QUEUE: _queue,
    words.RECONCILE: _reconcile,
    words.SIGN: _sign,
    words.RETRIEVE: _retrieve,
    words.DEVICES: _devices,
    words.SETTINGS: _settings,
    words.LOG: _log,
}
EVERY = tuple(_KINDS)
"""All names in the order of the rail, also those that nobody offers now."""
OPTIONAL = frozenset({words.SIGN, words.RETRIEVE})
