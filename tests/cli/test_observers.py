"""Whatever a command records reaches the hook ``operation_event`` of every plug-in."""

from __future__ import annotations

import pytest

from provisioner import hookimpl
from provisioner.core.api.events import Event
from tests.cli.conftest import FaultyPlugin, Office

UNITS = """\
code;name;kind;parent;login;custodian
hukuk;Hukuk;office;il-mem;hukuk46;1001
ar-ge;Yeni;office;il-mem;arge46;1001
"""
PERSONS = "id;name;unit;mobile\n1001;Ayşe Ak;il-mem;0532 123 45 67\n7;Ali;ar-ge;\n"

#: Commands, and the kinds of the events that each one records.
COMMANDS = [
    (("unit", "import", "units.csv"), ["unit_added", "unit_changed"]),
    (("unit", "open", "units.csv"), ["unit_added", "unit_changed"]),
    (("person", "import", "persons.csv"), ["person_added", "person_changed"]),
    (("target", "maintenance", "pys", "--until", "2900-01-01T00:00"), ["maintenance_began"]),
]


@pytest.fixture(name="seen")
def _seen(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []

    def observe(_: FaultyPlugin, event: Event) -> None:
        seen.append(event.kind)

    monkeypatch.setattr(FaultyPlugin, "operation_event", hookimpl(observe), raising=False)
    office.write("units.csv", UNITS)
    office.write("persons.csv", PERSONS)
    return seen


def typed(office: Office, *command: str, more: tuple[str, ...] = ()) -> int:
    return office.type(
        *(office.config.parent / word if word.endswith(".csv") else word for word in command), *more
    ).code


def recorded(office: Office) -> list[str]:
    with office.open() as store:
        return [event.kind for event in store.audit_log.entries()]


@pytest.mark.parametrize(("command", "kinds"), COMMANDS)
def test_of_lists_and_targets_are_observed(
    office: Office, seen: list[str], command: tuple[str, ...], kinds: list[str]
) -> None:
    before = len(recorded(office))
    typed(office, *command)

    assert sorted(set(seen) & set(kinds)) == kinds
    assert sorted(seen) == sorted(recorded(office)[before:])


@pytest.mark.parametrize(("command", "kinds"), COMMANDS)
def test_of_a_dry_run_are_none(office: Office, seen: list[str], command: tuple[str, ...], kinds: list[str]) -> None:
    assert typed(office, *command, more=("--dry-run",)) == 0
    assert not set(seen) & set(kinds)


def test_of_the_end_of_a_maintenance_are_observed(office: Office, seen: list[str]) -> None:
    typed(office, *COMMANDS[-1][0])
    typed(office, "target", "maintenance", "pys", "--off")

    assert seen == ["maintenance_began", "maintenance_ended"]
