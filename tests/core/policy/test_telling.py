"""Who is told with the page, who after the last one, and what waits for the end of the quiet hours."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import Person, Unit
from provisioner.core.policy.failures import Failures
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.policy.quiet_hours import QuietHours
from provisioner.core.policy.telling import Postponed, Telling
from provisioner.rules.passwords import RenewOrClose
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

DAY = timedelta(days=1)

#: Two units of one custodian, and one of another.
UNITS = [
    Unit(code=code, name="Şube", kind="office", login=f"{code}46", custodian=custodian)
    for code, custodian in (("a", "1"), ("b", "1"), ("c", "2"))
]
PERSONS = [Person(id=id_, name="Ayşe Işık", mobile=f"+90532000000{id_}") for id_ in ("1", "2")]


@pytest.fixture(name="offices")
def _offices(tmp_path: Path, clock: FakeClock) -> Iterator[Harness]:
    """Three accounts whose holders are to be warned."""
    policy = Policy(rule_sets=[RuleSet(name="renewal", rules=(RenewOrClose(),))], fingerprint="1")
    with Harness(
        tmp_path / "store.sqlite",
        targets={"directory": MemoryTarget()},
        channels={"sms": MemoryChannel()},
        clock=clock,
        policy=policy,
    ) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        list(harness.sweep().run())
        harness.open([unit.code for unit in UNITS])
        clock.advance(23 * DAY)
        yield harness


def telling(harness: Harness, *, is_stopped: bool = False) -> Telling:
    sweep = harness.sweep()
    return Telling(
        outlook=sweep.outlook,
        notifier=sweep.notifier,
        quiet_hours=QuietHours.parse("00:00-23:59"),
        is_stopped=lambda: is_stopped,
        failures=Failures(),
    )


def test_who_may_be_told_of_several_accounts_is_not_told_with_the_page(offices: Harness, clock: FakeClock) -> None:
    """Custodians are also told of accounts that nobody holds."""
    offices.know(units=[attrs.evolve(unit, custodian=None) for unit in UNITS if unit.code != "b"])
    one = telling(offices)
    demands = one.outlook.demands(list(offices.store.schedule.due(clock())))[0]

    assert sorted(demand.account.login for demand in demands) == ["a46", "b46", "c46"]
    assert list(one.told_of_nothing_else(demands, clock())) == ["c46"]


def test_only_custodians_who_are_told_of_accounts_that_nobody_holds_wait_for_the_last_page(
    offices: Harness, clock: FakeClock, tmp_path: Path
) -> None:
    """Most holders are custodians. If all of them waited, each of their accounts would be read and judged twice."""
    held = offices.store.accounts.get_many(["c46"]).values()
    one = telling(offices)
    one.find_others(clock())
    assert list(one.told_of_nothing_else(one.outlook.demands(list(held))[0], clock())) == ["c46"]

    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database, database:
        database.execute("UPDATE accounts SET holder = NULL WHERE login = 'a46'")
    offices.know(units=[attrs.evolve(UNITS[0], custodian="2")])
    one = telling(offices)
    one.find_others(clock())
    assert list(one.told_of_nothing_else(one.outlook.demands(list(held))[0], clock())) == []


def test_notices_that_wait_are_counted(offices: Harness, clock: FakeClock) -> None:
    one = telling(offices)
    [demand] = one.outlook.demands([offices.account("c46")])[0]
    [warning] = demand.warnings

    assert [one.is_postponed(warning), one.is_postponed(warning)] == [True, True]
    assert one.postponed
    assert one.postponed == Postponed(count=2, until=one.postponed.until)
    assert one.postponed.until > clock()


def test_nobody_is_told_after_a_stop(offices: Harness) -> None:
    one = telling(offices, is_stopped=True)
    [demand] = one.outlook.demands([offices.account("c46")])[0]
    notice = Notice(subject="c46", login="c46", deadline=demand.warnings[0], recipient="2")

    assert list(one.tell([notice], {"c46": demand.basis})) == []
