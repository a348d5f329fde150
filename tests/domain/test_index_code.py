"""An index code as it is shown: enough to find it again, not whose document it names."""

from __future__ import annotations

import pytest

from app.domain.index_code import masked_index

REST = "-20261105093000-0000000000000-000000000"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (f"111-52010319680412103X{REST}", f"111-5201****103X{REST}"),
        (f"414-EK81265903{REST}-52140000MJ00000075", f"414-EK****03{REST}-52140000MJ00000075"),
        (f"414-A1234{REST}", f"414-****{REST}"),
        ("2026-000123", "2026-000123"),
        ("R-77-2026110509300-1", "R-77-2026110509300-1"),
        ("", ""),
    ],
)
def test_the_middle_of_the_document_s_number_is_hidden(number: str, shown: str) -> None:
    assert masked_index(number) == shown
