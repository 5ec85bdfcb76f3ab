"""Rules and monitors may be anybody's: no unusable answer is taken, and no error quotes a secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner.core.api.errors import PluginDefectError, PluginError
from provisioner.core.api.messages import TargetReport
from provisioner.core.api.rules import Action, Deadline, Facts, Monitor, Observation, Reports, Rule
from provisioner.core.gateways.plugin_code import is_running
from provisioner.core.model import Account, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import RuleFailure, clash_of, seen, usable

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = Deadline(action=Action.WARN, at=NOON, reason=Text("so"), source="001 ¶2")
FACTS = Facts(
    account=Account(login="a", domain="meb.gov.tr", unit="46"),
    unit=Unit(code="46", name="Kahramanmaraş", kind="province"),
)
ISTANBUL = ZoneInfo("Europe/Istanbul")
SECRET = "hunter2"


class Strict(Rule):
    """A rule that clashes with every other, from inside of a plug-in."""

    def conflict_with(self, _other: Rule, /) -> Text | None:
        return Text("inside") if is_running() else None


class Broken(Rule):
    def conflict_with(self, _other: Rule, /) -> Text | None:
        raise SystemExit(SECRET)


@attrs.define
class Looking(Monitor):
    """A monitor that sees what it is told, or fails."""

    answer: Any

    def look(self, reports: Reports, time_zone: ZoneInfo) -> Sequence[Observation]:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer  # type: ignore[no-any-return]


def reports(_: str) -> TargetReport:
    return TargetReport()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("tomorrow", "Strict of rule set mine returned str instead of a deadline"),
        (attrs.evolve(GOOD, at=NOON.replace(tzinfo=None)), "a time that is not in UTC"),
        (attrs.evolve(GOOD, at=NOON.astimezone(timezone(timedelta(hours=3)))), "a time that is not in UTC"),
        (
            attrs.evolve(GOOD, reason=Text("{nobody} fills this")),
            "returned a reason with a placeholder that has no value",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_defect_of_the_rule(answer: object, said: str) -> None:
    with pytest.raises(PluginDefectError, match=said):
        usable([GOOD, answer], Strict(), "mine")


def test_usable_answers_become_deadlines_of_the_rule_set() -> None:
    assert usable(iter([GOOD, GOOD]), Strict(), "mine") == (GOOD.of("mine"), GOOD.of("mine"))


def test_a_rule_says_from_inside_of_a_plugin_why_it_makes_no_sense() -> None:
    assert clash_of(Strict(), Broken(), "mine") == Text("inside")


def test_a_rule_that_ends_the_program_is_named_without_what_it_said() -> None:
    with pytest.raises(PluginError, match="rule set mine raised SystemExit") as caught:
        clash_of(Broken(), Strict(), "mine")

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("answer", [KeyError(SECRET), SystemExit(SECRET)])
def test_a_monitor_that_fails_is_seen_and_not_quoted(answer: BaseException) -> None:
    [observation] = seen(Looking(answer), reports, ISTANBUL, "mine")

    assert observation.subject == "rules.mine"
    assert type(answer).__name__ in str(observation.message)
    assert isinstance(observation.error, PluginDefectError)
    assert SECRET not in repr(observation)


def test_a_monitor_whose_deadlines_cannot_be_used_says_which() -> None:
    wrong = Observation(subject="certificate", message=Text("good"), deadlines=("soon",))  # type: ignore[arg-type]
    [observation] = seen(Looking([wrong]), reports, ISTANBUL, "mine")

    assert "returned str instead of a deadline" in str(observation.message)


def test_what_a_monitor_saw_gets_deadlines_of_the_rule_set() -> None:
    right = Observation(subject="certificate", message=Text("good"), deadlines=(GOOD,))

    assert seen(Looking([right]), reports, ISTANBUL, "mine") == [attrs.evolve(right, deadlines=(GOOD.of("mine"),))]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError(SECRET), "Strict of rule set mine raised KeyError"),
        (PluginDefectError("it is {how}", how="odd"), "it is odd"),
    ],
)
def test_a_failure_quotes_only_errors_of_ours(error: Exception, said: str) -> None:
    failure = RuleFailure.of(Strict(), FACTS, "mine", error)

    assert str(failure.message) == said
    assert (failure.login, failure.rule, failure.rule_set) == ("a", "Strict", "mine")
