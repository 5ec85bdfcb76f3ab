"""Compares one target with the journal, page by page, in memory that doesn't grow with the number of accounts.

Operations continue meanwhile. Therefore a difference of an account is reported only if it is confirmed: a probe of the
account, made after it was listed, shows it too, and no operation of the account is unfinished or ended during the
comparison. For another holder the second condition is enough: only an operation of the product could explain it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

import attrs

from provisioner.core.api.errors import ItemMisconfiguredError, RefusedError, TargetError
from provisioner.core.api.messages import ListedAccount, Presence, ProbeAccount
from provisioner.core.gateways.gateway import COMPARE, Target
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import FORESEEN, Difference
from provisioner.core.reconcile.expectations import Expectation, Expectations
from provisioner.core.reconcile.ports import Inventory, LastSeen

#: The number of suspected differences that are confirmed together.
_BATCH = 100


@attrs.define(eq=False, kw_only=True)
class Comparison:
    """The comparison of one target with the journal. Use it once.

    Args:

        target: The target. It needs ``account_list`` and ``account_probe``.

        inventory: The stored data.

        expectations: Determines how accounts should be on the target.

        retry: Repeats probes that failed.

        now: The clock.
    """

    target: Target
    inventory: Inventory
    expectations: Expectations
    retry: Retry
    now: Callable[[], datetime]
    #: The number of accounts that the target has listed so far.
    listed: int = attrs.field(default=0, init=False)
    started_at: datetime = attrs.field(init=False)
    #: The first refusal to show an account that seems to differ.
    _refusal: TargetError | None = attrs.field(default=None, init=False)
    _run: str = attrs.field(factory=lambda: str(uuid.uuid4()), init=False)

    def __attrs_post_init__(self) -> None:
        self.started_at = self.now()

    def differences(self) -> Iterator[Difference]:
        """Yield the differences: those of listed accounts first, then the accounts that are missing.

        Raises:

            TargetError: The target failed, or its list is incomplete: no account is reported as missing then. Or, after
                all other accounts, the target refused to show one of them.

            StoreError: The store failed.
        """
        if COMPARE in self.target.hooks and "target_check" in self.target.hooks:
            self.target.check()
        for page in self.target.list_accounts():
            self.listed += len(page)
            yield from self._of_page(page)
        if "account_create" in self.target.hooks:
            yield from self._missing()
        if self._refusal:
            raise self._refusal

    def _of_page(self, page: Iterable[ListedAccount]) -> Iterator[Difference]:
        """Yield the differences of a page. The journal is read after the target: it knows every account that a running
        operation creates before the target does.
        """
        accounts = {_login(listed): listed for listed in page}
        known = self.expectations.of(self.inventory.accounts.get_many(accounts).values())
        yield from self._duplicates([listed for listed in page if _login(listed) in known], known)
        for login, listed in accounts.items():
            if login not in known:
                yield Difference(
                    kind=DifferenceKind.EXTRA,
                    target=self.target.name,
                    login=listed.login,
                    actual=listed.presence or "",
                )
        yield from self._confirmed(
            (expectation, difference)
            for login, expectation in known.items()
            if (difference := self._of_listed(expectation, accounts[login]))
        )

    def _duplicates(self, page: Iterable[ListedAccount], known: Mapping[str, Expectation]) -> Iterator[Difference]:
        """Note that these accounts were seen, and yield those that were listed before under another reference."""
        seen: dict[str, LastSeen] = {}
        pairs = []
        now = self.now()
        for listed in page:
            this = LastSeen(login=_login(listed), at=now, run=self._run, reference=listed.reference)
            pairs.append((seen.get(this.login), this))
            seen[this.login] = this
        before = self.inventory.last_seen.note(self.target.name, list(seen.values()))
        pairs += [(former, seen[login]) for login, former in before.items()]
        for former, this in pairs:
            if former and former.reference != this.reference:
                references = f"{former.reference}, {this.reference}"
                yield known[this.login].duplicate(references)

    def _of_listed(self, expectation: Expectation, listed: ListedAccount) -> Difference | None:
        seen = expectation.difference(listed.presence, listed.lock, listed.holder)
        if seen or COMPARE not in self.target.hooks or not expectation.is_describable:
            return seen
        compared = self.target.compare(expectation.comparing(listed))
        return expectation.of_attributes(compared.changes)

    def _confirmed(self, suspected: Iterable[tuple[Expectation, Difference]]) -> Iterator[Difference]:
        """Yield the suspected differences that are there now, and that no operation explains."""
        remaining = iter(suspected)
        while batch := list(islice(remaining, _BATCH)):
            shown = [difference for expectation, difference in batch if self._is_shown(expectation, difference)]
            at_work = self.inventory.last_seen.at_work([difference.login for difference in shown], self.started_at)
            yield from (difference for difference in shown if difference.login not in at_work)

    def _is_shown(self, expectation: Expectation, suspected: Difference) -> bool:
        """Return whether a probe shows a suspected difference, too."""
        if suspected.kind is DifferenceKind.HOLDER:
            return True
        of_attributes = suspected.kind in FORESEEN
        if of_attributes and not self.target.foresees:
            return True
        planned = expectation.planned() if of_attributes else None
        try:
            probe = ProbeAccount(account=expectation.account, planned=planned)
            report = self.retry.call(lambda _: self.target.probe(probe))
        except (RefusedError, ItemMisconfiguredError) as error:
            self._refusal = self._refusal or error
            return False
        if of_attributes:
            return bool(report.changes)
        shown = expectation.difference(report.presence, report.lock, report.attributes.get("holder"))
        return shown is not None and shown.kind is suspected.kind

    def _missing(self) -> Iterator[Difference]:
        accounts = self.inventory.last_seen.unseen(self.target.name, self.started_at)
        while batch := list(islice(accounts, _BATCH)):
            expected = self.expectations.of(batch).values()
            yield from self._confirmed(
                (expectation, difference)
                for expectation in expected
                if (difference := expectation.difference(Presence.ABSENT))
            )


def _login(listed: ListedAccount) -> str:
    return listed.login.casefold()
