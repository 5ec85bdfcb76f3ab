"""The tables of the configuration that have the same keys in every installation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import time, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs
from attrs.validators import ge, le, matches_re

from provisioner.config.oidc import ClaimMeaning, OidcSettings
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import AccountKind
from provisioner.core.model.identifiers import name_objection
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import visible
from provisioner.core.policy.quiet_hours import USUAL, QuietHours

if TYPE_CHECKING:
    from provisioner.core.governance.protection import Pattern


def are_names(_: object, __: object, value: Iterable[str]) -> None:
    """Check that each key of a table, or each item of a list, can be a name."""
    for name in value:
        if objection := name_objection(name):
            raise ConfigurationError("{name} cannot be a name: {reason}", name=visible(name), reason=objection)


@attrs.frozen(kw_only=True)
class AccountSettings:
    """How accounts are named, and which of them are protected."""

    #: The mail domain.
    domain: str
    #: The mail domain of units of a certain kind, where they have their own.
    domain_of_kind: dict[str, str] = attrs.field(factory=dict)
    #: The number of the province, which ends the login of an office (000 m.4/h).
    plate_code: str = ""
    #: The code of the IT unit. Its custodian can keep an account until the account's own unit has a custodian again.
    it_unit: str = ""
    #: Accounts that nobody may touch: logins or patterns of logins, with or without a domain.
    protected: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        _ = self.protected_patterns  # a wrong one must be found here, and not when it protects nothing

    @property
    def protected_patterns(self) -> list[Pattern]:
        """The same for those who compare accounts with them.

        Raises:

            ConfigurationError: One of them could match no account.
        """
        if not self.protected:
            return []
        from provisioner.core.governance.protection import Pattern

        domains = {self.domain, *self.domain_of_kind.values()}
        return [Pattern.of(text, domains) for text in self.protected]

    @property
    def naming(self) -> Naming:
        """The same for the planner."""
        return Naming(domain=self.domain, domain_of_kind=self.domain_of_kind)


@attrs.frozen(kw_only=True)
class BreakerSettings:
    """When a target or channel that keeps failing is quarantined."""

    #: The minutes without a success after which a target or channel is quarantined until someone resumes it.
    quarantine_after_minutes: int = attrs.field(default=60, validator=[ge(1), le(60 * 24 * 366)])

    @property
    def quarantine_after(self) -> timedelta:
        """The same for the breakers."""
        return timedelta(minutes=self.quarantine_after_minutes)


#: The limit that holds where the configuration does not say otherwise.
_LIMIT = MassChangeLimit()


@attrs.frozen(kw_only=True)
class LimitSettings:
    """Which runs are held until someone releases them."""

    #: The share of the open accounts, in percent, that may be closed or deleted within the window; 100 is no limit.
    mass_change_percent: int = attrs.field(default=_LIMIT.percent, validator=[ge(1), le(100)])
    #: The number of open accounts, in total or on one target, from which the limit applies.
    mass_change_from: int = attrs.field(default=_LIMIT.from_accounts, validator=[ge(1), le(10_000_000)])
    #: The window in which earlier closings and deletions count, in hours.
    mass_change_window_hours: int = attrs.field(
        default=_LIMIT.window // timedelta(hours=1), validator=[ge(1), le(24 * 366)]
    )

    @property
    def mass_change(self) -> MassChangeLimit:
        """The same for the engine."""
        return MassChangeLimit(
            percent=self.mass_change_percent,
            from_accounts=self.mass_change_from,
            window=timedelta(hours=self.mass_change_window_hours),
        )


@attrs.frozen(kw_only=True)
class NoticeSettings:
    """When warnings and reminders are sent."""

    #: The hours in which none are sent, in the configured time zone; empty for no such hours. Passwords are sent at any
    #: time, and so are warnings that would come too late afterwards.
    quiet_hours: str = USUAL

    def __attrs_post_init__(self) -> None:
        _ = self.hours

    @property
    def hours(self) -> QuietHours | None:
        """The same for the sweep.

        Raises:

            ConfigurationError: They can't be read.
        """
        return QuietHours.parse(self.quiet_hours)


@attrs.frozen(kw_only=True)
class AuthoritySettings:
    """Who may do what. Without this table, nothing is denied to anybody."""

    #: The ids of the persons who may do everything and grant roles.
    administrators: tuple[str, ...] = attrs.field(default=(), validator=are_names)


def _networks(_: object, __: object, value: Iterable[str]) -> None:
    from ipaddress import ip_network

    for network in value:
        try:
            ip_network(network)
        except ValueError:
            raise ConfigurationError(
                "{network} is no network address",
                cure="write an address or a network, such as 10.0.0.5 or 10.0.0.0/24",
                network=visible(network),
            ) from None


def _web_address(_: object, __: object, value: str) -> None:

    if not value:
        return
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or value != f"https://{parts.netloc}":
        raise ConfigurationError("it is not the address of a site", cure="write it as https://console.example.gov.tr")


@attrs.frozen(kw_only=True)
class ConsoleSettings:
    """The console: the pages that ``provisioner console serve`` serves."""

    #: The address that people use, for example ``https://console.example.gov.tr``.
    url: str = attrs.field(default="", validator=_web_address)
    #: The addresses or networks of the reverse proxies. Connections from elsewhere are refused.
    proxies: tuple[str, ...] = attrs.field(default=(), validator=_networks)
    #: How people log in: ``password``, with the login and password of an account that they hold; ``proxy``, if the
    #: reverse proxy authenticates them and names them in a header; or ``oidc``, at the OpenID provider in
    #: ``[console.oidc]``.
    log_in: LogInWay = LogInWay.PASSWORD
    #: The target that tests passwords; by default, the first one.
    target: str = ""
    #: The header in which the reverse proxy gives the staff number of the person, for ``log_in = "proxy"``.
    person_header: str = attrs.field(default="X-Remote-User", validator=matches_re(r"[A-Za-z0-9-]+"))
    #: How many denied log-ins a login has within the period. It has to be less than the number at which the target
    #: locks an account; less than half of it if a target has servers that take no changes.
    denied_per_login: int = attrs.field(default=3, validator=[ge(1), le(100)])
    #: The same for a network address. Addresses of IPv6 count as one if their first 64 bits are the same.
    denied_per_address: int = attrs.field(default=30, validator=[ge(1), le(10_000)])
    #: The period, in minutes. It has to be longer than the one in which the target counts.
    denied_within_minutes: int = attrs.field(default=30, validator=[ge(1), le(24 * 60)])
    #: How many requests a minute the API answers for each token.
    requests_per_minute: int = attrs.field(default=300, validator=[ge(1), le(100_000)])
    #: After how many minutes without a request a person has to log in again.
    idle_minutes: int = attrs.field(default=20, validator=[ge(1), le(24 * 60)])
    #: After how many hours a person has to log in again in every case.
    session_hours: int = attrs.field(default=10, validator=[ge(1), le(24)])
    #: How many requests are answered at once.
    threads: int = attrs.field(default=12, validator=[ge(2), le(64)])
    #: The OpenID provider.
    oidc: OidcSettings | None = None

    def __attrs_post_init__(self) -> None:
        if self.log_in is LogInWay.OIDC and self.oidc is None:
            raise ConfigurationError(
                'log_in is "oidc", and there is no table [console.oidc]',
                cure="add the table, with issuer, client_id and client_secret",
            )

    @property
    def denied_within(self) -> timedelta:
        """The period of denied log-ins."""
        return timedelta(minutes=self.denied_within_minutes)

    @property
    def needs_account(self) -> bool:
        """Whether only people who hold an open account can log in."""
        names_login = self.oidc is not None and self.oidc.claim_meaning is ClaimMeaning.LOGIN
        return self.log_in is LogInWay.PASSWORD or (self.log_in is LogInWay.OIDC and names_login)


def _times(texts: Iterable[str]) -> tuple[time, ...]:
    return tuple(time.fromisoformat(text) for text in texts)


def _times_of_day(_: object, attribute: attrs.Attribute[Any], value: Iterable[str]) -> None:
    for text in value:
        try:
            is_valid = bool(re.fullmatch(r"\d\d:\d\d", text) and _times([text]))
        except ValueError:
            is_valid = False
        if not is_valid:
            raise ConfigurationError(
                "{key}: expected times of day, such as {example}", key=attribute.name, example="08:15"
            )


def _listening_place(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    found = re.fullmatch(r"[^:\s]+:([0-9]{1,5})", value)
    if found is None or int(found[1]) > _LAST_PORT:
        raise ConfigurationError(
            "{key}: expected HOST:PORT, such as {example}", key=attribute.name, example="127.0.0.1:8461"
        )


_LAST_PORT = 65535


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """When ``provisioner worker`` does what, and where it tells of its health."""

    #: The times of the day at which a sweep begins, in the configured time zone, such as ``["08:15", "13:00"]``. If the
    #: list is empty, ``sweep_every_minutes`` applies.
    sweep_at: tuple[str, ...] = attrs.field(default=(), validator=_times_of_day)
    #: The minutes from the beginning of one sweep to that of the next.
    sweep_every_minutes: int = attrs.field(default=60, validator=[ge(1), le(24 * 60)])
    #: The times of the day at which all targets are compared with the store, as ``reconcile`` does; if the list is
    #: empty, they aren't.
    reconcile_at: tuple[str, ...] = attrs.field(default=(), validator=_times_of_day)
    #: The seconds between two looks for operations and messages with passwords that are due.
    look_every_seconds: int = attrs.field(default=30, validator=[ge(1), le(300)])
    #: Whether workers share the operations of sweeps and of looks for due operations, in chunks. This needs a store on
    #: PostgreSQL, the extra ``cluster``, and ``provisioner init`` once.
    distribute: bool = False
    #: The ``HOST:PORT`` on which ``/healthz`` and ``/readyz`` are answered.
    listen: str = attrs.field(default="127.0.0.1:8461", validator=_listening_place)

    @property
    def sweep_times(self) -> tuple[time, ...]:
        """The times of ``sweep_at``."""
        return _times(self.sweep_at)

    @property
    def reconcile_times(self) -> tuple[time, ...]:
        """The times of ``reconcile_at``."""
        return _times(self.reconcile_at)


@attrs.frozen(kw_only=True)
class EntitlementSettings:
    """An entitlement: a group, role or right of a target, and the accounts that have it. Other accounts lose it."""

    #: The target.
    target: str
    #: The target's name of the entitlement, for example the DN of a group; by default, the name of the table.
    name: str = ""
    #: The kinds of the units whose accounts have it; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units whose accounts have it, with all units below them; empty for all.
    under: tuple[str, ...] = ()
    #: The kinds of the accounts that have it, ``unit`` or ``personal``; empty for all.
    account_kinds: tuple[AccountKind, ...] = ()
