"""Settings on the disk and the answers of a setup."""

from __future__ import annotations

import copy
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.catalogue.load import load_region, region_names
from app.domain.settings import (
    Clinic,
    DestinationSettings,
    DicomSettings,
    FileService,
    IntakeSettings,
    Pacs,
    QuerySettings,
    Settings,
    UploadSettings,
)
from app.engine.settings import apply_answers, document_of, read_settings, secrets_of, settings_from, write_settings
from app.errors import NeedsOperator
from app.system.paths import Home
from tests.engine.desk import Desk, a_desk

REGION = next(name for name in region_names() if "sm4_key" in load_region(name).options.get("secrets", {}))
KEY = "2a77be8ebc9c90cd25ccd1d31dce7a77"
FOLDER = "C:\\PACS\\影像" if sys.platform == "win32" else "/pacs/影像"


def answers() -> dict[str, Any]:
    return {
        "clinic": {
            "name": "演示诊所",
            "uscc": "91350100M000100Y43",
            "fixmedins_code": "H14010500001",
            "fixmedins_name": "演示诊所",
            "admdvs": "140105",
            "level": "01",
        },
        "intake": {"folders": [FOLDER], "quiet_seconds": 5, "report_folder": ""},
        "dicom": {"ae_title": "CLINIC", "port": 11112, "bind": "127.0.0.1", "allowed_callers": ["CT1"]},
        "upload": {"submit": "auto", "workers": 3},
        "secrets": {"store": "file"},
        "destination": [
            {
                "name": "main",
                "region": REGION,
                "base_url": "http://127.0.0.1:9000/",
                "options": {"upload_mode": "separate", "dicom_port": 104},
                "secrets": {"sm4_key": KEY},
                "defaults": {"exam_status": "4"},
            }
        ],
    }


