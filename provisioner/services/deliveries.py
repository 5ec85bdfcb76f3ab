"""Takes reports on messages: of gateways, and of people who hand over letters."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import attrs

from provisioner.core.api.errors import BusyError, InputError, Problem
from provisioner.core.api.events import NoticeChanged
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Account, AccountState, MessageState, PasswordDelivery
from provisioner.core.model.text import Text
from provisioner.services.ids import Named, find_id
from provisioner.services.parts import Clock
from provisioner.store import Store

#: The states of accounts in which the last password that was sent can open them.
_MAY_BE_OPEN = frozenset({AccountState.OPEN, AccountState.INCOMPLETE})


@attrs.frozen(kw_only=True)
class Deliveries:
    """Takes reports on messages with passwords, and on notices.

    Args:

        store: The stored data.

        authority: Decides who may say what became of a letter.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
    authority: Authority
    record: Recorder
    now: Clock

    def report(self, delivery_id: str, state: MessageState) -> bool:
        """Store a report. A report that is weaker than what is known, or known already, changes nothing.

        Args:

            delivery_id: The ID of the message.

            state: What was reported.

        Returns:

            Whether there is such a message.

        Raises:

            StoreError: The store failed; the report was not stored.
        """
        return self._report_password(delivery_id, state) or self._report_notice(delivery_id, state)

    def report_part(
        self, channel: str, part: str, state: MessageState, message_id: str = "", parts: Collection[str] = ()
    ) -> bool:
        """Store a report on a part of a message, by the ID that its gateway gave the part; see :meth:`report`.

        Args:

            channel: The name of the channel.

            part: The gateway's ID of the part.

            state: What was reported.

            message_id: The ID of the message, if the ID of the part tells it. Then the reports on a message whose
                answer was lost count as well, as soon as there is one on each of its parts.

            parts: The IDs of all of its parts.

        Returns:

            Whether the message is known. A report whose message isn't known yet is stored until it is.

        Raises:

            StoreError: The store failed; the report was not stored.
        """
        deliveries = self.store.deliveries
        known = deliveries.note_part(channel, part, state, self.now())
        whole = deliveries.state_of_parts(known) if known else deliveries.state_of_all(channel, parts)
        return whole is not None and self.report(known or message_id, whole)

    def unconfirmed(self, channels: Collection[str]) -> Sequence[PasswordDelivery]:
        """Return the messages over these channels of which nobody said whether they arrived, the most urgent first.

        Among them are those that a crash interrupted, and those whose deadline has passed.
        """
        return self.store.deliveries.unconfirmed(channels)

    def undelivered(self, *, viewer: str, limit: int) -> Sequence[PasswordDelivery]:
        """Return the messages with the last passwords of open accounts that were not reported as delivered.

        The latest are first.

        Args:

            viewer: Who reads the answer. Messages of accounts that this person may not read are left out.

            limit: How many are returned at most.
        """
        found = self.store.deliveries.undelivered()
        accounts = self.store.accounts.get_many(delivery.login for delivery in found)
        readable = {account.login for account in Privacy(self.authority, viewer).readable(list(accounts.values()))}
        shown = [delivery for delivery in found if delivery.login in readable]
        return sorted(shown, key=lambda delivery: delivery.sent_at, reverse=True)[:limit]

    def void(self, deliveries: Collection[PasswordDelivery]) -> Collection[str]:
        """Return the IDs of those of these messages whose passwords open nothing."""
        accounts = self.store.accounts.get_many(delivery.login for delivery in deliveries)
        return {delivery.id for delivery in deliveries if self._voidness(delivery, accounts.get(delivery.login))}

    def confirm(
        self, ids: Sequence[str], state: MessageState, *, channels: Collection[str], actor: str, dry_run: bool = False
    ) -> Sequence[PasswordDelivery]:
        """Store what a person says about messages of which no gateway reports, such as letters.

        Args:

            ids: Their IDs, or the beginnings of them.

            state: What became of them: ``DELIVERED`` or ``REJECTED``.

            channels: The names of the channels over which they were sent.

            actor: Who says so. Officers may, in their units.

            dry_run: Whether to only check it.

        Returns:

            The messages in their new state.

        Raises:

            InputError: Some are unknown, void, or in a stronger state. Nothing was stored.

            DeniedError: The actor may not say so. Nothing was stored.

            StoreError: The store failed; some reports may not be stored.
        """
        found = self._known(ids, channels)
        accounts = self.store.accounts.get_many(delivery.login for delivery in found)
        if problems := [
            problem for delivery in found for problem in self._objections(delivery, accounts.get(delivery.login), state)
        ]:
            raise InputError(problems)
        for unit in {accounts[delivery.login].unit for delivery in found}:
            self.authority.require(actor, {Role.OFFICER}, unit)
        for delivery in found if not dry_run else ():
            self._report_password(delivery.id, state, actor=actor)
        return [attrs.evolve(delivery, state=state) if dry_run else self._again(delivery) for delivery in found]

    def _report_password(self, delivery_id: str, state: MessageState, *, actor: str = "") -> bool:
        from provisioner.core.policy.follow_up import changed

        while delivery := self.store.deliveries.find(delivery_id):
            if state.rank <= delivery.state.rank:
                return True
            try:
                self.record(changed(delivery, state, self.now(), actor=actor))
            except BusyError:  # another report was quicker
                continue
            return True
        return False

    def _report_notice(self, notice_id: str, state: MessageState) -> bool:
        known = self.store.notices.state(notice_id)
        if known and state.rank > known.rank:
            self.record(NoticeChanged(at=self.now(), notice=notice_id, state=state))
        return known is not None

    def _again(self, delivery: PasswordDelivery) -> PasswordDelivery:
        return self.store.deliveries.find(delivery.id) or delivery

    def _known(self, given: Sequence[str], channels: Collection[str]) -> list[PasswordDelivery]:
        """Return the messages with these IDs, each once."""
        ids = list(dict.fromkeys(find_id(self.store, Named.MESSAGE, beginning) for beginning in given))
        found = {delivery_id: self.store.deliveries.find(delivery_id) for delivery_id in ids}
        known = [delivery for delivery in found.values() if delivery and delivery.channel in channels]
        unknown = found.keys() - {delivery.id for delivery in known}
        if unknown:
            raise InputError([_problem(Text("there is no letter {id}", {"id": letter})) for letter in sorted(unknown)])
        return known

    def _objections(self, delivery: PasswordDelivery, account: Account | None, state: MessageState) -> list[Problem]:
        """Return why a message can't be in this state."""
        values = {"id": delivery.id, "state": delivery.state.value}
        if delivery.state.rank > state.rank:
            return [_problem(Text("letter {id} is {state} already", values))]
        if state is not MessageState.DELIVERED:
            return []
        if voidness := self._voidness(delivery, account):
            return [_problem(voidness)]
        if delivery.state is MessageState.SENDING:
            return [_problem(Text("letter {id} is not finished; run 'provisioner resume' first", values))]
        return []

    def _voidness(self, delivery: PasswordDelivery, account: Account | None) -> Text | None:
        """Return why the password in a message opens nothing; ``None`` if it may open the account."""
        values = {"id": delivery.id, "login": delivery.login}
        if self.store.deliveries.recent(delivery.login)[0].id != delivery.id:
            return Text("letter {id} is void: a later password was sent; destroy the letter", values)
        if account is None or account.state not in _MAY_BE_OPEN:
            return Text("letter {id} is void: account {login} is not open; destroy the letter", values)
        return None


def _problem(message: Text) -> Problem:
    return Problem(field="id", message=message)
