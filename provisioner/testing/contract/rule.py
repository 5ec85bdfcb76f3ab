"""The contract of rules."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from provisioner.catalogue import Catalogue
from provisioner.core.api.rules import Action, Deadline, Facts, MetDeadline, Rule
from provisioner.core.gateways.plugins import ENTRY_POINT_GROUP
from provisioner.core.model import AccountState
from provisioner.core.model.text import Text
from provisioner.core.policy.policy import Policy
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.testing import samples
from provisioner.testing.contract.facts import KINDS
from provisioner.testing.contract.facts import facts as some_facts
from provisioner.testing.contract.tags import Tag, tagged

#: How many calls are timed, and how many times as long as a simple sum with days each of them may take.
CALLS = 10_000
SLOWNESS = 50

#: The clocks of two machines may differ by so much.
SKEW = timedelta(seconds=30)

Known = st.SearchStrategy[Facts]

_many = settings(
    max_examples=30,
    deadline=None,
    database=None,
    derandomize=True,
    # Rules have no state, so that one may serve many examples; and the contract is there to be inherited.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@tagged(Tag.CORE)
class RuleContract:
    """What every rule must do. Inherit from it, and give it the fixture ``rule``.

    For example::

        class TestMyRule(RuleContract):
            @pytest.fixture
            def rule(self):
                return MyRule(days=10)

    A rule about accounts that are not open gives the fixture ``states`` too, and one about some kinds of units
    ``kinds``.
    """

    @pytest.fixture
    def rule(self) -> Rule:
        """The rule, with parameters of your choice."""
        pytest.fail(f"{type(self).__name__} needs a fixture method named 'rule' that returns the rule")

    @pytest.fixture
    def states(self) -> frozenset[AccountState]:
        """In which states an account concerns the rule."""
        return frozenset({AccountState.OPEN})

    @pytest.fixture
    def kinds(self) -> Sequence[str]:
        """The kinds of units whose accounts concern the rule."""
        return KINDS

    @pytest.fixture
    def known(self, states: frozenset[AccountState], kinds: Sequence[str]) -> Known:
        """What may be known of the accounts that concern the rule."""
        return some_facts(sorted(states), kinds)

    @pytest.fixture
    def turkish(self) -> Catalogue:
        """The Turkish messages; by default those of the product and of every plug-in that is installed."""
        return Catalogue.of("tr", [entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)])

    def test_wants_something(self, rule: Rule, known: Known) -> None:
        """There are accounts with deadlines of the rule; the other checks need them."""
        find(known, lambda facts: bool(rule.deadlines(facts)), settings=settings(_many, phases=[Phase.generate]))

    @_many
    @given(data=st.data())
    def test_same_facts_same_deadlines(self, rule: Rule, known: Known, data: st.DataObject) -> None:
        """The same facts give the same deadlines, regardless of earlier calls: no state, no clock, no random
        numbers.
        """
        facts = data.draw(known)
        first = list(rule.deadlines(facts))
        rule.deadlines(data.draw(known))

        assert list(rule.deadlines(copy.deepcopy(facts))) == first

    @_many
    @given(data=st.data())
    def test_deadlines_are_in_utc(self, rule: Rule, known: Known, data: st.DataObject) -> None:
        """Each deadline has an action and an aware time in UTC."""
        facts = data.draw(known)
        for deadline in rule.deadlines(facts):
            assert isinstance(deadline, Deadline)
            assert isinstance(deadline.action, Action)
            assert deadline.at.utcoffset() == timedelta(0)

    @_many
    @given(data=st.data())
    def test_deadlines_say_why(self, rule: Rule, known: Known, data: st.DataObject) -> None:
        """Each deadline names its source and has a reason, whose values are not part of the template."""
        facts = data.draw(known)
        for deadline in rule.deadlines(facts):
            assert deadline.source.strip(), "the source is empty"
            assert isinstance(deadline.reason, Text)
            assert str(deadline.reason).strip(), "the reason is empty"
            assert facts.account.mail not in deadline.reason.template, (
                "the address is a value, not a part of the template"
            )

    @_many
    @given(data=st.data())
    def test_reasons_are_there_in_turkish(
        self, rule: Rule, turkish: Catalogue, known: Known, data: st.DataObject
    ) -> None:
        """Each reason is translated in the package's ``locale`` folder, because people receive it by SMS."""
        facts = data.draw(known)
        for deadline in rule.deadlines(facts):
            assert deadline.reason.said(turkish) != str(deadline.reason), f"not translated: {deadline.reason.template}"

    @_many
    @given(data=st.data())
    def test_other_states_do_not_concern_it(
        self, rule: Rule, states: frozenset[AccountState], known: Known, data: st.DataObject
    ) -> None:
        """An account in a state that doesn't concern the rule has no deadlines."""
        facts = data.draw(known)
        for state in frozenset(AccountState) - states:
            account = attrs.evolve(facts.account, state=state)

            assert list(rule.deadlines(attrs.evolve(facts, account=account))) == []

    @_many
    @given(data=st.data())
    def test_does_not_look_at_what_follows_from_it(self, rule: Rule, known: Known, data: st.DataObject) -> None:
        """The stored next deadline changes nothing: it follows from the rule."""
        facts = data.draw(known)
        account = attrs.evolve(facts.account, next_deadline=_latest_of(facts) + timedelta(days=1))

        assert list(rule.deadlines(attrs.evolve(facts, account=account))) == list(rule.deadlines(facts))

    @_many
    @given(data=st.data())
    def test_little_things_change_no_time(self, rule: Rule, known: Known, data: st.DataObject) -> None:
        """A new name of the unit moves no deadlines; otherwise an import of units would send all warnings again."""
        facts = data.draw(known)
        renamed = attrs.evolve(facts, unit=attrs.evolve(facts.unit, name="Başka Bir Ad"))

        assert _times(rule.deadlines(renamed)) == _times(rule.deadlines(facts))

    @_many
    @given(data=st.data())
    def test_survives_facts_with_holes(
        self, rule: Rule, states: frozenset[AccountState], known: Known, data: st.DataObject
    ) -> None:
        """Unknown times cause no failure: one unusual account would stop the sweep for all."""
        facts = data.draw(known)
        for state in states:
            account = attrs.evolve(
                facts.account, state=state, opened_at=None, password_changed_at=None, closed_at=None, holder=None
            )

            rule.deadlines(attrs.evolve(facts, account=account, marks={}, since=None))

    @_many
    @given(data=st.data(), late=st.timedeltas(timedelta(0), timedelta(days=800)))
    def test_what_was_done_is_not_asked_for_again(
        self, rule: Rule, known: Known, data: st.DataObject, late: timedelta
    ) -> None:
        """After everything that is due was done, nothing is due: no second SMS and no second rotation.

        A directory whose clock is half a minute behind changes nothing about that.
        """
        facts = data.draw(known)
        now = _latest_of(facts) + late
        due = _due(rule, facts, now)

        assert _due(rule, _after(facts, due, now), now) == []

    @pytest.mark.parametrize("other", [RenewOrClose(), AutoRotate(), Rule()], ids=lambda other: type(other).__name__)
    def test_says_whether_it_goes_together_with_others(self, rule: Rule, other: Rule) -> None:
        """For any other rule, it returns why they can't be combined, or ``None``."""
        assert isinstance(rule.conflict_with(other), Text | None)

    def test_is_quick(self, rule: Rule, states: frozenset[AccountState], kinds: Sequence[str]) -> None:
        """Ten thousand calls are fast: the rule calls no other system and reads no file."""
        examples = [_example(state, kind, day) for state in states for kind in kinds for day in range(20)]
        times = range(CALLS // len(examples))
        start = datetime(2026, 1, 1, tzinfo=UTC)

        def sums() -> object:
            return [example.days_after(start, 30) for _ in times for example in examples]

        def calls() -> object:
            return [rule.deadlines(example) for _ in times for example in examples]

        # Once is enough: a busy machine is slow now and then, and a slow rule always.
        assert any(_seconds(calls) < SLOWNESS * _seconds(sums) for _ in range(3))


def _times(deadlines: Iterable[Deadline]) -> list[tuple[Action, datetime]]:
    return sorted((deadline.action, deadline.at) for deadline in deadlines)


def _due(rule: Rule, facts: Facts, now: datetime) -> list[Deadline]:
    return [deadline for deadline in Policy.unmet(rule.deadlines(facts), facts.marks.values()) if deadline.at <= now]


def _after(facts: Facts, due: Iterable[Deadline], now: datetime) -> Facts:
    """Return what is known when everything was done that is due."""
    marks, account = dict(facts.marks), facts.account
    for deadline in due:
        before = marks.get(deadline.action)
        confirmed_at = before.confirmed_at if before else None
        marks[deadline.action] = MetDeadline(
            rule_set="", action=deadline.action, at=deadline.at, met_at=now, confirmed_at=confirmed_at
        )
        if deadline.action is Action.ROTATE:
            account = attrs.evolve(account, password_changed_at=now - SKEW)
        elif deadline.action is Action.CLOSE:
            account = attrs.evolve(account, state=AccountState.CLOSED, closed_at=now)
    return attrs.evolve(facts, account=account, marks=marks)


def _latest_of(facts: Facts) -> datetime:
    """Return a time after all that is known."""
    account = facts.account
    marked = [time for mark in facts.marks.values() for time in (mark.at, mark.met_at, mark.confirmed_at)]
    times = [account.opened_at, account.password_changed_at, account.closed_at, facts.since, *marked]
    return max(filter(None, times))


def _example(state: AccountState, kind: str, day: int) -> Facts:
    """Return what is known of an account that was opened so many days after the start of 2026."""
    opened = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    account = attrs.evolve(samples.ACCOUNT, state=state, opened_at=opened, password_changed_at=opened, closed_at=opened)
    return Facts(account=account, unit=attrs.evolve(samples.UNIT, kind=kind))


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
