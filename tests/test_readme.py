"""The README stays true: the table of states is the one of the code, every picture exists, every command is known."""

from __future__ import annotations

import re
from pathlib import Path

from app.cli.parser import PASSED_ON, build_parser
from app.domain.job import JOB_WORDS, TRANSITIONS, Event, JobState

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


def test_every_picture_of_the_readme_exists() -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README)
    assert pictures
    assert [name for name in pictures if not (ROOT / name).is_file()] == []


def test_every_command_of_the_program_stands_in_the_readme() -> None:
    parser = build_parser()
    commands = next(action.choices for action in parser._actions if action.dest == "command")
    assert commands is not None
    assert [name for name in (*commands, *PASSED_ON) if not re.search(rf"\b{re.escape(name)}\b", README)] == []
