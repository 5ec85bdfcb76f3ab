"""A site with several workers on PostgreSQL, some of which are killed or suspended, and started again as by systemd."""

from __future__ import annotations

import itertools
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

import attrs
from sqlalchemy import func, select

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import StoreError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import OperationState, Person, Unit
from provisioner.services.bootstrap import Mode, application
from provisioner.services.parts import open_store
from provisioner.services.setup import prepare_store
from provisioner.store import Store
from provisioner.store.db.tables import leases
from provisioner.testing.proxy import TcpProxy
from provisioner.testing.slapd import Slapd
from provisioner_sms.simulator import SmsSimulator
from tests.acceptance.province import Entrance, toml
from tests.postgresql_stores import StoreServer

#: For how many seconds a worker that is ready is spared, so that it comes to its work.
SPARED = 2.0

INITIATOR = Initiator(actor="1001", reason="test")


@attrs.define(eq=False)
class Workers:
    """Some processes, each of which is started again when it has ended."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = attrs.field(factory=list)
    suspended: set[int] = attrs.field(factory=set)
    #: What each process prints.
    logs: dict[int, Path] = attrs.field(factory=dict)
    numbers: Iterator[int] = attrs.field(factory=itertools.count)
    #: When each process was seen to be ready.
    ready: dict[int, float] = attrs.field(factory=dict)
    #: How often something happened to a worker.
    happened: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    @contextmanager
    def running(cls, folder: Path, count: int) -> Iterator[Self]:
        """Start workers, and stop them at the end of the block."""
        workers = cls(folder)
        workers.processes = [workers._start() for _ in range(count)]
        try:
            yield workers
        finally:
            for process in workers.processes:
                process.kill()
                process.wait()

    def supervise(self) -> None:
        """Start again what has ended."""
        for number, process in enumerate(self.processes):
            if process.poll() is not None:
                self.happened[f"ended with {process.returncode}"] += 1
                self.processes[number] = self._start()

    def hit(self, numbers: random.Random) -> None:
        """Kill a worker, suspend one, or let one that is suspended go on. One that has just started is spared."""
        now = time.monotonic()
        for process in self.processes:
            if self._has_begun(process):
                self.ready.setdefault(process.pid, now)
        at_work = [process for process in self.processes if now - self.ready.get(process.pid, now) > SPARED]
        if not at_work:
            return
        process = numbers.choice(at_work)
        if process.pid in self.suspended:
            self.suspended.discard(process.pid)
            number = numbers.choice([signal.SIGCONT, signal.SIGKILL])
        else:
            number = numbers.choice([signal.SIGSTOP, signal.SIGKILL])
        if number is signal.SIGSTOP:
            self.suspended.add(process.pid)
        self.happened[number.name] += 1
        process.send_signal(number)

    def relieve(self) -> None:
        """Let all suspended ones go on."""
        for process in self.processes:
            process.send_signal(signal.SIGCONT)
        self.suspended.clear()

    def stop(self) -> list[int]:
        """Ask all to stop when they are ready, and return their exit codes."""
        self.relieve()
        while not all(process.poll() is None and self._has_begun(process) for process in self.processes):
            self.supervise()
            time.sleep(0.1)
        for process in self.processes:
            process.terminate()
        return [process.wait() for process in self.processes]

    def output(self) -> str:
        """What all of them have printed."""
        return "\n".join(log.read_text(encoding="utf-8") for log in self.logs.values())[-6000:]

    def _has_begun(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether a worker has printed its address. From then on, signals stop it between two steps."""
        return self.logs[process.pid].stat().st_size > 0

    def _start(self) -> subprocess.Popen[bytes]:
        command = ["env", "--default-signal", sys.executable, "-m", "tests.acceptance.quick_worker"]
        command += ["--config", str(self.folder / "provisioner.toml"), "worker", "--concurrency", "4"]
        log = self.folder / f"worker-{next(self.numbers)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=file, stderr=file)
        self.logs[process.pid] = log
        return process


