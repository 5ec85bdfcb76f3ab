"""What is due of an account, what of it comes first, and that nobody is closed out without a warning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.api.rules import Action, Deadline, MetDeadline
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.due import LAST_CALL, DueAction, latest

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
UNIT = Unit(code="46", name="Kahramanmaraş", kind="province")
ACCOUNT = Account(
    login="a", domain="meb.gov.tr", unit="46", state=AccountState.OPEN, password_changed_at=NOW - 30 * DAY
)


def deadline(action: Action, days: float, rule_set: str = "renewal") -> Deadline:
    return Deadline(action=action, at=NOW + days * DAY, reason=Text("so"), source="001 ¶2", rule_set=rule_set)


def warned(days: float, rule_set: str = "renewal") -> MetDeadline:
    at = NOW + days * DAY
    return MetDeadline(rule_set=rule_set, action=Action.WARN, at=at, met_at=at)


def due(deadlines: Iterable[Deadline], marks: Sequence[MetDeadline] = (), account: Account = ACCOUNT) -> DueAction:
    return DueAction.at(NOW, account, UNIT, sorted(deadlines, key=lambda found: found.at), marks)


def test_nothing_is_due_before_its_time() -> None:
    found = due([deadline(action, 1 / 1440) for action in Action])

    assert (found.rotate, found.closure, found.duties, found.warnings) == (None, None, (), ())


def test_what_is_due_is_told_apart() -> None:
    rotate, close, duty = deadline(Action.ROTATE, 0), deadline(Action.CLOSE, -1), deadline(Action.DUTY, -2)
    found = due([rotate, close, duty])

    assert (found.rotate, found.closure, found.duties) == (rotate, close, (duty,))


@pytest.mark.parametrize(("over", "closes"), [(LAST_CALL - DAY, False), (LAST_CALL, True)])
def test_a_closing_that_nobody_announced_is_put_off_for_a_week(over: timedelta, closes: bool) -> None:
    warning = deadline(Action.WARN, -20)
    found = due([warning, deadline(Action.CLOSE, -over / DAY)])

    assert (found.closure is not None) is closes
    assert found.warnings == (warning,)


def test_a_closing_that_was_announced_is_carried_out_without_another_warning() -> None:
    found = due([deadline(Action.WARN, -2), deadline(Action.CLOSE, -1)], [warned(-2)])

    assert found.closure
    assert found.warnings == ()


@pytest.mark.parametrize("mark", [warned(-31), warned(-2, "another")])
def test_a_warning_of_another_matter_announces_nothing(mark: MetDeadline) -> None:
    """It was for the password before, or came from another rule set."""
    assert due([deadline(Action.WARN, -2), deadline(Action.CLOSE, -1)], [mark]).closure is None


def test_an_account_whose_password_has_no_date_is_announced_by_any_warning() -> None:
    unknown = attrs.evolve(ACCOUNT, password_changed_at=None)

    assert due([deadline(Action.WARN, -2), deadline(Action.CLOSE, -1)], [warned(-400)], unknown).closure


def test_only_the_last_warning_of_a_kind_is_told() -> None:
    first, last, other = deadline(Action.WARN, -7), deadline(Action.WARN, -1), deadline(Action.WARN, -3, "another")

    assert list(latest([first, other, last])) == [last, other]
