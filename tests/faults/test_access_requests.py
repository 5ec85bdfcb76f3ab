"""A process that dies while an officer carries out an access request leaves one that can be carried out again.

The points are enumerated: before and after each write of the journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.api.events import Event
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.access_requests import RequestState
from provisioner.core.governance.roles import Role
from provisioner.core.model import OperationKind, Person
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

LOGIN = samples.ACCOUNT.login
ADMINISTRATOR, OFFICER, SUPERVISOR = INITIATOR.actor, "2001", "3001"
REQUESTER = attrs.evolve(samples.SUCCESSOR, supervisor=SUPERVISOR)
STAFF = [samples.HOLDER, REQUESTER, *(Person(id=person, name=person) for person in (OFFICER, SUPERVISOR))]

#: The request is begun, then its operation is planned; one write for each of two targets, one for the message, one at
#: the end; then the request is archived.
WRITES = 7


class CrashError(BaseException):
    """The process is gone."""


class World:
    """Two targets and a phone that outlive the processes which work on them."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directories = {"first": MemoryTarget(), "second": MemoryTarget()}
        self.phones = MemoryChannel()
        self.processes = ExitStack()

    def start(self) -> Harness:
        """Start a process in which nobody may do what they have no role for."""
        harness = Harness(
            self.file,
            targets=self.directories,
            channels={"sms": self.phones},
            clock=self.clock,
            administrators=[ADMINISTRATOR],
        )
        return self.processes.enter_context(harness)

    def passwords(self) -> list[str]:
        return [message.password for message in self.phones.inbox(samples.HOLDER.mobile or "")]

    def valid(self) -> list[list[str]]:
        """Return, for each target, which of the passwords that were ever sent log in."""
        return [
            [password for password in self.passwords() if directory.logs_in(LOGIN, password)]
            for directory in self.directories.values()
        ]


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    with world.processes:
        yield world


@pytest.fixture(name="request_id")
def _request_id(world: World) -> str:
    """Return the id of an approved request for a new password."""
    harness = world.start()
    harness.know(units=[samples.UNIT], persons=STAFF)
    harness.app.delegation.grant(OFFICER, Role.OFFICER, unit=samples.UNIT.code, actor=ADMINISTRATOR)
    harness.open([samples.UNIT.code])
    requests = harness.app.access_requests
    submitted = requests.submit(LOGIN, OperationKind.ROTATE, actor=REQUESTER.id, reason="forgotten")
    return requests.approve(submitted.id, actor=SUPERVISOR).id


def execute(harness: Harness, request_id: str) -> None:
    harness.app.access_requests.execute(request_id, actor=OFFICER).wait()


def test_a_rotation_without_its_request_is_denied(world: World, request_id: str) -> None:
    """Otherwise the requests below would prove nothing."""
    assert request_id
    with pytest.raises(DeniedError):
        world.start().app.accounts.plan_rotation([LOGIN], Initiator(actor=OFFICER))


def test_the_journal_is_written_as_often_as_is_enumerated_here(world: World, request_id: str) -> None:
    harness = world.start()
    writes: list[Sequence[Event]] = []
    harness.on_record = writes.append

    execute(harness, request_id)

    assert len(writes) == WRITES


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", range(1, WRITES + 1))
def test_a_crash_at_any_point_leaves_a_request_that_is_carried_out(
    world: World, request_id: str, point: int, *, after: bool
) -> None:
    dying = world.start()
    writes = 0

    def crash(_: Sequence[Event]) -> None:
        nonlocal writes
        writes += 1
        if writes >= point:
            raise CrashError

    if after:
        dying.after_record = crash
    else:
        dying.on_record = crash
    with suppress(CrashError):  # the observer that archives the request is not to break the run
        execute(dying, request_id)
    assert writes >= point

    world.clock.advance(timedelta(minutes=2))
    heir = world.start()
    execute(heir, request_id)

    request = heir.app.access_requests.current(request_id)
    assert (request.state, request.officer) == (RequestState.ARCHIVED, OFFICER)
    assert world.valid() == [world.passwords()[-1:]] * 2
    assert heir.resume() == []
