"""What the server says is said in the product's words, without what it quotes from rows."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from provisioner.store.db.postgresql_errors import is_unreachable, store_error


class OperationalError(Exception):
    """The error of the driver, as far as it is looked at."""

    def __init__(self, state: str | None, primary: str = "what the server says", detail: str = "") -> None:
        super().__init__(f"{primary}\n{detail}")
        self.sqlstate = state
        self.diag = SimpleNamespace(message_primary=primary, message_detail=detail)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("25P03", "was stopped for too long"),
        ("57P05", "was stopped for too long"),
        ("55P03", "is busy"),
        ("40P01", "is busy"),
        ("25006", "cannot be written"),
        ("42501", "cannot be written"),
        ("53100", "no space is left"),
        ("XX001", "is damaged"),
        ("57P01", "cannot be reached: what the server says"),
        (None, "cannot be reached: what the server says"),
        ("53300", "failed: what the server says"),
    ],
)
def test_a_failure_of_the_database_is_said_as_another_one(state: str | None, said: str) -> None:
    assert said in str(store_error(OperationalError(state), "postgresql://db/store"))


def test_values_of_rows_are_not_repeated() -> None:
    refused = OperationalError("22P02", 'invalid input syntax: "hunter2"')
    doubled = OperationalError("23505", "duplicate key value", "Key (login)=(hunter2) already exists.")

    for error in (refused, doubled):
        assert "hunter2" not in repr(store_error(error, "x"))


def test_only_a_server_that_gives_no_answer_may_answer_later() -> None:
    assert is_unreachable(OperationalError(None))
    assert is_unreachable(OperationalError("57P03"))
    assert not is_unreachable(OperationalError("55P03"))
    assert not is_unreachable(ValueError("a NUL"))
