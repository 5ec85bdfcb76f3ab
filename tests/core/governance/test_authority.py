"""Who may do what: for each rule, who is denied, who could, and who is not denied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import Denial, DeniedError
from provisioner.core.api.events import OperationPlanned
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import ActedForAnother, Role, RoleAssignment
from provisioner.core.model import Account, Operation, OperationKind, Person, Unit
from tests.core.governance.offices import MadeTokens, Requests, Roles, denied

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)

PROVINCE = Unit(code="46", name="İl MEM", kind="province")
DISTRICT = Unit(code="46-1", name="Merkez İlçe MEM", kind="district", parent="46")
SCHOOL = Unit(code="715959", name="Cumhuriyet İlkokulu", kind="school", parent="46-1")
OTHER = Unit(code="46-2", name="Elbistan İlçe MEM", kind="district", parent="46")
UNITS = {unit.code: unit for unit in (PROVINCE, DISTRICT, SCHOOL, OTHER)}
ACCOUNT = Account(login="715959", domain="meb.k12.tr", unit=SCHOOL.code)


def role(person: str, what: Role, unit: str | None = None, **more: object) -> RoleAssignment:
    fields = {"id": f"{person}-{what}-{unit}", "granted_by": "admin", "granted_at": NOW}
    return RoleAssignment(person=person, role=what, unit=unit, **fields, **more)  # type: ignore[arg-type]


@attrs.define
class Known:
    """What is known, in memory."""

    grants: list[RoleAssignment] = attrs.field(factory=list)
    forms: dict[str, AccessRequest] = attrs.field(factory=dict)
    #: How often something was looked up.
    lookups: int = 0
    #: Who named the custodian of an account's unit, by login.
    named_by: dict[str, str] = attrs.field(factory=dict)

    @property
    def role_assignments(self) -> Roles:
        return CountedRoles(self.grants, self)

    @property
    def units(self) -> CountedUnits:
        return CountedUnits(self)

    @property
    def persons(self) -> Staff:
        return Staff()

    @property
    def tokens(self) -> MadeTokens:
        return MadeTokens([])

    @property
    def access_requests(self) -> Requests:
        return Requests(self.forms)


@attrs.define
class CountedRoles(Roles):
    """Roles that count how often they are looked up."""

    known: Known

    def of(self, person: str, /) -> Sequence[RoleAssignment]:
        self.known.lookups += 1
        return super().of(person)


@attrs.define
class CountedUnits:
    """Units that count how often they are looked up."""

    known: Known

    def path(self, code: str, /) -> Sequence[Unit]:
        self.known.lookups += 1
        unit = UNITS.get(code)
        return [*(self.path(unit.parent) if unit.parent else ()), unit] if unit else []

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        self.known.lookups += 1
        return {code: UNITS[code] for code in codes if code in UNITS}

    def custodian_named_by(self, login: str, /) -> str | None:
        return self.known.named_by.get(login)


class Staff:
    """One officer."""

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        return {name: Person(id=name, name="Ayşe Işık") for name in ids if name == "officer"}


@pytest.fixture(name="known")
def _known() -> Known:
    return Known([role("officer", Role.OFFICER, "46-1"), role("auditor", Role.AUDITOR)])


@pytest.fixture(name="authority")
def _authority(known: Known) -> Authority:
    return Authority(records=known, administrators=("admin",), now=lambda: NOW)


def ask(kind: OperationKind, actor: str, unit: Unit = SCHOOL, **more: object) -> AuthorizeOperation:
    fields = {"by_policy": False, "at": NOW, "account": ACCOUNT, **more}
    return AuthorizeOperation(kind=kind, unit=unit, actor=actor, **fields)  # type: ignore[arg-type]


def denial(authority: Authority, *args: object, **more: object) -> str:
    found = authority.operation_authorize(ask(*args, **more))  # type: ignore[arg-type]
    assert isinstance(found, Denial)
    return f"{found.reason} -> {found.cure}"


FREELY = [OperationKind.CREATE, OperationKind.CLOSE]


class TestOfficer:
    """Works in the own unit and those below it."""

    @pytest.mark.parametrize("kind", FREELY)
    @pytest.mark.parametrize("unit", [DISTRICT, SCHOOL], ids=["own", "below"])
    def test_may(self, authority: Authority, kind: OperationKind, unit: Unit) -> None:
        assert authority.operation_authorize(ask(kind, "officer", unit)) is None

    @pytest.mark.parametrize("kind", FREELY)
    @pytest.mark.parametrize("unit", [PROVINCE, OTHER], ids=["above", "beside"])
    def test_may_not_elsewhere(self, authority: Authority, kind: OperationKind, unit: Unit) -> None:
        said = denial(authority, kind, "officer", unit)

        assert said == f"officer is not an officer of {unit.code} or of a unit above it -> it can be done by admin"

    def test_is_named_to_those_who_may_not(self, authority: Authority) -> None:
        assert "it can be done by Ayşe Işık (officer), admin" in denial(authority, OperationKind.CLOSE, "stranger")

    def test_may_open_a_new_unit_below(self, authority: Authority) -> None:
        new = Unit(code="1", name="Yeni Okul", kind="school", parent="46-1")

        assert authority.operation_authorize(ask(OperationKind.CREATE, "officer", new)) is None

    def test_may_not_open_a_new_unit_at_the_top(self, authority: Authority) -> None:
        assert denial(authority, OperationKind.CREATE, "officer", Unit(code="1", name="x", kind="province"))

    def test_cannot_take_a_unit_of_others_by_hanging_it_below_the_own(self, authority: Authority) -> None:
        assert denial(authority, OperationKind.CLOSE, "officer", attrs.evolve(OTHER, parent="46-1"))

    @pytest.mark.parametrize("what", [Role.AUDITOR, Role.SUPERVISOR, Role.PERSONNEL_OFFICE])
    def test_is_the_only_role_that_works(self, authority: Authority, known: Known, what: Role) -> None:
        known.grants.append(role("other", what))

        assert denial(authority, OperationKind.CLOSE, "other")


class TestHandover:
    """An officer hands over what the unit's data says, if somebody else wrote it; anything else needs a form."""

    UNIT = attrs.evolve(SCHOOL, custodian="new")

    def question(self, **more: object) -> AuthorizeOperation:
        fields = {"incoming": "new", "account": attrs.evolve(ACCOUNT, holder="old"), **more}
        return ask(OperationKind.HANDOVER, "officer", self.UNIT, **fields)

    def test_follows_what_somebody_else_wrote(self, authority: Authority, known: Known) -> None:
        known.named_by[ACCOUNT.login] = "feed"

        assert authority.operation_authorize(self.question()) is None

    @pytest.mark.parametrize("named_by", ["officer", "deputy", "principal", None])
    def test_does_not_follow_the_officer_s_own_word(
        self, authority: Authority, known: Known, named_by: str | None
    ) -> None:
        known.grants += [
            role("deputy", Role.OFFICER, "46-1", delegator="officer"),
            role("officer", Role.SUPERVISOR, delegator="principal"),
        ]
        if named_by:
            known.named_by[ACCOUNT.login] = named_by

        assert authority.operation_authorize(self.question()) is not None

    @pytest.mark.parametrize("changes", [{"incoming": "other"}, {"account": attrs.evolve(ACCOUNT, holder="new")}])
    def test_needs_a_form_for_anybody_else(
        self, authority: Authority, known: Known, changes: dict[str, object]
    ) -> None:
        """Above all to the holder: that is a renewal, where a stuck operation gives way to it."""
        known.named_by[ACCOUNT.login] = "feed"

        assert authority.operation_authorize(self.question(**changes)) is not None

    @pytest.mark.parametrize(("recipient", "is_allowed"), [("new", True), ("other", False)])
    def test_needs_a_form_with_the_same_receiver(
        self, authority: Authority, known: Known, recipient: str, is_allowed: bool
    ) -> None:
        known.forms["f1"] = AccessRequest(
            id="f1",
            kind=OperationKind.HANDOVER,
            login=ACCOUNT.login,
            unit=ACCOUNT.unit,
            requester="p1",
            reason="",
            submitted_at=NOW,
            recipient=recipient,
            state=RequestState.APPROVED,
        )

        assert (authority.operation_authorize(self.question(request="f1")) is None) is is_allowed


