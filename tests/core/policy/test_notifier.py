"""People are told once, over the first channel that works, and what was told is noted before anything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import (
    BusyError,
    DailyLimitError,
    LeaseLostError,
    MissingError,
    RefusedError,
    StoreError,
    TargetError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
    UnsupportedError,
)
from provisioner.core.api.events import Event, NoticeBegun, NoticeChanged, NoticeEnded
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    DeliverNotice,
    DeliverNoticeBatch,
    DeliverSecret,
    DeliveryReceipt,
    DeliveryState,
    FindPerson,
    NoticeBatchReceipt,
    ProbeDelivery,
)
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.allowances import Allowances
from provisioner.core.engine.people import People
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import MessageState, NoticeDelivery, Person
from provisioner.core.model.text import Text
from provisioner.core.policy.digest import MOST_HEADLINES
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.notifier import Notifier, Purpose
from provisioner.testing.faults import Fault, FaultChannel
from provisioner.testing.harness import ORIGIN, QUICK
from provisioner.testing.memory import MemoryChannel

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
AYSE = Person(id="p1", name="Ayşe Işık", mobile="+905320000001")
DEADLINE = Deadline(
    action=Action.WARN, at=NOON, reason=Text("{mail} closes", {"mail": "a@meb.gov.tr"}), source="001 ¶2", rule_set="r"
)
NOTICE = Notice(subject="a", login="a", deadline=DEADLINE, recipient="p1")


class Letters:
    """A channel that brings passwords and no notices."""

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        raise NotImplementedError


@attrs.define
class Counts:
    """Counts the messages of one day."""

    taken: int = 0

    def take(self, _: str, __: date, at_most: int, /) -> bool:
        if self.taken >= at_most:
            return False
        self.taken += 1
        return True

    def give_back(self, _: str, __: date, /) -> None:
        self.taken -= 1

    def sent(self, _: str, __: date, /) -> int:
        return self.taken


@attrs.frozen(kw_only=True)
class Met(Event):
    """A notice was delivered."""

    kind = "met"

    notice: Notice


@attrs.define
class Post:
    """A notifier, its phones, and what it noted."""

    plugins: Plugins
    phones: dict[str, FaultChannel] = attrs.field(
        factory=lambda: {name: FaultChannel(MemoryChannel()) for name in ("sms", "spare")}
    )
    stop: threading.Event = attrs.field(factory=threading.Event)
    known: Mapping[str, Person | TargetError] = attrs.field(factory=lambda: {"p1": AYSE})
    noted: list[Notice] = attrs.field(factory=list)
    recorded: list[Event] = attrs.field(factory=list)
    carries: Callable[[str, Person], bool] = attrs.field(factory=lambda: lambda *_: True)
    record: Callable[..., None] = attrs.field(factory=lambda: lambda *_: None)
    earlier: Mapping[str, Sequence[NoticeDelivery]] = attrs.field(factory=dict)
    allowances: Allowances = attrs.field(factory=Allowances)
    reported: Mapping[str, MessageState] = attrs.field(factory=dict)
    now: Callable[[], datetime] = attrs.field(factory=lambda: lambda: NOON)

    def _find(self, request: FindPerson) -> Person | None:
        found = self.known.get(request.person_id)
        if isinstance(found, TargetError):
            raise found
        return found

    def tell(
        self,
        *notices: Notice,
        is_due: Callable[[Notice], bool] = lambda _: True,
        channels: Mapping[str, object] | None = None,
    ) -> list[Notice]:
        return list(self.notifier(channels).tell(notices, self.purpose(is_due)))

    def notifier(self, channels: Mapping[str, object] | None = None) -> Notifier:
        retry = Retry(QUICK, self.stop)
        used = self.phones if channels is None else channels
        return Notifier(
            record=self._record,
            earlier=lambda _: self.earlier,
            reported=lambda ids: {one: state for one, state in self.reported.items() if one in ids},
            now=self.now,
            carries=self.carries,
            people=People(self._find, lambda _: {}, retry),
            channels=[self._channel(name, plugin) for name, plugin in used.items()],
            retry=retry,
            say=lambda text: f"Sayın kullanıcı: {text}",
            allowances=self.allowances,
        )

    def purpose(self, is_due: Callable[[Notice], bool] = lambda _: True) -> Purpose:
        return Purpose(
            met=lambda notice: Met(at=NOON, notice=notice),
            still_due=lambda some: [notice for notice in some if is_due(notice)],
        )

    def _channel(self, name: str, plugin: object) -> Channel:
        return self.plugins.channels.get(name) or self.plugins.add_channel(name, plugin, ORIGIN)

    def _record(self, *events: Event) -> None:
        self.record(*events)
        self.recorded += events
        self.noted += [event.notice for event in events if isinstance(event, Met)]

    def texts(self, name: str) -> list[str]:
        return [notice.text for notice in self.phones[name].inner.notices(AYSE.mobile or "")]


@pytest.fixture(name="post")
def _post(plugins: Plugins) -> Post:
    return Post(plugins)


def test_a_notice_is_said_in_the_language_of_people_and_noted(post: Post) -> None:
    [told] = post.tell(NOTICE)

    assert (told.error, told.reference) == (None, NOTICE.delivery_id)
    assert post.texts("sms") == ["Sayın kullanıcı: a@meb.gov.tr closes"]
    assert post.noted == [told]


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.CANNOT_CONNECT, Fault.MISCONFIGURED])
def test_the_next_channel_is_tried_when_one_fails(post: Post, fault: Fault) -> None:
    post.phones["sms"].faults.on("notice_deliver", fault)
    [told] = post.tell(NOTICE)

    assert told.error is None
    assert (len(post.texts("sms")), len(post.texts("spare"))) == (0, 1)


def test_a_notice_that_may_have_been_sent_is_not_sent_over_another_channel(post: Post) -> None:
    post.phones["sms"].faults.on("notice_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    post.phones["sms"].faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    [told] = post.tell(NOTICE)

    assert told.error
    assert (post.texts("spare"), post.noted) == ([], [])


def test_nobody_to_tell_is_said(post: Post) -> None:
    stranger, nobody = post.tell(attrs.evolve(NOTICE, recipient="p9"), attrs.evolve(NOTICE, recipient=None))

    assert isinstance(stranger.error, MissingError)
    assert isinstance(nobody.error, MissingError)
    assert post.noted == []


def test_a_person_who_cannot_be_looked_up_was_not_tried(post: Post) -> None:
    post.known = {"p1": UnavailableError("down")}
    [told] = post.tell(NOTICE)

    assert isinstance(told.error, UnavailableError)
    assert not told.tried


def test_a_site_without_a_channel_for_notices_says_so(post: Post) -> None:
    [told] = post.tell(NOTICE, channels={"letters": Letters()})

    assert isinstance(told.error, UnsupportedError)


def test_a_notice_that_is_not_due_any_more_is_left_out(post: Post) -> None:
    assert post.tell(NOTICE, is_due=lambda _: False) == []
    assert post.texts("sms") == []


def test_nothing_is_begun_after_a_stop(post: Post) -> None:
    post.stop.set()

    assert post.tell(NOTICE) == []
    assert post.texts("sms") == []


def test_a_notice_that_cannot_be_noted_is_yielded_and_then_the_failure_is_raised(post: Post) -> None:
    def record(*events: Event) -> None:
        if any(isinstance(event, Met) for event in events):
            raise StoreError("the disk is full")

    post.record = record
    with pytest.raises(StoreError):
        post.tell(NOTICE)
    assert len(post.texts("sms")) == 1


def test_nothing_is_sent_of_which_the_journal_does_not_know_before(post: Post) -> None:
    def record(*events: Event) -> None:
        if any(isinstance(event, NoticeBegun) for event in events):
            raise StoreError("the disk is full")

    post.record = record
    with pytest.raises(StoreError):
        post.tell(NOTICE)
    assert post.texts("sms") == []


def most_begun_at_once(post: Post) -> int:
    """Send two hundred messages, and return how many beginnings the journal stored together for each thread."""
    sizes: list[int] = []
    post.record = lambda *events: sizes.append(sum(isinstance(event, NoticeBegun) for event in events))
    post.tell(*(attrs.evolve(NOTICE, subject=f"birim{number}") for number in range(200)))
    return max(sizes) // post.plugins.channels["sms"].parallel


def test_a_crash_leaves_few_messages_in_doubt_if_the_gateway_is_slow(post: Post) -> None:
    hours = count()
    post.now = lambda: NOON + timedelta(hours=next(hours))

    assert most_begun_at_once(post) <= 4


def test_messages_do_not_each_wait_for_the_disk_if_the_gateway_is_quick(post: Post) -> None:
    assert most_begun_at_once(post) > 4


def test_what_one_page_has_shown_of_the_gateway_holds_for_the_next(post: Post) -> None:
    begun: list[int] = []
    post.record = lambda *events: begun.append(sum(isinstance(event, NoticeBegun) for event in events))
    notifier = post.notifier()
    for page in range(2):
        notices = [attrs.evolve(NOTICE, subject=f"birim{page}.{number}") for number in range(200)]
        begun.clear()
        list(notifier.tell(notices, post.purpose()))

    assert begun[0] > 4 * post.plugins.channels["sms"].parallel


def test_a_defect_at_one_notice_is_that_notices(post: Post) -> None:
    defective = attrs.evolve(DEADLINE, reason=Text("{mail} closes"))
    told = {one.subject: one for one in post.tell(attrs.evolve(NOTICE, subject="b", deadline=defective), NOTICE)}

    assert told["b"].error
    assert (told["a"].error, told["b"].tried) == (None, False)


def about(number: int, day: str = "3 December") -> Notice:
    """Return a warning about one of several accounts of a person."""
    digest = Text.counted("{count} account expires on {day}", "{count} accounts expire on {day}", count=1, day=day)
    deadline = attrs.evolve(DEADLINE, reason=Text("alone"), digest=digest)
    return Notice(subject=f"birim{number}", login=f"birim{number}", deadline=deadline, recipient="p1")


def test_a_person_with_twelve_accounts_gets_one_message(post: Post) -> None:
    told = post.tell(*(about(number) for number in range(12)), NOTICE)

    assert len(told) == len(post.noted) == 13
    assert {one.error for one in told} == {None}
    names = ", ".join(f"birim{number}" for number in range(12))
    assert sorted(post.texts("sms")) == [
        f"Sayın kullanıcı: 12 accounts expire on 3 December: {names}",
        "Sayın kullanıcı: a@meb.gov.tr closes",
    ]


def test_accounts_with_different_deadlines_share_a_message(post: Post) -> None:
    post.tell(about(1), about(2), about(3, "4 December"))

    assert post.texts("sms") == [
        "Sayın kullanıcı: 2 accounts expire on 3 December: birim1, birim2\nSayın kullanıcı: alone"
    ]


def test_no_account_counts_as_warned_if_the_message_about_all_was_refused(post: Post) -> None:
    post.phones["sms"].faults.on("notice_deliver", Fault.REFUSE)
    post.phones["spare"].faults.on("notice_deliver", Fault.REFUSE)
    told = post.tell(about(1), about(2))

    assert all(one.error for one in told)
    assert post.noted == []


@attrs.define(eq=False)
class Narrow(MemoryChannel):
    """A channel whose messages have little room, and that says what it was asked to send."""

    room: int = 60
    asked: list[str] = attrs.field(factory=list)

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        *_, shortest = (request.text, *request.shorter)
        self.asked.append(shortest)
        if len(shortest) > self.room:
            raise RefusedError("it is too long")
        return super().notice_deliver(request)


def test_a_message_that_is_refused_about_all_is_sent_about_each(post: Post) -> None:
    """Otherwise, accounts are closed unwarned because a rule says too much about many of them."""
    post.phones = {"sms": FaultChannel(Narrow())}
    notices = [about(number, f"{number} December") for number in range(3)]
    told = post.tell(*notices)

    assert {one.subject: (one.error, one.reference) for one in told} == {
        notice.subject: (None, notice.delivery_id) for notice in notices
    }
    assert post.texts("sms") == ["Sayın kullanıcı: alone"] * 3
    assert len(post.noted) == 3


def test_a_message_is_sent_about_each_also_if_the_next_channel_is_down(post: Post) -> None:
    post.phones["sms"] = FaultChannel(Narrow())
    post.phones["spare"].faults.on("notice_deliver", Fault.CANNOT_CONNECT)
    notices = [about(number, f"{number} December") for number in range(3)]

    assert [one.error for one in post.tell(*notices)] == [None] * 3


def test_a_rule_that_cannot_say_it_about_many_silences_no_other_account(post: Post) -> None:
    wordless = attrs.evolve(about(1).deadline, digest=Text.counted("{gone}", "{gone}", count=1))
    told = post.tell(attrs.evolve(about(1), deadline=wordless), about(2), about(3))

    assert [one.error for one in told] == [None] * 3


def test_a_message_about_many_days_is_sent_in_several(post: Post) -> None:
    """Every headline stays in the shortest text."""
    narrow = Narrow(room=10_000)
    post.phones = {"sms": FaultChannel(narrow)}
    told = post.tell(*(about(number, f"{number // 2} December") for number in range(16)))

    assert [one.error for one in told] == [None] * 16
    assert [text.count("accounts expire") for text in narrow.asked] == [MOST_HEADLINES, MOST_HEADLINES, 2]


def test_what_was_in_doubt_and_is_refused_about_all_is_sent_at_most_twice(post: Post) -> None:
    post.phones = {"sms": FaultChannel(Narrow())}
    notices = [about(number, f"{number} December") for number in range(3)]
    post.earlier = {notice.subject: [in_doubt(notice, 1)] for notice in notices}
    post.tell(*notices)

    begun = [event for event in post.recorded if isinstance(event, NoticeBegun)]
    assert [event.attempt for event in begun] == [2] * 4


def test_an_account_that_is_no_longer_due_is_left_out_of_the_message(post: Post) -> None:
    post.tell(about(1), about(2), about(3), is_due=lambda notice: notice.subject != "birim2")

    assert post.texts("sms") == ["Sayın kullanıcı: 2 accounts expire on 3 December: birim1, birim3"]


def in_doubt(notice: Notice, attempts: int, message_id: str = "before") -> NoticeDelivery:
    """Return what the journal knows of a notice after a crash."""
    return NoticeDelivery(
        subject=notice.subject,
        rule_set="r",
        action=Action.WARN,
        at=NOON,
        id=message_id,
        person="p1",
        attempts=attempts,
        sent_at=NOON - timedelta(hours=1),
    )


def test_what_may_have_been_sent_is_the_same_message_once_more(post: Post) -> None:
    """Also if other accounts of the same person have become due since."""
    post.earlier = {f"birim{number}": [in_doubt(about(number), 1)] for number in (1, 2)}
    told = post.tell(about(1), about(2), about(3))

    ids = {one.subject: one.reference for one in told}
    assert (ids["birim1"], ids["birim2"]) == ("before", "before")
    assert ids["birim3"] == about(3).delivery_id


def test_what_may_have_been_sent_twice_is_not_sent_again_and_not_forgotten(post: Post) -> None:
    post.earlier = {"a": [in_doubt(NOTICE, 2)]}
    [told] = post.tell(NOTICE)

    assert isinstance(told.error, UnknownOutcomeError)
    assert post.texts("sms") == []
    assert post.noted == [told]


def test_a_lost_answer_is_asked_for_once_more_only(post: Post) -> None:
    post.phones["sms"].faults.on("notice_deliver", Fault.APPLY_AND_LOSE_ANSWER)
    post.phones["sms"].faults.on("delivery_probe", Fault.CANNOT_CONNECT)
    post.tell(NOTICE)
    assert post.noted == []
    post.earlier = {"a": [in_doubt(NOTICE, 1, NOTICE.delivery_id)]}
    [told] = post.tell(NOTICE)

    assert isinstance(told.error, UnknownOutcomeError)
    assert post.noted == [told]


def test_what_another_process_may_be_sending_is_left_to_it(post: Post) -> None:
    """Otherwise, a person gets a message twice, and the third of three sweeps takes it for sent."""
    post.earlier = {"a": [attrs.evolve(in_doubt(NOTICE, 1), sent_at=NOON - timedelta(seconds=80))]}

    assert post.tell(NOTICE) == []
    assert (post.texts("sms"), post.recorded) == ([], [])


def test_what_another_process_began_first_is_left_to_it(post: Post) -> None:
    other = attrs.evolve(NOTICE, subject="b")

    def record(*events: Event) -> None:
        begun = {item.subject for event in events if isinstance(event, NoticeBegun) for item in event.items}
        if "a" in begun:
            raise BusyError("it was changed at the same time")

    post.record = record
    assert [told.subject for told in post.tell(NOTICE, other)] == ["b"]
    assert len(post.texts("sms")) == 1


@attrs.define(eq=False)
class Sleeper(MemoryChannel):
    """A channel whose process is suspended for too long before it sends, so many times."""

    naps: int = 1

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        self.naps -= 1
        if self.naps >= 0:
            raise LeaseLostError("the process was suspended")
        return super().notice_deliver(request)


def test_what_waited_for_too_long_is_sent_at_once_if_it_is_still_due(post: Post) -> None:
    post.phones = {"sms": FaultChannel(Sleeper())}
    [told] = post.tell(NOTICE)

    assert told.error is None
    assert len(post.texts("sms")) == 1


def test_what_waited_for_too_long_and_is_no_longer_due_is_left_out(post: Post) -> None:
    sleeper = Sleeper()
    post.phones = {"sms": FaultChannel(sleeper)}

    assert post.tell(NOTICE, is_due=lambda _: sleeper.naps > 0) == []


def test_what_waited_for_too_long_twice_is_told_and_stays_due(post: Post) -> None:
    post.phones = {"sms": FaultChannel(Sleeper(naps=2))}
    [told] = post.tell(NOTICE)

    assert isinstance(told.error, TransientError)
    assert not told.tried
    assert post.noted == []
    ended = [event for event in post.recorded if isinstance(event, NoticeEnded)]
    assert [event.state for event in ended] == [None, None]


def refused(notice: Notice, attempts: int) -> NoticeDelivery:
    return attrs.evolve(in_doubt(notice, attempts), state=MessageState.REJECTED)


def test_what_a_gateway_took_and_refused_is_another_message_once_more(post: Post) -> None:
    """A gateway that knows IDs would answer a message with the same ID as it did before."""
    post.earlier = {f"birim{number}": [refused(about(number), 1)] for number in (1, 2)}
    told = post.tell(about(1), about(2))

    [begun] = [event for event in post.recorded if isinstance(event, NoticeBegun)]
    assert begun.attempt == 2
    assert begun.notice != "before"
    assert [one.error for one in told] == [None, None]


def reported(notice: Notice, attempts: int, state: MessageState) -> NoticeDelivery:
    return attrs.evolve(in_doubt(notice, attempts), state=state)


@pytest.mark.parametrize("state", [MessageState.REJECTED, MessageState.EXPIRED])
def test_what_was_refused_twice_is_called_unknown(post: Post, state: MessageState) -> None:
    """Its answer was lost in a crash, and a report says what became of it."""
    post.earlier = {"a": [reported(NOTICE, 2, state)]}
    [told] = post.tell(NOTICE)

    assert isinstance(told.error, RefusedError)
    assert told.tried
    assert (post.texts("sms"), post.noted) == ([], [told])
    [ended] = [event for event in post.recorded if isinstance(event, NoticeEnded)]
    assert (ended.notice, ended.attempt, ended.state) == ("before", 2, state)


def test_what_was_not_delivered_and_is_refused_when_it_is_repeated_is_called_unknown(post: Post) -> None:
    for phones in post.phones.values():
        phones.faults.on("notice_deliver", Fault.REFUSE)
    post.earlier = {"a": [refused(NOTICE, 1)]}
    [told] = post.tell(NOTICE)

    assert isinstance(told.error, RefusedError)
    assert post.noted == []
    ended, changed = (event for event in post.recorded if isinstance(event, (NoticeEnded, NoticeChanged)))
    assert isinstance(ended, NoticeEnded)
    assert isinstance(changed, NoticeChanged)
    assert ended.state is None
    assert (changed.notice, changed.state) == (ended.notice, MessageState.REJECTED)


def test_what_is_in_doubt_and_is_refused_when_it_is_repeated_counts_as_refused(post: Post) -> None:
    for phones in post.phones.values():
        phones.faults.on("notice_deliver", Fault.REFUSE)
    post.earlier = {"a": [in_doubt(NOTICE, 1)]}
    post.tell(NOTICE)

    assert not [event for event in post.recorded if isinstance(event, NoticeChanged)]


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("state", [MessageState.ACCEPTED, MessageState.DELIVERED])
def test_a_notice_whose_answer_was_lost_and_that_was_reported_stays_due_for_ever(
    post: Post, state: MessageState, attempts: int
) -> None:
    """The journal lets nobody begin it, so neither it nor the closure after it would ever come."""
    post.earlier = {"a": [reported(NOTICE, attempts, state)]}
    [told] = post.tell(NOTICE)

    assert told.error is None
    assert (post.texts("sms"), post.noted) == ([], [told])
    assert not [event for event in post.recorded if isinstance(event, (NoticeBegun, NoticeEnded))]


def test_a_report_that_was_quicker_than_the_answer_is_recorded(post: Post) -> None:
    post.reported = {NOTICE.delivery_id: MessageState.REJECTED, "another": MessageState.REJECTED}
    post.phones = {"sms": FaultChannel(InParts())}
    post.tell(NOTICE)

    ended = next(event for event in post.recorded if isinstance(event, NoticeEnded))
    assert ended.parts == ("x/1", "x/2")
    changed = [(event.notice, event.state) for event in post.recorded if isinstance(event, NoticeChanged)]
    assert changed == [(NOTICE.delivery_id, MessageState.REJECTED)]


@attrs.define(eq=False)
class InParts(MemoryChannel):
    """A channel that tells the IDs of parts."""

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        return attrs.evolve(super().notice_deliver(request), parts=("x/1", "x/2"))


def test_the_journal_knows_what_the_gateway_said(post: Post) -> None:
    post.tell(NOTICE)

    [begun] = [event for event in post.recorded if isinstance(event, NoticeBegun)]
    [ended] = [event for event in post.recorded if isinstance(event, NoticeEnded)]
    assert (begun.notice, begun.recipient, begun.items) == (NOTICE.delivery_id, "p1", (NOTICE.item,))
    assert (ended.notice, ended.channel, ended.state) == (NOTICE.delivery_id, "sms", MessageState.DELIVERED)
    assert ended.reference == NOTICE.delivery_id


def test_a_person_who_chose_no_channel_for_notices_gets_none_over_it(post: Post) -> None:
    post.carries = lambda channel, person: channel == "spare"
    [told] = post.tell(NOTICE)

    assert told.error is None
    assert (len(post.texts("sms")), len(post.texts("spare"))) == (0, 1)


def test_a_notice_is_sent_beyond_the_limit_of_a_day(post: Post) -> None:
    post.phones = {"sms": post.phones["sms"]}
    post.allowances = Allowances(counts=Counts(), limits={"sms": 2}, now=lambda: NOON)
    post.phones["sms"].faults.on("notice_deliver", Fault.REFUSE, calls=[1])

    refused, *accepted, late = (post.tell(numbered(number))[0] for number in range(4))
    [urgent] = post.tell(attrs.evolve(numbered(9), is_urgent=True))

    assert isinstance(refused.error, RefusedError)
    assert [told.error for told in accepted] == [None, None]
    assert isinstance(late.error, DailyLimitError)
    assert urgent.error is None
    assert len(post.texts("sms")) == 3


def numbered(number: int) -> Notice:
    return attrs.evolve(NOTICE, deadline=attrs.evolve(DEADLINE, at=NOON + timedelta(minutes=number)))


@attrs.define(eq=False)
class Batches(MemoryChannel):
    """A channel that takes several notices at once."""

    #: The subjects' IDs of each request, and the error of the next one.
    requests: list[Sequence[str]] = attrs.field(factory=list)
    alone: list[str] = attrs.field(factory=list)
    failure: Exception | None = None
    #: Changes what it answers.
    answer: Callable[[dict[str, DeliveryReceipt]], dict[str, DeliveryReceipt]] = lambda receipts: receipts
    #: The states of some notices, of which nothing is sent.
    states: Mapping[str, DeliveryState] = attrs.field(factory=dict)

    @hookimpl
    def notice_batch_deliver(self, request: DeliverNoticeBatch) -> NoticeBatchReceipt:
        self.requests.append([one.recipient.id for one in request.notices])
        if self.failure and not isinstance(self.failure, UnknownOutcomeError):
            raise self.failure
        receipts = {}
        for one in request.notices:
            state = self.states.get(one.recipient.id)
            receipts[one.delivery_id] = DeliveryReceipt(state=state) if state else super().notice_deliver(one)
        if self.failure:
            raise self.failure
        return NoticeBatchReceipt(receipts=self.answer(receipts))

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        self.alone.append(request.recipient.id)
        if self.states.get(request.recipient.id) is DeliveryState.REJECTED:
            raise RefusedError("the number is refused")
        return super().notice_deliver(request)


@attrs.define(eq=False)
class SilentBatches(Batches):
    """The same, if it can't be asked about a message."""

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.UNKNOWN)


