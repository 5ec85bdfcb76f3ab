"""People are told once, over the first channel that works, and what was told is noted before anything else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.errors import MissingError, StoreError, TargetError, UnavailableError, UnsupportedError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import DeliverSecret, DeliveryReceipt, FindPerson
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.people import People
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import Person
from provisioner.core.model.text import Text
from provisioner.core.policy.notifier import Notice, Notifier
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
class Post:
    """A notifier, its phones, and what it noted."""

    plugins: Plugins
    phones: dict[str, FaultChannel] = attrs.field(
        factory=lambda: {name: FaultChannel(MemoryChannel()) for name in ("sms", "spare")}
    )
    stop: threading.Event = attrs.field(factory=threading.Event)
    known: Mapping[str, Person | TargetError] = attrs.field(factory=lambda: {"p1": AYSE})
    noted: list[Notice] = attrs.field(factory=list)

    def _find(self, request: FindPerson) -> Person | None:
        found = self.known.get(request.person_id)
        if isinstance(found, TargetError):
            raise found
        return found

    def tell(
        self,
        *notices: Notice,
        is_due: Callable[[Notice], bool] = lambda _: True,
        note: Callable[[Notice], None] | None = None,
        channels: Mapping[str, object] | None = None,
    ) -> list[Notice]:
        retry = Retry(QUICK, self.stop)
        used = self.phones if channels is None else channels
        notifier = Notifier(
            people=People(self._find, lambda _: {}, retry),
            channels=[self.plugins.add_channel(name, plugin, ORIGIN) for name, plugin in used.items()],
            retry=retry,
            say=lambda text: f"Sayın kullanıcı: {text}",
        )
        return list(notifier.tell(notices, note or self.noted.append, is_due))

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


def test_the_same_notice_has_the_same_id_and_another_has_another() -> None:
    """A gateway that knows ids sends it once, also when two sweeps try."""
    other = attrs.evolve(NOTICE, deadline=attrs.evolve(DEADLINE, rule_set="s"))

    assert attrs.evolve(NOTICE, recipient=None).delivery_id == NOTICE.delivery_id
    assert other.delivery_id != NOTICE.delivery_id


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
    def fail(_: Notice) -> None:
        raise StoreError("the disk is full")

    with pytest.raises(StoreError):
        post.tell(NOTICE, note=fail)
    assert len(post.texts("sms")) == 1


def test_a_defect_at_one_notice_is_that_notices(post: Post) -> None:
    def is_due(notice: Notice) -> bool:
        return {"a": True}[notice.subject]

    broken, told = post.tell(attrs.evolve(NOTICE, subject="b"), NOTICE, is_due=is_due)

    assert broken.error
    assert (told.error, broken.tried) == (None, False)
