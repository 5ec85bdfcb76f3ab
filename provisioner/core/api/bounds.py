"""Bounds of numbers in settings, for the product and for plug-ins.

A number that no calendar or clock can calculate with must be refused where it is read, with its place. Otherwise, the
rule or call that first uses it would fail.
"""

from __future__ import annotations

from typing import Any

import attrs
from attrs.validators import and_, ge, le

from provisioner.core.api.errors import ConfigurationError

#: The maximum number of days in a rule: a century.
MOST_DAYS = 36_525

#: A number of days: from 1 to :data:`MOST_DAYS`.
DAYS = and_(ge(1), le(MOST_DAYS))

#: A number of months: from 1 to a century.
MONTHS = and_(ge(1), le(1200))

#: The maximum timeout of a call, in seconds.
LONGEST_TIMEOUT = 3600


def is_timeout(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    """Check that a setting is a valid timeout in seconds.

    Raises:

        ConfigurationError: The value is not above 0, is above :data:`LONGEST_TIMEOUT`, or is not a number.
    """
    if not 0 < value <= LONGEST_TIMEOUT:
        raise ConfigurationError(
            "{key}: expected more than 0 and at most {most} seconds", key=attribute.name, most=LONGEST_TIMEOUT
        )
