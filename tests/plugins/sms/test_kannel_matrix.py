"""Every trouble between Kannel and its operator, when an account is opened and when its password is rotated.

Whatever happens, each message ends in the state that it deserves; and in the end the owner has exactly one password
that opens the account: the last one on the phone. The cells are counted and printed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import MessageState, OperationKind
from provisioner.testing.kannel import ConfiguredKannel, wait_until
from tests.plugins.sms import kannel_sample
from tests.plugins.sms.kannel_sample import HURRY, KannelOffice, passwords_in
from tests.smpp_operator import (
    CUT_AFTER_ANSWER,
    CUT_BEFORE_ANSWER,
    LOST_ANSWER,
    LOST_MESSAGE,
    QUEUE_FULL,
    REFUSED,
    REFUSED_LATER,
    REPORT_FIRST,
    SYSTEM_ERROR,
    THROTTLED,
    Ids,
    Reaction,
    SmppOperator,
)

pytestmark = [pytest.mark.slow, pytest.mark.server("kannel")]

DELIVERED, REJECTED, EXPIRED = MessageState.DELIVERED, MessageState.REJECTED, MessageState.EXPIRED


@attrs.frozen
class Scene:
    """One owner, and all that is between the engine and the phone."""

    office: KannelOffice
    operator: SmppOperator

    @property
    def kannel(self) -> ConfiguredKannel:
        return self.office.kannel

    @property
    def number(self) -> str:
        return self.office.numbers[0]

    @property
    def login(self) -> str:
        return self.office.logins[0]

    def change(self, kind: OperationKind) -> None:
        """Open the account, or rotate its password."""
        if kind is OperationKind.CREATE:
            self.office.open()
        else:
            self.office.rotate()

    def end(self, state: MessageState) -> None:
        """Wait until the last message has its state, and follow it up. A delivered one is shown by the phone.

        Nothing of it is under way then: the next thing that the operator is told concerns the next message.
        """
        self.office.await_state(self.login, state)
        self.office.await_rest()
        assert len(self.operator.phone(self.number)) >= self.office.states(self.login).count(DELIVERED)
        self.office.resume()

    def miss_report(self) -> None:
        """Let the deadline pass of a message whose report was lost, and follow it up."""
        self.office.await_state(self.login, MessageState.ACCEPTED)
        wait_until(lambda: not self.operator.unreported)
        self.office.clock.advance(timedelta(hours=25))
        self.office.resume()

    def await_submission(self) -> None:
        """Wait until the operator was sent something for this owner."""
        wait_until(lambda: any(part.number == self.number for part in self.operator.submitted))


Around = Callable[[Scene], AbstractContextManager[None]]


@attrs.frozen
class Trouble:
    """What happens to one message, and how it and those that follow it end."""

    name: str
    #: What the operator does with each attempt to send the message.
    reactions: tuple[Reaction, ...] = ()
    ends: tuple[MessageState, ...] = (DELIVERED,)
    #: What happens while the message is sent.
    around: Around = lambda _: nullcontext()
    #: What the operator does with parts of the message, if it has two.
    parts: Mapping[int, Reaction] = attrs.field(factory=dict)
    #: Whether no report on the message arrives, so that its deadline passes.
    loses_report: bool = False

    def __str__(self) -> str:
        return self.name.replace(" ", "_")


@contextmanager
def unreachable(scene: Scene) -> Iterator[None]:
    """Let the operator be away while the message is sent."""
    with scene.operator.unreachable():
        yield


@contextmanager
def other_ids(scene: Scene) -> Iterator[None]:
    """Let the operator write IDs in its reports in another way than Kannel expects."""
    scene.operator.ids = Ids.DECIMAL_IN_REPORTS
    yield
    scene.office.await_state(scene.login, MessageState.ACCEPTED)
    wait_until(lambda: not scene.operator.unreported)
    scene.operator.ids = Ids.SAME


@contextmanager
def our_restart(scene: Scene) -> Iterator[None]:
    """Let the reports come when neither the engine nor the receiver runs."""
    with scene.operator.holding_reports():
        yield
        scene.office.await_state(scene.login, MessageState.ACCEPTED)
        scene.office.await_acceptance()
        scene.office.stop()
    wait_until(lambda: not scene.operator.unreported)
    scene.office.start()


def kannel_restart(*, hard: bool) -> Around:
    """Let Kannel be restarted before the reports come."""

    @contextmanager
    def around(scene: Scene) -> Iterator[None]:
        with scene.operator.holding_reports():
            yield
            scene.office.await_state(scene.login, MessageState.ACCEPTED)
            scene.kannel.restart(hard=hard)

    return around


def kannel_restart_while_waiting(*, hard: bool) -> Around:
    """Let Kannel be restarted while the message waits for an operator that throttles."""

    @contextmanager
    def around(scene: Scene) -> Iterator[None]:
        scene.operator.react(THROTTLED, times=None, number=scene.number)
        yield
        scene.await_submission()
        scene.operator.forget()
        scene.kannel.restart(hard=hard)

    return around


RENEWED, MISSED = (REJECTED, DELIVERED), (EXPIRED, DELIVERED)

#: Taken, and never heard of again.
LOST_AFTER_ANSWER = Reaction(states=())

TROUBLES = [
    Trouble("nothing"),
    Trouble("refused at once", (REFUSED,), RENEWED),
    Trouble("refused a second later", (REFUSED_LATER,), RENEWED),
    Trouble("undeliverable", (Reaction(states=("ENROUTE", "ACCEPTD", "UNDELIV")),), RENEWED),
    Trouble("expired at the operator", (Reaction(states=("ENROUTE", "EXPIRED")),), (EXPIRED, DELIVERED)),
    Trouble("delivered after intermediate reports", (Reaction(states=("ENROUTE", "ACCEPTD", "DELIVRD")),)),
    Trouble("delivered and then refused", (Reaction(states=("DELIVRD", "REJECTD")),)),
    Trouble("throttled", (THROTTLED,)),
    Trouble("throttled until it is given up", (THROTTLED,) * (HURRY["sms-resend-retry"] + 1), RENEWED),
    Trouble("queue full", (QUEUE_FULL,)),
    Trouble("system error", (SYSTEM_ERROR,)),
    Trouble("answer lost", (LOST_ANSWER,)),
    Trouble("message lost", (LOST_MESSAGE,)),
    Trouble("answer late", (Reaction(answer_after=0.5),)),
    Trouble("link cut before the answer", (CUT_BEFORE_ANSWER,)),
    Trouble("link cut after the answer", (CUT_AFTER_ANSWER,)),
    Trouble("operator unreachable", around=unreachable),
    Trouble("report before the answer", (REPORT_FIRST,), MISSED, loses_report=True),
    Trouble("other ids in reports", (), MISSED, other_ids, loses_report=True),
    Trouble("our restart before the report", (), (DELIVERED,), our_restart),
    Trouble("our restart before the refusal", (REFUSED_LATER,), RENEWED, our_restart),
    Trouble("restart of Kannel before the report", (), (DELIVERED,), kannel_restart(hard=False)),
    Trouble("restart of Kannel before the refusal", (REFUSED_LATER,), RENEWED, kannel_restart(hard=False)),
    Trouble("Kannel killed before the report", (), (DELIVERED,), kannel_restart(hard=True)),
    Trouble("Kannel killed before the refusal", (REFUSED_LATER,), RENEWED, kannel_restart(hard=True)),
    Trouble("restart of Kannel with a waiting message", (), (DELIVERED,), kannel_restart_while_waiting(hard=False)),
    Trouble("Kannel killed with a waiting message", (), (DELIVERED,), kannel_restart_while_waiting(hard=True)),
    Trouble("first part of two refused", ends=RENEWED, parts={1: REFUSED}),
    Trouble("second part of two refused", ends=RENEWED, parts={2: REFUSED}),
    Trouble("second part of two lost", ends=MISSED, parts={2: LOST_AFTER_ANSWER}, loses_report=True),
    Trouble("first part of two lost", ends=MISSED, parts={1: LOST_AFTER_ANSWER}, loses_report=True),
    Trouble(
        "second part of two lost and the first reported twice",
        ends=MISSED,
        parts={1: Reaction(states=("ENROUTE", "DELIVRD", "DELIVRD")), 2: LOST_AFTER_ANSWER},
        loses_report=True,
    ),
    Trouble("second part of two expired at the operator", ends=MISSED, parts={2: Reaction(states=("EXPIRED",))}),
    Trouble("second part of two reported first", parts={1: Reaction(report_after=1.0)}),
    Trouble("second part of two throttled", parts={2: THROTTLED}),
    Trouble("our restart before the reports on two parts", around=our_restart, parts={2: Reaction()}),
]

CELLS = list(itertools.product((OperationKind.CREATE, OperationKind.ROTATE), TROUBLES))

#: A text that does not fit in one message.
LONG = {"max_parts": 2, "help_desk": "0344 000 00 00 " * 6}


@pytest.fixture(name="operator", scope="module")
def _operator() -> Iterator[SmppOperator]:
    with SmppOperator.running() as operator:
        yield operator


@pytest.fixture(name="kannel", scope="module")
def _kannel(operator: SmppOperator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfiguredKannel]:
    with kannel_sample.running(operator, tmp_path_factory.mktemp("kannel"), HURRY) as kannel:
        yield kannel


@pytest.mark.parametrize(("kind", "trouble"), CELLS, ids=str)
def test_a_trouble_leaves_an_owner_with_another_password_than_the_last(
    kind: OperationKind, trouble: Trouble, operator: SmppOperator, kannel: ConfiguredKannel, tmp_path: Path
) -> None:
    number = f"+90532{CELLS.index((kind, trouble)):07d}"
    table = LONG if trouble.parts else {}
    with KannelOffice.at_work(folder=tmp_path, kannel=kannel, numbers=[number], table=table) as office:
        scene = Scene(office, operator)
        if kind is OperationKind.ROTATE:
            office.open()
            scene.end(DELIVERED)
        for reaction in trouble.reactions:
            operator.react(reaction, number=number)
        for part, reaction in trouble.parts.items():
            operator.react(reaction, number=number, part=part)
        with trouble.around(scene):
            scene.change(kind)
        for state in trouble.ends:
            if trouble.loses_report and state is EXPIRED:
                scene.miss_report()
            else:
                scene.end(state)

        earlier = (DELIVERED,) if kind is OperationKind.ROTATE else ()
        passwords = passwords_in(operator.phone(number))
        assert office.states(scene.login) == [*earlier, *trouble.ends]
        assert office.opening(scene.login, passwords) == passwords[-1:] != []
        assert [settled.told for settled in office.settled] == [None] * (len(trouble.ends) - 1)
        office.await_rest()


def test_the_matrix_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nmatrix behind Kannel: {len(CELLS)} cells")
    assert len(CELLS) == 2 * len({trouble.name for trouble in TROUBLES}) == 72
