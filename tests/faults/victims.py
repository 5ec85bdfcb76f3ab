"""Runs processes that are to be killed or paused, from one that has the product imported already: they start fast.

Run as a program, it reads orders from its standard input: to fork a process, or to wait for the end of one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn, Self

import attrs
from passlib.handlers.pbkdf2 import pbkdf2_sha256

from provisioner.core.api.errors import BusyError, InputError
from provisioner.core.api.events import Event
from provisioner.core.gateways.retrying import RetryPolicy
from provisioner.core.model import OperationState
from provisioner.core.model.days import utc_now
from provisioner.core.model.secret import Secret
from provisioner.local import LocalDirectory
from provisioner.store import LEASE_TTL, Store
from provisioner.testing.harness import Harness
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.settings import GatewayKind, Settings, SimulatorSettings
from provisioner_sms.simulator import SmsSimulator
from provisioner_sms.texts import Templates

#: What a process would import when it first needs it.
IMPORTED = (
    "provisioner_sms.numbers",
    "provisioner_sms.simulator",
    "provisioner_sms.simulator_gateway",
    "provisioner_pys.connection",
    "provisioner_ldap.directory",
)

#: The files of the targets, in the order in which they are changed.
DIRECTORIES = ("first.sqlite", "second.sqlite")
RETRIES = RetryPolicy(next_tries=(timedelta(milliseconds=1),))


@attrs.frozen(kw_only=True)
class Place:
    """Where a process works: its files, and the phones."""

    folder: str
    url: str
    api_key: str
    #: The seconds of a lease.
    lease_ttl: float = LEASE_TTL.total_seconds()
    #: The address and the key of a PYS, and the address and the bind password of a directory; targets in files if not.
    pys: Sequence[str] = ()
    ldap: Sequence[str] = ()

    @contextmanager
    def harness(self) -> Iterator[Harness]:
        """Yield a harness with targets in files or behind a network, and phones behind HTTP."""
        # What is not protected need not be slow to guess.
        pbkdf2_sha256.default_rounds = 1
        settings = Settings(
            gateway=GatewayKind.SIMULATOR,
            help_desk="0344 000 00 00",
            simulator=SimulatorSettings(url=self.url, api_key=Secret(self.api_key)),
        )
        sms = SmsChannel(name="sms", settings=settings, templates=Templates.of(settings, "tr", "channels.sms"))
        with ExitStack() as stack:
            stack.callback(sms.close)
            harness = Harness(
                Path(self.folder, "store.sqlite"),
                targets=self._targets(stack),
                channels={"sms": sms},
                clock=utc_now,
                retry_policy=RETRIES,
                lease_ttl=timedelta(seconds=self.lease_ttl),
                takeover_wait=timedelta(seconds=2 * self.lease_ttl),
            )
            yield stack.enter_context(harness)

    def _targets(self, stack: ExitStack) -> Mapping[str, object]:
        if not self.pys:
            return {name: LocalDirectory(Path(self.folder, name)) for name in DIRECTORIES}
        url, key = self.pys
        pys = Pys(settings=PysSettings(url=url, api_key=Secret(key)))
        url, password = self.ldap
        ldap = Ldap(
            settings=LdapSettings(
                urls=(url,),
                bind_dn=Slapd.bind_dn,
                bind_password=Secret(password),
                base_dn=Slapd.base_dn,
                tls=TlsMode.NONE,
            )
        )
        stack.callback(pys.close)
        stack.callback(ldap.close)
        return {"pys": pys, "ldap": ldap}


def rotate(harness: Harness, order: Mapping[str, Any]) -> None:
    die_at(harness, order["write"], after=order["after"])
    assert [one.state for one in harness.rotate([order["login"]])] == [OperationState.DONE]


def handover(harness: Harness, order: Mapping[str, Any]) -> None:
    die_at(harness, order["write"], after=order["after"])
    assert [one.state for one in harness.hand_over(order["login"], order["to"])] == [OperationState.DONE]


def resume(harness: Harness, order: Mapping[str, Any]) -> None:
    with counted(harness, order):
        harness.resume()


def rotate_all(harness: Harness, order: Mapping[str, Any]) -> None:
    """Renew the passwords of some accounts in one run."""
    with counted(harness, order):
        harness.rotate(order["logins"])


@contextmanager
def counted(harness: Harness, order: Mapping[str, Any]) -> Iterator[None]:
    """Write a byte into a file after each write of the journal."""
    with at_work(order["place"]["folder"], os.getpid()).open("ab", buffering=0) as file:
        harness.after_record = lambda _: file.write(b".")
        yield


def work(harness: Harness, order: Mapping[str, Any]) -> None:
    """Do one thing after the other until somebody ends it."""
    at_work(order["place"]["folder"], os.getpid()).touch()
    numbers = random.Random(order["seed"])  # noqa: S311 - to be repeatable
    while True:
        login, person = numbers.choice(order["logins"]), numbers.choice(order["persons"])
        try:
            match numbers.randrange(5):
                case 0 | 1:
                    harness.rotate([login])
                case 2 | 3:
                    harness.hand_over(login, person)
                case _:
                    harness.resume()
        except (InputError, BusyError):
            continue


def at_work(folder: str | Path, pid: int) -> Path:
    """Return the file that is there once a process has begun to work."""
    return Path(folder, f"{pid}.at_work")


WORKS = {one.__name__: one for one in (rotate, rotate_all, handover, resume, work)}


def die_at(harness: Harness, write: int, *, after: bool) -> None:
    """Let this process kill itself before or after its n-th write of the journal."""
    writes = 0

    def count(_: Sequence[Event]) -> None:
        nonlocal writes
        writes += 1
        if writes == write:
            os.kill(os.getpid(), signal.SIGKILL)

    if after:
        harness.after_record = count
    else:
        harness.on_record = count


@attrs.frozen
class Victims:
    """Starts processes and waits for them."""

    _place: Place
    _orders: IO[str]
    _answers: IO[str]

    @classmethod
    @contextmanager
    def at(cls, place: Place) -> Iterator[Self]:
        """Be there for the length of the block."""
        command = [sys.executable, "-W", "ignore", __file__]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin
            assert process.stdout
            yield cls(place, process.stdin, process.stdout)
            process.stdin.close()

    def start(self, work: str, **arguments: object) -> int:
        """Start a process, and return its id."""
        return self._order({"place": attrs.asdict(self._place), "work": work, **arguments})

    def wait(self, pid: int) -> int:
        """Wait for the end of a process, and return its exit code; negative if a signal killed it."""
        return self._order({"wait": pid})

    def _order(self, order: Mapping[str, object]) -> int:
        print(json.dumps(order), file=self._orders, flush=True)
        return int(self._answers.readline())


@attrs.define(eq=False)
class Stage:
    """Files and phones that outlive the processes which work on them."""

    folder: Path
    phones: SmsSimulator
    victims: Victims
    #: The accounts that they work on.
    logins: Sequence[str]

    def output(self) -> str:
        """Return what all the processes have printed."""
        return (self.folder / "output.txt").read_text(encoding="utf-8")

    def store(self) -> Store:
        """Open the store that they work on."""
        return Store.open(f"sqlite:///{self.folder / 'store.sqlite'}")

    def resume(self) -> None:
        """Carry on until nothing is left to do."""
        for _ in range(5):
            assert self.victims.wait(self.victims.start("resume")) == 0, self.output()
            with self.store() as store:
                if not store.operations.unended(self.logins):
                    return
        raise AssertionError(f"there is always something left: {self.output()}")


def _serve() -> None:
    for module in IMPORTED:
        import_module(module)
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
        elif pid := os.fork():
            print(pid, flush=True)
        else:
            _be_a_victim(order)


def _be_a_victim(order: Mapping[str, Any]) -> NoReturn:
    place = Place(**order["place"])
    for stream, name in ((0, os.devnull), (1, "output.txt"), (2, "output.txt")):
        os.dup2(os.open(Path(place.folder, name), os.O_RDWR | os.O_CREAT | os.O_APPEND), stream)
    try:
        with place.harness() as harness:
            WORKS[order["work"]](harness, order)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    _serve()
