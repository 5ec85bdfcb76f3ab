"""A target that keeps the contract, in pieces that are easily broken one by one."""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import ClassVar, cast

import attrs

from provisioner.core.api.errors import MissingError, SecretRefusedError
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    CONTAINER,
    ENTITLEMENTS,
    AccountComparison,
    AccountPage,
    AccountReport,
    AttributeChange,
    Capabilities,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    EndSessions,
    Entitlements,
    HandOver,
    ListedAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    ProbeSessions,
    Receipt,
    RenameAccount,
    RotateSecret,
    SessionsReport,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.model import OperationKind, Outcome, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.faults import Fault, Faults, FaultTarget

CHANGES = frozenset(
    {
        "account_create",
        "account_close",
        "account_rotate",
        "account_handover",
        "account_update",
        "account_rename",
    }
)

#: The systems themselves, which the targets do not hold: there are passwords in them.
SYSTEMS: dict[int, dict[str, Entry]] = defaultdict(dict)

#: How many accounts a page of the list has.
PAGE = 2

_numbers = itertools.count()


@attrs.frozen(kw_only=True)
class Entry:
    """One account."""

    unit: str
    holder: Person
    password: str = attrs.field(repr=False)
    enabled: bool = True
    #: What others gave it.
    grants: frozenset[str] = frozenset()
    #: The code of the unit above its unit.
    container: str = ""
    #: What the product gave it.
    entitlements: frozenset[str] = frozenset()

    def entitled(self, wanted: Entitlements) -> Entry:
        return attrs.evolve(self, entitlements=(self.entitlements | wanted.granted) - wanted.withdrawn)


@attrs.define
class Server:
    """The sessions and the cache of a system."""

    #: How many sessions each login has open.
    sessions: dict[str, set[int]] = attrs.field(factory=lambda: defaultdict(set))
    #: The password that each spelling logs in with; ``None`` if the account was unknown.
    cache: dict[str, str | None] = attrs.field(factory=dict)


#: What the systems remember of log-ins.
SERVERS: dict[int, Server] = defaultdict(Server)


def changes(entry: Entry, unit: Unit, holder: Person | None) -> tuple[AttributeChange, ...]:
    """Return what an update would change."""
    pairs = [("unit", entry.unit, unit.name), ("holder", entry.holder.name, (holder or entry.holder).name)]
    return tuple(AttributeChange(name=name, removes=(old,), adds=(new,)) for name, old, new in pairs if old != new)


def moves(entry: Entry, planned: PlannedChange) -> tuple[AttributeChange, ...]:
    """Return whether an update would move an account."""
    new = planned.unit.parent or ""
    if planned.kind is not OperationKind.UPDATE or new == entry.container:
        return ()
    return (AttributeChange(name=CONTAINER, removes=(entry.container,), adds=(new,)),)


