"""Reports reach the store through a process of its own, whichever process sent the message, with a real Kannel."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from provisioner import Account, Secret
from provisioner.core.api.messages import ProbeAccount
from provisioner.local import LocalDirectory
from provisioner.testing.command_line import CommandLine
from provisioner.testing.kannel import Kannel, wait_until
from provisioner.testing.ports import free_ports
from provisioner_sms.report_addresses import ReportAddresses
from tests.acceptance.leaks import files_in, find
from tests.plugins.sms.conftest import NUMBER

pytestmark = pytest.mark.slow

SECRET = "canary-of-the-report-secret"
LOGIN = "temel46"

CONFIGURATION = """
language = "en"

[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "local"
database = "directory.sqlite"

[channels.sms]
plugin = "sms"
gateway = "kannel"
help_desk = "0344 000 00 00"
sender = "KURUM"
on_undelivered = "renew"

[channels.sms.kannel]
url = "{kannel.url}"
username = "{kannel.username}"
password = "file:kannel.password"

[channels.sms.kannel.reports]
listen = "127.0.0.1:{port}"
secret = "file:reports.secret"
"""


@attrs.frozen(kw_only=True)
class Site:
    """A folder with a configuration that sends to a Kannel."""

    folder: Path
    kannel: Kannel
    port: int

    @property
    def commands(self) -> CommandLine:
        return CommandLine(folder=self.folder)

    @contextmanager
    def receiving(self) -> Iterator[subprocess.Popen[str]]:
        """Run the receiver for as long as the block lasts."""
        command = [sys.executable, "-m", "provisioner", "sms-reports", "serve", "--json"]
        with (self.folder / "receiver.log").open("a") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline()) == {"urls": [f"http://127.0.0.1:{self.port}"]}
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def delivery(self) -> dict[str, Any]:
        """Return what the commands show of the last message."""
        found: dict[str, Any] = self.commands.json("account", "show", LOGIN)["delivery"]
        return found

    def wait_for(self, state: str) -> None:
        """Wait until Kannel has reported that."""
        wait_until(lambda: self.delivery()["state"] == state, patience=60)

    def report(self, kind: int) -> int:
        """Do what Kannel does when the operator reports on the last message."""
        addresses = ReportAddresses(f"http://127.0.0.1:{self.port}", Secret(SECRET))
        return httpx.get(addresses.address(self.delivery()["id"]).replace("%d", str(kind))).status_code

    def passwords(self) -> list[str]:
        """Return the passwords on the phone, the oldest first."""
        return re.findall(r"password: (\S+) -", "\n".join(self.kannel.inbox(NUMBER)))

    def opening(self) -> list[str]:
        """Return the passwords that open the account."""
        directory = LocalDirectory(self.folder / "directory.sqlite")
        account = Account(login=LOGIN, domain="meb.gov.tr", unit="46")
        probes = {
            password: directory.account_probe(ProbeAccount(account=account, secret=Secret(password)))
            for password in self.passwords()
        }
        return [password for password, report in probes.items() if report.secret_accepted]


@pytest.fixture(name="site")
def _site(tmp_path: Path, kannel: Kannel) -> Site:
    [port] = free_ports(1)
    configuration = CONFIGURATION.replace("{port}", str(port))
    for name, value in (("url", kannel.url), ("username", kannel.username)):
        configuration = configuration.replace(f"{{kannel.{name}}}", value)
    for name, content in {
        "provisioner.toml": configuration,
        "kannel.password": kannel.password,
        "reports.secret": SECRET,
        "units.csv": f"code,name,kind,parent,login,custodian\n46,Temel,office,,{LOGIN},p1\n",
        "persons.csv": f"id,name,unit,title,mobile,supervisor\np1,Ayşe,46,,{NUMBER},\n",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    site = Site(folder=tmp_path, kannel=kannel, port=port)
    site.commands.run("init", exit_code=None)
    site.commands.run("person", "import", "persons.csv", exit_code=None)
    site.commands.run("unit", "import", "units.csv")
    site.commands.run("person", "import", "persons.csv")
    return site


def test_a_report_is_lost_whose_message_another_process_sent(site: Site) -> None:
    """Kannel itself reports what happened; a receiver that starts later takes what comes later."""
    site.commands.run("unit", "open", "46")
    assert site.delivery()["state"] == "handed_over"
    with site.receiving():
        assert site.report(8) == 200
    assert site.delivery()["state"] == "accepted"
    with site.receiving():
        assert site.report(1) == 200

    shown = site.delivery()
    assert (shown["state"], shown["number"], shown["channel"]) == ("delivered", 1, "sms")
    assert site.commands.json("resume") == {"operations": [], "unchanged": []}


def test_a_refusal_after_the_acceptance_leaves_the_owner_without_a_password(site: Site) -> None:
    with site.receiving():
        site.commands.run("unit", "open", "46")
        site.wait_for("delivered")
        assert [site.report(kind) for kind in (16, 1, 8, 16)] == [200] * 4
        assert site.delivery()["state"] == "rejected"

        [renewed] = site.commands.json("resume")["operations"]
        site.wait_for("delivered")

    assert (renewed["kind"], renewed["state"], renewed["actor"]) == ("rotate", "done", "policy:delivery")
    assert site.delivery()["state"] == "delivered"
    assert len(site.passwords()) == 2
    assert site.opening() == site.passwords()[1:]
    assert len(site.commands.json("audit", "list", "--kind", "delivery_settled")["items"]) == 1


def test_a_killed_receiver_loses_what_it_acknowledged(site: Site) -> None:
    with site.receiving() as receiver:
        site.commands.run("unit", "open", "46")
        site.wait_for("delivered")
        receiver.send_signal(signal.SIGKILL)
        receiver.wait()
        assert site.delivery()["state"] == "delivered"
    with site.receiving() as receiver:
        assert site.report(1) == 200
        receiver.send_signal(signal.SIGTERM)
        assert receiver.wait(60) == 0

    assert site.delivery()["state"] == "delivered"
    site.commands.run("audit", "verify")


def test_a_receiver_that_does_not_run_is_not_told(site: Site) -> None:
    warning = f"no receiver of delivery reports at http://127.0.0.1:{site.port}; run 'provisioner sms-reports serve'"

    def told() -> list[str]:
        items = site.commands.json("check", exit_code=None)["items"]
        return [item["message"] for item in items if item["name"] == "channels.sms"]

    assert warning in told()
    with site.receiving():
        assert warning not in told()


def test_secrets_are_written_somewhere(site: Site) -> None:
    with site.receiving():
        site.commands.run("unit", "open", "46")
        site.wait_for("delivered")
        site.report(1)
        token = ReportAddresses("", Secret(SECRET)).address(site.delivery()["id"]).split("/")[2].partition("?")[0]

    files = {path: content for path, content in files_in(site.folder).items() if not path.endswith(".secret")}
    assert len(token) == 32
    assert find([SECRET, token, *site.passwords()], files) == []


def test_a_receiver_without_a_channel_listens(tmp_path: Path) -> None:
    channel = CONFIGURATION.partition("[channels.sms.kannel]")[0].replace('"kannel"', '"simulator"')
    settings = 'simulator = { embedded = "sms.sqlite" }\n'
    (tmp_path / "provisioner.toml").write_text(channel + settings, encoding="utf-8")
    commands = CommandLine(folder=tmp_path)

    error = commands.json("sms-reports", "serve", exit_code=2)["error"]

    assert error["class"] == "ConfigurationError"
    assert "no channel" in error["message"]
