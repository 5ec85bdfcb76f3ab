from __future__ import annotations

import itertools
import os
import pwd
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import time_machine

from provisioner.core.api.errors import MisconfiguredError, StoreError, TargetError, UnavailableError
from provisioner.core.api.events import Event
from provisioner.core.api.messages import FindPerson, ProbeAccount
from provisioner.core.engine import engine
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Account
from provisioner.store import Store
from provisioner.testing.faults import Fault, Faults
from provisioner.testing.memory import MemoryChannel
from tests.cli.conftest import PERSONS, Office

CODES = ("il-mem", "ar-ge", "istatistik")
MOBILES = [person.mobile for person in PERSONS if person.mobile]


class TestHalfWay:
    """A target fails after the run has begun."""

    def test_exits_with_4_and_gives_the_state_of_every_operation(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.REFUSE, calls={1})

        answer = office.type("--json", "unit", "open", *CODES)

        assert answer.code == 4
        assert sorted(answer.states.values()) == ["done", "done", "undone"]
        [undone] = [one for one in answer.json["operations"] if one["state"] == "undone"]
        assert undone["error"]["class"] == "RefusedError"
        assert undone["steps"][-1]["hook"] == "undo"

    def test_tells_people_the_reason_and_counts(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.REFUSE, calls={1})

        out = office.type("unit", "open", *CODES).out

        assert "it is against the rules here" in out
        assert out.splitlines()[-1] == "2 done, 0 unchanged, 0 incomplete, 1 failed"

    def test_points_to_resume_when_there_is_something_to_drive_on(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)

        out = office.type("unit", "open", "il-mem").out

        assert "kmarasmem: create: incomplete" in out
        assert "run 'provisioner resume'" in out

    def test_is_told_in_the_language_asked_for(self, office: Office) -> None:
        """The journal keeps errors in English."""
        office.faults("pys").on("account_create", Fault.REFUSE)

        answer = office.type("--json", "--lang", "tr", "unit", "open", "il-mem")

        assert answer.json["operations"][0]["error"]["message"] == "buradaki kurallara aykırı"

    def test_never_shows_a_password(self, office: Office) -> None:
        """A plug-in with a defect quotes it in its exception."""
        office.faults("posta").on("account_create", Fault.APPLY_AND_DEFECT, calls={1})

        answer = office.type("-v", "--json", "unit", "open", *CODES)

        assert answer.json["operations"]
        passwords = [one.password for mobile in MOBILES for one in office.plugin.channels["sms"].inbox(mobile)]
        assert passwords
        assert not any(password in answer.out + answer.err for password in passwords)
        assert "unexpected" not in answer.out + answer.err


class TestPersonnelSystem:
    """The personnel system is asked while the run is planned."""

    @pytest.mark.parametrize(("error", "code"), [(UnavailableError("it is down"), 5), (MisconfiguredError("no"), 2)])
    def test_that_cannot_tell_who_somebody_is_changes_nothing(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, error: TargetError, code: int
    ) -> None:
        def find(_: Plugins, __: FindPerson) -> None:
            raise error

        monkeypatch.setattr(Plugins, "find_person", find)
        monkeypatch.setattr(Plugins, "find_persons", True)

        assert office.type("unit", "open", "il-mem").code == code
        assert office.states() == {}


