"""Accounts in containers: found by their login, created where their unit is, and moved with it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.core.api.errors import ConflictError, ItemMisconfiguredError, MissingError
from provisioner.core.api.messages import (
    CONTAINER,
    AttributeChange,
    CompareAccount,
    CreateAccount,
    Entitlements,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
)
from provisioner.core.model import Account, OperationKind, Outcome, Unit
from provisioner.testing import samples
from provisioner.testing.samples import HOLDER, OTHER_SECRET, SECRET
from provisioner.testing.slapd import Slapd
from provisioner_ldap.directory import Directory
from provisioner_ldap.names import canonical
from tests.plugins.ldap.conftest import Administrator, MakeDirectory
from tests.plugins.ldap.test_listing import listed

pytestmark = pytest.mark.server("slapd")

_districts = itertools.count(1)

Opened = Callable[[Account, Unit], Receipt]


def district(name: str) -> Unit:
    """Return a district that no other test has."""
    number = next(_districts)
    return Unit(code=f"ilce{number}", name=f"{name} {number}", kind="district")


def below(parent: Unit) -> Unit:
    return attrs.evolve(samples.UNIT, parent=parent.code)


def creating(account: Account, parent: Unit) -> CreateAccount:
    return attrs.evolve(samples.create(account), unit=below(parent), parent=parent)


@pytest.fixture(name="contained")
def _contained(make_directory: MakeDirectory) -> Directory:
    return make_directory(container="ou={parent_name}", create_containers=True)


def dn(slapd: Slapd, account: Account, parent: Unit) -> str:
    return f"uid={account.login},ou={parent.name},{slapd.base_dn}"


def moves(directory: Directory, account: Account, parent: Unit) -> list[AttributeChange]:
    planned = PlannedChange(kind=OperationKind.UPDATE, unit=below(parent), parent=parent, holder=HOLDER)
    changes = directory.probe(ProbeAccount(account=account, planned=planned)).changes
    return [change for change in changes if change.name == CONTAINER]


def group_with(account: Account, administrator: Administrator, slapd: Slapd) -> Entitlements:
    """Add a group that the account is granted."""
    group = f"cn=grup-{account.login},{slapd.base_dn}"
    administrator.add(group, ["groupOfNames"], {"member": [slapd.bind_dn]})
    return Entitlements(granted=frozenset({group}))


def members(administrator: Administrator, rights: Entitlements) -> set[str]:
    """Return the members of the only granted group."""
    [group] = rights.granted
    entry = administrator.read(group)
    assert entry is not None
    return {canonical(value.decode()) for value in entry["member"]}


class TestCreate:
    def test_the_container_of_the_district_is_made_once(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        parent, other = district("Onikişubat"), attrs.evolve(account, login=f"{account.login}x")

        receipts = [contained.create(creating(one, parent)) for one in (account, other)]

        assert [receipt.reference for receipt in receipts] == [dn(slapd, one, parent) for one in (account, other)]
        assert administrator.logs_in(dn(slapd, account, parent), SECRET.reveal())
        assert contained.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_missing_container_is_a_clear_error_unless_it_is_made(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        parent = district("Afşin")
        directory = make_directory(container="ou={parent_name}")

        with pytest.raises(ItemMisconfiguredError) as caught:
            directory.create(creating(account, parent))

        assert f"no container ou={parent.name},{slapd.base_dn}" in str(caught.value)
        assert "create_containers = true" in str(caught.value.cure)
        assert directory.probe(samples.probe(account=account)).presence is Presence.ABSENT

    def test_every_level_is_made_from_the_top(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        parent = district("Elbistan")
        directory = make_directory(container="ou=Hesaplar,ou={parent_name|ascii|upper}", create_containers=True)

        receipt = directory.create(creating(account, parent))

        container = f"ou=Hesaplar,ou={parent.name.upper()},{slapd.base_dn}"
        assert receipt.reference == f"uid={account.login},{container}"
        assert administrator.text(container, "ou") == "Hesaplar"

    def test_a_unit_at_the_top_has_its_account_below_the_base(
        self, contained: Directory, account: Account, administrator: Administrator
    ) -> None:
        assert contained.create(samples.create(account)).reference == administrator.dn(account)

    def test_a_unit_above_that_is_not_known_is_not_taken_for_none(self, contained: Directory, account: Account) -> None:
        """The account would be created below the base, and every one that is there moved out of its district."""
        unknown = attrs.evolve(samples.create(account), unit=below(district("Nurhak")))

        with pytest.raises(ItemMisconfiguredError, match="the unit above"):
            contained.create(unknown)

    def test_an_account_in_another_container_is_taken_over_there(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        """A second entry with its login would be a second account."""
        first, second = district("Pazarcık"), district("Türkoğlu")
        contained.create(creating(account, first))

        receipt = contained.create(attrs.evolve(creating(account, second), secret=OTHER_SECRET))

        assert receipt.reference == dn(slapd, account, first)
        assert administrator.logs_in(dn(slapd, account, first), OTHER_SECRET.reveal())
        assert administrator.read(dn(slapd, account, second)) is None

    def test_several_entries_of_a_login_are_changed_by_nobody(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        parent = district("Andırın")
        contained.create(creating(account, parent))
        administrator.add(administrator.dn(account), ["inetOrgPerson"], {"cn": "x", "sn": "x"})

        try:
            with pytest.raises(ConflictError, match="several entries"):
                contained.rotate(samples.rotate(account))
        finally:
            administrator.delete(administrator.dn(account))

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(name=st.text(alphabet="aİıŞ ,+\"\\<>;=#/.'-*()", min_size=1, max_size=12).filter(str.strip))
    def test_a_district_of_any_name_has_one_container(self, contained: Directory, account: Account, name: str) -> None:
        """A comma in a name must not become a level, nor a space at an end another container."""
        parent = attrs.evolve(district("x"), name=name)
        contained.create(creating(account, parent))

        try:
            assert moves(contained, account, parent) == []
        finally:
            contained.delete(samples.delete(account))


class TestMove:
    def test_the_entry_is_moved_with_its_password_and_what_others_gave(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        first, second = district("Onikişubat"), district("Dulkadiroğlu")
        contained.create(creating(account, first))
        administrator.replace(dn(slapd, account, first), telephoneNumber="0344 000 00 00")

        receipt = contained.rename(samples.rename(account, below(second), second))

        assert (receipt.outcome, receipt.reference) == (Outcome.APPLIED, dn(slapd, account, second))
        assert administrator.read(dn(slapd, account, first)) is None
        assert administrator.logs_in(dn(slapd, account, second), SECRET.reveal())
        assert administrator.text(dn(slapd, account, second), "telephoneNumber") == "0344 000 00 00"

    def test_it_is_shown_before_and_not_after(self, contained: Directory, account: Account, slapd: Slapd) -> None:
        first, second = district("Ekinözü"), district("Göksun")
        contained.create(creating(account, first))
        assert moves(contained, account, first) == []

        [shown] = moves(contained, account, second)
        contained.rename(samples.rename(account, below(second), second))

        assert shown.removes == (f"ou={first.name},{slapd.base_dn}",)
        assert shown.adds == (f"ou={second.name},{slapd.base_dn}",)
        assert moves(contained, account, second) == []

    def test_it_can_be_repeated(self, contained: Directory, account: Account) -> None:
        """The process may end before the update that follows."""
        first, second = district("Çağlayancerit"), district("Afşin")
        contained.create(creating(account, first))
        contained.rename(samples.rename(account, below(second), second))

        again = contained.rename(samples.rename(account, below(second), second))
        updated = contained.update(attrs.evolve(samples.update(account, below(second)), parent=second))

        assert (again.outcome, updated.outcome) == (Outcome.UNCHANGED, Outcome.UNCHANGED)

    def test_a_closed_account_stays_closed(self, contained: Directory, account: Account) -> None:
        first, second = district("Elbistan"), district("Nurhak")
        contained.create(creating(account, first))
        contained.shut(samples.close(account))

        contained.rename(samples.rename(account, below(second), second))

        assert contained.probe(samples.probe(account=account)).presence is Presence.DISABLED

    def test_an_undo_moves_it_back(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        first, second = district("Pazarcık"), district("Türkoğlu")
        contained.create(creating(account, first))

        receipt = contained.rename(samples.rename(account, below(second), second))
        assert receipt.undo is not None
        receipt.undo()

        assert administrator.logs_in(dn(slapd, account, first), SECRET.reveal())

    def test_a_group_never_names_what_is_not_there(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        """Without an overlay, a directory keeps the former name in groups."""
        first, second = district("Andırın"), district("Göksun")
        rights = group_with(account, administrator, slapd)
        contained.create(attrs.evolve(creating(account, first), entitlements=rights))

        contained.rename(attrs.evolve(samples.rename(account, below(second), second), entitlements=rights))
        update = attrs.evolve(samples.update(account, below(second)), parent=second, entitlements=rights)
        contained.update(update)

        assert members(administrator, rights) == {canonical(slapd.bind_dn), canonical(dn(slapd, account, second))}

    def test_a_move_whose_update_is_refused_does_not_take_the_groups_away(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        """The update may never come."""
        first, second = district("Nurhak"), district("Çağlayancerit")
        rights = group_with(account, administrator, slapd)
        contained.create(attrs.evolve(creating(account, first), entitlements=rights))

        contained.rename(attrs.evolve(samples.rename(account, below(second), second), entitlements=rights))

        assert members(administrator, rights) == {canonical(slapd.bind_dn), canonical(dn(slapd, account, second))}

    def test_an_undo_leaves_no_group_with_the_new_name(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        first, second = district("Onikişubat"), district("Dulkadiroğlu")
        rights = group_with(account, administrator, slapd)
        contained.create(attrs.evolve(creating(account, first), entitlements=rights))
        moved = contained.rename(attrs.evolve(samples.rename(account, below(second), second), entitlements=rights))

        assert moved.undo is not None
        moved.undo()

        assert members(administrator, rights) == {canonical(slapd.bind_dn), canonical(dn(slapd, account, first))}

    def test_a_missing_account_is_missing(self, contained: Directory, account: Account) -> None:
        parent = district("Ekinözü")

        with pytest.raises(MissingError):
            contained.rename(samples.rename(account, below(parent), parent))

    def test_an_entry_in_the_way_is_named_and_stays(
        self, contained: Directory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        """It is of another kind, so it is not taken for a second entry of the account."""
        first, second = district("Afşin"), district("Elbistan")
        contained.create(creating(account, first))
        contained.create(creating(attrs.evolve(account, login=f"{account.login}y"), second))
        administrator.add(dn(slapd, account, second), ["account"], {})

        with pytest.raises(ConflictError):
            contained.rename(samples.rename(account, below(second), second))

        assert administrator.logs_in(dn(slapd, account, first), SECRET.reveal())


class TestList:
    def test_accounts_of_all_containers_are_listed_and_compared(
        self, contained: Directory, account: Account, slapd: Slapd
    ) -> None:
        first, second = district("Dulkadiroğlu"), district("Onikişubat")
        contained.create(creating(account, first))

        entry = listed(contained)[account.login]
        request = CompareAccount(listed=entry, account=account, unit=below(second), holder=HOLDER, parent=second)

        assert entry.reference == dn(slapd, account, first)
        assert [change.name for change in contained.compare(request).changes] == [CONTAINER]
        here = attrs.evolve(request, unit=below(first), parent=first)
        assert contained.compare(here).changes == ()


class TestByAddress:
    def test_an_entry_is_named_by_the_whole_address(
        self, make_directory: MakeDirectory, account: Account, administrator: Administrator, slapd: Slapd
    ) -> None:
        directory = make_directory(rdn="mail", attributes={"cn": "{unit_name}", "sn": "{login}", "uid": "{login}"})

        receipt = directory.create(samples.create(account))

        assert receipt.reference == f"mail={account.mail},{slapd.base_dn}"
        assert directory.probe(samples.probe(SECRET, account)).secret_accepted
        assert listed(directory)[account.login].reference == receipt.reference
        directory.rotate(samples.rotate(account))
        assert administrator.logs_in(receipt.reference or "", OTHER_SECRET.reveal())
        directory.shut(samples.close(account))
        assert not administrator.logs_in(receipt.reference or "", OTHER_SECRET.reveal())

    def test_values_of_an_attribute_are_written_and_compared_as_a_set(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        directory = make_directory(
            attributes={"cn": "{login}", "sn": "{login}", "mail": ("{mail}", "{unit_name|slug}@meb.gov.tr")}
        )
        directory.create(samples.create(account))

        assert directory.update(samples.update(account)).outcome is Outcome.UNCHANGED
        renamed = attrs.evolve(samples.UNIT, name="Ortaöğretim")
        directory.update(samples.update(account, renamed))
        entry = listed(directory)[account.login]
        assert {value for name, value in entry.values() if name == "mail"} == {
            account.mail,
            "ortaogretim@meb.gov.tr",
            "temel-egitim-sube-mudurlugu@meb.gov.tr",
        }, "mail to the former address is lost"
