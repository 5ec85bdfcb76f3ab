"""The policy of a configuration; its fingerprint is tested with the rules."""

from __future__ import annotations

import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.services.bootstrap import application
from provisioner.services.rule_sets import fingerprint, make_policy
from provisioner.testing.clock import FakeClock

RULES = """\
[rules.backup]
rule = "backup-duty"
[rules.custodians]
rule = "custodian"
under = ["ar-ge"]
"""


@pytest.fixture(name="ruled")
def _ruled(office_config: LoadedConfiguration) -> LoadedConfiguration:
    office_config.file.write_text(office_config.file.read_text() + RULES)
    return load(office_config.file)


def test_a_policy_has_the_rule_sets_with_their_scopes(ruled: LoadedConfiguration) -> None:
    clock = FakeClock()
    with application(ruled, now=clock) as app:
        policy = make_policy(ruled, app.plugins, app.store, clock())

    assert [(rule_set.name, set(rule_set.scope.under)) for rule_set in policy.rule_sets] == [
        ("backup", set()),
        ("custodians", {"ar-ge"}),
    ]
    assert policy.since == {"backup": clock(), "custodians": clock()}


def test_a_policy_is_another_one_with_other_rules(ruled: LoadedConfiguration) -> None:
    """The stored deadlines would otherwise be those of rules that are gone."""
    before = fingerprint(ruled)
    ruled.file.write_text(ruled.file.read_text().replace("ar-ge", "il-mem"))

    assert fingerprint(load(ruled.file)) != before