@attrs.define(eq=False, kw_only=True)
class Cluster:
    """Units with open accounts, in a store to which the workers connect through a wire."""

    folder: Path
    config: LoadedConfiguration
    server: StoreServer
    url: str
    wire: TcpProxy
    #: Between all processes and the directory. It can be slow, so that something is always under way.
    road: TcpProxy
    phones: SmsSimulator
    entrance: Entrance
    numbers: dict[str, str]

    @classmethod
    @contextmanager
    def with_accounts(cls, folder: Path, server: StoreServer, directory: Slapd, accounts: int) -> Iterator[Self]:
        """Open accounts, one for each unit."""
        folder.mkdir(exist_ok=True)
        persons = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532{n:07}") for n in range(accounts)]
        units = [
            Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}")
            for n in range(accounts)
        ]
        with ExitStack() as stack:
            wire = stack.enter_context(TcpProxy((server.host, server.port)))
            road = stack.enter_context(TcpProxy((directory.host, directory.tls_port)))
            urls = [directory.ldaps_url.replace(f":{directory.tls_port}", f":{road.port}")]
            phones = SmsSimulator.start(folder / "phones.sqlite")
            stack.callback(phones.stop)
            url = server.new(empty=True)
            table = {
                "store": url.partition("?")[0].replace(f":{server.port}/", f":{wire.port}/"),
                "store_password": f"file:{server.folder / 'password'}",
                "store_folder": str(folder),
                "accounts": {"domain": "meb.gov.tr"},
                "targets": {"ldap": {"plugin": "ldap", **directory.config, "urls": urls}},
                "channels": {"sms": phones.settings()},
                "notices": {"quiet_hours": ""},
                "worker": {"look_every_seconds": 1, "listen": "127.0.0.1:0", "distribute": True},
            }
            (folder / "provisioner.toml").write_text("\n".join(toml(table)), encoding="utf-8")
            config = load(folder / "provisioner.toml")
            prepare_store(config)
            with open_store(config) as store:
                store.persons.save(persons)
                store.units.save(units)
            with application(config) as app:
                run = app.runs.start(app.planner.open_units(units, INITIATOR))
                assert {operation.state for operation in run} == {OperationState.DONE}
            yield cls(
                folder=folder,
                config=config,
                server=server,
                url=url,
                wire=wire,
                road=road,
                phones=phones,
                entrance=stack.enter_context(Entrance.to(directory)),
                numbers={f"birim{n}": persons[n].mobile or "" for n in range(accounts)},
            )

    @contextmanager
    def rotation(self) -> Iterator[None]:
        """Plan new passwords for all accounts, and wait for the workers in a thread."""
        stop = threading.Event()
        with application(self.config, mode=Mode(distributes=True), stop=stop) as app:
            run = app.runs.start(app.accounts.plan_rotation(self.numbers, INITIATOR))

            def wait() -> None:
                with suppress(StoreError):  # the store may be what is made to fail
                    run.wait()

            waiting = threading.Thread(target=wait, name="run")
            waiting.start()
            try:
                yield
            finally:
                stop.set()
                waiting.join()

    @contextmanager
    def store(self) -> Iterator[Store]:
        with open_store(self.config) as store:
            yield store

    def unended(self) -> int:
        with self.store() as store:
            return sum(store.operations.count_unended().values())

    def wait_for_work(self) -> None:
        """Wait until the first operation of a run has ended."""
        left = self.unended()
        while self.unended() == left:
            time.sleep(0.05)

    def wait(self, workers: Workers, seconds: float = 300) -> None:
        """Start workers again until all operations have ended, and no chunk is left."""
        end = time.monotonic() + seconds
        while self.unended() or self.jobs():
            assert time.monotonic() < end, workers.output()
            workers.supervise()
            time.sleep(0.2)

    def jobs(self) -> int:
        with self.server.administrator(self.name) as administrator:
            found = administrator.execute("SELECT count(*) FROM provisioner_queue.procrastinate_jobs").fetchone()
            return int(found[0]) if found else 0

    @property
    def name(self) -> str:
        """The name of the database."""
        return self.url.partition("?")[0].rpartition("/")[2]

    def problems(self) -> list[str]:
        """Return what is wrong: operations that aren't done, passwords that don't log in, accounts that are locked."""
        with self.store() as store:
            operations = list(store.operations.find())
            with store._database.read() as connection:
                held = connection.execute(select(func.count()).select_from(leases)).scalar_one()
            broken = store.audit_log.verify_chain()
        wrong = [f"{one.login}: {one.kind}: {one.state}" for one in operations if one.state is not OperationState.DONE]
        wrong += [
            f"{login}: the last password does not log in"
            for login, number in self.numbers.items()
            if not self.entrance.logs_in(login, self.phones.last_password(number))
        ]
        return wrong + ([f"{held} accounts are held"] if held else []) + ([str(broken)] if broken else [])

    def rotations(self) -> int:
        with self.store() as store:
            return sum(one.kind.value == "rotate" for one in store.operations.find())

    def tries(self) -> Counter[int]:
        """Return how many operations took how many attempts."""
        with self.store() as store:
            return Counter(one.tries for one in store.operations.find())
