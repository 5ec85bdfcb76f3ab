"""Words that are stored for good, and what follows from them."""

from __future__ import annotations

from datetime import datetime

import pytest

from provisioner.core.model import Operation, OperationKind, OperationState, Outcome


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        (OperationKind, "create close reopen rotate handover delete update withdraw"),
        (OperationState, "planned running done undone incomplete failed staged"),
        (Outcome, "applied unchanged not_applied unknown"),
    ],
)
def test_words_in_stores_and_scripts_stay(words: type[OperationKind], stored: str) -> None:
    assert [word.value for word in words] == stored.split()


def test_only_what_is_over_has_ended() -> None:
    """Whatever has not ended keeps the next operation of its account waiting."""
    ended = {state for state in OperationState if state.ended}

    assert ended == {OperationState.DONE, OperationState.UNDONE, OperationState.FAILED}


def test_an_operation_without_a_time_zone_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="created_at"):
        Operation(id="o1", kind=OperationKind.CLOSE, login="a", actor="p1", created_at=datetime(2026, 1, 1))  # noqa: DTZ001
