"""Takes reports on messages."""

from __future__ import annotations

import attrs

from provisioner.core.api.errors import BusyError
from provisioner.core.api.events import NoticeChanged
from provisioner.core.engine.ports import Recorder
from provisioner.core.model import MessageState
from provisioner.core.policy.follow_up import changed
from provisioner.services.parts import Clock
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class Deliveries:
    """Takes reports on messages with passwords, and on notices.

    Args:

        store: The stored data.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
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
        while delivery := self.store.deliveries.find(delivery_id):
            if state.rank <= delivery.state.rank:
                return True
            try:
                self.record(changed(delivery, state, self.now()))
            except BusyError:  # another report was quicker
                continue
            return True
        return self._report_notice(delivery_id, state)

    def _report_notice(self, notice_id: str, state: MessageState) -> bool:
        known = self.store.notices.state(notice_id)
        if known and state.rank > known.rank:
            self.record(NoticeChanged(at=self.now(), notice=notice_id, state=state))
        return known is not None
