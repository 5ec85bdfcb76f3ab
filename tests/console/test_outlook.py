"""How old passwords are, and what the rules do in the days to come, as pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import Future

import attrs
import pytest

from provisioner.console.begun import BegunForecast
from provisioner.console.pages import outlook
from provisioner.core.api.errors import StoppedError
from provisioner.core.api.rules import Action, Deadline, Facts, Rule
from provisioner.core.governance.roles import Role
from provisioner.core.model.text import Text
from provisioner.core.policy.policy import Policy, RuleSet
from tests.console_office import ADMINISTRATOR, OFFICER, TEACHER, Office


@attrs.frozen(kw_only=True)
class Renewal(Rule):
    """Wants a new password after so many days."""

    days: int

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        if facts.account.password_changed_at is None:
            return []
        at = facts.days_after(facts.account.password_changed_at, self.days)
        return [Deadline(action=Action.ROTATE, at=at, reason=Text("so"), source="here")]


def counts(page: str) -> list[tuple[str, str]]:
    """Return the days with something, and how much."""
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', page.split("<tfoot", maxsplit=1)[0], re.DOTALL)
    found = [(day, re.findall(r'<summary class="number">(\d+)<', cells)) for day, cells in rows]
    return [(day, count[0]) for day, count in found if count]


def test_the_calendar_counts_what_a_person_may_read(office: Office) -> None:
    office.harness.app.policy = Policy(rule_sets=[RuleSet(name="renewal", rules=(Renewal(days=30),))])

    everything = office.logged_in(ADMINISTRATOR).get("/calendar").text
    own = office.logged_in(TEACHER).get("/calendar").text

    assert counts(everything) == [("Wed 4 Feb 2026", "5")]
    assert counts(own) == [("Wed 4 Feb 2026", "1")]
    assert "/accounts/okul46" in own
    assert "baska46" not in own


def test_the_calendar_of_a_role_ends_with_the_role(office: Office) -> None:
    """A forecast is kept for the day, and a session goes on when a role is taken away."""
    office.harness.app.policy = Policy(rule_sets=[RuleSet(name="renewal", rules=(Renewal(days=30),))])
    browser = office.logged_in(OFFICER)
    assert "/accounts/okul46" in browser.get("/calendar").text

    office.harness.app.delegation.revoke(OFFICER, Role.OFFICER, unit="ilce", actor=ADMINISTRATOR)

    assert "/accounts/okul46" not in browser.get("/calendar").text


def test_the_calendar_says_so_while_it_is_made(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take longer than a browser waits."""
    monkeypatch.setattr(outlook, "_PATIENCE", 0)
    browser, now = office.logged_in(OFFICER), office.harness.clock()
    waiting: Future[object] = Future()
    roles = frozenset(grant.id for grant in office.harness.store.role_assignments.of(OFFICER))
    begun = BegunForecast(began_at=now, day=now.date(), roles=roles, under_way=waiting)  # type: ignore[arg-type]
    office.console.forecasts.keep(OFFICER, begun)

    page = browser.get("/calendar?again=1")

    assert '<noscript><meta http-equiv="refresh" content="3; url=/calendar?by-itself=1"></noscript>' in page.text
    assert "The forecast is being calculated." in page.text
    waiting.set_exception(ZeroDivisionError())
    monkeypatch.setattr(outlook, "_PATIENCE", 60)
    assert "The rules require nothing in these days." in browser.get("/calendar").text


def test_a_calendar_that_takes_too_long_ends(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else got a calendar meanwhile, and the console could not be stopped."""
    office.harness.app.policy = Policy(rule_sets=[RuleSet(name="renewal", rules=(Renewal(days=30),))])
    browser = office.logged_in(OFFICER)
    with monkeypatch.context() as hurry:
        hurry.setattr(outlook, "_LONGEST_FORECAST", -1)
        late = browser.get("/calendar")
    assert (late.status_code, "the calculation takes longer than" in late.text) == (503, True)
    assert browser.get("/calendar").status_code == 200

    office.console.background.close()
    with pytest.raises(StoppedError):
        office.harness.app.deadlines.calendar(days=1, viewer=OFFICER, pace=office.console.background.pace(60))


def test_ages_are_told_in_numbers_and_not_only_in_colours(office: Office) -> None:
    text = office.logged_in(ADMINISTRATOR).get("/ages").text

    [row] = re.findall(r'<a href="/ages\?unit=ilce">.*?</tr>', text, re.DOTALL)
    assert re.findall(r">(\d+) <span class=\"share\">\(%?(\d+)%?\)", row) == [("3", "100")]
    assert office.logged_in(ADMINISTRATOR).get("/ages?unit=nowhere").status_code == 422
