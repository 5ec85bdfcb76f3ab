"""Groups as entitlements: who is in one, what an account joins and leaves, and what becomes of failures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing

import attrs
import pytest

from provisioner.core.api.errors import ConflictError, ForbiddenError
from provisioner.core.api.messages import AttributeChange, CompareAccount, Entitlements, PlannedChange, ProbeAccount
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.testing import samples
from provisioner.testing.samples import HOLDER, OTHER_SECRET, SECRET, UNIT
from provisioner.testing.slapd import Slapd
from provisioner_ldap.client import LdapSession
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.directory import Directory
from provisioner_ldap.groups import GroupChange, Member
from tests.plugins.ldap.conftest import Administrator, MakeDirectory, settings_of
from tests.plugins.ldap.test_listing import listed

pytestmark = pytest.mark.server("slapd")

GROUPS = f"ou=groups,{Slapd.suffix}"
#: A group whose members the service account may see, and not change.
FOREIGN = f"cn=foreign,{GROUPS}"
NOBODY = f"cn=nobody,{Slapd.suffix}"

#: The least rights on groups.
RULES = (
    f'to dn.exact="{FOREIGN}" by users read',
    f'to dn.subtree="{GROUPS}" attrs=member,uniqueMember,memberUid by dn.exact="{Slapd.bind_dn}" write by users read',
)

_numbers = itertools.count(1)


@pytest.fixture(scope="module", name="slapd")
def _slapd() -> Iterator[Slapd]:
    with Slapd(rules=RULES) as server:
        yield server


@pytest.fixture(scope="module", name="administrator")
def _administrator(slapd: Slapd) -> Iterator[Administrator]:
    with closing(Administrator(slapd)) as administrator:
        administrator.add(GROUPS, ["organizationalUnit"], {})
        administrator.add(FOREIGN, ["groupOfNames"], {"member": NOBODY})
        yield administrator


@pytest.fixture(name="group")
def _group(administrator: Administrator) -> str:
    """Return a group that has another member."""
    dn = f"cn=group{next(_numbers)},{GROUPS}"
    administrator.add(dn, ["groupOfNames"], {"member": NOBODY})
    return dn


def members(administrator: Administrator, group: str, attribute: str = "member") -> set[str]:
    entry = administrator.read(group)
    assert entry is not None
    return {value.decode() for value in entry.get(attribute, [])}


def having(*groups: str) -> Entitlements:
    return Entitlements(granted=frozenset(groups))


def lacking(*groups: str) -> Entitlements:
    return Entitlements(withdrawn=frozenset(groups))


def created(directory: Directory, account: Account, *groups: str) -> None:
    directory.create(attrs.evolve(samples.create(account), entitlements=having(*groups)))


class TestGranted:
    def test_a_new_account_is_a_member(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account, group)

        assert members(administrator, group) == {NOBODY, administrator.dn(account)}

    @pytest.mark.parametrize("kind", ["groupOfUniqueNames", "posixGroup"])
    def test_the_class_of_the_group_decides_how_a_member_is_written(
        self, directory: Directory, account: Account, administrator: Administrator, kind: str
    ) -> None:
        group, dn = f"cn=group{next(_numbers)},{GROUPS}", administrator.dn(account)
        attributes = {"uniqueMember": NOBODY} if kind == "groupOfUniqueNames" else {"gidNumber": "7"}
        attribute, value = ("uniqueMember", dn) if kind == "groupOfUniqueNames" else ("memberUid", account.login)
        administrator.add(group, [kind], attributes)

        created(directory, account, group)
        joined = members(administrator, group, attribute)
        directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))

        assert joined - members(administrator, group, attribute) == {value}

    @pytest.mark.parametrize("group", [f"cn=none,{GROUPS}", "staff", Slapd.base_dn])
    def test_what_is_no_group_is_named_and_nothing_is_left_of_the_account(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        with pytest.raises(ConflictError, match=group) as caught:
            created(directory, account, group)

        assert "create the group" in str(caught.value.cure)
        assert administrator.read(administrator.dn(account)) is None

    def test_a_group_that_must_not_be_changed_leaves_nothing_of_the_account(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        with pytest.raises(ForbiddenError):
            created(directory, account, group, FOREIGN)

        assert administrator.read(administrator.dn(account)) is None
        assert members(administrator, group) == {NOBODY}

    def test_a_refused_group_restores_the_password_of_a_handover(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        created(directory, account)

        with pytest.raises(ForbiddenError):
            directory.hand_over(attrs.evolve(samples.handover(account), entitlements=having(FOREIGN)))

        assert administrator.logs_in(administrator.dn(account), SECRET.reveal())
        assert administrator.text(administrator.dn(account), "displayName") == HOLDER.name

    def test_a_handover_and_a_reopening_grant_too(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account)
        directory.hand_over(attrs.evolve(samples.handover(account), entitlements=having(group)))
        assert administrator.dn(account) in members(administrator, group)

        directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))
        created(directory, account, group)
        assert administrator.dn(account) in members(administrator, group)

    @pytest.mark.parametrize("joins", [True, False])
    def test_somebody_else_who_was_faster_is_no_failure(
        self, slapd: Slapd, administrator: Administrator, account: Account, group: str, joins: bool
    ) -> None:
        if joins:
            administrator.add_value(group, "member", administrator.dn(account))
        with closing(LdapClient(settings_of(slapd)).connect_service(slapd.ldaps_url)) as session:
            made = GroupChange(group, "member", administrator.dn(account), joins=joins).make(session)

        assert made is False


class TestWithdrawn:
    def test_a_closed_account_is_no_member(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account, group)

        receipt = directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))

        assert members(administrator, group) == {NOBODY}
        assert receipt.undo is not None
        receipt.undo()
        assert administrator.dn(account) in members(administrator, group)
        assert administrator.logs_in(administrator.dn(account), SECRET.reveal())

    def test_an_account_that_was_closed_by_others_leaves_its_groups(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account, group)
        directory.shut(samples.close(account))

        receipt = directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))

        assert receipt.outcome is Outcome.APPLIED
        assert members(administrator, group) == {NOBODY}
        again = directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))
        assert again.outcome is Outcome.UNCHANGED

    def test_taking_back_the_closing_of_a_missing_account_removes_no_entry(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        administrator.add_value(group, "member", administrator.dn(account))
        receipt = directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))
        created(directory, account)

        assert receipt.undo is not None
        receipt.undo()

        assert administrator.logs_in(administrator.dn(account), SECRET.reveal())
        assert administrator.dn(account) in members(administrator, group)

    def test_a_group_that_must_have_a_member_keeps_itself(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        group = f"cn=group{next(_numbers)},{GROUPS}"
        administrator.add(group, ["groupOfNames"], {"member": administrator.dn(account)})
        created(directory, account, group)

        directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(group)))

        assert members(administrator, group) == {group}

    def test_a_group_that_is_gone_keeps_no_account_open(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        created(directory, account)

        directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(f"cn=none,{GROUPS}", "staff")))

        assert not administrator.logs_in(administrator.dn(account), SECRET.reveal())

    def test_a_group_that_must_not_be_changed_keeps_no_account_open(
        self, directory: Directory, account: Account, administrator: Administrator
    ) -> None:
        created(directory, account)
        administrator.add_value(FOREIGN, "member", administrator.dn(account))

        with pytest.raises(ForbiddenError):
            directory.shut(attrs.evolve(samples.close(account), entitlements=lacking(FOREIGN)))

        assert not administrator.logs_in(administrator.dn(account), SECRET.reveal())

    def test_a_rotation_leaves_groups_alone(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account, group)

        directory.rotate(samples.rotate(account))

        assert administrator.logs_in(administrator.dn(account), OTHER_SECRET.reveal())
        assert administrator.dn(account) in members(administrator, group)


class TestUpdate:
    def test_it_joins_and_leaves_and_can_be_undone(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        other = f"cn=group{next(_numbers)},{GROUPS}"
        administrator.add(other, ["groupOfNames"], {"member": NOBODY})
        created(directory, account, group)
        wanted = Entitlements(granted=frozenset({other}), withdrawn=frozenset({group}))

        receipt = directory.update(attrs.evolve(samples.update(account), entitlements=wanted))
        moved = administrator.dn(account) in members(administrator, other) - members(administrator, group)
        assert receipt.undo is not None
        receipt.undo()

        assert moved
        assert administrator.dn(account) in members(administrator, group) - members(administrator, other)

    def test_other_groups_of_the_account_are_left_alone(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account)
        administrator.add_value(FOREIGN, "member", administrator.dn(account))

        directory.update(attrs.evolve(samples.update(account), entitlements=having(group)))

        assert administrator.dn(account) in members(administrator, FOREIGN)

    def test_an_undone_account_is_no_member(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        receipt = directory.create(attrs.evolve(samples.create(account), entitlements=having(group)))
        assert receipt.undo is not None
        receipt.undo()

        assert members(administrator, group) == {NOBODY}


class TestDifferences:
    def test_a_probe_shows_which_groups_change(self, directory: Directory, account: Account, group: str) -> None:
        created(directory, account)
        wanted = having(group)

        [shown] = self._foreseen(directory, account, wanted)
        directory.update(attrs.evolve(samples.update(account), entitlements=wanted))

        assert (shown.name, shown.adds) == ("entitlements", (group,))
        assert self._foreseen(directory, account, wanted) == ()

    def test_a_list_shows_who_is_not_in_line(
        self, directory: Directory, account: Account, administrator: Administrator, group: str
    ) -> None:
        created(directory, account)
        stranger = attrs.evolve(account, login=f"{account.login}x")
        created(directory, stranger, group)
        shouted = f"cn=group{next(_numbers)},{GROUPS}"
        administrator.add(shouted, ["groupOfNames"], {"member": administrator.dn(account).upper()})
        entries = listed(directory)

        def compared(who: Account, wanted: Entitlements) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
            request = CompareAccount(
                listed=entries[who.login], account=who, unit=UNIT, holder=HOLDER, entitlements=wanted
            )
            return [(change.removes, change.adds) for change in directory.compare(request).changes]

        assert compared(account, having(group)) == [((), (group,))]
        assert compared(stranger, having(group.upper())) == []
        assert compared(account, having(shouted)) == []
        assert compared(stranger, lacking(group)) == [((group,), ())]
        assert compared(account, lacking(f"cn=none,{GROUPS}", "staff")) == []

    def test_a_list_reads_a_group_once(
        self, make_directory: MakeDirectory, account: Account, group: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        directory = make_directory()
        created(directory, account, group)
        entry, reads = listed(directory)[account.login], []
        read = LdapSession.read

        def counting(session: LdapSession, dn: str, *arguments: object) -> object:
            reads.append(dn)
            return read(session, dn, *arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(LdapSession, "read", counting)
        request = CompareAccount(listed=entry, account=account, unit=UNIT, holder=HOLDER, entitlements=having(group))
        for _ in range(3):
            assert directory.compare(request).changes == ()

        assert reads == [group]

    @staticmethod
    def _foreseen(directory: Directory, account: Account, wanted: Entitlements) -> tuple[AttributeChange, ...]:
        planned = PlannedChange(kind=OperationKind.UPDATE, unit=UNIT, holder=HOLDER, entitlements=wanted)
        return directory.probe(ProbeAccount(account=account, planned=planned)).changes


def test_a_login_and_a_name_stand_for_the_same_member() -> None:
    member = Member("uid=okul,ou=units,dc=test", "okul")

    assert (member.value("memberUid"), member.value("member")) == ("okul", member.dn)
