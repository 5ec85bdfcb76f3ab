"""One operation, carried out by itself on one target and one channel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs

from provisioner.core.api.events import Event, OperationEnded, StepBegun
from provisioner.core.api.fencing import Lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import CreateAccount, Receipt
from provisioner.core.engine.execution import Execution
from provisioner.core.model import Operation, Person, Unit
from provisioner.testing.faults import FaultChannel, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNIT = Unit(code="u1", name="Birim", kind="office", login="birim46", custodian="p1")
PERSON = Person(id="p1", name="Ayşe Işık", mobile="+905320000001")


class Watched(FaultTarget):
    """A target that remembers what the journal had when it was called."""

    def __init__(self, journal: list[Event]) -> None:
        super().__init__(MemoryTarget())
        self.journal = journal
        self.known: list[StepBegun] = []

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        self.known += [event for event in self.journal if isinstance(event, StepBegun)]
        return FaultTarget.account_create(self, request)


@attrs.define
class World:
    """One operation on one target and one channel."""

    harness: Harness
    target: Watched
    phones: FaultChannel
    journal: list[Event]

    def run(self, **changes: Any) -> Operation:
        [work] = self.harness.planner.open_units([UNIT], initiator=INITIATOR).work
        context = attrs.evolve(
            self.harness.engine.context,
            record=lambda *events: self.journal.extend(events),
            lease=lambda *_: Lease.of(timedelta(minutes=1)),
            **changes,
        )
        return Execution(work, context).run()

    @property
    def ended(self) -> OperationEnded:
        [ended] = [event for event in self.journal if isinstance(event, OperationEnded)]
        return ended

    @property
    def hooks(self) -> list[str]:
        return [event.step.hook for event in self.journal if isinstance(event, StepBegun)]


@contextmanager
def one_operation(folder: Path) -> Iterator[World]:
    """Yield a target, a channel, and the operation that opens an account on them."""
    journal: list[Event] = []
    target, phones = Watched(journal), FaultChannel(MemoryChannel())
    with Harness(folder / "store.sqlite", targets={"posta": target}, channels={"sms": phones}) as harness:
        harness.know(units=[UNIT], persons=[PERSON])
        yield World(harness, target, phones, journal)
