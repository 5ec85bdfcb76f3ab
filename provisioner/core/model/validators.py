"""Validators of fields."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import attrs


def require_utc(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Accept only aware times in UTC, or `None`."""
    if value is not None and value.tzinfo is not UTC and value.utcoffset() != timedelta(0):
        msg = f"{attribute.name} must be an aware datetime in UTC"
        raise ValueError(msg)
