"""One line to say that something is refused, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.crypto.refusals import Refusal, SignatureRefused


@contextmanager
def refused(refusal: Refusal) -> Iterator[None]:
    """The block raises SignatureRefused for this reason."""
    with pytest.raises(SignatureRefused) as caught:
        yield
    assert caught.value.refusal is refusal, caught.value
