"""Protected accounts, which nobody may change: those of the system itself, and those that an inquiry needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Self

import attrs

from provisioner.core.api.errors import ConfigurationError, Denial
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.model import Account
from provisioner.core.model.text import Text

#: The characters of a pattern: those of logins, and those of shell patterns.
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-*?[]!")


@attrs.frozen
class Pattern:
    """A login, or a shell pattern of logins, with or without a domain."""

    text: str
    _login: str
    _domain: str

    @classmethod
    def of(cls, text: str, domains: Collection[str]) -> Self:
        """Read a pattern.

        Args:

            text: The pattern.

            domains: The mail domains of the accounts.

        Raises:

            ConfigurationError: It can't match any account, so it would protect nothing.
        """
        login, _, domain = text.strip().casefold().partition("@")
        if not login or not _ALLOWED.issuperset(login):
            raise ConfigurationError(
                "{pattern} in 'protected' is neither a login nor a pattern of logins",
                cure="write a login such as postmaster, or a pattern such as *46-mutemet",
                pattern=repr(text),
            )
        if domain and not any(fnmatchcase(name.casefold(), domain) for name in domains):
            raise ConfigurationError(
                "{pattern} in 'protected' has a domain that no account has; the domains are {domains}",
                cure="correct the domain, or leave it out",
                pattern=repr(text),
                domains=", ".join(sorted(domains)),
            )
        return cls(text, login, domain)

    def matches(self, account: Account) -> bool:
        """Whether it matches this account."""
        return fnmatchcase(account.login, self._login) and (
            not self._domain or fnmatchcase(account.domain.casefold(), self._domain)
        )


@attrs.define(eq=False)
class ProtectedAccounts:
    """Denies every operation on protected accounts to all actors.

    Args:

        patterns: The patterns of protected accounts.
    """

    _patterns: Sequence[Pattern]

    @hookimpl
    def operation_authorize(self, request: AuthorizeOperation) -> Denial | None:
        """Deny the operation if the account is protected."""
        found = next((pattern for pattern in self._patterns if pattern.matches(request.account)), None)
        if found is None:
            return None
        values = {"login": request.account.login, "pattern": found.text}
        return Denial(
            reason=Text("{login} is protected and cannot be changed", values),
            cure=Text("to change it, remove {pattern} from 'protected' under [accounts]", values),
        )
