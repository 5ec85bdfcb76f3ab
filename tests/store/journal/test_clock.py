"""Times that were stored by a clock that was ahead are not believed once it is right again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from provisioner.core.api.events import (
    ClockConfirmed,
    DeadlineMet,
    DutyConfirmed,
    NoticeBegun,
    NoticeItem,
    RulesChanged,
    TimesCorrected,
)
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.clock import KnownTimes
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import AccountState, StepError
from provisioner.core.model.text import Text
from provisioner.store import Store
from provisioner.store.journal.leases import LONGEST_LEASE, Hold

if TYPE_CHECKING:
    from tests.store.conftest import Story

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
YEAR = timedelta(days=365)
MINUTE = timedelta(minutes=1)


class TestKnownTimes:
    def test_a_store_that_is_used_remembers_when(self, store: Store, story: type[Story]) -> None:
        assert store.clock.known_times() is None
        for days in (0, 40, 80, 1000, 81):
            store.write(story(f"a{days}", at=NOON + timedelta(days=days)).planned())

        assert store.clock.known_times() == KnownTimes(
            trusted_at=NOON + timedelta(days=81), latest_at=NOON + timedelta(days=1000)
        )
        store.write(ClockConfirmed(at=NOON, actor="p1", trusted_at=NOON))
        known = store.clock.known_times()
        assert known
        assert known.trusted_at == NOON

    def test_it_is_not_written_for_each_event(self, store: Store, story: type[Story]) -> None:
        store.write(story("a").planned())
        store.write(story("b", at=NOON + MINUTE / 2).planned())

        assert store.clock.known_times() == KnownTimes(trusted_at=NOON, latest_at=NOON)


class TestCorrection:
    @pytest.fixture(name="ahead")
    def _ahead(self, store: Store, story: type[Story]) -> Store:
        """A store that was used with a clock a year ahead, once it had been used rightly."""
        right, wrong = story("right"), story("wrong", at=NOON + YEAR)
        stuck = story("stuck", at=NOON + YEAR)
        for tale in (right, wrong, stuck):
            store.write(tale.planned())
            store.write(tale.started())
        opened = attrs.evolve(wrong.opened, opened_at=wrong.at, closed_at=wrong.at)
        store.write(right.finished())
        store.write(wrong.finished(account=opened))
        store.write(stuck.stuck(next_try_at=NOON + YEAR))
        store.write(RulesChanged(at=NOON + YEAR, fingerprint="1", rule_sets=("renewal",)))
        store.schedule.finish()
        for at in (NOON, NOON + YEAR):
            deadline = Deadline(action=Action.WARN, at=at, reason=Text("renew"), source="", rule_set="renewal")
            name = "right" if at == NOON else "wrong"
            store.write(DeadlineMet(at=at, actor="p", login=name, subject=name, deadline=deadline))
        store.write(DutyConfirmed(at=NOON + YEAR, actor="p", login="wrong", subject="wrong", rule_set="backup"))
        item = NoticeItem(subject="wrong", rule_set="renewal", action=Action.WARN, due_at=NOON)
        store.write(NoticeBegun(at=NOON + YEAR, notice="n", recipient="p1", attempt=1, items=(item,)))
        error = StepError(name="UnavailableError", message="down")
        store.health.change(
            "mail", lambda _: TargetHealth(name="mail", failing_since=NOON + YEAR, error=error, quarantined_at=None)
        )
        store.write(TimesCorrected(at=NOON + MINUTE, actor="p", latest_at=NOON + YEAR))
        return store

    def test_accounts_were_changed_now_at_the_latest(self, ahead: Store) -> None:
        accounts = ahead.accounts.get_many(["right", "wrong"])
        wrong = accounts["wrong"]

        assert accounts["right"].password_changed_at == NOON
        assert (wrong.opened_at, wrong.closed_at, wrong.password_changed_at) == (NOON + MINUTE,) * 3
        assert wrong.state is AccountState.OPEN

    def test_what_has_not_come_was_not_met_and_a_duty_that_was_done_is_done(self, ahead: Store) -> None:
        marks = ahead.marks.get_many(["right", "wrong"])

        assert [mark.at for mark in marks["right"]] == [NOON]
        assert [(mark.action, mark.confirmed_at) for mark in marks["wrong"]] == [(Action.DUTY, NOON + MINUTE)]

    def test_what_waits_is_tried_now(self, ahead: Store) -> None:
        assert [one.login for one in ahead.operations.resumable(NOON + MINUTE)] == ["stuck"]

    def test_a_notice_that_a_crash_left_is_not_being_sent_for_a_year(self, ahead: Store) -> None:
        """No other process would send it."""
        [notice] = ahead.notices.of_subjects(["wrong"])["wrong"]
        assert notice.sent_at == NOON + MINUTE

    def test_rule_sets_and_failures_have_begun_by_now(self, ahead: Store) -> None:
        health = ahead.health.get("mail")

        assert ahead.schedule.rule_sets_since() == {"renewal": NOON + MINUTE}
        assert health
        assert health.failing_since == NOON + MINUTE

    def test_closings_do_not_count_as_just_made_for_a_year(self, ahead: Store) -> None:
        assert ahead.operations.get_many(["op-wrong"])["op-wrong"].finished_at == NOON + MINUTE

    def test_all_deadlines_are_computed_again(self, ahead: Store) -> None:
        assert ahead.schedule.state().cursor == ""

    def test_nothing_is_ahead_any_more(self, ahead: Store) -> None:
        known = ahead.clock.known_times()

        assert known
        assert not known.has_future(NOON)
        assert ahead.audit_log.verify_chain() is None


def test_a_lease_that_would_last_for_a_year_is_not_believed() -> None:
    hold = Hold("op", 1, "elsewhere/boot:1/1/1/x", NOON + YEAR)

    assert hold.is_free(NOON)
    assert not attrs.evolve(hold, expires_at=NOON + LONGEST_LEASE).is_free(NOON)
