"""The hooks, against a real mock over HTTP."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import attrs
import pytest
from pytest_httpserver import HTTPServer

from provisioner.core.api.errors import (
    ConflictError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import (
    CheckTarget,
    CompareAccount,
    FindPerson,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
)
from provisioner.core.model import OperationKind, Outcome, Person
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.samples import ACCOUNT, HOLDER, OTHER_SECRET, SECRET, SUCCESSOR
from provisioner_pys.mock import PysFault, PysFaultOrder, PysMock
from provisioner_pys.plugin import CHANGES, Pys
from provisioner_pys.settings import PysSettings

LOGIN = ACCOUNT.login

#: The mutating hooks: how each is called, and the endpoint it uses.
HOOKS: dict[str, tuple[Callable[[Pys], Receipt], str]] = {
    "account_create": (lambda pys: pys.account_create(samples.create(secret=OTHER_SECRET)), "account.put"),
    "account_close": (lambda pys: pys.account_close(samples.close()), "account.disable"),
    "account_rotate": (lambda pys: pys.account_rotate(samples.rotate()), "account.password"),
    "account_handover": (lambda pys: pys.account_handover(samples.handover()), "account.holder"),
    "account_update": (lambda pys: pys.account_update(samples.update(holder=SUCCESSOR)), "account.update"),
    "account_delete": (lambda pys: pys.account_delete(samples.delete()), "account.delete"),
}


def take_back(receipt: Receipt) -> None:
    assert receipt.undo is not None
    receipt.undo()


class TestCreate:
    def test_the_account_logs_in_and_belongs_to_its_holder(self, pys: Pys, mock: PysMock) -> None:
        receipt = pys.account_create(samples.create())

        account = mock.account(LOGIN)
        assert Outcome.APPLIED is receipt.outcome
        assert account is not None
        assert (account.enabled, account.unit, account.holder) == (True, "46-TEM", "1001")
        assert mock.logs_in(LOGIN, SECRET)

    def test_it_is_one_request(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())

        assert mock.calls() == {"account.put": 1}

    def test_a_second_attempt_with_another_password_succeeds(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        pys.account_create(samples.create(secret=OTHER_SECRET))

        assert mock.logs_in(LOGIN, OTHER_SECRET)
        assert not mock.logs_in(LOGIN, SECRET)

    def test_a_closed_account_is_reopened(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        pys.account_close(samples.close())
        pys.account_create(samples.create(secret=OTHER_SECRET))

        assert mock.logs_in(LOGIN, OTHER_SECRET)


class TestClose:
    def test_nobody_logs_in_any_more_and_the_account_is_kept(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        receipt = pys.account_close(samples.close())

        account = mock.account(LOGIN)
        assert Outcome.APPLIED is receipt.outcome
        assert account is not None
        assert not account.enabled
        assert not mock.logs_in(LOGIN, SECRET)

    def test_closing_twice_changes_nothing(self, pys: Pys) -> None:
        pys.account_create(samples.create())
        pys.account_close(samples.close())
        receipt = pys.account_close(samples.close())

        assert Outcome.UNCHANGED is receipt.outcome
        assert receipt.undo is None

    def test_closing_what_is_not_there_changes_nothing(self, pys: Pys, mock: PysMock) -> None:
        receipt = pys.account_close(samples.close())

        assert Outcome.UNCHANGED is receipt.outcome
        assert mock.account(LOGIN) is None


class TestRotate:
    def test_only_the_new_password_logs_in(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        receipt = pys.account_rotate(samples.rotate())

        assert Outcome.APPLIED is receipt.outcome
        assert mock.logs_in(LOGIN, OTHER_SECRET)
        assert not mock.logs_in(LOGIN, SECRET)

    def test_a_closed_account_stays_closed(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        pys.account_close(samples.close())
        pys.account_rotate(samples.rotate())

        assert not mock.logs_in(LOGIN, OTHER_SECRET)

    def test_an_account_that_is_not_there_is_not_made(self, pys: Pys, mock: PysMock) -> None:
        with pytest.raises(MissingError):
            pys.account_rotate(samples.rotate())

        assert mock.account(LOGIN) is None


class TestHandover:
    def test_holder_and_password_change_in_one_request(self, pys: Pys, mock: PysMock) -> None:
        """The outgoing holder's password must not log in any more (000 m.5/e)."""
        pys.account_create(samples.create())
        pys.account_handover(samples.handover())

        account = mock.account(LOGIN)
        assert account is not None
        assert SUCCESSOR.id == account.holder
        assert mock.logs_in(LOGIN, OTHER_SECRET)
        assert not mock.logs_in(LOGIN, SECRET)
        assert mock.calls() == {"account.put": 1, "account.holder": 1}

    def test_an_account_that_is_not_there_is_not_made(self, pys: Pys, mock: PysMock) -> None:
        with pytest.raises(MissingError):
            pys.account_handover(samples.handover())

        assert mock.account(LOGIN) is None


