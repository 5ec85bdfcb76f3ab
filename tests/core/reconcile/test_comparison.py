"""Every difference is found, none is invented, and a list that ends early proves nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import PartialListError, RefusedError, UnavailableError, UnsupportedError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AccountPage, AccountReport, ListedAccount, Presence, ProbeAccount
from provisioner.core.gateways.gateway import Target
from provisioner.core.model import AccountState, Person, Unit
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.comparison import Comparison
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.expectations import Expectations
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

AYSE = Person(id="1", name="Ayşe", mobile="+905321234567")
UNITS = [Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian="1") for n in range(4)]
LOGINS = [unit.login for unit in UNITS]

Page = tuple[ListedAccount, ...]


@attrs.define(eq=False)
class HiddenHand(MemoryTarget):
    """A directory that others change as well, and whose list can be told what to show."""

    #: Is given the pages, and yields others.
    listing: Callable[[Iterator[AccountPage]], Iterator[AccountPage]] = lambda pages: pages

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        return self.listing(super().account_list())

    def drop(self, login: str) -> None:
        del self._entries[login]

    def change(self, login: str, **changes: object) -> None:
        self._entries[login] = attrs.evolve(self._entries[login], **changes)  # type: ignore[arg-type]

    def copy(self, login: str, other: str) -> None:
        self._entries[other] = self._entries[login]


@pytest.fixture(name="directory")
def _directory() -> HiddenHand:
    return HiddenHand()


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, directory: HiddenHand) -> Iterator[Harness]:
    with Harness(tmp_path / "store.db", targets={"posta": directory}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=UNITS, persons=[AYSE])
        harness.open([unit.code for unit in UNITS])
        later(harness)
        yield harness


def later(harness: Harness) -> None:
    assert isinstance(harness.clock, FakeClock)
    harness.clock.advance(timedelta(minutes=5))


def comparison(harness: Harness) -> Comparison:
    target = harness.plugins.targets["posta"]
    return Comparison(
        target=target,
        inventory=harness.store,
        expectations=Expectations(
            target=target,
            inventory=harness.store,
            desired=harness.planner.desired,
            people=harness.planner.people,
        ),
        retry=harness.engine.context.retry,
        now=harness.clock,
    )


def compare(harness: Harness) -> list[tuple[str, str, str]]:
    found = list(comparison(harness).differences())
    later(harness)
    return [(difference.login, difference.kind.value, difference.actual) for difference in found]


def test_nothing_differs_after_an_operation(harness: Harness) -> None:
    assert compare(harness) == []


class TestDifference:
    def test_an_account_that_somebody_dropped_is_missing(self, harness: Harness, directory: HiddenHand) -> None:
        directory.drop("birim1")

        assert compare(harness) == [("birim1", "missing", "absent")]
        assert compare(harness) == [("birim1", "missing", "absent")], "the second comparison forgot it"

    def test_an_account_that_nobody_knows_is_extra(self, harness: Harness, directory: HiddenHand) -> None:
        directory.copy("birim1", "hacker")

        assert compare(harness) == [("hacker", "extra", "enabled")]

    def test_a_closed_account_that_somebody_enabled(self, harness: Harness, directory: HiddenHand) -> None:
        harness.close_accounts(["birim0", "birim1"])
        later(harness)
        directory.change("birim1", enabled=True)

        assert compare(harness) == [("birim1", "enabled", "enabled")]

    def test_a_closed_account_that_is_gone_is_no_difference(self, harness: Harness, directory: HiddenHand) -> None:
        harness.close_accounts(["birim0"])
        later(harness)
        directory.drop("birim0")

        assert compare(harness) == []

    def test_an_open_account_that_somebody_disabled(self, harness: Harness, directory: HiddenHand) -> None:
        directory.change("birim2", enabled=False)

        assert compare(harness) == [("birim2", "disabled", "disabled")]

    def test_another_holder(self, harness: Harness, directory: HiddenHand) -> None:
        directory.change("birim3", attributes={**directory._entries["birim3"].attributes, "holder": "999"})
        [found] = comparison(harness).differences()

        assert (found.kind, found.known, found.actual) == (DifferenceKind.HOLDER, "1", "999")

    def test_a_locked_account(self, harness: Harness, directory: HiddenHand, monkeypatch: pytest.MonkeyPatch) -> None:
        directory.lock("birim3")

        def locked(self: MemoryTarget, request: ProbeAccount) -> AccountReport:
            return AccountReport(presence=Presence.ENABLED, lock="locked")

        target = harness.plugins.targets["posta"]
        monkeypatch.setattr(type(target), "probe", lambda self, request: locked(directory, request))

        assert compare(harness) == [("birim3", "locked", "locked")]

    def test_a_login_that_is_there_twice(self, harness: Harness, directory: HiddenHand) -> None:
        """In one page or in two, but not if the same entry comes again because the pages moved."""

        def twice(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            for page in pages:
                accounts = tuple(sorted(page.accounts, key=lambda account: account.login))
                yield AccountPage(accounts=named(accounts, "ou=a"))
                yield AccountPage(accounts=named(accounts[1:2], "ou=a"))
                yield AccountPage(accounts=named(accounts[:1], "ou=b"), is_last=page.is_last)

        directory.listing = twice

        assert compare(harness) == [("birim0", "duplicate", "birim0,ou=a, birim0,ou=b")]

    def test_the_case_of_a_login_makes_no_difference(self, harness: Harness, directory: HiddenHand) -> None:
        def shouting(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            for page in pages:
                loud = tuple(attrs.evolve(account, login=account.login.upper()) for account in page.accounts)
                yield attrs.evolve(page, accounts=loud)

        directory.listing = shouting

        assert compare(harness) == []


def named(accounts: Page, suffix: str) -> Page:
    return tuple(attrs.evolve(account, reference=f"{account.login},{suffix}") for account in accounts)


class TestConfirmation:
    """What looks like a difference and is none."""

    def test_an_account_that_is_closed_while_the_list_is_read(self, harness: Harness, directory: HiddenHand) -> None:
        def slow(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            shown = list(pages)
            harness.close_accounts(["birim1"])
            yield from shown

        directory.listing = slow

        assert compare(harness) == []

    def test_an_account_that_is_opened_behind_the_list(self, harness: Harness, directory: HiddenHand) -> None:
        def slow(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            yield from list(pages)[:-1]
            harness.know(units=[Unit(code="new", name="Yeni", kind="office", login="yeni", custodian="1")])
            harness.open(["new"])
            yield AccountPage(is_last=True)

        directory.listing = slow

        assert compare(harness) == []

    def test_an_account_that_is_not_in_the_list_but_there(self, harness: Harness, directory: HiddenHand) -> None:
        def forgetful(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            for page in pages:
                yield attrs.evolve(page, accounts=page.accounts[1:])

        directory.listing = forgetful

        assert compare(harness) == []

    def test_an_operation_that_has_not_ended_explains_it(self, harness: Harness, directory: HiddenHand) -> None:
        directory.drop("birim1")
        plan = harness.planner.close([harness.account("birim1")], initiator=INITIATOR)
        harness.engine._write_down(plan.work)

        assert compare(harness) == []


def test_one_account_that_the_target_refuses_to_show_hides_no_other(
    harness: Harness, directory: HiddenHand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not reported, because nothing confirmed it, and the comparison is not complete."""
    for login in ("birim0", "birim2"):
        directory.drop(login)
    target = harness.plugins.targets["posta"]
    probe = type(target).probe

    def refusing(self: Target, request: ProbeAccount) -> AccountReport:
        if request.account.login == "birim0":
            raise RefusedError("not for you")
        return probe(self, request)

    monkeypatch.setattr(type(target), "probe", refusing)
    differences = comparison(harness).differences()

    assert next(differences).login == "birim2"
    with pytest.raises(RefusedError, match="not for you"):
        next(differences)


