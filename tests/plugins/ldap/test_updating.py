"""Attributes are brought up to date, foreseen and compared; passwords, states and the values of others stay."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import MissingError
from provisioner.core.api.messages import AttributeChange, CompareAccount, PlannedChange, ProbeAccount
from provisioner.core.model import Account, OperationKind, Outcome, Person, Unit
from provisioner.testing import samples
from provisioner.testing.samples import HOLDER, SECRET, UNIT
from provisioner_ldap.directory import Directory
from provisioner_ldap.settings import TlsMode
from tests.plugins.ldap.conftest import MODIFY, SEARCH, Administrator, MakeDirectory, Proxy
from tests.plugins.ldap.test_listing import listed

pytestmark = pytest.mark.server("slapd")

MARRIED = attrs.evolve(HOLDER, name="Ayşe Demir")
RENAMED = attrs.evolve(UNIT, name="Ortaöğretim Şube Müdürlüğü")


def compared(
    directory: Directory, account: Account, unit: Unit = UNIT, holder: Person | None = HOLDER
) -> tuple[AttributeChange, ...]:
    entry = listed(directory)[account.login]
    return directory.compare(CompareAccount(listed=entry, account=account, unit=unit, holder=holder)).changes


def foreseen(
    directory: Directory, account: Account, unit: Unit = UNIT, holder: Person | None = HOLDER
) -> tuple[AttributeChange, ...]:
    planned = PlannedChange(kind=OperationKind.UPDATE, unit=unit, holder=holder)
    return directory.probe(ProbeAccount(account=account, planned=planned)).changes


class TestUpdate:
    def test_what_differs_is_written_and_the_password_stays(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))

        receipt = directory.update(samples.update(account, RENAMED, MARRIED))

        assert (receipt.outcome, receipt.reference) == (Outcome.APPLIED, dn)
        assert administrator.text(dn, "cn") == RENAMED.name
        assert administrator.text(dn, "displayName") == MARRIED.name
        assert administrator.logs_in(dn, SECRET.reveal())

    def test_it_takes_one_change(self, make_directory: MakeDirectory, account: Account, proxy: Proxy) -> None:
        """Of two, the second may be lost."""
        directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE, family="openldap")
        directory.create(samples.create(account))
        before = proxy.writes

        directory.update(samples.update(account, RENAMED, MARRIED))

        assert (proxy.seen[MODIFY], proxy.writes - before) == (1, 1)

    def test_an_entry_that_is_up_to_date_is_not_written(
        self, make_directory: MakeDirectory, account: Account, proxy: Proxy
    ) -> None:
        directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE, family="openldap")
        directory.create(samples.create(account))
        before = proxy.writes

        assert directory.update(samples.update(account)).outcome is Outcome.UNCHANGED
        assert proxy.writes == before

    def test_values_of_others_stay(self, directory: Directory, account: Account, administrator: Administrator) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        administrator.add_value(dn, "mail", "santral@meb.gov.tr")
        administrator.replace(dn, telephoneNumber="0344 000 00 00")

        directory.update(samples.update(account, RENAMED))

        entry = administrator.read(dn)
        assert entry is not None
        assert set(entry["mail"]) == {account.mail.encode(), b"santral@meb.gov.tr"}
        assert entry["telephoneNumber"] == [b"0344 000 00 00"]

    def test_without_a_holder_the_former_one_is_not_erased(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))

        directory.update(samples.update(account, RENAMED, None))

        assert administrator.text(dn, "cn") == RENAMED.name
        assert administrator.text(dn, "displayName") == HOLDER.name
        assert administrator.text(dn, "employeeNumber") == HOLDER.id

    def test_an_account_that_is_not_there_is_not_made(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        with pytest.raises(MissingError):
            directory.update(samples.update(account))

        assert administrator.read(administrator.dn(account)) is None

    def test_an_undo_brings_the_former_values_back(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        dn = administrator.dn(account)
        directory.create(samples.create(account))
        before = administrator.read(dn)

        receipt = directory.update(samples.update(account, RENAMED, attrs.evolve(MARRIED, title="")))
        assert receipt.undo is not None
        receipt.undo()

        after = administrator.read(dn)
        assert before is not None
        assert after is not None
        changing = {"entryCSN", "modifyTimestamp", "modifiersName"}
        assert {name: after[name] for name in after if name not in changing} == {
            name: before[name] for name in before if name not in changing
        }


class TestForeseen:
    @pytest.mark.parametrize("holder", [MARRIED, None])
    def test_a_probe_shows_what_an_update_then_does(
        self, directory: Directory, account: Account, holder: Person | None
    ) -> None:
        directory.create(samples.create(account))

        shown = foreseen(directory, account, RENAMED, holder)
        directory.update(samples.update(account, RENAMED, holder))

        assert {change.name for change in shown} == {"cn", *({"displayName"} if holder else ())}
        assert foreseen(directory, account, RENAMED, holder) == ()


class TestComparison:
    def test_a_new_account_does_not_differ(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))

        assert compared(directory, account) == ()

    def test_a_changed_name_is_what_an_update_would_write(self, directory: Directory, account: Account) -> None:
        directory.create(samples.create(account))

        assert compared(directory, account, RENAMED, MARRIED) == foreseen(directory, account, RENAMED, MARRIED)

    def test_a_value_of_others_is_no_difference(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        directory.create(samples.create(account))
        administrator.add_value(administrator.dn(account), "mail", "santral@meb.gov.tr")

        assert compared(directory, account) == ()

    def test_an_object_class_under_another_name_is_no_difference(
        self, make_directory: MakeDirectory, account: Account
    ) -> None:
        """Otherwise the same update would be proposed again and again."""
        directory = make_directory(object_classes=("2.16.840.1.113730.3.2.2",))
        directory.create(samples.create(account))

        assert compared(directory, account) == ()

    def test_comparing_asks_the_server_nothing(
        self, make_directory: MakeDirectory, account: Account, proxy: Proxy
    ) -> None:
        """A comparison of 100,000 accounts must not take 100,000 requests."""
        directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE)
        directory.create(samples.create(account))
        entry = listed(directory)[account.login]
        before = proxy.seen[SEARCH]

        request = CompareAccount(listed=entry, account=account, unit=RENAMED, holder=None)

        assert [change.name for change in directory.compare(request).changes] == ["cn"]
        assert proxy.seen[SEARCH] == before
