"""The rules that the product ships keep the contract of rules, and the contract sees those that do not."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from hypothesis.errors import NoSuchExample

from provisioner.catalogue import Catalogue
from provisioner.core.api.rules import Action, Deadline, Facts, Rule
from provisioner.core.model import AccountState
from provisioner.core.model.text import Text
from provisioner.rules.duties import BackupDuty, Custodian
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.rules.retention import Retention
from provisioner.rules.verification import Verify
from provisioner.testing.contract import RuleContract
from provisioner.testing.contract import rule as contract
from provisioner.testing.contract.facts import facts as some_facts


class TestRenewOrClose(RuleContract):
    @pytest.fixture
    def rule(self) -> Rule:
        return RenewOrClose()

    @pytest.fixture
    def states(self) -> frozenset[AccountState]:
        return frozenset({AccountState.OPEN, AccountState.INCOMPLETE})


class TestAutoRotate(RuleContract):
    @pytest.fixture
    def rule(self) -> Rule:
        return AutoRotate()


class TestCustodian(RuleContract):
    @pytest.fixture
    def rule(self) -> Rule:
        return Custodian()


class TestBackupDuty(RuleContract):
    @pytest.fixture
    def rule(self) -> Rule:
        return BackupDuty()


class TestRetention(RuleContract):
    @pytest.fixture
    def rule(self) -> Rule:
        return Retention()

    @pytest.fixture
    def states(self) -> frozenset[AccountState]:
        return frozenset({AccountState.CLOSED})


class TestVerify(RuleContract):
    @pytest.fixture
    def rule(self) -> Rule:
        return Verify()

    @pytest.fixture
    def states(self) -> frozenset[AccountState]:
        return frozenset({AccountState.OPEN, AccountState.CLOSED})


GOOD = Text("the password of {mail} must be renewed", {"mail": "a@kural.example"})
OPEN = frozenset({AccountState.OPEN})


@attrs.define(eq=False)
class Wrong(Rule):
    """Rotates ten days after the opening, which is a good rule until one of its parts is changed."""

    at: Any = lambda facts, _: facts.account.opened_at + timedelta(days=10)
    reason: Text = GOOD
    source: str = "001 ¶2"
    states: frozenset[AccountState] = OPEN
    calls: int = 0

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        self.calls += 1
        if facts.account.state not in self.states or not facts.account.opened_at:
            return []
        at: datetime = self.at(facts, self.calls)
        return [Deadline(action=Action.ROTATE, at=at, reason=self.reason, source=self.source)]


def _in_ten_days(facts: Facts, _: int) -> datetime:
    assert facts.account.opened_at
    return facts.account.opened_at + timedelta(days=10)


@pytest.mark.parametrize(
    ("rule", "check"),
    [
        (Wrong(at=lambda facts, calls: _in_ten_days(facts, calls) + timedelta(days=calls)), "same_facts"),
        (Wrong(at=lambda facts, calls: _in_ten_days(facts, calls).replace(tzinfo=None)), "are_in_utc"),
        (Wrong(at=lambda facts, calls: _in_ten_days(facts, calls).astimezone(facts.time_zone)), "are_in_utc"),
        (Wrong(source=" "), "deadlines_say_why"),
        (Wrong(reason=Text("")), "deadlines_say_why"),
        (Wrong(reason=Text("nobody translated this")), "reasons_are_there_in_turkish"),
        (Wrong(states=frozenset(AccountState)), "other_states"),
        (Wrong(at=lambda facts, _: facts.account.next_deadline or facts.account.password_changed_at), "follows_from"),
        (Wrong(at=lambda facts, _: facts.account.password_changed_at - timedelta(len(facts.unit.name))), "little"),
        (Wrong(at=lambda facts, _: facts.account.password_changed_at + timedelta(seconds=9)), "asked_for_again"),
    ],
)
def test_the_contract_sees_what_is_wrong(rule: Wrong, check: str, facts: Facts) -> None:
    [function] = [one for name, one in vars(RuleContract).items() if check in name]
    known = {"rule": rule, "states": OPEN, "turkish": Catalogue.of("tr"), "known": None}
    known |= {"late": timedelta(days=30), "data": SimpleNamespace(draw=lambda _: facts)}
    wanted = inspect.signature(function.hypothesis.inner_test).parameters
    make = partial(function.hypothesis.inner_test, RuleContract())

    with pytest.raises(AssertionError):
        make(**{key: value for key, value in known.items() if key in wanted})


def test_the_contract_sees_a_rule_that_never_wants_anything() -> None:
    with pytest.raises(NoSuchExample):
        RuleContract().test_wants_something(Wrong(states=frozenset()), some_facts(sorted(OPEN), ["school"]))


def test_the_contract_sees_a_rule_that_asks_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contract, "CALLS", 300)

    def slow(facts: Facts, calls: int) -> datetime:
        time.sleep(0.002)
        return _in_ten_days(facts, calls)

    with pytest.raises(AssertionError):
        RuleContract().test_is_quick(Wrong(at=slow), OPEN, ["school"])