class TestForm:
    """Rotations and reopenings by hand are for those who carry out a form."""

    @pytest.fixture(name="access_request")
    def _form(self, known: Known) -> AccessRequest:
        access_request = AccessRequest(
            id="f1",
            kind=OperationKind.ROTATE,
            login=ACCOUNT.login,
            unit=ACCOUNT.unit,
            requester="p1",
            reason="",
            submitted_at=NOW,
            state=RequestState.APPROVED,
        )
        known.forms[access_request.id] = access_request
        return access_request

    @pytest.mark.parametrize("kind", [OperationKind.ROTATE, OperationKind.REOPEN])
    def test_is_missed(self, authority: Authority, kind: OperationKind) -> None:
        said = denial(authority, kind, "officer")

        assert f"provisioner request submit 715959 --kind {kind}" in said
        assert said.endswith("without a request it can be done by admin")

    @pytest.mark.parametrize("kind", [OperationKind.ROTATE, OperationKind.REOPEN])
    def test_is_not_missed_of_an_administrator(self, authority: Authority, kind: OperationKind) -> None:
        assert authority.operation_authorize(ask(kind, "admin")) is None

    def test_is_missed_where_creating_would_renew(self, authority: Authority) -> None:
        """An account whose closing is stuck half-way could be opened again by creating it."""
        request = ask(OperationKind.CREATE, "officer")
        once_open = attrs.evolve(request.account, opened_at=NOW)

        assert authority.operation_authorize(request) is None
        assert authority.operation_authorize(attrs.evolve(request, account=once_open)) is not None

    @pytest.mark.parametrize("state", [RequestState.APPROVED, RequestState.EXECUTING])
    def test_allows_what_it_asks_for(
        self, authority: Authority, known: Known, access_request: AccessRequest, state: RequestState
    ) -> None:
        known.forms["f1"] = attrs.evolve(access_request, state=state)

        assert authority.operation_authorize(ask(OperationKind.ROTATE, "officer", request="f1")) is None

    @pytest.mark.parametrize(
        "wrong",
        [
            {"state": RequestState.SUBMITTED},
            {"state": RequestState.REJECTED},
            {"state": RequestState.ARCHIVED},
            {"kind": OperationKind.REOPEN},
            {"login": "other"},
        ],
        ids=lambda wrong: str(*wrong.values()),
    )
    def test_allows_nothing_else(
        self, authority: Authority, known: Known, access_request: AccessRequest, wrong: dict[str, Any]
    ) -> None:
        known.forms["f1"] = attrs.evolve(access_request, **wrong)

        assert "does not allow" in denial(authority, OperationKind.ROTATE, "officer", request="f1")

    def test_does_not_make_an_officer(self, authority: Authority, access_request: AccessRequest) -> None:
        assert "not an officer" in denial(authority, OperationKind.ROTATE, "stranger", request=access_request.id)


