"""The target and the channel in memory, where the contract does not look."""

from __future__ import annotations

import attrs

from provisioner.core.api.messages import DeliveryState, Presence, ProbeDelivery
from provisioner.core.model import Outcome
from provisioner.testing import samples
from provisioner.testing.faults import Fault, FaultChannel, Faults
from provisioner.testing.memory import MemoryChannel, MemoryTarget

NUMBER = samples.HOLDER.mobile or ""


def test_a_deleted_account_can_be_made_anew() -> None:
    target = MemoryTarget()
    target.account_create(samples.create())
    target.account_close(samples.close())

    assert target.account_delete(samples.delete()).outcome is Outcome.APPLIED
    assert target.account_delete(samples.delete()).outcome is Outcome.UNCHANGED
    assert target.account_probe(samples.probe()).presence is Presence.ABSENT
    target.account_create(samples.create(secret=samples.OTHER_SECRET))

    assert target.logs_in(samples.ACCOUNT.login, samples.OTHER_SECRET.reveal())
    assert not target.logs_in(samples.ACCOUNT.login, samples.SECRET.reveal())


def test_notices_are_kept_apart_from_passwords() -> None:
    phones = MemoryChannel()
    phones.secret_deliver(samples.deliver())
    phones.notice_deliver(samples.notice("yarın"))

    assert [notice.text for notice in phones.notices(NUMBER)] == ["yarın"]
    assert [one.password for one in phones.inbox(NUMBER)] == [samples.SECRET.reveal()]


def test_a_notice_arrives_once_however_often_it_is_handed_over() -> None:
    phones = MemoryChannel()
    for _ in range(2):
        assert phones.notice_deliver(samples.notice()).state is DeliveryState.DELIVERED

    assert len(phones.notices(NUMBER)) == 1
    assert phones.delivery_probe(ProbeDelivery(delivery_id="notice-1")).state is DeliveryState.DELIVERED


def test_a_notice_to_somebody_without_a_number_is_rejected() -> None:
    notice = attrs.evolve(samples.notice(), recipient=attrs.evolve(samples.HOLDER, mobile=None))

    assert MemoryChannel().notice_deliver(notice).state is DeliveryState.REJECTED


def test_notices_fail_on_demand() -> None:
    phones, faults = MemoryChannel(), Faults()
    channel = FaultChannel(phones, faults)
    faults.on("notice_deliver", Fault.DELAY, calls={1})
    channel.notice_deliver(samples.notice())

    assert faults.calls["notice_deliver"] == 1
    assert len(phones.notices(NUMBER)) == 1


def test_a_locked_account_is_there_and_lets_nobody_in_before_it_has_another_password() -> None:
    target = MemoryTarget()
    target.account_create(samples.create())
    target.lock(samples.ACCOUNT.login)
    report = target.account_probe(samples.probe(samples.SECRET))
    assert (report.presence, report.secret_accepted) == (Presence.ENABLED, False)

    undo = target.account_rotate(samples.rotate()).undo
    assert target.logs_in(samples.ACCOUNT.login, samples.OTHER_SECRET.reveal())
    assert undo is not None
    undo()

    assert not target.logs_in(samples.ACCOUNT.login, samples.SECRET.reveal())
