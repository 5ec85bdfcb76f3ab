"""Compares the passwords of the product with the requirements of a target."""

from __future__ import annotations

import math
from datetime import timedelta

import attrs

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import PasswordLimits
from provisioner.core.model.days import days_text
from provisioner.core.model.text import Text

_DAY = timedelta(days=1)


@attrs.frozen(kw_only=True)
class Practice:
    """How passwords are generated, and how long they are used."""

    #: Their length; ``None`` if none can be generated.
    length: int | None = None
    #: The time after which the rules replace a password or close the account at the latest; ``None`` if no rule does.
    life: timedelta | None = None

    def require_acceptance(self, limits: PasswordLimits) -> None:
        """Check that a target accepts the generated passwords.

        Raises:

            MisconfiguredError: It accepts none of them.
        """
        if self.length is None:
            return
        if self.length < limits.minimum_length:
            raise MisconfiguredError(
                "generated passwords have {length} characters, but the target requires at least {limit}",
                cure="allow shorter passwords there, or load a plug-in whose password policy requires longer ones",
                length=self.length,
                limit=limits.minimum_length,
            )
        if limits.maximum_length is not None and self.length > limits.maximum_length:
            raise MisconfiguredError(
                "generated passwords have {length} characters, but the target allows at most {limit}",
                cure="allow longer passwords there",
                length=self.length,
                limit=limits.maximum_length,
            )

    def warnings(self, limits: PasswordLimits) -> list[Text]:
        """Return a warning, with the cure, if passwords expire on a target before the rules act."""
        if limits.maximum_age is None:
            return []
        age = timedelta(seconds=limits.maximum_age)
        there = math.floor(age / _DAY)
        if self.life is None:
            text = Text(
                "passwords expire there after {there}, and no rule renews them or warns; increase this period, or"
                " configure a rule set under [rules]",
                {"there": days_text(there)},
            )
            return [text]
        if age >= self.life:
            return []
        text = Text(
            "passwords expire there after {there}, but the rules keep them for {days}, so people are locked out without"
            " a warning; increase the period there, or lower the days of the rules",
            {"there": days_text(there), "days": days_text(math.ceil(self.life / _DAY))},
        )
        return [text]
