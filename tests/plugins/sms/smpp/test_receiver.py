"""The service stays connected to the operator, and stores the reports on the messages of every process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner import Secret
from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.model import MessageState
from provisioner.testing.command_line import CommandLine
from provisioner.testing.kannel import wait_until
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.settings import BindKind, SmppSettings
from provisioner_sms.smpp.gateway import SmppGateway
from provisioner_sms.smpp.receiver import SmppReceiver
from tests.plugins.sms.conftest import NUMBER
from tests.smpp_operator import BIND_RECEIVER, BIND_TRANSCEIVER, Reaction, SmppOperator

Heard = list[tuple[str, MessageState]]


@pytest.fixture(name="operator")
def _operator() -> Iterator[SmppOperator]:
    with SmppOperator.running() as operator:
        yield operator


@pytest.fixture(name="running")
def _running() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


def settings(operator: SmppOperator, **changes: Any) -> SmppSettings:
    known: dict[str, Any] = {"port": operator.port, "password": Secret(operator.password), "timeout": 60.0}
    return SmppSettings(**{"host": "127.0.0.1", "system_id": operator.system_id, **known, **changes})


def send(operator: SmppOperator, running: ExitStack) -> str:
    """Send a message with a connection that receives no reports, and return the ID of its part."""
    gateway = SmppGateway.open(settings(operator, bind=BindKind.TRANSMITTER), lambda *_: False)
    running.callback(gateway.close)
    message = SmsMessage(delivery_id="1", to=NUMBER, text=Secret("hello"), sender="KURUM")
    [part] = gateway.send(message).parts
    return part


def listener(heard: Heard) -> Callable[[str, MessageState], bool]:
    def report(part: str, state: MessageState) -> bool:
        heard.append((part, state))
        return True

    return report


@pytest.mark.parametrize(
    ("bind", "bound_as"), [(BindKind.TRANSCEIVER, BIND_TRANSCEIVER), (BindKind.TRANSMITTER, BIND_RECEIVER)]
)
def test_a_report_on_a_message_of_another_connection_is_lost(
    operator: SmppOperator, running: ExitStack, bind: BindKind, bound_as: int
) -> None:
    heard: Heard = []
    part = send(operator, running)
    receiver = SmppReceiver.start(settings(operator, bind=bind), listener(heard))
    running.callback(receiver.stop)

    wait_until(lambda: heard == [(part, MessageState.DELIVERED)])
    assert bound_as in {link.bound_as for link in operator._links}
    assert receiver.url == f"smpp://127.0.0.1:{operator.port}"


def test_a_lost_connection_stays_lost(operator: SmppOperator, running: ExitStack) -> None:
    heard: Heard = []
    running.callback(SmppReceiver.start(settings(operator), listener(heard)).stop)
    operator.cut()
    part = send(operator, running)

    wait_until(lambda: heard == [(part, MessageState.DELIVERED)])


def test_an_operator_that_is_away_at_first_is_never_called_again(operator: SmppOperator, running: ExitStack) -> None:
    with operator.unreachable():
        running.callback(SmppReceiver.start(settings(operator), lambda *_: True).stop)

    wait_until(lambda: operator.links == 1)


def test_a_wrong_password_is_tried_for_ever(operator: SmppOperator) -> None:
    with pytest.raises(MisconfiguredError, match="0x0E"):
        SmppReceiver.start(settings(operator, password=Secret("wrong")), lambda *_: True)


def test_a_stopped_receiver_connects_again(operator: SmppOperator) -> None:
    receiver = SmppReceiver.start(settings(operator), lambda *_: True)
    receiver.stop()
    wait_until(lambda: operator.links == 0)
    time.sleep(1.2)

    assert operator.binds == 1


# -- the command ---------------------------------------------------------------------------------------------------

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
gateway = "smpp"
help_desk = "0344 000 00 00"
sender = "KURUM"
on_undelivered = "renew"

[channels.sms.smpp]
host = "127.0.0.1"
port = {port}
system_id = "provisioner"
password = "file:smpp.password"
bind = "transmitter"
"""


@attrs.frozen(kw_only=True)
class Site:
    """A folder with a configuration that sends to an operator."""

    folder: Path
    operator: SmppOperator

    @property
    def commands(self) -> CommandLine:
        return CommandLine(folder=self.folder)

    def serve(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "provisioner", "sms-reports", "serve", "--json"]
        with (self.folder / "service.log").open("a") as log:
            process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"urls": [f"smpp://127.0.0.1:{self.operator.port}"]}
        return process

    def state(self) -> str:
        found: str = self.commands.json("account", "show", LOGIN)["delivery"]["state"]
        return found

    def passwords(self) -> list[str]:
        return re.findall(r"password: (\S+) -", "\n".join(self.operator.phone(NUMBER)))


@pytest.fixture(name="site")
def _site(tmp_path: Path, operator: SmppOperator) -> Site:
    operator.password = "canary46"
    for name, content in {
        "provisioner.toml": CONFIGURATION.format(port=operator.port),
        "smpp.password": operator.password,
        "units.csv": f"code,name,kind,parent,login,custodian\n46,Temel,office,,{LOGIN},p1\n",
        "persons.csv": f"id,name,unit,title,mobile,supervisor\np1,Ayşe,46,,{NUMBER},\n",
    }.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    site = Site(folder=tmp_path, operator=operator)
    site.commands.run("init", exit_code=None)
    site.commands.run("person", "import", "persons.csv", exit_code=None)
    site.commands.run("unit", "import", "units.csv")
    site.commands.run("person", "import", "persons.csv")
    return site


@pytest.mark.slow
def test_a_report_on_a_message_of_another_process_is_lost(site: Site) -> None:
    """The second report comes after the service was killed and started again."""
    site.operator.react(Reaction(states=("ENROUTE",)))
    site.commands.run("unit", "open", "46")
    service = site.serve()
    wait_until(lambda: site.state() == "accepted")
    service.kill()
    service.communicate()

    site.operator.react(Reaction(states=("REJECTD",)))
    site.commands.run("account", "rotate", LOGIN)
    service = site.serve()
    wait_until(lambda: site.state() == "rejected")
    [renewed] = site.commands.json("resume")["operations"]
    wait_until(lambda: site.operator.unreported == 0)
    site.commands.run("resume")  # the report can have been quicker than the record of the answer
    assert site.state() == "delivered"
    service.send_signal(signal.SIGTERM)
    service.communicate(timeout=60)

    assert service.returncode == 0
    assert (renewed["kind"], renewed["state"]) == ("rotate", "done")
    assert len(site.passwords()) == 1
    written = b"".join(file.read_bytes() for file in site.folder.iterdir() if file.name != "smpp.password")
    for secret in (*site.passwords(), site.operator.password):
        assert secret.encode() not in written
