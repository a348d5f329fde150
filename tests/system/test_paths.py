"""The home folder: private, movable, two on one machine."""

from __future__ import annotations

import os
import stat
import sys
from multiprocessing.connection import Client, Listener
from pathlib import Path

import pytest

from app.system.paths import Home, home_at


def test_a_made_home_has_every_folder_and_nobody_else_may_look(tmp_path: Path) -> None:
    home = home_at(tmp_path / "a" / "b").make().make()
    folders = (home.root, home.spool, home.parts, home.logs, home.aside)
    assert all(folder.is_dir() for folder in folders)
    if sys.platform != "win32":
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_the_default_home_lies_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home_at().root.name == "ImagingAgent"
    if sys.platform.startswith("linux"):
        assert home_at().root == tmp_path / "ImagingAgent"


def test_a_relative_home_means_the_same_folder_from_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert home_at("demo").root == tmp_path.resolve() / "demo"


@pytest.mark.parametrize("depth", [0, 12])
def test_a_socket_can_be_opened_however_deep_the_home_lies(tmp_path: Path, depth: int) -> None:
    home = Home(root=tmp_path.joinpath(*["影像云"] * depth)).make()
    with Listener(home.socket_address) as listener:
        client = Client(home.socket_address)
        listener.accept().close()
        client.close()


def test_two_deep_homes_have_two_sockets(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["影像云"] * 12)
    assert Home(root=deep / "1").socket_address != Home(root=deep / "2").socket_address


def test_everything_lies_under_the_root(home: Home) -> None:
    inside = (home.settings_file, home.database_file, home.spool, home.parts, home.logs, home.lock_file, home.key_file)
    assert all(os.path.commonpath([home.root, path]) == str(home.root) for path in inside)
