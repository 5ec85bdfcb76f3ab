from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from provisioner.core.api.errors import ConfigurationError, UnavailableError
from provisioner_sms.cli import group
from provisioner_sms.simulator import Inbox, SmsSimulator
from tests.plugins.sms.conftest import NUMBER

CONFIGURATION = """
[accounts]
domain = "meb.gov.tr"

[channels.sms]
plugin = "sms"
gateway = "simulator"
help_desk = "0344 000 00 00"
simulator = { embedded = "phones.sqlite" }
"""


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", "from provisioner_sms.cli import group; group()", "serve", "--port", "0"]
    process = subprocess.Popen(
        [*command, *arguments], cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "SMS_KEY": "canary"}
    )
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def fill(inbox: Inbox) -> None:
    for number in (NUMBER, "+905551234568"):
        inbox.take(message_id=number, to=number, sender="ILMEM", text=f"şifre for {number}")
        inbox.deliver(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_served_network_ends_cleanly_when_asked_to(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as (process, url):
        sent = httpx.post(f"{url}/messages", json={"id": "1", "to": NUMBER, "sender": "X", "text": "t"})
        began = time.monotonic()
        process.send_signal(number)

        assert process.wait(60) == 0
        assert time.monotonic() - began < 30
        assert sent.status_code == 202
        assert len(Inbox(tmp_path / "sms.sqlite").messages(NUMBER)) == 1


def test_a_served_network_can_be_closed_with_a_key(tmp_path: Path) -> None:
    with serving(tmp_path, "--api-key", "env:SMS_KEY", "--json") as (_, line):
        url = json.loads(line)["url"]

        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"Authorization": "Bearer canary"}).status_code == 200


def test_a_network_that_others_can_reach_must_have_a_key() -> None:
    result = CliRunner().invoke(group, ["serve", "--host", "0.0.0.0"])  # noqa: S104 - refused

    assert result.exit_code == 2
    assert "--api-key" in result.output


def test_a_port_that_is_taken_is_said_plainly(tmp_path: Path) -> None:
    with SmsSimulator.running() as sms:
        port = sms.url.rpartition(":")[2]
        result = CliRunner().invoke(group, ["serve", "--port", port, "--database", str(tmp_path / "x.sqlite")])

    assert isinstance(result.exception, ConfigurationError)
    assert "cannot listen on" in str(result.exception)


def test_an_inbox_is_read_from_a_file(tmp_path: Path) -> None:
    fill(Inbox(tmp_path / "sms.sqlite"))
    arguments = ["inbox", "0555 123 45 67", "--database", str(tmp_path / "sms.sqlite")]

    shown = CliRunner().invoke(group, arguments)
    document = json.loads(CliRunner().invoke(group, [*arguments, "--json"]).output)

    assert f"ILMEM > {NUMBER}: şifre for {NUMBER}" in shown.output
    assert [item["to"] for item in document["items"]] == [NUMBER]
    arguments[1] = "0555 999 99 99"
    assert CliRunner().invoke(group, arguments).output == "no messages\n"


def test_an_inbox_shows_times_of_the_configured_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the configuration is not what is asked for the inbox; without one, times are in UTC."""
    monkeypatch.chdir(tmp_path)
    fill(Inbox(tmp_path / "sms.sqlite"))
    arguments = ["inbox", "--database", str(tmp_path / "sms.sqlite")]
    assert "+00:00  ILMEM" in CliRunner().invoke(group, arguments).output

    (tmp_path / "provisioner.toml").write_text('time_zone = "Asia/Tokyo"\n[accounts]\ndomain = "x"\n', encoding="utf-8")
    assert "+09:00  ILMEM" in CliRunner().invoke(group, arguments).output


def test_an_inbox_is_read_from_a_running_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with SmsSimulator.running() as sms:
        monkeypatch.setenv("SMS_KEY", sms.settings()["simulator"]["api_key"].removeprefix("plain:"))
        fill(sms._api.inbox)
        arguments = ["inbox", "--url", sms.url, "--api-key", "env:SMS_KEY", "--json"]
        everything = json.loads(CliRunner().invoke(group, arguments).output)
        one = json.loads(CliRunner().invoke(group, [*arguments, NUMBER]).output)
        monkeypatch.setenv("SMS_KEY", "wrong")
        refused = CliRunner().invoke(group, arguments)

    assert len(everything["items"]) == 2
    assert len(one["items"]) == 1
    assert isinstance(refused.exception, UnavailableError)


def test_a_full_inbox_is_read_to_its_end() -> None:
    """An answer that is cut off is no JSON."""
    with SmsSimulator.running() as sms:
        sms._api.api_key = None
        for number in range(100):
            sms._api.inbox.take(message_id=str(number), to=NUMBER, sender="ILMEM", text="x" * 1000)
            sms._api.inbox.deliver(str(number))
        shown = CliRunner().invoke(group, ["inbox", "--url", sms.url, "--json"])

    assert len(json.loads(shown.output)["items"]) == 100


def test_an_inbox_is_found_through_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "provisioner.toml").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setenv("PROVISIONER_CONFIG", str(tmp_path / "provisioner.toml"))
    before = CliRunner().invoke(group, ["inbox", "--json"])
    fill(Inbox(tmp_path / "phones.sqlite"))

    after = CliRunner().invoke(group, ["inbox", "--json"])

    assert json.loads(before.output) == {"items": []}
    assert len(json.loads(after.output)["items"]) == 2


def test_a_configuration_without_a_simulator_has_no_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "provisioner.toml").write_text('[accounts]\ndomain = "meb.gov.tr"\n', encoding="utf-8")
    monkeypatch.setenv("PROVISIONER_CONFIG", str(tmp_path / "provisioner.toml"))

    result = CliRunner().invoke(group, ["inbox"])

    assert isinstance(result.exception, ConfigurationError)
    assert str(result.exception.cure) == "name one with --database or --url"


def test_a_file_and_an_address_exclude_each_other(tmp_path: Path) -> None:
    Inbox(tmp_path / "sms.sqlite")
    result = CliRunner().invoke(group, ["inbox", "--database", str(tmp_path / "sms.sqlite"), "--url", "http://h/"])

    assert result.exit_code == 2
