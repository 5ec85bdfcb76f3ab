"""Many passwords through a Kannel that is restarted three times, to an operator that takes fewer than Kannel sends.

The variable ``MESSAGES`` says how many; 2,000 take some minutes.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import MessageState
from provisioner.testing.kannel import wait_until
from tests.plugins.sms import kannel_sample
from tests.plugins.sms.kannel_sample import HURRY, KannelOffice, passwords_in
from tests.smpp_operator import SmppOperator, Status

pytestmark = [pytest.mark.slow, pytest.mark.server("kannel")]

COUNT = int(os.environ.get("MESSAGES", "200"))

#: How many messages the operator takes within a second.
RATE = 20

#: After how many messages Kannel is restarted, and whether it is killed.
RESTARTS = {COUNT * 3 // 20: False, COUNT * 9 // 20: True, COUNT * 15 // 20: True}

#: How long something may take, in seconds.
PATIENCE = 300.0 + COUNT / 4

NUMBERS = [f"+90533{n:07d}" for n in range(COUNT)]


@attrs.define(eq=False)
class Run:
    """An office of many accounts, and all that is between it and its phones."""

    office: KannelOffice
    operator: SmppOperator
    #: When the engine was asked to go on.
    _at: list[float] = attrs.field(factory=lambda: [time.monotonic()], init=False)

    def restart_kannel(self) -> None:
        """Restart Kannel each time that the operator has taken so many messages."""
        for count, hard in RESTARTS.items():
            self._await_taken(count)
            self.office.kannel.restart(hard=hard)

    def go_on(self) -> None:
        """Continue what is left, at the time that it is: as many times faster as Kannel is than in the README."""
        now = time.monotonic()
        self.office.clock.advance(timedelta(minutes=now - self._at[-1]))
        self._at.append(now)
        self.office.resume()

    def drain(self) -> None:
        """Wait until nothing is on its way any more."""
        spool = self.office.kannel.folder / "spool"
        wait_until(lambda: not any(file.is_file() for file in spool.rglob("*")), PATIENCE)
        wait_until(lambda: not self.operator.unreported, PATIENCE)

    def follow_up(self) -> None:
        """Continue what is left until every account has a password that was delivered, or somebody was told."""
        for hours in (1, 1, 1, 25, 1, 1, 25, 1):
            self.drain()
            self.office.clock.advance(timedelta(hours=hours))
            self.office.resume()
            if not self.open_ends():
                return

    def open_ends(self) -> list[str]:
        """Return the accounts of which something is left to do."""
        store = self.office.harness.store
        told = {settled.login for settled in self.office.settled if settled.told}
        unended = store.operations.unended(self.office.logins)
        delivered = {
            login for login in self.office.logins if self.office.states(login)[-1:] == [MessageState.DELIVERED]
        }
        return [login for login in self.office.logins if login in unended or login not in delivered | told]

    def _await_taken(self, count: int) -> None:
        wait_until(lambda: statuses(self.operator)[Status.OK] >= count, PATIENCE)


def test_a_password_is_lost_in_silence_or_reaches_two_phones(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**HURRY, "sms-resend-retry": 10}
    rules = {"on_undelivered": "renew", "longest_delay": 660}
    with (
        SmppOperator.running(rate=RATE) as operator,
        kannel_sample.running(operator, tmp_path, settings) as kannel,
        KannelOffice.at_work(
            folder=tmp_path_factory.mktemp("office"), kannel=kannel, numbers=NUMBERS, rules=rules
        ) as office,
    ):
        run = Run(office, operator)
        with ThreadPoolExecutor(1, thread_name_prefix="restarts") as pool:
            restarts = pool.submit(run.restart_kannel)
            office.open()
            while not restarts.done():
                run.go_on()
            restarts.result()
        run.follow_up()
        left, told = run.open_ends(), {settled.login for settled in office.settled if settled.told}

        phones = {number: passwords_in(by_number(operator.phone(number))) for number in NUMBERS}
        owners = Counter(password for passwords in phones.values() for password in passwords)
        wrong = [
            login
            for login, number in zip(office.logins, NUMBERS, strict=True)
            if login not in told and office.opening(login, phones[number]) != phones[number][-1:]
        ]
        with capsys.disabled():
            print(f"\n{summary(run, phones)}, {len(told)} told to an officer")

    assert left == wrong == []
    assert owners.most_common(1)[0][1] == 1
    assert all(phones[number] for login, number in zip(office.logins, NUMBERS, strict=True) if login not in told)


def statuses(operator: SmppOperator) -> Counter[Status]:
    """Return how often each answer was given."""
    return Counter(part.reaction.status for part in operator.submitted.copy())


def by_number(texts: list[str]) -> list[str]:
    """Return texts in the order of the numbers that they show: that of the highest number is valid."""
    return sorted(texts, key=lambda text: [int(number) for number in re.findall(r"no. (\d+) ", text)])


def summary(run: Run, phones: dict[str, list[str]]) -> str:
    """Return what happened, in figures."""
    answers = statuses(run.operator)
    return (
        f"{len(phones)} accounts: {answers[Status.OK]} messages taken, {answers[Status.THROTTLED]} throttled, "
        f"{run.operator.binds} binds, {sum(len(passwords) - 1 for passwords in phones.values())} passwords renewed"
    )
