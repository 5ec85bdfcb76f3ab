"""The plug-in ``rules``: makes the rule that ``rule = "..."`` names, with the other settings as its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import attrs

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.registration import PluginSettings, Registrar, Section
from provisioner.core.api.rules import Monitor, Rule
from provisioner.rules.certificates import Certificates
from provisioner.rules.duties import BackupDuty, Custodian
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.rules.retention import Retention
from provisioner.rules.verification import Verify


class RuleName(StrEnum):
    """What ``rule`` may be."""

    RENEW_OR_CLOSE = "renew-or-close"
    AUTO_ROTATE = "auto-rotate"
    CUSTODIAN = "custodian"
    BACKUP_DUTY = "backup-duty"
    RETENTION = "retention"
    CERTIFICATE = "certificate"
    VERIFY = "verify"


RULES: dict[RuleName, type[Rule | Monitor]] = {
    RuleName.RENEW_OR_CLOSE: RenewOrClose,
    RuleName.AUTO_ROTATE: AutoRotate,
    RuleName.CUSTODIAN: Custodian,
    RuleName.BACKUP_DUTY: BackupDuty,
    RuleName.RETENTION: Retention,
    RuleName.CERTIFICATE: Certificates,
    RuleName.VERIFY: Verify,
}


@attrs.frozen(kw_only=True)
class _RuleHead:
    rule: RuleName


@attrs.define(eq=False)
class OneRule:
    """A rule set of one rule."""

    _rule: Rule | Monitor

    @hookimpl
    def policy_rules(self) -> Sequence[Rule | Monitor]:
        """Give the rule."""
        return [self._rule]


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make one rule for each configured rule set."""
    for section in settings.rule_sets:
        register.rule_set(section.name, OneRule(_make(section)))


def _make(section: Section) -> Rule | Monitor:
    name = {key: value for key, value in section.table.items() if key == "rule"}
    parameters = {key: value for key, value in section.table.items() if key != "rule"}
    head = attrs.evolve(section, table=name).settings(_RuleHead)
    return attrs.evolve(section, table=parameters).settings(RULES[head.rule])