class TestPartialList:
    def test_no_account_is_missing_because_a_page_failed(self, harness: Harness, directory: HiddenHand) -> None:
        def failing(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            yield attrs.evolve(next(pages), accounts=())
            raise UnavailableError("connection lost")

        directory.listing = failing
        found: list[Difference] = []
        with pytest.raises(UnavailableError) as caught:
            found.extend(comparison(harness).differences())

        assert found == []
        assert caught.value.target == "posta"

    def test_a_list_that_ends_without_saying_so_is_no_list(self, harness: Harness, directory: HiddenHand) -> None:
        def cut(pages: Iterator[AccountPage]) -> Iterator[AccountPage]:
            for page in pages:
                if not page.is_last:
                    yield attrs.evolve(page, accounts=page.accounts[1:])

        directory.listing = cut
        with pytest.raises(PartialListError, match="ended early"):
            list(comparison(harness).differences())

    def test_a_target_without_a_list_is_not_compared(self, tmp_path: Path) -> None:
        class Mute(MemoryTarget):
            account_list = None  # type: ignore[assignment]

        with (
            Harness(tmp_path / "s.db", targets={"posta": Mute()}, channels={"sms": MemoryChannel()}) as harness,
            pytest.raises(UnsupportedError, match="posta has no account_list"),
        ):
            list(comparison(harness).differences())


def test_it_says_how_much_it_saw(harness: Harness, directory: HiddenHand) -> None:
    directory.drop("birim1")
    directory.copy("birim0", "hacker")
    compared = comparison(harness)
    found = Counter(difference.kind for difference in compared.differences())

    assert compared.listed == len(UNITS)
    assert found == {DifferenceKind.MISSING: 1, DifferenceKind.EXTRA: 1}
    assert harness.account("birim1").state is AccountState.OPEN
