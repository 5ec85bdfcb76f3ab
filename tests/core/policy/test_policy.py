"""Which rules hold for which account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from structlog.testing import capture_logs

from provisioner.core.api.errors import ConfigurationError, PluginError
from provisioner.core.api.messages import TargetReport
from provisioner.core.api.rules import Action, Deadline, Facts, MetDeadline, Monitor, Observation, Reports, Rule
from provisioner.core.model import Account, Unit
from provisioner.core.model.scope import Scope
from provisioner.core.model.text import Text
from provisioner.core.policy.policy import Policy, RuleSet

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)

#: province / district / school, and an office of the province.
PATHS = {
    "province": ("province",),
    "district": ("district", "province"),
    "school": ("school", "district", "province"),
    "office": ("office", "province"),
}
SCHOOL = Unit(code="school", name="Okul", kind="school", parent="district")
DISTRICT = Unit(code="district", name="İlçe", kind="district", parent="province")
OFFICE = Unit(code="office", name="Şube", kind="branch", parent="province")
ACCOUNT = Account(login="okul", domain="meb.k12.tr", unit="school")


def deadline(name: str, at: datetime = NOW, action: Action = Action.WARN) -> Deadline:
    return Deadline(action=action, at=at, reason=Text(name), source="test")


@attrs.frozen(kw_only=True)
class Says(Rule):
    """Has the same deadlines for everybody."""

    name: str
    at: tuple[datetime, ...] = (NOW,)
    clashes_with: str = ""

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        return [deadline(self.name, at) for at in self.at]

    def conflict_with(self, other: Rule, /) -> Text | None:
        clash = isinstance(other, Says) and other.name == self.clashes_with
        return Text("{one} hates {other}", {"one": self.name, "other": self.clashes_with}) if clash else None


class AlsoSays(Says):
    """Another kind of rule."""


@attrs.frozen(kw_only=True)
class Plans(Rule):
    """Has deadlines so many days from now, by action."""

    at: Mapping[Action, Sequence[int]]

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        return [deadline("", NOW + day * DAY, action) for action, days in self.at.items() for day in days]


class AlsoPlans(Plans):
    """Another kind of rule."""


class Remembers(Rule):
    """Keeps the facts it is given."""

    def __init__(self) -> None:
        self.facts: list[Facts] = []

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        self.facts.append(facts)
        return []


def scope(*, kinds: Sequence[str] = (), under: Sequence[str] = ()) -> Scope:
    return Scope(kinds=frozenset(kinds), under=frozenset(under))


def rule_set(name: str, scope: Scope | None = None, *rules: Rule) -> RuleSet:
    return RuleSet(name=name, rules=rules or (Says(name=name),), scope=scope or Scope())


def path_of(code: str) -> Sequence[str]:
    return PATHS.get(code, (code,))


def policy(*rule_sets: RuleSet) -> Policy:
    return Policy(rule_sets=rule_sets, path_of=path_of)


def who_holds(found: Policy, unit: Unit) -> list[str]:
    return [one.rule_set for one in found.deadlines(ACCOUNT, unit, [])]


class TestScope:
    """Where a rule set holds."""

    @pytest.mark.parametrize(
        ("narrower", "holds"),
        [
            (scope(kinds=["school"]), {"school"}),
            (scope(under=["district"]), {"school", "district"}),
            (scope(under=["province"]), {"school", "district", "office"}),
            (scope(kinds=["school", "branch"], under=["province"]), {"school", "office"}),
            (scope(under=["elsewhere"]), set()),
        ],
    )
    def test_a_rule_set_holds_for_the_units_it_names_and_no_others(self, narrower: Scope, holds: set[str]) -> None:
        found = policy(rule_set("narrow", narrower))

        assert {unit.code for unit in (SCHOOL, DISTRICT, OFFICE) if who_holds(found, unit)} == holds

    @pytest.mark.parametrize(
        ("wide", "close"),
        [
            pytest.param(scope(), scope(kinds=["school"]), id="a kind is closer than everywhere"),
            pytest.param(scope(kinds=["school"]), scope(under=["province"]), id="a unit is closer than a kind"),
            pytest.param(scope(under=["province"]), scope(under=["district"]), id="the nearer unit is closer"),
            pytest.param(
                scope(under=["province"], kinds=["school"]),
                scope(under=["province", "district"]),
                id="the nearest of several units counts",
            ),
            pytest.param(
                scope(under=["district"]), scope(under=["district"], kinds=["school"]), id="unit and kind is closer"
            ),
            pytest.param(
                scope(under=["province"], kinds=["school"]), scope(under=["district"]), id="nearness before kind"
            ),
        ],
    )
    def test_the_closest_of_two_rules_of_a_kind_holds(self, wide: Scope, close: Scope) -> None:
        for order in (
            [rule_set("wide", wide), rule_set("close", close)],
            [rule_set("close", close), rule_set("wide", wide)],
        ):
            assert who_holds(policy(*order), SCHOOL) == ["close"]

    def test_rules_of_different_kinds_hold_together(self) -> None:
        found = policy(rule_set("one"), rule_set("other", scope(kinds=["school"]), AlsoSays(name="other")))

        assert who_holds(found, SCHOOL) == ["one", "other"]

    def test_a_unit_that_moved_is_judged_where_it_is_now(self) -> None:
        """What is stored of a unit may be older than the unit that is asked about."""
        found = policy(rule_set("narrow", scope(under=["district"])))

        assert who_holds(found, attrs.evolve(SCHOOL, parent="province")) == []


class TestConflicts:
    """Found when the policy is made, before anything is done."""

    def test_two_rules_of_a_kind_for_the_same_units(self) -> None:
        with pytest.raises(
            ConfigurationError, match="rule sets one and other are equally specific for the same accounts"
        ):
            policy(rule_set("one", scope(kinds=["school"])), rule_set("other", scope(kinds=["school", "branch"])))

    def test_two_subtrees_of_which_one_lies_in_the_other_do_not_clash(self) -> None:
        found = policy(rule_set("one", scope(under=["province"])), rule_set("other", scope(under=["district"])))

        assert who_holds(found, SCHOOL) == ["other"]

    def test_rules_that_hold_together_and_do_not_go_together(self) -> None:
        hater = AlsoSays(name="hater", clashes_with="one")

        with pytest.raises(ConfigurationError, match="one and two contradict each other: hater hates one"):
            policy(rule_set("one"), rule_set("two", None, hater))

    def test_rules_that_do_not_go_together_are_harmless_where_a_closer_one_takes_over(self) -> None:
        hater = AlsoSays(name="hater", clashes_with="one")

        found = policy(
            rule_set("one"),
            rule_set("schools", scope(kinds=["school"])),
            rule_set("two", scope(kinds=["school"]), hater),
        )

        assert who_holds(found, SCHOOL) == ["schools", "two"]

    def test_are_found_where_only_a_subtree_is_concerned(self) -> None:
        hater = AlsoSays(name="hater", clashes_with="below")

        with pytest.raises(ConfigurationError, match="hater hates below"):
            policy(
                rule_set("one"),
                rule_set("below", scope(under=["district"])),
                rule_set("two", scope(kinds=["school"]), hater),
            )


class TestDeadlines:
    """What the rules want of one account."""

    def test_come_in_order_with_the_name_of_their_rule_set(self) -> None:
        found = policy(
            rule_set("late", None, Says(name="late", at=(NOW + 2 * DAY, NOW))),
            rule_set("early", None, AlsoSays(name="early", at=(NOW + DAY,))),
        ).deadlines(ACCOUNT, SCHOOL, [])

        assert [(one.rule_set, one.at) for one in found] == [
            ("late", NOW),
            ("early", NOW + DAY),
            ("late", NOW + 2 * DAY),
        ]

    def test_that_were_met_are_over_and_all_before_them(self) -> None:
        found = policy(rule_set("one", None, Says(name="one", at=(NOW, NOW + DAY, NOW + 2 * DAY))))
        mark = MetDeadline(rule_set="one", action=Action.WARN, at=NOW + DAY, met_at=NOW + 5 * DAY)

        assert [one.at for one in found.deadlines(ACCOUNT, SCHOOL, [mark])] == [NOW + 2 * DAY]
        assert found.next_deadline(ACCOUNT, SCHOOL, [mark]) == NOW + 2 * DAY

    @pytest.mark.parametrize(("name", "action"), [("other", Action.WARN), ("one", Action.CLOSE)])
    def test_are_not_met_by_what_was_done_for_another_rule_set_or_action(self, name: str, action: Action) -> None:
        found = policy(rule_set("one"))
        mark = MetDeadline(rule_set=name, action=action, at=NOW + DAY, met_at=NOW)

        assert found.next_deadline(ACCOUNT, SCHOOL, [mark]) == NOW

    def test_do_not_warn_of_a_closing_before_which_the_product_renews_the_password(self) -> None:
        """Who is warned, and then gets a new password without having done anything, believes no warning any more."""
        found = policy(
            rule_set("close", None, Plans(at={Action.WARN: [1, 3], Action.CLOSE: [4]})),
            rule_set("rotate", None, AlsoPlans(at={Action.ROTATE: [2]})),
            rule_set("other", None, Says(name="other", at=(NOW + DAY,))),
        ).deadlines(ACCOUNT, SCHOOL, [])

        assert [(one.rule_set, one.action.value, (one.at - NOW).days) for one in found] == [
            ("other", "warn", 1),
            ("rotate", "rotate", 2),
            ("close", "warn", 3),
            ("close", "close", 4),
        ]

    def test_warn_of_a_closing_that_comes_before_the_renewal(self) -> None:
        found = policy(
            rule_set("close", None, Plans(at={Action.WARN: [1], Action.CLOSE: [2]})),
            rule_set("rotate", None, AlsoPlans(at={Action.ROTATE: [3]})),
        ).deadlines(ACCOUNT, SCHOOL, [])

        assert [one.action for one in found] == [Action.WARN, Action.CLOSE, Action.ROTATE]

    def test_do_not_exist_without_rules(self) -> None:
        assert policy().next_deadline(ACCOUNT, SCHOOL, []) is None

    def test_follow_from_what_is_known(self) -> None:
        rule = Remembers()
        mine = MetDeadline(rule_set="mine", action=Action.DUTY, at=NOW, met_at=NOW)
        other = attrs.evolve(mine, rule_set="other")
        found = Policy(
            rule_sets=[rule_set("mine", None, rule)],
            path_of=path_of,
            since={"mine": NOW - DAY, "other": NOW},
            time_zone=ZoneInfo("Europe/Berlin"),
        )

        found.deadlines(ACCOUNT, SCHOOL, [mine, other])

        [facts] = rule.facts
        assert (facts.account, facts.unit, facts.marks) == (ACCOUNT, SCHOOL, {Action.DUTY: mine})
        assert (facts.since, facts.time_zone.key) == (NOW - DAY, "Europe/Berlin")

    def test_cost_no_look_at_the_unit_itself(self) -> None:
        """A million units must not be read once more."""
        looked_up: list[str] = []

        def remembered(code: str) -> Sequence[str]:
            looked_up.append(code)
            return path_of(code)

        Policy(rule_sets=[rule_set("one")], path_of=remembered).deadlines(ACCOUNT, SCHOOL, [])

        assert looked_up == ["district"]


class Sees(Monitor):
    """Sees one thing."""

    def look(self, reports: Reports, time_zone: ZoneInfo) -> Sequence[Observation]:
        message = Text("{warnings}", {"warnings": reports("posta").warnings})
        return [Observation(subject="thing", message=message, deadlines=(deadline("thing"),))]


def test_what_watches_see_is_told_with_the_name_of_their_rule_set() -> None:
    found = Policy(rule_sets=[RuleSet(name="things", monitors=(Sees(),))])

    [observation] = found.observations(lambda name: TargetReport(warnings=(name,)))

    assert str(observation.message) == "('posta',)"
    assert [one.rule_set for one in observation.deadlines] == ["things"]
    mark = MetDeadline(rule_set="things", action=Action.WARN, at=NOW, met_at=NOW)
    assert Policy.unmet(observation.deadlines, []) == list(observation.deadlines)
    assert Policy.unmet(observation.deadlines, [mark]) == []


@attrs.define(eq=False)
class Answers(Rule):
    """Answers whatever it is told to."""

    answer: Any

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        answer: Sequence[Deadline] = self.answer
        return answer


class Fails(Rule, Monitor):
    """A defect."""

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        raise ZeroDivisionError

    def look(self, reports: Reports, time_zone: ZoneInfo) -> Sequence[Observation]:
        raise ZeroDivisionError


def test_a_rule_that_fails_keeps_nobody_from_closing_an_account() -> None:
    """Deadlines are computed at the end of every operation, regardless of who wrote the rules."""
    with capture_logs() as logs:
        found = policy(rule_set("bad", None, Fails()), rule_set("good")).deadlines(ACCOUNT, SCHOOL, [])

    assert [one.rule_set for one in found] == ["good"]
    [line] = logs
    assert (line["log_level"], line["rule_set"], line["login"], line["error"]) == (
        "error",
        "bad",
        "okul",
        "ZeroDivisionError",
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "Answers of rule set bad raised TypeError"),
        ([None], "Answers of rule set bad returned NoneType instead of a deadline"),
        ([deadline("", datetime(2026, 3, 2))], "Answers of rule set bad returned a time that is not in UTC"),  # noqa: DTZ001
        ([deadline("{nothing}")], "Answers of rule set bad returned a reason with a placeholder that has no value"),
        ((1 / 0 for _ in "x"), "Answers of rule set bad raised ZeroDivisionError"),
    ],
)
def test_a_rule_whose_answer_cannot_be_used_has_failed(answer: Any, message: str) -> None:
    """It would end the sweep for everybody where the answer is first used."""
    found = policy(rule_set("bad", None, Answers(answer)), rule_set("good")).evaluate(ACCOUNT, SCHOOL, [])

    assert [one.rule_set for one in found.deadlines] == ["good"]
    assert [(failure.login, failure.rule_set, str(failure.message)) for failure in found.failures] == [
        ("okul", "bad", message)
    ]


def test_an_account_at_which_a_rule_fails_is_due_until_the_rule_works() -> None:
    """Only what is due is looked at, so the failure would be told of once."""
    found = policy(rule_set("bad", None, Fails()), rule_set("good", None, Says(name="good", at=(NOW + DAY,))))

    planned = found.planned(ACCOUNT, SCHOOL, [])
    assert planned.next_deadline is not None
    assert planned.next_deadline < NOW
    assert planned.next_action is None


def test_a_rule_that_cannot_be_compared_is_named() -> None:
    class Incomparable(Says):
        def conflict_with(self, _: Rule, /) -> Text | None:
            raise ZeroDivisionError

    with pytest.raises(PluginError, match="rule set bad raised ZeroDivisionError"):
        policy(rule_set("bad", None, Incomparable(name="bad")), rule_set("good"))


def test_a_watch_that_fails_keeps_no_other_from_looking() -> None:
    found = Policy(rule_sets=[RuleSet(name="bad", monitors=(Fails(),)), RuleSet(name="things", monitors=(Sees(),))])

    bad, good = found.observations(lambda _: TargetReport())

    assert (bad.subject, str(bad.error)) == ("rules.bad", "rule set bad raised ZeroDivisionError")
    assert good.subject == "thing"


@attrs.frozen(kw_only=True)
class Ends(Rule):
    """Closes accounts, or renews their passwords, some days after the password was set."""

    days: int
    action: Action = Action.CLOSE

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        assert facts.account.password_changed_at
        end = facts.days_after(facts.account.password_changed_at, self.days)
        return [deadline("early", end - DAY, Action.WARN), deadline("end", end, self.action)]


class EndsToo(Ends):
    """Another kind of rule."""


class TestPasswordLife:
    def test_it_ends_with_the_first_rule_that_ends_it(self) -> None:
        rules = (Ends(days=30), EndsToo(days=25, action=Action.ROTATE), Fails())

        assert Policy(rule_sets=[RuleSet(name="a", rules=rules)]).password_life(NOW) == 25 * DAY

    def test_of_several_scopes_the_most_patient_one_counts(self) -> None:
        policy = Policy(
            rule_sets=[
                RuleSet(name="a", rules=(Ends(days=30),)),
                RuleSet(name="b", rules=(Ends(days=90),), scope=Scope(kinds=frozenset({"school"}))),
            ]
        )

        assert policy.password_life(NOW) == 90 * DAY

    def test_where_no_rule_ends_it_there_is_none(self) -> None:
        assert Policy(rule_sets=[RuleSet(name="a", rules=(Says(name="x"),))]).password_life(NOW) is None
