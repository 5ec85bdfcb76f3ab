"""Updates and withdrawals: targets follow the account, and its password, state and holder stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import attrs
import pytest

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.messages import ListedAccount
from provisioner.core.model import AccountState, OperationState, Outcome, Person, TargetState, Unit
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

AYSE = Person(id="1", name="Ayşe Işık", mobile="+905321234567")
OFFICE = Unit(code="kalem", name="Kalem", kind="office", login="kalem46", custodian="1")
SCHOOL = Unit(code="okul", name="Okul", kind="school", login="okul46", custodian="1")
LOGINS = ("kalem46", "okul46")


@attrs.define(eq=False)
class Site:
    """Two accounts on two targets, whose configuration changes while the store stays."""

    folder: Path
    mail: FaultTarget = attrs.field(factory=lambda: FaultTarget(MemoryTarget()))
    wiki: FaultTarget = attrs.field(factory=lambda: FaultTarget(MemoryTarget()))
    phones: MemoryChannel = attrs.field(factory=MemoryChannel)

    def start(self, **options: object) -> Harness:
        return Harness(
            self.folder / "store.sqlite",
            targets={"mail": self.mail, "wiki": self.wiki},
            channels={"sms": self.phones},
            **options,  # type: ignore[arg-type]
        )

    def listed(self, target: FaultTarget, login: str) -> ListedAccount | None:
        entries = [entry for page in target.inner.account_list() for entry in page.accounts if entry.login == login]
        return entries[0] if entries else None

    @property
    def passwords(self) -> dict[str, str]:
        return {message.login: message.password for message in self.phones.inbox(AYSE.mobile or "")}


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    with site.start() as harness:
        harness.know(units=[OFFICE, SCHOOL], persons=[AYSE])
        assert {operation.state for operation in harness.open(["kalem", "okul"])} == {OperationState.DONE}
    return site


@pytest.fixture(name="harness")
def _harness(site: Site) -> Iterator[Harness]:
    with site.start() as harness:
        yield harness


class TestUpdate:
    """A changed name reaches every target, and nobody gets another password."""

    def test_writes_the_new_name_and_keeps_the_password(self, site: Site, harness: Harness) -> None:
        harness.know(units=[attrs.evolve(OFFICE, name="Yeni Kalem")])
        before = site.passwords

        [operation] = harness.update(["kalem46"])

        assert operation.state is OperationState.DONE
        for target in (site.mail, site.wiki):
            entry = site.listed(target, "kalem46")
            assert entry is not None
            assert entry.attributes["unit"] == "Yeni Kalem"
            assert target.inner.logs_in("kalem46", before["kalem46"])
        assert site.passwords == before, "an update sent a message"

    def test_keeps_account_and_deadlines(self, harness: Harness) -> None:
        before = harness.account("kalem46")

        harness.update(["kalem46"])

        assert harness.account("kalem46") == before

    def test_of_an_account_that_is_up_to_date_says_that_nothing_changed(self, harness: Harness) -> None:
        [operation] = harness.update(["kalem46"])

        outcomes = {step.outcome for step in operation.steps if step.hook == "account_update"}
        assert (operation.state, outcomes) == (OperationState.DONE, {Outcome.UNCHANGED})

    def test_of_a_closed_account_does_nothing(self, harness: Harness) -> None:
        harness.close_accounts(["kalem46"])

        plan = harness.planner.update([harness.account("kalem46")], INITIATOR)

        assert (plan.work, [str(left.reason) for left in plan.unchanged]) == ((), ["it is closed already"])

    def test_that_one_target_refuses_is_still_done_on_the_other(self, site: Site, harness: Harness) -> None:
        harness.know(units=[attrs.evolve(OFFICE, name="Yeni Kalem")])
        site.mail.faults.on("account_update", Fault.REFUSE)

        [operation] = harness.update(["kalem46"])

        entry = site.listed(site.wiki, "kalem46")
        assert operation.state is OperationState.FAILED
        assert entry is not None
        assert entry.attributes["unit"] == "Yeni Kalem"
        assert harness.account("kalem46").state is AccountState.OPEN, "a refused name does not close anybody"

    def test_that_a_target_cannot_do_now_waits_and_leaves_the_account_open(self, site: Site, harness: Harness) -> None:
        site.mail.faults.on("account_update", Fault.CANNOT_CONNECT)
        [operation] = harness.update(["kalem46"])
        assert operation.state is OperationState.INCOMPLETE
        assert harness.account("kalem46").state is AccountState.OPEN

        site.mail.faults.clear()
        assert [again.state for again in harness.engine.iter_retry([operation])] == [OperationState.DONE]

    @pytest.mark.parametrize("fault", [Fault.LOSE_REQUEST, Fault.APPLY_AND_LOSE_ANSWER])
    def test_whose_answer_is_lost_is_found_out_by_a_probe(self, site: Site, harness: Harness, fault: Fault) -> None:
        harness.know(units=[attrs.evolve(OFFICE, name="Yeni Kalem")])
        site.mail.faults.on("account_update", fault, [1])

        [operation] = harness.update(["kalem46"])

        entry = site.listed(site.mail, "kalem46")
        assert operation.state is OperationState.DONE
        assert entry is not None
        assert entry.attributes["unit"] == "Yeni Kalem"

    def test_does_not_create_what_is_missing_and_says_where_it_is(self, site: Site, harness: Harness) -> None:
        del site.mail.inner._entries["kalem46"]

        [operation] = harness.update(["kalem46"])

        assert operation.state is OperationState.DONE
        assert [step.outcome for step in operation.steps if step.name == "mail"] == [Outcome.NOT_APPLIED]
        assert harness.store.accounts.target_states("kalem46")["mail"] is TargetState.ABSENT
        assert site.listed(site.mail, "kalem46") is None

    def test_that_waits_gives_way_to_a_new_password(self, site: Site, harness: Harness) -> None:
        site.mail.faults.on("account_update", Fault.CANNOT_CONNECT)
        harness.update(["kalem46"])
        site.mail.faults.clear()

        [rotated] = harness.rotate(["kalem46"])

        assert rotated.state is OperationState.DONE
        assert site.mail.inner.logs_in("kalem46", site.passwords["kalem46"])

    def test_that_waits_does_not_open_the_account_again(self, site: Site, harness: Harness) -> None:
        """An open account stays as it is, also if a name has not arrived everywhere."""
        site.mail.faults.on("account_update", Fault.CANNOT_CONNECT)
        harness.update(["kalem46"])
        before = site.passwords

        assert harness.open(["kalem"]) == []
        assert site.passwords == before


class TestScope:
    """A target has the accounts in its scope, and no others."""

    SCHOOLS: ClassVar = {"wiki": {"kinds": ["school"]}}

    def test_opens_nothing_outside(self, site: Site, tmp_path: Path) -> None:
        fresh = Site(tmp_path / "fresh")
        fresh.folder.mkdir()
        with fresh.start(scopes=self.SCHOOLS) as harness:
            harness.know(units=[OFFICE, SCHOOL], persons=[AYSE])
            harness.open(["kalem", "okul"])

        assert fresh.listed(fresh.wiki, "kalem46") is None
        assert fresh.listed(fresh.wiki, "okul46") is not None

    def test_that_grew_narrower_leaves_no_former_password_valid(self, site: Site) -> None:
        """Until the account is withdrawn, a renewal reaches it there too."""
        with site.start(scopes=self.SCHOOLS) as harness:
            former = site.passwords["kalem46"]
            harness.rotate(["kalem46"])

        assert not site.wiki.inner.logs_in("kalem46", former)

    def test_that_grew_narrower_closes_the_account_there_and_nowhere_else(self, site: Site) -> None:
        with site.start(scopes=self.SCHOOLS) as harness:
            operations = harness.withdraw(LOGINS)
            states = harness.store.accounts.target_states("kalem46")
            account = harness.account("kalem46")

        assert [(operation.login, operation.state) for operation in operations] == [("kalem46", OperationState.DONE)]
        assert states == {"mail": TargetState.OPEN, "wiki": TargetState.CLOSED}
        assert account.state is AccountState.OPEN
        assert site.mail.inner.logs_in("kalem46", site.passwords["kalem46"])
        assert not site.wiki.inner.logs_in("kalem46", site.passwords["kalem46"])

    def test_that_grew_wider_again_opens_the_account_with_its_next_password(self, site: Site) -> None:
        with site.start(scopes=self.SCHOOLS) as harness:
            harness.withdraw(LOGINS)
            harness.rotate(["kalem46"])
            assert not site.wiki.inner.logs_in("kalem46", site.passwords["kalem46"])
        with site.start() as harness:
            [operation] = harness.rotate(["kalem46"])

        assert operation.state is OperationState.DONE
        assert site.wiki.inner.logs_in("kalem46", site.passwords["kalem46"])

    def test_that_loses_too_many_accounts_at_once_is_held(self, site: Site) -> None:
        limit = MassChangeLimit(percent=20, from_accounts=2)
        with site.start(scopes={"wiki": {"kinds": ["nobody"]}}, limit=limit) as harness:
            operations = harness.withdraw(LOGINS)

        assert {operation.state for operation in operations} == {OperationState.STAGED}
        assert site.wiki.inner.logs_in("kalem46", site.passwords["kalem46"])

    def test_that_is_split_into_two_runs_is_held_all_the_same(self, site: Site) -> None:
        limit = MassChangeLimit(percent=60, from_accounts=2)
        with site.start(scopes={"wiki": {"kinds": ["nobody"]}}, limit=limit) as harness:
            [first] = harness.withdraw(["kalem46"])
            [second] = harness.withdraw(["okul46"])

        assert (first.state, second.state) == (OperationState.DONE, OperationState.STAGED)

    def test_of_no_target_at_all_makes_no_password_for_nothing(self, site: Site) -> None:
        nowhere = {"kinds": ["nobody"]}
        with site.start(scopes={"mail": nowhere, "wiki": nowhere}) as harness:
            harness.know(units=[attrs.evolve(OFFICE, code="yeni", login="yeni46")])
            before = site.passwords
            operations = harness.open(["yeni"])

        assert (operations, site.passwords) == ([], before)

    def test_of_a_target_that_is_down_and_concerns_nobody_stops_nothing(self, site: Site) -> None:
        with site.start(scopes=self.SCHOOLS) as harness:
            harness.withdraw(LOGINS)
            site.wiki.faults.on("target_check", Fault.CANNOT_CONNECT)
            [operation] = harness.rotate(["kalem46"])

        assert operation.state is OperationState.DONE


class TestEntitlements:
    """Groups are set with the account, follow the unit, and end with the account."""

    STAFF: ClassVar = {
        "staff": EntitlementSettings(target="mail", kinds=("office",)),
        "all": EntitlementSettings(target="mail"),
    }

    def entitlements(self, site: Site, login: str) -> frozenset[str]:
        return frozenset(site.mail.inner._entries[login].entitlements)

    def test_are_granted_by_an_update_and_withdrawn_when_the_unit_changes(self, site: Site) -> None:
        with site.start(entitlements=self.STAFF) as harness:
            harness.update(LOGINS)
            assert self.entitlements(site, "kalem46") == {"staff", "all"}
            assert self.entitlements(site, "okul46") == {"all"}
            harness.know(units=[attrs.evolve(OFFICE, kind="school")])
            harness.update(LOGINS)

        assert self.entitlements(site, "kalem46") == {"all"}

    def test_of_others_stay(self, site: Site) -> None:
        entries = site.mail.inner._entries
        entries["kalem46"] = attrs.evolve(entries["kalem46"], entitlements=frozenset({"theirs"}))
        with site.start(entitlements=self.STAFF) as harness:
            harness.update(LOGINS)

        assert self.entitlements(site, "kalem46") == {"staff", "all", "theirs"}

    def test_end_when_the_account_closes(self, site: Site) -> None:
        with site.start(entitlements=self.STAFF) as harness:
            harness.update(LOGINS)
            harness.close_accounts(["kalem46"])

        assert self.entitlements(site, "kalem46") == frozenset()

    def test_come_with_a_new_account(self, site: Site) -> None:
        with site.start(entitlements=self.STAFF) as harness:
            harness.know(units=[attrs.evolve(OFFICE, code="yeni", login="yeni46")])
            harness.open(["yeni"])

        assert self.entitlements(site, "yeni46") == {"staff", "all"}
