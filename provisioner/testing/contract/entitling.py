"""Entitlements are granted and withdrawn as a change says, and those of others stay."""

from __future__ import annotations

from collections.abc import Callable, Collection

import attrs
import pytest

from provisioner.core.api.messages import ENTITLEMENTS, CompareAccount, Entitlements, UpdateAccount
from provisioner.core.gateways.gateway import COMPARE, LIST, UPDATE
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.inventory import listed, of
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged


@attrs.frozen(kw_only=True)
class KnownEntitlements:
    """Two entitlements that exist on the system, such as groups."""

    first: str
    second: str
    #: Returns, without the plug-in, which of the two an account has, by its login.
    held_by: Callable[[str], Collection[str]]

    @property
    def only_first(self) -> Entitlements:
        """The account has the first one, and not the second."""
        return Entitlements(granted=frozenset({self.first}), withdrawn=frozenset({self.second}))

    @property
    def only_second(self) -> Entitlements:
        """The account has the second one, and not the first."""
        return Entitlements(granted=frozenset({self.second}), withdrawn=frozenset({self.first}))

    @property
    def none(self) -> Entitlements:
        """The account has neither."""
        return Entitlements(withdrawn=frozenset({self.first, self.second}))


@tagged(Tag.CORE)
class EntitlementChecks:
    """Checks of the entitlements in the messages that change an account."""

    def test_create_grants_entitlements(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """A new account has the entitlements that ``account_create`` names, and no others."""
        account, _ = _entitled(sandbox, known_entitlements)

        _expect(account, known_entitlements, known_entitlements.first, after="creating it")

    def test_update_replaces_entitlements(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """An update grants and withdraws entitlements, and the password stays."""
        sandbox.needs(UPDATE)
        account, secret = _entitled(sandbox, known_entitlements)

        sandbox.do(_updating(sandbox, account, known_entitlements.only_second))

        _expect(account, known_entitlements, known_entitlements.second, after="an update")
        sandbox.expect_open(account, secret, "an update of its entitlements")

    def test_update_keeps_entitlements_of_others(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """An update doesn't withdraw entitlements that it doesn't name: others have granted them."""
        sandbox.needs(UPDATE)
        account, _ = _entitled(sandbox, known_entitlements)

        sandbox.do(_updating(sandbox, account, Entitlements(granted=frozenset({known_entitlements.second}))))

        _expect(account, known_entitlements, known_entitlements.first, known_entitlements.second, after="an update")

    def test_handover_replaces_entitlements(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """The new holder has the entitlements that ``account_handover`` names."""
        sandbox.needs("account_handover")
        account, _ = _entitled(sandbox, known_entitlements)

        handover = sandbox.handing_over(account, sandbox.make_secret())
        sandbox.do(attrs.evolve(handover, entitlements=known_entitlements.only_second))

        _expect(account, known_entitlements, known_entitlements.second, after="a handover")

    def test_close_withdraws_entitlements(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """A closed account has none of the entitlements that ``account_close`` names, and gets them back when it is
        reopened.
        """
        sandbox.needs("account_close")
        account, _ = _entitled(sandbox, known_entitlements)

        sandbox.do(attrs.evolve(sandbox.closing(account), entitlements=known_entitlements.none))

        _expect(account, known_entitlements, after="closing it")
        reopening = sandbox.creating(account, sandbox.make_secret())
        sandbox.do(attrs.evolve(reopening, entitlements=known_entitlements.only_first))
        _expect(account, known_entitlements, known_entitlements.first, after="reopening it")

    def test_rotate_keeps_entitlements(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """A new password changes no entitlement."""
        account, _ = _entitled(sandbox, known_entitlements)

        sandbox.do(sandbox.rotating(account, sandbox.make_secret()))

        _expect(account, known_entitlements, known_entitlements.first, after="rotating its password")

    def test_comparison_shows_entitlements(self, sandbox: Sandbox, known_entitlements: KnownEntitlements) -> None:
        """A comparison shows entitlements that are missing or too many, and nothing else."""
        sandbox.needs(COMPARE, LIST)
        account, _ = _entitled(sandbox, known_entitlements)
        [entry] = of(account, listed(sandbox))
        people = sandbox.people
        request = CompareAccount(
            listed=entry,
            account=account,
            unit=people.unit,
            holder=people.holder,
            entitlements=known_entitlements.only_first,
        )

        agreeing = sandbox.target.compare(request).changes
        changes = sandbox.target.compare(attrs.evolve(request, entitlements=known_entitlements.only_second)).changes

        assert not agreeing, f"the entitlements are as granted, and the comparison shows {agreeing}"
        assert {change.name for change in changes} == {ENTITLEMENTS}
        assert [name for change in changes for name in change.removes] == [known_entitlements.first]
        assert [name for change in changes for name in change.adds] == [known_entitlements.second]


def _entitled(sandbox: Sandbox, known: KnownEntitlements) -> tuple[Account, Secret]:
    """Return a new account that has the first entitlement, and its password."""
    if not sandbox.capabilities.sets_entitlements:
        pytest.skip("the capabilities declare no entitlements")
    account, secret = sandbox.account(), sandbox.make_secret()
    sandbox.do(attrs.evolve(sandbox.creating(account, secret), entitlements=known.only_first))
    return account, secret


def _updating(sandbox: Sandbox, account: Account, entitlements: Entitlements) -> UpdateAccount:
    return attrs.evolve(sandbox.updating(account), entitlements=entitlements)


def _expect(account: Account, known: KnownEntitlements, *names: str, after: str) -> None:
    """Check that an account has exactly these of the two entitlements."""
    __tracebackhide__ = True
    held = set(known.held_by(account.login)) & {known.first, known.second}
    assert held == set(names), f"after {after}, the account has {sorted(held)} and must have {sorted(names)}"
