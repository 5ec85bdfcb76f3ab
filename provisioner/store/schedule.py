"""The stored deadlines, and which rule sets they were computed with."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, delete, update

from provisioner.core.api.events import RulesChanged
from provisioner.store.db.rows import Change, add, put
from provisioner.store.db.tables import accounts, rule_sets, schedule

_KEEP_RULE_SET = add(rule_sets)
_DROP_RULE_SET = delete(rule_sets).where(rule_sets.c.name == bindparam("this"))
_BEGIN = put(schedule)

#: Set the deadline of an account that is still as it was when the deadline was computed.
SET_DEADLINE = (
    update(accounts)
    .where(
        accounts.c.login == bindparam("this"),
        accounts.c.state == bindparam("as_state"),
        accounts.c.password_changed_at.is_not_distinct_from(bindparam("as_changed")),
    )
    .values(next_deadline=bindparam("deadline"), next_action=bindparam("action"), closes_at=bindparam("closes"))
)
MOVE_CURSOR = update(schedule).values(cursor=bindparam("reached"))
#: Let the next sweep compute all deadlines anew.
FORGET = update(schedule).values(fingerprint="")


def changed(event: RulesChanged) -> Iterable[Change]:
    """Note which rule sets hold, keep since when, and begin to compute from the first login on."""
    for name in event.rule_sets:
        yield _KEEP_RULE_SET, {"name": name, "since": event.at}
    for name in event.gone:
        yield _DROP_RULE_SET, {"this": name}
    yield _BEGIN, {"id": 1, "fingerprint": event.fingerprint, "cursor": ""}
