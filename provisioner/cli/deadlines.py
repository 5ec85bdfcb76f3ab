"""What is going to happen to an account, as people read it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from provisioner.cli.session import Session
from provisioner.core.model import Account, Action
from provisioner.core.model.text import Text

_NEXT: Mapping[Action, Text] = {
    Action.WARN: Text("warning on {day}"),
    Action.ROTATE: Text("new password on {day}"),
    Action.CLOSE: Text("closing on {day}"),
    Action.DUTY: Text("reminder on {day}"),
    Action.DELETE: Text("deletion on {day}"),
    Action.VERIFY: Text("verification on {day}"),
}


def next_action(account: Account, session: Session) -> str:
    """Return what a rule next wants of an account, and on which day; nothing if no rule wants anything."""
    day = session.local_day(account.next_deadline)
    if account.next_action is None:
        return day
    return session.output.said(attrs.evolve(_NEXT[account.next_action], values={"day": day}))
