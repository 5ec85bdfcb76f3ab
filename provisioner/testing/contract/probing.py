"""The probe returns the truth in every case."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.core.api.errors import TargetError
from provisioner.core.api.messages import Presence, ProbeAccount
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.contract.tags import Tag, tagged

#: How a wrong password may differ from the right one. Systems that cut, fold or trim passwords take some of these.
NEAR_MISSES: dict[str, Callable[[str], str]] = {
    "longer": lambda password: f"{password}x",
    "shorter": lambda password: password[:-1],
    "first 8": lambda password: password[:8],
    "other case": str.swapcase,
    "blank after": lambda password: f"{password} ",
    "blank before": lambda password: f" {password}",
    "line end": lambda password: f"{password}\n",
    "NUL after": lambda password: f"{password}\0",
}


@tagged(Tag.CORE)
class ProbeChecks:
    """Checks of ``account_probe``. Without a true answer from it the engine cannot decide anything."""

    def test_probe_of_an_unknown_account_finds_nothing(self, sandbox: Sandbox) -> None:
        """A missing account is absent, accepts no password, and is not created by the probe."""
        account, secret = sandbox.account(), sandbox.make_secret()

        sandbox.expect_absent(account, secret, after="no change at all")
        sandbox.expect_absent(account, secret, after="a probe")

    def test_probe_refuses_a_wrong_secret(self, sandbox: Sandbox) -> None:
        """A wrong password doesn't log in. The right one still does afterwards, so a probe doesn't lock the account."""
        account, secret = sandbox.opened()

        sandbox.expect_open(account, secret, "creating it", dead=(sandbox.make_secret(),))
        sandbox.expect_open(account, secret, "a probe with a wrong password")

    @pytest.mark.parametrize("difference", NEAR_MISSES)
    def test_probe_refuses_what_is_nearly_the_secret(self, sandbox: Sandbox, difference: str) -> None:
        """Only the exact password logs in. Old hashes use eight characters, and some code removes spaces."""
        account, secret = sandbox.opened()

        nearly = Secret(NEAR_MISSES[difference](secret.reveal()))

        assert not sandbox.takes(account, nearly), f"a password logs in that differs from the right one: {difference}"

    def test_probe_refuses_the_secret_of_another_account(self, sandbox: Sandbox) -> None:
        """Each account accepts only its own password."""
        (one, its_secret), (other, others_secret) = sandbox.opened(), sandbox.opened()

        sandbox.expect_open(one, its_secret, "creating two accounts", dead=(others_secret,))
        sandbox.expect_open(other, others_secret, "creating two accounts", dead=(its_secret,))

    def test_probe_refuses_the_secret_of_a_closed_account(self, sandbox: Sandbox) -> None:
        """The right password of a closed account does not log in, and the account is shown as disabled."""
        account, secret = sandbox.closed()

        sandbox.expect_closed(account, secret, after="closing it")

    def test_probe_refuses_an_empty_secret(self, sandbox: Sandbox) -> None:
        """An empty password doesn't log in. LDAP servers answer "success" to a bind without one (RFC 4513, section
        5.1.2).
        """
        account, _ = sandbox.opened()
        if not sandbox.capabilities.proves_secret:
            pytest.skip("the target cannot tell whether a password logs in")

        assert not _accepts(sandbox, account, _empty_secret()), "an empty password logs in"

    def test_probe_without_a_secret_says_nothing_of_one(self, sandbox: Sandbox) -> None:
        """Without a password, the result about it is ``None``. "False" would look like a refusal."""
        account, _ = sandbox.opened()

        report = sandbox.probe(account)

        assert report.secret_accepted is None, "no password was given, and the probe says something of one"

    def test_probe_says_whether_it_can_tell(self, sandbox: Sandbox) -> None:
        """The probe does what the capabilities declare."""
        account, secret = sandbox.opened()

        report = sandbox.probe(account, secret)

        proves = report.secret_accepted is not None
        assert proves == sandbox.capabilities.proves_secret, "proves_secret is declared otherwise than it is"
        if sandbox.capabilities.tells_presence:
            assert report.presence is Presence.ENABLED, f"an open account is shown as {report.presence}"

    def test_probe_gives_the_same_answer_twice(self, sandbox: Sandbox) -> None:
        """A probe changes nothing."""
        account, _ = sandbox.opened()

        assert sandbox.probe(account) == sandbox.probe(account), "a second look shows something else"


def _empty_secret() -> Secret:
    """Return what the core never makes, and a plug-in might be handed by other code all the same."""
    secret = Secret("x")
    object.__setattr__(secret, "_value", "")
    return secret


def _accepts(sandbox: Sandbox, account: Account, secret: Secret) -> bool:
    """Return whether a probe says so. Whatever it raises, it did not."""
    try:
        return sandbox.target.probe(ProbeAccount(account=account, secret=secret)).secret_accepted is True
    except TargetError:
        return False
