"""An operation is done when the gateway took its message; what becomes of the message later is not forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.events import DeliverySettled, Event, OperationPlanned
from provisioner.core.api.messages import DeliveryState
from provisioner.core.gateways.gateway import Channel
from provisioner.core.model import MessageState, Operation, OperationState, PasswordDelivery
from provisioner.core.policy.follow_up import FollowUp
from provisioner.core.policy.notice_messages import Notice
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel, FaultSessions, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryTarget
from provisioner.testing.memory_mail import MemoryMail
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.crashes import crash_before
from tests.slow_phones import SlowPhones

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
OWNER, OFFICER = PERSONS[0], PERSONS[1]
LOGIN = UNITS[0].login or ""


@attrs.define(eq=False)
class Office:
    """One unit below another, whose custodian is the officer."""

    folder: Path
    directory: MemoryTarget = attrs.field(factory=MemoryTarget)
    target: FaultTarget = attrs.field(init=False)
    letter_box: FaultChannel = attrs.field(init=False)
    sms: SlowPhones = attrs.field(factory=SlowPhones)
    letter: SlowPhones = attrs.field(factory=SlowPhones)
    clock: FakeClock = attrs.field(factory=lambda: FakeClock(NOON))
    events: list[Event] = attrs.field(factory=list)
    #: Further targets, by name.
    more: dict[str, object] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.target = FaultTarget(self.directory)
        self.letter_box = FaultChannel(self.letter)

    def another(self, **rules: Mapping[str, Any]) -> Harness:
        """Return another process that uses the same store and systems."""
        return Harness(
            self.folder / "store.sqlite",
            targets={"mail": self.target, **self.more},
            channels={"sms": self.sms, "letter": self.letter_box},
            clock=self.clock,
            deliveries=rules,
        )

    def start(self, **rules: Mapping[str, Any]) -> Harness:
        harness = self.another(**rules)
        harness.after_record = self.events.extend
        harness.know(units=[UNITS[1], attrs.evolve(UNITS[0], parent=UNITS[1].code)], persons=PERSONS[:2])
        harness.open([UNITS[0].code])
        return harness

    def passwords(self) -> list[str]:
        """Return all passwords on the owner's phone and in the mail, in the order of their numbers."""
        number = OWNER.mobile or ""
        return [one.password for channel in (self.sms, self.letter) for one in channel.inbox(number)]

    def opening(self) -> list[str]:
        """Return the passwords that open the account."""
        return [password for password in self.passwords() if self.directory.logs_in(LOGIN, password)]

    def settled(self) -> list[DeliverySettled]:
        return [event for event in self.events if isinstance(event, DeliverySettled)]


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Office:
    return Office(tmp_path)


Start = Callable[..., Harness]


@pytest.fixture(name="start")
def _start(office: Office) -> Iterator[Start]:
    started = []

    def start(**rules: Mapping[str, Any]) -> Harness:
        started.append(office.start(**rules))
        return started[-1]

    yield start
    for harness in started:
        harness.close()


def resume(harness: Harness) -> list[Operation]:
    return list(harness.app.runs.resume())


def last(harness: Harness) -> PasswordDelivery:
    return harness.store.deliveries.recent(LOGIN)[0]


def test_a_message_that_was_refused_later_is_taken_for_delivered(office: Office, start: Start) -> None:
    harness = start()
    office.sms.answer = DeliveryState.REJECTED

    assert resume(harness) == []

    assert last(harness).state is MessageState.REJECTED
    assert [(event.state, event.told, event.renewal) for event in office.settled()] == [
        (MessageState.REJECTED, OFFICER.id, None)
    ]
    [notice] = office.sms.notices(OFFICER.mobile or "")
    assert LOGIN in notice.text
    assert "refused" in notice.text


def test_a_later_process_asks_another_gateway_than_the_one_that_took_the_message(office: Office, start: Start) -> None:
    office.sms.gateway, office.sms.reference = "second", "job 7"
    first = start()
    assert (last(first).way, last(first).reference) == ("sms/second", "job 7")

    with office.another() as later:
        resume(later)

    [probe] = office.sms.probes
    assert (probe.gateway, probe.reference) == ("second", "job 7")


def test_an_officer_is_told_twice_of_a_day_on_which_a_channel_is_full(office: Office, start: Start) -> None:
    harness = start(sms={"max_per_day": 1})
    follow_up = attrs.evolve(harness.app.sweep().follow_up, it_unit=UNITS[1].code)

    told = [followed for _ in range(3) for followed in follow_up.run()]

    [notice] = told
    assert isinstance(notice, Notice)
    assert (notice.recipient, notice.error) == (OFFICER.id, None)
    [text] = [one.text for one in office.sms.notices(OFFICER.mobile or "")]
    assert "all 1 messages of today are sent" in text

    office.clock.advance(timedelta(days=1))
    subjects = [followed.subject for followed in follow_up.run() if isinstance(followed, Notice)]
    assert subjects == [LOGIN]


