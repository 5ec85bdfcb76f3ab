"""The access requests that wait for one person: to decide on, to carry out, and the person's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from provisioner.core.api.errors import Denial, DeniedError, TargetError
from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.request_authority import RequestAuthority
from provisioner.core.governance.request_service import RequestService
from provisioner.core.governance.roles import Role
from provisioner.core.model import Person
from provisioner.core.model.text import Text
from provisioner.services.recent_people import RecentPeople
from provisioner.store import Store

#: How many of the latest requests of a person are read.
_OWN = 30

_OFFICERS = frozenset({Role.OFFICER, Role.ADMINISTRATOR})


@attrs.frozen(kw_only=True)
class RequestInbox:
    """The access requests that wait for one person, the oldest first, and the person's own."""

    to_decide: Sequence[AccessRequest]
    #: Why the personnel system can't say who decides on some requests. They are left out.
    error: TargetError | None
    #: Those that are approved, or were begun and have not ended.
    to_carry_out: Sequence[AccessRequest]
    #: Those that the person submitted: first those that can still change, then the others, the latest first.
    own: Sequence[AccessRequest]
    #: Whether these are all of the person's own.
    own_is_complete: bool

    @property
    def waiting(self) -> int:
        """How many requests wait for the person."""
        return len(self.to_decide) + len(self.to_carry_out)


@attrs.frozen(kw_only=True)
class RequestSteps:
    """What a person may do with an access request now, and why not the rest."""

    #: Why the person may not decide; ``None`` if the person may, or nothing is to be decided.
    not_deciding: Denial | None
    #: Why the person may not carry it out; ``None`` if the person may, or it is not approved.
    not_carrying_out: Denial | None
    may_decide: bool
    may_carry_out: bool


@attrs.frozen(kw_only=True)
class RequestInboxes:
    """Finds the access requests that wait for a person.

    Args:

        store: The stored data.

        authority: Tells who has which role.

        rules: Knows who may do what with a request.

        recent_people: Looks up the requesters of a list. It can be five minutes older than the personnel system,
            which is asked again for every decision.
    """

    store: Store
    authority: Authority
    rules: RequestService
    recent_people: RecentPeople

    def of(self, person: str) -> RequestInbox:
        """Return the access requests of a person, without personal data that the person may not read."""
        self.rules.settle()
        authority = self.authority.at_one_moment()
        to_decide, error = self._to_decide(authority, person)
        own = self._own(person, authority)
        return RequestInbox(
            to_decide=to_decide,
            error=error,
            to_carry_out=self._to_carry_out(authority, person),
            own=own[:_OWN],
            own_is_complete=len(own) <= _OWN,
        )

    def steps(self, request: AccessRequest, *, viewer: str) -> RequestSteps:
        """Return what a person may do with an access request.

        Nobody can decide while the personnel system can't be used.
        """
        is_submitted = request.state is RequestState.SUBMITTED
        is_ready = request.state in {RequestState.APPROVED, RequestState.EXECUTING}
        not_deciding = self._why_not_decided(request, viewer) if is_submitted else None
        not_carrying_out = self._why_not_carried_out(request, viewer) if is_ready else None
        return RequestSteps(
            not_deciding=not_deciding,
            not_carrying_out=not_carrying_out,
            may_decide=is_submitted and not_deciding is None,
            may_carry_out=is_ready and not_carrying_out is None,
        )

    def _to_decide(self, authority: Authority, person: str) -> tuple[list[AccessRequest], TargetError | None]:
        """Return the requests that a person may decide on, and why some of them may be missing.

        Of the requests of all others, only the requesters are read, because only a personnel system knows who decides
        on them; without one, the store leaves them out.
        """
        deciders = {person, *authority.delegators(person, Role.SUPERVISOR)}
        tops = self.store.units.narrow(authority.tops(person, {Role.SUPERVISOR}))
        records, people = self.store.access_requests, self.recent_people
        if people.has_system():
            found = people.look_up(records.requesters())
            has_units = tops is None or bool(tops)
            submitted = records.submitted_by(
                person.id
                for person in found.persons.values()
                if (person.supervisor in deciders if person.supervisor else has_units)
            )
        else:
            submitted = records.submitted_to(deciders, tops)
            found = people.look_up({request.requester for request in submitted})
        rules = RequestAuthority(authority)
        shown = [request for request in submitted if _decides(rules, request, person, found.persons)]
        return shown, next(iter(found.errors.values()), None)

    def _to_carry_out(self, authority: Authority, person: str) -> list[AccessRequest]:
        """Return the requests that a person may carry out."""
        if not authority.has_any(person, _OFFICERS):
            return []
        tops = self.store.units.narrow(authority.tops(person, _OFFICERS))
        under_way = self.store.access_requests.under_way(tops)
        covered = authority.covered(person, _OFFICERS, {request.unit for request in under_way})
        rules = RequestAuthority(authority)
        return [request for request in under_way if request.unit in covered and _carries_out(rules, request, person)]

    def _own(self, person: str, authority: Authority) -> list[AccessRequest]:
        """Return the latest requests of a person, and one more if there are more; the open ones first."""
        mine = self.store.access_requests.latest_of(person, limit=_OWN + 1)
        latest = sorted(mine[:_OWN], key=lambda request: not request.state.is_open)
        return list(Privacy(authority, person).shown([*latest, *mine[_OWN:]]))

    def _why_not_decided(self, request: AccessRequest, person: str) -> Denial | None:
        found = self.rules.people.look_up([request.requester])
        for failure in found.errors.values():
            return Denial(reason=failure.text, cure=failure.cure)
        requester = found.persons.get(request.requester)
        if requester is None:
            return Denial(reason=Text("the personnel system does not know the requester"), cure=Text(""))
        try:
            accountable = self.rules.authority.require_decider(request, person, requester)
            self.rules.authority.require_no_other_part(request, person, accountable)
        except DeniedError as error:
            return self._shown(error, request, person)
        return None

    def _why_not_carried_out(self, request: AccessRequest, person: str) -> Denial | None:
        try:
            self.rules.authority.require_officer(request, person)
        except DeniedError as error:
            return self._shown(error, request, person)
        return None

    def _shown(self, error: DeniedError, request: AccessRequest, viewer: str) -> Denial:
        shown = Privacy(self.authority, viewer).denied(error, request)
        return Denial(reason=shown.text, cure=shown.cure)


def _decides(rules: RequestAuthority, request: AccessRequest, person: str, requesters: Mapping[str, Person]) -> bool:
    """Whether a person may decide on a request, as far as the requester is known."""
    requester = requesters.get(request.requester)
    if requester is None:
        return False
    try:
        accountable = rules.require_decider(request, person, requester)
        rules.require_no_other_part(request, person, accountable)
    except DeniedError:
        return False
    return True


def _carries_out(rules: RequestAuthority, request: AccessRequest, person: str) -> bool:
    try:
        rules.require_officer(request, person)
    except DeniedError:
        return False
    return True
