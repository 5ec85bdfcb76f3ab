"""Accounts that the product has never seen become its own, and nothing happens to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import BusyError, DeniedError, InputError, PartialListError, RefusedError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AccountPage, ListedAccount, Presence
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState, Action, Person, TargetState, Unit
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.reconcile.adoption import PasswordAge
from provisioner.core.reconcile.differences import Difference
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.services.adoption import AdoptionPlan
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

ADMINISTRATOR, OFFICER = "9000", "1002"
PERSONS = [Person(id=str(n), name=f"Kişi {n}", mobile=f"+90532000000{n % 10}") for n in (9000, 1001, 1002, 1003)]
UNITS = [
    Unit(code="il", name="İl", kind="province", login="il46", custodian="1001"),
    Unit(code="arge", name="AR-GE", kind="office", parent="il", login="arge46", custodian="1003"),
    Unit(code="okul", name="Okul", kind="school", parent="il", login="okul46", custodian="1003"),
]


def listed(login: str, **more: object) -> ListedAccount:
    return ListedAccount(login=login, presence=more.pop("presence", Presence.ENABLED), **more)  # type: ignore[arg-type]


@attrs.define(eq=False)
class Site(MemoryTarget):
    """A directory that was there before the product."""

    accounts: Sequence[ListedAccount] = ()
    breaks_off: bool = False

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        yield AccountPage(accounts=tuple(self.accounts), is_last=not self.breaks_off)


POLICY = Policy(rule_sets=(RuleSet(name="renewal", rules=(RenewOrClose(), AutoRotate())),), fingerprint="1")


@pytest.fixture(name="sites")
def _sites() -> dict[str, Site]:
    return {"posta": Site(accounts=[listed("arge46"), listed("okul46"), listed("hacker")]), "pys": Site()}


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, sites: dict[str, Site]) -> Iterator[Harness]:
    with Harness(
        tmp_path / "store.db",
        targets=sites,
        channels={"sms": MemoryChannel()},
        policy=POLICY,
        administrators=[ADMINISTRATOR],
        protected=["okul*"],
        clock=FakeClock(),
    ) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.app.delegation.grant(OFFICER, Role.OFFICER, unit="arge", actor=ADMINISTRATOR)
        yield harness


def adopt(harness: Harness, **more: str) -> AdoptionPlan:
    plan = harness.app.adoption.plan(**{"actor": ADMINISTRATOR, **more})
    list(harness.app.adoption.adopt(plan))
    return plan


def refused(plan: AdoptionPlan) -> dict[str, str]:
    return {refusal.login: str(refusal.reason) for refusal in plan.refused}


def test_an_adopted_account_is_open_and_has_its_deadlines(harness: Harness) -> None:
    adopt(harness)
    account, now = harness.account("arge46"), harness.clock()

    assert (account.unit, account.holder, account.state) == ("arge", "1003", AccountState.OPEN)
    assert account.opened_at == now
    assert account.password_changed_at
    assert now - timedelta(days=27) <= account.password_changed_at <= now
    assert account.next_action is Action.ROTATE
    assert account.closes_at == account.password_changed_at + timedelta(days=30)
    assert harness.store.accounts.target_states("arge46") == {"posta": TargetState.OPEN}


def test_a_second_run_adopts_nothing(harness: Harness) -> None:
    assert [event.login for event in adopt(harness).adopted] == ["arge46"]

    again = adopt(harness)

    assert again.adopted == ()
    assert set(refused(again)) == {"hacker", "okul46"}


def test_what_is_protected_or_no_unit_s_is_left_with_the_reason(harness: Harness) -> None:
    plan = adopt(harness)

    assert refused(plan) == {
        "hacker": "no unit matches it by login",
        "okul46": "okul46 is protected and cannot be changed",
    }
    assert all(refusal.cure.template for refusal in plan.refused)
    assert plan.listed == {"posta": 3, "pys": 0}


def test_a_unit_that_can_have_no_login_is_named_and_stops_nobody(harness: Harness) -> None:
    harness.know(units=[Unit(code="x", name="X", kind="office", login="şube 1")])
    plan = adopt(harness)

    assert [(problem.subject, str(problem.message)) for problem in plan.problems] == [
        ("x", "şube 1 is not a valid login")
    ]
    assert [event.login for event in plan.adopted] == ["arge46"]


def test_an_account_on_several_targets_is_adopted_once(harness: Harness, sites: dict[str, Site]) -> None:
    sites["pys"].accounts = [listed("ARGE46", presence=None)]
    plan = adopt(harness)

    assert [event.login for event in plan.adopted] == ["arge46"]
    assert harness.store.accounts.target_states("arge46") == {"posta": TargetState.OPEN, "pys": TargetState.UNPROVED}


def test_only_the_target_asked_for_is_read(harness: Harness, sites: dict[str, Site]) -> None:
    sites["pys"].breaks_off = True

    assert [event.login for event in adopt(harness, target="posta").adopted] == ["arge46"]


def test_from_a_list_that_ends_early_nothing_is_adopted(harness: Harness, sites: dict[str, Site]) -> None:
    """The second account of the same unit may have come next."""
    sites["posta"].breaks_off = True
    with pytest.raises(PartialListError):
        adopt(harness)


def test_the_age_of_the_password_comes_from_the_target(harness: Harness, sites: dict[str, Site]) -> None:
    set_at = harness.clock() - timedelta(days=3)
    sites["posta"].accounts = [listed("arge46", password_changed_at=set_at)]
    [event] = adopt(harness).adopted

    assert (event.password_age, event.password_set_at) == (PasswordAge.TARGET, set_at)
    assert harness.account("arge46").password_changed_at == set_at


def test_an_old_password_is_renewed_within_the_month_and_its_age_is_on_record(
    harness: Harness, sites: dict[str, Site]
) -> None:
    set_at = harness.clock() - timedelta(days=900)
    sites["posta"].accounts = [listed("arge46", password_changed_at=set_at)]
    [event] = adopt(harness).adopted

    assert (event.password_age, event.password_set_at) == (PasswordAge.SPREAD, set_at)
    assert event.account.closes_at
    assert event.account.closes_at > harness.clock()


class TestAuthority:
    def test_an_officer_adopts_the_accounts_of_the_own_unit(self, harness: Harness, sites: dict[str, Site]) -> None:
        sites["posta"].accounts = [listed("arge46"), listed("il46"), listed("hacker")]
        plan = adopt(harness, actor=OFFICER, unit="arge")

        assert [event.login for event in plan.adopted] == ["arge46"]
        assert plan.refused == (), "accounts of others are none of their business"

    @pytest.mark.parametrize(("actor", "unit"), [(OFFICER, "il"), (OFFICER, ""), ("1003", "arge")])
    def test_others_may_not(self, harness: Harness, actor: str, unit: str) -> None:
        with pytest.raises(DeniedError):
            harness.app.adoption.plan(actor=actor, unit=unit or None)

    def test_nobody_takes_an_account_for_themselves(self, harness: Harness, sites: dict[str, Site]) -> None:
        """They could have written their ID into the directory, and would get the next password."""
        sites["posta"].accounts = [listed("arge46", holder=OFFICER)]
        plan = adopt(harness, actor=OFFICER, unit="arge")

        assert plan.adopted == ()
        assert "it is the same person" in refused(plan)["arge46"]
        assert [event.account.holder for event in adopt(harness).adopted] == [OFFICER]


def test_what_does_not_exist_is_named(harness: Harness) -> None:
    with pytest.raises(InputError, match="there is no target yok"):
        adopt(harness, target="yok")
    with pytest.raises(InputError, match="there is no unit yok"):
        adopt(harness, unit="yok")


def test_a_unit_that_was_opened_meanwhile_keeps_its_account(harness: Harness) -> None:
    plan = harness.app.adoption.plan(actor=ADMINISTRATOR)
    harness.app.units.open(["arge"], initiator=Initiator(actor=ADMINISTRATOR)).wait()
    before = harness.account("arge46")
    with pytest.raises(BusyError):
        list(harness.app.adoption.adopt(plan))

    assert harness.account("arge46") == before


def test_an_adopted_account_can_be_compared_and_is_renewed_like_others(tmp_path: Path) -> None:
    """The other targets get it at its next renewal."""
    first, second = MemoryTarget(), MemoryTarget()
    with Harness(tmp_path / "a.db", targets={"posta": first}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open(["arge"])
    targets = {"posta": first, "pys": second}
    with Harness(tmp_path / "b.db", targets=targets, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        adopt(harness)
        assert [(each.login, each.target) for each in differences(harness)] == [("arge46", "pys")]
        assert isinstance(harness.clock, FakeClock)
        harness.clock.advance(timedelta(minutes=1))

        assert [operation.error for operation in harness.rotate(["arge46"])] == [None]

        harness.clock.advance(timedelta(minutes=1))
        assert differences(harness) == []


def test_an_account_outside_of_a_target_s_scope_is_known_there_until_it_is_withdrawn(tmp_path: Path) -> None:
    """Its password would stay valid there for ever if nobody knew of it."""
    targets = {"posta": MemoryTarget(), "pys": MemoryTarget()}
    with Harness(tmp_path / "a.db", targets=targets, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open(["arge"])
    scopes = {"pys": {"kinds": ["school"]}}
    with Harness(tmp_path / "b.db", targets=targets, channels={"sms": MemoryChannel()}, scopes=scopes) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        adopt(harness)
        assert harness.store.accounts.target_states("arge46") == {"posta": TargetState.OPEN, "pys": TargetState.OPEN}

        harness.withdraw(["arge46"])

        assert harness.store.accounts.target_states("arge46") == {"posta": TargetState.OPEN, "pys": TargetState.CLOSED}


def differences(harness: Harness) -> list[Difference]:
    return [each for each in harness.app.reconcile.compare(actor=ADMINISTRATOR) if isinstance(each, Difference)]


def test_a_target_that_cannot_list_is_left_out(tmp_path: Path) -> None:
    targets, cannot = {"posta": MemoryTarget(), "pys": MemoryTarget()}, {"pys": ["account_list"]}
    lacking = type("Lacking", (MemoryTarget,), {"account_list": None})()
    with Harness(
        tmp_path / "a.db", targets={**targets, "pys": lacking}, channels={"sms": MemoryChannel()}, cannot=cannot
    ) as harness:
        assert adopt(harness).listed == {"posta": 0, "pys": None}


def test_a_veto_of_a_plug_in_holds(harness: Harness) -> None:
    class Veto:
        @hookimpl
        def operation_authorize(self, request: object) -> None:
            raise RefusedError("the vault is closed")

    harness.plugins.add("test:veto", Veto())
    with pytest.raises(RefusedError):
        adopt(harness)
