"""What is made sure of before the first write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import InputError, NotReadyError, UnavailableError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import ChannelReport, CheckChannel
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.model import OperationKind, Person, Unit
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

PEOPLE = [Person(id=f"p{number}", name=f"Kişi {number}", mobile=f"+90532000000{number}") for number in range(5)]
UNITS = [
    Unit(code=f"u{number}", name="Birim", kind="office", login=f"birim{number}", custodian=person.id)
    for number, person in enumerate(PEOPLE)
]


class Picky(FaultChannel):
    """A channel whose check fails as a whole where one person is among those it is asked about."""

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        if any(person.id == "p3" for person in request.recipients):
            raise UnavailableError("the directory of numbers broke off")
        return FaultChannel.channel_check(self, request)


@attrs.define(eq=False)
class Province:
    """Two targets and two channels."""

    harness: Harness
    targets: dict[str, FaultTarget]
    channels: dict[str, FaultChannel]

    def work(self, kind: OperationKind) -> tuple[PlannedOperation, ...]:
        planner = self.harness.planner
        if kind is OperationKind.CREATE:
            return planner.open_units(UNITS, INITIATOR).work
        return planner.plan(kind, [self.harness.account(unit.login or "") for unit in UNITS], INITIATOR).work


@pytest.fixture(name="province")
def _province(tmp_path: Path) -> Iterator[Province]:
    targets = {name: FaultTarget(MemoryTarget()) for name in ("posta", "wifi")}
    channels = {"sms": FaultChannel(MemoryChannel()), "picky": Picky(MemoryChannel())}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels) as harness:
        harness.know(units=UNITS, persons=PEOPLE)
        yield Province(harness, targets, channels)


def test_everything_that_cannot_be_used_is_named_at_once(province: Province) -> None:
    for target in province.targets.values():
        target.faults.on("target_check", Fault.CANNOT_CONNECT)
    with pytest.raises(NotReadyError) as caught:
        province.harness.engine.preflight(province.work(OperationKind.CREATE))

    assert {error.target for error in caught.value.errors} == {"posta", "wifi"}


def test_a_closing_goes_on_without_a_target_that_is_named(province: Province) -> None:
    province.harness.open([unit.code for unit in UNITS])
    province.targets["wifi"].faults.on("target_check", Fault.CANNOT_CONNECT)

    errors = province.harness.engine.preflight(province.work(OperationKind.CLOSE))

    assert [error.target for error in errors] == ["wifi"]


def test_a_target_in_maintenance_is_not_asked(province: Province) -> None:
    province.harness.maintain("wifi", province.harness.clock().replace(year=2099))

    assert province.harness.engine.preflight(()) == []
    assert province.targets["wifi"].faults.calls["target_check"] == 0


def test_one_channel_that_reaches_a_person_is_enough(province: Province) -> None:
    province.channels["picky"].faults.on("channel_check", Fault.CANNOT_CONNECT)

    assert province.harness.engine.preflight(province.work(OperationKind.CREATE)) == []


def test_of_a_channel_that_breaks_off_at_one_person_only_this_one_is_not_reached(province: Province) -> None:
    """Otherwise one wrong number would keep everybody from a new password."""
    province.channels["sms"].faults.on("channel_check", Fault.CANNOT_CONNECT)
    with pytest.raises(InputError) as caught:
        province.harness.engine.preflight(province.work(OperationKind.CREATE))

    assert [(problem.subject, problem.field) for problem in caught.value.problems] == [("p3", "mobile")]


def test_channels_that_are_all_down_are_named(province: Province) -> None:
    work = province.work(OperationKind.CREATE)
    province.channels["sms"].faults.on("channel_check", Fault.CANNOT_CONNECT)
    province.channels["picky"].inner = FaultChannel(MemoryChannel())
    province.channels["picky"].inner.faults.on("channel_check", Fault.CANNOT_CONNECT)
    with pytest.raises(NotReadyError) as caught:
        province.harness.engine.preflight(work)

    assert {error.target for error in caught.value.errors} == {"sms", "picky"}