class TestStoreFailure:
    """The store fails while a run is under way."""

    @pytest.mark.parametrize("allowed", [2, 4])
    def test_exits_with_4_and_one_document(self, office: Office, monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
        """Whatever had happened by then, "nothing was changed" would be a lie."""
        real = Store.write
        writes = []

        def failing(store: Store, *events: Event) -> None:
            writes.append(events)
            if len(writes) > allowed:
                raise StoreError("no space is left for the store {place}", cure="free some disk space", place="x")
            real(store, *events)

        monkeypatch.setattr(Store, "write", failing)

        answer = office.type("--json", "unit", "open", "il-mem")

        assert answer.code == 4
        assert answer.json.keys() == {"operations", "unchanged", "error"}
        assert answer.json["error"]["class"] == "StoreError"

    @pytest.mark.parametrize("allowed", [1, 2, 5, 8, 11])
    def test_counts_what_really_ended(self, office: Office, monkeypatch: pytest.MonkeyPatch, allowed: int) -> None:
        """What is under way when one write fails may well end; what was not begun is not called incomplete."""
        real, writes = Store.write, itertools.count(1)

        def failing(store: Store, *events: Event) -> None:
            if next(writes) == allowed + 1:
                raise StoreError("no space is left for the store {place}", cure="free some disk space", place="x")
            real(store, *events)

        monkeypatch.setattr(Store, "write", failing)

        answer = office.type("--json", "unit", "open", *CODES)

        assert answer.code == 4
        assert answer.states == {operation.login: operation.state.value for operation in office.operations()}
        assert len(answer.states) == len(CODES)

    def test_a_plan_that_was_written_in_part_is_not_called_unchanged(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "CHUNK", 1)
        real, writes = Store.write, itertools.count(1)

        def failing(store: Store, *events: Event) -> None:
            if next(writes) == 2:
                raise StoreError("no space is left for the store {place}", cure="free some disk space", place="x")
            real(store, *events)

        monkeypatch.setattr(Store, "write", failing)

        answer = office.type("--json", "unit", "open", *CODES)

        assert answer.code == 4
        assert sorted(answer.states.values()) == ["done", "planned", "planned"]
        assert [operation.state.value for operation in office.operations()] == ["done"]

    def test_of_a_store_that_is_deleted_says_so_and_sends_no_more(self, office: Office) -> None:
        phones = office.plugin.channels.setdefault("sms", MemoryChannel())
        deleting = Faults(pause=office.config.with_name("provisioner.sqlite").unlink)
        deleting.on("account_create", Fault.PAUSE, calls={1})
        office.plugin.faults["pys"] = deleting

        answer = office.type("--json", "unit", "open", *CODES)

        assert answer.code == 4
        assert "was deleted" in answer.json["error"]["message"]
        assert set(answer.states.values()) <= {"running", "planned"}
        assert [message for number in MOBILES for message in phones.inbox(number)] == []


class TestResume:
    """``resume``."""

    def test_finishes_what_was_stuck_as_soon_as_it_is_asked(self, office: Office) -> None:
        """A person who fixed the target does not want to wait for the next try."""
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)
        office.type("unit", "open", "il-mem")
        office.faults("pys").clear()

        answer = office.type("--json", "resume")

        assert (answer.code, answer.states) == (0, {"kmarasmem": "done"})
        assert office.states() == {"kmarasmem": "open"}

    def test_leaves_what_waits_alone_when_asked_for_what_is_due(self, office: Office) -> None:
        """A job that runs every minute must not wear a sick target out."""
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)
        office.type("unit", "open", "il-mem")
        office.faults("pys").clear()

        assert office.type("--json", "resume", "--due").json["operations"] == []
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=2)):
            assert office.type("--json", "resume", "--due").states == {"kmarasmem": "done"}

    def test_with_nothing_to_do_exits_with_0(self, office: Office) -> None:
        answer = office.type("--json", "resume")

        assert (answer.code, answer.json) == (0, {"operations": [], "unchanged": []})

    def test_that_does_not_help_exits_with_4(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)
        office.type("unit", "open", "il-mem")

        answer = office.type("--json", "resume")

        assert (answer.code, answer.states) == (4, {"kmarasmem": "incomplete"})

    def test_on_a_dead_target_exits_with_5(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)
        office.type("unit", "open", "il-mem")
        office.faults("pys").on("target_check", Fault.CANNOT_CONNECT)

        assert office.type("resume").code == 5

    def test_says_of_what_cannot_be_planned_any_more_why(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)
        office.type("unit", "open", "il-mem")
        office.faults("pys").clear()
        with office.open() as store, store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM persons")

        answer = office.type("--json", "resume")

        assert (answer.code, answer.states) == (4, {"kmarasmem": "incomplete"})
        assert "person 1001 not found" in answer.json["operations"][0]["error"]["message"]

    def test_as_a_dry_run_shows_what_it_would_do(self, office: Office) -> None:
        office.faults("pys").on("account_create", Fault.MISCONFIGURED)
        office.type("unit", "open", "il-mem")
        office.faults("pys").clear()

        answer = office.type("--json", "resume", "--dry-run")

        assert (answer.code, answer.states) == (0, {"kmarasmem": "incomplete"})
        assert [operation.tries for operation in office.operations()] == [1]


