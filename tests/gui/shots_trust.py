"""Pictures of 设置 › 电子签名 and of what 电子签名 says of it, drawn by `tests.gui.shots`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from app.gui import words
from app.gui.sign_import import ImportDialog
from tests.gui.fake_face import FakeFace
from tests.gui.fake_sign import CHANGED, NO_ROOTS
from tests.gui.shots_settings import in_force

if TYPE_CHECKING:
    from app.gui.window import MainWindow

Act = Callable[["MainWindow"], Any]
Shot = tuple[str, str, Act, Callable[[FakeFace], Any]]


def trust_plan(rest: Act) -> dict[str, Shot]:
    """name -> (page, key, act, before)"""

    def nothing(_window: MainWindow) -> None:
        pass

    def wrong(window: MainWindow) -> None:
        window.pages[words.SETTINGS].section().take(["/usb/说明.pdf"])  # type: ignore[attr-defined]
        rest(window)
        rest(window)

    def whole(face: FakeFace) -> None:
        in_force(face, FakeFace().regions()["regions"][0]["name"])
        face.offer_trust()

    def bare(face: FakeFace) -> None:
        whole(face)
        face.trusted = {"wanted": True, "roots": [], "lists": [], "doctors": []}

    def noticed(face: FakeFace) -> None:
        face.offer_signing()
        face.notices = [NO_ROOTS]

    def changed(face: FakeFace) -> None:
        noticed(face)
        face.put_state(101, "void", trouble=CHANGED)

    def imports(face: FakeFace) -> None:
        face.offer_signing()
        for one in face.sign_rows:
            one.update(way="import", state="next", state_words="待签名", expires_at=None)

    def first(session: int) -> Act:
        def act(window: MainWindow) -> None:
            window.pages[words.SIGN]._chosen(session)  # type: ignore[attr-defined]
            rest(window)

        return act

    def many(window: MainWindow) -> None:
        window.pages[words.SIGN].act("import")  # type: ignore[attr-defined]
        rest(window)
        window.findChildren(ImportDialog)[-1].take_all("/signed")
        rest(window)
        rest(window)

    return {
        "5-sign-import-many": (words.SIGN, "", many, imports),
        "5-trust": (words.SETTINGS, "trust", nothing, whole),
        "5-trust-none": (words.SETTINGS, "trust", nothing, bare),
        "5-trust-wrong": (words.SETTINGS, "trust", wrong, whole),
        "5-sign-notice": (words.SIGN, "", nothing, noticed),
        "5-sign-changed": (words.SIGN, "", first(101), changed),
        "5-sign-import-way": (words.SIGN, "", nothing, imports),
    }
