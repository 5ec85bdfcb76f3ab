"""A unit, a person, an account and requests about them, for tests that need some."""

from __future__ import annotations

from provisioner.core.api.messages import (
    CloseAccount,
    CreateAccount,
    DeleteAccount,
    DeliverNotice,
    DeliverSecret,
    EndSessions,
    HandOver,
    ProbeAccount,
    ProbeSessions,
    RenameAccount,
    RotateSecret,
    UpdateAccount,
)
from provisioner.core.model import Account, OperationKind, Person, Unit
from provisioner.core.model.secret import Secret

UNIT = Unit(code="46-TEM", name="Temel Eğitim Şube Müdürlüğü", kind="branch", login="temelegitim46", custodian="1001")
HOLDER = Person(id="1001", name="Ayşe Işık", unit="46-TEM", title="Şef", mobile="+905321234567")
SUCCESSOR = Person(id="1002", name="İsmail Çağlar", unit="46-TEM", title="Memur", mobile="+905337654321")
ACCOUNT = Account(login="temelegitim46", domain="meb.gov.tr", unit="46-TEM", holder="1001")
SECRET = Secret("Kx7!mPq2?vRt9")
OTHER_SECRET = Secret("Zw4=hJn8+bGy3")


def create(account: Account = ACCOUNT, secret: Secret = SECRET) -> CreateAccount:
    """Return a request to create."""
    return CreateAccount(operation_id="op-1", account=account, unit=UNIT, holder=HOLDER, secret=secret)


def close(account: Account = ACCOUNT) -> CloseAccount:
    """Return a request to close."""
    return CloseAccount(operation_id="op-1", account=account, unit=UNIT)


def rotate(account: Account = ACCOUNT, secret: Secret = OTHER_SECRET) -> RotateSecret:
    """Return a request to rotate."""
    return RotateSecret(operation_id="op-1", account=account, unit=UNIT, secret=secret)


def handover(account: Account = ACCOUNT, secret: Secret = OTHER_SECRET) -> HandOver:
    """Return a request to hand over."""
    return HandOver(operation_id="op-1", account=account, unit=UNIT, outgoing=HOLDER, holder=SUCCESSOR, secret=secret)


def update(account: Account = ACCOUNT, unit: Unit = UNIT, holder: Person | None = HOLDER) -> UpdateAccount:
    """Return a request to update."""
    return UpdateAccount(operation_id="op-1", account=account, unit=unit, holder=holder)


def rename(account: Account = ACCOUNT, unit: Unit = UNIT, parent: Unit | None = None) -> RenameAccount:
    """Return a request to move to the container of its unit."""
    return RenameAccount(operation_id="op-1", account=account, unit=unit, parent=parent)


def delete(account: Account = ACCOUNT) -> DeleteAccount:
    """Return a request to delete."""
    return DeleteAccount(operation_id="op-1", account=account, unit=UNIT)


def end_sessions(after: OperationKind = OperationKind.CLOSE, secret: Secret | None = None) -> EndSessions:
    """Return a request to end the sessions of the account."""
    spellings = (ACCOUNT.login, ACCOUNT.mail)
    return EndSessions(operation_id="op-1", account=ACCOUNT, unit=UNIT, after=after, spellings=spellings, secret=secret)


def probe_sessions() -> ProbeSessions:
    """Return a request to count the sessions of the account."""
    return ProbeSessions(account=ACCOUNT, spellings=(ACCOUNT.login, ACCOUNT.mail))


def probe(secret: Secret | None = None, account: Account = ACCOUNT) -> ProbeAccount:
    """Return a request to probe."""
    return ProbeAccount(account=account, secret=secret)


def deliver(secret: Secret = SECRET, delivery_id: str = "op-1-1-sms") -> DeliverSecret:
    """Return a request to deliver."""
    return DeliverSecret(operation_id="op-1", delivery_id=delivery_id, account=ACCOUNT, recipient=HOLDER, secret=secret)


def notice(text: str = "temelegitim46@meb.gov.tr: parolanızın süresi 3 gün sonra doluyor") -> DeliverNotice:
    """Return a request to deliver a notice."""
    return DeliverNotice(delivery_id="notice-1", recipient=HOLDER, text=text)
