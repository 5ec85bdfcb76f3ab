"""Log-ins to the console: with the password of an account, by a reverse proxy, or by an OpenID provider."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from provisioner.config.oidc import ClaimMeaning
from provisioner.config.settings import ConsoleSettings
from provisioner.core.api.errors import ConfigurationError, DeniedError, TargetError, UnavailableError
from provisioner.core.api.messages import Presence, ProbeAccount
from provisioner.core.engine.plan import POLICY_ACTOR, SERVICE_ACTOR
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.gateway import PROBE, Target
from provisioner.core.governance.log_ins import LoggedIn, LoggedOut, LogInDenial, LogInDenied
from provisioner.core.model import Account, AccountState
from provisioner.core.model.identifiers import name_objection
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.naming import Naming
from provisioner.core.model.secret import Secret
from provisioner.net.addresses import line_of
from provisioner.services.parts import Clock
from provisioner.services.throttles import LogInThrottles
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class LogIns:
    """Decides who may log in to the console, and writes it into the audit log.

    Args:

        store: The stored data.

        targets: The targets, by name.

        settings: The settings of the console.

        naming: How logins are written.

        throttles: What limits denied log-ins.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
    targets: Mapping[str, Target]
    settings: ConsoleSettings
    naming: Naming
    throttles: LogInThrottles
    record: Recorder
    now: Clock

    def require_ready(self) -> None:
        """Check that log-ins are possible as they are configured.

        Raises:

            ConfigurationError: The target that is to test passwords doesn't exist, or can't test any.
        """
        if self.settings.log_in is LogInWay.PASSWORD:
            _ = self._target

    def with_password(self, login: str, secret: Secret, *, address: str) -> LoggedIn:
        """Log the holder of an account in, if a target accepts the password. The target is asked once.

        Args:

            login: What the person typed: a login, with or without its domain.

            secret: The password that the person typed.

            address: The network address of the person's computer.

        Returns:

            The log-in, with the ID of the holder as its actor.

        Raises:

            DeniedError: The person may not log in, or not in this way; the error doesn't tell whether the account
                exists.

            TargetError: The target can't answer. This counts as no try.
        """
        self._require_way(LogInWay.PASSWORD)
        account, at = self._account(login), self.now()
        name = account.login if account else ""
        self._require_room(name, address, at)
        try:
            holder = account and self._accepted(account, secret)
        except TargetError:
            self._uncount(name, address, at)
            raise
        if account and holder:
            self._uncount(name, address, at)
            return self._let_in(holder, account.login, LogInWay.PASSWORD, address)
        self._deny(LogInWay.PASSWORD, LogInDenial.PASSWORD if account else LogInDenial.ACCOUNT, address, name)
        raise DeniedError(
            "the login or the password is wrong, or the account is not open",
            cure="check both; the password is that of your mail account, from the last SMS",
        )

    def by_proxy(self, person: str, *, address: str) -> LoggedIn:
        """Log a person in whom the reverse proxy has authenticated.

        Args:

            person: What the header contains; empty if there is none.

            address: The network address of the person's computer.

        Raises:

            DeniedError: It is not the ID of a person, or people log in in another way.
        """
        self._require_way(LogInWay.PROXY)
        if not _can_be_person(person):
            self._note(LogInDenial.HEADER, address)
            raise DeniedError(
                "the log-in of your organisation names no person",
                cure="ask the administrators of the reverse proxy whether it sends the header {header}",
                header=self.settings.person_header,
            )
        return self._let_in(person, "", LogInWay.PROXY, address)

    def by_provider(self, named: str, *, address: str) -> LoggedIn:
        """Log a person in whom the OpenID provider has authenticated, or write down that the person confirmed a change.

        Args:

            named: What the claim contains that names the person; empty if there is none.

            address: The network address of the person's computer.

        Raises:

            DeniedError: It names no person, or people log in in another way.
        """
        self._require_way(LogInWay.OIDC)
        settings = self.settings.oidc
        if settings and settings.claim_meaning is ClaimMeaning.LOGIN:
            account = self._account(named)
            person, login = (account.holder or "", account.login) if account else ("", "")
        else:
            person, login = named if _can_be_person(named) else "", ""
        if person:
            return self._let_in(person, login, LogInWay.OIDC, address)
        self._note(LogInDenial.CLAIM, address)
        raise DeniedError(
            "the console doesn't know the person whom your organisation's log-in names",
            cure="ask the administrators whether the ID token has the claim {claim}, with what claim_meaning says",
            claim=settings.person_claim if settings else "",
        )

    def refuse_answer(self, address: str) -> None:
        """Write into the audit log that an answer of the OpenID provider was not accepted, once in each period.

        Args:

            address: The network address of the person's computer.
        """
        self._note(LogInDenial.ANSWER, address)

    def still_holds(self, login: str, person: str, *, proved_at: datetime) -> bool:
        """Return whether a log-in with an account is still valid.

        It isn't when the account was closed, or got another holder or another password.

        Args:

            login: The login of the account.

            person: The ID of the person.

            proved_at: When the person last logged in, in UTC.
        """
        account = self._account(login)
        if account is None or account.holder != person:
            return False
        return account.password_changed_at is None or account.password_changed_at <= proved_at

    def log_out(self, person: str, *, everywhere: bool) -> None:
        """Write into the audit log that a person logged out.

        Args:

            person: The ID of the person.

            everywhere: Whether all sessions of the person ended.
        """
        self.record(LoggedOut(at=self.now(), actor=person, everywhere=everywhere))

    def _require_way(self, way: LogInWay) -> None:
        if self.settings.log_in is not way:
            raise DeniedError(
                "people do not log in to this console in this way", cure="open the page of the log-in again"
            )

    @property
    def _target(self) -> Target:
        name = self.settings.target or next(iter(self.targets), "")
        target = self.targets.get(name)
        if target is None or not target.holds_accounts or target.lacks(PROBE):
            raise ConfigurationError(
                "console.target: target '{target}' cannot test passwords, or does not exist",
                cure="name one of [targets] that has account_probe",
                target=name,
            )
        return target

    def _account(self, given: str) -> Account | None:
        """Return the open account with this login that has a holder; ``None`` if there is none."""
        try:
            login = self.naming.login(given)
        except ValueError:
            return None
        account = self.store.accounts.get_many([login]).get(login)
        return account if account and account.state is AccountState.OPEN and account.holder else None

    def _accepted(self, account: Account, secret: Secret) -> str | None:
        """Return the holder if the target accepts the password. It isn't asked again: it may count the tries."""
        if not self.throttles.waiting.acquire(blocking=False):
            raise UnavailableError("too many log-ins are waiting for the mail system", cure="try again in a minute")
        try:
            report = self._target.probe(ProbeAccount(account=account, secret=secret))
        finally:
            self.throttles.waiting.release()
        return account.holder if report.secret_accepted and report.presence is Presence.ENABLED else None

    def _require_room(self, login: str, address: str, at: datetime) -> None:
        """Count a try.

        Raises:

            DeniedError: There were too many.
        """
        tries = [(self.throttles.per_address, line_of(address)), (self.throttles.per_login, login)]
        for throttle, key in tries:
            if key and not throttle.try_at(key, at):
                if self.throttles.noted.try_at(key, at):
                    self._deny(LogInWay.PASSWORD, LogInDenial.THROTTLED, address, login)
                raise DeniedError(
                    "too many log-ins were denied",
                    cure="try again after {time}",
                    time=throttle.free_at(key, at) or at,
                )

    def _uncount(self, login: str, address: str, at: datetime) -> None:
        self.throttles.per_address.uncount(line_of(address), at)
        self.throttles.per_login.uncount(login, at)

    def _let_in(self, person: str, login: str, way: LogInWay, address: str) -> LoggedIn:
        event = LoggedIn(at=self.now(), actor=person, login=login, way=way, address=address)
        self.record(event)
        return event

    def _note(self, reason: LogInDenial, address: str) -> None:
        """Write a denial down, unless there was one from this address within the period."""
        if self.throttles.noted.try_at(line_of(address), self.now()):
            self._deny(self.settings.log_in, reason, address)

    def _deny(self, way: LogInWay, reason: LogInDenial, address: str, login: str = "") -> None:
        self.record(LogInDenied(at=self.now(), login=login, way=way, reason=reason, address=address))


def _can_be_person(named: str) -> bool:
    """Return whether it can be the ID of a person, and is not that of a policy or service."""
    return not name_objection(named) and not named.startswith((POLICY_ACTOR, SERVICE_ACTOR))
