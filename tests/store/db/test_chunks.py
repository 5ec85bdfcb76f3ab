"""Long lists are cut where a statement takes no more, and nothing is lost or turned round."""

from __future__ import annotations

import pytest

from provisioner.store.db.chunks import CHUNK, chunks


def test_chunks_keep_the_order_and_everything() -> None:
    values = [str(number) for number in range(2 * CHUNK + 7)]

    pieces = list(chunks(values))

    assert [len(piece) for piece in pieces] == [CHUNK, CHUNK, 7]
    assert [value for piece in pieces for value in piece] == values


@pytest.mark.parametrize("count", [0, CHUNK])
def test_no_empty_list_is_asked_for(count: int) -> None:
    """SQL has no list of nothing."""
    assert all(chunks(iter(["a"] * count)))


def test_a_list_fits_into_a_statement_of_sqlite() -> None:
    assert CHUNK < 32_766
