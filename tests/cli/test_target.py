from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest
import time_machine

from provisioner import hookimpl
from provisioner.core.api.events import Event, TargetQuarantined
from provisioner.core.gateways.health import TargetHealth
from provisioner.testing.faults import Fault
from tests.cli.conftest import FaultyPlugin, Office

HOUR = timedelta(hours=1)


def audit_log(office: Office) -> list[tuple[str, str]]:
    """Return what the audit log has, each with who did it."""
    with office.open() as store:
        assert store.audit_log.verify_chain() is None
        return [(entry.kind, entry.actor) for entry in store.audit_log.entries()]


@attrs.define(eq=False)
class Down:
    """One system that does not work."""

    office: Office
    name: str
    hook: str

    def known(self) -> TargetHealth | None:
        with self.office.open() as store:
            return store.health.get(self.name)

    def lasts(self, time: timedelta) -> None:
        """Let two runs find it down, with this time in between."""
        with time_machine.travel(datetime.now(UTC) - time - timedelta(minutes=1), tick=True) as clock:
            assert self.office.type("unit", "open", "ar-ge").code == 5
            clock.shift(time)
            assert self.office.type("unit", "open", "ar-ge").code == 5

    def works_again(self) -> None:
        self.office.faults(self.name).clear()


@pytest.fixture(name="down", params=[("posta", "target_check"), ("sms", "channel_check")], ids=["target", "channel"])
def _down(office: Office, request: pytest.FixtureRequest) -> Down:
    name, hook = request.param
    office.faults(name).on(hook, Fault.CANNOT_CONNECT)
    return Down(office, name, hook)


@pytest.fixture(name="quarantined")
def _quarantined(down: Down) -> Down:
    down.lasts(HOUR)
    return down


class TestQuarantine:
    """What did not work for an hour is left alone."""

    def test_exits_with_5_and_calls_nothing(self, office: Office, quarantined: Down) -> None:
        quarantined.works_again()
        before = office.faults(quarantined.name).calls.total()

        answer = office.type("--json", "unit", "open", "ar-ge")

        assert (answer.code, answer.json["error"]["class"]) == (5, "NotReadyError")
        assert answer.json["error"]["cure"] == (
            f"fix the cause, then run 'provisioner target resume {quarantined.name}'"
        )
        assert office.faults(quarantined.name).calls.total() == before

    def test_holds_for_a_dry_run_too(self, office: Office, quarantined: Down) -> None:
        quarantined.works_again()

        assert office.type("unit", "open", "ar-ge", "--dry-run").code == 5

    def test_is_not_brought_about_by_a_dry_run(self, office: Office, down: Down) -> None:
        office.type("unit", "open", "ar-ge", "--dry-run")

        assert down.known() is None

    def test_is_not_written_down_by_a_dry_run(self, office: Office, down: Down) -> None:
        with time_machine.travel(datetime.now(UTC) - 2 * HOUR, tick=True):
            office.type("unit", "open", "ar-ge")

        answer = office.type("unit", "open", "ar-ge", "--dry-run")

        assert "target_quarantined" in answer.err
        assert audit_log(office) == []

    def test_does_not_come_of_a_short_outage(self, office: Office, down: Down) -> None:
        down.lasts(HOUR / 2)
        down.works_again()

        assert office.type("unit", "open", "ar-ge").code == 0
        assert down.known() is None

    def test_comes_after_the_configured_time(self, office: Office, down: Down) -> None:
        office.config.write_text(office.config.read_text() + "[breaker]\nquarantine_after_minutes = 20\n")
        down.lasts(HOUR / 2)

        assert (known := down.known()) is not None
        assert known.quarantined_at

    def test_is_told_once(self, office: Office, down: Down, monkeypatch: pytest.MonkeyPatch) -> None:
        """A log line and an event for the observers, and then silence."""
        seen: list[Event] = []
        observer = hookimpl(lambda self, event: seen.append(event))
        monkeypatch.setattr(FaultyPlugin, "operation_event", observer, raising=False)
        down.lasts(HOUR)
        answers = [office.type("unit", "open", "ar-ge") for _ in range(3)]

        assert [type(event) for event in seen] == [TargetQuarantined]
        assert audit_log(office) == [("target_quarantined", "")]
        assert not any("target_quarantined" in answer.err for answer in answers)