def everybody(post: Post, channel: Batches, *, size: int = 4, people: int = 4) -> list[Notice]:
    """Return a notice to each of several persons, whom a channel tells several at once."""
    persons = [Person(id=f"p{one}", name=f"Kişi {one}", mobile=f"+90532000000{one}") for one in range(people)]
    post.known = {person.id: person for person in persons}
    post.phones = {"sms": channel, "spare": post.phones["spare"]}  # type: ignore[dict-item]
    post.plugins.add_channel("sms", channel, ORIGIN).largest_batch = size
    return [attrs.evolve(about(one), recipient=f"p{one}") for one in range(people)]


def told_to(channel: Any, people: int = 4) -> list[int]:
    return [len(channel.notices(f"+90532000000{one}")) for one in range(people)]


def test_several_persons_are_told_in_one_request(post: Post) -> None:
    channel = Batches()
    notices = everybody(post, channel, size=3)
    told = post.tell(*notices)

    assert sorted(map(len, channel.requests)) == [3]  # one is not several
    assert len(channel.alone) == 1
    assert sorted(one.subject for one in told if one.error is None) == sorted(one.subject for one in notices)
    assert told_to(channel) == [1, 1, 1, 1]
    ended = {event.notice: event.reference for event in post.recorded if isinstance(event, NoticeEnded)}
    assert ended == {notice.delivery_id: notice.delivery_id for notice in notices}


