"""Ninety days of a province under both main rule sets: simulated, and then lived through on real servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from provisioner.config.load import load
from provisioner.core.api.rules import Action
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import AccountState, Operation, OperationState, Person, Unit
from provisioner.core.model.days import days_after
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.simulation import Simulation
from provisioner.core.policy.sweep import Swept
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.store import Store
from provisioner.testing.clock import FakeClock
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from tests.acceptance.province import Province

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd")]

#: What happens on which day to which accounts; made by the simulation once, and looked through.
GOLDEN = Path(__file__).with_name("calendar.json")

ISTANBUL = ZoneInfo("Europe/Istanbul")
START = datetime(2026, 9, 1, 3, 30, tzinfo=UTC)
DAYS = 90

#: Half of the accounts are renewed by the product, the other half by nobody.
ACCOUNTS = 200

RULES = {
    "renewal": {"rule": "renew-or-close", "days": 30, "warn_days": [7, 3, 1]},
    "schools": {"rule": "auto-rotate", "from_day": 20, "to_day": 27, "kinds": ["school"]},
}

#: Action and login, day by day.
Calendar = dict[str, list[list[str]]]


def units() -> list[Unit]:
    def unit(number: int) -> Unit:
        kind = "school" if number % 2 else "office"
        return Unit(
            code=f"u{number}",
            name=f"Birim {number}",
            kind=kind,
            parent="46",
            login=f"birim{number}",
            custodian=f"p{number}",
        )

    return [Unit(code="46", name="Kahramanmaraş", kind="province"), *map(unit, range(ACCOUNTS))]


def people() -> list[Person]:
    return [Person(id=f"p{n}", name=f"Kişi {n}", unit=f"u{n}", mobile=f"+90532{n:07}") for n in range(ACCOUNTS)]


@pytest.fixture(name="clock", scope="module")
def _clock() -> FakeClock:
    return FakeClock(START - timedelta(days=28))


@pytest.fixture(name="app", scope="module")
def _app(tmp_path_factory: pytest.TempPathFactory, directory: Slapd, clock: FakeClock) -> Iterator[Application]:
    """A province whose accounts were opened in the four weeks before, some every day."""
    folder = tmp_path_factory.mktemp("calendar")
    with PysMock.running(people=people()) as pys:
        province = Province(
            folder=folder,
            targets={"directory": {"plugin": "ldap", **directory.config}, "pys": pys.settings()},
            channel={
                "plugin": "sms",
                "help_desk": "705 53 53",
                "gateway": "simulator",
                "simulator": {"embedded": "sms.sqlite"},
            },
            more={"rules": RULES},
        )
        Store.create(f"sqlite:///{province.store}").close()
        with application(load(folder / "provisioner.toml"), now=clock) as app:
            app.store.units.save(units())
            assert not list(app.sweep().run())  # from here on the rules hold
            open_over_four_weeks(app, clock)
            yield app


def open_over_four_weeks(app: Application, clock: FakeClock) -> None:
    to_open = units()[1:]
    for day in range(28):
        some = to_open[day::28]
        operations = app.engine.apply(app.planner.open_units(some, Initiator(actor="p0")))
        assert {operation.state for operation in operations} == {OperationState.DONE}
        clock.advance(timedelta(days=1))
    assert clock() == START


@pytest.fixture(name="simulated", scope="module")
def _simulated(app: Application, clock: FakeClock) -> Calendar:
    simulation = Simulation(policy=app.policy, time_zone=ISTANBUL)
    for accounts in app.store.schedule.accounts_after(""):
        simulation.add(accounts, app.store.units.get_many({account.unit for account in accounts}), {})
    return {
        day.date.isoformat(): sorted([one.deadline.action.value, one.login] for one in day.happenings)
        for day in simulation.days(clock(), DAYS)
    }


@pytest.fixture(name="lived", scope="module")
def _lived(app: Application, clock: FakeClock, simulated: Calendar) -> Calendar:
    calendar: Calendar = {}
    for number in range(DAYS):
        clock.advance(days_after(START, number, ISTANBUL) - clock())
        day = clock().astimezone(ISTANBUL).date().isoformat()
        calendar[day] = sorted(happening(one) for one in app.sweep().run())
    return calendar


def happening(one: Swept) -> list[str]:
    assert isinstance(one, (Operation, Notice))
    if isinstance(one, Operation):
        assert one.state is OperationState.DONE
        return [one.kind.value, one.login]
    assert one.error is None
    return [one.deadline.action.value, one.subject]


def test_the_simulation_gives_the_expected_calendar(simulated: Calendar) -> None:
    assert simulated == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_offices_are_treated_by_the_letter_of_the_circular(simulated: Calendar) -> None:
    """Written out by hand (001 ¶2), so that the golden file is not just what the program says."""
    expected: set[tuple[str, str, str]] = set()
    for number in range(0, ACCOUNTS, 2):
        opened = (START - timedelta(days=28 - number % 28)).astimezone(ISTANBUL).date()
        for action, age in (("warn", 23), ("warn", 27), ("warn", 29), ("close", 30)):
            expected.add((str(opened + timedelta(days=age)), action, f"birim{number}"))
    first = min(simulated)
    found = {(day, *one) for day, happenings in simulated.items() for one in happenings}

    assert {one for one in found if one[0] > first and int(one[2][5:]) % 2 == 0} == {
        one for one in expected if one[0] > first
    }


def test_ninety_real_sweeps_do_what_was_simulated(simulated: Calendar, lived: Calendar) -> None:
    assert lived == simulated


def test_nobody_is_closed_who_was_not_warned_and_no_school_is_closed(lived: Calendar) -> None:
    warned: set[str] = set()
    for happenings in lived.values():
        closed = {login for action, login in happenings if action == Action.CLOSE}
        assert closed <= warned
        assert not any(int(login.removeprefix("birim")) % 2 for login in closed)
        warned |= {login for action, login in happenings if action == Action.WARN}


def test_at_the_end_every_office_is_closed_and_every_school_open(app: Application, lived: Calendar) -> None:
    accounts = list(app.store.accounts.find())

    assert lived
    assert {account.state for account in accounts if int(account.login.removeprefix("birim")) % 2} == {
        AccountState.OPEN
    }
    assert {account.state for account in accounts if not int(account.login.removeprefix("birim")) % 2} == {
        AccountState.CLOSED
    }
    assert all(
        clock_age(account.password_changed_at) <= timedelta(days=30)
        for account in accounts
        if account.closed_at is None
    )


def clock_age(changed: datetime | None) -> timedelta:
    assert changed
    return START + timedelta(days=DAYS) - changed
