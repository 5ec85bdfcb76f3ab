"""A target and a channel that live in memory and behave as the contract says.

They serve as the example of a complete plug-in, as the reference that the contract suite is held against, and as the
replacement of real systems in test harnesses. In a configuration they are the plug-in ``memory``; what is in memory is
gone when the command ends.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from typing import cast

import attrs

from provisioner.core.api.errors import MissingError
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
    ChannelReport,
    CheckChannel,
    CloseAccount,
    CompareAccount,
    CreateAccount,
    DeleteAccount,
    DeliverNotice,
    DeliverSecret,
    DeliveryReceipt,
    DeliveryState,
    Entitlements,
    HandOver,
    ListedAccount,
    PlannedChange,
    Presence,
    ProbeAccount,
    ProbeDelivery,
    Receipt,
    RenameAccount,
    RotateSecret,
    TargetReport,
    UpdateAccount,
)
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.model import OperationKind, Outcome, Person, Unit
from provisioner.core.model.secret import Secret


@attrs.frozen
class _MemoryAccount:
    """One account as the target has it."""

    salt: bytes
    digest: bytes
    enabled: bool
    attributes: Mapping[str, str]
    entitlements: frozenset[str] = frozenset()
    locked: bool = False
    #: The code of the unit above the account's unit; empty at the top.
    container: str = ""

    @property
    def holder(self) -> str:
        return self.attributes.get("holder", "")

    def lets_in(self, secret: Secret) -> bool:
        return self.enabled and not self.locked and secrets.compare_digest(self.digest, _digest(secret, self.salt))

    def with_secret(self, secret: Secret) -> _MemoryAccount:
        salt = secrets.token_bytes(8)
        # Not with attrs.evolve, which takes longer than all the rest: benchmarks measure what is around this target.
        return _MemoryAccount(
            salt=salt,
            digest=_digest(secret, salt),
            enabled=self.enabled,
            attributes=self.attributes,
            entitlements=self.entitlements,
            container=self.container,
        )

    def with_entitlements(self, wanted: Entitlements) -> _MemoryAccount:
        return attrs.evolve(self, entitlements=(self.entitlements | wanted.granted) - wanted.withdrawn)

    def moved(self, unit: Unit) -> _MemoryAccount:
        return attrs.evolve(self, container=unit.parent or "")

    def updated(self, request: _Described) -> _MemoryAccount:
        attributes = _attributes(request.unit, request.holder, self.attributes)
        return attrs.evolve(self, attributes=attributes).with_entitlements(request.entitlements)


def _digest(secret: Secret, salt: bytes) -> bytes:
    return hashlib.sha256(salt + secret.reveal().encode()).digest()


#: How many accounts a page of the list has.
PAGE = 1000


#: The hooks whose receipts have an undo.
_UNDOES = frozenset(
    {
        "account_create",
        "account_close",
        "account_rotate",
        "account_handover",
        "account_update",
        "account_rename",
    }
)

#: What says how an account shall be.
_Described = CreateAccount | HandOver | UpdateAccount | CompareAccount | PlannedChange


def _attributes(unit: Unit, holder: Person | None, former: Mapping[str, str]) -> Mapping[str, str]:
    if holder is None:
        return {**former, "unit": unit.name}
    return {"unit": unit.name, "holder": holder.id, "name": holder.name}


def _changes(former: _MemoryAccount, new: _MemoryAccount) -> tuple[AttributeChange, ...]:
    changes = [
        AttributeChange.between(name, _values(former.attributes.get(name)), (value,))
        for name, value in new.attributes.items()
    ]
    rights = AttributeChange.between(ENTITLEMENTS, sorted(former.entitlements), sorted(new.entitlements))
    place = AttributeChange.between(CONTAINER, (former.container,), (new.container,))
    return tuple(change for change in (*changes, rights, place) if not change.is_empty)


def _planned(former: _MemoryAccount, request: PlannedChange) -> _MemoryAccount:
    """Return the account after a planned change. Only an update moves it."""
    new = former.updated(request)
    return new.moved(request.unit) if request.kind is OperationKind.UPDATE else new


def _values(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _listed(login: str, entry: _MemoryAccount) -> ListedAccount:
    return ListedAccount(
        login=login,
        presence=Presence.ENABLED if entry.enabled else Presence.DISABLED,
        holder=entry.holder,
        attributes=entry.attributes,
        lock="locked" if entry.locked else "",
        entry=entry,
    )


@attrs.define(eq=False)
class MemoryTarget:
    """A directory in memory. Safe to share between threads.

    It keeps salted hashes only, so that a search through the memory of a test finds no password in it.
    """

    _entries: dict[str, _MemoryAccount] = attrs.field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        """Make, enable and set."""
        with self._lock:
            former = self._entries.get(request.account.login)
            bare = former or _MemoryAccount(b"", b"", enabled=True, attributes={}).moved(request.unit)
            entry = attrs.evolve(bare.updated(request).with_secret(request.secret), enabled=True)
            return self._put(request.account.login, entry, former)

    @hookimpl
    def account_close(self, request: CloseAccount) -> Receipt:
        """Disable."""
        with self._lock:
            former = self._entries.get(request.account.login)
            if former is None:
                return Receipt(outcome=Outcome.UNCHANGED)
            entry = attrs.evolve(former, enabled=False).with_entitlements(request.entitlements)
            return self._replace(request.account.login, entry, former)

    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        """Set."""
        with self._lock:
            former = self._present(request.account.login)
            return self._put(request.account.login, former.with_secret(request.secret), former)

    @hookimpl
    def account_handover(self, request: HandOver) -> Receipt:
        """Set, with another holder."""
        with self._lock:
            former = self._present(request.account.login)
            return self._put(request.account.login, former.updated(request).with_secret(request.secret), former)

    @hookimpl
    def account_update(self, request: UpdateAccount) -> Receipt:
        """Set attributes and entitlements."""
        with self._lock:
            former = self._present(request.account.login)
            return self._replace(request.account.login, former.updated(request), former)

    @hookimpl
    def account_rename(self, request: RenameAccount) -> Receipt:
        """Move below the unit that is above the account's unit now."""
        with self._lock:
            former = self._present(request.account.login)
            return self._replace(request.account.login, former.moved(request.unit), former)

    @hookimpl
    def account_delete(self, request: DeleteAccount) -> Receipt:
        """Forget."""
        with self._lock:
            require_lease()
            former = self._entries.pop(request.account.login, None)
        return Receipt(outcome=Outcome.APPLIED if former else Outcome.UNCHANGED)

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        """Look, and log in."""
        with self._lock:
            entry = self._entries.get(request.account.login)
        if entry is None:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=False if request.secret else None)
        return AccountReport(
            presence=Presence.ENABLED if entry.enabled else Presence.DISABLED,
            secret_accepted=entry.lets_in(request.secret) if request.secret else None,
            attributes=entry.attributes,
            changes=_changes(entry, _planned(entry, request.planned)) if request.planned else (),
        )

    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        """List all, in pages."""
        with self._lock:
            entries = list(self._entries.items())
        for start in range(0, len(entries), PAGE):
            yield AccountPage(accounts=tuple(_listed(*item) for item in entries[start : start + PAGE]))
        yield AccountPage(is_last=True)

    @hookimpl
    def account_compare(self, request: CompareAccount) -> AccountComparison:
        """Compare what was listed."""
        entry = cast("_MemoryAccount", request.listed.entry)
        return AccountComparison(changes=_changes(entry, entry.updated(request).moved(request.unit)))

    @hookimpl
    def target_check(self) -> TargetReport:
        """Always there."""
        return TargetReport(
            capabilities=Capabilities(sets_entitlements=True, moves_accounts=True, undoes=_UNDOES), foresees=True
        )

    def logs_in(self, login: str, password: str) -> bool:
        """Say whether a user could log in with this password now."""
        entry = self._entries.get(login)
        return entry is not None and entry.lets_in(Secret(password))

    def has(self, login: str) -> bool:
        """Say whether there is an account with this login."""
        return login in self._entries

    def lock(self, login: str) -> None:
        """Let nobody log in before the next password is set, as directories do after too many wrong ones."""
        with self._lock:
            self._entries[login] = attrs.evolve(self._present(login), locked=True)

    def _present(self, login: str) -> _MemoryAccount:
        try:
            return self._entries[login]
        except KeyError:
            raise MissingError("there is no account {login}", login=login) from None

    def _replace(self, login: str, entry: _MemoryAccount, former: _MemoryAccount) -> Receipt:
        return Receipt(outcome=Outcome.UNCHANGED) if entry == former else self._put(login, entry, former)

    def _put(self, login: str, entry: _MemoryAccount, former: _MemoryAccount | None) -> Receipt:
        require_lease()
        self._entries[login] = entry
        return Receipt(outcome=Outcome.APPLIED, undo=partial(self._restore, login, former))

    def _restore(self, login: str, former: _MemoryAccount | None) -> None:
        with self._lock:
            require_lease()
            if former is None:
                del self._entries[login]
            else:
                self._entries[login] = former


