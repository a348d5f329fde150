"""An empty store and a scripted destination for every test here that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import Store
from app.store.database import opened
from tests.delivery.stage import Stage, a_stage


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "agent.db") as made:
        yield made


@pytest.fixture
def stage(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return a_stage(store, tmp_path, monkeypatch)