def test_an_officer_is_told_of_one_message_twice(office: Office, start: Start) -> None:
    harness = start()
    office.sms.answer = DeliveryState.REJECTED
    resume(harness)
    office.clock.advance(timedelta(days=2))
    resume(harness)

    assert len(office.sms.notices(OFFICER.mobile or "")) == len(office.settled()) == 1


@pytest.mark.parametrize(
    ("answer", "state"),
    [(DeliveryState.UNKNOWN, MessageState.UNKNOWN), (DeliveryState.ACCEPTED, MessageState.EXPIRED)],
)
def test_a_message_without_a_report_is_awaited_for_ever(
    office: Office, start: Start, answer: DeliveryState, state: MessageState
) -> None:
    harness = start(sms={"report_within_hours": 2})
    office.sms.answer = answer
    resume(harness)
    office.clock.advance(timedelta(hours=1, minutes=59))
    resume(harness)
    assert last(harness).is_open

    office.clock.advance(timedelta(minutes=1))
    resume(harness)

    assert last(harness).state is state
    assert [event.told for event in office.settled()] == [OFFICER.id]


def test_a_delivered_message_is_acted_on(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.DELIVERED
    resume(harness)
    office.clock.advance(timedelta(days=2))

    assert resume(harness) == []
    assert last(harness).state is MessageState.DELIVERED
    assert office.settled() == []


def test_a_new_password_takes_the_channel_that_failed(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "next-channel"})
    office.sms.answer = DeliveryState.REJECTED

    [renewed] = resume(harness)

    assert (renewed.state, renewed.actor) == (OperationState.DONE, "policy:delivery")
    assert [len(channel.inbox(OWNER.mobile or "")) for channel in (office.sms, office.letter)] == [1, 1]
    assert office.opening() == [office.letter.inbox(OWNER.mobile or "")[0].password]
    assert [event.renewal for event in office.settled()] == [renewed.id]
    assert office.sms.notices(OFFICER.mobile or "") == []


def test_new_passwords_are_made_without_an_end(office: Office, start: Start) -> None:
    rule = {"on_undelivered": "next-channel"}
    harness = start(sms=rule, letter=rule)
    office.sms.answer = office.letter.answer = DeliveryState.REJECTED

    renewed = [len(resume(harness)) for _ in range(5)]

    assert renewed == [1, 0, 0, 0, 0]
    assert [event.told for event in office.settled()] == [None, OFFICER.id]


