"""Which notices may have been sent without anybody knowing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from provisioner.core.model import Action, MessageState, NoticeDelivery

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "is_in_doubt"),
    [(state, state in {MessageState.SENDING, MessageState.UNKNOWN}) for state in MessageState],
)
def test_only_what_no_gateway_confirmed_or_refused_is_in_doubt(state: MessageState, is_in_doubt: bool) -> None:
    notice = NoticeDelivery(
        subject="a", rule_set="r", action=Action.WARN, at=NOON, id="n", person="p", sent_at=NOON, state=state
    )

    assert notice.is_in_doubt is is_in_doubt
