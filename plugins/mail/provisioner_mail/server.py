"""One mail server: what is ended on it, and what proves that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import MisconfiguredError, TransientError
from provisioner.core.model.secret import Secret
from provisioner_mail.doveadm import Doveadm, MailSession
from provisioner_mail.imap import ImapServer

#: The seconds between the two passes. What the server had begun to ask before the first one is over by then.
PAUSE = 0.5

#: The seconds within which a session must have ended or begun.
PATIENCE = 5.0

#: The seconds between two looks.
INTERVAL = 0.05

#: A user that no server knows, for the check.
UNKNOWN_USER = "provisioner-check"


@attrs.frozen(kw_only=True)
class MailServer:
    """One Dovecot."""

    doveadm: Doveadm
    imap: ImapServer

    def end_sessions(self, users: Sequence[str]) -> frozenset[MailSession]:
        """Empty the cache and end the sessions of a user, twice.

        The second pass finds what was under way in the first one, such as a log-in of which the directory had approved.

        Args:

            users: Every name by which the server may call the user.

        Returns:

            The sessions that were open and are no longer.

        Raises:

            TargetError: It could not be done, or sessions stay open.
        """
        ended = self._end(users)
        time.sleep(PAUSE)
        return ended | self._end(users)

    def open_sessions(self, users: Sequence[str]) -> int:
        """Return how many sessions a user has.

        Args:

            users: Every name by which the server may call the user.

        Raises:

            TargetError: It is not known.
        """
        return len(self._sessions(users))

    def require_none(self, users: Sequence[str]) -> None:
        """Require that a user has no session.

        Args:

            users: Every name by which the server may call the user.

        Raises:

            TargetError: There is one, or it is not known.
        """
        if left := self._sessions(users):
            raise self._still_open(left)

    def prove(self, users: Sequence[str], name: str, password: Secret) -> None:
        """Prove that a password opens the mailbox, and that the session is found by one of the names.

        Args:

            users: Every name by which the server may call the user.

            name: What a person types as the name.

            password: The password.

        Raises:

            TargetError: It doesn't, or the server could not tell.
        """
        with self.imap.logged_in(name, password):
            if not _comes_true(lambda: bool(self._sessions(users))):
                raise MisconfiguredError(
                    "{server} calls the user by none of the names {names}, so its sessions cannot be ended",
                    cure="let the passdb return the login as the name of the user, for example pass_attrs = uid=user",
                    server=self.doveadm.server,
                    names=", ".join(users),
                )

    def check(self) -> datetime:
        """Test every command and IMAP without ending sessions or emptying the cache.

        Returns:

            When the certificate for IMAP expires.

        Raises:

            TargetError: Something doesn't work.
        """
        self.doveadm.sessions(UNKNOWN_USER)
        self.doveadm.kick(UNKNOWN_USER)
        self.doveadm.forget(UNKNOWN_USER)
        return self.imap.check()

    def _end(self, users: Sequence[str]) -> frozenset[MailSession]:
        self.doveadm.empty_cache()
        found = self._sessions(users)
        for user in users:
            self.doveadm.kick(user)
        if not _comes_true(lambda: not found & self._sessions(users)):
            raise self._still_open(found)
        return found

    def _sessions(self, users: Sequence[str]) -> frozenset[MailSession]:
        return frozenset().union(*map(self.doveadm.sessions, users))

    def _still_open(self, sessions: frozenset[MailSession]) -> TransientError:
        return TransientError(
            "{server}: sessions of {user} are still open ({services})",
            cure="look for them with 'doveadm who' on the mail server, and end their processes",
            server=self.doveadm.server,
            user=min(session.user for session in sessions),
            services=", ".join(sorted({session.service for session in sessions})),
        )


def _comes_true(condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes true in time."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(INTERVAL)
    return True
