"""Pictures of destinations in the settings, drawn by `tests.gui.shots`: each region as it is added, and two at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from app.gui import words
from app.gui.settings_papers import HAND_IN, PHONE, RETURNS
from tests.gui.fake_face import FakeFace

if TYPE_CHECKING:
    from app.gui.window import MainWindow

Act = Callable[["MainWindow"], Any]
ADDRESS = "http://192.0.2.80:8081"


def in_force(face: FakeFace, *regions: str) -> None:
    """The clinic uploads to these already."""
    face.document["destination"] = [
        {"name": region, "region": region, "base_url": ADDRESS, "options": {}, "defaults": {}} for region in regions
    ]
    face.kept_secrets = {region: ["key"] for region in regions}


def settings_plan(rest: Act) -> dict[str, tuple[str, str, Act, Callable[[FakeFace], Any]]]:
    """name -> (page, key, act, before)"""
    regions = [one["name"] for one in FakeFace().regions()["regions"]]

    def add(region: str, window: MainWindow) -> None:
        window.pages[words.SETTINGS].section()._add(region)  # type: ignore[attr-defined]
        for _ in range(8):
            rest(window)
            window.thread().msleep(60)

    def scroll(window: MainWindow) -> None:
        bar = window.pages[words.SETTINGS].section().area.verticalScrollBar()  # type: ignore[attr-defined]
        bar.setValue(bar.maximum())
        rest(window)

    def unfold(window: MainWindow) -> None:
        section = window.pages[words.SETTINGS].section()
        section._opened = {one["name"] for one in section.answers.destinations()}  # type: ignore[attr-defined]
        section.show_answers()
        rest(window)

    def test(window: MainWindow) -> None:
        window.pages[words.SETTINGS].section().run()  # type: ignore[attr-defined]
        rest(window)

    def nothing(_window: MainWindow) -> None:
        pass

    def pictured(key: str, act: Act, *there: str) -> tuple[str, str, Act, Callable[[FakeFace], Any]]:
        return words.SETTINGS, key, act, lambda face: in_force(face, *there)

    def switch_on(window: MainWindow) -> None:
        answers = window.pages[words.SETTINGS].section().answers  # type: ignore[attr-defined]
        answers.put("query.on", True)
        answers.put("query.callers", ["FRONT_END"])
        answers.put("query.destinations", ["FRONT_END@192.168.1.20:104"])
        window.pages[words.SETTINGS].section().show_answers()  # type: ignore[attr-defined]
        rest(window)
        bar = window.pages[words.SETTINGS].section().area.verticalScrollBar()  # type: ignore[attr-defined]
        bar.setValue(bar.maximum())
        rest(window)

    def to_the_questions(window: MainWindow) -> None:
        unfold(window)
        section = window.pages[words.SETTINGS].section()  # type: ignore[attr-defined]
        rows = [one for form in section.forms for one in form.rows if one.key.endswith("query_envelope")]
        section.area.ensureWidgetVisible(rows[0])
        rest(window)

    def asked_of(face: FakeFace) -> None:
        in_force(face, regions[0])
        face.document["destination"][0]["options"] = {"query_service": True, "query_addresses": ["10.20.0.9"]}

    def of_papers(tab: str, **case: str) -> tuple[str, str, Act, Callable[[FakeFace], Any]]:
        def act(window: MainWindow) -> None:
            section = window.pages[words.SETTINGS].section()  # type: ignore[attr-defined]
            for key, value in case.items():
                section._choose(key, value)
                rest(window)
            section.open(tab)
            rest(window)

        return words.SETTINGS, "papers", act, lambda face: face.wants_papers(wanting)

    wanting = next(one["name"] for one in FakeFace().regions()["regions"] if one["papers"])
    plan = {
        "5-papers": of_papers(HAND_IN),
        "5-papers-own": of_papers(HAND_IN, signature="own"),
        "5-papers-unlisted": of_papers(HAND_IN, stamp="own"),
        "5-papers-returns": of_papers(RETURNS),
        "5-papers-phone": of_papers(PHONE),
        "5-papers-none": pictured("papers", nothing, regions[1]),
        "5-targets-asked": (words.SETTINGS, "destination", to_the_questions, asked_of),
        "5-settings-query": pictured("query", switch_on),
        "5-targets-two": pictured("destination", nothing, *regions[:2]),
        "5-targets-two-keys": pictured("secrets", nothing, *regions[:2]),
        "5-targets-two-test": pictured("destination", test, *regions[:2]),
    }
    for region in regions[1:]:
        plan |= {
            f"5-targets-{region}": pictured("destination", nothing, region),
            f"5-targets-{region}-all": pictured("destination", unfold, region),
            f"5-targets-{region}-end": pictured("destination", lambda window: (unfold(window), scroll(window)), region),
            f"5-targets-add-{region}": pictured("destination", partial(add, region), regions[0]),
        }
    return plan