class TestAdministrator:
    """May do everything where the role holds."""

    @pytest.mark.parametrize("kind", list(OperationKind))
    def test_of_the_configuration_may(self, authority: Authority, kind: OperationKind) -> None:
        assert authority.operation_authorize(ask(kind, "admin")) is None

    def test_of_a_unit_may_there_and_not_elsewhere(self, authority: Authority, known: Known) -> None:
        known.grants.append(role("second", Role.ADMINISTRATOR, "46-1"))

        assert authority.operation_authorize(ask(OperationKind.ROTATE, "second")) is None
        assert denial(authority, OperationKind.ROTATE, "second", OTHER)

    def test_deletes_and_an_officer_does_not(self, authority: Authority) -> None:
        assert authority.operation_authorize(ask(OperationKind.DELETE, "admin")) is None
        assert denial(authority, OperationKind.DELETE, "officer").endswith("it can be done by admin")


class TestPolicy:
    """Does what it is for."""

    @pytest.mark.parametrize("kind", list(OperationKind))
    def test_may(self, authority: Authority, kind: OperationKind) -> None:
        assert authority.operation_authorize(ask(kind, "policy:renew-or-close", by_policy=True)) is None

    def test_may_not_be_played_by_somebody_with_its_name(self, authority: Authority) -> None:
        assert denial(authority, OperationKind.CLOSE, "policy:renew-or-close")


