"""Three hundred accounts, of which each system refuses some for reasons of their own; the others must not notice."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from provisioner.core.model import Person
from provisioner.testing.kannel import Kannel
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysFault, PysFaultOrder, PysMock
from tests.acceptance.province import Province, Run

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd"), pytest.mark.server("kannel")]

COUNT = 300
NAMES = [f"{number:03}" for number in range(COUNT)]

#: The accounts that are refused, three in each way: one percent.
PERSON_FORBIDDEN = ("010", "011", "012")
PERSON_FAILS = ("030", "130", "230")
NUMBER_DENIED = ("040", "041", "042")
ENTRY_FORBIDDEN = ("060", "160", "260")
ACCOUNT_FORBIDDEN = ("070", "071", "072")
ACCOUNT_FAILS = ("090", "190", "290")
ACCOUNT_THROTTLED = ("100", "101", "102")

#: Longer than any calendar.
FOREVER = 999_999_999_999.0

#: What is said of each of them: a part of the reason.
REASONS: Mapping[Sequence[str], str] = {
    PERSON_FORBIDDEN: "HTTP 403",
    PERSON_FAILS: "HTTP 500",
    NUMBER_DENIED: "rejected",
    ENTRY_FORBIDDEN: "insufficientAccessRights",
    ACCOUNT_FORBIDDEN: "HTTP 403",
    ACCOUNT_FAILS: "HTTP 500",
    ACCOUNT_THROTTLED: "HTTP 429",
}


def login(name: str) -> str:
    return f"okul{name}"


def mobile(name: str) -> str:
    return f"+905940100{name}"


def people() -> Iterator[Person]:
    for name in NAMES:
        yield Person(id=f"p{name}", name=f"Kişi {name}", unit=f"u{name}", mobile=mobile(name))


def faults() -> Iterator[PysFaultOrder]:
    for name in PERSON_FORBIDDEN:
        yield PysFaultOrder(endpoint="person.get", do=PysFault.FORBID, record=f"p{name}")
    for name in PERSON_FAILS:
        yield PysFaultOrder(endpoint="person.get", do=PysFault.ERROR_500, record=f"p{name}")
    for name in ACCOUNT_FORBIDDEN:
        yield PysFaultOrder(endpoint="account.put", do=PysFault.FORBID, record=login(name))
    for name in ACCOUNT_FAILS:
        yield PysFaultOrder(endpoint="account.put", do=PysFault.ERROR_500, record=login(name))
    for name in ACCOUNT_THROTTLED:
        yield PysFaultOrder(endpoint="account.put", do=PysFault.THROTTLE, record=login(name), seconds=FOREVER)


@pytest.fixture(name="kannel", scope="module")
def _kannel() -> Iterator[Kannel]:
    with Kannel.running(denied=[mobile(name) for name in NUMBER_DENIED]) as kannel:
        yield kannel


@pytest.fixture(name="pys", scope="module")
def _pys() -> Iterator[PysMock]:
    with PysMock.running(people=people()) as pys:
        pys.misbehave(*faults())
        yield pys


@pytest.fixture(name="directory", scope="module")
def _directory() -> Iterator[Slapd]:
    with Slapd(untouchable=[login(name) for name in ENTRY_FORBIDDEN]) as directory:
        yield directory


@pytest.fixture(name="province", scope="module")
def _province(tmp_path_factory: pytest.TempPathFactory, directory: Slapd, pys: PysMock, kannel: Kannel) -> Province:
    province = Province(
        folder=tmp_path_factory.mktemp("refusals"),
        targets={"directory": {"plugin": "ldap", **directory.config}, "pys": pys.settings()},
        channel=kannel.settings(),
    )
    assert province.run("init").code == 0
    return province


@pytest.fixture(name="units", scope="module")
def _units(province: Province) -> Path:
    file = province.folder / "units.csv"
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["code", "name", "kind", "parent", "login", "custodian"])
        writer.writerows([f"u{name}", f"Okul {name}", "school", "", login(name), f"p{name}"] for name in NAMES)
    return file


@pytest.fixture(name="opened", scope="module")
def _opened(province: Province, units: Path) -> Run:
    return province.run("--lang", "en", "--json", "unit", "open", str(units))


def reasons(run: Run) -> dict[str, str]:
    """Why each account that was not opened was not, by login."""
    document = run.document
    refused = {item["login"]: item["reason"] for item in document.get("refused", ())}
    stopped = {
        operation["login"]: operation["error"]["message"]
        for operation in document["operations"]
        if operation["state"] != "done"
    }
    return {**refused, **stopped}


def test_exactly_the_refused_accounts_are_not_opened(opened: Run, kannel: Kannel) -> None:
    done = {item["login"] for item in opened.document["operations"] if item["state"] == "done"}
    refused = {login(name) for names in REASONS for name in names}

    assert opened.code == 4
    assert set(reasons(opened)) == refused
    assert done == {login(name) for name in NAMES} - refused
    assert all(len(kannel.inbox(mobile(name))) == 1 for name in NAMES if login(name) in done)


def test_each_refused_account_has_its_own_reason(opened: Run) -> None:
    said = reasons(opened)
    expected = {login(name): part for names, part in REASONS.items() for name in names}
    wrong = {account: said[account] for account, part in expected.items() if part not in said[account]}

    assert not wrong


def test_no_system_is_given_up(opened: Run, province: Province) -> None:
    assert opened.code == 4
    targets = province.run("--json", "target", "list").document["items"]

    assert {item["name"]: item["state"] for item in targets} == dict.fromkeys(("directory", "pys", "sms"), "works")


def test_once_the_reasons_are_gone_the_rest_is_opened(
    opened: Run, province: Province, units: Path, pys: PysMock, kannel: Kannel
) -> None:
    assert opened.code == 4
    pys.behave()
    province.run("resume")
    again = province.run("--json", "unit", "open", str(units))
    left = {login(name) for name in (*NUMBER_DENIED, *ENTRY_FORBIDDEN)}

    assert set(reasons(again)) == left
    served = [name for name in NAMES if login(name) not in left]
    assert all(kannel.inbox(mobile(name)) for name in served)
