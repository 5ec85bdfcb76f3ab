from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner.core.api.errors import ConfigurationError, NotAuthorizedError
from provisioner.core.governance.protection import Pattern
from provisioner.core.model import Account, Operation, Person, Unit
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

DOMAINS = ["meb.gov.tr", "meb.k12.tr"]
UNITS = [Unit(code=one, name=one, kind="office", login=one, custodian="p") for one in ("arge46", "k46-mutemet")]
PERSONS = [Person(id=one, name=one, mobile="+905320000000") for one in "pq"]


def account(login: str, domain: str = DOMAINS[0]) -> Account:
    return Account(login=login, domain=domain, unit="u")


@pytest.mark.parametrize(
    ("pattern", "login", "domain", "expected"),
    [
        ("postmaster", "postmaster", "meb.gov.tr", True),
        ("postmaster", "postmaster", "meb.k12.tr", True),
        ("postmaster", "postmaster2", "meb.gov.tr", False),
        ("Postmaster@MEB.gov.tr", "postmaster", "meb.gov.tr", True),
        ("postmaster@meb.gov.tr", "postmaster", "meb.k12.tr", False),
        ("*46-mutemet", "kahramanmaras46-mutemet", "meb.gov.tr", True),
        ("*46-mutemet", "kahramanmaras46", "meb.gov.tr", False),
        ("7[0-9]5?@*.k12.tr", "7053", "meb.k12.tr", True),
        ("*@meb.k12.tr", "7053", "meb.gov.tr", False),
    ],
)
def test_pattern_means(pattern: str, login: str, domain: str, expected: bool) -> None:
    assert Pattern.of(pattern, DOMAINS).matches(account(login, domain)) is expected


@pytest.mark.parametrize("text", ["", " ", "@meb.gov.tr", "post master", "müdür"])
def test_pattern_that_could_match_nothing_is_an_error(text: str) -> None:
    with pytest.raises(ConfigurationError, match="in 'protected' is neither a login nor a pattern of logins"):
        Pattern.of(text, DOMAINS)


def test_domain_that_no_account_has_is_an_error() -> None:
    """A slip of the pen must not leave an account without the protection somebody relies on."""
    with pytest.raises(ConfigurationError, match=r"the domains are meb\.gov\.tr, meb\.k12\.tr"):
        Pattern.of("postmaster@meb.gov", DOMAINS)


@pytest.fixture(name="start")
def _start(tmp_path: Path) -> Callable[..., Harness]:
    target, phones = MemoryTarget(), MemoryChannel()

    def start(*protected: str) -> Harness:
        file = tmp_path / "store.sqlite"
        return Harness(file, targets={"posta": target}, channels={"sms": phones}, protected=protected)

    return start


@pytest.fixture(name="harness")
def _harness(start: Callable[..., Harness]) -> Iterator[Harness]:
    """A process that protects an account which another one has opened before."""
    with start() as before:
        before.know(units=UNITS, persons=PERSONS)
        before.open(["arge46", "k46-mutemet"])
    with start("*46-mutemet@meb.gov.tr") as harness:
        yield harness


@pytest.mark.parametrize(
    "touch",
    [
        lambda harness: harness.close_accounts(["arge46", "k46-mutemet"]),
        lambda harness: harness.rotate(["arge46", "k46-mutemet"]),
        lambda harness: harness.hand_over("k46-mutemet", "q"),
    ],
    ids=["close", "rotate", "hand_over"],
)
def test_protected_account_is_touched_by_nothing(harness: Harness, touch: Callable[[Harness], list[Operation]]) -> None:
    before = harness.account("k46-mutemet")

    with pytest.raises(NotAuthorizedError) as caught:
        touch(harness)

    [denied] = caught.value.denials
    assert denied.login == "k46-mutemet"
    assert "*46-mutemet@meb.gov.tr" in str(denied.denial.cure)
    assert "[accounts]" in str(denied.denial.cure)
    assert harness.account("k46-mutemet") == before
    assert harness.store.operations.unended(["arge46", "k46-mutemet"]) == {}


def test_protected_account_is_not_opened_either(start: Callable[..., Harness]) -> None:
    with start("arge46") as harness:
        harness.know(units=UNITS, persons=PERSONS)
        with pytest.raises(NotAuthorizedError):
            harness.open(["arge46"])


def test_other_accounts_are_not_affected(harness: Harness) -> None:
    [operation] = harness.rotate(["arge46"])

    assert operation.state.ended