@attrs.define(eq=False, repr=False)
class Reference:
    """Accounts in memory, with rules for passwords."""

    #: What its siblings raise: one with wrong credentials, one whose system is out of reach, one that is throttled.
    wrong_credentials: ClassVar[Fault] = Fault.MISCONFIGURED
    unreachable: ClassVar[Fault] = Fault.CANNOT_CONNECT
    throttled: ClassVar[Fault] = Fault.THROTTLE
    #: The only checks worth the time that its fault takes; all, if there are none.
    only: ClassVar[tuple[str, ...]] = ()
    #: How many seconds its checks give a call. Less than the pauses of a busy machine only if a fault takes that time.
    patience: ClassVar[float] = 60.0
    #: The hooks that it is said to be without.
    cannot: ClassVar[tuple[str, ...]] = ()

    system: int = attrs.field(factory=lambda: next(_numbers))
    lock: threading.RLock = attrs.field(factory=threading.RLock)

    @property
    def entries(self) -> dict[str, Entry]:
        return SYSTEMS[self.system]

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        return self.create(request)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        return self.close(request)

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        return self.rotate(request)

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        return self.hand_over(request)

    @hookimpl
    def account_update(self, request: UpdateAccount) -> Receipt:
        return self.update(request)

    @hookimpl
    def account_rename(self, request: RenameAccount) -> Receipt:
        return self.rename(request)

    @hookimpl
    def account_compare(self, request: CompareAccount) -> AccountComparison:
        return AccountComparison(changes=self.compare(request))

    @hookimpl
    def account_delete(self, request: DeleteAccount) -> Receipt:
        return self.delete(request)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        return self.probe(request)

    @hookimpl
    def sessions_end(self, request: EndSessions) -> Receipt:
        return self.end_sessions(request)

    @hookimpl
    def sessions_probe(self, request: ProbeSessions) -> SessionsReport:
        return self.probe_sessions(request)

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        return self.pages()

    @hookimpl
    def target_check(self) -> TargetReport:
        return TargetReport(capabilities=self.capabilities(), foresees=True)

    def capabilities(self) -> Capabilities:
        return Capabilities(undoes=CHANGES, ends_sessions=True, sets_entitlements=True, moves_accounts=True)

    def create(self, request: CreateAccount) -> Receipt:
        password, former = self.accepted(request.secret), self.entries.get(request.account.login)
        entry = Entry(
            unit=request.unit.name, holder=request.holder, password=password, container=request.unit.parent or ""
        )
        if former:
            entry = attrs.evolve(
                entry, grants=former.grants, entitlements=former.entitlements, container=former.container
            )
        return self.put(request.account.login, entry.entitled(request.entitlements))

    def close(self, request: CloseAccount) -> Receipt:
        entry = self.entries.get(request.account.login)
        if entry is None or not entry.enabled:
            return Receipt(outcome=Outcome.UNCHANGED)
        closed = attrs.evolve(entry, enabled=False)
        return self.put(request.account.login, closed.entitled(request.entitlements))

    def rotate(self, request: RotateSecret) -> Receipt:
        entry, password = self.there(request.account.login), self.accepted(request.secret)
        return self.put(request.account.login, attrs.evolve(entry, password=password))

    def hand_over(self, request: HandOver) -> Receipt:
        entry, password = self.there(request.account.login), self.accepted(request.secret)
        handed_over = attrs.evolve(entry, password=password, holder=request.holder)
        return self.put(request.account.login, handed_over.entitled(request.entitlements))

    def update(self, request: UpdateAccount) -> Receipt:
        entry = self.there(request.account.login)
        updated = attrs.evolve(entry, unit=request.unit.name, holder=request.holder or entry.holder)
        updated = updated.entitled(request.entitlements)
        return Receipt(outcome=Outcome.UNCHANGED) if updated == entry else self.put(request.account.login, updated)

    def rename(self, request: RenameAccount) -> Receipt:
        entry, container = self.there(request.account.login), request.unit.parent or ""
        if entry.container == container:
            return Receipt(outcome=Outcome.UNCHANGED)
        return self.put(request.account.login, attrs.evolve(entry, container=container))

    def compare(self, request: CompareAccount) -> tuple[AttributeChange, ...]:
        entry = cast("Entry", request.listed.entry)
        wanted = entry.entitled(request.entitlements).entitlements
        rights = AttributeChange.between(ENTITLEMENTS, sorted(entry.entitlements), sorted(wanted))
        return (*changes(entry, request.unit, request.holder), *(() if rights.is_empty else (rights,)))

    def delete(self, request: DeleteAccount) -> Receipt:
        require_lease()
        gone = self.entries.pop(request.account.login, None)
        return Receipt(outcome=Outcome.APPLIED if gone else Outcome.UNCHANGED)

    def pages(self) -> Iterator[AccountPage]:
        entries = list(self.entries.items())
        for start in range(0, len(entries), PAGE):
            yield AccountPage(accounts=tuple(itertools.starmap(self.listed, entries[start : start + PAGE])))
        yield AccountPage(is_last=True)

    def limited(self) -> object:
        """Return the same target, behind something that stops a list at its second page."""
        faults = Faults()
        faults.on("account_list", Fault.REFUSE, {2})
        return FaultTarget(self, faults)

    def listed(self, login: str, entry: Entry) -> ListedAccount:
        presence = Presence.ENABLED if entry.enabled else Presence.DISABLED
        return ListedAccount(login=login, presence=presence, holder=entry.holder.id, entry=entry)

    def probe(self, request: ProbeAccount) -> AccountReport:
        entry = self.entries.get(request.account.login)
        if entry is None:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=False if request.secret else None)
        return AccountReport(
            presence=Presence.ENABLED if entry.enabled else Presence.DISABLED,
            secret_accepted=self.takes(entry, request.secret.reveal()) if request.secret else None,
            attributes=self.shown(entry),
            changes=self.foreseen(entry, request.planned) if request.planned else (),
        )

    def foreseen(self, entry: Entry, planned: PlannedChange) -> tuple[AttributeChange, ...]:
        return (*changes(entry, planned.unit, planned.holder), *moves(entry, planned))

    def takes(self, entry: Entry, password: str) -> bool:
        return entry.enabled and entry.password == password

    def shown(self, entry: Entry) -> dict[str, str]:
        return {"unit": entry.unit, "name": entry.holder.name, "title": entry.holder.title, "id": entry.holder.id}

    def accepted(self, secret: Secret) -> str:
        if len(secret.reveal()) < 8:
            raise SecretRefusedError("it is too short")
        return secret.reveal()

    def there(self, login: str) -> Entry:
        entry = self.entries.get(login)
        if entry is None:
            raise self.missing(login)
        return entry

    def missing(self, login: str) -> Exception:
        return MissingError("there is no account {login}", login=login)

    def put(self, login: str, entry: Entry) -> Receipt:
        with self.lock:
            former = self.entries.get(login)
            require_lease()
            self.entries[login] = entry
        return Receipt(outcome=Outcome.APPLIED, undo=self.undo(login, former))

    def undo(self, login: str, former: Entry | None) -> Callable[[], None] | None:
        def restore() -> None:
            require_lease()
            if former is None:
                self.entries.pop(login, None)
            else:
                self.entries[login] = former

        return restore

    def grant(self, login: str) -> Callable[[], bool]:
        self.entries[login] = attrs.evolve(self.entries[login], grants=frozenset({"wiki"}))
        return lambda: "wiki" in self.entries[login].grants

    @property
    def server(self) -> Server:
        return SERVERS[self.system]

    def open_session(self, spelling: str, password: str) -> Callable[[], bool]:
        login, session = spelling.partition("@")[0], next(_numbers)
        if self.remembers(spelling, login, password):
            self.server.sessions[login].add(session)

        def goes_on() -> bool:
            entry = self.entries.get(login)
            is_open = session in self.server.sessions[login]
            return is_open and entry is not None and self.session_goes_on(entry)

        return goes_on

    def remembers(self, spelling: str, login: str, password: str) -> bool:
        """Log in as a server with a cache does."""
        cache = self.server.cache
        if spelling in cache and cache[spelling] in {None, password}:
            return cache[spelling] is not None
        if works := self.logs_in(login, password):
            cache[spelling] = password
        elif login not in self.entries:
            cache[spelling] = None
        return works

    def probe_sessions(self, request: ProbeSessions) -> SessionsReport:
        return SessionsReport(count=len(self.server.sessions[request.account.login]))

    def end_sessions(self, request: EndSessions) -> Receipt:
        require_lease()
        ended = self.forget(request) + self.end_open(request)
        return Receipt(outcome=Outcome.APPLIED if ended else Outcome.UNCHANGED)

    def forget(self, request: EndSessions) -> int:
        return sum(self.server.cache.pop(spelling, "") != "" for spelling in request.spellings)

    def end_open(self, request: EndSessions) -> int:
        return len(self.server.sessions.pop(request.account.login, ()))

    def session_goes_on(self, entry: Entry) -> bool:
        return entry.enabled

    def logs_in(self, login: str, password: str) -> bool:
        """Say what a log-in by other means says."""
        entry = self.entries.get(login)
        return entry is not None and self.takes(entry, password)
