"""How old the passwords are, by unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.text import Text
from provisioner.services.parts import Clock
from provisioner.store import Store

#: The last day of each span of ages. Older passwords are in one more span.
LAST_DAYS = (7, 14, 21, 30)


@attrs.frozen(kw_only=True)
class UnitAges:
    """The ages of the passwords of a unit and of the units below it."""

    unit: Unit
    #: Whether only the unit itself counts, and not the units below it.
    is_alone: bool = False
    #: How many accounts are in each span of :data:`LAST_DAYS`, then how many are older.
    counts: Sequence[int]

    @property
    def total(self) -> int:
        """The number of open accounts."""
        return sum(self.counts)

    def percent(self, span: int) -> int:
        """Return the share of a span, in percent."""
        return round(100 * self.counts[span] / self.total) if self.total else 0


@attrs.frozen(kw_only=True)
class AgesOverview:
    """The ages of passwords, as one person may read them."""

    #: The units from the top to the chosen one; empty at the top.
    path: Sequence[Unit] = ()
    rows: Sequence[UnitAges] = ()


@attrs.frozen(kw_only=True)
class PasswordAges:
    """Tells how old passwords are.

    Args:

        store: The stored data.

        authority: Decides who may read it.

        now: The clock.
    """

    store: Store
    authority: Authority
    now: Clock

    def of(self, *, viewer: str, unit: str | None = None) -> AgesOverview:
        """Return the ages of the passwords of open accounts, by unit.

        Args:

            viewer: Who reads it. Accounts that this person may not read are left out.

            unit: The code of a unit: it and each unit right below it are a row. By default, the unit at the top of what
                the viewer may read; if there are several, each of them is a row.

        Raises:

            InputError: There is no such unit.

            StoreError: The store failed.
        """
        units = {each.code: each for each in self.store.units.all()}
        if unit is not None and unit not in units:
            raise InputError([Problem(field="unit", message=Text("there is no unit {code}", {"code": unit}))])
        found = self.store.accounts.find(state=AccountState.OPEN, under=unit)
        accounts = list(Privacy(self.authority, viewer).readable(found))
        known = [account for account in accounts if account.unit in units]
        tops = {unit} if unit else _tops({account.unit for account in known}, units)
        chosen = next(iter(tops)) if len(tops) == 1 else None
        return AgesOverview(path=list(_path(chosen, units))[::-1], rows=_rows(known, units, tops, chosen, self.now()))


def _rows(
    known: Iterable[Account], units: Mapping[str, Unit], tops: set[str], chosen: str | None, now: datetime
) -> Sequence[UnitAges]:
    counted: dict[str, Counter[int]] = {}
    for account in known:
        row = _row_of(account.unit, units, tops, is_below=chosen is not None)
        counted.setdefault(row, Counter())[_span(account, now)] += 1
    spans = range(len(LAST_DAYS) + 1)
    return [
        UnitAges(unit=units[code], is_alone=code == chosen, counts=[counts[span] for span in spans])
        for code, counts in sorted(counted.items(), key=lambda item: (item[0] != chosen, units[item[0]].name))
    ]


def _row_of(code: str, units: Mapping[str, Unit], tops: set[str], *, is_below: bool) -> str:
    """Return the unit in whose row an account counts: a top, or the unit right below it."""
    below = code
    for unit in _path(code, units):
        if unit.code in tops:
            return below if is_below else unit.code
        below = unit.code
    return code


def _tops(codes: set[str], units: Mapping[str, Unit]) -> set[str]:
    """Return the units that have no unit above them in which an account can be read."""
    return {code for code in codes if not any(unit.code in codes for unit in list(_path(code, units))[1:])}


def _path(code: str | None, units: Mapping[str, Unit]) -> Iterator[Unit]:
    """Yield a unit and those above it, from below."""
    while code is not None and code in units:
        yield units[code]
        code = units[code].parent


def _span(account: Account, now: datetime) -> int:
    since = account.password_changed_at or account.opened_at
    days = (now - since).days if since else LAST_DAYS[-1] + 1
    return next((span for span, last in enumerate(LAST_DAYS) if days <= last), len(LAST_DAYS))
