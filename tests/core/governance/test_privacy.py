"""Personal data is shown to whom it is about and to officers of the unit, and masked everywhere else."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, StoreError, UnavailableError
from provisioner.core.api.messages import AttributeChange
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.limits import HeldRun
from provisioner.core.engine.preview import Preview
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.incidents import Incident
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import (
    Account,
    Handover,
    Operation,
    OperationKind,
    PasswordDelivery,
    Person,
    StepError,
    Unit,
)
from provisioner.core.model.text import Text
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.policy_run import Refusal
from tests.core.governance.offices import NOW, Office, assignment


@attrs.define(eq=False, kw_only=True)
class CountingAuthority(Authority):
    """Notes about which units it is asked."""

    asked: list[str | None] = attrs.field(factory=list)

    def covered(self, person: str, roles: Collection[Role], units: Iterable[str | None]) -> Collection[str | None]:
        wanted = list(units)
        self.asked += wanted
        return super().covered(person, roles, wanted)


@pytest.mark.parametrize("viewer", ["officer", "nobody"])
def test_a_long_list_asks_once_for_each_unit(viewer: str) -> None:
    """Lists of 10,000 records took seconds."""
    grants = [assignment("officer", Role.OFFICER, unit="46")]
    authority = CountingAuthority(records=Office(grants), now=lambda: NOW)
    accounts = [Account(login=f"a{number}", domain="d", unit=f"s{number % 2}", holder="p1") for number in range(2000)]

    found = list(Privacy(authority, viewer).readable(accounts))

    assert len(found) == (1000 if viewer == "officer" else 0)
    assert sorted(map(str, authority.asked)) == ["s0", "s1"]


NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACCOUNT = Account(login="a", domain="meb.gov.tr", unit="s1", holder="p1")
OPERATION = Operation(
    id="o1",
    kind=OperationKind.HANDOVER,
    login="a",
    actor="p3",
    created_at=NOON,
    reason="moved",
    holder="p1",
    outgoing="p2",
    error=StepError(name="RefusedError", message="p1 has no number, p11 has one", cure="ask p2"),
)
RUN = HeldRun(id="r1", at=NOON, actor="p3", reason="moved", target="", affected=3, out_of=9, percent=20, operations=1)
FORM = AccessRequest(
    id="f1",
    kind=OperationKind.ROTATE,
    login="a",
    unit="s1",
    requester="p2",
    reason="lost",
    submitted_at=NOON,
    recipient="p1",
)
RECORDS = [
    Unit(code="s1", name="Okul", kind="school", custodian="p1"),
    ACCOUNT,
    Person(
        id="p1",
        name="Ayşe Işık",
        unit="s1",
        mobile="+905320000001",
        other_mobile="+905550000001",
        other_mobile_confirmed_by="p3",
    ),
    Handover(
        operation_id="o1",
        login="a",
        mail="a@meb.gov.tr",
        unit="s1",
        unit_name="Okul",
        outgoing="p2",
        outgoing_name="Can Öz",
        incoming="p1",
        incoming_name="Ayşe Işık",
        actor="p3",
        reason="moved",
        begun_at=NOON,
        finished_at=NOON,
    ),
    FORM,
    Incident(id="t1", login="a", text="no log-in", reporter="p1", reported_at=NOON, unit="s1"),
]
PERSONAL = ("p1", "p2", "p3", "Ayşe Işık", "Can Öz", "+905320000001", "+905550000001", "moved", "lost", "no log-in")
OFFICER = assignment("officer", Role.OFFICER, unit="46")
AUDITOR = assignment("auditor", Role.AUDITOR)


def privacy(viewer: str, *, enforced: bool = True) -> Privacy:
    return Privacy(Authority(records=Office([OFFICER, AUDITOR]), now=lambda: NOW, enforced=enforced), viewer)


def accounts(logins: Iterable[str]) -> Mapping[str, Account]:
    return {login: ACCOUNT for login in logins if login == "a"}


def names(record: attrs.AttrsInstance) -> set[str]:
    """Return the personal data that is in a record."""
    fields = attrs.asdict(record, recurse=False)
    return {value for value in fields.values() if value in PERSONAL}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
class TestRecords:
    @pytest.mark.parametrize("viewer", ["p1", "officer"])
    def test_are_whole_for_whom_they_are_about_and_officers(self, record: Any, viewer: str) -> None:
        assert list(privacy(viewer).shown([record])) == [record]

    @pytest.mark.parametrize("viewer", ["stranger", "auditor"])
    def test_have_nothing_personal_for_others(self, record: Any, viewer: str) -> None:
        [shown] = privacy(viewer).shown([record])

        assert names(shown) <= ({"p1"} if isinstance(record, Person) else set())
        assert MASK in attrs.astuple(shown)

    def test_are_whole_for_named_readers(self, record: Any) -> None:
        assert list(privacy("boss").shown([record], readers=lambda _: {"boss"})) == [record]

    def test_are_whole_where_no_roles_are_enforced(self, record: Any) -> None:
        assert list(privacy("stranger", enforced=False).shown([record])) == [record]

    def test_are_refused_as_a_whole_with_who_may_read_them(self, record: Any) -> None:
        with pytest.raises(DeniedError) as caught:
            privacy("stranger").require(record)

        assert "officer" in str(caught.value.cure)
        privacy("officer").require(record)


def test_a_requester_reads_the_own_form_but_not_who_receives() -> None:
    [access_request] = privacy("p2").shown([FORM])

    assert (access_request.requester, access_request.reason, access_request.recipient) == ("p2", "lost", MASK)


class TestOperations:
    @pytest.mark.parametrize("viewer", ["p1", "p2", "p3", "officer"])
    def test_are_whole_for_parties_and_officers(self, viewer: str) -> None:
        assert list(privacy(viewer).shown_operations([OPERATION], accounts)) == [OPERATION]

    def test_do_not_name_persons_in_errors_to_others(self) -> None:
        [shown] = privacy("stranger").shown_operations([OPERATION], accounts)

        assert shown.error
        assert (shown.actor, shown.reason) == (MASK, MASK)
        assert (str(shown.error.message), str(shown.error.cure)) == (
            f"{MASK} has no number, p11 has one",
            f"ask {MASK}",
        )

    def test_of_a_policy_are_personal_to_nobody(self) -> None:
        by_policy = attrs.evolve(OPERATION, actor="policy:renewal", reason="001 ¶2", error=None)

        assert list(privacy("stranger").shown_operations([by_policy], accounts)) == [by_policy]

    def test_may_not_be_read_when_the_store_fails(self) -> None:
        def fail(_: Iterable[str]) -> Mapping[str, Account]:
            raise StoreError("the disk is gone")

        [shown] = privacy("officer").shown_operations([OPERATION], fail)
        assert shown.actor == MASK

    def test_foreseen_values_are_masked_with_them(self) -> None:
        change = AttributeChange(name="cn", removes=("Can Öz",), adds=("Ayşe Işık",), keeps=("Okul", "46"))
        previews = [Preview(login="a", target="posta", changes=(change,))]
        [masked] = privacy("stranger").shown_foreseen(previews, [OPERATION], accounts)
        [whole] = privacy("officer").shown_foreseen(previews, [OPERATION], accounts)

        assert masked.changes == (AttributeChange(name="cn", removes=(MASK,), adds=(MASK,), keeps=(MASK, MASK)),)
        assert whole == previews[0]


class TestDeliveries:
    SENT = PasswordDelivery(id="d", operation_id="o", login="a", channel="letter", person="p1", number=1, sent_at=NOON)

    def test_tell_strangers_who_holds_the_account(self) -> None:
        [masked] = privacy("stranger").shown_deliveries([self.SENT], accounts)

        assert masked.person == MASK
        for viewer in ("p1", "officer"):
            assert list(privacy(viewer).shown_deliveries([self.SENT], accounts)) == [self.SENT]
        assert list(privacy("stranger", enforced=False).shown_deliveries([self.SENT], accounts)) == [self.SENT]


class TestHeldRuns:
    @pytest.mark.parametrize("viewer", ["p3", "officer"])
    def test_are_whole_for_who_asked_and_officers_of_all_operations(self, viewer: str) -> None:
        assert privacy(viewer).shown_run(RUN, {ACCOUNT.unit}) == RUN

    @pytest.mark.parametrize("viewer", ["officer", "stranger"])
    def test_are_masked_when_one_operation_is_of_another_unit(self, viewer: str) -> None:
        shown = privacy(viewer).shown_run(RUN, {ACCOUNT.unit, None})

        assert (shown.actor, shown.reason) == (MASK, MASK)


class TestSweeps:
    DEADLINE = Deadline(action=Action.WARN, at=NOON, reason=Text("so"), source="001 ¶2", rule_set="r")

    def test_notices_do_not_tell_strangers_whom_they_are_for(self) -> None:
        error = UnavailableError("{who} off", who="p1")
        notice = Notice(subject="a", login="a", deadline=self.DEADLINE, recipient="p1", error=error)
        [masked] = privacy("stranger").shown_notices([notice], accounts)
        shown = [next(iter(privacy(viewer).shown_notices([notice], accounts))) for viewer in ("p1", "officer")]

        assert (masked.recipient, str(masked.error)) == (MASK, f"{MASK} off")
        assert shown == [notice, notice]
        assert str(notice.error) == "p1 off"

    def test_refusals_do_not_tell_strangers_who_holds_the_account(self) -> None:
        nested = Text("refused: {why}", {"why": Text("{who} is gone", {"who": "p1"})})
        refusal = Refusal(login="a", deadline=self.DEADLINE, reason=nested, holder="p1")
        [masked] = privacy("stranger").shown_refusals([refusal], accounts)

        assert str(masked.reason) == f"refused: {MASK} is gone"
        assert list(privacy("officer").shown_refusals([refusal], accounts)) == [refusal]


def find(person_id: str) -> Person | None:
    return next((known for known in RECORDS if isinstance(known, Person) and known.id == person_id), None)


class TestPerson:
    def test_is_refused_to_strangers_whether_there_is_one_or_not(self) -> None:
        """The words must not tell which of two numbers is somebody's."""
        said = []
        for person in ("p1", "p9"):
            with pytest.raises(DeniedError) as caught:
                privacy("officer2").person(person, find)
            said.append(str(caught.value).replace(person, "-"))

        assert said[0] == said[1]

    def test_is_not_even_looked_for_without_a_role(self) -> None:
        asked: list[str] = []
        with pytest.raises(DeniedError):
            privacy("auditor").person("p1", asked.append)

        assert asked == []

    def test_is_read_by_officers_and_by_oneself(self) -> None:
        for viewer in ("officer", "p1"):
            assert privacy(viewer).person("p1", find) == find("p1")

    def test_that_does_not_exist_is_told_to_oneself(self) -> None:
        assert privacy("p9").person("p9", find) is None
