from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import attrs
import pytest

from provisioner.core.api.events import (
    Event,
    OperationEnded,
    OperationPlanned,
    OperationStarted,
    StepBegun,
    StepEnded,
)
from provisioner.core.model import (
    Account,
    AccountState,
    Handover,
    Operation,
    OperationKind,
    OperationState,
    Outcome,
    Step,
    StepError,
    TargetState,
    Unit,
)
from provisioner.store import Store
from tests.planted import plant
from tests.postgresql_stores import StoreServer

EventT = TypeVar("EventT", bound=Event)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@attrs.define
class Clock:
    """A clock that stands still until it is moved, and the clock of the database with it."""

    time: datetime = NOON
    _tell: Callable[[datetime], object] = lambda _: None

    def __call__(self) -> datetime:
        return self.time

    def move(self, by: timedelta) -> None:
        self.time += by
        self._tell(self.time)


@attrs.define
class Story:
    """Tells the events of one operation on one account."""

    login: str
    unit: str = "46"
    id: str = ""
    at: datetime = NOON
    account: Account = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.id = self.id or f"op-{self.login}"
        self.account = Account(login=self.login, domain="meb.gov.tr", unit=self.unit)

    @property
    def operation(self) -> Operation:
        return Operation(
            id=self.id, kind=OperationKind.CREATE, login=self.login, actor="p1", created_at=self.at, holder="p2"
        )

    @property
    def opened(self) -> Account:
        return attrs.evolve(self.account, state=AccountState.OPEN, holder="p2", password_changed_at=self.at)

    def planned(self, *, opened: bool = False) -> OperationPlanned:
        """Tell of the plan; *opened* if an earlier operation has opened the account by then."""
        account = self.opened if opened else self.account
        return self._event(OperationPlanned, operation=self.operation, account=account)

    def started(self, tries: int = 1) -> OperationStarted:
        return self._event(OperationStarted, tries=tries)

    def begun(self, position: int = 0) -> StepBegun:
        return self._event(StepBegun, position=position, step=Step(name="mail", hook="account_create", attempts=1))

    def ended(self, position: int = 0, target_state: TargetState | None = TargetState.OPEN) -> StepEnded:
        step = Step(name="mail", hook="account_create", attempts=2, outcome=Outcome.APPLIED, reference="uid=x")
        return self._event(StepEnded, position=position, step=step, target_state=target_state)

    def finished(self, state: OperationState = OperationState.DONE, **more: object) -> OperationEnded:
        return self._event(OperationEnded, state=state, **{"account": self.opened, **more})

    def stuck(self, next_try_at: datetime | None) -> OperationEnded:
        account = attrs.evolve(self.account, state=AccountState.INCOMPLETE)
        error = StepError(name="UnavailableError", message="mail is down", cure="start it")
        return self.finished(OperationState.INCOMPLETE, account=account, next_try_at=next_try_at, error=error)

    def submissions(self) -> list[tuple[Event, ...]]:
        """Return what the engine writes for an operation with two steps."""
        return [
            (self.planned(),),
            (self.started(), self.begun(0)),
            (self.ended(0), self.begun(1)),
            (self.ended(1), self.finished()),
        ]

    def _event(self, make: Callable[..., EventT], **facts: object) -> EventT:
        return make(at=self.at, operation_id=self.id, login=self.login, actor="p1", **facts)


@pytest.fixture
def story() -> type[Story]:
    return Story


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test of a store on both databases, unless it is about one of them."""
    if "url" not in metafunc.fixturenames:
        return
    marks = [pytest.mark.slow, pytest.mark.server("postgresql")]
    databases = {"sqlite": "sqlite", "postgresql": pytest.param("postgresql", marks=marks)}
    only = [name for name in databases if any(metafunc.definition.iter_markers(name))]
    metafunc.parametrize("url", [databases[name] for name in only or databases], indirect=True)


@pytest.fixture
def clock(request: pytest.FixtureRequest) -> Clock:
    if "url" not in request.fixturenames or (url := request.getfixturevalue("url")).startswith("sqlite"):
        return Clock()
    server: StoreServer = request.getfixturevalue("store_server")
    clock = Clock(tell=lambda time: server.set_clock(url, time))
    clock.move(timedelta())
    return clock


@pytest.fixture
def running_clock(request: pytest.FixtureRequest, clock: Clock, url: str) -> None:
    """Let the clock of the database run again, for stores that are opened without a clock."""
    if url.startswith("postgresql"):
        server: StoreServer = request.getfixturevalue("store_server")
        server.set_clock(url, None)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a store may be made, or was made already."""
    if getattr(request, "param", "sqlite") == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    monkeypatch.chdir(tmp_path)
    server: StoreServer = request.getfixturevalue("store_server")
    url = server.new(empty="made_tables" in request.fixturenames)
    yield url
    server.give_back(url)


@pytest.fixture
def store(url: str, clock: Clock) -> Iterator[Store]:
    """A store with one unit and an empty audit_log."""
    with Store.create(url, now=clock) as store:
        plant(url)
        yield store


@pytest.fixture
def town(store: Store) -> Store:
    """46 has the districts 46.1 and 46.2; 46.1 has two schools."""
    parents = {"46.1": "46", "46.2": "46", "46.1.b": "46.1", "46.1.a": "46.1"}
    store.units.save(Unit(code=code, name=code, kind="office", parent=parent) for code, parent in parents.items())
    return store


@pytest.fixture
def record(store: Store, story: type[Story], clock: Clock) -> Handover:
    """The record of a handover from p1 to p2 that was carried out."""
    tale = story("a")
    record = Handover(
        operation_id=tale.id,
        login="a",
        mail="a@meb.gov.tr",
        unit="46",
        unit_name="Kahramanmaraş",
        outgoing="p1",
        outgoing_name="Ayşe",
        incoming="p2",
        incoming_name="Işıl",
        actor="p9",
        reason="atama",
        begun_at=clock(),
        finished_at=clock() + timedelta(hours=1),
    )
    store.write(tale.planned())
    store.write(tale.started(), tale.finished(handover=record))
    return record
