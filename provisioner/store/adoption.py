"""What the adoption of an account changes: the account itself, and what is known of it on the targets that list it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import bindparam, exists, insert, or_, select

from provisioner.core.api.events import Event
from provisioner.core.model import AccountKind
from provisioner.core.reconcile.adoption import AccountAdopted
from provisioner.store.db.rows import MUST_FIND, Change, as_row, put
from provisioner.store.db.tables import account_targets, accounts

_NEW = {column.name: bindparam(f"new_{column.name}", type_=column.type) for column in accounts.columns}
_IS_TAKEN = exists().where(
    or_(accounts.c.login == _NEW["login"], (accounts.c.unit == _NEW["unit"]) & (accounts.c.kind == AccountKind.UNIT))
)
#: Adds an account, unless the login is known or the unit has an account.
_ADOPT = (
    insert(accounts)
    .from_select(list(_NEW), select(*_NEW.values()).where(~_IS_TAKEN))
    .execution_options(**{MUST_FIND: True})
)
_PUT_TARGET = put(account_targets)


def _adopted(event: AccountAdopted) -> Iterable[Change]:
    yield _ADOPT, {f"new_{name}": value for name, value in as_row(event.account).items()}
    for target, state in event.targets.items():
        yield _PUT_TARGET, {"login": event.login, "target": target, "state": state}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {AccountAdopted: _adopted}