def test_what_is_refused_of_several_is_refused_alone_and_tried_elsewhere(post: Post) -> None:
    channel = Batches(states=dict.fromkeys(("p1", "p3"), DeliveryState.REJECTED))
    told = post.tell(*everybody(post, channel))

    assert [one.error for one in told] == [None] * 4
    assert (told_to(channel), told_to(post.phones["spare"].inner)) == ([1, 0, 1, 0], [0, 1, 0, 1])
    assert channel.alone == []


def test_one_number_for_which_all_are_refused_keeps_nobody_else_from_being_told(post: Post) -> None:
    channel = Batches(failure=RefusedError("a number is refused"), states={"p2": DeliveryState.REJECTED})
    notices = everybody(post, channel)
    del post.phones["spare"]
    told = {one.recipient: one.error for one in post.tell(*notices)}

    assert {person for person, error in told.items() if error} == {"p2"}
    assert told_to(channel) == [1, 1, 0, 1]
    begun = [event for event in post.recorded if isinstance(event, NoticeBegun)]
    assert len(begun) == 4


def test_what_a_channel_did_not_take_with_others_is_sent_by_itself(post: Post) -> None:
    channel = Batches(states={"p2": DeliveryState.MISSING})
    told = post.tell(*everybody(post, channel))

    assert [one.error for one in told] == [None] * 4
    assert channel.alone == ["p2"]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_lost_answer_is_lost_for_each_of_several(post: Post, *, is_known: bool) -> None:
    """If the channel can be asked, each is asked for; otherwise nobody counts as told, and nobody is told twice."""
    channel = (Batches if is_known else SilentBatches)(failure=UnknownOutcomeError("no answer"))
    told = post.tell(*everybody(post, channel))

    assert [type(one.error) for one in told] == [type(None) if is_known else UnknownOutcomeError] * 4
    assert (len(post.noted), told_to(channel), channel.alone) == (4 if is_known else 0, [1, 1, 1, 1], [])
    states = {event.state for event in post.recorded if isinstance(event, NoticeEnded)}
    assert states == {MessageState.DELIVERED if is_known else MessageState.UNKNOWN}


