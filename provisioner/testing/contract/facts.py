"""Facts about accounts, for the contract of rules: whatever may be known of one, and a little that should not be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from provisioner.core.api.rules import Action, Facts, MetDeadline
from provisioner.core.model import Account, AccountKind, AccountState, Unit

KINDS = ("province", "district", "branch", "office", "school", "")
ZONES = ("Europe/Istanbul", "Europe/Berlin", "America/St_Johns", "UTC")

_names = st.sampled_from(["atama46", "ab46", "758821", "ığdır.ş"])
_spans = st.integers(0, 1200 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
_moments = st.integers(0, 8000 * 86_400).map(lambda seconds: datetime(2018, 1, 1, tzinfo=UTC) + timedelta(0, seconds))


@st.composite
def accounts(draw: st.DrawFn, states: Sequence[AccountState]) -> Account:
    """Return an account in one of these states that was open at least once."""
    opened = draw(_moments)
    changed = opened + draw(_spans)
    state = draw(st.sampled_from(states))
    return Account(
        login=draw(_names),
        domain="kural.example",
        unit=draw(_names),
        kind=draw(st.sampled_from(AccountKind)),
        holder=draw(st.none() | _names),
        state=state,
        opened_at=opened,
        password_changed_at=changed,
        closed_at=changed + draw(_spans) if state is AccountState.CLOSED else None,
    )


@st.composite
def facts(draw: st.DrawFn, states: Sequence[AccountState], kinds: Sequence[str]) -> Facts:
    """Return what may be known of an account in one of these states, of a unit of one of these kinds."""
    account = draw(accounts(states))
    unit = Unit(
        code=account.unit,
        name=draw(_names),
        kind=draw(st.sampled_from(kinds)),
        parent=draw(st.none() | _names),
        custodian=draw(st.none() | st.just(account.holder) | _names),
    )
    marked = draw(st.sets(st.sampled_from(Action), max_size=2))
    return Facts(
        account=account,
        unit=unit,
        marks={action: draw(_marks(action, account)) for action in marked},
        since=draw(st.none() | _moments),
        time_zone=ZoneInfo(draw(st.sampled_from(ZONES))),
    )


@st.composite
def _marks(draw: st.DrawFn, action: Action, account: Account) -> MetDeadline:
    at = (account.opened_at or draw(_moments)) + draw(_spans)
    met_at = at + draw(_spans)
    confirmed_at = draw(st.none() | st.just(met_at)) if action is Action.DUTY else None
    return MetDeadline(rule_set="", action=action, at=at, met_at=met_at, confirmed_at=confirmed_at)