@attrs.frozen
class MemoryMessage:
    """A message with a password on a phone in memory."""

    delivery_id: str
    number: str
    login: str
    password: str = attrs.field(repr=False)
    replaces_earlier: bool


@attrs.frozen
class MemoryNotice:
    """A message without any secret on a phone in memory."""

    delivery_id: str
    number: str
    text: str


@attrs.define(eq=False)
class MemoryChannel:
    """Phones in memory. Safe to share between threads."""

    _messages: dict[str, MemoryMessage] = attrs.field(factory=dict, init=False, repr=False)
    _notices: dict[str, MemoryNotice] = attrs.field(factory=dict, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        """Put the message on the phone, once."""
        number = request.recipient.mobile
        if not number:
            return DeliveryReceipt(state=DeliveryState.REJECTED, detail="no mobile number")
        with self._lock:
            require_lease()
            message = MemoryMessage(
                request.delivery_id, number, request.account.login, request.secret.reveal(), request.replaces_earlier
            )
            self._messages.setdefault(message.delivery_id, message)
        return DeliveryReceipt(state=DeliveryState.DELIVERED, reference=request.delivery_id)

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        """Put the notice on the phone, once."""
        number = request.recipient.mobile
        if not number:
            return DeliveryReceipt(state=DeliveryState.REJECTED, detail="no mobile number")
        with self._lock:
            require_lease()
            self._notices.setdefault(request.delivery_id, MemoryNotice(request.delivery_id, number, request.text))
        return DeliveryReceipt(state=DeliveryState.DELIVERED, reference=request.delivery_id)

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Look on the phones."""
        with self._lock:
            there = request.delivery_id in self._messages or request.delivery_id in self._notices
        return DeliveryReceipt(state=DeliveryState.DELIVERED if there else DeliveryState.MISSING)

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        """Reach everybody who has a number."""
        return ChannelReport(
            unreachable={person.id: "no mobile number" for person in request.recipients if not person.mobile}
        )

    def inbox(self, number: str) -> list[MemoryMessage]:
        """Return the messages with passwords on one phone, the oldest first."""
        with self._lock:
            return [message for message in self._messages.values() if message.number == number]

    def notices(self, number: str) -> list[MemoryNotice]:
        """Return the messages without any secret on one phone, the oldest first."""
        with self._lock:
            return [notice for notice in self._notices.values() if notice.number == number]


@hookimpl
def provisioner_register(settings: PluginSettings, register: Registrar) -> None:
    """Make an empty target or channel for each that is configured."""
    for section in settings.targets:
        register.target(section.name, MemoryTarget())
    for section in settings.channels:
        register.channel(section.name, MemoryChannel())