class Drawer:
    """Secret stores in memory, one per kind."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, str]] = {"keyring": {}, "file": {}}

    def open(self, kind: str, home: Home) -> DrawerStore:
        return DrawerStore(self.kinds[kind])


class DrawerStore:
    def __init__(self, held: dict[str, str]) -> None:
        self.held = held

    def get(self, name: str) -> str | None:
        return self.held.get(name)

    def set(self, name: str, value: str) -> None:
        self.held[name] = value

    def delete(self, name: str) -> None:
        self.held.pop(name, None)


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


def test_a_home_without_settings_has_the_defaults(home: Home) -> None:
    assert read_settings(home) == Settings()


def test_a_setup_can_be_read_back_and_its_secrets_are_not_in_the_file(home: Home, drawer: Drawer) -> None:
    result = apply_answers(answers(), home, drawer.open)
    assert read_settings(home) == result.settings
    assert result.written == (home.settings_file,)
    assert result.secrets == ("destination/main/sm4_key",)
    assert drawer.kinds["file"] == {"destination/main/sm4_key": KEY}
    assert KEY not in home.settings_file.read_text(encoding="utf-8")
    destination = result.settings.destinations[0]
    assert destination.base_url == "http://127.0.0.1:9000"
    assert destination.secret_names == ("sm4_key",)
    assert secrets_of(destination, drawer.open("file", home)) == {"sm4_key": KEY}
    assert result.settings.intake.quiet_seconds == 5.0


def test_the_real_stores_take_a_setup(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.system.secrets.machine_key_file", lambda: tmp_path / "machine.key")
    apply_answers(answers(), home)
    assert KEY not in (home.root / "secrets.json").read_text(encoding="utf-8")
    apply_answers({"secrets": {"store": "keyring"}}, home)
    assert "sm4_key" not in (home.root / "secrets.json").read_text(encoding="utf-8")


def test_a_section_that_is_not_answered_stays(home: Home, drawer: Drawer) -> None:
    before = apply_answers(answers(), home, drawer.open).settings
    after = apply_answers({"upload": {"submit": "manual"}}, home, drawer.open).settings
    assert after.upload == UploadSettings()
    assert (after.clinic, after.dicom, after.destinations) == (before.clinic, before.dicom, before.destinations)


def test_a_secret_that_is_not_mentioned_stays(home: Home, drawer: Drawer) -> None:
    apply_answers(answers(), home, drawer.open)
    again = answers()
    del again["destination"][0]["secrets"]
    result = apply_answers(again, home, drawer.open)
    assert result.secrets == ()
    assert result.settings.destinations[0].secret_names == ("sm4_key",)


def test_secrets_move_with_the_store(home: Home, drawer: Drawer) -> None:
    apply_answers(answers(), home, drawer.open)
    apply_answers({"secrets": {"store": "keyring"}}, home, drawer.open)
    assert drawer.kinds == {"file": {}, "keyring": {"destination/main/sm4_key": KEY}}


def test_a_machine_without_a_key_ring_can_choose_the_file_at_once(home: Home, drawer: Drawer) -> None:
    def open_store(kind: str, where: Home) -> DrawerStore:
        assert kind == "file", "the key ring must not be asked"
        return drawer.open(kind, where)

    class Closed(DrawerStore):
        def get(self, name: str) -> str | None:
            raise AssertionError(name)

    apply_answers(answers(), home, lambda kind, where: open_store(kind, where) if kind == "file" else Closed({}))


def test_a_refused_setup_changes_nothing(home: Home, drawer: Drawer) -> None:
    before = apply_answers(answers(), home, drawer.open).settings
    wrong = answers()
    wrong["clinic"]["name"] = "另一家"
    wrong["destination"][0]["secrets"]["sm4_key"] = "12"
    with pytest.raises(NeedsOperator):
        apply_answers(wrong, home, drawer.open)
    assert read_settings(home) == before
    assert drawer.kinds["file"] == {"destination/main/sm4_key": KEY}


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        ("unknown.a", 1, "unknown"),
        ("clinic.colour", "red", "clinic.colour"),
        ("clinic.uscc", "91350100M000100Y44", "clinic.uscc"),
        ("clinic.name", 5, "clinic.name"),
        ("clinic.level", "99x", "clinic.level"),
        ("clinic.admdvs", "14", "clinic.admdvs"),
        ("query.destinations", ["FRONT_END"], "query.destinations"),
        ("query.destinations", ["@10.1.2.3:104"], "query.destinations"),
        ("query.destinations", ["A@10.1.2.3:x"], "query.destinations"),
        ("query.destinations", ["A@10.1.2.3:0"], "query.destinations"),
        ("query.destinations", ["A@10.1.2.3/x:104"], "query.destinations"),
        ("query.destinations", ["SEVENTEEN_LETTERS@10.1.2.3:104"], "query.destinations"),
        ("query.on", "yes", "query.on"),
        ("query.callers", "A", "query.callers"),
        ("intake.folders", ["here"], "intake.folders"),
        ("intake.folders", FOLDER, "intake.folders"),
        ("intake.quiet_seconds", "5", "intake.quiet_seconds"),
        ("intake.quiet_seconds", True, "intake.quiet_seconds"),
        ("dicom.port", 0, "dicom.port"),
        ("dicom.port", 65536, "dicom.port"),
        ("dicom.port", "11112", "dicom.port"),
        ("dicom.ae_title", "A" * 17, "dicom.ae_title"),
        ("dicom.bind", "host", "dicom.bind"),
        ("dicom.pacs", [{"name": "a", "host": "h", "port": 1}], "dicom.pacs[0].ae_title"),
        (
            "dicom.pacs",
            [{"name": "a", "host": "h", "port": 1, "ae_title": "X"}] * 2,
            "dicom.pacs[1].name",
        ),
        ("files.allowed_addresses", ["10.0.0.0/99"], "files.allowed_addresses"),
        ("files.public_base_url", "ftp://x", "files.public_base_url"),
        ("upload.submit", "sometimes", "upload.submit"),
        ("upload.reconcile_at", "24:00", "upload.reconcile_at"),
        ("upload.retry_longest_seconds", 1, "upload.retry_longest_seconds"),
        ("secrets.store", "paper", "secrets.store"),
        ("signing.staff", [{"name": "甲", "role": "doctor", "shoe": "42"}], "signing.staff[0].shoe"),
        ("destination.region", "atlantis", "destination[0].region"),
        ("destination.base_url", "somewhere", "destination[0].base_url"),
        ("destination.name", "a/b", "destination[0].name"),
        ("destination.options.upload_mode", 3, "destination[0].options.upload_mode"),
        ("destination.options.speed", 3, "destination[0].options.speed"),
        ("destination.options.paths", {"exam": "no slash"}, "destination[0].options.paths.exam"),
        ("destination.options.fields", {"exam.nothing": {"path": "x"}}, "destination[0].options.fields.exam.nothing"),
        ("destination.defaults.shoe_size", "42", "destination[0].defaults.shoe_size"),
        ("destination.defaults.exam_status", 4, "destination[0].defaults.exam_status"),
        ("destination.secrets.sm4_key", "xyz", "destination[0].secrets.sm4_key"),
        ("destination.secrets.door", "xyz", "destination[0].secrets.door"),
        ("destination.secret_names", ["a"], "destination[0].secret_names"),
    ],
)
def test_a_wrong_setting_is_named(home: Home, drawer: Drawer, path: str, value: Any, key: str) -> None:
    wrong = answers()
    *way, last = path.split(".")
    place = wrong
    for step in way:
        place = place.setdefault(step, {})
        place = place[0] if isinstance(place, list) else place
    place[last] = value
    with pytest.raises(NeedsOperator) as caught:
        apply_answers(wrong, home, drawer.open)
    assert caught.value.fields == (key,)
    assert key in caught.value.title
    assert not home.settings_file.exists()
    if "secrets.sm4_key" in path:
        assert value not in str(caught.value)


def test_a_wrong_override_names_its_row(home: Home, drawer: Drawer) -> None:
    fine = answers()
    fine["destination"][0]["options"]["fields"] = {"exam.sex": {"path": "gender"}}
    fine["destination"][0]["options"]["paths"] = {"exam": "/other"}
    settings = apply_answers(fine, home, drawer.open).settings
    assert read_settings(home).destinations[0].options == settings.destinations[0].options


def test_an_impossible_upload_mode_is_refused_when_the_secrets_are_there(home: Home, drawer: Drawer) -> None:
    wrong = answers()
    wrong["destination"][0]["options"]["upload_mode"] = "by pigeon"
    with pytest.raises(NeedsOperator) as caught:
        apply_answers(wrong, home, drawer.open)
    assert caught.value.page == "destination"


def test_two_destinations_may_not_share_a_name() -> None:
    twice = answers()["destination"][0]
    del twice["secrets"]
    with pytest.raises(NeedsOperator) as caught:
        settings_from({"destination": [twice, copy.deepcopy(twice)]})
    assert caught.value.fields == ("destination[1].name",)


def test_a_broken_file_is_named_with_its_line(home: Home) -> None:
    home.settings_file.write_text('[intake]\nfolders = ["D:\\PACS"]\n', encoding="utf-8")
    with pytest.raises(NeedsOperator, match="第 2 行"):
        read_settings(home)


def test_a_byte_order_mark_of_a_windows_editor_is_forgiven(home: Home) -> None:
    home.settings_file.write_bytes('﻿[clinic]\nname = "甲"\n'.encode())
    assert read_settings(home).clinic.name == "甲"


_TEXT = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12)
_NAME = st.text("abcXYZ019._-诊所", min_size=1, max_size=12)
_PORT = st.integers(1, 65535)
_AE = st.text("ABCabc019_-", min_size=1, max_size=16)
_NETWORK = st.sampled_from(["10.1.2.3", "192.168.0.0/16", "::1"])


def _tuples(of: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, max_size=3).map(tuple)


SETTINGS = st.builds(
    Settings,
    clinic=st.builds(
        Clinic,
        name=_TEXT,
        uscc=st.sampled_from(["", "91350100M000100Y43"]),
        fixmedins_code=st.sampled_from(["", "H14010500001"]),
        fixmedins_name=_TEXT,
        admdvs=st.sampled_from(["", "140105"]),
        level=st.sampled_from(["", "01"]),
    ),
    intake=st.builds(
        IntakeSettings,
        folders=_tuples(_NAME.map(lambda name: f"{FOLDER}{name}")),
        quiet_seconds=st.floats(0.1, 86_400),
        report_folder=st.sampled_from(["", FOLDER]),
        keep_days=st.integers(1, 1000),
        least_free_mb=st.integers(0, 1000),
    ),
    dicom=st.builds(
        DicomSettings,
        ae_title=_AE,
        port=_PORT,
        bind=st.sampled_from(["0.0.0.0", "127.0.0.1", "::"]),
        allowed_callers=_tuples(_AE),
        allowed_addresses=_tuples(_NETWORK),
        pacs=st.lists(
            st.builds(Pacs, name=_NAME, host=_NAME, port=_PORT, ae_title=_AE),
            max_size=2,
            unique_by=lambda one: one.name,
        ).map(tuple),
    ),
    query=st.builds(
        QuerySettings,
        on=st.booleans(),
        callers=_tuples(_AE),
        addresses=_tuples(_NETWORK),
        destinations=st.lists(st.builds("{}@{}:{}".format, _AE, st.sampled_from(["10.1.2.3", "pacs-1"]), _PORT)).map(
            tuple
        ),
    ),
    files=st.builds(
        FileService,
        public_base_url=st.sampled_from(["", "https://files.example:8443/x"]),
        port=_PORT,
        allowed_addresses=_tuples(_NETWORK),
    ),
    upload=st.builds(
        UploadSettings,
        submit=st.sampled_from(["manual", "auto"]),
        workers=st.integers(1, 16),
        retry_first_seconds=st.floats(0.01, 10),
        retry_longest_seconds=st.floats(10, 86_400),
        reconcile_at=st.sampled_from(["00:00", "23:59"]),
    ),
    secret_store=st.sampled_from(["keyring", "file"]),
    destinations=st.lists(
        st.builds(
            DestinationSettings,
            name=_NAME,
            region=st.just(REGION),
            base_url=st.sampled_from(["http://127.0.0.1:9000", "https://cloud.example/api"]),
            options=st.fixed_dictionaries(
                {},
                optional={"dicom_port": st.integers(0, 65535), "upload_mode": st.sampled_from(["separate", "merged"])},
            ),
            defaults=st.fixed_dictionaries({}, optional={"exam_status": _TEXT, "age_unit": _TEXT}),
            secret_names=_tuples(_NAME),
        ),
        max_size=2,
        unique_by=lambda one: one.name,
    ).map(tuple),
    signing=st.fixed_dictionaries({}, optional={"app_id": _TEXT, "staff": st.just([{"name": "甲", "role": "doctor"}])}),
)


@hypothesis_settings(max_examples=30, deadline=None)
@given(SETTINGS)
def test_what_is_written_is_what_is_read(settings: Settings) -> None:
    import tomli_w

    assert settings_from(tomllib.loads(tomli_w.dumps(document_of(settings)))) == settings


def test_writing_twice_leaves_one_file(home: Home) -> None:
    write_settings(home, Settings())
    write_settings(home, Settings(secret_store="file"))
    assert read_settings(home).secret_store == "file"
    assert [path.name for path in home.root.glob("settings*")] == ["settings.toml"]


def test_the_theme_is_kept_and_told_without_a_restart(home: Home, tmp_path: Path) -> None:
    with a_desk(home, tmp_path) as desk:
        assert desk.engine.status()["theme"] == "system"
        desk.engine.set_theme("dark")
        assert desk.engine.status()["theme"] == "dark"
        with pytest.raises(NeedsOperator):
            desk.engine.set_theme("pink")
    assert read_settings(home).ui.theme == "dark"


def test_a_colour_given_with_the_settings_is_told_at_once(desk: Desk) -> None:
    heard: list[str] = []
    desk.engine.subscribe(lambda event: heard.append(event["event"]))
    desk.engine.setup({"ui": {"closing": False}})
    assert "theme_changed" not in heard
    desk.engine.setup({"ui": {"theme": "dark"}})
    assert "theme_changed" in heard
    assert desk.engine.status()["theme"] == "dark"