@pytest.mark.parametrize(
    "answer",
    [
        lambda receipts: dict(list(receipts.items())[1:]),
        lambda receipts: {**receipts, "another": DeliveryReceipt(state=DeliveryState.DELIVERED)},
        lambda _: {},
    ],
    ids=["one is left out", "one is unknown", "nothing"],
)
def test_receipts_of_other_notices_say_nothing(
    post: Post, answer: Callable[[dict[str, DeliveryReceipt]], dict[str, DeliveryReceipt]]
) -> None:
    channel = SilentBatches(answer=answer)
    told = post.tell(*everybody(post, channel))

    assert [type(one.error) for one in told] == [UnknownOutcomeError] * 4
    assert (post.noted, channel.alone, told_to(post.phones["spare"].inner)) == ([], [], [0, 0, 0, 0])


def test_a_person_without_a_number_does_not_stand_among_several(post: Post) -> None:
    channel = Batches()
    notices = everybody(post, channel)
    post.known = {**post.known, "p2": Person(id="p2", name="Yanlış", mobile="0532 000 00 02 ve 0532 000 00 03")}
    told = {one.recipient: one.error for one in post.tell(*notices, channels={"sms": channel})}

    assert channel.requests == [["p0", "p1", "p3"]]
    assert {person for person, error in told.items() if error} == {"p2"}


