"""A rule set: the parameters, the rule, and the plug-in that makes one of the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import attrs
from attrs.validators import and_, ge, le

from provisioner import hookimpl
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.api.rules import Action, Deadline, Facts, Rule, share
from provisioner.core.model import AccountState
from provisioner.core.model.days import at_wall_time
from provisioner.core.model.text import Text

AUGUST = 8
DAYS = and_(ge(1), le(31))


@attrs.frozen(kw_only=True)
class SchoolsInAugust(Rule):
    """Make new passwords for the open accounts of schools, once a year."""

    #: The first and the last day of August on which that is done.
    from_day: int = attrs.field(default=15, validator=DAYS)
    to_day: int = attrs.field(default=31, validator=DAYS)

    def __attrs_post_init__(self) -> None:
        if self.to_day < self.from_day:
            raise ConfigurationError(
                "day {to_day} is before day {from_day}",
                cure="swap from_day and to_day",
                from_day=self.from_day,
                to_day=self.to_day,
            )

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return when the next rotation is."""
        account = facts.account
        if facts.unit.kind != "school" or account.state is not AccountState.OPEN or not account.password_changed_at:
            return []
        reason = Text("before the new school year, {mail} gets a new password", {"mail": account.mail})
        at = self._next(account.password_changed_at, facts)
        return [Deadline(action=Action.ROTATE, at=at, reason=reason, source="our own circular, 2026/7")]

    def _next(self, changed: datetime, facts: Facts) -> datetime:
        """Return the account's moment in the first August that begins after its password and the rule set do.

        A password that was made in the window is young enough, and a rule set that is introduced in the window leaves
        those alone whose moment is over.
        """
        year = changed.astimezone(facts.time_zone).year
        while True:
            start = at_wall_time(year, AUGUST, self.from_day, facts.time_zone)
            end = at_wall_time(year, AUGUST, self.to_day, facts.time_zone, hour=23)
            at = start + (end - start) * share(facts.account.login, str(year))
            if start > changed and at >= (facts.since or at):
                return at
            year += 1


@attrs.define(eq=False)
class RuleSet:
    """One configured rule set."""

    rule: Rule

    @hookimpl
    def policy_rules(self) -> Sequence[Rule]:
        """Give the one rule."""
        return [self.rule]


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make a rule of the parameters of each ``[rules.NAME]`` that names this plug-in."""
    for section in settings.rule_sets:
        register.rule_set(section.name, RuleSet(section.settings(SchoolsInAugust)))
