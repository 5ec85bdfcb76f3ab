"""What the README says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from provisioner.config.load import load
from provisioner.config.structure import structure
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.slapd import Slapd
from provisioner_mail.notices import SmtpChannel
from provisioner_mail.settings import ALLOWED, MailSettings

README = (Path(__file__).parents[3] / "plugins" / "mail" / "README.md").read_text(encoding="utf-8")

#: What every site has its own of.
OWN = re.compile(r"#.*|port = \d+|(uris|dn|dnpass|base) = .*")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("snippet", [block for block in blocks("toml") if "[targets." in block])
def test_the_tables_are_taken(snippet: str, tmp_path: Path) -> None:
    table = tomllib.loads(snippet)["targets"]["mail"] | {"api_key": "plain:key-of-the-test"}
    assert table.pop("plugin") == "mail"

    structure(table, MailSettings, "targets.mail", file=tmp_path / "provisioner.toml")


@pytest.mark.parametrize("snippet", [block for block in blocks("toml") if "[channels." in block])
def test_the_tables_of_a_channel_are_taken(snippet: str, tmp_path: Path) -> None:
    file = tmp_path / "provisioner.toml"
    secret = snippet.replace("file:/etc/provisioner/smtp.password", "plain:key-of-the-test")
    file.write_text(f'[accounts]\ndomain = "meb.gov.tr"\n{secret}', encoding="utf-8")
    [settings] = load(file).plugin_settings()
    channel = SmtpChannel.configured(settings.channels[0], "en")

    assert channel.settings.address_of("1002") == "ismail.caglar@example.org"


@pytest.mark.server("slapd")
@pytest.mark.server("dovecot")
@pytest.mark.parametrize(("number", "file"), [(0, "dovecot.conf"), (1, "ldap.conf")])
def test_the_configuration_is_that_of_the_tests(slapd: Slapd, dovecot: Dovecot, number: int, file: str) -> None:
    """The tests would else hold for another server than that of who has copied it."""
    assert dovecot.directory is slapd
    tested = {line.strip() for line in (dovecot.folder / file).read_text(encoding="utf-8").splitlines()}
    shown = blocks("text")[number].replace("/etc/dovecot", str(dovecot.folder))

    settings = [line.strip() for line in shown.splitlines() if line.strip()]

    assert [line for line in settings if line not in tested and not OWN.fullmatch(line)] == []


def test_the_commands_are_those_that_check_asks_for() -> None:
    assert ALLOWED in blocks("text")[0]
