"""Whatever an operator does with a message, its owner ends with one password: the one read last.

Each row is what an operator of SMPP 3.4 does with the message of a new account, or of a renewed password. Afterwards,
every message has the state that the operator reported, the last one is on the phone, and no other password than the one
in it opens the account. The cells are counted and printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import NotReadyError
from provisioner.core.model import (
    AccountState,
    MessageState,
    Operation,
    OperationKind,
    OperationState,
    PasswordDelivery,
)
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.kannel import wait_until
from provisioner.testing.memory import MemoryTarget
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.smpp.receiver import SmppReceiver
from tests.plugins.sms.conftest import make_section
from tests.smpp_operator import (
    CUT_AFTER_ANSWER,
    CUT_BEFORE_ANSWER,
    LOST_ANSWER,
    LOST_MESSAGE,
    QUEUE_FULL,
    REFUSED,
    SYSTEM_ERROR,
    THROTTLED,
    Ids,
    Reaction,
    SmppOperator,
)

LOGIN = samples.ACCOUNT.login
NUMBER = samples.HOLDER.mobile or ""

DONE, INCOMPLETE, UNDONE = OperationState.DONE, OperationState.INCOMPLETE, OperationState.UNDONE
SENDING, DELIVERED, REJECTED = MessageState.SENDING, MessageState.DELIVERED, MessageState.REJECTED
EXPIRED, UNKNOWN = MessageState.EXPIRED, MessageState.UNKNOWN

KINDS = (OperationKind.CREATE, OperationKind.ROTATE)

#: How long a report is awaited.
DAY = timedelta(hours=24)


def said(*states: str, after: float = 0.05, first: bool = False) -> Reaction:
    """What an operator reports on a message that it takes."""
    return Reaction(states=states, report_after=after, reports_first=first, answer_after=0.2 if first else 0)


@attrs.frozen(kw_only=True)
class Row:
    """What an operator does, and what comes of it."""

    reactions: Sequence[Reaction] = ()
    #: The part of a message in two parts that it does that with.
    part: int | None = None
    parts: int = 1
    #: How the operation ends at first.
    first: OperationState = DONE
    #: The states of all messages in the end.
    states: tuple[MessageState, ...] = (DELIVERED,)
    #: Whether the operator can't be reached at first, so nothing is done.
    is_away: bool = False
    #: Whether another process takes the reports, after the one that sent the message has ended.
    restarts: bool = False
    #: Whether no final report arrives in time.
    is_silent: bool = False
    ids: Ids = Ids.SAME


LATE = (REJECTED, DELIVERED)
AGAIN = (SENDING, DELIVERED)

ROWS = {
    "delivered": Row(),
    "delivered, said twice": Row(reactions=[said("DELIVRD", "DELIVRD")]),
    "delivered after a while": Row(reactions=[said("ENROUTE", "ACCEPTD", "DELIVRD")]),
    "decimal ids": Row(ids=Ids.DECIMAL_IN_REPORTS),
    "hexadecimal ids": Row(ids=Ids.HEXADECIMAL_IN_REPORTS),
    "accepted, then refused": Row(reactions=[said("REJECTD")], states=LATE),
    "accepted, then undeliverable": Row(reactions=[said("ENROUTE", "UNDELIV")], states=LATE),
    "accepted, then deleted": Row(reactions=[said("DELETED")], states=LATE),
    "accepted, then expired": Row(reactions=[said("EXPIRED")], states=(EXPIRED, DELIVERED)),
    "accepted, then unknown": Row(reactions=[said("UNKNOWN")], states=(UNKNOWN, DELIVERED)),
    "delivered, then refused": Row(reactions=[said("DELIVRD", "REJECTD")], states=LATE),
    "refused, then delivered": Row(reactions=[said("REJECTD", "DELIVRD")], states=LATE),
    "never reported": Row(reactions=[said()], states=(UNKNOWN, DELIVERED), is_silent=True),
    "refused at once": Row(reactions=[REFUSED], first=UNDONE),
    "throttled": Row(reactions=[THROTTLED]),
    "throttled for long": Row(reactions=[THROTTLED] * 3, first=INCOMPLETE),
    "queue full": Row(reactions=[QUEUE_FULL] * 2),
    "system error": Row(reactions=[SYSTEM_ERROR] * 3, first=INCOMPLETE),
    "answer lost": Row(reactions=[LOST_ANSWER], first=INCOMPLETE, states=AGAIN),
    "message lost": Row(reactions=[LOST_MESSAGE], first=INCOMPLETE, states=AGAIN),
    "link lost before the answer": Row(reactions=[CUT_BEFORE_ANSWER], first=INCOMPLETE, states=AGAIN),
    "link lost after the answer": Row(reactions=[CUT_AFTER_ANSWER], restarts=True),
    "operator away": Row(is_away=True),
    "report before the answer": Row(reactions=[said("DELIVRD", first=True)]),
    "refusal before the answer": Row(reactions=[said("REJECTD", first=True)], first=UNDONE),
    "report after a restart": Row(restarts=True),
    "refusal after a restart": Row(reactions=[said("REJECTD")], restarts=True, states=LATE),
    "two parts": Row(parts=2),
    "two parts, throttled between": Row(parts=2, reactions=[THROTTLED], part=2),
    "two parts, throttled between for long": Row(
        parts=2, reactions=[THROTTLED] * 20, part=2, first=INCOMPLETE, states=AGAIN
    ),
    "two parts, one refused at once": Row(
        parts=2, reactions=[REFUSED], part=2, first=INCOMPLETE, states=AGAIN
    ),
    "two parts, one refused later": Row(parts=2, reactions=[said("REJECTD")], part=2, states=LATE),
    "two parts, the first refused later": Row(parts=2, reactions=[said("REJECTD")], part=1, states=LATE),
    "two parts, one never reported": Row(
        parts=2, reactions=[said()], part=2, states=(EXPIRED, DELIVERED), is_silent=True
    ),
    "two parts, answer lost between": Row(
        parts=2, reactions=[LOST_ANSWER], part=2, first=INCOMPLETE, states=AGAIN
    ),
    "two parts, reports after a restart": Row(parts=2, restarts=True),
    "two parts, one refused after a restart": Row(
        parts=2, reactions=[said("REJECTD")], part=2, restarts=True, states=LATE
    ),
}  # fmt: skip


@attrs.define(eq=False)
class World:
    """An account, its owner's phone, and one process at a time."""

    folder: Path
    row: Row
    operator: SmppOperator
    clock: FakeClock = attrs.field(factory=FakeClock)
    directory: MemoryTarget = attrs.field(factory=MemoryTarget)
    harness: Harness = attrs.field(init=False)
    _channel: SmsChannel = attrs.field(init=False)
    _running: ExitStack = attrs.field(factory=ExitStack, init=False)

    def start(self) -> None:
        """Start a process; one that was there has ended."""
        self.stop()
        channel = SmsChannel.configured(make_section(self._table()), "en", report=self._report)
        rules = {"on_undelivered": "renew", "report_within_hours": 24}
        self.harness = self._running.enter_context(
            Harness(
                self.folder / "store.sqlite",
                targets={"mail": self.directory},
                channels={"sms": channel},
                clock=self.clock,
                deliveries={"sms": rules},
            )
        )
        self._running.callback(channel.close)
        self.harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        self._channel = channel

    def receive(self) -> None:
        """Take reports in this process, as ``sms-reports serve`` does."""
        settings = self._channel.settings.smpp
        assert settings is not None
        self._running.callback(SmppReceiver.start(settings, self._report).stop)

    def stop(self) -> None:
        self._running.close()

    def _report(self, part: str, state: MessageState) -> bool:
        return self.harness.plugins.report_part("sms", part, state)

    def _table(self) -> dict[str, object]:
        advice = "keep it secret, " * (12 if self.row.parts == 2 else 1)
        text = f"{{mail}} password: {{password}} - {advice}{{help_desk}}"
        hexadecimal = {Ids.SAME: "neither", Ids.DECIMAL_IN_REPORTS: "answers", Ids.HEXADECIMAL_IN_REPORTS: "reports"}
        return {
            "gateway": "smpp",
            "help_desk": "0344",
            "sender": "KURUM",
            "max_parts": self.row.parts,
            "texts": {"first": text, "replaces_earlier": text},
            "smpp": {
                "host": "127.0.0.1",
                "port": self.operator.port,
                "system_id": self.operator.system_id,
                "password": f"plain:{self.operator.password}",
                "timeout": 1.0,
                "hexadecimal_ids": hexadecimal[self.operator.ids],
            },
        }

    # -- what is done ------------------------------------------------------------------------------------------------

    def carry_out(self, kind: OperationKind) -> Operation:
        if kind is OperationKind.CREATE:
            return self.harness.open([samples.UNIT.code])[0]
        return self.harness.rotate([LOGIN])[0]

    def resume(self) -> None:
        list(self.harness.app.runs.resume())

    def next_try(self, operation: Operation) -> Operation:
        assert operation.next_try_at is not None
        self.clock.advance(operation.next_try_at - self.clock() + timedelta(seconds=31))
        return self.harness.resume()[0]

    def follow_up(self) -> None:
        """Let reports arrive, and what follows from them be done, until the last message is on the phone."""
        if self.row.is_silent:
            wait_until(lambda: self.operator.unreported == 0)
            self.clock.advance(DAY + timedelta(minutes=1))
            self.resume()
        for _ in range(3):
            wait_until(self._is_heard)
            self.resume()
            if self.deliveries()[-1].state is DELIVERED:
                return
        pytest.fail(f"the messages end as {[delivery.state.value for delivery in self.deliveries()]}")

    def _is_heard(self) -> bool:
        """Whether the operator has said everything on the last message, and it was stored."""
        heard = self.deliveries()[-1].state.is_final or bool(self.harness.store.deliveries.reported())
        return heard and self.operator.unreported == 0

    # -- what is seen ------------------------------------------------------------------------------------------------

    def deliveries(self) -> list[PasswordDelivery]:
        """Return the messages, the earliest first."""
        return sorted(self.harness.store.deliveries.recent(LOGIN), key=lambda delivery: delivery.number)

    def passwords(self) -> list[str]:
        """Return the passwords on the phone, the oldest first."""
        return re.findall(r"password: (\S+) -", "\n".join(self.operator.phone(NUMBER)))

    def opening(self) -> list[str]:
        """Return the passwords that open the account, of those that were ever sent."""
        sent = "".join(part.text for part in self.operator.submitted)
        known = dict.fromkeys(re.findall(r"password: (\S+) -", sent))
        return [password for password in known if self.directory.logs_in(LOGIN, password)]


