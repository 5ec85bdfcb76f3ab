"""Bounds of numbers in settings, for the product and for plug-ins.

A number that no calendar or clock can compute with must be refused where it is read, with its place. Where it is first
used, it would fail a rule or a call.
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import and_, ge, le

from provisioner.core.api.errors import ConfigurationError

#: The most days that a rule can count: a century.
MOST_DAYS = 36_525

#: A number of days: from 1 to :data:`MOST_DAYS`.
DAYS = and_(ge(1), le(MOST_DAYS))

#: A number of months: from 1 to a century.
MONTHS = and_(ge(1), le(1200))

#: The most seconds for which a call can be waited for.
LONGEST_TIMEOUT = 3600


def is_timeout(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    """Make sure that a setting is a number of seconds for which something can be waited for.

    Raises:

        ConfigurationError: It is not above 0, above :data:`LONGEST_TIMEOUT`, or no number.
    """
    if not 0 < value <= LONGEST_TIMEOUT:
        raise ConfigurationError(
            "{key}: expected more than 0 and at most {most} seconds", key=attribute.name, most=LONGEST_TIMEOUT
        )
