"""A person who looks at an account, an operation or the check sees that sessions may still be open."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.registration import PluginSettings, Registrar
from provisioner.core.gateways import plugins
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.testing.faults import Fault, Faults, FaultSessions
from provisioner.testing.memory_mail import MemoryMail
from tests.cli.conftest import CONFIG, FaultyEntryPoint, FaultyPlugin, Office


class MailPlugin:
    """Makes mail servers in memory whose accounts are in the first target of the office."""

    def __init__(self, plugin: FaultyPlugin) -> None:
        self.plugin = plugin

    @hookimpl
    def provisioner_register(self, settings: PluginSettings, register: Registrar) -> None:
        for section in settings.targets:
            faults = self.plugin.faults.setdefault(section.name, Faults())
            register.target(section.name, FaultSessions(MemoryMail(self.plugin.targets["posta"]), faults))


@pytest.fixture(name="mailing")
def _mailing(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office whose mail server goes down after its accounts were opened."""
    entry = FaultyEntryPoint(MailPlugin(office.plugin), module="mailing", name="mailing")
    origin, real = PluginOrigin(plugin="mailing", distribution="tests", version="0"), plugins.find_entry_point
    monkeypatch.setattr(plugins, "find_entry_point", lambda name: (entry, origin) if name == "mailing" else real(name))
    office.config.write_text(CONFIG + '[targets.mail]\nplugin = "mailing"\n', encoding="utf-8")
    office.type("unit", "open", "ar-ge")
    office.faults("mail").on("sessions_end", Fault.CANNOT_CONNECT)
    return office


def test_a_closed_account_is_not_called_closed(mailing: Office) -> None:
    answer = mailing.type("account", "close", "arge46")

    assert answer.code == 4
    assert "incomplete (posta: closed, pys: closed, sessions may be open on mail)" in (
        mailing.type("account", "list").out
    )
    shown = mailing.type("account", "show", "arge46").out
    assert "sessions may be open on mail" in shown
    assert "sessions on mail" in shown


def test_verifying_an_account_shows_who_is_logged_in(mailing: Office) -> None:
    verified = mailing.type("account", "verify", "arge46")

    assert verified.code == 0
    assert "0 open sessions" in verified.out
    items = mailing.type("--json", "account", "verify", "arge46").json["items"]
    assert [(item["target"], item["sessions"]) for item in items] == [("posta", None), ("pys", None), ("mail", 0)]


def test_a_target_that_left_the_configuration_is_named_as_such(mailing: Office) -> None:
    mailing.type("account", "close", "arge46")
    mailing.config.write_text(CONFIG, encoding="utf-8")

    shown = mailing.type("account", "show", "arge46").out
    assert "sessions on mail  not proved; the target is no longer configured" in shown


def test_scripts_are_told_in_a_field_of_its_own(mailing: Office) -> None:
    mailing.type("account", "close", "arge46")

    document = mailing.type("--json", "account", "show", "arge46").json
    assert document["state"] == "incomplete"
    assert [(one["name"], one["state"]) for one in document["targets"]] == [("posta", "closed"), ("pys", "closed")]
    assert document["sessions"] == [{"name": "mail", "state": "open"}]
    [account] = mailing.type("--json", "unit", "show", "ar-ge").json["accounts"]
    assert account["sessions"] == document["sessions"]


def test_the_operation_says_why_it_is_not_done(mailing: Office) -> None:
    [operation] = mailing.type("--json", "account", "rotate", "arge46").json["operations"]

    assert operation["state"] == "incomplete"
    assert operation["error"]["class"] == "SessionsOpenError"
    assert [step["hook"] for step in operation["steps"]][-2:] == ["sessions_end", "secret_deliver"]
    shown = mailing.type("operation", "show", operation["id"]).out
    assert "sessions may still be open on mail" in shown
    assert "next" in shown


def test_the_check_counts_them_and_resume_ends_them(mailing: Office) -> None:
    mailing.type("account", "close", "arge46")
    assert "sessions of 1 account may still be open on mail" in mailing.type("check").out
    mailing.faults("mail").clear()

    assert mailing.type("resume").code == 0
    assert mailing.states()["arge46"] == "closed"
    assert "may still be open" not in mailing.type("check").out
    assert "sessions" not in mailing.type("account", "list").out


def test_a_mail_server_needs_no_accounts_for_the_check(mailing: Office, tmp_path: Path) -> None:
    found = {item["name"] for item in mailing.type("--json", "check").json["items"]}

    assert "targets.mail" in found
    assert "comparisons.mail" not in found


def test_the_record_of_a_handover_says_where_the_former_holder_may_still_read(mailing: Office) -> None:
    """The record keeps its hash when the sessions have ended."""
    [operation] = mailing.type("--json", "handover", "arge46", "--to", "1001").json["operations"]
    shown = mailing.type("handover", "show", operation["id"]).out
    document = mailing.type("--json", "handover", "show", operation["id"]).json

    assert "sessions may be open on" in shown
    mailing.faults("mail").clear()
    mailing.type("resume")
    assert "sessions may be open on" not in mailing.type("handover", "show", operation["id"]).out
    assert mailing.type("--json", "handover", "show", operation["id"]).json == document
