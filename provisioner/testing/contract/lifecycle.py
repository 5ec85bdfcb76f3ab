"""What each hook that changes an account does, alone and in sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import pytest

from provisioner.core.api.errors import MissingError
from provisioner.core.api.messages import AccountChange, TargetReport
from provisioner.core.gateways.gateway import Gateway
from provisioner.core.model import Account, AccountKind, Outcome
from provisioner.testing.contract.sandbox import Sandbox, expecting_no_defect
from provisioner.testing.contract.tags import Tag, tagged


@tagged(Tag.CORE)
class LifecycleChecks:
    """Checks of each hook without failures."""

    def test_hooks_are_there_or_left_out_on_purpose(self, sandbox: Sandbox, cannot: Collection[str]) -> None:
        """Each hook exists or is listed in ``cannot``. The product never reports the work of a missing hook as done."""
        expect_declared(sandbox.target, cannot)

    def test_check_answers(self, sandbox: Sandbox, patience: float) -> None:
        """``target_check`` returns in time. It is called before every run, so a slow target would delay all."""
        sandbox.needs("target_check")
        began = time.monotonic()

        report = expecting_no_defect(sandbox.target.check)

        assert isinstance(report, TargetReport)
        assert time.monotonic() - began < patience, "it took longer than 'patience'"

    def test_capabilities_name_hooks_that_are_there(self, sandbox: Sandbox) -> None:
        """What the capabilities promise to undo exists. A misspelled name would promise nothing."""
        unknown = sandbox.capabilities.undoes - sandbox.target.hooks

        assert not unknown, f"undoes names hooks that the target does not have: {', '.join(sorted(unknown))}"

    def test_create_opens_an_account(self, sandbox: Sandbox) -> None:
        """After ``account_create`` the account exists, is enabled, and its password logs in. All other checks need
        this.
        """
        account, secret = sandbox.account(), sandbox.make_secret()

        receipt = sandbox.do(sandbox.creating(account, secret))

        assert receipt.outcome is Outcome.APPLIED, "creating answers 'applied': the secret is new"
        sandbox.expect_open(account, secret, "creating it")

    def test_create_opens_a_personal_account(self, sandbox: Sandbox) -> None:
        """Personal accounts are created like those of units. Some systems store them separately."""
        account, secret = sandbox.account(kind=AccountKind.PERSONAL), sandbox.make_secret()

        sandbox.do(sandbox.creating(account, secret))

        sandbox.expect_open(account, secret, "creating it")

    def test_create_can_be_repeated(self, sandbox: Sandbox) -> None:
        """A repeated request gives the same account. After a lost answer, the engine repeats it."""
        account, secret = sandbox.account(), sandbox.make_secret()
        request = sandbox.creating(account, secret)

        sandbox.do(request)
        sandbox.do(request)

        sandbox.expect_open(account, secret, "creating it twice")

    def test_create_of_an_open_account_replaces_its_secret(self, sandbox: Sandbox) -> None:
        """With another secret, the former one no longer logs in. After a crash, the engine generates a new one."""
        account, old = sandbox.opened()
        new = sandbox.make_secret()

        sandbox.do(sandbox.creating(account, new))

        sandbox.expect_open(account, new, "creating it again with another secret", dead=(old,))

    def test_create_reopens_a_closed_account(self, sandbox: Sandbox) -> None:
        """``account_create`` reopens a closed account, and its former password no longer logs in."""
        account, old = sandbox.closed()
        new = sandbox.make_secret()

        sandbox.do(sandbox.creating(account, new))

        sandbox.expect_open(account, new, "reopening it", dead=(old,))

    def test_close_lets_nobody_in_and_keeps_the_account(self, sandbox: Sandbox) -> None:
        """After ``account_close`` the account exists and is disabled. Deleting it would destroy a mailbox."""
        sandbox.needs("account_close")
        account, secret = sandbox.opened()

        receipt = sandbox.do(sandbox.closing(account))

        assert receipt.outcome is Outcome.APPLIED, "closing an open account answers 'applied'"
        sandbox.expect_closed(account, secret, after="closing it")

    def test_close_twice_is_unchanged(self, sandbox: Sandbox) -> None:
        """Closing a closed account changes nothing and reports it. A resumed run does this."""
        account, secret = sandbox.closed()

        receipt = sandbox.do(sandbox.closing(account))

        assert receipt.outcome is Outcome.UNCHANGED, "closing a closed account answers 'unchanged'"
        sandbox.expect_closed(account, secret, after="closing it twice")

    def test_close_of_an_unknown_account_is_unchanged(self, sandbox: Sandbox) -> None:
        """Closing a missing account is no error, and creates nothing. The account may have been deleted manually."""
        sandbox.needs("account_close")
        account = sandbox.account()

        receipt = sandbox.do(sandbox.closing(account))

        assert receipt.outcome is Outcome.UNCHANGED, "closing an unknown account answers 'unchanged'"
        sandbox.expect_absent(account, after="closing what was not there")

    def test_a_reopened_account_can_be_closed_again(self, sandbox: Sandbox) -> None:
        """Closing works after a reopening. A stored date of the first closure would break it."""
        account, _ = sandbox.closed()
        secret = sandbox.make_secret()
        sandbox.do(sandbox.creating(account, secret))

        sandbox.do(sandbox.closing(account))

        sandbox.expect_closed(account, secret, after="closing it again")

    def test_close_ends_open_sessions_as_it_is_declared(
        self, sandbox: Sandbox, open_session: Callable[[str, str], Callable[[], bool]]
    ) -> None:
        """Open sessions end when the account is closed if ``ends_sessions`` is declared, and only then."""
        sandbox.needs("account_close")
        account, secret = sandbox.opened()
        is_logged_in = open_session(account.login, secret.reveal())
        assert is_logged_in(), "the fixture 'open_session' does not log in"

        sandbox.do(sandbox.closing(account))

        ended = not is_logged_in()
        assert ended == sandbox.capabilities.ends_sessions, (
            f"a session {'ends' if ended else 'goes on'} when the account is closed, and the capabilities say otherwise"
        )

    def test_reopening_keeps_what_others_gave(
        self, sandbox: Sandbox, grant: Callable[[str], Callable[[], bool]]
    ) -> None:
        """Closing and reopening keeps the groups, entitlements and attributes that others added. Nothing restores
        them.
        """
        sandbox.needs("account_close")
        account, _ = sandbox.opened()
        is_there = grant(account.login)
        assert is_there(), "the fixture 'grant' gives nothing"
        sandbox.do(sandbox.closing(account))

        sandbox.do(sandbox.creating(account, sandbox.make_secret()))

        assert is_there(), "closing and reopening destroyed what somebody else gave the account"

    def test_rotate_replaces_the_secret(self, sandbox: Sandbox) -> None:
        """After ``account_rotate`` the new password logs in and the former one does not (001 ¶2)."""
        sandbox.needs("account_rotate")
        account, old = sandbox.opened()
        new = sandbox.make_secret()

        receipt = sandbox.do(sandbox.rotating(account, new))

        assert receipt.outcome is Outcome.APPLIED, "rotating answers 'applied': the secret is new"
        sandbox.expect_open(account, new, "rotating it", dead=(old,))

    def test_rotate_can_be_repeated(self, sandbox: Sandbox) -> None:
        """A repeated request works, also if a system refuses used passwords."""
        sandbox.needs("account_rotate")
        account, old = sandbox.opened()
        new = sandbox.make_secret()
        request = sandbox.rotating(account, new)

        sandbox.do(request)
        sandbox.do(request)

        sandbox.expect_open(account, new, "rotating it twice", dead=(old,))

    def test_rotate_does_not_open_a_closed_account(self, sandbox: Sandbox) -> None:
        """A closed account stays closed. Many systems unlock an account when its password is set."""
        sandbox.needs("account_rotate")
        account, old = sandbox.closed()
        new = sandbox.make_secret()

        sandbox.do(sandbox.rotating(account, new))

        sandbox.expect_closed(account, old, new, after="rotating a closed account")

    def test_rotate_keeps_the_holder(self, sandbox: Sandbox) -> None:
        """A rotation changes only the secret, so the probe shows the same holder."""
        sandbox.needs("account_rotate")
        account, _ = sandbox.opened()
        before = shown(sandbox, account, sandbox.people.holder.id, sandbox.people.holder.name)

        sandbox.do(sandbox.rotating(account, sandbox.make_secret()))

        after = shown(sandbox, account, sandbox.people.holder.id, sandbox.people.holder.name)
        assert after == before, "rotating changed who is shown as the holder"

    def test_rotate_of_an_unknown_account_is_missing(self, sandbox: Sandbox) -> None:
        """Rotating a missing account raises MissingError and creates nothing."""
        sandbox.needs("account_rotate")
        account, secret = sandbox.account(), sandbox.make_secret()

        with pytest.raises(MissingError):
            sandbox.do(sandbox.rotating(account, secret))

        sandbox.expect_absent(account, secret, after="rotating what was not there")

    def test_handover_replaces_the_secret(self, sandbox: Sandbox) -> None:
        """The outgoing holder's password no longer logs in when ``account_handover`` returns (000 m.5/e)."""
        sandbox.needs("account_handover")
        account, old = sandbox.opened()
        new = sandbox.make_secret()

        receipt = sandbox.do(sandbox.handing_over(account, new))

        assert receipt.outcome is Outcome.APPLIED, "handing over answers 'applied': the secret is new"
        sandbox.expect_open(account, new, "handing it over", dead=(old,))

    def test_handover_replaces_the_holder(self, sandbox: Sandbox) -> None:
        """If the probe shows the holder, it shows the incoming person and no longer the outgoing one."""
        sandbox.needs("account_handover")
        account, _ = sandbox.opened()
        people = sandbox.people
        before = shown(sandbox, account, people.holder.id, people.holder.name)
        if not before:
            pytest.skip("the probe does not show who holds the account")

        sandbox.do(sandbox.handing_over(account, sandbox.make_secret()))

        assert not shown(sandbox, account, people.holder.id, people.holder.name), "the outgoing holder is still shown"
        after = shown(sandbox, account, people.successor.id, people.successor.name)
        assert after == before, "the incoming holder is not shown where the outgoing one was"

    def test_handover_can_be_repeated(self, sandbox: Sandbox) -> None:
        """A repeated request works. After a lost answer, the engine repeats it."""
        sandbox.needs("account_handover")
        account, old = sandbox.opened()
        new = sandbox.make_secret()
        request = sandbox.handing_over(account, new)

        sandbox.do(request)
        sandbox.do(request)

        sandbox.expect_open(account, new, "handing it over twice", dead=(old,))

    def test_handover_does_not_open_a_closed_account(self, sandbox: Sandbox) -> None:
        """A closed account stays closed: only ``account_create`` opens one."""
        sandbox.needs("account_handover")
        account, old = sandbox.closed()
        new = sandbox.make_secret()

        sandbox.do(sandbox.handing_over(account, new))

        sandbox.expect_closed(account, old, new, after="handing over a closed account")

    def test_handover_of_an_unknown_account_is_missing(self, sandbox: Sandbox) -> None:
        """Handing over a missing account raises MissingError and creates nothing."""
        sandbox.needs("account_handover")
        account, secret = sandbox.account(), sandbox.make_secret()

        with pytest.raises(MissingError):
            sandbox.do(sandbox.handing_over(account, secret))

        sandbox.expect_absent(account, secret, after="handing over what was not there")

    def test_delete_leaves_nothing(self, sandbox: Sandbox) -> None:
        """After ``account_delete`` the account doesn't exist. It is for accounts whose grace period is over."""
        sandbox.needs("account_delete")
        account, secret = sandbox.closed()

        receipt = sandbox.do(sandbox.deleting(account))

        assert receipt.outcome is Outcome.APPLIED, "deleting an account answers 'applied'"
        sandbox.expect_absent(account, secret, after="deleting it")

    def test_delete_twice_is_unchanged(self, sandbox: Sandbox) -> None:
        """Deleting a missing account changes nothing and reports it. A resumed run does this."""
        sandbox.needs("account_delete")
        account, _ = sandbox.closed()
        sandbox.do(sandbox.deleting(account))

        receipt = sandbox.do(sandbox.deleting(account))

        assert receipt.outcome is Outcome.UNCHANGED, "deleting what is not there answers 'unchanged'"
        sandbox.expect_absent(account, after="deleting it twice")

    def test_a_deleted_account_can_be_created_anew(self, sandbox: Sandbox) -> None:
        """A reopened unit gets its login again, and the former password still doesn't log in."""
        sandbox.needs("account_delete")
        account, old = sandbox.closed()
        sandbox.do(sandbox.deleting(account))
        new = sandbox.make_secret()

        sandbox.do(sandbox.creating(account, new))

        sandbox.expect_open(account, new, "creating it again", dead=(old,))

    @pytest.mark.parametrize("change", ["account_close", "account_rotate", "account_handover", "account_delete"])
    def test_a_change_reaches_one_account_only(self, sandbox: Sandbox, change: str) -> None:
        """A login that starts like another one is a different account. Searches by prefix or pattern match both."""
        sandbox.needs(change)
        account, _ = sandbox.closed() if change == "account_delete" else sandbox.opened()
        longer, its_secret = sandbox.account(f"{account.login}1"), sandbox.make_secret()
        sandbox.do(sandbox.creating(longer, its_secret))
        requests: dict[str, AccountChange] = {
            "account_close": sandbox.closing(account),
            "account_rotate": sandbox.rotating(account, sandbox.make_secret()),
            "account_handover": sandbox.handing_over(account, sandbox.make_secret()),
            "account_delete": sandbox.deleting(account),
        }

        sandbox.do(requests[change])

        sandbox.expect_open(longer, its_secret, f"{change} of an account whose login begins alike")


def expect_declared(gateway: Gateway, cannot: Collection[str]) -> None:
    """Check that each hook is there, or named as left out, and not both."""
    missing = [hook for hook in gateway.expected if hook not in {*gateway.hooks, *cannot}]
    assert not missing, f"without {', '.join(missing)}; implement it, or name it in 'cannot'"
    there = sorted(gateway.hooks & set(cannot))
    assert not there, f"'cannot' names {', '.join(there)}, and it is there"


def shown(sandbox: Sandbox, account: Account, *texts: str) -> set[str]:
    """Return the names of the attributes in which the probe shows one of these texts."""
    attributes = sandbox.probe(account).attributes
    return {name for name, value in attributes.items() if value in texts}
