from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.model import Operation, Person, Unit
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNITS = [
    Unit(code="il", name="İl", kind="office", login="il", custodian="p0"),
    Unit(code="a", name="A", kind="office", login="a", custodian="p1", parent="il"),
    Unit(code="b", name="B", kind="office", login="b", custodian="p2", parent="a"),
]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532000000{n}") for n in range(3)]


@pytest.fixture(name="harness")
def _harness(tmp_path: Path) -> Iterator[Harness]:
    targets = {"posta": MemoryTarget()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open(["il", "a", "b"])
        yield harness


def planned(harness: Harness) -> list[Operation]:
    accounts = [harness.account(login) for login in ("il", "a", "b")]
    harness.engine.iter_apply(harness.planner.rotate(accounts, INITIATOR))
    return list(harness.store.operations.resumable(harness.clock()))


def test_many_operations_are_planned_as_each_alone(harness: Harness) -> None:
    operations = planned(harness)
    together = harness.planner.all_again(operations)

    assert together == [harness.planner.again(operation) for operation in operations]
    works = [work for work in together if isinstance(work, PlannedOperation)]
    assert {work.unit.code: work.parent.code for work in works if work.parent} == {"a": "il", "b": "a"}


def test_a_person_who_is_gone_and_an_unknown_account_concern_only_their_own_operation(harness: Harness) -> None:

    first, second, third = planned(harness)
    unknown = attrs.evolve(first, login="nobody")
    gone = attrs.evolve(second, holder="p9")
    found = harness.planner.all_again([unknown, gone, third])

    assert [str(error.problems[0].message) for error in found if isinstance(error, InputError)] == [
        "nobody is unknown",
        "person p9 not found; check the ID, or import the person",
    ]
    assert isinstance(found[2], PlannedOperation)
    with pytest.raises(InputError, match="nobody is unknown"):
        harness.planner.again(unknown)
