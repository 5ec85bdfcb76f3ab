"""What directories of one kind have of their own.

A family only computes: it is given entries and answers, and returns what to change and what was read. Requests are
sent by the client.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from typing import ClassVar

import attrs

from provisioner.core.api.errors import ConflictError, RefusedError, SecretRefusedError, TargetError, TransientError
from provisioner.core.api.messages import PasswordLimits, Presence
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner_ldap.entry import OBJECT_CLASS, PASSWORD, Attributes, Control, Entry
from provisioner_ldap.errors import NOT_ACCEPTED, LdapResult, from_answer
from provisioner_ldap.names import expect_unmistakable
from provisioner_ldap.schema import Schema
from provisioner_ldap.times import BEGINNING, generalized_time

#: Operational: which class an entry was made with, permanently.
STRUCTURAL_CLASS = "structuralObjectClass"

#: All changes that a receipt may offer to undo.
ALL_CHANGES = frozenset({"account_create", "account_close", "account_rotate", "account_handover", "account_update"})

#: The changes that can be undone where a password cannot.
CHANGES_WITHOUT_PASSWORD = frozenset({"account_close", "account_update"})


@attrs.frozen(kw_only=True)
class Judgement:
    """What a password policy means for us."""

    #: What is to be put right, each a text of the catalogue.
    warnings: tuple[str, ...] = ()
    #: What the policy demands of passwords.
    passwords: PasswordLimits = attrs.field(factory=PasswordLimits)
    #: The hooks whose changes can be undone.
    undoes: frozenset[str] = ALL_CHANGES


class Family(ABC):
    """One kind of directory. What most directories do is the default."""

    #: The attribute that closes an account. Every server must know it.
    switch: ClassVar[str]
    #: The operational attributes that tell whether an account is enabled.
    locks: ClassVar[tuple[str, ...]]
    #: The operational attribute that tells when the password was set; empty if none does.
    last_change: ClassVar[str] = ""
    #: The attribute whose value changes with each change of an entry and is the same on all servers that have it; empty
    #: if there is none. Then :attr:`last_change` shows whether a new password has arrived.
    revision: ClassVar[str] = ""
    #: The attributes that the directory itself changes when a password is set.
    reset_with_password: ClassVar[tuple[str, ...]] = ()
    #: The attribute that names the groups of an entry, if the directory always keeps it itself; empty if not.
    member_of: ClassVar[str] = ""
    #: The attributes that a report shows besides those that are configured.
    shown: ClassVar[tuple[str, ...]] = ()
    #: What the entry below which the accounts are shows of the rights of the service account.
    rights: ClassVar[tuple[str, ...]] = ()
    #: The control, by its identifier and value, that asks for what an entry itself holds, without what the directory
    #: makes up for it.
    own_values: ClassVar[Control | None] = None
    #: How many requests it takes to set a password.
    password_requests: ClassVar[int] = 1
    #: Whether a new entry is made with its password, and can be used at once.
    adds_with_password: ClassVar[bool] = False
    #: Whether a change whose answer was lost is made again at once, because half of it would be worse than none.
    repeats_lost_changes: ClassVar[bool] = False
    #: Whether a search from the top of a domain refers to other domains, which have no accounts of this one.
    refers_to_other_domains: ClassVar[bool] = False
    #: What is read of a password policy.
    policy: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def recognises(self, root: Entry) -> bool:
        """Tell whether a server with this root DSE is of this kind."""

    @abstractmethod
    def lock(self, entry: Entry, now: datetime) -> str:
        """Return what keeps the account from logging in, as the directory writes it; empty if nothing does."""

    @abstractmethod
    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """Return what to replace so that nobody can log in; nothing if that is so already."""

    @abstractmethod
    def enabling(self, entry: Entry) -> Attributes:
        """Return what to replace so that the account may log in; nothing if that is so already."""

    def presence(self, entry: Entry, now: datetime) -> Presence:
        """Tell whether the account is there, and whether it may log in."""
        if not entry.exists:
            return Presence.ABSENT
        return Presence.DISABLED if self.lock(entry, now) else Presence.ENABLED

    def password_changed_at(self, entry: Entry) -> datetime | None:
        """Return when the password was set; ``None`` if the entry doesn't show it."""
        text = entry.text(self.last_change) if self.last_change else None
        moment = generalized_time(text) if text else BEGINNING
        return None if moment == BEGINNING else moment

    def after_password(self, entry: Entry) -> Attributes:  # noqa: ARG002 - most directories need nothing
        """Return what to replace after a password was set, for example so that a closed account stays closed."""
        return {}

    def still_disabled(self, entry: Entry, lock: str) -> TargetError:
        """Return the error for an account that was enabled and is not."""
        return ConflictError(
            "{dn} cannot be enabled: {lock}",
            cure="let an administrator of the directory remove what disables it",
            dn=entry.dn,
            lock=lock,
        )

    def written(self, secret: Secret, request: int) -> Attributes | None:  # noqa: ARG002 - the operation needs no help
        """Return what to replace so that an entry has a password; ``None`` lets the Password Modify operation set it.

        Args:

            secret: The password.

            request: Which of the :attr:`password_requests` it is, from 0.

        Raises:

            SecretRefusedError: The directory would not keep it as it is.
        """
        return None

    def written_to_own(self, secret: Secret, request: int) -> Attributes | None:
        """Return the same for the service account itself, which must be able to log in after each request.

        Raises:

            SecretRefusedError: The directory would not keep it as it is.
        """
        return self.written(secret, request)

    def fresh(self, secret: Secret) -> Attributes:  # noqa: ARG002 - most directories are given it afterwards
        """Return what a new entry has besides what is configured, where :attr:`adds_with_password`.

        Raises:

            SecretRefusedError: The directory would not keep the password as it is.
        """
        return {}

    def same_password(self, answer: LdapResult) -> bool:  # noqa: ARG002 - most directories do not say it
        """Tell whether a refusal says that the account has this password already."""
        return False

    def refuses_login(self, answer: LdapResult) -> bool:
        """Tell whether an answer to a bind says "this name and this password do not log in"."""
        return answer.code in NOT_ACCEPTED

    def explain(self, answer: LdapResult, *, to_password: bool = False) -> TargetError:
        """Return the error for an answer that is not a success.

        Args:

            answer: The answer.

            to_password: Whether nothing but a password was to be set.
        """
        return from_answer(answer, to_password=to_password)

    def leaves_doubt(self, answer: LdapResult) -> bool:
        """Return whether a change may have been made that was answered with a code of ``LEAVES_DOUBT``."""
        return isinstance(self.explain(answer), TransientError)

    def restores_password(self, former: Entry) -> bool:
        """Tell whether the password that an entry had can be put back."""
        return bool(former[PASSWORD])

    def not_restored(self, dn: str, reason: Text) -> TargetError:
        """Return the error for a former password that the directory does not restore."""
        return RefusedError("the former password of {dn} cannot be restored: {reason}", dn=dn, reason=reason)

    def kind(self, entry: Entry, schema: Callable[[], Schema]) -> str:
        """Return the object class that says what an entry is; empty if none does."""
        return entry.text(STRUCTURAL_CLASS) or schema().structural(entry.texts(OBJECT_CLASS)) or ""

    def expect_login(self, login: str) -> None:
        """Check that an account of this directory can have this login, and is mistaken for no other.

        Raises:

            RefusedError: It cannot.
        """
        expect_unmistakable(login)

    def scope(self, base: str) -> str:
        """Return the entry below which no two accounts may have the same login or mail address."""
        return base

    def policy_places(self, policy_dn: str | None, root: Entry) -> tuple[str, ...]:  # noqa: ARG002 - some need it
        """Return the names of the entries that hold the password policy. Of an attribute, the first entry counts."""
        return (policy_dn,) if policy_dn else ()

    def clock(self, root: Entry) -> datetime | None:  # noqa: ARG002 - most directories do not show it
        """Return the time of the server, if its root DSE shows it."""
        return None

    def rights_control(self, bind_dn: str) -> Control | None:  # noqa: ARG002 - most have none
        """Return the control, by its identifier and value, that asks for the rights of the service account."""
        return None

    def may_create(self, base: Entry, classes: Collection[str]) -> bool:  # noqa: ARG002 - most show nothing
        """Tell whether the service account may make entries of these classes there, as far as that is shown."""
        return True

    def expect_support(self, root: Entry, server: str) -> None:  # noqa: B027 - most need nothing special
        """Check that a server offers what the changes need.

        Raises:

            MisconfiguredError: It does not.
        """

    def judge(self, policy: Entry, server: str, *, policed: bool | None) -> Judgement:  # noqa: ARG002 - the default is none
        """Say what a password policy means for us.

        Args:

            policy: The policy, as far as it can be read.

            server: The URL of the server.

            policed: Whether the server has shown that a policy applies to the service account; ``None`` if that has no
                password, so that nothing shows it.

        Raises:

            MisconfiguredError: No password could be set.
        """
        return Judgement()


def encoded(secret: Secret, encoding: str = "utf-8") -> bytes:
    """Return a password as an attribute holds it. The error for one that has no such form does not quote it.

    Raises:

        SecretRefusedError: It cannot be encoded.
    """
    with suppress(UnicodeEncodeError):
        return secret.reveal().encode(encoding)
    raise SecretRefusedError("the directory would not store a password in this form unchanged")


def number(policy: Entry, name: str) -> int:
    """Return a number of a password policy; 0 if it is not there, which means that nothing is demanded."""
    text = policy.text(name) or ""
    return int(text) if text.isascii() and text.isdigit() else 0