class TestCheck:
    """``check`` of what is quarantined."""

    def test_shows_it_and_its_cure(self, office: Office, quarantined: Down) -> None:
        quarantined.works_again()

        answer = office.type("--json", "check")

        found = [
            one
            for one in answer.json["items"]
            if one["name"] in {f"targets.{quarantined.name}", f"channels.{quarantined.name}"}
        ]
        assert answer.code == 5
        assert [one["status"] for one in found] == ["ok", "problem"]
        assert "is quarantined: connection refused" in found[1]["message"]
        assert "target resume" in found[1]["cure"]

    def test_does_not_lift_it(self, office: Office, quarantined: Down) -> None:
        quarantined.works_again()
        office.type("check")

        assert (known := quarantined.known()) is not None
        assert known.quarantined_at

    def test_speaks_turkish(self, office: Office, quarantined: Down) -> None:
        assert "karantinada: bağlantı reddedildi" in office.type("--lang", "tr", "check").out


class TestResume:
    """``target resume``."""

    def test_lets_the_work_go_on(self, office: Office, quarantined: Down) -> None:
        quarantined.works_again()

        answer = office.type("--json", "target", "resume", quarantined.name)

        assert (answer.code, answer.json) == (0, {"target": quarantined.name, "resumed": True})
        assert office.type("unit", "open", "ar-ge").code == 0

    def test_refuses_while_it_does_not_work(self, office: Office, quarantined: Down) -> None:
        answer = office.type("--json", "target", "resume", quarantined.name)

        assert (answer.code, answer.json["error"]["class"]) == (5, "NotReadyError")
        assert quarantined.known() is not None

    def test_by_force_does_not_ask(self, office: Office, quarantined: Down) -> None:
        answer = office.type("--json", "target", "resume", quarantined.name, "--force")

        assert (answer.code, quarantined.known()) == (0, None)

    def test_is_told_to_observers(self, office: Office, quarantined: Down, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[Event] = []
        observer = hookimpl(lambda self, event: seen.append(event))
        monkeypatch.setattr(FaultyPlugin, "operation_event", observer, raising=False)
        quarantined.works_again()

        office.type("target", "resume", quarantined.name)

        assert [event.kind for event in seen] == ["target_resumed"]

    @pytest.mark.parametrize("forced", [False, True])
    def test_is_in_the_trail_with_the_name_of_who_did_it(
        self, office: Office, quarantined: Down, *, forced: bool
    ) -> None:
        quarantined.works_again()

        office.type("--actor", "1002", "target", "resume", quarantined.name, *(["--force"] if forced else []))

        assert audit_log(office) == [("target_quarantined", ""), ("target_resumed", "1002")]

    def test_as_a_dry_run_changes_nothing(self, office: Office, quarantined: Down) -> None:
        quarantined.works_again()

        answer = office.type("--json", "target", "resume", quarantined.name, "--dry-run")

        assert (answer.code, answer.json["resumed"]) == (0, False)
        assert quarantined.known() is not None
        assert audit_log(office) == [("target_quarantined", "")]

    def test_of_what_is_not_quarantined_changes_nothing(self, office: Office) -> None:
        answer = office.type("target", "resume", "pys")

        assert (answer.code, answer.out) == (0, "pys is not quarantined\n")

    def test_of_an_unknown_one_names_those_there_are(self, office: Office) -> None:
        answer = office.type("--json", "target", "resume", "yok")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["message"] == (
            "there is no target or channel yok; the targets and channels are posta, pys, sms"
        )
