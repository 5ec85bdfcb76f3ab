"""Column types that make the values of a row the values of the model."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

import attrs
from sqlalchemy import DateTime, Dialect, Enum, Text
from sqlalchemy.types import TypeDecorator

from provisioner.core.model import StepError

WordT = TypeVar("WordT", bound=StrEnum)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC, also on databases that keep no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Refuse naive times; SQLite, which drops the zone, is only ever given UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = "a naive datetime cannot be stored"
            raise ValueError(msg)
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        """Say that what SQLite kept is UTC, and bring what others kept to UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ErrorText(TypeDecorator[StepError]):
    """Why a step or an operation did not do what it should, as JSON."""

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: StepError | None, _: Dialect) -> str | None:
        """Write it as an object with the fields of the class."""
        return None if value is None else json.dumps(attrs.asdict(value))

    def process_result_value(self, value: str | None, _: Dialect) -> StepError | None:
        """Read it back."""
        return None if value is None else StepError(**json.loads(value))


def words(values: type[WordT]) -> Enum:
    """Return a column type for *values*: stored as the words themselves, without a constraint on the column."""
    return Enum(values, native_enum=False, length=16, values_callable=lambda enum: [member.value for member in enum])
