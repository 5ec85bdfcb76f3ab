"""Sessions end, and nothing that was remembered opens another one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import attrs
import pytest

from provisioner.core.api.errors import TransientError
from provisioner.core.api.messages import AccountChange, EndSessions, ProbeSessions, Receipt
from provisioner.core.gateways.gateway import PROBE_SESSIONS, SESSIONS, Target
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.fencing import stopped
from provisioner.testing.contract.sandbox import Sandbox, expecting_no_defect, target_gateway
from provisioner.testing.contract.tags import Tag, tagged

#: Logs in with a login and a password, stays logged in, and returns a function that tests whether it still works.
OpenSession = Callable[[str, str], Callable[[], bool]]

#: After which changes sessions have to end, with what makes the change.
CHANGES: Mapping[str, Callable[[Sandbox, Account, Secret], AccountChange]] = {
    "close": lambda sandbox, account, _: sandbox.closing(account),
    "rotate": lambda sandbox, account, secret: sandbox.rotating(account, secret),
    "handover": lambda sandbox, account, secret: sandbox.handing_over(account, secret),
}


@attrs.frozen(kw_only=True)
class SessionBench:
    """The target that ends sessions, the accounts whose sessions they are, and a way to log in."""

    ender: Target
    sandbox: Sandbox
    open_session: OpenSession

    def logged_in(self, account: Account, secret: Secret) -> Sequence[Callable[[], bool]]:
        """Log in with each spelling that works; the login itself must."""
        opened = [self.open_session(spelling, secret.reveal()) for spelling in spellings_of(account)]
        assert opened[0](), "the fixture 'open_session' does not log in"
        return [is_open for is_open in opened if is_open()]

    def lets_in(self, account: Account, secret: Secret) -> bool:
        """Return whether anybody can log in with this password, by any spelling."""
        return any(self.open_session(spelling, secret.reveal())() for spelling in spellings_of(account))

    def changed(self, change: str, account: Account) -> Secret | None:
        """Change an account, and return its new password if it has one."""
        secret = self.sandbox.make_secret()
        self.sandbox.do(CHANGES[change](self.sandbox, account, secret))
        return None if change == "close" else secret

    def end(self, account: Account, after: str, secret: Secret | None = None) -> Receipt:
        """End the sessions of an account as the engine does."""
        request = ending(self.sandbox, account, OperationKind(after), secret)
        return expecting_no_defect(lambda: self.ender.end_sessions(request))

    def count(self, account: Account) -> int:
        """Return how many sessions of an account the target counts."""
        return expecting_no_defect(lambda: self.ender.probe_sessions(counting(account))).count


def spellings_of(account: Account) -> tuple[str, str]:
    """Return the names that the product itself knows."""
    return account.login, account.mail


def ending(sandbox: Sandbox, account: Account, after: OperationKind, secret: Secret | None) -> EndSessions:
    """Return a request to end the sessions of an account."""
    return EndSessions(
        operation_id="contract",
        account=account,
        unit=sandbox.people.unit,
        after=after,
        spellings=spellings_of(account),
        secret=secret,
    )


def counting(account: Account) -> ProbeSessions:
    """Return a request to count the sessions of an account."""
    return ProbeSessions(account=account, spellings=spellings_of(account))


def needing_hook(target: Target, hook: str = SESSIONS) -> Target:
    """Return a target that has a hook for sessions, or skip the check."""
    if hook not in target.hooks:
        pytest.skip(f"the target has no {hook}")
    return target


@tagged(Tag.CORE)
class SessionChecks:
    """Checks of ``sessions_end``. A person who is logged in, or is remembered, must not get around a change."""

    @pytest.mark.parametrize("change", CHANGES)
    def test_no_session_survives(self, sessions: SessionBench, change: str) -> None:
        """After ``sessions_end``, no session is open that was open before the change, by whichever name."""
        account, secret = sessions.sandbox.opened()
        opened = sessions.logged_in(account, secret)

        sessions.end(account, change, sessions.changed(change, account))

        left = sum(is_open() for is_open in opened)
        assert not left, f"after {change}, {left} of {len(opened)} sessions go on"

    @pytest.mark.parametrize("change", CHANGES)
    def test_nothing_remembers_the_former_secret(self, sessions: SessionBench, change: str) -> None:
        """After ``sessions_end``, the former password opens no new session, although it did before the change."""
        account, old = sessions.sandbox.opened()
        sessions.logged_in(account, old)

        sessions.end(account, change, sessions.changed(change, account))

        assert not sessions.lets_in(account, old), f"after {change}, the former password opens a session"

    def test_the_new_secret_opens_a_session(self, sessions: SessionBench) -> None:
        """After ``sessions_end``, the new password opens a session, also if the account was unknown at a log-in."""
        account, secret = sessions.sandbox.account(), sessions.sandbox.make_secret()
        sessions.lets_in(account, secret)
        sessions.sandbox.do(sessions.sandbox.creating(account, secret))

        sessions.end(account, "create", secret)

        assert sessions.lets_in(account, secret), "the new password opens no session"

    def test_ending_sessions_needs_no_secret(self, sessions: SessionBench) -> None:
        """A later attempt has no password, and ends the sessions all the same."""
        account, secret = sessions.sandbox.opened()
        [is_open, *_] = sessions.logged_in(account, secret)
        sessions.changed("rotate", account)

        sessions.end(account, "rotate")

        assert not is_open(), "without the password, a session goes on"

    def test_sessions_end_twice(self, sessions: SessionBench) -> None:
        """Ending sessions again is no error, and reports that nothing was open. A resumed run does this."""
        account, _ = sessions.sandbox.opened()
        sessions.changed("close", account)
        sessions.end(account, "close")

        receipt = sessions.end(account, "close")

        assert receipt.outcome is Outcome.UNCHANGED, "ending sessions that have ended answers 'unchanged'"

    def test_sessions_of_others_go_on(self, sessions: SessionBench) -> None:
        """Only the sessions of this account end."""
        (account, _), (other, secret) = sessions.sandbox.opened(), sessions.sandbox.opened()
        [is_open, *_] = sessions.logged_in(other, secret)
        sessions.changed("close", account)

        sessions.end(account, "close")

        assert is_open(), "the session of another account ended too"

    def test_open_sessions_are_counted(self, sessions: SessionBench, patience: float) -> None:
        """Within ``patience``, ``sessions_probe`` counts the sessions of the account by all names, and of no other."""
        needing_hook(sessions.ender, PROBE_SESSIONS)
        (account, secret), (other, other_secret) = sessions.sandbox.opened(), sessions.sandbox.opened()
        sessions.logged_in(other, other_secret)
        opened = sessions.logged_in(account, secret)
        deadline = time.monotonic() + patience
        while (counted := sessions.count(account)) != len(opened) and time.monotonic() < deadline:
            time.sleep(0.05)

        assert counted == len(opened), f"of {len(opened)} open sessions, {counted} are counted"

    def test_no_session_is_counted_after_the_end(self, sessions: SessionBench) -> None:
        """After ``sessions_end``, ``sessions_probe`` counts none."""
        needing_hook(sessions.ender, PROBE_SESSIONS)
        account, secret = sessions.sandbox.opened()
        sessions.logged_in(account, secret)
        sessions.changed("close", account)
        sessions.end(account, "close")

        counted = sessions.count(account)
        assert not counted, f"{counted} sessions are counted, although all have ended"

    def test_no_session_ends_after_the_lease(self, sessions: SessionBench) -> None:
        """A process that was suspended for longer than its lease raises LeaseLostError, and ends nothing more."""
        account, secret = sessions.sandbox.opened()
        [is_open, *_] = sessions.logged_in(account, secret)

        with stopped(account.login):
            sessions.end(account, "close")

        assert is_open(), "a session ended after the lease"

    def test_ending_sessions_out_of_reach_is_transient(self, sandbox: Sandbox, unreachable_target: object) -> None:
        """If the system can't be reached, the hook raises TransientError. The engine then tries again later."""
        ender = needing_hook(target_gateway(unreachable_target))
        request = ending(sandbox, sandbox.account(), OperationKind.CLOSE, None)

        with pytest.raises(TransientError):
            expecting_no_defect(lambda: ender.end_sessions(request))

    def test_counting_sessions_out_of_reach_is_transient(self, sandbox: Sandbox, unreachable_target: object) -> None:
        """If the system can't be reached, ``sessions_probe`` raises TransientError and counts nothing."""
        target = needing_hook(target_gateway(unreachable_target), PROBE_SESSIONS)
        account = sandbox.account()

        with pytest.raises(TransientError):
            expecting_no_defect(lambda: target.probe_sessions(counting(account)))
