"""What a platform fetched, through the face: facts beside the receipt that make nothing green and hide no trouble."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from app.catalogue.load import load_region, region_names
from app.domain.job import Event
from app.engine import fetches
from app.engine.setup import check_answers
from app.errors import NeedsOperator
from app.provide.wanted import wants_files
from app.regions.adapters import ADAPTERS
from app.store import files, images
from app.system.paths import Home
from tests.engine.desk import REGION, Desk, Json, answers_of
from tests.engine.test_engine import a_clockwork
from tests.intake.clinic import wait_until
from tests.wire.peers import free_port


def region_that(fetches_from_here: bool) -> str:
    """By what its rows are sent as, never by its name."""
    for name in region_names():
        region = load_region(name)
        options = region.options.get("options", {})
        if name in ADAPTERS and wants_files(region.with_options(options), options) == fetches_from_here:
            return name
    raise AssertionError("no such region")


@pytest.fixture
def offering(desk: Desk) -> Desk:
    """The file service of the desk is open."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    desk.engine.setup({"files": {"public_base_url": base, "bind": "127.0.0.1", "port": port}})
    desk.engine.house.provider.start()
    return desk


def offered(desk: Desk, uid: str) -> str:
    return desk.engine.house.zip_link("main", desk.key(uid))


def fetch(desk: Desk, uid: str, url: str) -> None:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
        answer.read()
    wait_until(lambda: all(one["whole"] for one in told(desk, uid)))


def told(desk: Desk, uid: str) -> list[Json]:
    found: list[Json] = desk.engine.job(uid)["fetches"]
    return found


def close(desk: Desk) -> None:
    desk.engine.house.provider.stop()


def test_an_address_is_told_as_not_fetched_and_then_with_its_time(offering: Desk) -> None:
    desk = offering
    uid = desk.sent()
    assert told(desk, uid) == []
    url = offered(desk, uid)
    (one,) = told(desk, uid)
    assert (one["what"], one["what_words"], one["words"]) == ("zip", "影像压缩包", "还没有来取")
    assert (one["whole"], one["count"], one["last_at"], one["destination"]) == (False, 0, None, "main")
    fetch(desk, uid, url)
    (one,) = told(desk, uid)
    assert (one["words"], one["count"], one["first_at"]) == ("已取 1 次", 1, one["last_at"])
    assert desk.engine.study(uid)["fetches"] == [one]
    desk.more(uid)
    desk.engine.send_now(uid)
    offered(desk, uid)
    assert told(desk, uid)[0]["words"] == "已取 1 次，新的还没有来取"
    close(desk)


def test_the_timeline_tells_it_and_the_receipt_alone_makes_it_green(offering: Desk) -> None:
    desk = offering
    uid = desk.ready()
    desk.engine.submit(uid)
    url = offered(desk, uid)
    assert not [one for one in desk.engine.job(uid)["moments"] if one["title"].endswith("压缩包")]
    fetch(desk, uid, url)
    assert desk.state(uid) == "queued", "who fetches has not acknowledged"
    moments = {one["title"]: one["kind"] for one in desk.engine.job(uid)["moments"]}
    assert moments["平台取走了影像压缩包"] == "step_fact"
    (line,) = [one for one in desk.engine.study(uid)["timeline"] if one["what"] == "fetched"]
    assert line["words"] == "平台来取走了"
    desk.platform_says(uid, Event.ACKNOWLEDGED)
    assert desk.state(uid) == "acknowledged"
    close(desk)


def test_what_is_not_fetched_after_a_day_is_a_quiet_word_of_its_destination(offering: Desk) -> None:
    desk = offering

    def word() -> Json:
        found: Json = desk.engine.health()["destinations"][0]["unfetched"]
        return found

    uid = desk.sent()
    url = offered(desk, uid)
    desk.clock.pass_(23 * 3600)
    assert word() == {"count": 0, "since": None, "sentence": ""}
    desk.clock.pass_(2 * 3600)
    assert (word()["count"], word()["sentence"]) == (1, "1 例的文件平台还没有来取，本机留着")
    assert desk.engine.status()["needs_you"] == [], "it is nobody's turn"
    fetch(desk, uid, url)
    assert word()["count"] == 0
    close(desk)


@pytest.mark.warns
def test_a_file_that_is_gone_when_the_platform_comes_needs_a_person(offering: Desk) -> None:
    desk = offering
    uid = desk.sent()
    url = offered(desk, uid)
    house = desk.engine.house
    path = house.spool.path(images.instances_of(house.store.read(), desk.key(uid))[0].path)
    path.unlink()
    with pytest.raises(OSError):
        fetch(desk, uid, url)
    wait_until(lambda: bool(desk.engine.status()["needs_you"]))
    (need,) = desk.engine.status()["needs_you"]
    assert (need["exam_key"], need["action"], need["turn"]) == (desk.key(uid), "open", "technician")
    assert need["uid"] == uid and "重发一遍" in need["why"]
    assert told(desk, uid)[0]["trouble"] == need["why"]
    assert desk.state(uid) == "acknowledged", "what was acknowledged stays so"
    close(desk)


