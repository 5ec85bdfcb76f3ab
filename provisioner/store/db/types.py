"""Column types that make the values of a row the values of the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeVar

import attrs
from sqlalchemy import DateTime, Dialect, Enum, Text
from sqlalchemy.types import TypeDecorator

from provisioner.core.model import StepError

WordT = TypeVar("WordT", bound=StrEnum)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on databases that keep no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], Any] | None:
        """Write times for SQLite in one step: the journal writes very many, and SQLAlchemy needs thrice as long."""
        return _sqlite_time if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """Read times of SQLite in one step as well."""
        return _time_of_sqlite if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Refuse naive times; SQLite, which drops the zone, is only ever given UTC."""
        return None if value is None else _in_utc(value)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Say that what SQLite kept is UTC, and bring what others kept to UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


@lru_cache(maxsize=8)  # the changes of a list have the same time, and so have those of one step
def _sqlite_time(value: datetime | None) -> str | None:
    """Return a time as SQLAlchemy writes it for SQLite."""
    if value is None:
        return None
    time = value if value.tzinfo is UTC else _in_utc(value)
    return time.isoformat(" ", "microseconds")[:26]


def _time_of_sqlite(value: str | None) -> datetime | None:
    """Return a time that SQLite kept without its zone."""
    return None if value is None else datetime.fromisoformat(f"{value}+00:00")


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "a naive datetime cannot be stored"
        raise ValueError(msg)
    return value if value.tzinfo is UTC else value.astimezone(UTC)


class ErrorText(TypeDecorator[StepError]):
    """Why a step or an operation did not do what it should, as JSON."""

    impl = Text()
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[StepError | None], str | None]:
        """Write nearly always nothing, in one step."""
        return lambda value: None if value is None else self.process_bind_param(value, dialect)

    def process_bind_param(self, value: StepError | None, _: Dialect) -> str | None:
        """Write it as an object with the fields of the class."""
        return None if value is None else json.dumps(attrs.asdict(value))

    def process_result_value(self, value: str | None, _: Dialect) -> StepError | None:
        """Read it back."""
        return None if value is None else StepError(**json.loads(value))


def words(values: type[WordT]) -> Enum:
    """Return a column type for *values*: stored as the words themselves, without a constraint on the column."""
    return Enum(values, native_enum=False, length=16, values_callable=lambda enum: [member.value for member in enum])
