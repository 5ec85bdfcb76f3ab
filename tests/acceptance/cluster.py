"""A site with several workers on PostgreSQL, some of which are killed or suspended, and started again as by systemd."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self

import attrs

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import StoreError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import OperationState, Person, Unit
from provisioner.services.application import Application
from provisioner.services.bootstrap import Mode, application
from provisioner.services.parts import open_store
from provisioner.services.runs import Run
from provisioner.services.setup import prepare_store
from provisioner.store import Store
from provisioner.testing.proxy import TcpProxy
from provisioner.testing.slapd import Slapd
from provisioner_sms.simulator import SmsSimulator
from tests.acceptance.province import Entrance, toml
from tests.postgresql_stores import StoreServer

#: How many accounts the tests of this folder rotate with several workers.
ACCOUNTS = int(os.environ.get("CLUSTER_ACCOUNTS", "200"))

#: For how many seconds at least a worker that is ready is spared, so that it comes to its work. On a busy machine, it
#: is spared for as long as it needed to start.
SPARED = 2.0

#: The time that operations get in any case, and for each account, in seconds. A busy machine needs much of it.
PATIENCE, PATIENCE_EACH = 300.0, 3.0

#: How a worker ends that is asked to. One that was suspended, or whose leases have run out, ends by its timer.
STOPPED = {0, -signal.SIGALRM}

INITIATOR = Initiator(actor="1001", reason="test")


@attrs.define(eq=False)
class Workers:
    """Some processes, each of which is started again when it has ended."""

    folder: Path
    #: The name of their configuration.
    config: str = "provisioner.toml"
    #: What runs the command.
    prefix: Sequence[str] = ()
    processes: list[subprocess.Popen[bytes]] = attrs.field(factory=list)
    suspended: set[int] = attrs.field(factory=set)
    #: What each process prints.
    logs: dict[int, Path] = attrs.field(factory=dict)
    numbers: Iterator[int] = attrs.field(factory=itertools.count)
    #: When each process was started, and until when it is spared because it has just become ready.
    started: dict[int, float] = attrs.field(factory=dict)
    spared: dict[int, float] = attrs.field(factory=dict)
    #: How often something happened to a worker.
    happened: Counter[str] = attrs.field(factory=Counter)

    @classmethod
    @contextmanager
    def running(
        cls, folder: Path, count: int, *, config: str = "provisioner.toml", prefix: Sequence[str] = ()
    ) -> Iterator[Self]:
        """Start workers, and stop them at the end of the block."""
        workers = cls(folder, config, prefix)
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
                self.spared.setdefault(process.pid, now + max(SPARED, now - self.started[process.pid]))
        at_work = [process for process in self.processes if self.spared.get(process.pid, now) < now]
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

    def kill(self, ids: Container[int]) -> None:
        """Kill those with these process IDs."""
        for process in self.processes:
            if process.pid in ids:
                process.kill()

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
        program = ["env", "--default-signal", sys.executable, "-m", "tests.acceptance.quick_worker"]
        command = [*self.prefix, *program, "--config", str(self.folder / self.config), "worker", "--concurrency", "4"]
        log = self.folder / f"worker-{id(self)}-{next(self.numbers)}.log"
        with log.open("wb") as file:
            process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=file, stderr=file)
        self.logs[process.pid], self.started[process.pid] = log, time.monotonic()
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
    #: How many passwords each phone had received before the last rotation.
    earlier: Counter[str] = attrs.field(factory=Counter)

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
        self.earlier = self.messages()
        with application(self.config, mode=Mode(distributes=True), stop=stop) as app:
            run = self._begun(app)

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

    def _begun(self, app: Application) -> Run:
        """Begin to renew all passwords, again if the database gives this process up because the machine is busy."""
        for _ in range(3):
            with suppress(StoreError):
                return app.runs.start(app.accounts.plan_rotation(self.numbers, INITIATOR))
        return app.runs.start(app.accounts.plan_rotation(self.numbers, INITIATOR))

    @contextmanager
    def store(self) -> Iterator[Store]:
        with open_store(self.config) as store:
            yield store

    def wait_for_work(self) -> None:
        """Wait until the first operation of a run has ended."""
        left = self.unended()
        while self.unended() == left:
            time.sleep(0.05)

    def wait(self, *workers: Workers, numbers: random.Random | None = None) -> None:
        """Start workers again until all operations have ended, and no chunk is left.

        Args:

            workers: The workers.

            numbers: Chooses which worker is killed or suspended each second until then; ``None`` for none.
        """
        end = time.monotonic() + PATIENCE + PATIENCE_EACH * len(self.numbers)
        next_hit = time.monotonic()
        while self.unended() or self.jobs():
            assert time.monotonic() < end, "\n".join(one.output() for one in workers)
            if numbers and time.monotonic() >= next_hit:
                workers[0].hit(numbers)
                next_hit += 1
            for one in workers:
                one.supervise()
            time.sleep(0.1)

    def unended(self) -> int:
        return self._count("operations WHERE finished_at IS NULL")

    def leases(self) -> int:
        return self._count("leases")

    def at_work(self) -> set[int]:
        """Return the processes that hold leases."""
        with self.server.administrator(self.name) as administrator:
            owners = administrator.execute("SELECT DISTINCT owner FROM leases").fetchall()
        return {int(owner.split("/")[2]) for (owner,) in owners}

    def jobs(self) -> int:
        return self._count("provisioner_queue.procrastinate_jobs")

    def _count(self, rows: str) -> int:
        with self.server.administrator(self.name) as administrator:
            found = administrator.execute(f"SELECT count(*) FROM {rows}").fetchone()  # noqa: S608 - ours
            return int(found[0]) if found else 0

    @property
    def name(self) -> str:
        """The name of the database."""
        return self.url.partition("?")[0].rpartition("/")[2]

    def messages(self) -> Counter[str]:
        """Return how many messages with a password each phone received."""
        return Counter(to for to, _ in self._passwords())

    def inspect_after(self, workers: Workers) -> Inspection:
        """Return what the last rotation has left, and print it with what happened to the workers."""
        found = self.inspect()
        print(f"workers: {dict(workers.happened)}", *found.lines(), sep="\n")
        return found

    def inspect(self) -> Inspection:
        """Return what the last rotation has left."""
        with self.store() as store:
            rotations = {one.login: one for one in reversed(list(store.operations.find()))}  # the last of each account
            broken = store.audit_log.verify_chain()
        valid: dict[str, list[bool]] = {}
        for number, password in self._passwords():
            login = self.logins[number]
            valid.setdefault(login, []).append(self.entrance.logs_in(login, password))
        sent = self.messages() - self.earlier
        return Inspection(
            states=Counter(one.state for one in rotations.values()),
            tries=Counter(one.tries for one in rotations.values()),
            messages=Counter(sent[self.numbers[login]] for login in rotations),
            too_many=[login for login, one in rotations.items() if not 1 <= sent[self.numbers[login]] <= one.tries],
            wrong=[login for login, found in valid.items() if not found[-1] or any(found[:-1])],
            log_ins=sum(found[-1] for found in valid.values()),
            leases=self.leases(),
            jobs=self.jobs(),
            events=self._count("events"),
            broken="" if broken is None else f"broken at entry {broken}",
        )

    def _passwords(self) -> Iterator[tuple[str, str]]:
        """Yield the phone and the password of each message with a password, the oldest first."""
        for message in self.phones.inbox():
            with suppress(LookupError):
                yield message.to, message.password

    @property
    def logins(self) -> dict[str, str]:
        """The login of each phone."""
        return {number: login for login, number in self.numbers.items()}


@attrs.frozen(kw_only=True)
class Inspection:
    """What a rotation of all accounts has left."""

    #: How many operations are in each state, and took how many tries.
    states: Counter[OperationState]
    tries: Counter[int]
    #: How many accounts received how many passwords.
    messages: Counter[int]
    #: The accounts that received no password, or more passwords than their operation took tries.
    too_many: Sequence[str]
    #: The accounts whose last password does not log in, or an earlier one does.
    wrong: Sequence[str]
    #: How many accounts log in with their last password.
    log_ins: int
    #: What is still held, and still in the queue.
    leases: int
    jobs: int
    #: How long the audit log is, and what is wrong with its chain.
    events: int
    broken: str

    def require_soundness(self, accounts: int) -> None:
        """Check that each account has one password that works, and that nothing is left.

        Args:

            accounts: How many accounts there are.
        """
        assert self.states == {OperationState.DONE: accounts}
        assert self.too_many == []
        assert self.wrong == []
        assert self.log_ins == accounts
        assert (self.leases, self.jobs, self.broken) == (0, 0, "")

    def lines(self) -> Iterable[str]:
        """Return what people read of it."""
        sent, operations = sum(self.messages.elements()), sum(self.tries.values())
        yield f"operations by state: {dict(self.states)}"
        yield f"tries of an operation: {dict(sorted(self.tries.items()))}"
        yield f"messages with a password: {sent} for {operations} operations, so {sent - operations} were sent again"
        yield f"log-ins proved: {self.log_ins}; leases left: {self.leases}; chunks left: {self.jobs}"
        yield f"audit log: {self.events} entries, {self.broken or 'chain verified'}"
