"""What all operations of a run share."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import attrs

from provisioner.core.api.fencing import Lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import DeliverNotice, DeliveryReceipt
from provisioner.core.engine.context import EngineContext
from provisioner.testing import samples
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel


class NoticesOnly:
    """A channel that must be given no password."""

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        raise AssertionError(request)


def test_a_channel_for_notices_is_given_no_password(tmp_path: Path) -> None:
    channels = {"board": NoticesOnly(), "sms": MemoryChannel()}
    with Harness(
        tmp_path / "store.sqlite", targets={}, channels=channels, cannot={"board": ["secret_deliver"]}
    ) as harness:
        context = harness.engine.context

    assert [channel.name for channel in context.channels] == ["board", "sms"]
    assert [channel.name for channel in context.deliverers] == ["sms"]


def test_without_rules_no_deadline_of_former_rules_is_left(tmp_path: Path) -> None:
    with Harness(tmp_path / "store.sqlite", targets={}, channels={}) as harness:
        given = harness.engine.context
    context = EngineContext(
        targets=(),
        channels=(),
        passwords=given.passwords,
        retry=given.retry,
        now=given.now,
        record=given.record,
        lease=lambda *_: Lease.of(timedelta(minutes=1)),
        takeover_wait=timedelta(0),
    )
    account = attrs.evolve(samples.ACCOUNT, next_deadline=given.now(), closes_at=given.now())

    planned = context.plan_ahead(account, samples.UNIT, ())

    assert (planned.next_deadline, planned.closes_at) == (None, None)
