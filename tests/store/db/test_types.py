"""Times are aware and in UTC, whatever the database keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import sqlite

from provisioner.core.model import StepError
from provisioner.core.model.text import Text
from provisioner.store.db.types import ErrorText, UtcDateTime

NOON = datetime(2026, 11, 22, 12, 0, 0, 1, tzinfo=UTC)
TURKEY = timezone(timedelta(hours=3))


def test_time_of_another_zone_is_kept_as_the_same_moment() -> None:
    kept = UtcDateTime().process_bind_param(NOON.astimezone(TURKEY), sqlite.dialect())

    assert (kept, kept and kept.tzinfo) == (NOON, UTC)


def test_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="a naive datetime cannot be stored"):
        UtcDateTime().process_bind_param(NOON.replace(tzinfo=None), sqlite.dialect())


@pytest.mark.parametrize("kept", [NOON.replace(tzinfo=None), NOON.astimezone(TURKEY)])
def test_what_comes_back_is_utc(kept: datetime) -> None:
    """SQLite drops the zone; PostgreSQL answers in the zone of the session."""
    value = UtcDateTime().process_result_value(kept, sqlite.dialect())

    assert (value, value and value.tzinfo) == (NOON, UTC)


def test_nothing_stays_nothing() -> None:
    assert UtcDateTime().process_bind_param(None, sqlite.dialect()) is None
    assert UtcDateTime().process_result_value(None, sqlite.dialect()) is None


class TestErrors:
    """Why something was not done, as it is kept in a column."""

    def test_keep_the_template_and_the_values_of_their_messages(self) -> None:
        error = StepError(
            name="RefusedError", message=Text("{a} is down", {"a": "pys"}), cure=Text("start {a}", {"a": 1})
        )

        kept = ErrorText().process_bind_param(error, sqlite.dialect())

        assert ErrorText().process_result_value(kept, sqlite.dialect()) == error

    def test_that_an_earlier_version_wrote_are_read(self) -> None:
        kept = '{"name": "RefusedError", "message": "{pys} is down", "cure": "start it"}'

        error = ErrorText().process_result_value(kept, sqlite.dialect())

        assert error is not None
        assert (error.name, str(error.message), str(error.cure)) == ("RefusedError", "{pys} is down", "start it")

    def test_without_a_cure_have_none_after_they_were_read(self) -> None:
        kept = ErrorText().process_bind_param(StepError(name="RefusedError", message="x"), sqlite.dialect())

        error = ErrorText().process_result_value(kept, sqlite.dialect())

        assert error is not None
        assert error.cure.template == ""