def test_nothing_is_denied_while_authority_is_not_enforced(known: Known) -> None:
    authority = Authority(records=known, enforced=False, now=lambda: NOW)

    assert authority.operation_authorize(ask(OperationKind.DELETE, "stranger")) is None
    assert authority.require("stranger", {Role.AUDITOR}) is None
    assert denied(authority.require_for_units, "stranger", [SCHOOL]) is None


class TestRequire:
    """Commands that are for one role."""

    def test_lets_the_role_pass(self, authority: Authority) -> None:
        assert authority.require("auditor", {Role.AUDITOR})

    def test_lets_an_administrator_pass(self, authority: Authority) -> None:
        assert authority.require("admin", {Role.AUDITOR})

    def test_denies_others_and_says_who_could(self, authority: Authority) -> None:
        with pytest.raises(DeniedError) as caught:
            authority.require("officer", {Role.AUDITOR})

        assert str(caught.value.cure) == "it can be done by auditor, admin"

    def test_wants_a_role_that_holds_everywhere_where_no_unit_is_meant(
        self, authority: Authority, known: Known
    ) -> None:
        known.grants.append(role("second", Role.AUDITOR, "46"))

        with pytest.raises(DeniedError):
            authority.require("second", {Role.AUDITOR})

    def test_lets_an_officer_write_down_units_below_only(self, authority: Authority) -> None:
        assert denied(authority.require_for_units, "officer", [SCHOOL]) is None
        with pytest.raises(DeniedError, match="not an officer of 46-2"):
            authority.require_for_units("officer", [SCHOOL, OTHER])

    def test_lets_an_officer_write_down_a_new_unit_with_those_below_it(self, authority: Authority) -> None:
        """A list names them together, and the store knows none of them yet."""
        new = Unit(code="46-1-1", name="Yeni Belde", kind="office", parent="46-1")
        below = Unit(code="1", name="Yeni Okul", kind="school", parent=new.code)

        assert denied(authority.require_for_units, "officer", [below, new]) is None
        with pytest.raises(DeniedError, match="not an officer of 1 "):
            authority.require_for_units("officer", [below, attrs.evolve(new, parent="46-2")])

    @pytest.mark.parametrize("above", [lambda n: n - 1, lambda n: n // 10, lambda _: 0], ids=["deep", "tree", "flat"])
    def test_looks_up_no_more_for_a_long_or_deep_list(
        self, authority: Authority, known: Known, above: Callable[[int], int]
    ) -> None:
        top = Unit(code="n0", name="N", kind="school", parent="46-1")
        units = [top, *(attrs.evolve(top, code=f"n{n}", parent=f"n{above(n)}") for n in range(1, 2000))]
        known.lookups = 0

        assert denied(authority.require_for_units, "officer", units) is None
        with pytest.raises(DeniedError, match="not an officer of n"):
            authority.require_for_units("officer", [attrs.evolve(units[0], parent="46-2"), *units[1:]])

        assert known.lookups < 20

    def test_lets_who_acts_for_an_officer_write_down_what_the_officer_may(
        self, authority: Authority, known: Known
    ) -> None:
        known.grants.append(role("deputy", Role.OFFICER, "46", delegator="officer"))

        assert denied(authority.require_for_units, "deputy", [SCHOOL]) is None
        with pytest.raises(DeniedError, match="not an officer of 46-2"):
            authority.require_for_units("deputy", [OTHER])

    @pytest.mark.parametrize(
        "moved",
        [
            attrs.evolve(OTHER, parent="46-1"),
            attrs.evolve(SCHOOL, parent="46-2"),
            attrs.evolve(DISTRICT, parent="46-2"),
        ],
        ids=["to the own unit", "away from it", "the own unit"],
    )
    def test_lets_only_who_is_above_both_places_move_a_unit(
        self, authority: Authority, known: Known, moved: Unit
    ) -> None:
        with pytest.raises(DeniedError):
            authority.require_for_units("officer", [moved])

        known.grants.append(role("second", Role.OFFICER, "46"))
        assert denied(authority.require_for_units, "second", [moved]) is None


class TestDelegation:
    """Somebody acts for another, who stays answerable (003 m.10)."""

    @pytest.fixture(name="delegation")
    def _delegation(self, known: Known) -> RoleAssignment:
        grant = role("deputy", Role.OFFICER, delegator="officer", starts_at=NOW - DAY, ends_at=NOW + DAY)
        known.grants.append(grant)
        return grant

    @pytest.mark.usefixtures("delegation")
    def test_gives_the_right(self, authority: Authority) -> None:
        assert authority.operation_authorize(ask(OperationKind.CLOSE, "deputy")) is None

    @pytest.mark.usefixtures("delegation")
    def test_gives_no_more_than_the_delegator_has(self, authority: Authority) -> None:
        """The delegation names no unit, and the delegator's role does."""
        assert denial(authority, OperationKind.CLOSE, "deputy", OTHER)

    @pytest.mark.parametrize("by", [-2 * DAY, DAY], ids=["before", "from the end on"])
    @pytest.mark.usefixtures("delegation")
    def test_gives_nothing_outside_the_period(self, authority: Authority, by: timedelta) -> None:
        assert denial(authority, OperationKind.CLOSE, "deputy", at=NOW + by)

    @pytest.mark.usefixtures("delegation")
    def test_ends_with_the_role_of_the_delegator(self, authority: Authority, known: Known) -> None:
        known.grants = [grant for grant in known.grants if grant.person != "officer"]

        assert denial(authority, OperationKind.CLOSE, "deputy")

    @pytest.mark.usefixtures("delegation")
    def test_cannot_be_delegated_again(self, authority: Authority, known: Known) -> None:
        known.grants.append(role("third", Role.OFFICER, delegator="deputy"))

        assert denial(authority, OperationKind.CLOSE, "third")

    @pytest.mark.usefixtures("delegation")
    def test_is_recorded_with_each_operation(self, authority: Authority) -> None:
        events = authority.accountable([planned("deputy"), planned("officer"), planned("policy:x")])

        assert events == [
            ActedForAnother(at=NOW, actor="deputy", login="715959", operation_id="o1", delegator="officer")
        ]

    def test_is_recorded_where_a_role_of_one_s_own_would_not_do(self, authority: Authority, known: Known) -> None:
        """An officer who rotates without a form does so as somebody's administrator."""
        known.grants.append(role("officer", Role.ADMINISTRATOR, delegator="admin", ends_at=NOW + DAY))

        events = authority.accountable([planned("officer", OperationKind.ROTATE), planned("officer")])

        assert [event.delegator for event in events if isinstance(event, ActedForAnother)] == ["admin"]

    def test_of_an_administrator_of_the_configuration_counts(self, authority: Authority, known: Known) -> None:
        known.grants.append(role("deputy", Role.ADMINISTRATOR, delegator="admin", ends_at=NOW + DAY))

        assert authority.operation_authorize(ask(OperationKind.DELETE, "deputy")) is None


def planned(actor: str, kind: OperationKind = OperationKind.CLOSE) -> OperationPlanned:
    operation = Operation(id="o1", kind=kind, login=ACCOUNT.login, actor=actor, created_at=NOW)
    return OperationPlanned(
        at=NOW, actor=actor, login=ACCOUNT.login, operation_id="o1", operation=operation, account=ACCOUNT
    )


class TestDelegable:
    """Nobody passes on what was only lent."""

    @pytest.fixture(name="lent")
    def _lent(self, known: Known, authority: Authority) -> Authority:
        known.grants.append(role("deputy", Role.OFFICER, "46-1", delegator="officer"))
        return authority

    @pytest.mark.parametrize("unit", ["46-1", SCHOOL.code])
    def test_is_a_role_of_ones_own(self, authority: Authority, unit: str) -> None:
        assert denied(authority.require_delegable, Role.OFFICER, "officer", unit) is None

    @pytest.mark.parametrize("unit", ["46", "46-2", None])
    def test_is_no_role_for_more_units_than_it_holds(self, authority: Authority, unit: str | None) -> None:
        with pytest.raises(DeniedError):
            authority.require_delegable(Role.OFFICER, "officer", unit)

    def test_is_no_role_that_was_delegated(self, lent: Authority) -> None:
        with pytest.raises(DeniedError, match="by delegation only") as caught:
            lent.require_delegable(Role.OFFICER, "deputy", "46-1")

        assert "officer" in str(caught.value.cure)

    def test_is_the_role_of_an_administrator_of_the_configuration(self, authority: Authority) -> None:
        assert denied(authority.require_delegable, Role.ADMINISTRATOR, "admin") is None

    def test_is_what_a_supervisor_does_whom_the_personnel_system_names(self, authority: Authority) -> None:
        assert denied(authority.require_delegable, Role.SUPERVISOR, "stranger", SCHOOL.code) is None

    def test_is_everything_where_authority_is_not_enforced(self, known: Known) -> None:
        authority = Authority(records=known, enforced=False, now=lambda: NOW)

        assert denied(authority.require_delegable, Role.OFFICER, "stranger") is None


class TestReach:
    """Where a person can have a role, for queries that leave out all other places."""

    @pytest.mark.parametrize(
        ("grants", "tops"),
        [
            ([], set()),
            ([role("x", Role.OFFICER, "46")], {"46"}),
            ([role("x", Role.OFFICER, "46"), role("x", Role.AUDITOR, "47")], {"46"}),
            ([role("x", Role.OFFICER, "46"), role("x", Role.OFFICER, "s1", delegator="y")], {"46", "s1"}),
            ([role("x", Role.OFFICER, "46", ends_at=NOW)], set()),
            ([role("x", Role.OFFICER, "46"), role("x", Role.OFFICER)], None),
        ],
    )
    def test_is_never_smaller_than_the_role(
        self, authority: Authority, known: Known, grants: list[RoleAssignment], tops: set[str] | None
    ) -> None:
        """A request in a unit that the query leaves out waits for nobody."""
        known.grants[:] = grants

        assert authority.tops("x", {Role.OFFICER}) == tops

    def test_of_an_administrator_is_everywhere(self, authority: Authority) -> None:
        assert authority.tops("admin", {Role.OFFICER, Role.ADMINISTRATOR}) is None
        assert authority.tops("admin", {Role.OFFICER}) == set()

    def test_has_those_for_whom_the_person_acts(self, authority: Authority, known: Known) -> None:
        known.grants[:] = [
            role("x", Role.SUPERVISOR, delegator="y"),
            role("x", Role.SUPERVISOR, delegator="z", ends_at=NOW),
            role("x", Role.OFFICER, delegator="w"),
        ]

        assert authority.delegators("x", Role.SUPERVISOR) == {"y"}
