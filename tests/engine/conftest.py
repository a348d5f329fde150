"""A desk with one destination for every test here that asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.system.paths import Home
from tests.engine.desk import Desk, a_desk


@pytest.fixture
def desk(home: Home, tmp_path: Path) -> Iterator[Desk]:
    with a_desk(home, tmp_path, "main") as made:
        yield made
