"""What the first set-up asks of the engine: questions, check as typed, draft, connection test, arrivals, tests."""

from __future__ import annotations

import copy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from app.catalogue.load import load_region
from app.catalogue.questions import as_answer, load_sections, load_setup
from app.engine import settings as settings_module
from app.engine.engine import Engine
from app.engine.face import Json
from app.engine.house import House
from app.engine.rehearsal import Rehearsal
from app.engine.settings import apply_answers, read_settings, read_toml
from app.engine.theme import with_theme
from app.errors import Bug, NeedsOperator
from app.practice import modality
from app.practice.modality import Patient
from app.regions.adapters import ADAPTERS
from app.system.paths import Home
from tests.engine.desk import REGION, Desk, a_desk, answers_of

KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
WRONG_KEY = "00000000000000000000000000000001"


@pytest.fixture
def bare(home: Home, tmp_path: Path) -> Iterator[Desk]:
    """A desk where nothing is set up."""
    with a_desk(home, tmp_path) as made:
        yield made


def wait_for(found: Callable[[], Any], seconds: float = 20.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if result := found():
            return result
        time.sleep(0.05)
    raise AssertionError("it never came")


# -- the questions ----------------------------------------------------------------------------------------------------


def test_every_region_with_an_adapter_says_what_it_asks(bare: Desk) -> None:
    told = bare.engine.regions()
    assert [one["name"] for one in told["regions"]] == list(ADAPTERS)
    for region in told["regions"]:
        assert region["needs"] and region["does"] and region["document"]
        keys = {one["key"] for one in region["questions"]}
        needed = {f"secrets.{name}" for name in load_region(region["name"]).options["secrets"]}
        assert keys >= needed | {"base_url"}


def test_every_question_is_a_setting_and_every_setting_that_a_person_may_change_is_asked(bare: Desk) -> None:
    known = {
        "clinic": settings_module.CLINIC,
        "dicom": settings_module.DICOM,
        "intake": settings_module.INTAKE,
        "upload": settings_module.UPLOAD,
        "files": settings_module.FILES,
        "ui": settings_module.UI,
        "his": settings_module.HIS,
        "query": settings_module.QUERY,
    }
    unasked = {"bind", "least_free_mb", "reconcile_again_seconds", "columns", "match"}
    for section in load_sections():
        asked = {one.key for one in section.questions}
        assert asked <= known[section.name].keys()
        assert known[section.name].keys() - asked <= unasked


def test_defaults_of_the_questions_are_answers_the_settings_take() -> None:
    for name in ADAPTERS:
        asked = load_setup(name).questions
        options = {
            one.key.removeprefix("options."): one.default
            for one in asked
            if one.key.startswith("options.") and one.default != ""
        }
        row = {"name": "x", "region": name, "base_url": "http://x", "options": options}
        settings_module.settings_from({"destination": [row]})


@pytest.mark.parametrize(
    ("was", "is_now", "says"),
    [
        ('kind = "url"', 'kind = "colour"', "is not a kind"),
        ('key = "options.dicom_port"', 'key = "options.speed"', "no such option"),
        ('probe = "exam"', 'probe = "nothing"', "names no path"),
        ('label = "前置机地址"\n', "", "label is missing"),
        ('key = "options.dicom_host"', 'key = "base_url"', "stands twice"),
        ('value = "merged"', 'value = ""', "a choice has a value"),
        ('kind = "url"', 'kind = "url"\nwhen = "options.pdf_mode"', 'write "options.NAME=value"'),
        ('kind = "url"', 'kind = "url"\nwhen = "options.pdf_mode=fax"', "no question has this answer"),
        ('kind = "url"', 'kind = "url"\nwhen = "options.pdf_mode=link"', "the other comes too late"),
        ('kind = "url"', 'kind = "url"\nwhen = "options.dicom_host=x"', "no question has this answer"),
    ],
)
def test_odd_questions_are_refused_with_their_place(tmp_path: Path, was: str, is_now: str, says: str) -> None:
    import shutil

    from app.catalogue.resources import resources_dir

    root = tmp_path / "resources"
    shutil.copytree(resources_dir(), root, ignore=shutil.ignore_patterns("pictures", "gui", "demo"))
    file = root / "regions" / REGION / "region.toml"
    text = file.read_text(encoding="utf-8")
    assert was in text
    file.write_text(text.replace(was, is_now, 1), encoding="utf-8")
    with pytest.raises(Bug) as refused:
        load_setup(REGION, root)
    assert says in refused.value.details


def test_a_question_that_hangs_on_another_is_asked_with_that_answer_alone() -> None:
    """Every choice of every region: what it leaves unasked can't be missing."""
    hanging = 0
    for name in ADAPTERS:
        setup = load_setup(name)
        usual = {key: as_answer(value) for key, value in load_region(name).options["options"].items()}
        unanswered = {
            one.key
            for one in setup.questions
            if one.when is None or usual[one.when.key.removeprefix("options.")] == one.when.value
        }
        for one in (one for one in setup.questions if one.when is not None):
            hanging += 1
            assert one.when is not None
            row = {"options": {one.when.key.removeprefix("options."): one.when.value}}
            assert one in setup.asked(row)
        assert {asked.key for asked in setup.asked({})} == unanswered, (
            "the usual answer counts while nobody has given one"
        )
    assert hanging >= 5


def test_the_addresses_of_a_push_are_missing_where_images_go_by_push(bare: Desk) -> None:
    row = {"name": "gz", "region": "guizhou", "base_url": "http://192.0.2.8", "options": {"image_mode": "dicom"}}
    pushed = problems(bare, {"destination": [row]})
    by_file = problems(bare, {"destination": [{**row, "options": {}}]})
    assert set(pushed) - set(by_file) == {
        f"destination[0].options.{name}" for name in ("dicom_host", "dicom_port", "dicom_ae_title")
    }


# -- the check as typed -----------------------------------------------------------------------------------------------


def problems(desk: Desk, answers: Json) -> dict[str, Json]:
    return {one["key"]: one for one in desk.engine.check_answers(answers)["problems"]}


def test_every_fault_of_the_answers_is_told_at_once_by_its_label(bare: Desk) -> None:
    answers = copy.deepcopy(answers_of("main"))
    answers["clinic"]["uscc"] = "9114"
    answers["clinic"]["admdvs"] = "14"
    answers["dicom"] = {"port": 99_999, "ae_title": "A" * 17}
    answers["destination"][0]["base_url"] = "10.1.2.3"
    answers["destination"][0]["secrets"]["sm4_key"] = "short"
    found = problems(bare, answers)
    assert set(found) == {
        "clinic.uscc",
        "clinic.admdvs",
        "dicom.port",
        "dicom.ae_title",
        "destination[0].base_url",
        "destination[0].secrets.sm4_key",
    }
    assert found["clinic.uscc"]["label"] == "统一社会信用代码"
    assert not any(one["missing"] for one in found.values())
    assert "请改正后再试" not in found["dicom.port"]["advice"]
    assert "short" not in str(found)


def test_what_is_not_answered_yet_is_missing_and_not_wrong(bare: Desk) -> None:
    row = {"name": "main", "region": REGION, "base_url": ""}
    found = problems(bare, {"clinic": {}, "destination": [row]})
    assert all(one["missing"] for one in found.values())
    assert {"clinic.uscc", "destination[0].base_url", "destination[0].secrets.sm4_key"} <= set(found)


def test_a_key_in_the_store_is_not_missing_and_nothing_was_written_by_the_check(desk: Desk) -> None:
    before = desk.engine.home.settings_file.read_bytes()
    row = answers_of("main")["destination"][0]
    row.pop("secrets")
    assert problems(desk, {"destination": [row]}) == {}
    assert desk.engine.home.settings_file.read_bytes() == before


# -- the draft --------------------------------------------------------------------------------------------------------


def test_a_draft_comes_back_at_its_step_without_any_secret(bare: Desk) -> None:
    bare.engine.keep_setup_draft(answers_of("main"), "密钥")
    draft = bare.engine.setup_draft()
    assert (draft["step"], draft["unfinished"], draft["set_up"]) == ("密钥", True, False)
    assert draft["answers"]["clinic"] == answers_of("main")["clinic"]
    assert KEY not in str(draft)
    for file in bare.engine.home.root.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()


def test_a_draft_keeps_no_password_of_his(bare: Desk) -> None:
    bare.engine.keep_setup_draft({"his": {"user": "reader", "password": "tian-di-88"}}, "HIS")
    assert bare.engine.setup_draft()["answers"]["his"]["user"] == "reader"
    assert "tian-di-88" not in str(bare.engine.setup_draft())


def test_a_finished_set_up_leaves_no_draft(bare: Desk) -> None:
    bare.engine.keep_setup_draft({"clinic": {"name": "甲"}}, "密钥")
    assert not bare.engine.keep_setup_draft({}, "")["unfinished"]


def test_answers_given_piece_by_piece_write_the_file_that_a_setup_writes(home: Home, tmp_path: Path) -> None:
    answers = {**answers_of("main"), "dicom": {"ae_title": "CLINIC", "port": 11113}, "intake": {"keep_days": 30}}
    with a_desk(home, tmp_path) as desk:
        for names in (("clinic", "secrets", "destination"), ("dicom", "intake")):
            current = desk.engine.setup_draft()["now"]
            desk.engine.setup({name: _over(current.get(name), answers[name]) for name in names})
    other = Home(root=tmp_path / "other").make()
    file = tmp_path / "answers.toml"
    file.write_bytes(tomli_w.dumps(answers).encode())
    apply_answers(read_toml(file), other)
    assert home.settings_file.read_bytes() == other.settings_file.read_bytes()


def test_two_destinations_are_two_answers_and_one_taken_away_leaves_the_other_its_key(home: Home) -> None:
    """As the settings page and `setup --answers` give them; each with options and keys of its own."""
    province = answers_of("main")["destination"][0]
    index = {"name": "index", "region": "guangyuan", "base_url": "http://192.0.2.9", "secrets": {"key": "INDEX-KEY"}}
    index["options"] = {"index_storage_uscc": False}
    files = {"public_base_url": "http://192.0.2.10:8180"}
    apply_answers({**answers_of("main"), "files": files, "destination": [province, index]}, home)
    both = read_settings(home).destinations
    assert [(one.name, one.secret_names) for one in both] == [("main", ("sm4_key",)), ("index", ("key",))]
    assert both[1].options == {"index_storage_uscc": False}
    result = apply_answers({"destination": [{key: index[key] for key in index if key != "secrets"}]}, home)
    assert [(one.name, one.secret_names) for one in result.settings.destinations] == [("index", ("key",))]


def test_an_address_for_the_platforms_visits_is_proposed_where_it_comes_and_nowhere_else(
    bare: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.setup.own_addresses", lambda: ("192.0.2.10", "192.0.2.11"))
    row = {"name": "x", "region": "guangyuan", "base_url": "http://192.0.2.8"}
    told = bare.engine.check_answers({"files": {"port": 8280}, "destination": [row]})
    assert (told["wanted"], told["proposed"]) == (["files"], {"files.public_base_url": "http://192.0.2.10:8280"})
    other = bare.engine.check_answers({"destination": [{**row, "region": "guizhou"}]})
    assert (other["wanted"], other["proposed"]) == ([], {})


def _over(now: Any, given: Any) -> Any:
    return {**now, **given} if isinstance(now, dict) else given


# -- settings that can't be opened ------------------------------------------------------------------------------------


def test_settings_that_can_not_be_opened_leave_the_old_house_at_work(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = desk.engine.home.settings_file.read_bytes()

    def refuse(*_words: object) -> None:
        raise NeedsOperator("本机数据库打不开", "请工程师查看")

    monkeypatch.setattr("app.engine.life.open_house", refuse)
    with pytest.raises(NeedsOperator, match="打不开"):
        desk.engine.setup({"clinic": {"name": "另一家"}})
    assert desk.engine.status()["clinic"]["name"] == answers_of("main")["clinic"]["name"]
    assert desk.engine.home.settings_file.read_bytes() == before
    assert desk.state(desk.receive()) == "to_fill"


def test_his_columns_that_can_not_be_put_to_work_are_not_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = desk.engine.home.settings_file.read_bytes()

    def refuse(*_words: object) -> None:
        raise NeedsOperator("本机数据库打不开", "请工程师查看")

    monkeypatch.setattr("app.engine.life.open_house", refuse)
    with pytest.raises(NeedsOperator, match="打不开"):
        desk.engine.his_keep({"refresh_minutes": 30})
    assert desk.engine.home.settings_file.read_bytes() == before


def test_two_changes_of_the_settings_at_once_both_count(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(house: House, theme: str) -> House:
        begun.set()
        assert go_on.wait(20)
        return with_theme(house, theme)

    monkeypatch.setattr("app.engine.engine.with_theme", slow)
    one = threading.Thread(target=desk.engine.set_theme, args=("dark",))
    two = threading.Thread(target=desk.engine.setup, args=({"clinic": {"name": "另一家"}},))
    one.start()
    assert begun.wait(20)
    two.start()
    two.join(1.0)  # it has to wait, or would be done by now
    go_on.set()
    one.join(20)
    two.join(20)
    assert (desk.engine.status()["clinic"]["name"], desk.engine.status()["theme"]) == ("另一家", "dark")
    assert read_settings(desk.engine.home).ui.theme == "dark"
    assert desk.state(desk.receive()) == "to_fill"


# -- this machine -----------------------------------------------------------------------------------------------------


def test_a_port_that_somebody_has_is_not_free(bare: Desk) -> None:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen(1)
        port = int(other.getsockname()[1])
        taken = bare.engine.free_port(port)
    assert not taken["free"] and taken["advice"]
    assert bare.engine.free_port(port)["free"]
    assert not bare.engine.free_port(0)["free"]


def test_autostart_is_what_was_chosen(bare: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert bare.engine.set_autostart(True) == {"enabled": True}
    assert bare.engine.set_autostart(False) == {"enabled": False}


def test_a_machine_without_a_key_ring_says_so(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bare.engine.secret_places()["keyring"]

    def refuse(*_words: object) -> None:
        raise NeedsOperator("没有可用的系统密码库", "")

    monkeypatch.setattr("app.engine.setup.KeyringStore.set", refuse)
    assert bare.engine.secret_places() == {"keyring": False, "why": "没有可用的系统密码库", "store": "keyring"}


# -- test images ------------------------------------------------------------------------------------------------------


def test_a_test_image_is_neither_to_fill_nor_submitted_until_it_is_real(desk: Desk) -> None:
    uid = desk.receive(images=1)
    desk.engine.mark_test(uid)
    assert desk.state(uid) == "test"
    assert desk.engine.status()["counts"]["to_fill"] == 0
    assert desk.engine.status()["needs_you"] == []
    with pytest.raises(NeedsOperator, match="测试影像"):
        desk.engine.submit(uid)
    desk.engine.mark_test(uid, False)
    assert desk.state(uid) == "to_fill"


def test_one_more_image_makes_a_test_a_real_exam(desk: Desk) -> None:
    uid = desk.receive(images=1)
    desk.engine.mark_test(uid)
    desk.more(uid)
    desk.engine.send_now(uid)
    assert desk.state(uid) == "to_fill"


def test_a_real_exam_does_not_become_the_test_whose_exam_it_shares(desk: Desk) -> None:
    test, real = desk.receive(images=1), desk.receive(images=1)
    key = desk.key(test)
    desk.engine.mark_test(test)
    desk.engine.join(key, real)
    desk.engine.part(key, test)
    assert desk.key(real) == key
    assert desk.state(real) == "to_fill"


def test_what_was_submitted_can_not_be_called_a_test(desk: Desk) -> None:
    uid = desk.ready()
    desk.engine.submit(uid)
    with pytest.raises(NeedsOperator, match="已经提交"):
        desk.engine.mark_test(uid)


# -- with the practice platform ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Json]]:
    """A running engine whose answers fit the practice platform beside it."""
    home = Home(root=tmp_path_factory.mktemp("stage")).make()
    rehearsal = Rehearsal(home)
    rehearsal.open()
    engine = Engine(home)
    engine.start()
    yield engine, engine.setup_draft()["now"]
    engine.stop()
    rehearsal.close()


def steps(engine: Engine, answers: Json) -> dict[str, Json]:
    told = engine.try_destination(answers, "main")
    assert KEY not in str(told) and WRONG_KEY not in str(told)
    return {one["name"]: one for one in told["steps"]}


def test_a_right_destination_passes_every_interface_and_writes_nothing(stage: tuple[Engine, Json]) -> None:
    engine, _ = stage
    found = steps(engine, {})
    assert {name: one["state"] for name, one in found.items()} == {
        "http": "ok",
        "clock": "ok",
        "key": "ok",
        "interfaces": "ok",
        "dicom": "ok",
        "reconcile": "unknown",
    }


def test_a_wrong_key_is_told_before_anything_is_saved(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    row = {**now["destination"][0], "secrets": {"sm4_key": WRONG_KEY}}
    found = steps(engine, {"destination": [row]})
    assert (found["key"]["state"], found["key"]["page"]) == ("engineer", "destination")
    assert steps(engine, {})["key"]["state"] == "ok"


def test_a_wrong_address_is_the_persons_turn_and_the_rest_is_not_guessed(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    row = {**now["destination"][0], "base_url": f"http://127.0.0.1:{port}"}
    row["options"] = {**row["options"], "dicom_port": port}
    found = steps(engine, {"destination": [row]})
    assert (found["http"]["state"], found["dicom"]["state"]) == ("you", "you")
    assert found["key"]["state"] == "skipped"


def test_a_wrong_title_of_the_platform_leads_to_the_platforms_settings(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    row = {**now["destination"][0]}
    there = engine.status()["dicom"]["port"]  # a port that insists on its title
    row["options"] = {**row["options"], "dicom_port": there, "dicom_ae_title": "ELSEWHERE"}
    found = steps(engine, {"destination": [row]})["dicom"]
    assert (found["state"], found["page"]) == ("you", "destination")
    assert "ELSEWHERE" in found["title"] and "核对 AE 标题" in found["advice"]


def test_a_path_that_is_not_there_is_the_engineers_turn(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    row = {**now["destination"][0]}
    row["options"] = {**row["options"], "paths": {"report": "/nowhere"}}
    assert steps(engine, {"destination": [row]})["interfaces"]["state"] == "engineer"


def test_a_loopback_address_of_the_file_service_is_out_of_reach(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    row = {**now["destination"][0]}
    row["options"] = {**row["options"], "pdf_mode": "link", "practice": False}
    files = {"public_base_url": "http://127.0.0.1:8180"}
    found = steps(engine, {"files": files, "destination": [row]})
    assert (found["files"]["state"], found["files"]["page"]) == ("you", "files")


def test_a_file_service_that_is_open_is_opened_once_from_here(stage: tuple[Engine, Json]) -> None:
    """A platform of the rehearsal is on this PC: the loop is no wrong address for it."""
    engine, now = stage
    row = {**now["destination"][0]}
    row["options"] = {**row["options"], "pdf_mode": "link"}
    found = steps(engine, {"destination": [row]})
    assert (found["files"]["state"], found["files"]["title"]) == ("ok", "按这个地址打开了文件服务")
    elsewhere = {"files": {**now["files"], "public_base_url": "http://127.0.0.1:8180"}, "destination": [row]}
    assert steps(engine, elsewhere)["files"]["state"] == "unknown", "not in force yet"


def test_a_platform_that_comes_for_the_images_has_to_be_let_in(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    row = {**now["destination"][0]}
    there = row["options"]["dicom_port"]
    row["options"] = {**row["options"], "image_mode": "retrieve", "retrieve_ae_title": "SXCLOUD"}
    found = steps(engine, {"destination": [row]})["query"]
    assert (found["state"], found["page"], found["title"]) == ("you", "query", "SXCLOUD还没有放行")
    for destinations, words in ([], "已经放行，只能当场取回"), ([f"SXCLOUD@127.0.0.1:{there}"], "已经放行，影像送得到"):
        query = {"on": True, "callers": ["SXCLOUD"], "destinations": destinations}
        told = engine.try_destination({"query": query, "destination": [row]}, "main")
        assert [(one["state"], one["title"]) for one in told["steps"] if one["name"] == "query"] == [("ok", words)]
        assert "平台来取影像（DICOM Q/R）：我们的 AE 标题 CLINIC_AGENT" in told["letter"]
    dead = {"query": {**query, "destinations": ["SXCLOUD@127.0.0.1:9"]}, "destination": [row]}
    assert steps(engine, dead)["query"]["ok"] is False


def test_the_letter_says_what_an_engineer_asks_for(stage: tuple[Engine, Json]) -> None:
    letter = stage[0].try_destination({}, "main")["letter"]
    assert "CLINIC_AGENT" in letter and "52140000MJ00000075" in letter and "http://127.0.0.1" in letter


def test_the_letter_names_the_roads_that_are_used_and_no_other(stage: tuple[Engine, Json]) -> None:
    engine, now = stage
    row = {**now["destination"][0], "name": "index", "region": "guangyuan", "options": {"practice": True}}
    row["secrets"] = {"key": "INDEX-KEY"}
    letter = engine.try_destination({"destination": [row]}, "index")["letter"]
    assert f"平台来取文件的地址：{now['files']['public_base_url']}" in letter
    assert "影像推送" not in letter and "INDEX-KEY" not in letter
    assert "平台来取文件的地址" not in engine.try_destination({}, "main")["letter"]


def test_an_image_from_a_device_is_seen_arriving_with_its_name_and_bytes(
    stage: tuple[Engine, Json], tmp_path: Path
) -> None:
    engine, _ = stage
    dicom, at = engine.status()["dicom"], engine.arrivals()["at"]
    assert send(tmp_path, dicom, dicom["ae_title"]).rejected == ""
    events = wait_for(lambda: [one for one in engine.arrivals(at)["events"] if one["kind"] == "stored"])
    assert events[0]["patient_name"] == "李小雨" and events[0]["doubtful"]
    assert events[0]["raw_hex"].replace(" ", "") == "李小雨".encode("gb18030").hex().upper()
    assert ["GB18030", "李小雨"] in events[0]["candidates"]
    kinds = [one["kind"] for one in engine.arrivals(at)["events"]]
    assert kinds[0] == "connected"
    assert engine.arrivals(engine.arrivals(at)["at"])["events"] == []


def test_a_caller_that_looks_for_another_name_is_told_with_the_way_out(
    stage: tuple[Engine, Json], tmp_path: Path
) -> None:
    engine, _ = stage
    dicom, at = engine.status()["dicom"], engine.arrivals()["at"]
    assert send(tmp_path, dicom, "STORESCP").rejected
    refused = wait_for(lambda: [one for one in engine.arrivals(at)["events"] if one["kind"] == "refused"])[0]
    assert (refused["act"], refused["called_ae"]) == ("rename", "STORESCP")
    assert dicom["ae_title"] in refused["advice"]


def send(folder: Path, dicom: Json, called: str) -> modality.SendResult:
    """One DR whose name is GB18030 without saying so."""
    patient = replace(Patient(), name="李小雨")
    paths = modality.make_study(folder / "dr", kind="dr", patient=patient, images=1, charset="gbk-undeclared", size=16)
    return modality.send(paths, "127.0.0.1", int(dicom["port"]), called, "DRX_ROOM2")


def test_a_rehearsal_walks_to_the_receipt_and_leaves_the_clinics_home_alone(bare: Desk) -> None:
    began = bare.engine.rehearse(REGION)
    assert began["running"]
    assert bare.engine.rehearse(REGION)["running"]  # no second one
    done = wait_for(lambda: not (status := bare.engine.rehearsal_status())["running"] and status, 90)
    assert done["ok"], done["trouble"]
    assert all(any(said in step for step in done["steps"]) for said in ("电子签名：刘慧 医生", "平台已接收"))
    assert bare.engine.studies()["total"] == 0
    assert read_settings(bare.engine.home).destinations == ()


@pytest.mark.warns
def test_a_rehearsal_that_breaks_off_is_over_and_no_success(bare: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_words: object, **_more: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("app.engine.rehearsing.tempfile.TemporaryDirectory", broken)
    bare.engine.rehearse(REGION)
    done = wait_for(lambda: not (status := bare.engine.rehearsal_status())["running"] and status)
    assert not done["ok"] and done["trouble"]["title"] and done["trouble"]["advice"]