class TestActor:
    """Who asked."""

    def test_is_the_user_of_the_system_if_nobody_is_named(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The name comes from the system's own list; the environment is as easily written as ``--actor``."""
        monkeypatch.setenv("LOGNAME", "veli")

        actor = office.type("--json", "unit", "open", "il-mem").json["operations"][0]["actor"]

        assert actor == pwd.getpwuid(os.getuid()).pw_name

    @pytest.mark.parametrize("name", [None, "Ayşe Işık", "\u0430dmin"])
    def test_is_a_number_if_the_user_has_no_name_that_can_be_kept(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, name: str | None
    ) -> None:
        """As in a container that runs under an arbitrary number."""

        def entry(number: int) -> SimpleNamespace:
            if name is None:
                raise KeyError(number)
            return SimpleNamespace(pw_name=name)

        monkeypatch.setattr("pwd.getpwuid", entry)

        actor = office.type("--json", "unit", "open", "il-mem").json["operations"][0]["actor"]

        assert actor == str(os.getuid())


class TestProgress:
    """Long work on a terminal."""

    def test_shows_no_bar_elsewhere(self, office: Office) -> None:
        assert office.type("unit", "open", *CODES).err == ""


class TestOneTargetIsDown:
    """A person must be locked out now, and one system does not answer."""

    @pytest.fixture(name="half")
    def _half(self, office: Office) -> Office:
        office.type("unit", "open", *CODES)
        for hook in ("target_check", "account_close", "account_probe"):
            office.faults("pys").on(hook, Fault.CANNOT_CONNECT)
        return office

    @pytest.mark.parametrize("command", [("account", "close", "arge46"), ("unit", "close", "istatistik")])
    def test_a_closing_exits_with_4_and_resume_goes_on(self, half: Office, command: tuple[str, ...]) -> None:
        answer = half.type("--json", *command)

        assert (answer.code, set(answer.states.values())) == (4, {"incomplete"})
        [login] = answer.states
        assert half.plugin.targets["posta"].account_probe(_probe(login)).presence == "disabled"
        half.faults("pys").clear()
        assert half.type("--json", "resume").states == {login: "done"}

    def test_a_dry_run_names_what_cannot_be_used(self, half: Office) -> None:
        answer = half.type("--json", "account", "close", "arge46", "--dry-run")

        assert answer.code == 0
        assert [one["name"] for one in answer.json["unusable"]] == ["pys"]
        assert "pys cannot be used now" in half.type("account", "close", "arge46", "--dry-run").out

    def test_a_new_password_still_exits_with_5(self, half: Office) -> None:
        assert half.type("account", "rotate", "arge46").code == 5

    def test_resume_as_a_dry_run_names_what_has_to_wait(self, half: Office) -> None:
        half.faults("posta").on("account_rotate", Fault.THROTTLE)
        half.faults("pys").clear()
        half.type("account", "rotate", "kmarasmem")
        half.faults("pys").on("target_check", Fault.CANNOT_CONNECT)
        half.faults("pys").on("account_close", Fault.CANNOT_CONNECT)
        half.type("account", "close", "arge46")

        answer = half.type("--json", "resume", "--dry-run")

        assert (answer.code, list(answer.states)) == (4, ["arge46"])
        assert [one["login"] for one in answer.json["refused"]] == ["kmarasmem"]


class TestOneAccountOfAList:
    """One account's state is that account's."""

    def test_the_others_are_done_and_it_is_named_with_its_cure(self, office: Office) -> None:
        office.type("unit", "open", "ar-ge")
        office.faults("posta").on("account_handover", Fault.APPLY_AND_LOSE_ANSWER)
        office.faults("posta").on("account_probe", Fault.CANNOT_CONNECT)
        office.type("handover", "arge46", "--to", "1001")
        office.faults("posta").clear()
        with office.open() as store, store._database.write() as connection:
            connection.exec_driver_sql("UPDATE units SET custodian = '1002'")
            connection.exec_driver_sql("DELETE FROM persons WHERE id = '1001'")

        answer = office.type("--json", "unit", "open", *CODES)

        assert (answer.code, answer.states) == (4, {"kmarasmem": "done", "istatistik46": "done"})
        [refused] = answer.json["refused"]
        assert refused["login"] == "arge46"
        assert "1001" in refused["reason"]
        assert "provisioner handover arge46" in refused["cure"]
        told = office.type("unit", "open", *CODES).out
        assert "arge46: refused: its handover is not finished" in told
        assert told.splitlines()[-1].endswith("1 refused")


def _probe(login: str) -> ProbeAccount:
    return ProbeAccount(account=Account(login=login, domain="meb.gov.tr", unit="x"))
