"""A channel for other numbers sends only to a number that was confirmed, and the follow-up still has an end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import InputError, RefusedError
from provisioner.core.api.events import DeliverySettled, Event
from provisioner.core.api.messages import DeliverNotice, DeliveryState
from provisioner.core.model import Operation, OperationState
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.slow_phones import SlowPhones

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LOGIN = UNITS[0].login or ""
FIRST, OTHER = PERSONS[0].mobile or "", "+905551112233"
OWNER, OFFICER = attrs.evolve(PERSONS[0], other_mobile=OTHER), PERSONS[1]
NEXT: Mapping[str, Any] = {"on_undelivered": "next-channel"}


@attrs.define(eq=False)
class Site:
    """One unit below another, and two channels over the same kind of phone."""

    folder: Path
    directory: MemoryTarget = attrs.field(factory=MemoryTarget)
    sms: SlowPhones = attrs.field(factory=SlowPhones)
    second: SlowPhones = attrs.field(factory=SlowPhones)
    events: list[Event] = attrs.field(factory=list)
    harnesses: list[Harness] = attrs.field(factory=list)

    def start(self, sms: Mapping[str, Any] = NEXT, second: Mapping[str, Any] = NEXT) -> Harness:
        harness = Harness(
            self.folder / "store.sqlite",
            targets={"mail": self.directory},
            channels={"sms": self.sms, "second": self.second},
            clock=FakeClock(NOON),
            deliveries={"sms": sms, "second": {"number": "other", **second}},
        )
        self.harnesses.append(harness)
        harness.after_record = self.events.extend
        harness.know(units=[UNITS[1], attrs.evolve(UNITS[0], parent=UNITS[1].code)], persons=[OWNER, OFFICER])
        return harness

    def sent(self) -> list[tuple[int, int]]:
        """Return how many passwords each channel sent to the first and to the other number."""
        return [(len(one.inbox(FIRST)), len(one.inbox(OTHER))) for one in (self.sms, self.second)]

    def told(self) -> list[str | None]:
        return [event.told for event in self.events if isinstance(event, DeliverySettled)]


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    for harness in site.harnesses:
        harness.close()


def confirm(harness: Harness) -> None:
    harness.app.persons.confirm_number(OWNER.id, actor=OFFICER.id)


def reject(site: Site) -> None:
    site.sms.answer = site.second.answer = DeliveryState.REJECTED


def test_a_password_for_the_other_number_goes_to_the_first(site: Site) -> None:
    harness = site.start()
    confirm(harness)
    harness.open([UNITS[0].code])
    reject(site)

    [renewed] = harness.app.runs.resume()

    assert renewed.state is OperationState.DONE
    assert site.sent() == [(1, 0), (0, 1)]
    assert site.directory.logs_in(LOGIN, site.second.inbox(OTHER)[0].password)


def test_the_audit_log_has_the_mark_of_a_number_that_was_not_used(site: Site) -> None:
    harness = site.start()
    confirm(harness)
    harness.open([UNITS[0].code])
    reject(site)
    list(harness.app.runs.resume())

    marks = {delivery.channel: delivery.mobile_mark for delivery in harness.store.deliveries.recent(LOGIN)}

    assert marks == {"sms": harness.store.mobile_mark(FIRST), "second": harness.store.mobile_mark(OTHER)}


@pytest.mark.parametrize("rule", ["next-channel", "renew"])
def test_passwords_alternate_between_two_numbers_without_an_end(site: Site, rule: str) -> None:
    harness = site.start(second={"on_undelivered": rule})
    confirm(harness)
    harness.open([UNITS[0].code])
    reject(site)

    renewed = [len(list(harness.app.runs.resume())) for _ in range(6)]

    assert renewed == [1, 0, 0, 0, 0, 0]
    assert site.told() == [None, OFFICER.id]


def test_a_corrected_number_is_tried_after_the_one_that_failed_too(site: Site) -> None:
    harness = site.start()
    confirm(harness)
    harness.open([UNITS[0].code])
    reject(site)
    list(harness.app.runs.resume())
    list(harness.app.runs.resume())
    harness.store.persons.save([attrs.evolve(OWNER, mobile="+905329999999")])

    harness.rotate([LOGIN])

    assert len(site.sms.inbox("+905329999999")) == 1
    assert site.sent() == [(1, 0), (0, 1)]


def unconfirmed(harness: Harness) -> None:
    """Leave the number as it was imported."""


def changed(harness: Harness) -> None:
    confirm(harness)
    harness.store.persons.save([attrs.evolve(OWNER, other_mobile="+905550000000")])
    harness.store.persons.save([OWNER])


def removed(harness: Harness) -> None:
    confirm(harness)
    harness.store.persons.save([attrs.evolve(OWNER, other_mobile=None)])


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (unconfirmed, "isn't confirmed; verify it, then run 'provisioner person confirm-number p0'"),
        (changed, "isn't confirmed"),
        (removed, "p0 has no other mobile number; import one with 'provisioner person import'"),
    ],
)
def test_a_password_is_sent_to_a_number_that_nobody_confirmed(
    site: Site, state: Callable[[Harness], None], reason: str
) -> None:
    harness = site.start(sms={"kinds": ["none"]})
    state(harness)

    with pytest.raises(InputError) as caught:
        harness.open([UNITS[0].code])

    [problem] = caught.value.problems
    assert reason in str(problem.message)
    assert site.sent() == [(0, 0), (0, 0)]
    assert not site.directory.has(LOGIN)


def test_a_renewal_over_a_number_that_nobody_confirmed_has_no_end(site: Site) -> None:
    harness = site.start()
    harness.open([UNITS[0].code])
    reject(site)

    renewed = [operation for _ in range(5) for operation in harness.app.runs.resume()]

    [operation] = [one for one in renewed if isinstance(one, Operation)]
    assert operation.state is OperationState.DONE
    [refused] = [step.error for step in operation.steps if step.error]
    assert "isn't confirmed" in str(refused.message)
    assert site.sent() == [(2, 0), (0, 0)]
    assert site.told() == [None, OFFICER.id]


def test_a_notice_goes_to_the_first_number_over_a_channel_for_the_other(site: Site) -> None:
    channel = site.start().plugins.channels["second"]
    owner = attrs.evolve(OWNER, other_mobile_confirmed_by=OFFICER.id, other_mobile_confirmed_at=NOON)

    channel.notify(DeliverNotice(delivery_id="n-1", recipient=owner, text="x"))

    assert (len(site.second.notices(FIRST)), len(site.second.notices(OTHER))) == (0, 1)
    with pytest.raises(RefusedError, match="isn't confirmed"):
        channel.notify(DeliverNotice(delivery_id="n-2", recipient=OWNER, text="x"))


@pytest.mark.parametrize("name", ["sms", "second"])
def test_a_plug_in_gets_a_number_that_it_does_not_send_to(site: Site, name: str) -> None:
    seen = (
        site.start()
        .plugins.channels[name]
        .addressed(attrs.evolve(OWNER, other_mobile_confirmed_by=OFFICER.id, other_mobile_confirmed_at=NOON))
    )

    assert seen == attrs.evolve(PERSONS[0], mobile={"sms": FIRST, "second": OTHER}[name])


def test_a_number_that_is_not_one_is_used_because_it_is_the_other(site: Site) -> None:
    harness = site.start(sms={"kinds": ["none"]})
    harness.store.persons.save([attrs.evolve(OWNER, other_mobile="532123456.0")])
    confirm(harness)

    with pytest.raises(InputError, match="decimal number"):
        harness.open([UNITS[0].code])


def test_a_personnel_system_hides_the_other_number_of_the_store(site: Site) -> None:
    harness = site.start()
    confirm(harness)
    people = attrs.evolve(
        harness.planner.people, find=lambda _: attrs.evolve(PERSONS[0], name="Yeni Ad"), has_system=lambda: True
    )

    found = people.find_all([OWNER.id])[OWNER.id]

    assert (found.name, found.mobile, found.confirmed_mobile) == ("Yeni Ad", FIRST, OTHER)
