"""Follows up the messages with passwords: asks gateways about them, and acts on those that were not delivered.

An operation is done when a gateway took its message. This module finds out what happens to the message afterwards, as
do reports. If the owner didn't get it, a new password is made or somebody is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

import attrs

from provisioner.core.api.errors import BusyError, TargetError, ThrottledError
from provisioner.core.api.events import DeadlineMet, DeliveryChanged, DeliverySettled
from provisioner.core.api.messages import DeliveryState, ProbeDelivery
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.dispatch import RENEWALS, OnUndelivered
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.people import PARALLEL
from provisioner.core.engine.plan import POLICY_ACTOR, Unchanged, only_ends_sessions
from provisioner.core.gateways.gateway import Channel, able
from provisioner.core.model import (
    Account,
    MessageState,
    Operation,
    OperationState,
    PasswordDelivery,
    Unit,
)
from provisioner.core.model.text import Text
from provisioner.core.policy.due import DueAction
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.notifier import Notifier, Purpose
from provisioner.core.policy.policy_run import PolicyRun, Refusal
from provisioner.core.policy.ports import Agenda

#: The name of the policy in the audit log, and in notices.
RULE_SET = "delivery"

#: What the subject of a notice about a channel begins with. No login has a space.
CHANNEL_SUBJECT = "channel "

#: What an answer of a gateway says about a message. Other answers say nothing new.
_ANSWERS = {
    DeliveryState.ACCEPTED: MessageState.ACCEPTED,
    DeliveryState.DELIVERED: MessageState.DELIVERED,
    DeliveryState.REJECTED: MessageState.REJECTED,
}

#: How often the gateway of a message was asked.
_ASKED = attrgetter("asked")

Followed = Operation | Notice | Refusal


@attrs.frozen(kw_only=True)
class FollowUp:
    """Follows up messages with passwords.

    Args:

        agenda: The stored data.

        engine: Makes new passwords.

        notifier: Tells officers.

        it_unit: The code of the IT unit, whose custodian is told.
    """

    agenda: Agenda
    engine: Engine
    notifier: Notifier
    it_unit: str = ""

    def run(self) -> Iterator[Followed]:
        """Ask gateways, end what is overdue, and act on messages that were not delivered as their channels say.

        Yields:

            The operations that make new passwords, the accounts for which there can be none, and what officers were
            told.

        Raises:

            NotReadyError: Targets or channels can't be used, so no new password was made. The rest was done.

            StoreError: The store can't be read or written.
        """
        yield from self._tell_of_limits()
        self._note_early_reports()
        self._ask()
        self._end_overdue()
        pending = self._pending()
        deliverers = self._deliverers(delivery.login for delivery in pending)
        renewed = [delivery for delivery in pending if self._renews(delivery, deliverers[delivery.login])]
        yield from self._tell([delivery for delivery in pending if delivery not in renewed])
        yield from self._renew({delivery.login: delivery for delivery in renewed if self._is_pending(delivery)})

    def _now(self) -> datetime:
        return self.engine.context.now()

    # -- what becomes known ----------------------------------------------------------------------------------------

    def _note_early_reports(self) -> None:
        """Record reports on parts that arrived before the message was known to be handed over."""
        for delivery, state in self.agenda.deliveries.reported():
            self._note(delivery, state)

    def _ask(self) -> None:
        """Ask the gateways about what is due. A later run asks those that limit the questions about the rest."""
        begun_at = self._now()
        channels = {channel.name: channel for channel in able(self.engine.context.channels, "delivery_probe")}
        stop = self.engine.context.retry.stop
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="deliveries") as pool:
            while not stop.is_set() and (due := self.agenda.deliveries.to_ask(begun_at)):
                answers = dict(zip(due, pool.map(lambda asked: _answer(asked, channels), due), strict=True))
                for delivery, state in answers.items():
                    self._note(delivery, state or delivery.state)
                self._note_asked([delivery for delivery, state in answers.items() if state])
                unasked = [delivery.id for delivery, state in answers.items() if state is None]
                self.agenda.deliveries.put_off(unasked, begun_at + _LIMITED)

    def _note_asked(self, asked: Sequence[PasswordDelivery]) -> None:
        policy = self.engine.context.retry.policy
        for count, same in groupby(
            sorted(asked, key=lambda delivery: delivery.asked), key=lambda delivery: delivery.asked
        ):
            next_ask_at = self._now() + policy.next_try_after(count + 1)
            self.agenda.deliveries.note_asked([delivery.id for delivery in same], next_ask_at)

    def _end_overdue(self) -> None:
        while overdue := self.agenda.deliveries.overdue(self._now()):
            for delivery in overdue:
                self._note(delivery, delivery.state.at_deadline)

    def _note(self, delivery: PasswordDelivery, state: MessageState) -> None:
        """Record the new state of a message, unless a report was quicker."""
        if state.rank > delivery.state.rank:
            with suppress(BusyError):
                self.engine.context.record(changed(delivery, state, self._now()))

    # -- what is done ----------------------------------------------------------------------------------------------

    def _pending(self) -> list[PasswordDelivery]:
        """Return the messages about which something is to be done, and nothing is under way."""
        found = self._unsettled()
        unended = self.agenda.operations.unended([delivery.login for delivery in found])
        busy = {login for login, operation in unended.items() if not only_ends_sessions(operation)}
        return [delivery for delivery in found if delivery.login not in busy]

    def _unsettled(self) -> list[PasswordDelivery]:
        """Return the messages without a decision, and those whose renewal ended without a new password."""
        found = self.agenda.deliveries.undelivered()
        renewals = self.agenda.operations.get_many([delivery.renewal for delivery in found if delivery.renewal])
        in_vain = {operation.id for operation in renewals.values() if operation.state in _IN_VAIN}
        return [delivery for delivery in found if delivery.settled_at is None or delivery.renewal in in_vain]

    def _deliverers(self, logins: Iterable[str]) -> Mapping[str, Sequence[Channel]]:
        """Return the channels that may deliver the passwords of accounts, by login."""
        desired = self.engine.planner.desired.of(list(self._accounts(logins)))
        channels = self.engine.context.deliverers
        return {
            login: [channel for channel in channels if wanted.may_use(channel.name)]
            for login, wanted in desired.items()
        }

    def _renews(self, delivery: PasswordDelivery, channels: Sequence[Channel]) -> bool:
        """Whether a new password is made. The number of attempts is bounded, and starts again with another number.

        A channel that fails at once leaves no message, so the messages are bounded as well as the channels.
        """
        if delivery.renewal:
            return False
        dispatch = self.engine.context.dispatch
        rules = dispatch.rules_of(delivery.channel)
        failed = dispatch.failed(delivery.login, {rules.number: delivery.mobile_mark})
        match rules.on_undelivered:
            case OnUndelivered.RENEW:
                return len(failed) <= RENEWALS
            case OnUndelivered.NEXT_CHANNEL:
                tried = dispatch.failed_channels(failed)
                return len(failed) < len(channels) and any(channel.name not in tried for channel in channels)
            case OnUndelivered.TELL:
                return False

    def _renew(self, deliveries: Mapping[str, PasswordDelivery]) -> Iterator[Followed]:
        """Make new passwords, and tell an officer where that isn't possible."""
        changes = {
            account.login: (DueAction(account=account, unit=unit), self._deadline(Action.ROTATE, deliveries, account))
            for account, unit in self._accounts(deliveries)
        }
        undelivered = {login: delivery.id for login, delivery in deliveries.items()}
        left = []
        for outcome in PolicyRun(engine=self.engine, changes=changes, undelivered=undelivered).carry_out():
            delivery = self._taken_up(deliveries[outcome.login], outcome)
            if not isinstance(outcome, Operation) or outcome.state in _IN_VAIN:
                left.append(delivery)
            elif delivery.renewal:
                self.engine.context.record(self._settled(delivery, renewal=outcome.id))
            elif not self._is_pending(delivery):
                continue  # another process took it up
            if isinstance(outcome, (Operation, Refusal)):
                yield outcome
        yield from self._tell(left)

    def _taken_up(self, delivery: PasswordDelivery, outcome: Operation | Refusal | Unchanged) -> PasswordDelivery:
        """Return a message as the journal has it now: another operation on the same account may have been quicker."""
        if isinstance(outcome, Operation) and self.agenda.operations.get_many([outcome.id]):
            return attrs.evolve(delivery, renewal=outcome.id)
        return delivery

    def _tell(self, deliveries: Sequence[PasswordDelivery]) -> Iterator[Notice]:
        by_login = {delivery.login: delivery for delivery in deliveries}
        notices = []
        for account, unit in self._accounts(by_login):
            if officer := self._officer(account, unit):
                deadline = self._deadline(Action.WARN, by_login, account)
                notices.append(Notice(subject=account.login, login=account.login, deadline=deadline, recipient=officer))
        if notices and not self.engine.context.retry.stop.is_set():
            purpose = Purpose(
                met=lambda notice: self._settled(by_login[notice.login], told=notice.recipient),
                still_due=lambda some: [notice for notice in some if self._is_pending(by_login[notice.login])],
            )
            yield from self.notifier.tell(notices, purpose)

    def _tell_of_limits(self) -> Iterator[Notice]:
        """Tell an officer of channels that may send no more messages today, once a day."""
        allowances, officer = self.engine.context.allowances, self._custodian_of_it()
        began_at = allowances.next_day_at - timedelta(days=1)
        notices = [
            Notice(
                subject=f"{CHANNEL_SUBJECT}{channel}",
                deadline=Deadline(
                    action=Action.WARN, at=began_at, reason=_limit_reason(channel, limit), source="", rule_set=RULE_SET
                ),
                recipient=officer,
                is_urgent=True,
            )
            for channel, limit in allowances.full().items()
            if officer
        ]
        if left := self._untold(notices):
            yield from self.notifier.tell(left, Purpose(met=self._met, still_due=self._untold))

    def _untold(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        marks = self.agenda.marks.get_many([notice.subject for notice in notices])
        told = {(subject, mark.at) for subject, some in marks.items() for mark in some}
        return [notice for notice in notices if (notice.subject, notice.deadline.at) not in told]

    def _met(self, notice: Notice) -> DeadlineMet:
        return DeadlineMet(
            at=self._now(),
            actor=f"{POLICY_ACTOR}{RULE_SET}",
            login="",
            operation_id="",
            subject=notice.subject,
            deadline=notice.deadline,
            reference=notice.reference,
        )

    def _custodian_of_it(self) -> str | None:
        office = self._unit(self.it_unit)
        return office.custodian if office else None

    def _is_pending(self, delivery: PasswordDelivery) -> bool:
        """Whether no other process has decided, sent a later message, or heard that this one was delivered."""
        known = next(iter(self.engine.context.dispatch.recent(delivery.login)), None)
        return known == delivery

    def _settled(
        self, delivery: PasswordDelivery, *, renewal: str | None = None, told: str | None = None
    ) -> DeliverySettled:
        return DeliverySettled(
            at=self._now(),
            login=delivery.login,
            operation_id=delivery.operation_id,
            delivery=delivery.id,
            channel=delivery.channel,
            state=delivery.state,
            renewal=renewal,
            told=told,
        )

    def _accounts(self, logins: Iterable[str]) -> Iterator[tuple[Account, Unit]]:
        accounts = self.agenda.accounts.get_many(logins)
        units = self.agenda.units.get_many({account.unit for account in accounts.values()})
        for account in accounts.values():
            yield account, units[account.unit]

    def _deadline(self, action: Action, deliveries: Mapping[str, PasswordDelivery], account: Account) -> Deadline:
        delivery = deliveries[account.login]
        return Deadline(
            action=action,
            at=delivery.ended_at or delivery.sent_at,
            reason=_reason(delivery, account),
            digest=_DIGEST,
            source="",
            rule_set=RULE_SET,
        )

    def _officer(self, account: Account, unit: Unit) -> str | None:
        """Return the custodian of the IT unit, or of the nearest unit above whose custodian isn't the owner."""
        if custodian := self._custodian_of_it():
            return custodian
        above: Unit | None = unit
        while above and above.custodian in {None, account.holder}:
            above = self._unit(above.parent)
        return above.custodian if above else None

    def _unit(self, code: str | None) -> Unit | None:
        return self.agenda.units.get_many([code]).get(code) if code else None


#: After how long a gateway that limits the questions is asked again.
_LIMITED = timedelta(minutes=1)

#: The ends of an operation after which there is no new password.
_IN_VAIN = frozenset({OperationState.FAILED, OperationState.UNDONE})


#: What an officer is told of several accounts at once.
_DIGEST = Text.counted(
    "no report says that the password of {count} account was delivered; see 'Trouble' in the console, or 'provisioner "
    "check'",
    "no report says that the passwords of {count} accounts were delivered; see 'Trouble' in the console, or "
    "'provisioner check'",
    count=1,
)


def _limit_reason(channel: str, limit: int) -> Text:
    return Text(
        "channel {channel}: all {limit} messages of today are sent; nobody else gets a password or a notice today "
        "(max_per_day)",
        {"channel": channel, "limit": limit},
    )


def _reason(delivery: PasswordDelivery, account: Account) -> Text:
    """Return what an officer is told."""
    values = {"mail": account.mail}
    match delivery.state:
        case MessageState.REJECTED:
            return Text("{mail}: the message with the password was refused; request a new password", values)
        case MessageState.EXPIRED:
            return Text(
                "{mail}: the message with the password was not reported as delivered in time; request a new password",
                values,
            )
    return Text(
        "{mail}: no report on the message with the password arrived; ask its owner, or request a new password", values
    )


def changed(delivery: PasswordDelivery, state: MessageState, at: datetime, *, actor: str = "") -> DeliveryChanged:
    """Return the event of a new state of a message.

    Args:

        delivery: The message.

        state: Its new state.

        at: When it became known.

        actor: Who said it, if a person did.
    """
    return DeliveryChanged(
        at=at,
        actor=actor,
        login=delivery.login,
        operation_id=delivery.operation_id,
        delivery=delivery.id,
        channel=delivery.channel,
        state=state,
    )


def _answer(delivery: PasswordDelivery, channels: Mapping[str, Channel]) -> MessageState | None:
    """Ask the gateway of a message; what isn't known changes nothing. ``None`` means that it takes no question now."""
    channel = channels.get(delivery.channel)
    if channel is None:
        return delivery.state
    try:
        answer = channel.probe(
            ProbeDelivery(delivery_id=delivery.id, gateway=delivery.gateway, reference=delivery.reference)
        )
    except ThrottledError:
        return None
    except TargetError:
        return delivery.state
    return _ANSWERS.get(answer.state, delivery.state)
