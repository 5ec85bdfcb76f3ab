"""Every operation, with every fault where sessions are ended, and with a crash at every point: in the end nobody is
logged in who must not be, and nobody gets a second password for it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.events import Event
from provisioner.core.model import OperationKind, OperationState, SessionsState
from provisioner.testing import samples
from provisioner.testing.faults import EVERY_CALL, Fault, Faults, FaultSessions
from provisioner.testing.harness import Harness
from provisioner.testing.memory_mail import MemoryMail, MemorySession
from tests.faults.test_matrix import (
    CHANGE_HOOK,
    CLOSED,
    LOGIN,
    SHUTTING,
    World,
    carry_out,
    check_ended,
    drive_on,
    given_up,
    prepare,
)

KINDS = tuple(CHANGE_HOOK)
SPELLINGS = (LOGIN, samples.ACCOUNT.mail)


@attrs.frozen
class SessionCell:
    """One row of the matrix."""

    kind: OperationKind
    fault: Fault
    lasts: bool

    def __str__(self) -> str:
        return f"{self.kind}-{self.fault}-{'lasts' if self.lasts else 'once'}"


CELLS = [SessionCell(*cell) for cell in itertools.product(KINDS, Fault, (True, False))]


class MailWorld(World):
    """A mail server asks the first directory, and a person is logged in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, undoes=True)
        self.mail = MemoryMail(self.directories["first"])
        self.faults["mail"] = Faults(pause=self.take_over)
        self.session: MemorySession | None = None

    def start(self) -> Harness:
        return Harness(
            self.file,
            targets={**self.targets, "mail": FaultSessions(self.mail, self.faults["mail"])},
            channels=self.channels,
            clock=self.clock,
            elapsed=self.clock.elapsed,
        )

    def begin(self, kind: OperationKind) -> str | None:
        """Bring the account to where the operation begins, log in, and return the password that is in force."""
        with self.start() as harness:
            prepare(harness, kind)
        old = self.passwords()[-1] if self.passwords() and kind not in CLOSED else None
        self.session = self.mail.log_in(LOGIN, old) if old else None
        return old

    def check_sessions(self, harness: Harness, old: str | None) -> None:
        """Check that nobody is logged in, or can log in with a former password."""
        assert self.session is None or not self.session.is_open
        former = {*self.passwords()[:-1], *([old] if old else [])} - {self.passwords()[-1]}
        assert not any(self.mail.log_in(spelling, word) for spelling in SPELLINGS for word in former)
        assert harness.store.accounts.sessions([LOGIN])[LOGIN] == {"mail": SessionsState.ENDED}


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_no_fault_leaves_a_session_or_keeps_a_password(cell: SessionCell, tmp_path: Path) -> None:
    world = MailWorld(tmp_path)
    old = world.begin(cell.kind)
    before, faults = len(world.passwords()), world.faults["mail"]
    faults.on("sessions_end", cell.fault, EVERY_CALL if cell.lasts else {faults.calls["sessions_end"] + 1})
    with world.start() as harness:
        operation = carry_out(harness, cell.kind)
        if cell.fault is Fault.PAUSE:
            operation = given_up(world, operation)
        else:
            assert len(world.passwords()) == before + (cell.kind not in SHUTTING)
        if operation.state is OperationState.INCOMPLETE:
            sent = world.passwords()
            operation = drive_on(world, harness, operation)
            assert world.passwords() == sent
        assert operation.state is OperationState.DONE
        check_ended(world, harness, operation, old if cell.kind not in SHUTTING else None)
        world.check_sessions(harness, old)


class CrashError(BaseException):
    """The process is gone."""


def crash_at(harness: Harness, point: int, *, after: bool) -> None:
    """Let a process die before or after its n-th write."""
    left = point

    def die(_: Sequence[Event]) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise CrashError

    if after:
        harness.after_record = die
    else:
        harness.on_record = die


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("point", range(2, 7))
@pytest.mark.parametrize("kind", KINDS)
def test_no_crash_leaves_a_session(kind: OperationKind, point: int, *, after: bool, tmp_path: Path) -> None:
    world = MailWorld(tmp_path)
    old = world.begin(kind)
    dying = world.start()
    crash_at(dying, point, after=after)
    try:
        carry_out(dying, kind)
    except CrashError:
        world.clock.advance(timedelta(minutes=2))
    with world.start() as heir:
        heir.resume()

        assert not heir.store.operations.unended([LOGIN])
        [operation] = [found for found in heir.store.operations.find(login=LOGIN) if found.kind is kind]
        assert operation.state is OperationState.DONE
        check_ended(world, heir, operation, old if kind not in SHUTTING else None)
        world.check_sessions(heir, old)
    dying.close()


def test_the_matrix_of_sessions_is_whole() -> None:
    assert len(CELLS) == 6 * len(Fault) * 2
