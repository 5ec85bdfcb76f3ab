"""The names of events are a promise to the person who reads the audit log, and each event says whose it is."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import pytest

from provisioner.core.api import events
from provisioner.core.api.events import Event, OperationEvent
from provisioner.core.api.rules import Action

KINDS = {
    "BackupBegan": "backup_began",
    "BackupMade": "backup_made",
    "OperationPlanned": "operation_planned",
    "OperationStarted": "operation_started",
    "OperationEnded": "operation_ended",
    "OperationRetried": "operation_retried",
    "StepBegun": "step_begun",
    "StepEnded": "step_ended",
    "StoreMoved": "store_moved",
    "TargetQuarantined": "target_quarantined",
    "TargetResumed": "target_resumed",
    "DeliveryHandedOver": "delivery_handed_over",
    "DeliveryChanged": "delivery_changed",
    "DeliverySettled": "delivery_settled",
    "DeadlineMet": "deadline_met",
    "NoticeBegun": "notice_begun",
    "NoticeEnded": "notice_ended",
    "NoticeChanged": "notice_changed",
    "NoticeReopened": "notice_reopened",
    "ClockConfirmed": "clock_confirmed",
    "TimesCorrected": "times_corrected",
    "DutyConfirmed": "duty_confirmed",
    "RulesChanged": "rules_changed",
}


def kinds(parent: type[Event] = Event) -> Iterator[type[Event]]:
    for kind in parent.__subclasses__():
        yield from (kind, *kinds(kind))


def test_names_in_the_audit_log_stay() -> None:
    named = [kind for kind in kinds() if kind.__module__ == events.__name__ and "kind" in vars(kind)]

    assert {kind.__name__: kind.kind for kind in named} == KINDS


def test_no_two_events_of_the_product_share_a_name() -> None:
    """attrs makes a second class for slots, and the first one may still exist."""
    named = {
        (kind.__qualname__, kind.kind)
        for kind in kinds()
        if kind.__module__.startswith("provisioner.") and "kind" in vars(kind)
    }

    assert len(named) == len({name for _, name in named})


@pytest.mark.parametrize("kind", list(kinds(OperationEvent)), ids=lambda kind: kind.__name__)
def test_an_event_of_an_operation_cannot_be_written_without_its_account(kind: type[OperationEvent]) -> None:
    """The journal asks by these whether the lease is ours."""
    fields = attrs.fields_dict(kind)

    assert all(fields[name].default is attrs.NOTHING for name in ("actor", "login", "operation_id"))


def test_a_confirmed_duty_is_a_duty() -> None:
    assert attrs.fields_dict(events.DutyConfirmed)["action"].default is Action.DUTY
