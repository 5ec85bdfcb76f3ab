"""Times as directories write them, and how exact they are."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

#: How far the clocks of this machine and of the directory may be apart.
CLOCK_SKEW = timedelta(minutes=5)

#: What stands for a time that cannot be read.
BEGINNING = datetime.min.replace(tzinfo=UTC)

_GENERALIZED_TIME = re.compile(r"(\d{10,14})(?:[.,]\d+)?(Z|[+-]\d{2,4})")


def generalized_time(text: str) -> datetime:
    """Read a time as directories write it (RFC 4517, section 3.3.13); fractions are dropped.

    What cannot be read, such as the year 0, is the beginning of time.
    """
    if found := _GENERALIZED_TIME.fullmatch(text):
        digits, zone = found.groups()
        full = digits.ljust(14, "0") + (zone if zone == "Z" else zone.ljust(5, "0"))
        with suppress(ValueError, OverflowError):
            return datetime.strptime(full, "%Y%m%d%H%M%S%z").astimezone(UTC)
    return BEGINNING
