"""A target, a channel and a rule as their authors write them: all of it type-checks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import assert_type

import attrs

from provisioner import (
    Account,
    AccountReport,
    DeliveryReceipt,
    DeliveryState,
    Outcome,
    Person,
    Presence,
    Receipt,
    Secret,
    Unit,
    hookimpl,
    require_lease,
)
from provisioner.core.api.errors import RefusedError, ThrottledError, UnavailableError
from provisioner.core.api.messages import CloseAccount, CreateAccount, DeliverSecret, ProbeAccount, TargetReport
from provisioner.core.api.registration import PluginSettings, Registrar, Section
from provisioner.core.api.rules import Action, Deadline, Facts, Rule
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class Settings:
    """What stands in the configuration."""

    url: str
    password: Secret
    folder: Path = Path()


@attrs.define(eq=False)
class Directory:
    """A target."""

    settings: Settings

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        assert_type(request.account, Account)
        assert_type(request.unit, Unit)
        assert_type(request.holder, Person)
        assert_type(request.secret.reveal(), str)
        require_lease()
        if request.holder.mobile is None:
            raise RefusedError("{person} has no number", person=request.holder.id)
        return Receipt(outcome=Outcome.APPLIED, reference=request.account.mail, undo=lambda: None)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        raise UnavailableError("{url} does not answer", cure="start it", url=self.settings.url)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        accepted = request.secret is not None and request.secret.reveal() == "known"
        return AccountReport(presence=Presence.ENABLED, secret_accepted=accepted)

    @hookimpl
    def target_check(self) -> TargetReport:
        return TargetReport(warnings=("the certificate runs out",))


class Phones:
    """A channel."""

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        if request.replaces_earlier:
            raise ThrottledError("too many messages", retry_after=2.5)
        return DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=request.delivery_id)


@attrs.frozen(kw_only=True)
class CloseAfterYears(Rule):
    """A rule."""

    years: int = 5

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        if facts.account.opened_at is None:
            return []
        at = facts.months_after(facts.account.opened_at, 12 * self.years)
        return [Deadline(action=Action.CLOSE, at=at, reason=Text("it was open for long"), source="our own, m.3")]


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Register all of it."""
    for section in settings.targets:
        assert_type(section, Section)
        own = section.settings(Settings)
        assert_type(own, Settings)
        register.target(section.name, Directory(own), longest_call=timedelta(seconds=5))
    register.on_close(lambda: None)
