"""What people see of a day (对账): one destination that lists what it has at hand, another that can't be asked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from app.engine import agreement
from app.errors import NeedsOperator
from app.system.paths import Home
from app.wire.http_client import HttpClient
from tests.delivery.province import Province
from tests.engine.two import CITY, INDEX, Clinic, a_clinic

Json = dict[str, Any]
AGAIN = 601.0


class Both:
    """One exam that both destinations took; the city's answers are `province`'s."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic, self.desk = clinic, clinic.desk
        self.engine = clinic.desk.engine
        self.uid = clinic.sent()
        self.key = self.desk.key(self.uid)
        (index,) = clinic.city.held
        held = clinic.city.held[index]
        self.index, self.images = index, tuple(held.images)
        self.province = Province(has={index: held.record["certno"]})
        object.__setattr__(self.engine.house.targets[CITY], "http", cast(HttpClient, self.province))
        object.__setattr__(self.engine._life.reconciler(CITY)._gently, "_seconds", 0.0)
        self.day = str(self.clinic.jobs(self.uid, CITY)[0].payload["exam_day"])

    def ask(self, *listed: str, after: float = 0.0) -> Json:
        self.province.cache[self.index] = listed
        self.desk.clock.pass_(after)
        self.engine.reconcile(self.day)
        return self.at(CITY)

    def at(self, name: str) -> Json:
        days = self.engine.reconciliation(self.day)["destinations"]
        return next(one for one in days if one["name"] == name)

    def moments(self, name: str) -> list[str]:
        found = self.engine.job(self.uid, name)["moments"]
        return [f"{one['title']} {one['detail']}".strip() for one in found]


@pytest.fixture
def both(home: Home, tmp_path: Path) -> Iterator[Both]:
    with a_clinic(home, tmp_path) as clinic:
        yield Both(clinic)


def test_a_destination_that_cannot_be_asked_stays_at_its_receipts(both: Both) -> None:
    both.ask(*both.images)
    there = both.at(INDEX)
    assert (there["can_answer"], there["says"]) == (False, "平台无对账接口 · 以回执为准")
    assert (there["agreed"], there["received"], there["missing"], there["questions"]) == (0, 1, [], [])
    (row,) = both.engine.reconciled(both.day, INDEX)["rows"]
    assert (row["state"], row["index_code"] != "") == ("acknowledged", True)
    assert both.engine.job(both.uid, INDEX)["row"]["state"] == "acknowledged"
    with pytest.raises(NeedsOperator, match="无对账接口"):
        both.engine.reconcile(both.day, INDEX)


def test_where_all_images_are_listed_everything_is_reconciled(both: Both) -> None:
    day = both.ask(*both.images)
    assert (day["state"], day["agreed"], day["unchecked"], day["lacking"]) == ("agreed", 1, 0, [])
    assert both.engine.job(both.uid, CITY)["row"]["state"] == "reconciled"
    assert f"核对影像 平台有全部 {len(both.images)} 幅" in both.moments(CITY)


def test_where_nothing_is_at_hand_the_page_says_so_and_the_images_stay_uploaded(both: Both) -> None:
    day = both.ask()
    assert (day["agreed"], day["unchecked"], day["lacking"], day["missing"]) == (1, 1, [], [])
    (row,) = both.engine.reconciled(both.day, CITY)["rows"]
    assert (row["state"], row["images_words"]) == ("acknowledged", agreement.NOT_AT_HAND)
    shown = both.engine.job(both.uid, CITY)["row"]
    assert (shown["state"], shown["checked_words"]) == ("acknowledged", "影像无法核对")
    assert f"核对影像 {agreement.NOT_AT_HAND}" in both.moments(CITY)
    assert both.engine.status()["needs_you"] == []
    slip = both.engine.slip(both.uid)["destinations"]
    assert [one["reconciled_at"] is not None for one in slip] == [True, False]


def test_missing_images_are_a_pile_a_row_of_the_day_and_one_thing_for_a_person(both: Both) -> None:
    assert both.ask(both.images[0])["lacking"] == [], "once is not enough"
    day = both.ask(both.images[0], after=AGAIN)
    (row,) = day["lacking"]
    assert (row["listed"], row["lacking"], row["lacking_uids"], row["resent"]) == (
        1,
        len(both.images) - 1,
        sorted(both.images[1:]),
        False,
    )
    assert (day["agreed"], day["state"]) == (0, "agreed")
    shown = next(one for one in both.engine.reconciliation_days()["days"] if one["destination"] == CITY)
    assert (shown["lacking"], shown["sent"]) == (1, 1)
    (need,) = both.engine.status()["needs_you"]
    assert (need["state"], need["action"], need["uid"]) == ("lacking", "reconcile", both.day)
    assert f"少 {len(both.images) - 1} 幅" in need["why"]
    assert both.engine.job(both.uid, CITY)["row"]["state"] == "acknowledged", "no receipt is taken back"


def test_sent_again_by_a_person_they_are_judged_anew(both: Both) -> None:
    both.ask(both.images[0])
    both.ask(both.images[0], after=AGAIN)
    both.engine.act_many("resend", [[both.key, CITY]])
    assert (both.at(CITY)["lacking"], both.engine.status()["needs_you"]) == ([], [])
    object.__setattr__(both.engine.house.targets[CITY], "http", cast(HttpClient, both.clinic.city))
    both.clinic.deliver(CITY)
    object.__setattr__(both.engine.house.targets[CITY], "http", cast(HttpClient, both.province))
    both.ask(both.images[0])
    (row,) = both.ask(both.images[0], after=AGAIN)["lacking"]
    assert row["resent"] and both.engine.status()["needs_you"] == [], "told once; the page offers the engineer"


def test_the_sheet_names_what_could_not_be_checked(both: Both) -> None:
    both.ask()
    day = date.fromisoformat(both.day)
    lines = {line[6]: line for line in agreement.sheet_rows(both.engine.house, day, day)}
    assert set(lines) == {"平台已接收", "已齐"}
    assert "无法核对" in lines["已齐"][9] and "无法核对" not in lines["平台已接收"][9]


def test_the_closing_reads_well_for_both(both: Both) -> None:
    both.ask()
    said = both.engine.closing(both.day)
    assert said["sentence"].endswith("1 例，平台全部确认")
    assert said["may_shut_down_words"].startswith("可以关机")
