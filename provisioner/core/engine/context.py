"""The shared objects of all operations of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.fencing import Lease
from provisioner.core.api.rules import MetDeadline
from provisioner.core.engine.allowances import Allowances
from provisioner.core.engine.dispatch import Dispatch
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.gateway import DELIVER, Channel, Target, able
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import Account, Unit
from provisioner.core.model.mobile import MobileMark


@attrs.frozen(kw_only=True)
class EngineContext:
    """The shared objects of all operations of a run."""

    #: The targets that hold accounts, in the order in which they are changed.
    targets: Sequence[Target]
    #: The channels, in the order in which they are tried.
    channels: Sequence[Channel]
    passwords: PasswordMaker
    retry: Retry
    now: Callable[[], datetime]
    #: Stores events and shows them to the observers.
    record: Recorder
    #: Returns the lease of an operation that this process has started, by its login and ID.
    lease: Callable[[str, str], Lease]
    #: How long to wait after taking over an operation from a process that may still run: until its lease has expired by
    #: its own clock, and its last call has ended.
    takeover_wait: timedelta
    #: Returns the account with its next deadlines, given the deadlines already met.
    plan_ahead: Callable[[Account, Unit, Sequence[MetDeadline]], Account] = lambda account, *_: attrs.evolve(
        account, next_deadline=None, next_action=None, closes_at=None
    )
    #: The targets that end sessions, in the order in which they do so: those that hold accounts first.
    session_targets: Sequence[Target] = ()
    #: Returns the mark of a mobile number in the audit log.
    mobile_mark: MobileMark = lambda _: None

    #: Knows the earlier messages with passwords.
    dispatch: Dispatch = attrs.field(factory=Dispatch)
    #: How many messages the channels may send.
    allowances: Allowances = attrs.field(factory=Allowances)

    @property
    def deliverers(self) -> Sequence[Channel]:
        """The channels that deliver passwords, in the order in which they are tried."""
        return able(self.channels, DELIVER)