@pytest.mark.parametrize(("limit", "counted"), [(3, 3), (9, 4)])
def test_several_at_once_are_no_more_than_the_limit_of_a_day(post: Post, limit: int, counted: int) -> None:
    counts, channel = Counts(), Batches()
    post.allowances = Allowances(counts=counts, limits={"sms": limit}, now=lambda: NOON)
    told = post.tell(*everybody(post, channel), channels={"sms": channel})

    assert [type(one.error) for one in told].count(DailyLimitError) == 4 - counted
    assert (counts.taken, sum(told_to(channel))) == (counted, counted)


def test_what_was_refused_of_several_does_not_count_for_the_day(post: Post) -> None:
    counts, channel = Counts(), Batches(states={"p1": DeliveryState.REJECTED})
    post.allowances = Allowances(counts=counts, limits={"sms": 9}, now=lambda: NOON)
    post.tell(*everybody(post, channel), channels={"sms": channel})

    assert counts.taken == 3


def test_several_that_waited_for_too_long_are_checked_again(post: Post) -> None:
    channel = Batches(failure=LeaseLostError("the process was suspended"))
    notices = everybody(post, channel)

    def is_due(_: Notice) -> bool:
        if channel.requests:
            channel.failure = None
        return True

    assert [one.error for one in post.tell(*notices, is_due=is_due)] == [None] * 4
    assert told_to(channel) == [1, 1, 1, 1]
