"""The Kannel that the README configures, between an engine that sends passwords and an operator of the tests."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

from provisioner.core.api.events import DeliverySettled
from provisioner.core.model import MessageState, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.kannel import ConfiguredKannel, wait_until
from provisioner.testing.memory import MemoryTarget
from provisioner.testing.ports import free_ports
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.report_addresses import ReportAddresses
from provisioner_sms.report_receiver import ReportReceiver
from tests.plugins.sms.conftest import make_section
from tests.plugins.sms.test_json_http import README
from tests.smpp_operator import SmppOperator

#: What takes minutes in the README takes a second here.
HURRY = {
    "sms-resend-freq": 1,
    "sms-resend-retry": 3,
    "wait-ack": 5,  # an answer that a busy machine delays is not lost
    "enquire-link-interval": 1,
    "reconnect-delay": 1,
    "http-queue-delay": 1,
}

#: How long a message may take through Kannel, in seconds.
PATIENCE = 120.0

SECRET = "canary-of-the-report-secret"

#: The custodian of the unit above, who is told what cannot be helped.
OFFICER = Person(id="officer", name="İlçe Müdürü", mobile="+905300000001")


def blocks(language: str) -> list[str]:
    """Return the blocks of code of the README in one language."""
    return re.findall(rf"(?s)```{language}\n(.*?)```", README.read_text(encoding="utf-8"))


def configuration(operator: SmppOperator, folder: Path, changes: Mapping[str, object]) -> str:
    """Return the kannel.conf of the README, with places and secrets of this test, and other changes."""
    [text] = [block for block in blocks("ini") if block.startswith("group = core")]
    admin, boxes, sendsms = free_ports(3)
    values = {
        "admin-port": admin,
        "smsbox-port": boxes,
        "bearerbox-port": boxes,
        "sendsms-port": sendsms,
        "admin-password": "admin-password-of-tests",
        "password": "kannel-password-of-tests",
        "host": "127.0.0.1",
        "port": operator.port,
        "smsc-username": operator.system_id,
        "smsc-password": operator.password,
        **changes,
    }
    for name, value in values.items():
        text, count = re.subn(rf"(?m)^(# )?{name} = .*$", f"{name} = {value}", text)
        assert count, f"{name} is not in the README"
    return re.sub(r"/var/(log|lib)/kannel", str(folder), text)


@contextmanager
def running(
    operator: SmppOperator, folder: Path, changes: Mapping[str, object] | None = None
) -> Iterator[ConfiguredKannel]:
    """Run the Kannel of the README until the end of the block."""
    (folder / "spool").mkdir(mode=0o700)
    [table] = blocks("sql")
    with closing(sqlite3.connect(folder / "reports.sqlite3")) as database:
        database.executescript(table)
    with ConfiguredKannel.configured(configuration(operator, folder, changes or {}), folder) as kannel:
        wait_until(lambda: operator.links)
        yield kannel


@attrs.define(eq=False, kw_only=True)
class KannelOffice:
    """Accounts whose owners get their passwords through a Kannel, with the receiver of its reports."""

    folder: Path
    kannel: ConfiguredKannel
    #: The mobile numbers of the owners, one for each account.
    numbers: list[str]
    #: Further keys of the table of the channel.
    table: Mapping[str, Any] = attrs.field(factory=dict)
    #: What holds for the messages of the channel.
    rules: Mapping[str, Any] = attrs.field(factory=lambda: {"on_undelivered": "renew"})
    directory: MemoryTarget = attrs.field(factory=MemoryTarget)
    clock: FakeClock = attrs.field(factory=FakeClock)
    #: What was decided about messages that did not arrive.
    settled: list[DeliverySettled] = attrs.field(factory=list, init=False)
    #: What the reports said that arrived, one for each part of a message at least.
    reports: list[MessageState] = attrs.field(factory=list, init=False)
    harness: Harness = attrs.field(init=False)
    _port: int = attrs.field(factory=lambda: free_ports(1)[0], init=False)
    _channel: SmsChannel = attrs.field(init=False)
    _receiver: ReportReceiver = attrs.field(init=False)

    @classmethod
    @contextmanager
    def at_work(cls, **fields: Any) -> Iterator[KannelOffice]:
        """Run an office until the end of the block."""
        office = cls(**fields)
        office.start()
        above = Unit(code="above", name="İlçe", kind="branch", custodian=OFFICER.id)
        units = [
            Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}", parent="above")
            for n, _ in enumerate(office.numbers)
        ]
        persons = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=number) for n, number in enumerate(office.numbers)]
        office.harness.know(units=[above, *units], persons=[OFFICER, *persons])
        try:
            yield office
        finally:
            office.stop()

    @property
    def logins(self) -> list[str]:
        """The accounts, in the order of the numbers."""
        return [f"birim{n}" for n, _ in enumerate(self.numbers)]

    def start(self) -> None:
        """Start the engine and the receiver, as the processes do after those that ended."""
        reports = {"listen": f"127.0.0.1:{self._port}", "secret": f"plain:{SECRET}"}
        table = {**self.kannel.settings(), **self.table}
        table["kannel"] = table["kannel"] | {"reports": reports}
        self._channel = SmsChannel.configured(make_section(table), "en")
        self.harness = Harness(
            self.folder / "store.sqlite",
            targets={"directory": self.directory},
            channels={"sms": self._channel},
            clock=self.clock,
            deliveries={"sms": self.rules},
        )
        self.harness.after_record = lambda events: self.settled.extend(
            event for event in events if isinstance(event, DeliverySettled)
        )
        self._receiver = ReportReceiver.start(
            reports["listen"],
            channels={"sms": ReportAddresses(f"http://{reports['listen']}", Secret(SECRET))},
            report=self._report,
            report_part=self._report_part,
        )

    def stop(self) -> None:
        """End the engine and the receiver."""
        self._receiver.stop()
        self._channel.close()
        self.harness.close()

    def open(self) -> None:
        """Open all accounts."""
        self.harness.open([f"u{n}" for n, _ in enumerate(self.numbers)])

    def rotate(self) -> None:
        """Give all accounts new passwords."""
        self.harness.rotate(self.logins)

    def resume(self) -> None:
        """Follow up what was not delivered."""
        list(self.harness.app.runs.resume())

    def states(self, login: str) -> list[MessageState]:
        """Return the states of the messages of an account, the oldest first."""
        return [delivery.state for delivery in reversed(self.harness.store.deliveries.recent(login))]

    def await_state(self, login: str, state: MessageState) -> None:
        """Wait until the last message of an account has a state."""

        def is_in_state() -> bool:
            # The next sweep would record the reports on parts that were quicker than the record of the message.
            for delivery, reported in self.harness.store.deliveries.reported():
                self.harness.app.deliveries.report(delivery.id, reported)
            return self.states(login)[-1:] == [state]

        wait_until(is_in_state, PATIENCE)

    def await_acceptance(self) -> None:
        """Wait until the operator has accepted every part of all messages, and the reports on that have arrived.

        The receiver can be stopped then: smsbox 1.4.5 sometimes panics if a report is cut off, and forgets the others.
        """
        parts = self.table.get("max_parts", 1) * sum(len(self.states(login)) for login in self.logins)
        wait_until(lambda: self.reports.count(MessageState.ACCEPTED) >= parts, PATIENCE)

    def await_rest(self) -> None:
        """Wait until Kannel has nothing to send any more, not even what it sends again."""
        spool = self.kannel.folder / "spool"
        wait_until(lambda: not any(file.is_file() for file in spool.rglob("*")), PATIENCE)

    def _report(self, message: str, state: MessageState) -> bool:
        known = self.harness.app.deliveries.report(message, state)
        self.reports.append(state)
        return known

    def _report_part(self, channel: str, part: str, state: MessageState, message_id: str, parts: Sequence[str]) -> bool:
        known = self.harness.app.deliveries.report_part(channel, part, state, message_id, parts)
        self.reports.append(state)
        return known

    def opening(self, login: str, passwords: list[str]) -> list[str]:
        """Return those passwords that open an account."""
        return [password for password in passwords if self.directory.logs_in(login, password)]


def passwords_in(texts: list[str]) -> list[str]:
    """Return the passwords in the texts of a phone, the one read first first, each once."""
    return list(dict.fromkeys(re.findall(r"password: (\S+) -", "\n".join(texts))))
