"""Takes over accounts of a site's first day: those that targets list and the product doesn't know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.errors import Denial, OmittedError, Problem
from provisioner.core.api.messages import AuthorizeOperation, ListedAccount
from provisioner.core.api.rules import Action
from provisioner.core.engine.people import LookUp
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Recorder
from provisioner.core.engine.unit_accounts import UnitAccounts
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model import Account, AccountState, OperationKind, Unit
from provisioner.core.policy.policy import Policy
from provisioner.core.reconcile.adoption import (
    SPREAD,
    AccountAdopted,
    Candidate,
    Match,
    MatchedAccount,
    Matching,
    NotAdopted,
    candidates,
    holder_of,
    match_by,
    other_address,
    password_time,
)
from provisioner.services.parts import Clock, chosen_targets
from provisioner.services.units import codes_under
from provisioner.store import Store

#: How many accounts are adopted in one transaction.
PAGE = 500

#: The actions of deadlines that a new password puts off.
_RENEWAL = frozenset({Action.WARN, Action.ROTATE, Action.CLOSE})


@attrs.frozen(kw_only=True)
class AdoptionPlan:
    """What an adoption would do."""

    #: The accounts that would be adopted.
    adopted: tuple[AccountAdopted, ...]
    #: The other unknown accounts.
    refused: tuple[NotAdopted, ...]
    #: How many accounts each target listed; ``None`` if it can't list them, as the configuration says.
    listed: Mapping[str, int | None]
    #: Why some units can have no account.
    problems: tuple[Problem, ...] = ()


@attrs.frozen(kw_only=True)
class Adoption:
    """Adopts accounts that targets list and the product doesn't know. Nothing is changed on a target.

    Args:

        plugins: The targets.

        store: The stored data.

        authority: Tells who may do it.

        planner: Names the accounts of units, looks up persons, and knows what is forbidden.

        policy: Plans the deadlines of adopted accounts.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    plugins: Plugins
    store: Store
    authority: Authority
    planner: Planner
    policy: Policy
    record: Recorder
    now: Clock

    def plan(
        self, *, actor: str, match: str = "login", target: str | None = None, unit: str | None = None
    ) -> AdoptionPlan:
        """Return which accounts would be adopted. Nothing is changed.

        Args:

            actor: Who adopts them.

            match: How the unit of an account is found: ``login``, ``mail``, or the name of an attribute whose value is
                the code of the unit.

            target: The only target whose accounts are adopted; all by default.

            unit: The code of a unit: only accounts of this unit and of those below it.

        Raises:

            DeniedError: The actor is neither an administrator nor an officer of the unit.

            InputError: There is no such target or unit.

            TargetError: A target can't list all its accounts, or the personnel system can't be used.

            StoreError: The store failed.
        """
        self.authority.require(actor, {Role.OFFICER}, unit)
        targets, within = chosen_targets(self.plugins, target), codes_under(self.store, unit)
        listed = {each.name: _listed(each) for each in targets}
        units, problems = {unit.code: unit for unit in self.store.units.all()}, list[Problem]()
        matching = self._matching(match_by(match, self.planner.naming), units, problems)
        found = [each for each in matching.pairs(self._unknown(listed)) if _is_within(each, within)]
        results = list(self._adoptions(found, units, actor))
        return AdoptionPlan(
            adopted=tuple(result for result in results if isinstance(result, AccountAdopted)),
            refused=tuple(result for result in results if isinstance(result, NotAdopted)),
            listed={name: None if accounts is None else len(accounts) for name, accounts in listed.items()},
            problems=tuple(problems),
        )

    def adopt(self, plan: AdoptionPlan) -> Iterator[AccountAdopted]:
        """Adopt the accounts of a plan, page by page. Yields each when it is stored.

        Args:

            plan: What to adopt. After an error, make it again: what was stored is known then.

        Raises:

            BusyError: An account or a unit of the next page has been taken meanwhile. Nothing of that page was stored.

            StoreError: The store failed. Nothing of the next page was stored.
        """
        for start in range(0, len(plan.adopted), PAGE):
            page = plan.adopted[start : start + PAGE]
            self.record(*page)
            yield from page

    def _unknown(self, listed: Mapping[str, Sequence[ListedAccount] | None]) -> list[Candidate]:
        """Return the unknown accounts. The store is read after the targets: it knows what running operations create."""
        listings = ((name, account) for name, accounts in listed.items() for account in accounts or ())
        found = candidates(listings)
        known = self.store.accounts.get_many(found)
        return [candidate for login, candidate in sorted(found.items()) if login not in known]

    def _matching(self, match: Match, units: Mapping[str, Unit], problems: list[Problem]) -> Matching:
        names = UnitAccounts(records=self.store, naming=self.planner.naming, choose_login=self.planner.choose_login)
        return Matching(
            match=match,
            naming=self.planner.naming,
            units=names.wanted(list(units.values()), problems),
            taken=frozenset(self.store.accounts.of_units(units)),
        )

    def _adoptions(
        self, found: Sequence[MatchedAccount | NotAdopted], units: Mapping[str, Unit], actor: str
    ) -> Iterator[AccountAdopted | NotAdopted]:
        people = self._people([each for each in found if isinstance(each, MatchedAccount)], units)
        for each in found:
            if isinstance(each, NotAdopted):
                yield each
                continue
            unit = units[each.unit]
            holder = holder_of(each.candidate, unit, people.persons, people.errors)
            yield holder if isinstance(holder, NotAdopted) else self._adoption(each, unit, holder, actor)

    def _people(self, matched: Sequence[MatchedAccount], units: Mapping[str, Unit]) -> LookUp:
        holders = {holder for each in matched for holder in each.candidate.holders}
        custodians = {custodian for each in matched if (custodian := units[each.unit].custodian)}
        people = self.planner.people.look_up(holders | custodians)
        people.raise_for_all()
        return people

    def _adoption(self, matched: MatchedAccount, unit: Unit, holder: str, actor: str) -> AccountAdopted | NotAdopted:
        candidate, now, domain = matched.candidate, self.now(), self.planner.naming.domain_for(unit)
        account = Account(login=candidate.login, domain=domain, unit=unit.code, holder=holder)
        if denial := self._denial(account, unit, actor, now):
            return candidate.refused(denial.reason, denial.cure, [unit.code])
        account = attrs.evolve(account, state=AccountState.OPEN, opened_at=now, password_changed_at=now)
        said = candidate.password_set_at(now)
        changed_at, age = password_time(account.login, said, life=self._life(account, unit, now), now=now)
        return AccountAdopted(
            at=now,
            actor=actor,
            login=account.login,
            account=self.policy.planned(attrs.evolve(account, password_changed_at=changed_at), unit, ()),
            targets=candidate.states,
            matched_by=matched.by,
            password_age=age,
            password_set_at=said,
            other_address=other_address(candidate, account, self.planner.naming),
        )

    def _denial(self, account: Account, unit: Unit, actor: str, now: datetime) -> Denial | None:
        """Return why the actor may not give the account to its holder; ``None`` if nothing is against it."""
        question = AuthorizeOperation(
            kind=OperationKind.CREATE,
            account=account,
            unit=unit,
            actor=actor,
            by_policy=False,
            at=now,
            incoming=account.holder,
        )
        return next(iter(self.planner.authorize(question)), None)

    def _life(self, account: Account, unit: Unit, now: datetime) -> timedelta:
        """Return how long an account whose password is set now needs nothing."""
        deadlines = self.policy.deadlines(account, unit, ())
        first = min((deadline.at for deadline in deadlines if deadline.action in _RENEWAL), default=now + SPREAD)
        return max(first - now, timedelta(0))


def _listed(target: Target) -> list[ListedAccount] | None:
    """Return the accounts of a target; ``None`` if it can't list them, as the configuration says."""
    try:
        return [account for page in target.list_accounts() for account in page]
    except OmittedError:
        return None


def _is_within(found: MatchedAccount | NotAdopted, codes: frozenset[str] | None) -> bool:
    """Whether a unit that an account matches is among these; all are if there are none to choose from."""
    units = found.units if isinstance(found, NotAdopted) else (found.unit,)
    return codes is None or not codes.isdisjoint(units)