@pytest.fixture(name="world")
def _world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    row = ROWS[request.param]
    with SmppOperator.running(ids=row.ids) as operator:
        world = World(tmp_path, row, operator)
        world.start()
        yield world
        world.stop()


def prepare(world: World, kind: OperationKind) -> None:
    """Bring the account to where such an operation begins."""
    if kind is OperationKind.ROTATE:
        assert world.carry_out(OperationKind.CREATE).state is DONE
        for _ in range(3):
            wait_until(world._is_heard)
            world.resume()
        assert world.opening() == world.passwords()


def end(world: World, kind: OperationKind, operation: Operation, before: Sequence[str]) -> None:
    """Carry the operation out until it is done."""
    if operation.state is INCOMPLETE:
        operation = world.next_try(operation)
    if operation.state is UNDONE:
        state = world.harness.account(LOGIN).state
        assert state is (AccountState.PLANNED if kind is OperationKind.CREATE else AccountState.OPEN)
        assert world.opening() == list(before)
        operation = world.carry_out(kind)
    assert operation.state is DONE


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("world", ROWS, indirect=True)
def test_no_operator_leaves_an_owner_with_a_password_that_does_not_work(
    world: World, kind: OperationKind, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(world, kind)
    row, before, former = world.row, world.opening(), len(world.deliveries())
    for reaction in row.reactions:
        world.operator.react(reaction, part=row.part)

    if row.is_away:
        with world.operator.unreachable(), pytest.raises(NotReadyError):
            world.carry_out(kind)
    with world.operator.holding_reports() if row.restarts else nullcontext():
        operation = world.carry_out(kind)
        if row.restarts:
            world.start()
            world.receive()
    assert operation.state is row.first
    world.operator.forget()
    end(world, kind, operation, before)
    world.follow_up()

    assert tuple(delivery.state for delivery in world.deliveries()[former:]) == row.states
    assert world.opening() == [world.passwords()[-1]]
    written = b"".join(file.read_bytes() for file in world.folder.iterdir())
    printed = capsys.readouterr()
    for password in world.passwords():
        assert password.encode() not in written
        assert password not in printed.out + printed.err


def test_the_matrix_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nSMPP matrix: {len(ROWS) * len(KINDS)} cells")
    reported = {state for row in ROWS.values() for state in row.states}
    assert reported == {SENDING, DELIVERED, REJECTED, EXPIRED, UNKNOWN}
