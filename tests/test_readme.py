"""The README stays true: states, rooms, pages, keys, settings and commands are those of the code; pictures exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from app.cli.parser import PASSED_ON, build_parser
from app.domain.job import JOB_WORDS, TRANSITIONS, Event, JobState
from app.engine.settings import SECTIONS, STAFF, UI
from app.gui.keys import KEYS
from app.gui.pages import Pages
from tests.test_house import MAY_IMPORT, ONLY_DOOR

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def transitions_table() -> str:
    """One row per state; what is not listed cannot happen."""
    lines = ["| state | events |", "|---|---|"]
    for state in JobState:
        moves = [(event, TRANSITIONS[state, event]) for event in Event if (state, event) in TRANSITIONS]
        told = " · ".join(f"{event.name} → {target.name}" for event, target in moves) or "final"
        lines.append(f"| {state.name} {JOB_WORDS[state]} | {told} |")
    return "\n".join(lines)


def test_the_table_of_states_is_the_one_of_the_code() -> None:
    found = re.search(r"<!-- transitions -->\n(.*?)\n?<!-- /transitions -->", README, re.DOTALL)
    assert found is not None
    assert found.group(1) == transitions_table()


PICTURES = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", README)


def test_every_picture_of_the_readme_is_there_as_large_as_a_clinics_screen() -> None:
    assert PICTURES
    for _, name in PICTURES:
        with Image.open(ROOT / name) as picture:
            assert picture.size == (1366, 768), name
        assert (ROOT / name).stat().st_size < 150_000, name


def test_every_picture_that_lies_there_is_shown() -> None:
    lying = {f"resources/pictures/{path.name}" for path in (ROOT / "resources" / "pictures").iterdir()}
    assert lying == {name for _, name in PICTURES}


def test_every_page_of_the_window_is_shown_and_named() -> None:
    shown = {title for title, _ in PICTURES}
    names = list(Pages(None, lambda page: None))  # type: ignore[arg-type]  # names alone make no page
    assert names[0] == "今天"
    assert [name for name in names if name not in shown or f"**{name}**" not in README] == []


def test_every_key_of_the_readmes_table_is_one_of_the_programs() -> None:
    known = " ".join(key.keys for keys in KEYS.values() for key in keys)
    table = README.split("| keys | |")[1].split("\n\n")[0]
    named = re.findall(r"Ctrl\+\S+|Alt\+\S+|\bF\d\b|\bPg\w+|\bDel\b|\bEsc\b|[←→↑↓+−](?= )", table)
    assert len(named) > 20
    assert [key for key in named if key != "Ctrl+wheel" and key not in known] == []


def test_every_room_stands_in_the_table_with_the_doors_that_it_has() -> None:
    rooms = {found[1]: found[0] for found in re.finditer(r"^\| `(\w+)(?:/|\.py)` \|.*$", README, re.MULTILINE)}
    missing = {room for room in MAY_IMPORT if not room.startswith("__")} - rooms.keys() - {"provide", "signing"}
    assert missing == set()
    kept_private = {"urllib.request", "http.server", "http.client"}  # Python's own
    doors = {door: room for door, room in ONLY_DOOR.items() if room in rooms and door not in kept_private}
    assert [door for door, room in doors.items() if door.replace("_", "-") not in rooms[room].replace("_", "-")] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_settings_stands_in_the_readme(section: str) -> None:
    assert re.search(rf"^\[+{section}[\].]", README, re.MULTILINE), section


def test_the_keys_of_reminders_and_staff_stand_in_their_lines() -> None:
    lines = README.splitlines()
    ui, staff = (next(line for line in lines if line.startswith(head)) for head in ("[ui]", "[[signing.staff]]"))
    assert [key for key in UI if key not in ui] == []
    assert [key for key in STAFF if key not in staff] == []


def test_every_command_of_the_program_stands_in_the_readme() -> None:
    parser = build_parser()
    commands = next(action.choices for action in parser._actions if action.dest == "command")
    assert commands is not None
    assert [name for name in (*commands, *PASSED_ON) if not re.search(rf"\b{re.escape(name)}\b", README)] == []
