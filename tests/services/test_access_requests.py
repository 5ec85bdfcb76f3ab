"""Access requests without a command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.governance.access_requests import AccessRequest, RequestBegun, RequestState
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import OperationKind, OperationState, Person
from provisioner.services.access_requests import AccessRequests
from provisioner.services.application import Application
from provisioner.services.runs import Run, RunPreview
from tests.services.conftest import PERSONS, UNITS, Observer

OFFICER, SUPERVISOR, REQUESTER, OTHER, STRANGER = "9000", "1001", "1003", "1002", "1004"


@pytest.fixture(autouse=True)
def _stranger(app: Application) -> None:
    app.store.persons.save([Person(id=STRANGER, name="Yabancı", unit="il-mem", supervisor="9000")])


@pytest.fixture(name="access_request")
def _form(app: Application) -> AccessRequest:
    """Return a request to open the account of a unit."""
    return app.access_requests.submit("arge46", OperationKind.CREATE, actor=REQUESTER, reason="a new unit")


@pytest.fixture(name="approved")
def _approved(app: Application, access_request: AccessRequest) -> AccessRequest:
    return app.access_requests.approve(access_request.id, actor=SUPERVISOR)


def executed(app: Application, access_request: AccessRequest) -> Run:
    run = app.access_requests.execute(access_request.id, actor=OFFICER)
    assert isinstance(run, Run)
    run.wait()
    return run


class TestSubmit:
    """Somebody requests an action."""

    def test_names_who_receives_the_password(self, access_request: AccessRequest) -> None:
        assert access_request.recipient == "1002"

    def test_of_a_closing_has_no_recipient(self, app: Application, approved: AccessRequest) -> None:
        executed(app, approved)

        access_request = app.access_requests.submit("arge46", OperationKind.CLOSE, actor=REQUESTER, reason="")

        assert access_request.recipient is None

    def test_returns_the_same_request_that_is_open(self, app: Application, access_request: AccessRequest) -> None:
        again = app.access_requests.submit("arge46", OperationKind.CREATE, actor=REQUESTER, reason="again")

        assert again == access_request

    def test_in_a_dry_run_records_nothing(self, app: Application, observer: Observer) -> None:
        app.access_requests.submit("arge46", OperationKind.CREATE, actor=REQUESTER, reason="", dry_run=True)

        assert not app.access_requests.listed(viewer=OFFICER)
        assert not observer.seen

    @pytest.mark.parametrize(("kind", "recipient"), [(OperationKind.HANDOVER, None), (OperationKind.ROTATE, "1001")])
    def test_takes_a_recipient_for_a_handover_only(
        self, app: Application, kind: OperationKind, recipient: str | None
    ) -> None:
        with pytest.raises(InputError, match="a handover needs"):
            app.access_requests.submit("arge46", kind, actor=REQUESTER, reason="", recipient=recipient)

    def test_about_an_unknown_account_is_refused(self, app: Application) -> None:
        with pytest.raises(InputError, match="arge46 is unknown"):
            app.access_requests.submit("arge46", OperationKind.ROTATE, actor=REQUESTER, reason="")

    def test_does_not_tell_who_holds_the_account(self, app: Application, access_request: AccessRequest) -> None:
        """The requester needs no right to read that."""
        app.store.units.save([attrs.evolve(UNITS[1], custodian="4711")])

        with pytest.raises(DeniedError, match="does not know the holder of arge46") as caught:
            app.access_requests.submit("arge46", OperationKind.CREATE, actor=STRANGER, reason="")
        assert "4711" not in f"{caught.value} {caught.value.cure}"


ACTIONS: dict[str, Callable[[AccessRequests, str], object]] = {
    "approve": lambda requests, number: requests.approve(number, actor=STRANGER),
    "reject": lambda requests, number: requests.reject(number, actor=STRANGER, reason="no"),
    "confirm": lambda requests, number: requests.confirm_mobile(number, actor=STRANGER),
    "execute": lambda requests, number: requests.execute(number, actor=STRANGER),
    "print": lambda requests, number: requests.printable(requests.find(number), viewer=STRANGER),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("gone", [False, True])
def test_a_stranger_does_not_learn_who_is_in_a_request(
    app: Application, access_request: AccessRequest, approved: AccessRequest, action: str, *, gone: bool
) -> None:
    """A refusal that says who could do it would say who asks for it."""
    request = approved
    if action in {"approve", "reject"}:
        request = app.access_requests.submit("kmarasmem", OperationKind.CREATE, actor=REQUESTER, reason="another")
    if gone:
        app.store.persons.save([attrs.evolve(PERSONS[3], supervisor=None)])

    with pytest.raises(DeniedError) as caught:
        ACTIONS[action](app.access_requests, request.id)

    told = f"{caught.value} {caught.value.cure}"
    assert [person for person in (REQUESTER, SUPERVISOR, OTHER, "Gül", "Ayşe", "Çağlar") if person in told] == []


class TestDecide:
    """The supervisor decides."""

    def test_another_person_cannot_approve(self, app: Application, access_request: AccessRequest) -> None:
        with pytest.raises(DeniedError):
            app.access_requests.approve(access_request.id, actor=OTHER)

    def test_twice_is_the_same(self, app: Application, approved: AccessRequest) -> None:
        assert app.access_requests.approve(approved.id, actor=SUPERVISOR) == approved

    def test_a_rejected_request_cannot_be_approved(self, app: Application, access_request: AccessRequest) -> None:
        rejected = app.access_requests.reject(access_request.id, actor=SUPERVISOR, reason="no")
        assert app.access_requests.reject(access_request.id, actor=SUPERVISOR, reason="no") == rejected

        with pytest.raises(InputError, match="rejected"):
            app.access_requests.approve(access_request.id, actor=SUPERVISOR)

    def test_takes_the_beginning_of_an_id(self, app: Application, access_request: AccessRequest) -> None:
        assert (
            app.access_requests.approve(access_request.id[:6], actor=SUPERVISOR, dry_run=True).state
            is RequestState.APPROVED
        )
        assert app.access_requests.find(access_request.id).state is RequestState.SUBMITTED


class TestConfirmMobile:
    """An officer answers for a number that has changed."""

    def test_lets_the_request_be_carried_out(self, app: Application, approved: AccessRequest) -> None:
        app.store.persons.save([attrs.evolve(PERSONS[2], mobile="+905337650000")])
        with pytest.raises(DeniedError, match="has changed"):
            app.access_requests.execute(approved.id, actor=OFFICER)

        confirmation = app.access_requests.confirm_mobile(approved.id, actor=OFFICER)

        assert confirmation.recipient
        assert confirmation.recipient.mobile == "+905337650000"
        assert executed(app, approved).summary.is_complete

    def test_the_recipient_cannot_confirm(self, app: Application, approved: AccessRequest) -> None:
        with pytest.raises(DeniedError):
            app.access_requests.confirm_mobile(approved.id, actor="1002")


class TestExecute:
    """An officer carries a request out."""

    def test_does_what_was_approved_and_archives_it(self, app: Application, approved: AccessRequest) -> None:
        [operation] = executed(app, approved).ended

        assert (operation.state, operation.request) == (OperationState.DONE, approved.id)
        assert app.access_requests.current(approved.id).state is RequestState.ARCHIVED

    def test_twice_does_nothing_more(self, app: Application, approved: AccessRequest) -> None:
        executed(app, approved)

        again = executed(app, approved)

        assert not again.ended
        assert [account.login for account in again.unchanged] == ["arge46"]

    def test_is_refused_before_the_approval(self, app: Application, access_request: AccessRequest) -> None:
        with pytest.raises(InputError, match="submitted"):
            app.access_requests.execute(access_request.id, actor=OFFICER)

    @pytest.mark.parametrize("actor", [SUPERVISOR, REQUESTER, OTHER])
    def test_is_refused_for_everybody_else(self, app: Application, approved: AccessRequest, actor: str) -> None:
        with pytest.raises(DeniedError):
            app.access_requests.execute(approved.id, actor=actor)

    def test_in_a_dry_run_only_shows_the_plan(self, app: Application, approved: AccessRequest) -> None:
        preview = app.access_requests.execute(approved.id, actor=OFFICER, dry_run=True)

        assert isinstance(preview, RunPreview)
        assert [work.operation.login for work in preview.plan.work] == ["arge46"]
        assert app.access_requests.find(approved.id).state is RequestState.APPROVED

    def test_opens_no_other_account_than_the_approved_one(self, app: Application, approved: AccessRequest) -> None:
        app.store.units.save([attrs.evolve(UNITS[1], login="baska46")])

        with pytest.raises(DeniedError, match="the login of unit"):
            app.access_requests.execute(approved.id, actor=OFFICER)

    def test_does_not_serve_another_holder(self, app: Application, approved: AccessRequest) -> None:
        app.store.units.save([attrs.evolve(UNITS[1], custodian="1003")])

        with pytest.raises(DeniedError, match="the holder of"):
            app.access_requests.execute(approved.id, actor=OFFICER)

    def test_is_refused_for_another_action(self, app: Application, approved: AccessRequest) -> None:
        with pytest.raises(InputError, match="is for 'create' of arge46"):
            app.access_requests.execute_for(approved.id, OperationKind.ROTATE, "arge46", actor=OFFICER)

    def test_tells_the_observers(self, app: Application, approved: AccessRequest, observer: Observer) -> None:
        executed(app, approved)

        assert RequestBegun.kind in {event.kind for event in observer.seen}


class TestRead:
    """What others may read."""

    def test_is_masked_for_those_without_a_part(self, app: Application, access_request: AccessRequest) -> None:
        [shown] = app.access_requests.listed(viewer="1004")

        assert shown.requester == MASK

    def test_is_read_with_all_others(
        self, app: Application, access_request: AccessRequest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each page would take as long as all of them."""

        def find(*_: object, **__: object) -> Iterator[AccessRequest]:
            yield access_request
            pytest.fail("more was read than was wanted")

        monkeypatch.setattr(type(app.store.access_requests), "find", find)

        assert [one.id for one in app.access_requests.listed(viewer=SUPERVISOR, limit=1)] == [access_request.id]

    def test_is_not_masked_for_who_may_decide(self, app: Application, access_request: AccessRequest) -> None:
        assert app.access_requests.shown(access_request, viewer=SUPERVISOR) == access_request

    def test_is_not_printed_without_its_requester(self, app: Application, access_request: AccessRequest) -> None:
        with pytest.raises(DeniedError):
            app.access_requests.printable(access_request, viewer="1004")

    def test_has_no_archived_copy_before_its_end(self, app: Application, access_request: AccessRequest) -> None:
        with pytest.raises(InputError, match="not archived"):
            app.access_requests.archive_of(access_request, viewer=OFFICER)

    def test_the_archived_copy_is_for_those_who_may_read_all(self, app: Application, approved: AccessRequest) -> None:
        executed(app, approved)
        archived = app.access_requests.current(approved.id)

        assert app.access_requests.archive_of(archived, viewer=OFFICER) == archived.archive
        with pytest.raises(DeniedError):
            app.access_requests.archive_of(archived, viewer=REQUESTER)