def test_images_that_nobody_fetched_outlive_the_retention_period_and_end_with_a_word(offering: Desk) -> None:
    desk = offering
    fetched, left = desk.sent(), desk.sent()
    fetch(desk, fetched, offered(desk, fetched))
    offered(desk, left)
    house = desk.engine.house

    def here(uid: str) -> list[bool]:
        return [house.spool.path(one.path).exists() for one in images.instances_of(house.store.read(), desk.key(uid))]

    desk.clock.pass_(91 * 86400)
    a_clockwork(desk, [])._keep_house(desk.clock.now())
    assert (here(fetched), here(left)) == ([False, False], [True, True])
    close(desk)


@pytest.mark.warns
def test_the_end_of_what_was_never_fetched_is_on_its_timeline(offering: Desk) -> None:
    desk = offering
    uid = desk.sent()
    url = offered(desk, uid)
    desk.clock.pass_(181 * 86400)
    a_clockwork(desk, [])._keep_house(desk.clock.now())
    assert "一直没有来取，保留期已过" in [one["words"] for one in desk.engine.study(uid)["timeline"]]
    assert told(desk, uid) == []
    with pytest.raises(OSError, match="410"):
        fetch(desk, uid, url)
    close(desk)


# -- asked for only where it is needed ---------------------------------------------------------------------------------


def test_the_address_is_asked_for_where_a_platform_fetches_and_nowhere_else(desk: Desk) -> None:
    house = desk.engine.house

    def asked(region: str, **more: Json) -> tuple[list[str], list[str]]:
        row = {**answers_of("main")["destination"][0], "region": region, **more}
        found = check_answers(house, {**answers_of("main"), "destination": [row]})
        return found["wanted"], [one["key"] for one in found["problems"] if one["key"].startswith("files.")]

    assert asked(REGION) == ([], [])
    assert asked(region_that(True), options={}) == (["files"], ["files.public_base_url"])
    own_store = {"pdf_mode": "base64", "image_download_base": "http://192.0.2.1/"}
    assert asked(region_that(True), options=own_store) == ([], [])
    assert asked(REGION, options={"pdf_mode": "link"}) == (["files"], ["files.public_base_url"])


def test_a_filled_address_is_no_problem(desk: Desk) -> None:
    row = {**answers_of("main")["destination"][0], "options": {"pdf_mode": "link"}}
    offers = {"files": {"public_base_url": "http://192.0.2.9:8180"}, "destination": [row]}
    found = check_answers(desk.engine.house, offers)
    assert found["wanted"] == ["files"]
    assert not [one for one in found["problems"] if one["key"].startswith("files.")]


def test_a_destination_that_is_fetched_from_names_the_settings_while_the_service_is_shut(desk: Desk) -> None:
    row = answers_of("main")["destination"][0]
    row["options"] |= {"pdf_mode": "link"}
    assert fetches.closed_row(desk.engine.house) == []
    desk.engine.setup({"destination": [row]})
    (need,) = fetches.closed_row(desk.engine.house)
    assert (need["title"], need["action"], need["uid"]) == ("还没有填文件服务的地址", "settings", "files")
    assert desk.engine.status()["files"]["needed_by"] == [desk.engine.status()["destinations"][0]["title"]]
    found = {one["name"]: one for one in desk.engine.check_self()["checks"]}
    assert not found["files"]["ok"] and "平台访问的地址" in found["files"]["title"]
    uid = desk.sent()
    with pytest.raises(NeedsOperator) as caught:
        offered(desk, uid)
    assert caught.value.page == "files"


def test_the_self_check_opens_the_service_by_the_address_that_platforms_get(offering: Desk) -> None:
    found = {one["name"]: one["ok"] for one in offering.engine.check_self()["checks"]}
    assert found["files"] and found["files-fetch"]
    assert not files.links_of(offering.engine.house.store.read(), "")
    close(offering)


def test_a_home_keeps_what_was_fetched(offering: Desk, home: Home, tmp_path: Path) -> None:
    """After a restart the same address answers, and what was taken is known."""
    desk = offering
    uid = desk.sent()
    url = offered(desk, uid)
    fetch(desk, uid, url)
    close(desk)
    desk.engine.setup({"upload": {"submit": "manual"}})
    desk.engine.house.provider.start()
    assert offered(desk, uid) == url
    assert told(desk, uid)[0]["words"] == "已取 1 次"
    close(desk)