def test_a_renewal_is_repeated_without_an_end(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED

    renewed = [len(resume(harness)) for _ in range(5)]

    assert renewed == [1, 0, 0, 0, 0]
    assert len(office.passwords()) == 2
    assert len(office.opening()) == 1
    assert [event.told for event in office.settled()] == [None, OFFICER.id]


def test_a_renewal_after_the_number_was_corrected_counts_the_old_number(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED
    resume(harness)
    harness.store.persons.save([attrs.evolve(OWNER, mobile="+905329999999")])
    resume(harness)

    harness.rotate([LOGIN])

    assert len(resume(harness)) == 1


def test_a_sweep_follows_up_nothing(office: Office, start: Start) -> None:
    harness = start()
    office.sms.answer = DeliveryState.REJECTED

    swept = list(harness.sweep().run())

    assert [found.recipient for found in swept if isinstance(found, Notice)] == [OFFICER.id]


def test_a_failed_renewal_is_told_to_nobody(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED
    office.target.faults.on("account_rotate", Fault.REFUSE)

    [renewed] = resume(harness)

    assert renewed.state is OperationState.FAILED
    assert [(event.renewal, event.told) for event in office.settled()] == [(None, OFFICER.id)]


def test_a_message_of_a_closed_account_is_acted_on(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    harness.close_accounts([LOGIN])
    office.sms.answer = DeliveryState.REJECTED

    assert resume(harness) == []
    assert office.settled() == []


def test_a_gateway_is_asked_at_every_run(office: Office, start: Start) -> None:
    harness = start()
    office.sms.answer = DeliveryState.UNKNOWN
    asked = []
    for minutes in (0, 0, 1, 1, 4, 30):
        office.clock.advance(timedelta(minutes=minutes))
        resume(harness)
        asked.append(len(office.sms.asked))

    assert asked == [1, 1, 2, 2, 3, 4]


def test_a_gateway_that_limits_questions_is_asked_less_and_less(office: Office, start: Start) -> None:
    """A question that was not answered is no try: the pause between tries grows to hours."""
    phones = office.sms
    limited = FaultChannel(phones)
    office.sms = limited  # type: ignore[assignment]
    harness = start()
    for _ in range(4):
        limited.faults.on("delivery_probe", Fault.THROTTLE)
        resume(harness)
        assert last(harness).is_open
        office.clock.advance(timedelta(minutes=1))
    limited.faults.clear()
    phones.answer = DeliveryState.DELIVERED

    resume(harness)

    assert last(harness).state is MessageState.DELIVERED


def test_a_crash_before_the_decision_is_stored_makes_another_password(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED

    harness.on_record = crash_before(DeliverySettled)
    with pytest.raises(KeyboardInterrupt):
        resume(harness)
    harness.on_record = lambda _: None
    office.sms.answer = DeliveryState.ACCEPTED

    assert resume(harness) == []
    assert len(office.passwords()) == 2


@pytest.mark.parametrize("fault", [Fault.CANNOT_CONNECT, Fault.REFUSE])
def test_a_next_channel_that_takes_nothing_renews_without_an_end(office: Office, start: Start, fault: Fault) -> None:
    rule = {"on_undelivered": "next-channel"}
    harness = start(sms=rule, letter=rule)
    office.sms.answer = DeliveryState.REJECTED
    office.letter_box.faults.on("secret_deliver", fault)
    renewed = []
    for _ in range(5):
        renewed.append(len(resume(harness)))
        office.clock.advance(timedelta(minutes=15))

    assert renewed == [1, 0, 0, 0, 0]
    assert [event.told for event in office.settled()] == [None, OFFICER.id]


def test_a_renewal_that_another_process_prevented_settles_the_matter(office: Office, start: Start) -> None:
    harness, other = start(sms={"on_undelivered": "renew"}), office.another(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED

    def update_first(events: Sequence[Event]) -> None:
        if any(isinstance(event, OperationPlanned) for event in events):
            harness.on_record = lambda _: None
            office.target.faults.on("account_update", Fault.CANNOT_CONNECT)
            other.update([LOGIN])
            office.target.faults.clear()

    harness.on_record = update_first
    [prevented] = resume(harness)
    other.close()
    assert harness.store.operations.get_many([prevented.id]) == {}
    assert (office.settled(), office.sms.notices(OFFICER.mobile or "")) == ([], [])

    office.clock.advance(timedelta(hours=1))
    resume(harness)
    resume(harness)

    assert len(office.passwords()) == 2
    assert [event.renewal is not None for event in office.settled()][:1] == [True]


def test_a_renewal_that_fails_at_a_later_attempt_is_told_to_nobody(office: Office, start: Start) -> None:
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED
    office.target.faults.on("account_rotate", Fault.CANNOT_CONNECT)
    [renewed] = resume(harness)
    assert renewed.state is OperationState.INCOMPLETE
    office.target.faults.clear()
    office.target.faults.on("account_rotate", Fault.REFUSE)

    for _ in range(3):
        office.clock.advance(timedelta(hours=6))
        resume(harness)

    assert harness.store.operations.get_many([renewed.id])[renewed.id].state is OperationState.FAILED
    assert [(event.renewal, event.told) for event in office.settled()] == [(renewed.id, None), (None, OFFICER.id)]
    assert len(office.sms.notices(OFFICER.mobile or "")) == 1


def test_nobody_who_can_be_told_settles_the_matter(office: Office, start: Start) -> None:
    harness = start()
    harness.store.units.save([attrs.evolve(UNITS[1], custodian=None)])
    office.sms.answer = DeliveryState.REJECTED
    resume(harness)
    assert office.settled() == []

    harness.store.units.save([UNITS[1]])
    resume(harness)

    assert [event.told for event in office.settled()] == [OFFICER.id]


def test_two_processes_renew_the_same_password(office: Office, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    harness, other = start(sms={"on_undelivered": "renew"}), office.another(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED
    judge = FollowUp._renews

    def judge_slowly(follow_up: FollowUp, delivery: PasswordDelivery, channels: Sequence[Channel]) -> bool:
        monkeypatch.setattr(FollowUp, "_renews", judge)
        answer = judge(follow_up, delivery, channels)
        office.sms.answer = DeliveryState.ACCEPTED
        resume(other)
        return answer

    monkeypatch.setattr(FollowUp, "_renews", judge_slowly)

    assert resume(harness) == []
    other.close()
    assert len(office.passwords()) == 2
    assert len(office.settled()) == 0


def test_two_processes_that_plan_at_once_renew_the_same_password(office: Office, start: Start) -> None:
    """The other one ends between the plan and its entry in the journal."""
    harness, other = start(sms={"on_undelivered": "renew"}), office.another(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.REJECTED

    def renew_first(events: Sequence[Event]) -> None:
        if any(isinstance(event, OperationPlanned) for event in events):
            harness.on_record = lambda _: None
            office.sms.answer = DeliveryState.ACCEPTED
            assert [one.state for one in resume(other)] == [OperationState.DONE]

    harness.on_record = renew_first

    assert resume(harness) == []
    other.close()
    assert len(office.passwords()) == 2
    assert office.opening() == office.passwords()[-1:]


def test_a_mail_server_that_is_down_hides_an_undelivered_password(office: Office, start: Start) -> None:
    mail = FaultSessions(MemoryMail(office.directory))
    office.more["imap"] = mail
    harness = start(sms={"on_undelivered": "renew"})
    office.sms.answer = DeliveryState.DELIVERED
    resume(harness)
    mail.faults.on("sessions_end", Fault.CANNOT_CONNECT)
    [stuck] = harness.rotate([LOGIN])
    assert stuck.state is OperationState.INCOMPLETE
    office.sms.answer = DeliveryState.REJECTED

    renewed = resume(harness)[-1]

    assert [event.renewal for event in office.settled()] == [renewed.id]
    assert len(office.passwords()) == 3
    assert office.opening() == [office.passwords()[-1]]