class TestDelete:
    def test_the_account_goes_and_the_person_stays(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        pys.account_close(samples.close())
        receipt = pys.account_delete(samples.delete())

        assert (receipt.outcome, receipt.undo) == (Outcome.APPLIED, None)
        assert pys.account_probe(samples.probe(SECRET)).presence is Presence.ABSENT
        assert pys.person_find(FindPerson(person_id=HOLDER.id)) == HOLDER

    def test_what_is_not_there_is_unchanged(self, pys: Pys) -> None:
        assert Outcome.UNCHANGED is pys.account_delete(samples.delete()).outcome

    def test_nothing_brings_it_back(self, pys: Pys, mock: PysMock) -> None:
        """The way back of an earlier change holds the hash of a password."""
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        closed = pys.account_close(samples.close())
        pys.account_delete(samples.delete())

        with pytest.raises(ConflictError):
            take_back(closed)
        assert mock.account(LOGIN) is None

    def test_it_can_be_made_anew(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        pys.account_close(samples.close())
        pys.account_delete(samples.delete())
        take_back(pys.account_create(samples.create(secret=OTHER_SECRET)))
        assert mock.account(LOGIN) is None
        pys.account_create(samples.create(secret=OTHER_SECRET))

        assert mock.logs_in(LOGIN, OTHER_SECRET)
        assert not mock.logs_in(LOGIN, SECRET)


class TestUndo:
    def test_rotating_is_taken_back(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        take_back(pys.account_rotate(samples.rotate()))

        assert mock.logs_in(LOGIN, SECRET)
        assert not mock.logs_in(LOGIN, OTHER_SECRET)

    def test_handing_over_is_taken_back_with_the_holder(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        before = mock.account(LOGIN)
        take_back(pys.account_handover(samples.handover()))

        assert before == mock.account(LOGIN)
        assert mock.logs_in(LOGIN, SECRET)

    def test_creating_is_taken_back(self, pys: Pys, mock: PysMock) -> None:
        take_back(pys.account_create(samples.create()))

        assert mock.account(LOGIN) is None

    def test_reopening_is_taken_back(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        pys.account_close(attrs.evolve(samples.close(), operation_id="op-0"))
        take_back(pys.account_create(samples.create(secret=OTHER_SECRET)))

        account = mock.account(LOGIN)
        assert account is not None
        assert not account.enabled

    def test_closing_is_taken_back(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        take_back(pys.account_close(samples.close()))

        assert mock.logs_in(LOGIN, SECRET)

    def test_it_leads_past_an_attempt_whose_answer_was_lost(self, pys: Pys, mock: PysMock) -> None:
        """The account must not be left with the password of the first attempt, which nobody has."""
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        mock.misbehave(PysFaultOrder(endpoint="account.password", do=PysFault.APPLY_AND_LOSE_ANSWER, call=1))
        with pytest.raises(UnknownOutcomeError):
            pys.account_rotate(samples.rotate())
        take_back(pys.account_rotate(samples.rotate(secret=Secret("a-third-password"))))

        assert mock.logs_in(LOGIN, SECRET)

    def test_a_later_change_is_not_taken_back_with_it(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(attrs.evolve(samples.create(), operation_id="op-0"))
        receipt = pys.account_rotate(samples.rotate())
        later = Secret("a-third-password")
        pys.account_rotate(attrs.evolve(samples.rotate(secret=later), operation_id="op-2"))

        with pytest.raises(ConflictError):
            take_back(receipt)
        assert mock.logs_in(LOGIN, later)

    def test_a_lost_answer_is_unknown(self, pys: Pys, mock: PysMock) -> None:
        receipt = pys.account_create(samples.create())
        mock.misbehave(PysFaultOrder(endpoint="account.undo", do="lose_request"))

        with pytest.raises(UnknownOutcomeError):
            take_back(receipt)

    def test_the_token_is_not_shown(self, pys: Pys) -> None:
        receipt = pys.account_create(samples.create())

        assert "undo" not in repr(receipt)


class TestHostileValues:
    """What nobody should enter and somebody will."""

    def test_a_login_that_fits_in_no_address_is_refused(self, pys: Pys) -> None:
        account = attrs.evolve(samples.ACCOUNT, login="x" * 65537)

        with pytest.raises(RefusedError):
            pys.account_create(samples.create(account))

    def test_a_password_with_a_nul_behind_it_is_another_one(self, pys: Pys) -> None:
        """To PBKDF2 it is the same."""
        pys.account_create(samples.create())

        report = pys.account_probe(samples.probe(Secret(f"{samples.SECRET.reveal()}\0")))

        assert report.secret_accepted is False


class TestProbe:
    def test_absent(self, pys: Pys, mock: PysMock) -> None:
        report = pys.account_probe(samples.probe(SECRET))

        assert (report.presence, report.secret_accepted) == (Presence.ABSENT, False)
        assert mock.calls() == {"login": 1, "account.get": 1}

    def test_enabled(self, pys: Pys) -> None:
        pys.account_create(samples.create())
        report = pys.account_probe(samples.probe())

        assert report.presence is Presence.ENABLED
        assert (HOLDER.id, "46-TEM") == (report.attributes["holder"], report.attributes["unit"])

    def test_a_log_in_tells_all(self, pys: Pys, mock: PysMock) -> None:
        """One request proves a password: every operation does that on every account."""
        pys.account_create(samples.create())
        report = pys.account_probe(samples.probe(SECRET))

        assert (report.presence, report.secret_accepted) == (Presence.ENABLED, True)
        assert "account.get" not in mock.calls()

    def test_a_wrong_secret_is_an_answer(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        report = pys.account_probe(samples.probe(OTHER_SECRET))

        assert report.secret_accepted is False
        assert mock.calls()["login"] == 1

    def test_disabled(self, pys: Pys) -> None:
        pys.account_create(samples.create())
        pys.account_close(samples.close())
        report = pys.account_probe(samples.probe(SECRET))

        assert (report.presence, report.secret_accepted) == (Presence.DISABLED, False)

    def test_without_a_secret_nobody_logs_in(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())

        assert pys.account_probe(samples.probe()).secret_accepted is None
        assert "login" not in mock.calls()


class TestUpdate:
    """``account_update`` and ``account_compare``."""

    def test_unit_and_holder_are_written_and_the_password_stays(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        moved = attrs.evolve(samples.UNIT, code="46-ORT")

        update = attrs.evolve(samples.update(unit=moved, holder=samples.SUCCESSOR), operation_id="op-2")

        receipt = pys.account_update(update)

        stored = mock.account(samples.ACCOUNT.login)
        assert stored is not None
        assert (stored.unit, stored.holder) == (moved.code, samples.SUCCESSOR.id)
        assert mock.logs_in(samples.ACCOUNT.login, SECRET.reveal())
        assert receipt.undo is not None
        receipt.undo()
        stored = mock.account(samples.ACCOUNT.login)
        assert stored is not None
        assert (stored.unit, stored.holder) == (samples.UNIT.code, HOLDER.id)

    def test_without_a_holder_the_former_one_stays(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())

        receipt = pys.account_update(samples.update(holder=None))

        stored = mock.account(samples.ACCOUNT.login)
        assert stored is not None
        assert (receipt.outcome, stored.holder) == (Outcome.UNCHANGED, HOLDER.id)

    def test_an_account_that_is_not_there_is_not_made(self, pys: Pys, mock: PysMock) -> None:
        with pytest.raises(MissingError):
            pys.account_update(samples.update())

        assert mock.account(samples.ACCOUNT.login) is None

    def test_a_comparison_shows_what_an_update_would_write_and_asks_nothing(self, pys: Pys, mock: PysMock) -> None:
        pys.account_create(samples.create())
        [page] = pys.account_list()
        [listed] = page.accounts
        calls = mock.calls()

        request = CompareAccount(listed=listed, account=samples.ACCOUNT, unit=samples.UNIT, holder=samples.SUCCESSOR)
        [change] = pys.account_compare(request).changes

        assert (change.name, change.removes, change.adds) == ("holder", (HOLDER.id,), (samples.SUCCESSOR.id,))
        assert pys.account_compare(attrs.evolve(request, holder=None)).changes == ()
        assert mock.calls() == calls

    def test_a_probe_shows_what_an_update_would_write(self, pys: Pys) -> None:
        pys.account_create(samples.create())
        planned = PlannedChange(kind=OperationKind.UPDATE, unit=samples.UNIT, holder=samples.SUCCESSOR)

        report = pys.account_probe(ProbeAccount(account=samples.ACCOUNT, planned=planned))

        assert [change.name for change in report.changes] == ["holder"]


class TestPersonFind:
    def test_somebody_registered_comes_with_the_mobile_number(self, pys: Pys) -> None:
        assert pys.person_find(FindPerson(person_id=HOLDER.id)) == HOLDER

    def test_a_stranger_is_left_to_the_next_plug_in(self, pys: Pys) -> None:
        assert pys.person_find(FindPerson(person_id="9999")) is None

    def test_somebody_without_a_number_has_none(self, pys: Pys, mock: PysMock) -> None:
        person = Person(id="1003", name="Ömer Su")
        mock.seed(people=[person])

        assert pys.person_find(FindPerson(person_id="1003")) == person

    @pytest.mark.parametrize("person_id", ["..", ".", "a/b", "../login", "a?b#c", "%2e", "Şule", "a b"])
    def test_no_id_leads_out_of_its_place_in_the_path(self, pys: Pys, mock: PysMock, person_id: str) -> None:
        person = Person(id=person_id, name="Ömer Su")
        mock.seed(people=[person])

        assert pys.person_find(FindPerson(person_id=person_id)) == person


class TestCheck:
    def test_it_says_what_pys_can_do(self, pys: Pys) -> None:
        report = pys.target_check(CheckTarget())

        assert report.capabilities.undoes == CHANGES
        assert report.capabilities.facts == {"service": "PYS mock", "version": "1.0"}
        assert report.warnings == ()

    def test_a_pys_without_undo_is_believed(self, httpserver: HTTPServer) -> None:
        httpserver.expect_request("/status").respond_with_json({"service": "another", "version": "7", "undo": False})
        with closing(Pys(settings=PysSettings(url=httpserver.url_for(""), api_key=Secret("k")))) as pys:
            assert pys.target_check(CheckTarget()).capabilities.undoes == frozenset()

    def test_a_wrong_key_is_a_misconfiguration(self, mock: PysMock) -> None:
        with closing(Pys(settings=PysSettings(url=mock.url, api_key=Secret("not-the-right-one")))) as pys:
            with pytest.raises(MisconfiguredError) as caught:
                pys.target_check(CheckTarget())
            assert "wrong" not in str(caught.value)

    def test_nobody_there_is_unavailable(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        settings = PysSettings(url=f"http://127.0.0.1:{port}", api_key=Secret("k"))
        with closing(Pys(settings=settings)) as pys, pytest.raises(UnavailableError):
            pys.target_check(CheckTarget())

    def test_passwords_in_the_clear_are_warned_of(self, mock: PysMock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PysSettings, "in_the_clear", property(lambda _: True))
        settings = PysSettings(url=mock.url, api_key=mock.api_key, insecure=True)
        with closing(Pys(settings=settings)) as pys:
            assert "unencrypted" in str(pys.target_check(CheckTarget()).warnings[0])


class TestFaults:
    """Whatever goes wrong, one request was sent, and the error says whether it may have been applied."""

    @pytest.mark.parametrize("hook", HOOKS)
    @pytest.mark.parametrize(
        ("do", "error", "applied"),
        [
            ("refuse", RefusedError, False),
            ("refuse_secret", SecretRefusedError, False),
            ("throttle", ThrottledError, False),
            ("error_500", UnknownOutcomeError, False),
            ("lose_request", UnknownOutcomeError, False),
            ("apply_and_lose_answer", UnknownOutcomeError, True),
            ("cut_answer", UnknownOutcomeError, True),
        ],
    )
    def test_of_a_change(
        self, pys: Pys, mock: PysMock, hook: str, do: str, error: type[TargetError], *, applied: bool
    ) -> None:
        call, endpoint = HOOKS[hook]
        pys.account_create(samples.create())
        before, calls = mock.account(LOGIN), mock.calls().get(endpoint, 0)
        time.sleep(0.002)  # a new password shows in the time of the change only, which is kept in milliseconds
        mock.misbehave(PysFaultOrder(endpoint=endpoint, do=do, seconds=7))

        with pytest.raises(error) as caught:
            call(pys)

        assert type(caught.value) is error
        assert mock.calls()[endpoint] == calls + 1
        assert (mock.account(LOGIN) != before) is applied

    @pytest.mark.parametrize("do", ["delay", "answer_late"])
    @pytest.mark.parametrize("hook", HOOKS)
    def test_of_a_change_that_is_answered_too_late(self, mock: PysMock, hook: str, do: str) -> None:
        call, endpoint = HOOKS[hook]
        with closing(Pys(settings=PysSettings(url=mock.url, api_key=mock.api_key, timeout=0.3))) as pys:
            pys.account_create(samples.create())
            calls = mock.calls().get(endpoint, 0)
            mock.misbehave(PysFaultOrder(endpoint=endpoint, do=do, seconds=30))

            with pytest.raises(UnknownOutcomeError):
                call(pys)

            assert mock.calls()[endpoint] == calls + 1

    @pytest.mark.parametrize("endpoint", ["account.get", "login"])
    @pytest.mark.parametrize(
        ("do", "error"),
        [
            ("refuse", RefusedError),
            ("throttle", ThrottledError),
            ("error_500", TransientError),
            ("lose_request", UnavailableError),
            ("apply_and_lose_answer", UnavailableError),
            ("cut_answer", UnavailableError),
        ],
    )
    def test_of_a_question(self, pys: Pys, mock: PysMock, endpoint: str, do: str, error: type[TargetError]) -> None:
        pys.account_create(samples.create())
        mock.misbehave(PysFaultOrder(endpoint=endpoint, do=do))

        with pytest.raises(error) as caught:
            pys.account_probe(samples.probe(SECRET if endpoint == "login" else None))

        assert type(caught.value) is error
        assert mock.calls()[endpoint] == 1

    def test_throttling_says_for_how_long(self, pys: Pys, mock: PysMock) -> None:
        mock.misbehave(PysFaultOrder(endpoint="account.put", do="throttle", seconds=7))

        with pytest.raises(ThrottledError) as caught:
            pys.account_create(samples.create())

        assert caught.value.retry_after == 7.0


class TestManyThreads:
    def test_eight_threads_share_one_target(self, pys: Pys, mock: PysMock) -> None:
        def lead_a_life(number: int) -> bool:
            account = attrs.evolve(ACCOUNT, login=f"okul{number}")
            pys.account_create(samples.create(account))
            pys.account_rotate(samples.rotate(account))
            pys.account_handover(samples.handover(account, secret=Secret(f"password-{number}")))
            return bool(pys.account_probe(samples.probe(Secret(f"password-{number}"), account)).secret_accepted)

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lead_a_life, range(40)))

        expected = dict.fromkeys(["account.put", "account.password", "account.holder", "login"], 40)
        assert expected == mock.calls()

    def test_changes_of_one_account_do_not_mix(self, pys: Pys, mock: PysMock) -> None:
        """Holder and password are set by one request, so they must always belong together."""
        pys.account_create(samples.create())
        people = [Person(id=f"p{number}", name="Ömer Su") for number in range(24)]

        def hand_over(person: Person) -> None:
            pys.account_handover(
                attrs.evolve(
                    samples.handover(secret=Secret(f"password-{person.id}")), holder=person, operation_id=person.id
                )
            )

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(hand_over, people))

        account = mock.account(LOGIN)
        assert account is not None
        assert mock.logs_in(LOGIN, f"password-{account.holder}")
